"""A learner in a population with reputations has a value function for each stage, and learns each on its own.

What follows a decision is what comes of it: in play and in direct punishment, the same dyad in the next round. For
a third party, or where encounters have a single round, it is the own next decision of that kind, with anybody. A
partner is chosen for an encounter, and nothing follows. An assessment is paid what is earned until the next one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeAlias

import torch
from pydantic import Field
from torch import Tensor

from ....envs.chance import Purpose, threshold
from ....envs.environment import Environment
from ....envs.reputation.reputation_dilemma import ReputationDilemma
from ....envs.reputation.rules import rules_of
from ....envs.reputation.turns import Stage, Turn
from ...agent import Agent, Chairs, Observation, Player, Round
from ..deep_q.uniform_replay import Transitions
from ..preferences.introspection import Introspection
from ..preferences.preference import Selfish

Share = Annotated[float, Field(ge=0, le=1)]
StagePreference: TypeAlias = Annotated[Selfish | Introspection, Field(discriminator="kind")]


class StagedAgent(Agent):
    """The parameters that staged learners share."""

    needs: ClassVar[frozenset[str]] = frozenset({"game_model"})
    learns: ClassVar[bool] = True

    discount: float = Field(0.9, ge=0, le=1, description="weight of what follows relative to now")
    epsilon: Share = Field(0.02, description="probability of a random decision, in the end")
    explored: int = Field(500, ge=0, description="decisions of a stage over which that falls from 1")
    explores_frozen: bool = Field(False, description="whether it goes on exploring when it learns no more")
    preference: StagePreference = Field(Selfish(), description="how it values rewards: selfish or introspection")

    def refuses(self, game: Environment) -> str | None:
        if not isinstance(game, ReputationDilemma):
            return "has a learner for each stage of a population with reputations, and knows no other game"
        return self.preference.refuses(game)


class StageValues(ABC):
    """The values of the decisions of a stage, on a player's chairs."""

    @abstractmethod
    def best(self, view: Tensor) -> Tensor:
        """The best decision [chair, row] by what is seen [chair, row, entry]."""

    @abstractmethod
    def learn(self, new: Transitions, there: Tensor) -> None:
        """Learn from, or remember, those transitions that are `there` [chair, table]."""

    def improve(self, episode: int, round: int) -> None:  # noqa: B027 (tables learn at once)
        """A round of the game is over: learn from what is remembered."""

    @abstractmethod
    def state_dict(self) -> dict[str, Tensor]:
        """What it has learned, each tensor starting with [chair]."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from `state`."""


@dataclass(slots=True)
class Pending:
    """Decisions whose consequences are not all known, each [chair, table, ...]."""

    view: Tensor
    action: Tensor
    reward: Tensor
    there: Tensor


