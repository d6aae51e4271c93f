"""The Pareto front: agents that no other dominates in payoff, in payoff of partners and in loss to exploiters."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import pandas as pd

from ...chapter_columns import PARETO
from ..arrays import Flags, Numbers
from ..cells import Cells
from ..finding import Finding
from ..report.chapters import Chapter, Evidence
from ..statistics.bootstrap import bootstrap_tables, generator
from ..statistics.influence_functions import payoff_matrix

COLUMNS = PARETO.without("role")
MAX_DRAWS, MAX_WORK = 500, 4_000_000
"""Largest number of bootstrap draws, and of draws x agents^2."""


def pareto(
    cells: Cells,
    table: pd.DataFrame,
    victim_loss: Mapping[str, float] | None = None,
    *,
    background: Collection[str] = (),
    draws: int,
    seed: int,
) -> Finding:
    """A row for each agent of one environment, from its cells and their `cell_table`.

    Criteria are `payoff`, the mean over partners, self-play included; `partners_payoff`, the mean of what others
    earn with the agent; and, if given by label, `victim_loss`, its loss to an exploiter, which counts against it.
    An agent is dominated by one that is nowhere worse and somewhere better; `dominated_by` names the dominating
    agent that earns most. Agents of the `background` are partners only.

    `fixed_p_front` is the share of bootstrap draws with the agent on the front, with these partners and other
    repetitions; for `p_front` partners are drawn as well. The victim's loss is not drawn. Raises ValueError for an
    unknown label.
    """
    names = [str(name) for name in cells.agents[cells.roster]]
    unknown = sorted({*(victim_loss or ()), *background} - set(cells.agents))
    if unknown:
        raise ValueError(f"There is no agent {', '.join(unknown)}; there is {', '.join(names)}")
    ranked = ~np.isin(names, list(background))
    loss = np.array([(victim_loss or {}).get(name, np.nan) for name in names], dtype=np.float64)
    judged = ~np.isnan(loss[ranked]).all()
    even = np.ones(len(names))
    points = _points(payoff_matrix(cells, table), even, loss)
    own, partners = points[:, 0], points[:, 1]
    known: Flags = np.asarray(ranked & ~np.isnan(points[:, : 2 + judged]).any(1), dtype=np.bool_)
    over = dominates(points[known])
    tables = bootstrap_tables(cells, draws, seed)
    counts = generator(cells.environment, seed).multinomial(len(names), even / len(names), draws)
    shares = {name: np.full(len(names), np.nan) for name in ("p_front", "fixed_p_front")}
    for name, weights in (("p_front", counts), ("fixed_p_front", np.tile(even, (draws, 1)))):
        drawn = zip(tables, weights.astype(np.float64), strict=True)
        fronts = [~dominates(_points(each, weight, loss)[known]).any(0) for each, weight in drawn]
        shares[name][known] = np.mean(fronts, axis=0) if draws else np.nan
    first = np.full(len(names), "", dtype=object)
    above = np.where(over, own[known][:, None], -np.inf)
    inside = np.asarray(names, dtype=object)[known]
    first[known] = np.where(over.any(0), inside[above.argmax(0)] if len(inside) else "", "")
    front = np.zeros(len(names), dtype=np.bool_)
    front[known] = ~over.any(0)
    found = pd.DataFrame(
        {
            "environment": cells.environment,
            "agent": pd.Categorical.from_codes(cells.roster, cells.agents),
            "payoff": own,
            "partners_payoff": partners,
            "victim_loss": loss,
            "on_front": front,
            **shares,
            "dominated_by": first,
        }
    )[ranked]
    found = found.sort_values(["on_front", "payoff"], ascending=False, kind="stable", ignore_index=True)
    return Finding(found[list(COLUMNS)], tuple(_remarks(names, ranked & ~known, front, bool(judged))))


def dominates(points: Numbers) -> Flags:
    """Whether the first is nowhere worse and somewhere better [agent, agent], of points [agent, criterion].

    Larger is better. A criterion that is unknown for all is ignored; agents that are equal do not dominate each
    other.
    """
    points = points[:, ~np.isnan(points).all(0)].round(12)
    worse = (points[:, None] < points[None]).any(2)
    better: Flags = np.asarray((points[:, None] > points[None]).any(2) & ~worse, dtype=np.bool_)
    return better


def _points(table: Numbers, weights: Numbers, loss: Numbers) -> Numbers:
    """Own payoff, payoff of others and negative loss [agent, criterion], from a table [agent, opponent].

    `weights` [partner] are how often a partner was drawn; equal weights replace them if an agent met none of those
    drawn.
    """
    given = table.T.copy()
    np.fill_diagonal(given, np.nan)
    criteria = []
    for values in (table, given):
        met = ~np.isnan(values)
        weight = met * weights
        weight = np.where(weight.sum(1, keepdims=True) > 0, weight, met)
        total = weight.sum(1)
        sums = (weight * np.where(met, values, 0)).sum(1)
        criteria.append(np.where(total > 0, sums / np.where(total > 0, total, 1), np.nan))
    return np.stack((*criteria, -loss), 1)


def _remarks(names: list[str], unknown: Flags, front: Flags, judged: bool) -> Iterator[str]:
    if not judged:
        yield "What victims lose is not known: the front is of payoff and of what partners earn."
    if unknown.any():
        left_out = ", ".join(name for name, lacks in zip(names, unknown, strict=True) if lacks)
        yield f"Left out of the front, because something of theirs is unknown: {left_out}."
    if not front.any():
        yield "There is no front: it takes an agent that met another one."


def _compute(evidence: Evidence) -> Finding | None:
    if len(evidence.names) < 2 or not evidence.all_cells.square:
        return None
    options, all_cells = evidence.options, evidence.all_cells
    loss: dict[str, float] = {}
    for card in evidence.cards:
        if card["environment"] == all_cells.environment and card["kind"] == "exact" and "reason" not in card:
            loss[str(card["agent"])] = float(str(card["self_play"])) - float(str(card["victim_payoff"]))
    return pareto(
        all_cells,
        evidence.all_table,
        loss or None,
        background=options.background,
        draws=min(options.draws, MAX_DRAWS, MAX_WORK // len(evidence.names) ** 2),
        seed=options.seed,
    )


CHAPTERS = (
    Chapter(
        "pareto",
        "Pareto front",
        "Agents that no other dominates in own payoff, payoff of partners and loss to the best response at once; "
        "with the share of bootstrap draws in which it is on the front.",
        _compute,
        square=True,
    ),
)
