"""Replays: a match is played again from its identity, and one of its tables is recorded."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ..envs.environment import Environment
from ..envs.errors import DilemmaError
from .casts import cast_keys, match_keys
from .chunk import Chunk, play_chunk
from .how import HOW, How
from .plan import Plan, Setting
from .recorders import PlayedRound
from .schedules.schedule import Request
from .seating import unseated
from .sections import Evaluation
from .stretches import NO_STRETCHES, Stretches
from .work import work


@dataclass(frozen=True)
class MatchSpec:
    """A match of a run: its cast, before seats are shuffled, and how its payoffs are evaluated."""

    setting: int
    """Index of its environment in the plan."""
    cast: tuple[int, ...]
    """Indices of the plan's entrants, by place in the cast [seat]."""
    repetition: int
    """-1 for exact payoffs."""
    how: How


def match_spec(plan: Plan, rows: pd.DataFrame) -> MatchSpec:
    """The match with these rows of the seats table. Raises DilemmaError if the plan lacks one of its agents."""
    rows = rows.sort_values("seat")
    first = rows.iloc[0]
    setting = [each.label for each in plan.settings].index(str(first["environment"]))
    labels = [entrant.label for entrant in plan.entrants]
    if gone := [label for label in rows["agent"].astype(str) if label not in labels]:
        raise DilemmaError(f"match {first['match']} was played by {gone[0]!r}, which is not at hand")
    sat = np.array([[labels.index(label) for label in rows["agent"].astype(str)]], dtype=np.int64)
    keys, repetition = (np.array([first[name]], dtype=np.int64) for name in ("match", "repetition"))
    game = plan.settings[setting].game
    [cast] = unseated(sat, keys, repetition, game.roles, game.seating).tolist()
    return MatchSpec(setting, tuple(cast), int(first["repetition"]), how_named(str(first["how"])))


def how_named(name: str) -> How:
    """The way of evaluation with this name."""
    return HOW[HOW.index(name)]


def key_of(plan: Plan, sitting: MatchSpec) -> int:
    """The key of a match."""
    keys = cast_keys(plan, sitting.setting, np.array([sitting.cast], dtype=np.int64), sitting.how)
    return int(match_keys(keys, np.array([sitting.repetition]))[0])


@dataclass(frozen=True, eq=False)
class EpisodeRecord:
    """One episode at one table of a match."""

    setting: Setting
    match: int
    how: How
    """How the run evaluates its payoffs; for an exact cell, this is one sampled match."""
    repetition: int
    table: int
    episode: int
    labels: tuple[str, ...]
    """Labels of the agents, by seat."""
    action: Tensor
    """Executed actions, after noise [round, seat, ...]."""
    reward: Tensor
    """float64 [round, seat]."""
    playing: Tensor
    """Whether a seat took part, bool [round, seat]."""
    pictures: tuple[Tensor, ...]
    """The board at the start and after each round, uint8 [height, width, 3]; empty if there is no board."""
    payoff: tuple[float, ...] | None
    """Payoff per round of each seat in the whole match, as in the seats table; None if not all episodes were
    played."""

    @property
    def per_round(self) -> list[float]:
        """Payoff per round of each seat in this episode, with the game's weights."""
        weight = [self.setting.game.weight(round) for round in range(len(self.reward))]
        taken = self.playing * torch.tensor(weight, dtype=torch.float64)[:, None]
        return ((self.reward * taken).sum(0) / taken.sum(0)).tolist()


def replay(plan: Plan, played: MatchSpec, table: int = 0, episode: int | None = None) -> EpisodeRecord:
    """Play a match again, up to `episode` (by default its last), and record one table.

    For an exact payoff, one match is sampled. For learners the whole block is played. Raises DilemmaError if there
    is no such table or episode, or the match fails.
    """
    setting = plan.settings[played.setting]
    if played.how == "exact":
        if setting.game.rounds == math.inf:
            raise DilemmaError(
                f"{setting.label} has infinitely many rounds: its payoffs are exact, nothing is played"
            )
        plan = replace(plan, evaluation=Evaluation(mode="played"))
    cast = np.array([played.cast], dtype=np.int64)
    how: How = "learned" if played.how == "learned" else "played"
    [key] = cast_keys(plan, played.setting, cast, how).tolist()
    repetition = max(played.repetition, 0)
    [match] = match_keys(np.array([key]), np.array([repetition])).tolist()
    before = Stretches(*(np.array([each]) for each in (key, 0, repetition)))
    [chunk] = work(plan, [Request(played.setting, cast, repetition + 1)], before if repetition else NO_STRETCHES)
    whole, episode = _up_to(chunk, table, episode)
    witness = ReplayRecorder(setting.game, whole.keys.tolist().index(match), table, episode)
    outcome = play_chunk(whole, recorders=[witness])
    if outcome.failures:
        raise DilemmaError(f"match {match} fails: {outcome.failures[0].reason}")
    [rows] = outcome.rows
    own = rows["match"] == match
    return EpisodeRecord(
        setting,
        match,
        played.how,
        repetition,
        table,
        episode,
        tuple(plan.entrants[index].label for index in rows["agent"][own]),
        torch.stack(witness.action),
        torch.stack(witness.reward),
        torch.stack(witness.playing),
        tuple(witness.pictures),
        tuple(rows["payoff"][own].tolist()) if whole is chunk else None,
    )


def _up_to(chunk: Chunk, table: int, episode: int | None) -> tuple[Chunk, int]:
    """The chunk with no more episodes than needed, and the episode to record."""
    protocol = chunk.learning
    last = protocol.episodes - 1
    episode = last if episode is None else episode
    for name, found, most in (("table", table, protocol.tables - 1), ("episode", episode, last)):
        if not 0 <= found <= most:
            raise DilemmaError(f"there is no {name} {found}; allowed: {f'0 to {most}' if most else 'only 0'}")
    # In a policy game a match with a single episode differs from the first episode of several.
    needed = max(episode + 1, min(protocol.episodes, 2))
    if needed == protocol.episodes:
        return chunk, episode
    return replace(chunk, learning=replace(protocol, episodes=needed)), episode


class ReplayRecorder:
    """Records one table of a match in one episode."""

    def __init__(self, game: Environment, match: int, table: int, episode: int):
        self._game, self._match, self._table, self._episode = game, match, table, episode
        self._begin()

    def _begin(self) -> None:
        self.action: list[Tensor] = []
        self.reward: list[Tensor] = []
        self.playing: list[Tensor] = []
        self.pictures: list[Tensor] = []

    def record(self, played: PlayedRound) -> None:
        before, step = played.before, played.step
        if before.episode != self._episode:
            return
        if played.opens:  # possibly again, if the chunk was played twice
            self._begin()
        where = (self._match, slice(None), self._table)
        playing = torch.ones(self._game.seats, dtype=torch.bool)
        if before.playing is not None:
            playing = before.playing[where].cpu()
        if not playing.any():
            return
        self.playing.append(playing)
        self.action.append(step.action[where].cpu().clone())
        self.reward.append(step.reward[where].cpu().clone())
        for state in (before, played.after) if not self.pictures else (played.after,):
            picture = self._game.picture(state, self._match, self._table)
            if picture is not None:
                self.pictures.append(picture.cpu().clone())
