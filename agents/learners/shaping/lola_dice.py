"""LOLA-DiCE: a learner that ascends its return after simulated learning steps of the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Generic, Literal, TypeVar

import torch
from pydantic import Field
from torch import Tensor

from ....envs.environment import Environment
from ...agent import Agent, Chairs, Observation, Player, Round
from ..nets.adam import Adam
from ..nets.encoding import OutcomeEncoder, actions_by_seat, feature_count
from ..nets.policies import MLP, Activation, Tabular
from ..policy_gradient.policy_gradient import Widths
from .net_pair import NetPair, refuses_net_rollouts
from .pair import Pair, Rollout
from .rollouts import refuses_rollouts
from .table_pair import TablePair

A = TypeVar("A", bound="LolaDice")
Rate = Annotated[float, Field(gt=0)]


class LolaDice(Agent):
    """A policy that ascends its return against an opponent that it expects to learn.

    The other is modelled by a policy of the same form, fitted after each episode to its observed actions. Then, in
    simulated rollouts,
        y <- y + look_ahead_rate * grad_y V_other(x, y)      `look_aheads` times, from the model
        x <- Adam(grad_x V_own(x, y(x)))
    where V are discounted returns of whole episodes, not per round, estimated by DiCE. The derivative in x goes
    through all steps of y. Policies have memory one in matrix games; in games with features they are networks of
    what each sees, with a memory of the episode (`policy = "gru"`) or without (`"mlp"`), and critics are DiCE's
    baselines.

    Published: 128 tables of 150 rounds, discount 0.96, two look-aheads at rate 0.3, Adam at rate 0.2, logits from
    0. Here a state has two logits rather than one, which diverge twice as fast, so both rates are halved. Its own
    rate is halved again, because at higher rates LOLA first cooperates and then slowly learns to extort itself,
    with exact gradients too.
    """

    source: ClassVar[str] = (
        "Foerster et al. 2018, DiCE, section 5.2, with opponent models as in LOLA; rates of Jacq's LOLA_DiCE"
    )
    learns: ClassVar[bool] = True

    policy: Literal["tabular", "mlp", "gru"] = Field(
        "tabular",
        exclude_if=lambda policy: policy == "tabular",  # matches from before there were two keep their identity
        description='"tabular" (a logit for each state and action) or "mlp"; with features "mlp" or "gru"',
    )
    hidden: Widths = Field(
        (32,),
        exclude_if=lambda hidden: hidden == (32,),
        description="widths of the hidden layers of networks; the last one is the GRU's",
    )
    activation: Activation = Field(
        "relu", exclude_if=lambda activation: activation == "relu", description='"tanh" or "relu", of networks'
    )
    model_rate: Rate = Field(
        0.003,
        exclude_if=lambda rate: rate == 0.003,
        description="Adam's step size for a network as the model of the other",
    )
    learning_rate: Rate = Field(0.05, description="Adam's step size for its own logits")
    look_ahead_rate: Rate = Field(0.15, description="step size of the other's expected gradient steps")
    look_aheads: int = Field(2, description="number of the other's expected gradient steps", ge=0)
    discount: float = Field(0.96, description="weight of a round relative to the one before", gt=0, le=1)
    imagined_tables: int = Field(128, description="tables of each simulated episode", ge=2)
    memory: float = Field(
        10.0, description="weight of the previous model, in numbers of observed actions in a state", gt=0
    )
    spread: float = Field(0.0, description="standard deviation of the logits at the start", ge=0)

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override] # networks are fitted to what the other saw
        needs = frozenset({"others_actions", "game_model"})
        return needs if self.policy == "tabular" else needs | {"others_observations"}

    def refuses(self, game: Environment) -> str | None:
        if feature_count(game) is None:
            if self.policy == "gru":
                return 'has memory one over the last round: set policy = "tabular" or "mlp"'
            return refuses_rollouts(game)
        if self.policy == "tabular":
            return 'has a table over the last round, not over features: set policy = "mlp" or "gru"'
        return refuses_net_rollouts(game)

    def sit(self, chairs: Chairs) -> Player:
        return LolaDicePlayer(self, chairs)


class LolaDicePlayer(Player, Generic[A]):
    """LOLA-DiCE on its chairs, with parameters `theta` of its own policy [chair, parameter]."""

    def __init__(self, agent: A, chairs: Chairs):
        self.learning = True
        self.agent = agent
        self.discount = chairs.discount(agent.discount)
        self.pair = self._make_pair(chairs)
        self._adam = Adam(agent.learning_rate)
        self.theta = self.pair.initial()
        self._adam.begin(self.theta)
        self._shift = torch.zeros(len(self.theta), dtype=torch.float64, device=chairs.device)

    def _make_pair(self, chairs: Chairs) -> Pair:
        agent = self.agent
        if feature_count(chairs.spec) is not None:
            policy, tables, rate = agent.policy, agent.imagined_tables, agent.model_rate
            assert policy != "tabular"
            return NetPair(chairs, policy, agent.hidden, agent.activation, tables, self.discount, rate)
        # A random end is imagined as a discount.
        self.discount *= chairs.spec.continuation
        encoder, (actions, _) = OutcomeEncoder(chairs), actions_by_seat(chairs.spec)
        form = (
            Tabular(1 + actions**2, actions, agent.spread)
            if agent.policy == "tabular"
            else MLP(encoder, agent.hidden, actions, agent.activation)
        )
        return TablePair(chairs, form, encoder, agent.imagined_tables, agent.memory)

    def begin(self) -> None:
        self.pair.begin(self.theta)

    def act(self, observation: Observation) -> Tensor:
        self._episode = observation.episode
        return self.pair.act(observation)

    def observe(self, round: Round) -> None:
        self.pair.observe(round, self.learning)

    def learn(self) -> None:
        self.pair.fit()
        self.ascend()

    def ascend(self) -> None:
        """Take one step up its return after the other's look-aheads."""
        self.step(0)

    def step(self, index: int) -> None:
        """Take a step; `index` distinguishes the steps of one episode."""
        theta = self.theta.detach().requires_grad_()
        with torch.enable_grad():
            value, rollout = self.value_after(theta, index)
            (gradient,) = torch.autograd.grad(value.sum(), theta)
        self.theta = self._adam.step(self.theta, -gradient)
        self.pair.learn_from(rollout)

    def value_after(self, theta: Tensor, index: int) -> tuple[Tensor, Rollout]:
        """A DiCE estimate, for its derivative only, of the own return [chair] after the other's look-aheads.

        And the simulated episodes after them.
        """
        agent, pair = self.agent, self.pair
        own, model = pair.own(theta), pair.model.detach().requires_grad_()
        before = theirs = pair.theirs(model)
        before = before.detach()
        first = index * (agent.look_aheads + 1)
        for step in range(agent.look_aheads):
            rollout = pair.sample(own, theirs, self._episode, first + step)
            value = rollout.their_value(rollout.log_probability(own, theirs), self.discount)
            value = value - self.kl_penalty_of_other(before, theirs, rollout)
            (gradient,) = torch.autograd.grad(value.sum(), model, create_graph=True)
            model = model + agent.look_ahead_rate * gradient
            theirs = pair.theirs(model)
        rollout = pair.sample(own, theirs, self._episode, first + agent.look_aheads)
        self._shift = rollout.largest_change(before, theirs)
        value = rollout.value(rollout.log_probability(own, theirs), self.discount)
        return value - self.kl_penalty(own, rollout), rollout

    def kl_penalty_of_other(self, before: Tensor, theirs: Tensor, rollout: Rollout) -> Tensor | float:
        """The penalty on the other's change of policy in its objective [chair]; POLA has one."""
        return 0.0

    def kl_penalty(self, own: Tensor, rollout: Rollout) -> Tensor | float:
        """The penalty on its own change of policy [chair]; POLA has one."""
        return 0.0

    def measures(self) -> Mapping[str, Tensor]:
        return {"look_ahead_shift": self._shift, **self.pair.measures(self.theta)}

    def state_dict(self) -> dict[str, Tensor]:
        return {"theta": self.theta, **self.pair.state_dict(), **self._adam.state_dict()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.theta = state["theta"]
        self.pair.load_state_dict(state)
        self._adam.load_state_dict({name: state[name] for name in ("first", "second", "steps")})
