"""Reciprocity: an intrinsic reward for returning the others' influence in kind."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Literal, TypeAlias

import torch
from pydantic import BaseModel, Field
from torch import Tensor

from ....envs.environment import Environment
from ....envs.neighbourhood import sees_all_peers
from ...agent import Chairs, Observation, Round
from ...game_spec import GameSpec
from ..nets.encoding import FeatureEncoder, actions_by_seat, actions_of, feature_count
from ..nets.layers import lookup
from ..policy_gradient.trajectory import Trajectory
from ..reciprocity.influence_unit import InfluenceUnit
from ..reciprocity.learned_influence import LearnedInfluence
from ..reciprocity.value_influence import (
    influence_of_random_actions,
    joint_actions,
    payoffs,
    refuses_all_but_small_tables,
    value_influence,
)
from .preference import Policy, Preference, SubjectiveReward

Balance: TypeAlias = Literal["previous", "decayed", "decayed_minus_own", "decayed_minus_debit"]


@dataclass(frozen=True)
class Settled:
    """What depends on the kind of game, if it isn't given: weight, balance, and how baselines are made."""

    weight: float
    balance: Balance
    buffer: int
    refresh: int


IN_MATRIX_GAMES = Settled(5.0, "previous", 1, 3)
WITH_FEATURES = Settled(2.0, "decayed_minus_own", 3, 2)
NOT_NORMALISED = 0.5
"""The weight with features if it isn't given and influence is not normalised: that for Coins."""


def _by_game(value: object) -> bool:
    return value is None


class ReciprocityParameters(BaseModel):
    """The weight of the reciprocal reward, and how influence and balances are computed.

    What is None depends on the game: `IN_MATRIX_GAMES` without features, `WITH_FEATURES` with them.
    """

    weight: float | None = Field(
        None,
        exclude_if=_by_game,
        description="weight of the reciprocal reward; by default 5 in matrix games, 2 where there are features "
        "(0.5 without `normalise_influence`)",
    )
    weight_start: float | None = Field(None, description="weight in the first episode, if the weight has a ramp")
    weight_step: float = Field(0.0, description="change of the weight in an episode, until it is `weight`", ge=0)
    balance: Balance | None = Field(
        None,
        exclude_if=_by_game,
        description='how past influence received is accumulated; by default "previous" in matrix games, '
        '"decayed_minus_own" where there are features',
    )
    sign: Literal["nothing", "balance", "influence"] = Field(
        "nothing", description="the factor of the reciprocal reward that is replaced by its sign"
    )
    normalise_influence: bool = Field(
        True,
        exclude_if=lambda normalised: normalised,
        description="whether rewards and influence are in units of the influence that a random action has, and "
        "balances in units of what they come to in random play: `weight` has no scale then",
    )
    forgiveness: float = Field(
        0.0,
        ge=0,
        le=1,
        exclude_if=lambda share: share == 0,  # matches from before it existed keep their identity
        description="share of negative balances that is let go: 0 returns harm as it returns help, 1 none",
    )
    buffer: int | None = Field(
        None,
        ge=1,
        exclude_if=_by_game,
        description="episodes that the baseline is computed from; by default 1 in matrix games, 3 with features",
    )
    refresh: int | None = Field(
        None,
        ge=1,
        exclude_if=_by_game,
        description="episodes from one baseline to the next; by default 3 in matrix games, 2 with features",
    )
    refresh_first: bool = Field(
        False,
        exclude_if=lambda first: not first,  # matches from before it existed keep their identity
        description="whether baselines and models are refreshed before the rewards of an episode are computed, "
        "with the episode among what they are made of, and not after",
    )
    prior: float = Field(1.0, description="pseudo-count of each action in each state", gt=0)
    uniform_share: float = Field(
        0.0,
        ge=0,
        le=1,
        exclude_if=lambda share: share == 0,  # matches from before it existed keep their identity
        description="share of uniform play in baselines: 0 catches up with what is done, 1 never does",
    )
    sees_balance: bool = Field(True, description="whether the policy's input has the balance beside the features")
    model_units: int = Field(64, description="width of the hidden layer of learned models", ge=1)
    model_rate: float = Field(0.01, description="step size of learned models", gt=0, allow_inf_nan=False)
    model_refresh: int = Field(2, description="episodes from one fit of action values to the next", ge=1)
    model_passes: int = Field(1, description="passes over the buffer in a fit of learned models", ge=1)

    def settled(self, game: GameSpec) -> Settled:
        """What is given, and what is not as it is in games of this kind."""
        usual = IN_MATRIX_GAMES if feature_count(game) is None else WITH_FEATURES
        if usual is WITH_FEATURES and not self.normalise_influence:
            usual = replace(usual, weight=NOT_NORMALISED)
        given = {field.name: getattr(self, field.name) for field in fields(Settled)}
        return replace(usual, **{name: value for name, value in given.items() if value is not None})


