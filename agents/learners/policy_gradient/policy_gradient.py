"""Policy-gradient learners: what REINFORCE, actor-critic and PPO share.

A subclass of the player implements `update` on samples; opponent shapers override `estimate` or `loss` and add
measures. A learner's social preference turns the rewards of a round into the one that it learns from.
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
from ...agent import Agent, Chairs, Observation, Player, Round, refuses_every_role
from ..nets.adam import Adam, GradientDescent, clipped
from ..nets.categorical import allowed, bounds, choose, entropy, log_probability
from ..nets.encoding import actions_of, feature_count
from ..nets.histories import Histories
from ..nets.layers import lookup
from ..nets.policies import Activation, FormName
from ..nets.policy_and_value import PolicyAndValue, policy_and_value
from ..nets.stacked_module import make
from ..preferences import AnyPreference
from ..preferences.preference import Preference, Selfish
from .returns import generalised_advantages
from .trajectory import Samples, Trajectory

Widths = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False, min_length=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class PolicyGradient(Agent):
    """A learner whose policy is a table or a network, updated after each episode."""

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
    def social_preference(self) -> Preference:
        """The preference that turns rewards into the reward it learns from."""
        return Selfish()

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override] # a class variable elsewhere; here it depends on the preference
        return self.social_preference.needs | {"others_actions"}

    def refuses(self, game: Environment) -> str | None:
        if why := refuses_every_role(self, game):
            return why
        if why := self.social_preference.refuses(game):
            return why
        if self.policy == "tabular" and feature_count(game) is not None:
            return 'has a table over the last round, not over features: set policy = "mlp" or "gru"'
        if ":" in self.policy:
            try:
                make(self.policy, feature_count(game) or 5, 2)
            except DilemmaError as error:
                return f"can't use its module: {error}"
        return None

    def refuses_role(self, game: Environment, role: str) -> str | None:
        return refuses_all_but_countable(game, role)


def refuses_all_but_countable(game: Environment, role: str) -> str | None:
    """Why one who chooses among actions can't take a role; None if it can."""
    spaces = [game.actions(seat) for seat, its in enumerate(game.roles) if its == role]
    if any(not isinstance(space, Discrete) for space in spaces):
        return "chooses among actions, not a point of a box"
    return None


class WithPreference(PolicyGradient):
    """A policy-gradient learner with a configurable social preference."""

    preference: AnyPreference = Field(
        Selfish(), description="the social preference that it learns by, and its parameters"
    )

    @property
    def social_preference(self) -> Preference:
        return self.preference

    @model_serializer(mode="wrap")
    def _without_default(self, written: SerializerFunctionWrapHandler) -> dict[str, object]:
        # The default is left out, so that matches from before preferences existed keep their identity.
        kept = dict(written(self))
        if self.preference == Selfish():
            kept.pop("preference", None)
        return kept


@dataclass(frozen=True)
class AdvantageEstimate:
    """Advantages and value targets of an episode [round, chair, table]."""

    advantage: Tensor
    target: Tensor
    """The target of the value function."""


@dataclass(frozen=True)
class Loss:
    """A loss by its parts [chair]:  policy + value_weight value - entropy_weight entropy + extra."""

    policy: Tensor
    value: Tensor
    entropy: Tensor
    chosen: Tensor
    """Log probabilities of the chosen actions [sample, chair, table]."""
    extra: Tensor | float = 0.0


