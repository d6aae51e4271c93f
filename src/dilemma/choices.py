"""What subjects chose in repeated games of two actions: a table of one's own, or the moves of a run.

docs/howto/fit.md has the columns.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .analysis.behaviour.strategy_frequencies import Histories
from .envs.errors import DilemmaError
from .tournament.config_file import file_text
from .tournament.run_folder import RunFolder

COLUMNS = {
    "subject": "who chose",
    "match": "which match of the subject it was",
    "round": "the round of the match, from 0 or 1",
    "action": "what the subject did: C or D; or 0 for C and 1 for D, as in moves of a run",
    "other_action": "what the other did, in the same way",
    "cooperated": "in place of `action`: 1 where the subject cooperated, 0 where it defected",
    "other_cooperated": "the same of the other",
}
"""The columns that are read, by what they hold."""
ACTIONS = ("action", "other_action")
COOPERATED = ("cooperated", "other_cooperated")
CHAIR = "chair"
"""A subject of moves: an agent on one seat of one match."""
LETTERS = {"c": 0, "d": 1}


@dataclass(frozen=True, eq=False)
class Choices:
    """The histories of subjects, and what they are called."""

    subjects: Sequence[str]
    histories: Histories

    def __str__(self) -> str:
        rounds = self.histories.rounds
        defects = self.histories.own[self.histories.played].mean()
        return (
            f"{_count(len(self.subjects), 'subject')}, {_count(len(rounds), 'match', 'matches')}, "
            f"{_count(int(rounds.sum()), 'decision')}, of which {1 - defects:.1%} cooperate"
        )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def read(path: Path, names: Mapping[str, str], only: Mapping[str, str]) -> Choices:
    """The choices in a CSV file, or in moves that `dilemma export --moves` wrote; of a run folder, in its moves.

    `names` say which column holds what; rows where `only` says otherwise are left out. Raises DilemmaError where
    the file is something else, with the line.
    """
    if path.is_dir():
        exported = RunFolder.existing(path).path / "export" / "moves.parquet"
        if not exported.exists():
            raise DilemmaError(f"{path} has no moves yet: `dilemma export {path} --moves` writes them")
        path = exported
    read_it = _moves if path.suffix == ".parquet" else _table
    try:
        return read_it(path, names, only)
    except ValueError as error:
        raise DilemmaError(f"{path}: {error}") from None


@dataclass(frozen=True)
class _Choice:
    """A row of the table."""

    line: int
    round: int
    own: int
    other: int


def _table(path: Path, names: Mapping[str, str], only: Mapping[str, str]) -> Choices:
    matches: dict[tuple[str, str], list[_Choice]] = {}
    for subject, match, choice in _rows(file_text(path), names, only):
        matches.setdefault((subject, match), []).append(choice)
    first = min(choice.round for choices in matches.values() for choice in choices)
    if first not in (0, 1):
        raise ValueError(f"its first round is {first}; allowed: 0 or 1")
    histories = []
    for (subject, match), choices in matches.items():
        choices.sort(key=lambda choice: choice.round)
        _check_rounds(f"subject {subject}, match {match}", choices, first)
        histories.append((subject, [each.own for each in choices], [each.other for each in choices]))
    return _choices(histories)


def _check_rounds(who: str, choices: Sequence[_Choice], first: int) -> None:
    """Raise ValueError unless there is each round once, from the first on."""
    for wanted, choice in enumerate(choices, first):
        if choice.round < wanted:
            before = choices[wanted - first - 1].line
            line, earlier = max(before, choice.line), min(before, choice.line)
            raise ValueError(
                f"line {line}: {who} has round {choice.round} in line {earlier} already; allowed: once"
            )
        if choice.round > wanted:
            raise ValueError(
                f"line {choice.line}: {who} has round {choice.round} and no round {wanted}; allowed: every round "
                f"from {first} on, since what a strategy does depends on those before"
            )


def _rows(text: str, names: Mapping[str, str], only: Mapping[str, str]) -> Iterator[tuple[str, str, _Choice]]:
    """Subject, match and choice of each row. Raises ValueError with the line of the first mistake."""
    head_line = text.partition("\n")[0]
    delimiter = next((mark for mark in ",;\t" if mark in head_line), ",")
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        head = [name.strip() for name in next(reader, [])]
        columns = _columns(head, names, only)
        chosen = COOPERATED if COOPERATED[0] in columns else ACTIONS
        found = False
        for row in reader:
            line = reader.line_num
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(head):
                raise ValueError(f"line {line} has {len(row)} cells, the header {len(head)}")
            if any(row[head.index(name)].strip() != value for name, value in only.items()):
                continue
            found = True
            cells = {of: row[place].strip() for of, place in columns.items()}
            for of in ("subject", "match"):
                if not cells[of]:
                    raise ValueError(f"line {line}: {head[columns[of]]} is empty; allowed: a name or a number")
            round = _whole(cells["round"])
            if round is None:
                raise ValueError(
                    f"line {line}: found {cells['round']!r} as {head[columns['round']]}; allowed: a whole number"
                )
            own, other = (_action(line, of, head[columns[of]], cells[of]) for of in chosen)
            yield cells["subject"], cells["match"], _Choice(line, round, own, other)
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} is no CSV: {error}") from None
    if not found:
        raise ValueError(_no_row(only))


def _columns(head: Sequence[str], names: Mapping[str, str], only: Mapping[str, str]) -> dict[str, int]:
    """The places of the columns by what they hold: of actions, or of whether somebody cooperated."""
    by_action = any(of in names for of in ACTIONS)
    pairs = (
        [ACTIONS]
        if by_action
        else [COOPERATED]
        if any(of in names for of in COOPERATED)
        else [ACTIONS, COOPERATED]
    )
    wanted = [["subject", "match", "round", *pair] for pair in pairs]
    for needed in wanted:
        if all(names.get(of, of) in head for of in needed) and all(name in head for name in only):
            return {of: head.index(names.get(of, of)) for of in needed}
    best = min(wanted, key=lambda needed: sum(names.get(of, of) not in head for of in needed))
    missing = [names.get(of, of) for of in best if names.get(of, of) not in head]
    missing += [name for name in only if name not in head]
    raise ValueError(
        f"there is no column {', '.join(dict.fromkeys(missing))}; there is {', '.join(head) or 'none'}. --column "
        f"OF=NAME says which column holds what: {', '.join(COLUMNS)}"
    )


def _whole(text: str) -> int | None:
    """A whole number, such as 3 or 3.0; None where it is none."""
    digits = text.removesuffix(".0")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None


def _action(line: int, of: str, name: str, text: str) -> int:
    """0 for C, 1 for D."""
    number = _whole(text)
    if of in COOPERATED:
        if number in (0, 1):
            return 1 - number
        raise ValueError(f"line {line}: found {text!r} as {name}; allowed: 1 (cooperated) or 0 (defected)")
    if number in (0, 1):
        return number
    if text.lower() in LETTERS:
        return LETTERS[text.lower()]
    raise ValueError(f"line {line}: found {text!r} as {name}; allowed: C or D, or 0 (C) or 1 (D)")


def _moves(path: Path, names: Mapping[str, str], only: Mapping[str, str]) -> Choices:
    """The choices in the moves of a run: of each agent, or with subject=chair of each seat of each match."""
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"it can't be read as moves of a run: {error}") from None
    lacking = {"environment", "match", "seat", "agent", "actions"} - set(table)
    if lacking:
        raise ValueError(
            f"it has no column {', '.join(sorted(lacking))}; allowed: what `dilemma export --moves` writes"
        )
    if unknown := set(names) - {"subject"}:
        raise ValueError(f"--column {sorted(unknown)[0]}: moves of a run have their own; allowed: subject=NAME")
    labels = [str(name) for name in table if name not in ("actions", "rewards")]
    subject = names.get("subject", "agent")
    for name in (*only, *([] if subject == CHAIR else [subject])):
        if name not in labels:
            raise ValueError(
                f"there is no column {name}; there is {', '.join(labels)}, and {CHAIR} for the subject"
            )
    kept = _fulfilling(table, only)
    environments = table.loc[kept, "environment"].astype(str).unique()
    if len(environments) > 1:
        raise ValueError(f"it has moves of {', '.join(environments)}; --only environment=NAME says of which")
    [environment] = environments
    table = table[table["environment"] == environment].sort_values(["match", "seat"], ignore_index=True)
    if (table.groupby("match")["seat"].transform("size") != 2).any():
        raise ValueError(f"{environment} has {table['seat'].max() + 1} seats; allowed: two")
    histories = []
    for place in np.flatnonzero(_fulfilling(table, only)):
        row, other = table.iloc[place], table.iloc[place + 1 - 2 * (place % 2)]
        who = (
            f"{row['agent']}, match {row['match']}, seat {row['seat']}" if subject == CHAIR else str(row[subject])
        )
        histories.append((who, row["actions"], other["actions"]))
    if any(max(max(own, default=0), max(others, default=0)) > 1 for _, own, others in histories):
        raise ValueError(f"{environment} has more than two actions; allowed: C (0) and D (1)")
    return _choices(histories)


def _fulfilling(table: pd.DataFrame, only: Mapping[str, str]) -> NDArray[np.bool_]:
    """Which rows have these values. Raises ValueError if none has."""
    kept = np.ones(len(table), dtype=np.bool_)
    for name, value in only.items():
        kept &= table[name].astype(str).to_numpy() == value
    if not kept.any():
        raise ValueError(_no_row(only))
    return kept


def _no_row(only: Mapping[str, str]) -> str:
    wanted = " and ".join(f"{name} = {value}" for name, value in only.items())
    return f"it has no row with {wanted}" if only else "it has no rows below its header"


def _choices(histories: Sequence[tuple[str, Sequence[int], Sequence[int]]]) -> Choices:
    """Choices of (subject, own actions, other's actions) of each history."""
    subjects = {subject: number for number, subject in enumerate(dict.fromkeys(who for who, _, _ in histories))}
    rounds = np.array([len(own) for _, own, _ in histories], dtype=np.int64)
    sides = np.zeros((2, len(histories), rounds.max()), dtype=np.int8)
    for place, (_, *both) in enumerate(histories):
        for side, actions in zip(sides, both, strict=True):
            side[place, : len(actions)] = actions
    return Choices(
        list(subjects), Histories(np.array([subjects[who] for who, _, _ in histories]), sides[0], sides[1], rounds)
    )