class Reciprocity(ReciprocityParameters, Preference):
    """A reward for returning influence in kind:  r_t + weight mean_j b_t w_t.

    w_t is the influence of the own action on j's return, b_t the balance of j's influence on the own return.
    See the agent `reciprocator` for the details.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "others_rewards", "game_model"})

    kind: Literal["reciprocity"] = Field("reciprocity", description="as in `reciprocator`")

    def refuses(self, game: Environment) -> str | None:
        if feature_count(game) is None:
            return refuses_all_but_small_tables(game)
        return None if sees_all_peers(game) else "learns its influence on everybody, and here sees neighbours"

    def subjective_reward(self, chairs: Chairs, discount: float) -> SubjectiveReward:
        if feature_count(chairs.spec) is None:
            return TabularReciprocity(self, chairs, discount)
        return LearnedReciprocity(self, chairs, discount)


class ReciprocityReward(SubjectiveReward):
    """The reciprocal reward on a player's chairs; a subclass estimates influence."""

    def __init__(self, preference: Reciprocity, chairs: Chairs, discount: float):
        super().__init__(chairs)
        self.preference, self.discount = preference, discount
        self.settled = preference.settled(chairs.spec)
        self.episodes = torch.zeros(chairs.shape[0], dtype=torch.float64, device=chairs.device)
        names = ("influence_received", "influence_given", "balance", "reciprocal_reward", "reciprocal_deviation")
        self._measures = dict.fromkeys(names, self.episodes)
        self.unit: InfluenceUnit | None = None
        """The unit of rewards and influence; None: as they are."""

    def rewards(self, trajectory: Trajectory, policy: Policy) -> Tensor:
        weight = self.weight()
        if self.preference.refresh_first:
            self.refresh(trajectory)
        reward, (received, given) = trajectory.reward, self.influence(trajectory)
        paid = given + self.influence_on_themselves(trajectory) if self.has_debit else given
        if self.unit is not None:
            reward, received = reward / self.unit.reward[:, None], received / self.unit.received[..., None]
            given, paid = given / self.unit.given[..., None], paid / self.unit.given[..., None]
        balance = self.balance(received, paid)
        if self.unit is not None:
            balance = balance / self.balance_of_random_play
        owed = balance.sign() if self.preference.sign == "balance" else balance
        if self.preference.forgiveness:
            owed = owed.clamp(min=0) + (1 - self.preference.forgiveness) * owed.clamp(max=0)
        returned = given.sign() if self.preference.sign == "influence" else given
        reciprocal = owed * returned
        reciprocal = reciprocal.mean(2) if self.unit is None else reciprocal.sum(2)
        self._record(trajectory, received.mean(2), given.mean(2), balance.mean(2), reciprocal)
        return reward + weight * reciprocal

    def update(self, trajectory: Trajectory) -> None:
        if not self.preference.refresh_first:
            self.refresh(trajectory)

    @abstractmethod
    def refresh(self, trajectory: Trajectory) -> None:
        """Remember an episode, and refresh the baselines and models that are due."""

    @property
    def balance_of_random_play(self) -> float:
        """The root mean square of the last balance of an episode, if every influence in it has that of 1."""
        added = {"previous": 1, "decayed": 1, "decayed_minus_own": 2, "decayed_minus_debit": 3}
        rounds = 1 if self.settled.balance == "previous" else int(self.chairs.spec.horizon)
        weights = sum(self.discount ** (2 * round) for round in range(rounds))
        return math.sqrt(added[self.settled.balance] * weights)

    @property
    def has_debit(self) -> bool:
        """Whether the others' influence on their own returns counts."""
        return self.settled.balance == "decayed_minus_debit"

    @abstractmethod
    def influence_on_themselves(self, trajectory: Trajectory) -> Tensor:
        """Influence of each other on its own return [round, chair, other, table]."""

    @abstractmethod
    def influence(self, trajectory: Trajectory) -> tuple[Tensor, Tensor]:
        """Influence of each other on the chair and of the chair on each other [round, chair, other, table]."""

    def balance(self, received: Tensor, paid: Tensor) -> Tensor:
        """The balance before each round [round, chair, other, table].

        `paid` is what lessens it: the influence given, with a debit also what the others gained by themselves.
        """
        balance = torch.zeros_like(received)
        for t in range(1, len(balance)):
            balance[t] = self.next_balance(balance[t - 1], received[t - 1], paid[t - 1])
        return balance

    def next_balance(self, balance: Tensor, received: Tensor, paid: Tensor) -> Tensor:
        """The balance after a round [chair, other, table]."""
        if self.settled.balance == "previous":
            return received
        adds = received if self.settled.balance == "decayed" else received - paid
        return self.discount * balance + adds

    def weight(self) -> Tensor:
        """The weight of the reciprocal reward in this episode [chair, 1]."""
        preference = self.preference
        final = self.settled.weight
        if preference.weight_start is None:
            return torch.full_like(self.episodes[:, None], final)
        risen = self.episodes[:, None] * preference.weight_step
        gap = final - preference.weight_start
        return preference.weight_start + risen.clamp(max=abs(gap)) * (1 if gap > 0 else -1)

    def _record(
        self, trajectory: Trajectory, received: Tensor, given: Tensor, balance: Tensor, reciprocal: Tensor
    ) -> None:
        played = torch.ones_like(reciprocal) if trajectory.playing is None else trajectory.playing.double()
        rounds = played.sum((0, 2))

        def mean(values: Tensor) -> Tensor:
            return (values * played).sum((0, 2)) / rounds

        mean_reciprocal = mean(reciprocal)
        self._measures["influence_received"] = mean(received)
        self._measures["influence_given"] = mean(given)
        self._measures["balance"] = mean(balance)
        self._measures["reciprocal_reward"] = mean_reciprocal
        self._measures["reciprocal_deviation"] = mean((reciprocal - mean_reciprocal[:, None]) ** 2).sqrt()

    def measures(self) -> Mapping[str, Tensor]:
        return self._measures

    def state_dict(self) -> dict[str, Tensor]:
        return {"episodes": self.episodes}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.episodes = state["episodes"]


