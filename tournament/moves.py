"""Moves: all stored matches of strategies are played again, chunk by chunk, and what was done is written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..envs.environment import Discrete, Environment
from .chunk import Chunk, Failure, play_chunk
from .plan import Plan
from .recorders import PlayedRound, Recorder
from .work import Indices, Matches, cut

R = TypeVar("R", bound=Recorder)


@dataclass(frozen=True, eq=False)
class PlayedAgain:
    """Matches of one environment as they were played again, a row for each seat, as in the seats table."""

    rows: pd.DataFrame
    """`environment`, `match`, `repetition`, `seat`, `agent` and `payoff`, the stored one."""
    actions: list[Indices]
    """Of each row what was done, after noise [round]."""
    rewards: list[NDArray[np.float64]]
    """[round]."""
    same: NDArray[np.bool_]
    """Whether a row earned again what is stored."""


def recordable(game: Environment) -> bool:
    """Whether actions are whole numbers in all seats."""
    return all(isinstance(game.actions(seat), Discrete) for seat in range(game.seats))


def moves(plan: Plan, seats: pd.DataFrame, tell: Callable[[Failure], None]) -> Iterator[PlayedAgain]:
    """The played matches in a seats table, environment by environment; exact ones and learners' are left out.

    `tell` hears of matches that fail now and have not failed before: they are left out, too.
    """
    for index, setting in enumerate(plan.settings):
        if not recordable(setting.game):
            continue
        played = seats[(seats["environment"] == setting.label) & (seats["how"] == "played")]
        for rows, recorder in played_again(plan, index, played, _Moves, tell):
            yield _again(rows, recorder, played)


def played_again(
    plan: Plan, setting: int, played: pd.DataFrame, recorder: Callable[[], R], tell: Callable[[Failure], None]
) -> Iterator[tuple[pd.DataFrame, R]]:
    """Matches of one environment, played again chunk by chunk: their `match`, `seat`, `payoff`, and who recorded.

    `played` are their rows in the seats table. `tell` hears of matches that fail now: they are left out.
    """
    if played.empty:
        return
    labels = {entrant.label: index for index, entrant in enumerate(plan.entrants)}
    seats = plan.settings[setting].game.seats
    played = played.sort_values(["match", "seat"], ignore_index=True)
    agents = np.array([labels[label] for label in played["agent"].astype(str)], dtype=np.int64)
    sitting = agents.reshape(-1, seats)
    keys, casts, repetition = (
        played[name].to_numpy(np.int64).reshape(-1, seats)[:, 0] for name in ("match", "cast", "repetition")
    )
    matches = Matches(sitting, casts, repetition, keys)
    for chunk in cut(plan, setting, matches):
        yield from _without_failures(chunk, recorder, tell)


def _without_failures(
    chunk: Chunk, recorder: Callable[[], R], tell: Callable[[Failure], None]
) -> Iterator[tuple[pd.DataFrame, R]]:
    """A chunk, played again without the matches that fail."""
    outcome = play_chunk(chunk, recorders=[recorded := recorder()])
    while outcome.failures:  # of a chunk that is played in parts only the last one is recorded
        for failure in outcome.failures:
            tell(failure)
        chunk = chunk.select(~np.isin(chunk.keys, [failure.match for failure in outcome.failures]))
        if not len(chunk.keys):
            return
        outcome = play_chunk(chunk, recorders=[recorded := recorder()])
    [rows] = outcome.rows
    yield pd.DataFrame({name: rows[name] for name in ("match", "seat", "payoff")}), recorded


def _again(again: pd.DataFrame, recorder: _Moves, played: pd.DataFrame) -> PlayedAgain:
    columns = ["environment", "match", "repetition", "seat", "agent", "payoff"]
    stored = again[["match", "seat"]].merge(played[columns], on=["match", "seat"], how="left", validate="1:1")
    action, reward, playing = (torch.stack(each).flatten(1).numpy() for each in recorder.columns)
    length = playing.sum(0)
    return PlayedAgain(
        stored[columns],
        [action[:rounds, row] for row, rounds in enumerate(length.tolist())],
        [reward[:rounds, row] for row, rounds in enumerate(length.tolist())],
        (stored["payoff"] == again["payoff"]).to_numpy(),
    )


class _Moves:
    """Records actions, rewards and who took part in each round of a chunk at one table [match, seat]."""

    def __init__(self) -> None:
        self.columns: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])

    def record(self, played: PlayedRound) -> None:
        before, step = played.before, played.step
        if played.opens:  # possibly again, if the chunk was played twice
            self.columns = ([], [], [])
        playing = torch.ones_like(step.reward, dtype=torch.bool) if before.playing is None else before.playing
        for column, value in zip(self.columns, (step.action.to(torch.int16), step.reward, playing), strict=True):
            column.append(value[..., 0].clone())
