"""Reciprocity: to be paid also for returning influence in kind."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor

from ....envs.environment import Environment
from ...agent import Chairs, Observation, Round
from ..nets.encoding import Features, actions_by_seat, feature_count
from ..nets.layers import lookup
from ..policy_gradient.trajectory import Trajectory
from ..reciprocity.learned_influence import LearnedInfluence
from ..reciprocity.value_influence import joint_actions, payoffs, refuses_all_but_small_tables, value_influence
from .preference import Policy, Preference, Utility


class ReciprocityParameters(BaseModel):
    """What returning is worth, and how influence and balances are reckoned."""

    weight: float = Field(5.0, description="weight of the reciprocal reward")
    weight_start: float | None = Field(None, description="weight in the first episode, if it has a ramp")
    weight_step: float = Field(0.0, description="how much closer to `weight` the ramp comes in an episode", ge=0)
    balance: Literal["previous", "decayed", "decayed_minus_own"] = Field(
        "previous", description="what is kept of the influence received"
    )
    sign: Literal["nothing", "balance", "influence"] = Field(
        "nothing", description="of which factor of the reciprocal reward only the sign counts"
    )
    buffer: int = Field(1, description="episodes that the baseline is taken from", ge=1)
    refresh: int = Field(3, description="episodes from one baseline to the next", ge=1)
    prior: float = Field(1.0, description="imagined plays of each action in each state", gt=0)
    sees_balance: bool = Field(True, description="whether the policy sees the balance beside features")
    model_units: int = Field(64, description="width of the hidden layer of learned models", ge=1)
    model_rate: float = Field(0.01, description="step size of learned models", gt=0, allow_inf_nan=False)
    model_refresh: int = Field(1, description="episodes from one fit of what actions are worth to the next", ge=1)
    model_passes: int = Field(1, description="passes over the buffer in a fit of learned models", ge=1)


class Reciprocity(ReciprocityParameters, Preference):
    """Pays for returning influence in kind:  r_t + weight mean_j b_t w_t.

    w_t is the influence of its own action on what j earns, b_t the balance of j's influence on what it earns.
    The agent `reciprocator` tells it all.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "others_rewards", "game_model"})

    kind: Literal["reciprocity"] = Field("reciprocity", description="as in `reciprocator`")

    def refuses(self, game: Environment) -> str | None:
        return None if feature_count(game) is not None else refuses_all_but_small_tables(game)

    def utility(self, chairs: Chairs, discount: float) -> Utility:
        if feature_count(chairs.spec) is None:
            return CountingReciprocity(self, chairs, discount)
        return ModellingReciprocity(self, chairs, discount)