class TabularReciprocity(ReciprocityReward):
    """Reciprocity in games without features, from the payoff table and action counts.

    `counts` [chair, episode, state, joint action] are the buffer, `baselines` [chair, player, state, action] the
    baseline policies of all players in the states of the chair; player 0 is the chair's own.
    """

    def __init__(self, preference: Reciprocity, chairs: Chairs, discount: float):
        super().__init__(preference, chairs, discount)
        assert self.encoder.states is not None
        players, states, device = chairs.spec.seats, self.encoder.states, chairs.device
        self._payoffs = payoffs(chairs)
        self.actions = max(actions_by_seat(chairs.spec))
        self._joint = joint_actions(players, self.actions, device)
        self._digit = self.actions ** torch.arange(players - 1, -1, -1, device=device)
        self.counts = self._payoffs.new_zeros(chairs.shape[0], self.settled.buffer, states, len(self._joint))
        self.baselines = self.frequencies()
        if preference.normalise_influence:
            self.unit = self._influence_unit(self.baselines[:, :, 0])

    def influence(self, trajectory: Trajectory) -> tuple[Tensor, Tensor]:
        others = range(1, self.chairs.spec.seats)
        received = self._influences(trajectory, [(other, 0) for other in others])
        return received, self._influences(trajectory, [(0, other) for other in others])

    def influence_on_themselves(self, trajectory: Trajectory) -> Tensor:
        return self._influences(trajectory, [(other, other) for other in range(1, self.chairs.spec.seats)])

    def _influence_unit(self, play: Tensor) -> InfluenceUnit:
        """The unit of influence, by `play` [chair, player, action] at random."""
        others = range(1, self.chairs.spec.seats)
        received = [influence_of_random_actions(self._payoffs[:, 0], play, other) for other in others]
        given = [influence_of_random_actions(self._payoffs[:, other], play, 0) for other in others]
        return InfluenceUnit.at_start(self.chairs).after(torch.stack(received, 1), torch.stack(given, 1))

    def _influences(self, trajectory: Trajectory, pairs: Sequence[tuple[int, int]]) -> Tensor:
        """The influence of one player on another, for each of these pairs [round, chair, pair, table]."""
        outcomes = self.outcomes(trajectory)
        tables = [
            value_influence(self._payoffs[:, influenced], self.baselines[:, influencer], influencer)
            for influencer, influenced in pairs
        ]
        found = torch.stack([lookup(table.flatten(1)[..., None], outcomes)[..., 0] for table in tables], 2)
        return found if trajectory.playing is None else found * trajectory.playing[:, :, None]

    def outcomes(self, trajectory: Trajectory) -> Tensor:
        """The state and the joint action of each round, as one index [round, chair, table]."""
        joint = trajectory.own * self._digit[0] + (trajectory.others * self._digit[1:, None]).sum(2)
        return trajectory.encoded * len(self._joint) + joint

    def refresh(self, trajectory: Trajectory) -> None:
        """Count the actions of the episode, and update the baselines when they are due.

        Where they come first, they are due in the first episode, as published.
        """
        chairs, _, states, joint = self.counts.shape
        cell = (
            self.outcomes(trajectory) + torch.arange(chairs, device=self.counts.device)[:, None] * states * joint
        )
        weight = None if trajectory.playing is None else trajectory.playing.double().flatten()
        done = torch.bincount(cell.flatten(), weight, chairs * states * joint)
        self.counts = torch.cat((self.counts[:, 1:], done.view(chairs, 1, states, joint).double()), 1)
        counted = self.episodes if self.preference.refresh_first else self.episodes + 1
        due = (counted % self.settled.refresh == 0)[:, None, None, None]
        self.episodes = self.episodes + 1
        self.baselines = torch.where(due, self.frequencies(), self.baselines)

    def frequencies(self) -> Tensor:
        """The frequency of each player's actions in each state, with the prior [chair, player, state, action].

        Beside it uniform play has its share.
        """
        one_hot_actions = torch.nn.functional.one_hot(self._joint, self.actions).double()
        prior = self.pseudo_counts()
        counts = torch.einsum("csj,jpa->cpsa", self.counts.sum(1), one_hot_actions) + prior[:, :, None]
        frequencies = counts / counts.sum(-1, keepdim=True)
        if not self.preference.uniform_share:
            return frequencies
        uniform = (prior / prior.sum(-1, keepdim=True))[:, :, None]
        return torch.lerp(frequencies, uniform.expand_as(frequencies), self.preference.uniform_share)

    def pseudo_counts(self) -> Tensor:
        """The prior count of each action that a player has [chair, player, action]."""
        game, seat = self.chairs.spec, self.chairs.seat
        ahead = torch.arange(game.seats, device=seat.device)
        return self.preference.prior * actions_of(game, (seat[:, None] + ahead) % game.seats).double()

    def state_dict(self) -> dict[str, Tensor]:
        return {**super().state_dict(), "counts": self.counts, "usual": self.baselines}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        super().load_state_dict(state)
        self.counts, self.baselines = state["counts"], state["usual"]