class StagedPlayer(Player):
    """A staged learner on its chairs; a subclass defines the `values` of a stage."""

    published: bool = False
    """Whether values go on beyond the end of an encounter, and floors of exploration differ by stage."""

    def __init__(self, agent: StagedAgent, chairs: Chairs):
        game = chairs.game
        assert isinstance(game, ReputationDilemma)
        self.agent, self.chairs, self.game, self.view, self.learning = agent, chairs, game, game.view, True
        self.programme = game.turns(chairs.device)
        self.stages = sorted({turn.stage for turn in self.programme})
        self._length = len(self.programme)
        self._selects = int(self.programme[0].stage == Stage.SELECT)
        self._per_round = (self._length - self._selects) // game.rounds
        degree = game.links.degree.to(chairs.device)[chairs.seat]
        self.degree = degree[:, None]
        most = game.links.neighbours.shape[1]
        two = torch.ones(chairs.shape[0], 2, dtype=torch.bool, device=chairs.device)
        slots = torch.arange(most, device=chairs.device) < degree[:, None]
        self.parts = {stage: self._part(stage) for stage in self.stages}
        self.values = {
            stage: self.make_values(stage, len(self.parts[stage]), slots if stage == Stage.SELECT else two)
            for stage in self.stages
        }
        self.decided = {
            stage: torch.zeros(chairs.shape[0], dtype=torch.float64, device=chairs.device) for stage in self.stages
        }
        """How many decisions of a stage each chair has learned from [chair]."""
        self._subjective = (
            agent.preference.subjective_reward(chairs, agent.discount)
            if isinstance(agent.preference, Introspection)
            else None
        )
        self._pending: dict[tuple[Stage, int], Pending] = {}
        self._pays = rules_of(game, chairs.device).pays
        self._explores: dict[Stage, int | Tensor] = {}
        """The bound of draws by which it explores in a stage, where it is worked out."""

    @abstractmethod
    def make_values(self, stage: Stage, entries: int, allowed: Tensor) -> StageValues:
        """The values of a stage, by `entries` that it sees; `allowed` decisions [chair, decision]."""

    def _part(self, stage: Stage) -> Tensor:
        """The entries of a view that matter in a stage."""
        view = self.view
        parts = [view.theirs, view.own, view.their_reputation, view.own_reputation]
        if stage == Stage.SELECT:
            parts = [view.own_reputation, view.reputations, view.moves]
        where = [entry for part in parts for entry in range(part.start, part.stop)]
        return torch.tensor(where, device=self.chairs.device)

    def begin(self) -> None:
        self._pending, self._explores = {}, {}
        self._played: tuple[Stage, int] = (Stage.PLAY, 0)

    def exploration(self, stage: Stage) -> Tensor:
        """The probability of a random decision [chair, 1]."""
        agent = self.agent
        done = self.decided[stage] / agent.explored if agent.explored else torch.ones_like(self.decided[stage])
        return (1 + (agent.epsilon - 1) * done.clamp(max=1))[:, None]

    def act(self, observation: Observation) -> Tensor:
        assert observation.features is not None
        self._features = observation.features
        self._before = observation
        index = observation.round % self._length
        turn = self.programme[index]
        self._turn, self._index = turn, index
        self._asked = self._features[..., turn.stage] > 0
        self._address = (observation.episode, observation.round)
        self._seen = self._features.index_select(-1, self.parts[turn.stage])
        if self.learning:
            self._follow(self._seen)
        best = self.values[turn.stage].best(self._seen)
        if self.learning or self.agent.explores_frozen:
            if turn.stage not in self._explores:
                self._explores[turn.stage] = threshold(self.exploration(turn.stage))
            if index == 0:
                rounds = range(observation.round, observation.round + self._length)
                self._draws = self.chairs.chance.pairs(Purpose.ACTION, observation.episode, rounds)
            whether, which = self._draws[:, index]
            count = self.degree if turn.stage == Stage.SELECT else 2
            best = torch.where(whether < self._explores[turn.stage], (which + 2**31) * count >> 32, best)
        return best * self._asked

    def _key(self, turn: Turn, index: int) -> tuple[Stage, int]:
        """What is one after the other: the turns of a dyad, or all of a stage."""
        if turn.stage in (Stage.SELECT, Stage.ASSESS) or turn.third_party or self.game.rounds == 1:
            return turn.stage, -1
        return turn.stage, (index - self._selects) % self._per_round

    def _follow(self, seen: Tensor) -> None:
        """What was decided before is followed by what is seen now."""
        before = self._pending.get(self._key(self._turn, self._index))
        if before is not None:
            follows = before.there & self._asked
            # Partners are worth what they bring: a future that all of them share would drown the difference.
            ends = self._turn.stage == Stage.SELECT and not self.published
            self._learn(self._turn.stage, before, seen, follows, 0.0 if ends else 1.0)
            before.there = before.there & ~follows

    def observe(self, round: Round) -> None:
        if not self.learning:
            return
        turn, key, asked = self._turn, self._key(self._turn, self._index), self._asked
        reward = round.reward if self._subjective is None else self._subjective.of_round(self._before, round)
        own = reward
        if turn.stage == Stage.PUNISH:
            bad = self._features[..., self.view.theirs.start + 1] > 0
            own = self._pays.take(bad.long()) * ((round.own == 1) & asked)
            self._credit(self._played, reward - own)
        if turn.stage == Stage.PLAY:
            self._played = key
        if turn.stage != Stage.SELECT and self._selects:
            self._credit((Stage.SELECT, -1), reward / self.game.rounds)
        self._credit((Stage.ASSESS, -1), reward)
        before = self._pending.get(key)
        fresh = Pending(self._seen, round.own.clone(), own * asked, asked)
        if before is not None and bool(before.there.any()):
            kept = before.there & ~asked
            fresh = Pending(
                torch.where(kept[..., None], before.view, fresh.view),
                torch.where(kept, before.action, fresh.action),
                torch.where(kept, before.reward, fresh.reward),
                kept | asked,
            )
        self._pending[key] = fresh
        self.decided[turn.stage] = self.decided[turn.stage] + asked.double().mean(1)
        if not self.published:
            self._explores.pop(turn.stage, None)
        if turn.closes:
            if self._index == self._length - 1 and not self.published:
                self._end([key for key in self._pending if key[1] >= 0])
            for values in self.values.values():
                values.improve(*self._address)
            self._explores = {}

    def _credit(self, key: tuple[Stage, int], reward: Tensor) -> None:
        """Add to the reward of pending decisions."""
        pending = self._pending.get(key)
        if pending is not None:
            pending.reward = pending.reward + reward * pending.there

    def learn(self) -> None:
        if not self.published:
            self._end(list(self._pending))

    def _end(self, keys: list[tuple[Stage, int]]) -> None:
        """Nothing follows on these decisions."""
        for key in keys:
            pending = self._pending.pop(key)
            self._learn(key[0], pending, pending.view, pending.there, 0.0)

    def _learn(self, stage: Stage, before: Pending, after: Tensor, there: Tensor, goes_on: float) -> None:
        reward = before.reward
        new = Transitions(before.view, before.action, reward, after, torch.full_like(reward, goes_on))
        self.values[stage].learn(new, there)

    # Measures and state.

    def measures(self) -> Mapping[str, Tensor]:
        """Whether it cooperates, by its best decisions, at the start and after CC, CD, DC, DD (own move first).

        With reputations in play, the same towards the good and the bad; with punishment, whether it punishes.
        """
        found: dict[str, Tensor] = {}
        if "moves" in self.game.play_shows or "last_moves" in self.game.play_shows:
            names = {"p_start": (0, 0, 0, 0), "p_cc": (1, 0, 1, 0), "p_cd": (0, 1, 1, 0)}
            names |= {"p_dc": (1, 0, 0, 1), "p_dd": (0, 1, 0, 1)}
            for name, entries in names.items():
                found[name] = self._decides(Stage.PLAY, (*entries, 0.0, 0.0)) == 0
            cooperates, retaliates = found["p_cc"], ~found["p_cd"]
            found |= {
                "always_cooperate": cooperates & ~retaliates,
                "always_defect": ~cooperates & retaliates,
                "answers_in_kind": cooperates & retaliates,
                "answers_reversed": ~cooperates & ~retaliates,
            }
        if "reputations" in self.game.play_shows:
            for name, reputation in (("p_good", 1.0), ("p_bad", -1.0)):
                found[name] = self._decides(Stage.PLAY, (0, 0, 0, 0, reputation, 1.0)) == 0
        if Stage.PUNISH in self.stages:
            found["punishes_defectors"] = self._decides(Stage.PUNISH, (0, 1, 1, 0, 0.0, 0.0)) == 1
            found["punishes_cooperators"] = self._decides(Stage.PUNISH, (1, 0, 1, 0, 0.0, 0.0)) == 1
        if Stage.ASSESS in self.stages:
            for did, to in ((0, 1.0), (0, -1.0), (1, 1.0), (1, -1.0)):
                views = [(1 - did, did, 1 - own, own, worth, to) for own in (0, 1) for worth in (1.0, -1.0)]
                good = torch.stack([self._decides(Stage.ASSESS, view) == 0 for view in views]).double().mean(0)
                found[f"good_{'cd'[did]}_to_{'good' if to > 0 else 'bad'}"] = good
        return {name: value.double() for name, value in found.items()}

    def _decides(self, stage: Stage, entries: tuple[float, ...]) -> Tensor:
        """Its best decision where these entries are seen [chair]."""
        view = torch.tensor(entries, device=self.chairs.device).expand(self.chairs.shape[0], 1, -1)
        return self.values[stage].best(view.float())[:, 0]

    def state_dict(self) -> dict[str, Tensor]:
        named = {
            f"{stage.name.lower()}_{name}": value
            for stage, values in self.values.items()
            for name, value in values.state_dict().items()
        }
        return {**named, **{f"{stage.name.lower()}_decided": self.decided[stage] for stage in self.stages}}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        for stage, values in self.values.items():
            prefix = f"{stage.name.lower()}_"
            part = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
            self.decided[stage] = part.pop("decided")
            values.load_state_dict(part)