class ReciprocityUtility(Utility):
    """Reciprocity on its chairs, however influence is known."""

    def __init__(self, preference: Reciprocity, chairs: Chairs, discount: float):
        super().__init__(chairs)
        self.preference, self.discount = preference, discount
        self.episodes = torch.zeros(chairs.shape[0], dtype=torch.float64, device=chairs.device)
        told = ("influence_received", "influence_given", "balance", "reciprocal_reward", "reciprocal_deviation")
        self._measures = dict.fromkeys(told, self.episodes)

    def rewards(self, trajectory: Trajectory, policy: Policy) -> Tensor:
        received, given = self.influence(trajectory)
        balance = self.balance(received, given)
        owed = balance.sign() if self.preference.sign == "balance" else balance
        returned = given.sign() if self.preference.sign == "influence" else given
        reciprocal = (owed * returned).mean(2)
        self._tell(trajectory, received.mean(2), given.mean(2), balance.mean(2), reciprocal)
        return trajectory.reward + self.weight() * reciprocal

    @abstractmethod
    def influence(self, trajectory: Trajectory) -> tuple[Tensor, Tensor]:
        """Of each other on the chair, and of the chair on each other [round, chair, other, table]."""

    def balance(self, received: Tensor, given: Tensor) -> Tensor:
        """The balance before each round [round, chair, other, table]."""
        balance = torch.zeros_like(received)
        for t in range(1, len(balance)):
            balance[t] = self.next_balance(balance[t - 1], received[t - 1], given[t - 1])
        return balance

    def next_balance(self, balance: Tensor, received: Tensor, given: Tensor) -> Tensor:
        """The balance after a round [chair, other, table]."""
        if self.preference.balance == "previous":
            return received
        adds = received - given if self.preference.balance == "decayed_minus_own" else received
        return self.discount * balance + adds

    def weight(self) -> Tensor:
        """The weight of the reciprocal reward in this episode [chair, 1]."""
        preference = self.preference
        if preference.weight_start is None:
            return torch.full_like(self.episodes[:, None], preference.weight)
        risen = self.episodes[:, None] * preference.weight_step
        gap = preference.weight - preference.weight_start
        return preference.weight_start + risen.clamp(max=abs(gap)) * (1 if gap > 0 else -1)

    def _tell(
        self, trajectory: Trajectory, received: Tensor, given: Tensor, balance: Tensor, reciprocal: Tensor
    ) -> None:
        played = torch.ones_like(reciprocal) if trajectory.playing is None else trajectory.playing.double()
        rounds = played.sum((0, 2))

        def mean(values: Tensor) -> Tensor:
            return (values * played).sum((0, 2)) / rounds

        middle = mean(reciprocal)
        self._measures["influence_received"] = mean(received)
        self._measures["influence_given"] = mean(given)
        self._measures["balance"] = mean(balance)
        self._measures["reciprocal_reward"] = middle
        self._measures["reciprocal_deviation"] = mean((reciprocal - middle[:, None]) ** 2).sqrt()

    def measures(self) -> Mapping[str, Tensor]:
        return self._measures

    def state_dict(self) -> dict[str, Tensor]:
        return {"episodes": self.episodes}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.episodes = state["episodes"]


class CountingReciprocity(ReciprocityUtility):
    """In games of actions alone.

    `counts` [chair, episode, state, joint action] are the buffer, `usual` [chair, player, state, action] the
    baselines, of every player in the states that the chair sees; player 0 is the chair's own.
    """

    def __init__(self, preference: Reciprocity, chairs: Chairs, discount: float):
        super().__init__(preference, chairs, discount)
        assert self.perception.states is not None
        players, states, device = chairs.spec.seats, self.perception.states, chairs.device
        self._payoffs = payoffs(chairs)
        self.actions = max(actions_by_seat(chairs.spec))
        self._joint = joint_actions(players, self.actions, device)
        self._place = self.actions ** torch.arange(players - 1, -1, -1, device=device)
        self.counts = self._payoffs.new_zeros(chairs.shape[0], preference.buffer, states, len(self._joint))
        self.usual = self.frequencies()

    def influence(self, trajectory: Trajectory) -> tuple[Tensor, Tensor]:
        outcomes = self.outcomes(trajectory)
        received: list[Tensor] = []
        given: list[Tensor] = []
        for other in range(1, self.chairs.spec.seats):
            on_chair = value_influence(self._payoffs[:, 0], self.usual[:, other], other)
            on_other = value_influence(self._payoffs[:, other], self.usual[:, 0], 0)
            for table, course in ((on_chair, received), (on_other, given)):
                course.append(lookup(table.flatten(1)[..., None], outcomes)[..., 0])
        if trajectory.playing is None:
            return torch.stack(received, 2), torch.stack(given, 2)
        playing = trajectory.playing[:, :, None]
        return torch.stack(received, 2) * playing, torch.stack(given, 2) * playing

    def outcomes(self, trajectory: Trajectory) -> Tensor:
        """The state of each round, and the joint action done in it, as one number [round, chair, table]."""
        joint = trajectory.own * self._place[0] + (trajectory.others * self._place[1:, None]).sum(2)
        return trajectory.seen * len(self._joint) + joint

    def learned(self, trajectory: Trajectory) -> None:
        """Count what was done in the episode; take new baselines when it is time to."""
        chairs, _, states, joint = self.counts.shape
        cell = (
            self.outcomes(trajectory) + torch.arange(chairs, device=self.counts.device)[:, None] * states * joint
        )
        weight = None if trajectory.playing is None else trajectory.playing.double().flatten()
        done = torch.bincount(cell.flatten(), weight, chairs * states * joint)
        self.counts = torch.cat((self.counts[:, 1:], done.view(chairs, 1, states, joint).double()), 1)
        self.episodes = self.episodes + 1
        due = (self.episodes % self.preference.refresh == 0)[:, None, None, None]
        self.usual = torch.where(due, self.frequencies(), self.usual)

    def frequencies(self) -> Tensor:
        """How often each player did what in each state, with the prior [chair, player, state, action]."""
        who_does = torch.nn.functional.one_hot(self._joint, self.actions).double()
        imagined = self.imagined()
        counts = torch.einsum("csj,jpa->cpsa", self.counts.sum(1), who_does) + imagined[:, :, None]
        return counts / counts.sum(-1, keepdim=True)

    def imagined(self) -> Tensor:
        """The prior, for the actions that the players have [chair, player, action]."""
        game, seat = self.chairs.spec, self.chairs.seat
        ahead = torch.arange(game.seats, device=seat.device)
        sizes = torch.tensor(actions_by_seat(game), device=seat.device)[(seat[:, None] + ahead) % game.seats]
        return self.preference.prior * (torch.arange(self.actions, device=seat.device) < sizes[..., None]).double()

    def state_dict(self) -> dict[str, Tensor]:
        return {**super().state_dict(), "counts": self.counts, "usual": self.usual}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        super().load_state_dict(state)
        self.counts, self.usual = state["counts"], state["usual"]