class LearnedReciprocity(ReciprocityReward):
    """Reciprocity in environments with features, from learned models; computed after every round."""

    def __init__(self, preference: Reciprocity, chairs: Chairs, discount: float):
        super().__init__(preference, chairs, discount)
        if preference.sees_balance:
            self.encoder = FeatureAndBalanceEncoder(chairs)
        self.models = LearnedInfluence(
            chairs,
            preference.model_units,
            preference.model_rate,
            preference.model_passes,
            self.settled.buffer,
            discount,
            preference.uniform_share,
        )
        if preference.normalise_influence:
            self.unit = InfluenceUnit.at_start(chairs)

    def begin(self) -> None:
        self._influence: list[tuple[Tensor, Tensor]] = []
        self._on_themselves: list[Tensor] = []

    def observe(self, before: Observation, round: Round, learning: bool) -> None:
        if not learning and not self.preference.sees_balance:
            return
        actions = torch.cat((round.own[:, None], round.others), 1)
        assert before.features is not None
        features = before.features.flatten(2).float()
        received, given = (
            influence[0] for influence in self.models.influence(features[None], actions[None], before.round)
        )
        alone = torch.zeros_like(given)
        if self.has_debit:
            alone = self.models.influence_on_themselves(features[None], actions[None], before.round)[0]
        if before.playing is not None:
            playing = before.playing[:, None]
            received, given, alone = received * playing, given * playing, alone * playing
        if learning:
            self._influence.append((received, given))
            self._on_themselves.append(alone)
        if isinstance(self.encoder, FeatureAndBalanceEncoder):
            paid = given + alone
            if self.unit is not None:
                received, paid = received / self.unit.received[..., None], paid / self.unit.given[..., None]
            self.encoder.balance = self.next_balance(self.encoder.balance, received, paid)

    def influence(self, trajectory: Trajectory) -> tuple[Tensor, Tensor]:
        if self.preference.refresh_first:  # the models are others than in play
            received, given = self.models.influence(*self._course(trajectory))
            return self._played(received, trajectory), self._played(given, trajectory)
        received, given = (torch.stack(values) for values in zip(*self._influence, strict=True))
        return received, given

    def influence_on_themselves(self, trajectory: Trajectory) -> Tensor:
        if self.preference.refresh_first:
            return self._played(self.models.influence_on_themselves(*self._course(trajectory)), trajectory)
        return torch.stack(self._on_themselves)

    def _course(self, trajectory: Trajectory) -> tuple[Tensor, Tensor]:
        """Features and actions of an episode, as the models of influence take them."""
        actions = torch.cat((trajectory.own[:, :, None], trajectory.others), 2)
        return trajectory.encoded[..., : feature_count(self.chairs.spec)].float(), actions

    def _played(self, influence: Tensor, trajectory: Trajectory) -> Tensor:
        """Influence [round, chair, other, table], 0 where a chair no longer played."""
        return influence if trajectory.playing is None else influence * trajectory.playing[:, :, None]

    def refresh(self, trajectory: Trajectory) -> None:
        self.models.remember(trajectory)
        self.episodes = self.episodes + 1
        played = int(self.episodes[0])
        if played % self.preference.model_refresh == 0:
            self.models.fit_q_values(trajectory.episode)
            if self.unit is not None:
                influence = self.models.influence_of_random_actions()
                self.unit = self.unit.after(influence[:, 1:, 0], influence[:, 0, 1:])
        if played % self.settled.refresh == 0:
            self.models.fit_baselines(trajectory.episode)

    def state_dict(self) -> dict[str, Tensor]:
        models = {f"influence_{name}": value for name, value in self.models.state_dict().items()}
        unit = {} if self.unit is None else {"unit_received": self.unit.received, "unit_given": self.unit.given}
        return {**super().state_dict(), **models, **unit}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        super().load_state_dict(state)
        prefix = "influence_"
        self.models.load_state_dict(
            {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        )
        if self.unit is not None:
            self.unit = InfluenceUnit(state["unit_received"], state["unit_given"])


class FeatureAndBalanceEncoder(FeatureEncoder):
    """The environment's features and the `balance` with each other [chair, other, table], set by the reward."""

    def __init__(self, chairs: Chairs):
        features, others = feature_count(chairs.spec), chairs.others
        assert features is not None
        super().__init__(features + others)
        zeros = torch.zeros(chairs.shape, dtype=torch.float64, device=chairs.device)
        self._zeros = zeros[:, None].expand(-1, others, -1)

    def begin(self) -> None:
        self.balance = self._zeros

    def encode(self, observation: Observation) -> Tensor:
        features = super().encode(observation)
        return torch.cat((features, self.balance.mT.to(features)), 2)
