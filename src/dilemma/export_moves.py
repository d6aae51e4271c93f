"""All moves of strategies of a run, as Parquet and for the Axelrod library; docs/commands.md has the columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from .envs.environment import Discrete
from .envs.errors import DilemmaError
from .file_names import file_name
from .tournament.chunk import Failure
from .tournament.config import load
from .tournament.moves import PlayedAgain, moves, recordable
from .tournament.plan import Setting
from .tournament.run_folder import RunFolder
from .written import writing

MOVES = pa.schema(
    {
        **{"environment": pa.string(), "match": pa.int64(), "repetition": pa.int32(), "seat": pa.int16()},
        **{"agent": pa.string(), "actions": pa.list_(pa.int16()), "rewards": pa.list_(pa.float64())},
    }
)
NO_MOVES = {
    "exact": "payoffs are exact: they have no match, and so no moves (evaluation.mode = 'played' has)",
    "learned": "matches are of learners, whose moves are too many: `dilemma replay` shows one table",
}
STATES = ("CC", "CD", "DC", "DD")
AXELROD = (
    *("Interaction index", "Player index", "Opponent index", "Repetition", "Player name", "Opponent name"),
    *("Actions", "Score", "Score difference", "Turns", "Score per turn", "Score difference per turn", "Win"),
    *("Initial cooperation", "Cooperation count", *(f"{state} count" for state in STATES)),
    *(f"{state} to {action} count" for state in STATES for action in "CD"),
    "Good partner",
)
"""The columns of the Axelrod library's interactions."""


class MovesExport:
    """Writes the moves of all strategies of a run, and what is to be said of it."""

    def __init__(self, store: RunFolder):
        store.check_schema()
        self._seats = store.seats()
        self._plan = load(str(store.config_path))
        self.differing = 0
        """Matches that earn other payoffs than the stored ones."""
        self.failed: list[str] = []
        """A sentence on each match that fails now."""
        how = self._seats.drop_duplicates("match")["how"].value_counts()
        self.remarks = [f"{how[kind]:,} {why}" for kind, why in NO_MOVES.items() if how[kind]]
        self.remarks += [
            f"{setting.label} has actions that are no whole numbers: its moves are left out"
            for setting in self._plan.settings
            if not recordable(setting.game)
        ]
        if not how["played"]:
            raise DilemmaError(f"{store.path} has no moves to export: {'; '.join(self.remarks) or 'no matches'}")

    def write(self, folder: Path) -> Iterator[Path]:
        """Write moves.parquet, and a CSV for the Axelrod library of each environment that it could have played."""
        wanted = {setting.label: _Interactions(setting) for setting in self._plan.settings if _is_theirs(setting)}
        with (
            writing(folder / "moves.parquet") as file,
            pq.ParquetWriter(file, MOVES, compression="zstd") as writer,
        ):
            for played in moves(self._plan, self._seats, self._tell):
                self.differing += played.rows.loc[~played.same, "match"].nunique()
                writer.write_table(_table(played))
                if interactions := wanted.get(str(played.rows["environment"].iloc[0])):
                    interactions.add(played)
        yield folder / "moves.parquet"
        for label, interactions in wanted.items():
            if interactions.any:
                path = folder / f"interactions_{file_name(label)}.csv"
                with writing(path) as file:
                    players = [entrant.label for entrant in self._plan.entrants]
                    file.write(interactions.text(players).encode("utf-8"))
                yield path

    def _tell(self, failure: Failure) -> None:
        players = " and ".join(self._plan.entrants[index].label for index in failure.cast)
        where = f"{self._plan.settings[failure.setting].label}, repetition {failure.repetition}"
        self.failed.append(f"match {failure.match} of {players} ({where}) fails now: {failure.reason}")


def _table(played: PlayedAgain) -> pa.Table:
    columns = {name: played.rows[name].astype(str) for name in ("environment", "agent")}
    columns |= {name: played.rows[name] for name in ("match", "repetition", "seat")}
    arrays = {"actions": played.actions, "rewards": played.rewards}
    return pa.table({**columns, **arrays}, schema=MOVES)


def _is_theirs(setting: Setting) -> bool:
    """Whether the Axelrod library knows such matches: two players who cooperate or defect."""
    game = setting.game
    return game.seats == 2 and all(game.actions(seat) == Discrete(2) for seat in (0, 1))


class _Interactions:
    """The matches of one environment as rows of the Axelrod library."""

    def __init__(self, setting: Setting):
        self._setting = setting
        self._matches: list[tuple[int, Sequence[str], list[NDArray[np.int64]], list[NDArray[np.float64]]]] = []

    @property
    def any(self) -> bool:
        return bool(self._matches)

    def add(self, played: PlayedAgain) -> None:
        rows = played.rows
        agents, repetitions = rows["agent"].astype(str).tolist(), rows["repetition"].tolist()
        for row in range(0, len(rows), 2):
            both = slice(row, row + 2)
            self._matches.append((repetitions[row], agents[both], played.actions[both], played.rewards[both]))

    def text(self, labels: Sequence[str]) -> str:
        """CSV; players have the numbers of these labels, as in the Axelrod library's list of players."""
        number = {label: index for index, label in enumerate(labels)}
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(AXELROD)
        for index, (repetition, agents, actions, rewards) in enumerate(self._matches):
            for own, other in ((0, 1), (1, 0)):
                players = [number[agents[seat]] for seat in (own, other)]
                names = [agents[seat] for seat in (own, other)]
                scores = [float(rewards[seat].sum()) for seat in (own, other)]
                mine, theirs = actions[own], actions[other]
                writer.writerow([index, *players, repetition, *names, *_statistics(mine, theirs, *scores)])
        return text.getvalue()


def _statistics(
    mine: NDArray[np.int64], theirs: NDArray[np.int64], score: float, other_score: float
) -> Iterator[object]:
    """What the Axelrod library says of a player's match, from the actions of both [round]; 0 is C."""
    turns = len(mine)
    state = 2 * mine + theirs
    count = np.bincount(state, minlength=4)
    after = np.bincount(2 * state[:-1] + mine[1:], minlength=8)
    yield "".join("CD"[action] for action in mine.tolist())
    yield from (score, score - other_score, turns, score / turns, (score - other_score) / turns)
    yield from (int(score > other_score), int(mine[0] == 0), turns - int(mine.sum()))
    yield from (*count.tolist(), *after.tolist())
    yield int(mine.sum() <= theirs.sum())