class PolicyGradientPlayer(Player):
    """A policy-gradient learner on its chairs, with parameters `theta` [chair, parameter].

    Chairs train independently: the loss that is differentiated is the sum of the chairs' losses.
    """

    value_weight = 0.5
    entropy_weight = 0.0
    max_gradient_norm: float | None = None

    def __init__(self, agent: PolicyGradient, chairs: Chairs):
        self.learning = True
        self.agent = agent
        self.chairs = chairs
        self.discount = chairs.discount(agent.discount)
        # Alone, there is nobody whose rewards or influence could count.
        preference = agent.social_preference if chairs.others else Selfish()
        self.subjective_reward = preference.subjective_reward(chairs, self.discount)
        self.encoder = self.subjective_reward.encoder
        own = actions_of(chairs.spec, chairs.seat)
        self.actions = own.shape[1]
        self.available = None if own.all() else own
        """The actions that each chair's seat has, bool [chair, action]; None: all."""
        self.policy = self.make_policy()
        self.theta = self.policy.initial(chairs)
        self.optimiser = self.make_optimiser()
        self.optimiser.begin(self.theta)
        zeros = torch.zeros(chairs.shape[0], dtype=torch.float64, device=chairs.device)
        self._measures = dict.fromkeys(("policy_loss", "value_loss", "entropy", "paid"), zeros)

    def make_policy(self) -> PolicyAndValue:
        """The policy and the value function, of what `encoder` gives."""
        agent = self.agent
        return policy_and_value(
            agent.policy, self.encoder, self.actions, agent.hidden, agent.activation, agent.spread
        )

    def make_optimiser(self) -> Adam | GradientDescent:
        """The optimiser of the parameters."""
        return Adam(self.agent.learning_rate)

    # Play.

    def begin(self) -> None:
        self.encoder.begin()
        self.subjective_reward.begin()
        self.trajectory = Trajectory(needs=self.agent.needs)
        self._memory: Tensor | None = None
        self._bounds: Tensor | None = None
        if self.policy.states is not None:
            logits, _ = self.policy.table(self.theta)
            self._bounds = bounds(allowed(logits, None if self.available is None else self.available[:, None]))

    def act(self, observation: Observation) -> Tensor:
        self._before = observation
        encoded = self.encoder.encode(observation)
        draws = self.chairs.chance.integers(Purpose.ACTION, observation.episode, observation.round)
        if self._bounds is not None and observation.action_mask is None:
            action = choose(draws, lookup(self._bounds, encoded))
        else:
            logits, self._memory = self.policy.step(self.theta, encoded, self._memory)
            action = choose(draws, bounds(allowed(logits, self.mask(observation.action_mask))))
        if self.learning:
            self.trajectory.episode = observation.episode
            self.trajectory.act(encoded, action, observation)
        return action

    def observe(self, round: Round) -> None:
        self.encoder.observe(round)
        self.subjective_reward.observe(self._before, round, self.learning)
        if self.learning:
            self.trajectory.observe(round)

    def mask(self, action_mask: Tensor | None) -> Tensor | None:
        """Allowed actions [..., chair, table, action]: by the environment, and among those that the seat has."""
        if self.available is None:
            return action_mask
        own = self.available[:, None]
        return own if action_mask is None else own & action_mask[..., : self.actions]

    # Learning.

    def learn(self) -> None:
        trajectory = self.trajectory
        reward = self.rewards(trajectory)
        if trajectory.playing is not None:
            reward = reward * trajectory.playing
        samples = self.samples(trajectory, self.estimate(trajectory, reward))
        self._measures["paid"] = reward.sum((0, 2)) / samples.count
        self.update(samples)
        self.subjective_reward.update(trajectory)

    def rewards(self, trajectory: Trajectory) -> Tensor:
        """The subjective rewards of an episode [round, chair, table]."""
        return self.subjective_reward.rewards(trajectory, self.probabilities)

    def probabilities(self, trajectory: Trajectory) -> Tensor:
        """Probabilities of its actions with the current parameters [round, chair, table, action]."""
        logits, _ = self.policy.unroll(self.theta, trajectory.encoded)
        return allowed(logits, self.mask(trajectory.mask)).softmax(-1).double()

    def estimate(self, trajectory: Trajectory, reward: Tensor) -> AdvantageEstimate:
        """Advantages and value targets from rewards [round, chair, table]; by default A = G - V."""
        value = self.values(trajectory)
        advantage = generalised_advantages(reward, value, self.discount, 1.0, trajectory.playing)
        return AdvantageEstimate(advantage, advantage + value)

    @abstractmethod
    def update(self, samples: Samples) -> None:
        """Update the parameters from the samples of an episode."""

    def loss(self, theta: Tensor, samples: Samples, before: Tensor | None) -> Loss:
        """The loss at parameters `theta`; `before` are the old log probabilities [sample, chair, table].

        None: `theta` are the old parameters.
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
        """The policy loss [chair]:  - mean A log pi(a | s),  from log probabilities [sample, chair, table]."""
        return -(chosen * samples.advantage).sum((0, 2)) / samples.count

    def descend(self, samples: Samples, before: Tensor | None) -> Tensor:
        """Take one optimiser step on every chair; returns the log probabilities of the actions before the step."""
        with torch.enable_grad():
            theta = self.theta.detach().requires_grad_()
            loss = self.loss(theta, samples, before)
            total = loss.policy + self.value_weight * loss.value - self.entropy_weight * loss.entropy + loss.extra
            (gradient,) = torch.autograd.grad(total.sum(), theta)
        self.theta = self.optimiser.step(self.theta, clipped(self.pooled(gradient), self.max_gradient_norm))
        self._measures["policy_loss"] = loss.policy.detach().double()
        self._measures["value_loss"] = loss.value.detach().double()
        self._measures["entropy"] = loss.entropy.detach().double()
        return loss.chosen.detach()

    def pooled(self, gradient: Tensor) -> Tensor:
        """The gradient [chair, parameter] by which each chair steps: its own."""
        return gradient

    def evaluate(self, theta: Tensor, samples: Samples) -> tuple[Tensor, Tensor]:
        """Log probabilities [sample, chair, table, action] and values [sample, chair, table]."""
        if isinstance(samples.encoded, Histories):
            logits, value = self.policy.unroll_histories(theta, samples.encoded)
        else:
            logits, value = self.policy.unroll(theta, samples.encoded)
        # Ten times faster with the action axis before the table axis, which is the order recurrent networks
        # return.
        return torch.log_softmax(allowed(logits, self.mask(samples.mask)).mT, -2).mT, value

    def log_probabilities(self, samples: Samples, theta: Tensor | None = None) -> Tensor:
        """Log probabilities of the chosen actions [sample, chair, table], at `theta` or the current parameters."""
        with torch.no_grad():
            return log_probability(
                self.evaluate(self.theta if theta is None else theta, samples)[0], samples.action
            )

    def values(self, trajectory: Trajectory) -> Tensor:
        """Values with the current parameters, float64 [round, chair, table]."""
        with torch.no_grad():
            if self.policy.states is None:
                return self.policy.unroll(self.theta, trajectory.encoded)[1].double()
            table = self.policy.table(self.theta)[1]
            return lookup(table[..., None], trajectory.encoded)[..., 0].double()

    def samples(self, trajectory: Trajectory, estimate: AdvantageEstimate) -> Samples:
        """An episode as samples; rounds that were not played have weight 0."""
        playing = None if trajectory.playing is None else trajectory.playing.double()
        advantage = estimate.advantage if playing is None else estimate.advantage * playing
        samples = Samples(
            trajectory.encoded, trajectory.action, advantage, estimate.target, playing, trajectory.mask
        )
        return samples if self.theta.dtype == torch.float64 else samples.to(self.theta.dtype)

    def aggregated(self, samples: Samples) -> Samples:
        """The samples aggregated by action and what the policy is a function of, a discrete state or a history."""
        if samples.mask is not None:
            return samples
        if self.policy.states is not None:
            return samples.aggregated(self.policy.states, self.actions)
        assert isinstance(samples.encoded, Tensor)
        histories = self.policy.histories(samples.encoded)
        return samples if histories is None else samples.aggregated_by_history(histories, self.actions)

    # Measures and state.

    def measures(self) -> Mapping[str, Tensor]:
        # A name may be taken: LOQA has an `influence` too.
        extra = {
            f"preference_{name}" if name in self._measures else name: value
            for name, value in self.subjective_reward.measures().items()
        }
        return {**self._measures, **extra, **self.cooperation()}

    def cooperation(self) -> dict[str, Tensor]:
        """P(C) in each state, for memoryless policies in two-player games with two actions."""
        if self.policy.states is None or self.actions != 2 or self.chairs.spec.seats != 2:
            return {}
        probability = torch.softmax(self.policy.table(self.theta)[0], -1)[..., 0].double()
        return dict(zip(("p_start", "p_cc", "p_cd", "p_dc", "p_dd"), probability.unbind(1), strict=True))

    def state_dict(self) -> dict[str, Tensor]:
        optimiser = {f"optimiser_{k}": v for k, v in self.optimiser.state_dict().items()}
        return {"theta": self.theta, **optimiser, **self.subjective_reward.state_dict()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.theta = state["theta"].clone()
        prefix = "optimiser_"
        self.optimiser.load_state_dict({k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)})
        self.subjective_reward.load_state_dict(state)
