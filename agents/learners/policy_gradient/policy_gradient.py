"""Learners that climb the gradient of what they expect to earn: what REINFORCE, actor-critic and PPO share.

A subclass of the player says how it learns from samples (`update`); shapers override `estimate` or `loss` and add
to `measures`. What rewards are worth to a learner is its preference.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer
from torch import Tensor

from ....envs.chance import Purpose
from ....envs.environment import Discrete, Environment
from ....envs.errors import DilemmaError
from ...agent import Agent, Chairs, Observation, Player, Round
from ..nets.adam import Adam, GradientDescent, clipped
from ..nets.categorical import allowed, bounds, choose, entropy, log_probability
from ..nets.encoding import actions_by_seat, feature_count
from ..nets.layers import lookup
from ..nets.policies import Activation, FormName
from ..nets.policy_and_value import policy_and_value
from ..nets.stacked_module import make
from ..preferences import AnyPreference
from ..preferences.preference import Preference, Selfish
from .returns import generalised_advantages
from .trajectory import Samples, Trajectory

Widths = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False, min_length=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class PolicyGradient(Agent):
    """A learner whose policy is a table or a net, and that updates it after each episode."""

    learns: ClassVar[bool] = True

    policy: FormName = Field(
        "tabular",
        description='"tabular" (a logit for each state and action; the log-odds of two), "mlp", "gru", '
        "or the import path of a factory(inputs, outputs) of feed-forward torch modules",
    )
    hidden: Widths = Field((16, 16), description="widths of the hidden layers; the last one is the GRU's")
    activation: Activation = Field("tanh", description='"tanh" or "relu", of the MLP')
    spread: float = Field(
        1.0, description="standard deviation of a table's logits (or log-odds) at the start", ge=0
    )
    learning_rate: Positive = Field(0.005, description="step size")
    discount: float = Field(0.96, description="weight of the next round relative to this one", ge=0, le=1)

    @property
    def wants(self) -> Preference:
        """What its players are paid for."""
        return Selfish()

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override] # a class variable elsewhere; here the preference's
        return self.wants.needs | {"others_actions"}

    def refuses(self, game: Environment) -> str | None:
        if any(not isinstance(game.actions(seat), Discrete) for seat in range(game.seats)):
            return "chooses among actions, not a point of a box"
        if why := self.wants.refuses(game):
            return why
        if self.policy == "tabular" and feature_count(game) is not None:
            return 'has a table over the last round, not over features: set policy = "mlp" or "gru"'
        if ":" in self.policy:
            try:
                make(self.policy, feature_count(game) or 5, 2)
            except DilemmaError as error:
                return f"can't use its module: {error}"
        return None


class WithPreference(PolicyGradient):
    """A policy-gradient learner that may be paid for something else than its reward."""

    preference: AnyPreference = Field(Selfish(), description="what it is paid for, and the parameters of that")

    @property
    def wants(self) -> Preference:
        return self.preference

    @model_serializer(mode="wrap")
    def _without_default(self, written: SerializerFunctionWrapHandler) -> dict[str, object]:
        # A learner that is paid its reward is the same match's as before there were preferences.
        kept = dict(written(self))
        if self.preference == Selfish():
            kept.pop("preference", None)
        return kept


@dataclass(frozen=True)
class AdvantageEstimate:
    """What an episode says of its actions and states [round, chair, table]."""

    advantage: Tensor
    target: Tensor
    """Of the value."""


@dataclass(frozen=True)
class Loss:
    """To be minimised, its parts [chair]:  policy + value_weight value - entropy_weight entropy + extra."""

    policy: Tensor
    value: Tensor
    entropy: Tensor
    chosen: Tensor
    """Log probabilities of what was done [sample, chair, table], which the loss is made of."""
    extra: Tensor | float = 0.0


class PolicyGradientPlayer(Player):
    """A policy-gradient learner on its chairs, with parameters `theta` [chair, parameter].

    Chairs train side by side: what is differentiated is a sum over chairs of each one's own loss.
    """

    value_weight = 0.5
    entropy_weight = 0.0
    max_gradient_norm: float | None = None

    def __init__(self, agent: PolicyGradient, chairs: Chairs):
        self.learning = True
        self.agent = agent
        self.chairs = chairs
        self.utility = agent.wants.utility(chairs, agent.discount)
        self.perception = self.utility.perception
        sizes = torch.tensor(actions_by_seat(chairs.spec), device=chairs.device)
        self.actions = int(sizes.max())
        own = torch.arange(self.actions, device=chairs.device) < sizes[chairs.seat][:, None]
        self.available = None if own.all() else own
        """Which actions a chair's seat has [chair, action]; None: all."""
        self.policy = policy_and_value(
            agent.policy, self.perception, self.actions, agent.hidden, agent.activation, agent.spread
        )
        self.theta = self.policy.initial(chairs)
        self.optimiser = self.make_optimiser()
        self.optimiser.begin(self.theta)
        nought = torch.zeros(chairs.shape[0], dtype=torch.float64, device=chairs.device)
        self._measures = dict.fromkeys(("policy_loss", "value_loss", "entropy", "paid"), nought)

    def make_optimiser(self) -> Adam | GradientDescent:
        """How parameters step down the gradient."""
        return Adam(self.agent.learning_rate)

    # Play.

    def begin(self) -> None:
        self.perception.begin()
        self.utility.begin()
        self.trajectory = Trajectory(needs=self.agent.needs)
        self._memory: Tensor | None = None
        self._bounds: Tensor | None = None
        if self.policy.states is not None:
            logits, _ = self.policy.table(self.theta)
            self._bounds = bounds(allowed(logits, None if self.available is None else self.available[:, None]))

    def act(self, observation: Observation) -> Tensor:
        self._before = observation
        seen = self.perception.see(observation)
        draws = self.chairs.chance.integers(Purpose.ACTION, observation.episode, observation.round)
        if self._bounds is not None and observation.action_mask is None:
            action = choose(draws, lookup(self._bounds, seen))
        else:
            logits, self._memory = self.policy.step(self.theta, seen, self._memory)
            action = choose(draws, bounds(allowed(logits, self.mask(observation.action_mask))))
        if self.learning:
            self.trajectory.episode = observation.episode
            self.trajectory.act(seen, action, observation)
        return action

    def observe(self, round: Round) -> None:
        self.perception.observe(round)
        self.utility.observe(self._before, round, self.learning)
        if self.learning:
            self.trajectory.observe(round)

    def mask(self, action_mask: Tensor | None) -> Tensor | None:
        """Allowed actions [..., chair, table, action]: the environment's, and those that the seat has."""
        if self.available is None:
            return action_mask
        own = self.available[:, None]
        return own if action_mask is None else own & action_mask[..., : self.actions]

    # Learning.

    def learn(self) -> None:
        trajectory = self.trajectory
        paid = self.rewards(trajectory)
        if trajectory.playing is not None:
            paid = paid * trajectory.playing
        samples = self.samples(trajectory, self.estimate(trajectory, paid))
        self._measures["paid"] = paid.sum((0, 2)) / samples.count
        self.update(samples)
        self.utility.learned(trajectory)

    def rewards(self, trajectory: Trajectory) -> Tensor:
        """What it is paid in an episode [round, chair, table], by its preference."""
        return self.utility.rewards(trajectory, self.probabilities)

    def probabilities(self, trajectory: Trajectory) -> Tensor:
        """Of each of its own actions, by the present parameters [round, chair, table, action]."""
        logits, _ = self.policy.unroll(self.theta, trajectory.seen)
        return allowed(logits, self.mask(trajectory.mask)).softmax(-1).double()

    def estimate(self, trajectory: Trajectory, paid: Tensor) -> AdvantageEstimate:
        """Advantages and value targets; here plain returns less the value."""
        value = self.values(trajectory)
        advantage = generalised_advantages(paid, value, self.agent.discount, 1.0, trajectory.playing)
        return AdvantageEstimate(advantage, advantage + value)

    @abstractmethod
    def update(self, samples: Samples) -> None:
        """Learn from an episode."""

    def loss(self, theta: Tensor, samples: Samples, before: Tensor | None) -> Loss:
        """The loss of parameters `theta`; `before` are the old log probabilities [sample, chair, table].

        None: theta are still the old ones.
        """
        logs, value = self.evaluate(theta, samples)
        chosen = log_probability(logs, samples.action)
        return Loss(
            policy=self.policy_loss(chosen, chosen.detach() if before is None else before, samples),
            value=samples.squared_error(value),
            entropy=samples.mean(entropy(logs)),
            chosen=chosen,
        )

    def policy_loss(self, chosen: Tensor, before: Tensor, samples: Samples) -> Tensor:
        """[chair], of the log probabilities of what was done [sample, chair, table];  - mean A log pi."""
        return -(chosen * samples.advantage).sum((0, 2)) / samples.count

    def descend(self, samples: Samples, before: Tensor | None) -> Tensor:
        """One step of the optimiser, on every chair; the log probabilities of what was done, as they were."""
        with torch.enable_grad():
            theta = self.theta.detach().requires_grad_()
            loss = self.loss(theta, samples, before)
            total = loss.policy + self.value_weight * loss.value - self.entropy_weight * loss.entropy + loss.extra
            (gradient,) = torch.autograd.grad(total.sum(), theta)
        self.theta = self.optimiser.step(self.theta, clipped(gradient, self.max_gradient_norm))
        self._measures["policy_loss"] = loss.policy.detach().double()
        self._measures["value_loss"] = loss.value.detach().double()
        self._measures["entropy"] = loss.entropy.detach().double()
        return loss.chosen.detach()

    def evaluate(self, theta: Tensor, samples: Samples) -> tuple[Tensor, Tensor]:
        """Log probabilities [sample, chair, table, action] and values [sample, chair, table]."""
        logits, value = self.policy.unroll(theta, samples.seen)
        # Ten times faster over actions that stand before tables, as recurrent nets leave them.
        return torch.log_softmax(allowed(logits, self.mask(samples.mask)).mT, -2).mT, value

    def log_probabilities(self, samples: Samples, theta: Tensor | None = None) -> Tensor:
        """Of what was done, by `theta`, or else by the present parameters [sample, chair, table]."""
        with torch.no_grad():
            return log_probability(
                self.evaluate(self.theta if theta is None else theta, samples)[0], samples.action
            )

    def values(self, trajectory: Trajectory) -> Tensor:
        """By the present parameters, float64 [round, chair, table]."""
        with torch.no_grad():
            if self.policy.states is None:
                return self.policy.unroll(self.theta, trajectory.seen)[1].double()
            table = self.policy.table(self.theta)[1]
            return lookup(table[..., None], trajectory.seen)[..., 0].double()

    def samples(self, trajectory: Trajectory, estimate: AdvantageEstimate) -> Samples:
        """An episode as samples: those of rounds that were not played weigh nothing."""
        playing = None if trajectory.playing is None else trajectory.playing.double()
        advantage = estimate.advantage if playing is None else estimate.advantage * playing
        samples = Samples(trajectory.seen, trajectory.action, advantage, estimate.target, playing, trajectory.mask)
        return samples if self.theta.dtype == torch.float64 else samples.to(self.theta.dtype)

    def condensed(self, samples: Samples) -> Samples:
        """The same in sums by state and action, where the policy depends on states alone."""
        if self.policy.states is None or samples.mask is not None:
            return samples
        return samples.condensed(self.policy.states, self.actions)

    # What is told and kept.

    def measures(self) -> Mapping[str, Tensor]:
        told = self.utility.measures()
        # LOQA has an `influence` of its own.
        told = {f"preference_{name}" if name in self._measures else name: value for name, value in told.items()}
        return {**self._measures, **told, **self.cooperation()}

    def cooperation(self) -> dict[str, Tensor]:
        """P(C) in each state of a two-player game with two actions, of a policy that has no memory."""
        if self.policy.states is None or self.actions != 2 or self.chairs.spec.seats != 2:
            return {}
        probability = torch.softmax(self.policy.table(self.theta)[0], -1)[..., 0].double()
        return dict(zip(("p_start", "p_cc", "p_cd", "p_dc", "p_dd"), probability.unbind(1), strict=True))

    def state_dict(self) -> dict[str, Tensor]:
        optimiser = {f"optimiser_{k}": v for k, v in self.optimiser.state_dict().items()}
        return {"theta": self.theta, **optimiser, **self.utility.state_dict()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.theta = state["theta"].clone()
        prefix = "optimiser_"
        self.optimiser.load_state_dict({k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)})
        self.utility.load_state_dict(state)
