"""A payoff table of one's own, from CSV text: a square matrix, or a row for each pair and repetition."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..cells import Cells, cells_by_league

LONG = ("agent", "opponent", "payoff")
REPETITION = "repetition"


def cells_of(text: str) -> Cells:
    """The cells of a table; its numbers are expectations, or with repetitions the payoffs of matches.

    Matches of a pair in the same repetition count as one match of both. Raises ValueError with what is wrong, and
    the line where it is.
    """
    rows = _rows(text)
    head = [name.strip().lower() for name in rows[0][1]]
    met = _long(head, rows) if set(LONG) <= set(head) else _square(rows)
    if not met:
        raise ValueError("there are no payoffs in it")
    repeated = REPETITION in head and set(LONG) <= set(head)
    labels = list(dict.fromkeys(label for meeting in met for label in meeting[:2]))
    table = pd.DataFrame(met, columns=["agent", "opponent", "repetition", "payoff"])
    code = {label: number for number, label in enumerate(labels)}
    pair = np.sort(table[["agent", "opponent"]].map(code.__getitem__).to_numpy(np.int64), 1)
    repetition = table["repetition"].map(
        {name: number for number, name in enumerate(dict.fromkeys(table["repetition"]))}
    )
    _, match = np.unique(np.column_stack((pair, repetition)), axis=0, return_inverse=True)
    table = table.assign(
        environment=pd.Categorical(["table"] * len(table)),
        **{name: pd.Categorical(table[name], labels) for name in ("agent", "opponent")},
        match=match.reshape(-1),
        repetition=repetition.astype(np.int32),
        seat=(pair[:, 0] != table["agent"].map(code)).astype(np.int64),
        k=1,
        how="played" if repeated else "exact",
        weight=1.0,
    )
    [cells] = cells_by_league(table, {})
    return cells


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """The rows with anything in them, and their line numbers."""
    first = text.partition("\n")[0]
    delimiter = next((mark for mark in ",;\t" if mark in first), ",")
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} is no CSV: {error}") from error
    if len(rows) < 2:
        raise ValueError("it has no rows below its header")
    return rows


def _long(head: Sequence[str], rows: Sequence[tuple[int, list[str]]]) -> list[tuple[str, str, str, float]]:
    """(agent, opponent, repetition, payoff) of every row."""
    places = [head.index(name) for name in LONG]
    repetition = head.index(REPETITION) if REPETITION in head else None
    lines: dict[tuple[str, str, str], int] = {}
    environments, met = dict[str, None](), []
    for line, row in rows[1:]:
        _of_length(line, row, len(head))
        agent, opponent = (_label(line, row[place]) for place in places[:2])
        when = "" if repetition is None else row[repetition].strip()
        if (earlier := lines.setdefault((agent, opponent, when), line)) != line:
            again = "" if repetition is None else f" in repetition {when}"
            raise ValueError(
                f"line {line}: {agent!r} with {opponent!r}{again} is there already, in line {earlier}; allowed: "
                f"once{'' if again else ', or with a column `repetition`'}"
            )
        if "environment" in head:
            environments[row[head.index("environment")]] = None
        payoff = _number(line, row[places[2]])
        met.append((agent, opponent, when, payoff))
    if len(environments) > 1:
        raise ValueError(f"it has {len(environments)} environments ({', '.join(environments)}); allowed: one")
    return met


def _square(rows: Sequence[tuple[int, list[str]]]) -> list[tuple[str, str, str, float]]:
    """The same of a matrix with labels: row = own, column = other; an empty cell is a pair that never met."""
    (first, head), *body = rows
    columns = [_label(first, cell) for cell in head[1:]]
    labels = [_label(line, row[0]) for line, row in body]
    for kind, names in (("column", columns), ("row", labels)):
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"there are two {kind}s {twice[0]!r}; allowed: one for each agent")
    if set(columns) != set(labels):
        alone = sorted(set(columns) ^ set(labels))
        raise ValueError(
            f"{alone[0]!r} is the label of a {'column' if alone[0] in columns else 'row'} only; allowed: a square "
            f"matrix with the same agents in rows and columns, or columns {', '.join(LONG)}[, {REPETITION}]"
        )
    met = []
    for (line, row), agent in zip(body, labels, strict=True):
        _of_length(line, row, len(head))
        met += [
            (agent, opponent, "", _number(line, cell))
            for opponent, cell in zip(columns, row[1:], strict=True)
            if cell.strip()
        ]
    return met


def _of_length(line: int, row: Sequence[str], length: int) -> None:
    if len(row) != length:
        raise ValueError(f"line {line} has {len(row)} cells, the header {length}")


def _label(line: int, text: str) -> str:
    if not text.strip():
        raise ValueError(f"line {line}: found an agent without a label")
    return text.strip()


def _number(line: int, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"line {line}: found {text.strip()!r}; allowed: a number")
    return number
