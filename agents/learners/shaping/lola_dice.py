"""LOLA-DiCE: a learner that ascends its return after simulated learning steps of the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Generic, TypeVar

import torch
from pydantic import Field
from torch import Tensor

from ....envs.chance import Purpose
from ....envs.environment import Environment
from ...agent import Agent, Chairs, Observation, Player, Round
from ..nets.adam import Adam
from ..nets.categorical import bounds, choose, entropy
from ..nets.encoding import OutcomeEncoder
from ..nets.layers import lookup
from ..nets.policies import Tabular
from .dice import loaded_dice
from .rollouts import Rollout, RolloutModel, refuses_rollouts

A = TypeVar("A", bound="LolaDice")
Rate = Annotated[float, Field(gt=0)]

MIN_PROBABILITY = 1e-6
"""The smallest action probability in an opponent model; it keeps the logarithm finite."""


class LolaDice(Agent):
    """A memory-one policy that ascends its return against an opponent that it expects to learn.

    The other is modelled by a memory-one policy, fitted after each episode to its observed actions. Then, in
    simulated rollouts,
        y <- y + look_ahead_rate * grad_y V_other(x, y)      `look_aheads` times, from the model
        x <- Adam(grad_x V_own(x, y(x)))
    where V are discounted returns of whole episodes, not per round, estimated by DiCE. The derivative in x goes
    through all steps of y.

    Published: 128 tables of 150 rounds, discount 0.96, two look-aheads at rate 0.3, Adam at rate 0.2, logits from
    0. Here a state has two logits rather than one, which diverge twice as fast, so both rates are halved. Its own
    rate is halved again, because at higher rates LOLA first cooperates and then slowly learns to extort itself,
    with exact gradients too.
    """

    source: ClassVar[str] = (
        "Foerster et al. 2018, DiCE, section 5.2, with opponent models as in LOLA; rates of Jacq's LOLA_DiCE"
    )
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "game_model"})
    learns: ClassVar[bool] = True

    learning_rate: Rate = Field(0.05, description="Adam's step size for its own logits")
    look_ahead_rate: Rate = Field(0.15, description="step size of the other's expected gradient steps")
    look_aheads: int = Field(2, description="number of the other's expected gradient steps", ge=0)
    discount: float = Field(0.96, description="weight of a round relative to the one before", gt=0, le=1)
    imagined_tables: int = Field(128, description="tables of each simulated episode", ge=2)
    memory: float = Field(
        10.0, description="weight of the previous model, in numbers of observed actions in a state", gt=0
    )
    spread: float = Field(0.0, description="standard deviation of the logits at the start", ge=0)

    def refuses(self, game: Environment) -> str | None:
        return refuses_rollouts(game)

    def sit(self, chairs: Chairs) -> Player:
        return LolaDicePlayer(self, chairs)


class LolaDicePlayer(Player, Generic[A]):
    """LOLA-DiCE on its chairs: the opponent model and its own policy are [chair, state, action]."""

    def __init__(self, agent: A, chairs: Chairs):
        self.learning = True
        self.agent = agent
        self.discount = chairs.discount(agent.discount) * chairs.spec.continuation
        self.rollouts = RolloutModel(chairs, agent.imagined_tables)
        self._chance = chairs.chance
        self._encoder = OutcomeEncoder(chairs)
        self._actions = self.rollouts.actions
        self._form = Tabular(1 + self._actions**2, self._actions, agent.spread)
        self._adam = Adam(agent.learning_rate)
        self.theta = self._form.initial(chairs)
        self._adam.begin(self.theta)
        self.model = torch.full_like(self._form.table(self.theta), 1 / self._actions)
        """The opponent model: probabilities of its actions in each of the chair's states."""
        self._counts = torch.zeros_like(self.model)
        self._measures = {
            name: self.theta.new_zeros(len(self.theta)) for name in ("model_error", "look_ahead_shift")
        }

    def policy(self, theta: Tensor) -> Tensor:
        """Log-probabilities of its own actions, before noise [chair, state, action]."""
        return torch.log_softmax(self._form.table(theta), -1)

    def begin(self) -> None:
        self._encoder.begin()
        self._counts = torch.zeros_like(self._counts)
        self._bounds = bounds(self.policy(self.theta))

    def act(self, observation: Observation) -> Tensor:
        self._episode = observation.episode
        self._playing = observation.playing
        self._state = self._encoder.encode(observation)
        draws = self._chance.integers(Purpose.ACTION, observation.episode, observation.round)
        return choose(draws, lookup(self._bounds, self._state))

    def observe(self, round: Round) -> None:
        if self.learning:
            cell = self._state * self._actions + round.others[:, 0]
            here = torch.ones_like(cell) if self._playing is None else self._playing
            self._counts.flatten(1).scatter_add_(1, cell, here.to(self._counts.dtype))
        self._encoder.observe(round)

    def learn(self) -> None:
        self._fit()
        self.ascend()

    def _fit(self) -> None:
        """Fit the opponent model: the previous one counts as `memory` observed actions in each state."""
        before, observed = self.model, self._counts.sum(-1, keepdim=True)
        self.model = (self._counts + self.agent.memory * before) / (observed + self.agent.memory)
        surprise = ((self.model - before).abs().sum(-1) * observed[..., 0]).sum(1) / 2
        self._measures["model_error"] = surprise / observed.sum((1, 2))

    def ascend(self) -> None:
        """Take one step up its return after the other's look-aheads."""
        theta = self.theta.detach().requires_grad_()
        with torch.enable_grad():
            value = self.value_after(theta, 0)
            (gradient,) = torch.autograd.grad(value.sum(), theta)
        self.theta = self._adam.step(self.theta, -gradient)

    def value_after(self, theta: Tensor, index: int) -> Tensor:
        """A DiCE estimate, for its derivative only, of the own return [chair] after the other's look-aheads.

        `index` distinguishes the estimates of one episode.
        """
        agent = self.agent
        own = self.rollouts.with_noise(self.policy(theta))
        model = self.model.clamp(min=MIN_PROBABILITY).log()
        logits = model.clone().requires_grad_()
        first = index * (agent.look_aheads + 1)
        for step in range(agent.look_aheads):
            theirs = torch.log_softmax(logits, -1)
            rollout = self.rollouts.sample(own, theirs, self._episode, first + step)
            value = loaded_dice(rollout.log_probability(own, theirs), rollout.their_reward, self.discount)
            value = value - self.kl_penalty_of_other(model, theirs, rollout)
            (gradient,) = torch.autograd.grad(value.sum(), logits, create_graph=True)
            logits = logits + agent.look_ahead_rate * gradient
        theirs = torch.log_softmax(logits, -1)
        rollout = self.rollouts.sample(own, theirs, self._episode, first + agent.look_aheads)
        self._measures["look_ahead_shift"] = (theirs.exp() - self.model).detach().abs().amax((1, 2))
        value = loaded_dice(rollout.log_probability(own, theirs), rollout.reward, self.discount)
        return value - self.kl_penalty(own, rollout)

    def kl_penalty_of_other(self, before: Tensor, theirs: Tensor, rollout: Rollout) -> Tensor | float:
        """The penalty on the other's change of policy in its objective [chair]; POLA has one."""
        return 0.0

    def kl_penalty(self, own: Tensor, rollout: Rollout) -> Tensor | float:
        """The penalty on its own change of policy [chair]; POLA has one."""
        return 0.0

    def measures(self) -> Mapping[str, Tensor]:
        log_policy = self.policy(self.theta)
        measures = {**self._measures, "entropy": entropy(log_policy).mean(-1)}
        if self._actions == 2:
            names = ("p_start", "p_cc", "p_cd", "p_dc", "p_dd")
            measures |= dict(zip(names, log_policy[..., 0].exp().unbind(1), strict=True))
        return measures

    def state_dict(self) -> dict[str, Tensor]:
        return {"theta": self.theta, "model": self.model, **self._adam.state_dict()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.theta, self.model = state["theta"], state["model"]
        self._adam.load_state_dict({name: state[name] for name in ("first", "second", "steps")})