class ModellingReciprocity(ReciprocityUtility):
    """In environments with features: influence is known as soon as a round has been played."""

    def __init__(self, preference: Reciprocity, chairs: Chairs, discount: float):
        super().__init__(preference, chairs, discount)
        if preference.sees_balance:
            self.perception = FeaturesAndBalance(chairs)
        self.models = LearnedInfluence(
            chairs,
            preference.model_units,
            preference.model_rate,
            preference.model_passes,
            preference.buffer,
            discount,
        )

    def begin(self) -> None:
        self._influence: list[tuple[Tensor, Tensor]] = []

    def observe(self, before: Observation, round: Round, learning: bool) -> None:
        if not learning and not self.preference.sees_balance:
            return
        did = torch.cat((round.own[:, None], round.others), 1)
        assert before.features is not None
        seen = before.features.flatten(2).float()
        received, given = (found[0] for found in self.models.influence(seen[None], did[None], before.round))
        if before.playing is not None:
            playing = before.playing[:, None]
            received, given = received * playing, given * playing
        if learning:
            self._influence.append((received, given))
        if isinstance(self.perception, FeaturesAndBalance):
            self.perception.balance = self.next_balance(self.perception.balance, received, given)

    def influence(self, trajectory: Trajectory) -> tuple[Tensor, Tensor]:
        received, given = zip(*self._influence, strict=True)
        return torch.stack(received), torch.stack(given)

    def learned(self, trajectory: Trajectory) -> None:
        self.models.remember(trajectory)
        self.episodes = self.episodes + 1
        played = int(self.episodes[0])
        if played % self.preference.model_refresh == 0:
            self.models.fit_worth(trajectory.episode)
        if played % self.preference.refresh == 0:
            self.models.fit_usual(trajectory.episode)

    def state_dict(self) -> dict[str, Tensor]:
        models = {f"influence_{name}": value for name, value in self.models.state_dict().items()}
        return {**super().state_dict(), **models}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        super().load_state_dict(state)
        prefix = "influence_"
        self.models.load_state_dict(
            {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        )


class FeaturesAndBalance(Features):
    """The environment's features and, kept by the utility, its `balance` with each other [chair, other, table]."""

    def __init__(self, chairs: Chairs):
        features, others = feature_count(chairs.spec), chairs.spec.seats - 1
        assert features is not None
        super().__init__(features + others)
        even = torch.zeros(chairs.shape, dtype=torch.float64, device=chairs.device)
        self._even = even[:, None].expand(-1, others, -1)

    def begin(self) -> None:
        self.balance = self._even

    def see(self, observation: Observation) -> Tensor:
        features = super().see(observation)
        return torch.cat((features, self.balance.mT.to(features)), 2)
