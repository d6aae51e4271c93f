"""A response in words: four lines for memory one, else a line for each state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .automaton import Automaton

if TYPE_CHECKING:
    from .response import Response

OUTCOMES = ("CC", "CD", "DC", "DD")


def response_table(response: Response) -> str:
    """The response as lines of text; outcomes have the own action first.

    >>> from dilemma.agents.response import Response
    >>> print(response_table(Response(cooperation=(1, 0), transitions=((0, 1, 0, 1), (0, 1, 0, 1)))))
    first: C
    after CC: C
    after CD: D
    after DC: C
    after DD: D
    """
    return "\n".join(_lines(response))


def _lines(response: Response) -> Iterator[str]:
    automaton = response.automaton()
    moves = [_move(p) for p in response.cooperation]
    if not response.ending and (answers := memory_one_answers(automaton)):
        yield f"first: {moves[0]}"
        yield from (f"after {name}: {_move(p)}" for name, p in zip(OUTCOMES, answers, strict=True))
        return
    width = len(str(len(moves) - 1))
    for state, (move, row) in enumerate(zip(moves, response.transitions, strict=True)):
        line = f"state {state:{width}}: {move}"
        if len(moves) > 1:
            line += "; " + _goes(row)
        last = [_move(row[state]) for row in response.ending]
        if any(other != move for other in last):
            line += f"; in the last {_rounds(len(last))}: {' '.join(last)}"
        yield line


def memory_one_answers(automaton: Automaton) -> tuple[float, ...] | None:
    """P(C) after CC, CD, DC, DD, if it depends on nothing else after the first round; else None."""
    answers = automaton.cooperation[automaton.transitions.reshape(-1, 4)]
    return tuple(answers[0].tolist()) if (answers == answers[0]).all() else None


def _goes(row: Sequence[int]) -> str:
    """A row of transitions in words; outcomes with the same next state are grouped."""
    cc, cd, dc, dd = row
    if cc == cd == dc == dd:
        return f"then to {cc}"
    if (cc, dc) == (cd, dd):
        return f"after its own C to {cc}, D to {dc}"
    if (cc, cd) == (dc, dd):
        return f"after their C to {cc}, D to {cd}"
    by_target: dict[int, list[str]] = {}
    for name, target in zip(OUTCOMES, row, strict=True):
        by_target.setdefault(target, []).append(name)
    return ", ".join(f"after {' or '.join(names)} to {target}" for target, names in by_target.items())


def _move(p: float) -> str:
    return "C" if p == 1 else "D" if p == 0 else f"C with {p:.4g}"


def _rounds(count: int) -> str:
    return "round" if count == 1 else f"{count} rounds"
