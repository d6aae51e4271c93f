"""Conduct: what agents do in the first round and after each outcome, and the traits derived from it.

Games of two players with two actions have all measures; other games have only cooperation, if it is defined there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ...chapter_columns import CONDUCT, CONDUCT_BY_PARTNER
from ..arrays import Numbers
from ..cells import Cells
from ..finding import Finding
from ..report.chapters import Chapter, Evidence
from ..statistics.ratios import NEGLIGIBLE, RatioEstimate, product_of, ratio
from .eigenmorality import goodness
from .welfare import mean_of_others

STATES = ("cc", "cd", "dc", "dd")
RESPONSES = ("p_start", *(f"p_{state}" for state in STATES))
TRAITS = ("niceness", "retaliation", "forgiveness", "contrition", "reciprocity", "cooperation", "good_partner")
COLUMNS = CONDUCT.without("role")
PAIR_COLUMNS = CONDUCT_BY_PARTNER.without("role")
LISTED_AGENTS = 5


def conduct(cells: Cells) -> Finding:
    """A row for each agent of one environment; measures with their 95 % intervals over partners.

    `p_start` is the probability to open with C; `p_cc`, `p_cd`, `p_dc`, `p_dd` are the probabilities to play C
    after the last moves (own, other's). They are frequencies of executed actions, noise included; each partner has
    the same weight, self-play included. The traits are
        niceness = p_start p_cc         never the first to defect: a first defection is at the start or after CC
        retaliation = 1 - p_cd
        forgiveness = P(C | the other's last move was D)     (Axelrod 1984)
        contrition = p_dc               returns to C after defecting on a cooperator (Boyd 1989)
        reciprocity = P(C | the other's was C) - P(C | the other's was D)
    `good_partner` is the share of matches with others in which the agent cooperates at least as much as they do
    (Axelrod library), averaged over partners. In exact cells it is the expected share; it is NaN if it is unknown
    with some partner. `eigenjesus` and `eigenmoses` are in `eigenmorality`. If all partners agree the interval has
    width 0; with one partner there is none.
    """
    sums = _sums(cells)
    found = _measures(sums)
    others_known = (sums["cooperates"] > 0) & ~np.eye(len(cells.roster), dtype=np.bool_)
    unjudged = (others_known & (sums["judged"] == 0)).any(1)
    found["good_partner"].value[unjudged] = np.nan
    columns: dict[str, object] = {
        "environment": cells.environment,
        "agent": pd.Categorical.from_codes(cells.roster, cells.agents),
    }
    for name, estimate in found.items():
        half, least = estimate.half_width(), -1.0 if name == "reciprocity" else 0.0
        columns[name] = estimate.value
        columns[f"{name}_low"] = (estimate.value - half).clip(least, 1)
        columns[f"{name}_high"] = (estimate.value + half).clip(least, 1)
    ratings, remarks = goodness(cells, np.where(sums["cooperates"] > 0, sums["cooperation"], np.nan))
    table = pd.DataFrame({**columns, **ratings, "partners": (sums["met"] > 0).sum(1)})[list(COLUMNS)]
    return Finding(table, (*_remarks(table), *remarks))


def conduct_by_partner(cells: Cells) -> Finding:
    """A row for each agent and opponent of one environment; measures as in `conduct`, without intervals."""
    sums = _sums(cells)
    agent, opponent = np.nonzero(sums["met"])
    found = _measures({name: values[agent, opponent][:, None] for name, values in sums.items()})
    columns = {
        "environment": cells.environment,
        "agent": pd.Categorical.from_codes(cells.roster[agent], cells.agents),
        "opponent": pd.Categorical.from_codes(cells.roster[opponent], cells.agents),
        **{name: estimate.value for name, estimate in found.items()},
    }
    table = pd.DataFrame(columns)
    return Finding(table, tuple(_remarks(table)))


def _sums(cells: Cells) -> dict[str, Numbers]:
    """Means over the cells of each pair [agent, partner], 0 if unknown; and 1 where they are known.

    Conduct is in shares of rounds; "opening" and "good" are shares of matches.
    """
    size, sums = len(cells.roster), dict[str, Numbers]()
    agent, opponent = cells.positions
    at = agent * size + opponent

    def add(name: str, known_as: str, values: Numbers, weights: Numbers) -> None:
        known = ~np.isnan(values)
        weight = cells.per_cell(np.where(known, weights, 0.0))
        mean = cells.per_cell(np.where(known, values * weights, 0.0)) / np.where(weight > 0, weight, 1)
        share = np.bincount(at, weight > 0, size * size)
        sums[name] = (np.bincount(at, mean, size * size) / share.clip(1)).reshape(size, size)
        sums[known_as] = (share > 0).astype(np.float64).reshape(size, size)

    weights = cells.per_match(cells.weights())
    once = np.ones(len(weights))
    for name in ("opening", *(f"{kind}_{state}" for kind in ("after", "c_after") for state in STATES)):
        values = cells.per_match(cells.column(name))
        add(name, "opened", values, once if name == "opening" else weights)
    cooperation = cells.column("cooperation")
    own, theirs = cells.per_match(cooperation), mean_of_others(cells, cooperation)
    good = np.where(np.isnan(own + theirs), np.nan, own >= theirs - NEGLIGIBLE)
    good = np.where(np.repeat(cells.exact, cells.matches), cells.per_match(cells.column("good")), good)
    good[np.repeat(agent == opponent, cells.matches)] = np.nan
    add("cooperation", "cooperates", own, weights)
    add("good", "judged", good, once)
    add("met", "met", once, once)
    return sums


def _measures(sums: dict[str, Numbers]) -> dict[str, RatioEstimate]:
    """All measures of each unit, from sums [unit, partner]."""
    after = {state: sums[f"after_{state}"] for state in STATES}
    played_c = {state: sums[f"c_after_{state}"] for state in STATES}
    p = {state: ratio(played_c[state], after[state]) for state in STATES}
    start = ratio(sums["opening"], sums["opened"])
    after_c = ratio(played_c["cc"] + played_c["dc"], after["cc"] + after["dc"])
    after_d = ratio(played_c["cd"] + played_c["dd"], after["cd"] + after["dd"])
    fewer = np.minimum(after_c.partners, after_d.partners)
    return {
        "p_start": start,
        **{f"p_{state}": estimate for state, estimate in p.items()},
        "niceness": product_of(start, p["cc"]),
        "retaliation": RatioEstimate(1 - p["cd"].value, -p["cd"].influence, p["cd"].partners),
        "forgiveness": after_d,
        "contrition": p["dc"],
        "reciprocity": RatioEstimate(after_c.value - after_d.value, after_c.influence - after_d.influence, fewer),
        "cooperation": ratio(sums["cooperation"], sums["cooperates"]),
        "good_partner": ratio(sums["good"], sums["judged"]),
    }


def _remarks(table: pd.DataFrame) -> Iterator[str]:
    if "partners" in table and (table["partners"] < 2).any():
        yield "Intervals are over partners; agents with one partner have none."
    judged = table["good_partner"].isna() & table["cooperation"].notna()
    if "opponent" in table:
        judged &= table["agent"].astype(str) != table["opponent"].astype(str)
    elif "partners" in table:
        judged &= table["partners"] > 1
    if judged.any():
        yield "Where the share of matches as a good partner is missing, it is known for played matches only."
    unknown = table[list(RESPONSES)].isna()
    if unknown.all(axis=None):
        yield "What players do after what is known only of games of two players with two actions."
        if table["cooperation"].isna().all():
            yield "Cooperation has no meaning here, or was not recorded: nothing can be said of conduct."
        return
    if "opponent" in table:
        return
    for name, state in zip(RESPONSES[1:], STATES, strict=True):
        who = table["agent"][unknown[name]].astype(str).to_list()
        if who:
            more = f" and {len(who) - LISTED_AGENTS} more" if len(who) > LISTED_AGENTS else ""
            yield f"Never seen after {state.upper()}: {', '.join(who[:LISTED_AGENTS])}{more}."


def _unless_blank(finding: Finding) -> Finding | None:
    """None if no opening is known: then the game has no such measures."""
    return None if "p_start" not in finding.table or finding.table["p_start"].isna().all() else finding


CHAPTERS = (
    Chapter[Evidence](
        "conduct",
        "Conduct",
        "Probability to cooperate at the start and after the last (own, other's) moves CC, CD, DC, DD, with its "
        "95 % interval over partners, and what follows from it.",
        lambda evidence: _unless_blank(conduct(evidence.cells)),
        square=True,
    ),
    Chapter[Evidence](
        "conduct_by_partner",
        "Conduct with each partner",
        "The same with each partner.",
        lambda evidence: _unless_blank(conduct_by_partner(evidence.cells)),
        square=True,
    ),
)
