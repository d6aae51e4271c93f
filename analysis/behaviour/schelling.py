"""Schelling diagrams: what a cooperator and a defector earn by how many of the others cooperate.

With j other cooperators a cooperator earns Rc(j) and a defector Rd(j), j = 0 .. N - 1 (Schelling 1973). A game of
N is a social dilemma by these two types if
    Rc(N - 1) > Rd(0)      all are better off if all cooperate than if all defect,
    Rc(N - 1) > Rc(0)      and than a cooperator alone among defectors,
and at least one of
    fear:   Rd(j) > Rc(j) for j small enough, so at j = 0,
    greed:  Rd(j) > Rc(j) for j large enough, so at j = N - 1
(Leibo et al. 2017; Hughes et al. 2018).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ...chapter_columns import SCHELLING, SOCIAL_DILEMMA
from ..arrays import Flags, Indices, Numbers
from ..cells import Cells
from ..finding import Finding
from ..report.chapters import Chapter, Evidence, with_interval
from ..statistics.influence_functions import repetition_effects
from ..statistics.tails import CONFIDENCE, t_isf
from ..statistics.unseen import equal_matches, reach, unseen_error

LEAST = 2
"""Points that each of both lines needs to be drawn."""
TINY = 1e-9
"""Differences of expectations up to this share of the payoffs are rounding."""
FEW = 8
"""Pairs that a sentence names."""
C, D = 0, 1
WHOLE = "social dilemma"
VERDICTS = {
    "yes": "A social dilemma",
    "no": "None",
    "open": "Not sure with these matches",
}


@dataclass(frozen=True, eq=False)
class Points:
    """Payoffs of types in groups, each the mean over its cells."""

    payoff: Numbers
    """[point]; NaN if it was not played."""
    effect: Numbers
    """What each repetition or trained run adds to it [point, unit]; the sum of squares is the squared standard
    error."""
    beyond: Numbers
    """The variance that repetitions do not show: of unseen events, and of single matches; NaN if unknown
    [point]."""
    freedom: Numbers
    """Degrees of freedom of the effects [point]."""
    matches: Indices
    """0 if it is exact [point]."""

    def __getitem__(self, at: object) -> Points:
        return replace(self, **{name: getattr(self, name)[at] for name in self.__dataclass_fields__})

    def __sub__(self, other: Points) -> Points:
        """Differences, of payoffs that may share repetitions and runs."""
        payoff, scale = self.payoff - other.payoff, np.abs(self.payoff) + np.abs(other.payoff)
        return Points(
            np.where(np.abs(payoff) <= TINY * scale, 0.0, payoff),
            self.effect - other.effect,
            self.beyond + other.beyond,
            np.minimum(self.freedom, other.freedom),
            np.minimum(self.matches, other.matches),
        )

    def ends(self) -> tuple[Numbers, Numbers]:
        """The ends of the 95 % intervals; NaN if unknown."""
        seen = (self.effect**2).sum(-1)
        variance = seen + self.beyond
        # What is unseen is a bound, without sampling error: the degrees of freedom are those of what is seen.
        with np.errstate(divide="ignore", invalid="ignore"):
            freedom = np.where(seen > 0, variance**2 / (seen**2 / self.freedom), np.inf)
            half = np.where(variance == 0, 0.0, t_isf((1 - CONFIDENCE) / 2, freedom) * np.sqrt(variance))
        return self.payoff - half, self.payoff + half


@dataclass(frozen=True, eq=False)
class Diagram:
    """The lines of a cooperator and a defector."""

    cooperator: str
    defector: str
    beside: str
    """Who sits on seats of other roles; empty if nobody does."""
    lines: Points
    """[line, other cooperators]: Rc, then Rd."""

    @property
    def size(self) -> int:
        """N."""
        return int(self.lines.payoff.shape[1])

    def turned(self) -> Diagram:
        """With the roles of both exchanged."""
        return Diagram(self.defector, self.cooperator, self.beside, self.lines[::-1, ::-1])

    @property
    def temptation(self) -> Points:
        """Rd(j) - Rc(j), for each number j of other cooperators."""
        return self.lines[D] - self.lines[C]


@dataclass(frozen=True, eq=False)
class _Groups:
    """Of each cell of a league, who the others of the group were."""

    cells: Cells
    size: int
    """N, the seats of the league."""
    others: Indices
    """How many of each agent [cell, agent]."""
    names: list[str]
    """Who may sit on the seats of other roles, together; empty if nobody does."""
    beside: Indices
    """Which of these did [cell]."""

    @staticmethod
    def of(cells: Cells, seats: int) -> _Groups:
        count = len(cells.agents)
        one = np.eye(count, dtype=np.int64)
        if not cells.members:
            others = one[cells.agent] * (cells.k - 1)[:, None] + one[cells.partner] * (seats - cells.k)[:, None]
            return _Groups(cells, seats, others, [""], np.zeros(len(cells.agent), dtype=np.int64))
        places, index = set(cells.seat.tolist()), {str(label): at for at, label in enumerate(cells.agents)}
        company, beside = np.zeros((len(cells.partners), count), dtype=np.int64), list[str]()
        for row, members in enumerate(cells.members):
            apart = list[str]()
            for (place, label), chairs in members.items():
                if place in places:
                    company[row, index[label]] += chairs
                else:
                    apart.append(f"{chairs} {label}" if chairs > 1 else label)
            beside.append(", ".join(apart))
        names, others = list(dict.fromkeys(beside)), company[cells.partner]
        which = np.array([names.index(each) for each in beside], dtype=np.int64)
        return _Groups(cells, int(others.sum(1).max()) + 1, others, names, which[cells.partner])

    @property
    def full(self) -> Flags:
        """The cells of groups without an empty seat [cell]."""
        return np.asarray(self.others.sum(1) == self.size - 1, dtype=np.bool_)

    def pairs(self) -> list[tuple[int, int, int]]:
        """Two agents that met in groups without a third, and who sat beside them."""
        whole = self.others + np.eye(len(self.cells.agents), dtype=np.int64)[self.cells.agent]
        two = self.full & ((whole > 0).sum(1) == 2)
        pair = np.nonzero(whole[two])[1].reshape(-1, 2)
        known = np.unique(np.column_stack((self.beside[two], pair)), axis=0)
        return [(first, second, beside) for beside, first, second in known.tolist()]

    def of_pair(self, first: int, second: int, beside: int) -> Indices:
        """The cells of groups of these two agents, or of one of them."""
        mine = (self.cells.agent == first) | (self.cells.agent == second)
        among = self.others[:, first] + self.others[:, second] == self.size - 1
        return np.flatnonzero(mine & (self.beside == beside) & among)


def diagrams(evidence: Evidence) -> list[Diagram]:
    """The diagrams of a league, of all pairs of agents that shared its seats in several proportions, or of those
    that the options name; those that differ most in how much they cooperate come first."""
    cells, table = evidence.all_cells, evidence.all_table
    if evidence.game["seats"] < 3 or not (cells.square or cells.members):
        return []
    groups = _Groups.of(cells, evidence.game["seats"])
    if groups.size < 3:
        return []
    every, cooperation = _points(cells, table), table["cooperation"].to_numpy(np.float64)
    named = {frozenset(pair): tuple(pair) for pair in evidence.options.schelling}
    found = list[tuple[float, Diagram]]()
    for first, second, beside in groups.pairs():
        pair = str(cells.agents[first]), str(cells.agents[second])
        if named and frozenset(pair) not in named:
            continue
        here = groups.of_pair(first, second, beside)
        mine = cells.agent[here] == first
        others = groups.others[here, first]
        share = np.zeros((2, groups.size, len(here)))
        share[np.where(mine, C, D), others, np.arange(len(here))] = 1.0
        lines = _mixed(every[here], share)
        if (np.isfinite(lines.payoff).sum(1) < LEAST).any():
            continue
        more = _mean(cooperation[here[mine]]) - _mean(cooperation[here[~mine]])
        alone = lines.payoff[C, -1] - lines.payoff[D, 0]
        diagram = Diagram(*pair, groups.names[beside], lines)
        if named[frozenset(pair)] != pair if named else (more or alone) < 0 or (np.isnan(more) and alone < 0):
            diagram = diagram.turned()
        found.append((float(np.nan_to_num(abs(more))), diagram))
    return [diagram for _, diagram in sorted(found, key=lambda each: -each[0])]


def _mean(values: Numbers) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


def _points(cells: Cells, table: pd.DataFrame) -> Points:
    """Every cell as a point."""
    held, units = repetition_effects(cells)
    payoff, variance = (table[name].to_numpy(np.float64) for name in ("payoff", "variance"))
    far = reach(cells, payoff)
    equal = ~cells.exact & equal_matches(variance, far)
    beyond = np.where(equal, unseen_error(cells.matches, far) ** 2, 0.0)
    alone = ~cells.exact & (held < 2)
    beyond = np.where(alone, np.maximum(table["standard_error"].to_numpy(np.float64) ** 2, beyond), beyond)
    freedom = np.where(units.trained, units.freedom[cells.positions[0]], np.maximum(held - 1, 1.0))
    freedom[~units.effect.any(1)] = np.inf
    matches = table["matches"].to_numpy(np.int64)
    return Points(payoff, units.effect / cells.share[:, None], beyond, freedom, matches)


def _mixed(cells: Points, has: Numbers) -> Points:
    """The means over the cells that each point has [..., point, cell], 1 or 0; NaN where it has none."""
    count = has.sum(-1)
    nothing = np.where(count > 0, 0.0, np.nan)
    share = has / np.maximum(count, 1)[..., None]
    return Points(
        share @ cells.payoff + nothing,
        share @ cells.effect,
        np.where(has > 0, share**2 * cells.beyond, 0.0).sum(-1) + nothing,
        np.where(has > 0, cells.freedom, np.inf).min(-1),
        np.where(has > 0, cells.matches, 0).sum(-1),
    )


def schelling_table(found: Sequence[Diagram]) -> pd.DataFrame:
    """A row for each diagram and number of other cooperators: both payoffs and their difference."""
    parts = list[pd.DataFrame]()
    for diagram in found:
        columns: dict[str, object] = {
            "cooperator": diagram.cooperator,
            "defector": diagram.defector,
            "beside": diagram.beside,
            "other_cooperators": np.arange(diagram.size),
        }
        named = {"c_payoff": diagram.lines[C], "d_payoff": diagram.lines[D], "temptation": diagram.temptation}
        for name, points in named.items():
            low, high = points.ends()
            columns |= {name: points.payoff, f"{name}_low": low, f"{name}_high": high}
        columns |= {"c_matches": diagram.lines[C].matches, "d_matches": diagram.lines[D].matches}
        parts.append(pd.DataFrame(columns))
    names = list(SCHELLING.without("environment", "role"))
    return pd.concat(parts, ignore_index=True)[names] if parts else pd.DataFrame(columns=names)


def conditions(diagram: Diagram) -> list[dict[str, object]]:
    """Whether it is a social dilemma: a row for each condition, and for all together."""
    cooperates, defects, last = diagram.lines[C], diagram.lines[D], diagram.size - 1
    tempts = diagram.temptation
    low, high = tempts.ends()
    holds = [_verdict(*ends) == "yes" for ends in zip(low, high, strict=True)]
    fear = next((at for at, here in enumerate(holds) if not here), len(holds))
    greed = next((at for at, here in enumerate(holds[::-1]) if not here), len(holds))
    rows = [
        _row("all C beat all D", cooperates[last] - defects[0]),
        _row("all C beat a lone C", cooperates[last] - cooperates[0]),
        {**_row("fear", tempts[0]), "where": _span(0, fear - 1)},
        {**_row("greed", tempts[last]), "where": _span(last - greed + 1, last)},
    ]
    # All have to hold, so each may be tested at the full level (Berger 1982).
    everywhere = tempts.payoff.min(), low.min(), high.min()
    where = _span(0, last) if all(holds) else ""
    rows.append(_row_of("D pays more for every number", *everywhere) | {"where": where})
    first, second, third, fourth, _ = (str(row["verdict"]) for row in rows)
    both = _all(first, second)
    either = "yes" if "yes" in (third, fourth) else "no" if third == fourth == "no" else "open"
    rows.append(_row_of(WHOLE, np.nan, np.nan, np.nan) | {"verdict": _all(both, either)})
    about = {"cooperator": diagram.cooperator, "defector": diagram.defector, "beside": diagram.beside}
    return [about | row for row in rows]


def _row(condition: str, difference: Points) -> dict[str, object]:
    low, high = difference.ends()
    return _row_of(condition, float(difference.payoff), float(low), float(high))


def _row_of(condition: str, difference: float, low: float, high: float) -> dict[str, object]:
    return {
        "condition": condition,
        "difference": difference,
        "low": low,
        "high": high,
        "verdict": _verdict(low, high),
        "where": "",
    }


def _verdict(low: float, high: float) -> str:
    """Whether a difference is above 0, by its interval."""
    return "yes" if low > 0 else "no" if high <= 0 else "open"


def _all(*verdicts: str) -> str:
    return "no" if "no" in verdicts else "open" if "open" in verdicts else "yes"


def _span(first: int, last: int) -> str:
    return "" if last < first else str(first) if first == last else f"{first} to {last}"


def social_dilemma_table(found: Sequence[Diagram]) -> pd.DataFrame:
    """The conditions of each diagram."""
    rows = [row for diagram in found for row in conditions(diagram)]
    return pd.DataFrame(rows, columns=list(SOCIAL_DILEMMA.without("environment", "role")))


def _remarks(found: Sequence[Diagram], *, named: bool) -> Iterator[str]:
    said: dict[str, list[str]] = {verdict: [] for verdict in VERDICTS}
    for diagram in found:
        verdicts = {str(row["condition"]): str(row["verdict"]) for row in conditions(diagram)}
        why = " and ".join(name for name in ("fear", "greed") if verdicts[name] == "yes")
        by = f", by {why}" if why and verdicts[WHOLE] == "yes" else ""
        beside = f" beside {diagram.beside}" if diagram.beside else ""
        said[verdicts[WHOLE]].append(f"{diagram.cooperator} (C) and {diagram.defector} (D){beside}{by}")
    for verdict, names in said.items():
        rest = f"; and {len(names) - FEW} more" if len(names) > FEW else ""
        if names:
            yield f"{VERDICTS[verdict]}: {'; '.join(names[:FEW])}{rest}."
    if any(np.isnan(each.lines.payoff).any() for each in found):
        yield "Some groups were not played; those of one type are with [schedule] self_play = true."
    if not named:
        yield (
            "Of two agents the one that cooperates more is the cooperator or, where a game does not say what "
            "cooperates, the one that earns more among its own kind. analysis.schelling = "
            '[["COOPERATOR", "DEFECTOR"]] names them.'
        )


def _missing(evidence: Evidence, found: Sequence[Diagram]) -> Iterator[str]:
    """Pairs that were named and did not meet."""
    drawn = {frozenset((each.cooperator, each.defector)) for each in found}
    here = set(map(str, evidence.all_cells.agents[evidence.all_cells.roster]))
    for pair in evidence.options.schelling:
        if frozenset(pair) not in drawn and here.issuperset(pair) and evidence.game["seats"] > 2:
            yield (
                f"no Schelling diagram of {pair[0]} and {pair[1]}: "
                "they did not share the seats in several proportions"
            )


def _diagrams(evidence: Evidence) -> Finding | None:
    found = diagrams(evidence)
    gaps = tuple(_missing(evidence, found))
    return Finding(schelling_table(found), gaps, gaps) if found or gaps else None


def _conditions(evidence: Evidence) -> Finding | None:
    found = diagrams(evidence)
    if not found:
        return None
    return Finding(social_dilemma_table(found), tuple(_remarks(found, named=bool(evidence.options.schelling))))


CHAPTERS = (
    Chapter(
        "schelling",
        "Schelling diagrams",
        "What each of two types earns by how many of the others are cooperators, with 95 % intervals over "
        "repetitions. Temptation is what a defector earns above a cooperator.",
        _diagrams,
        shown=lambda table: table.drop(columns=["c_matches", "d_matches"]),
    ),
    Chapter(
        "social_dilemma",
        "Is it a social dilemma?",
        "The conditions on Schelling diagrams (Leibo et al. 2017; Hughes et al. 2018): all are better off if all "
        "cooperate than if all defect, and than a lone cooperator; and there is fear (a defector earns more than "
        "a cooperator if all others defect) or greed (if all others cooperate), or both. A verdict is yes or no "
        "if the 95 % interval of the difference has 0 outside, and else open. Where: the numbers of other "
        "cooperators for which it certainly holds, counted from that end.",
        _conditions,
        shown=with_interval("difference"),
    ),
)
