"""Pairwise comparisons of agents, paired by partner: difference, p-values and a verdict."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...chapter_columns import COMPARISONS
from ..arrays import Flags, Indices, Numbers
from ..cells import Cells
from ..finding import Finding
from ..ranking.rank_sets import holm, payoff_contrasts
from ..report.chapters import Chapter, Evidence
from .bootstrap import generator
from .influence_functions import influences, kind_membership, payoff_matrix
from .tails import CONFIDENCE

COLUMNS = COMPARISONS.without("role")
DRAWS = 10_000
"""Largest number of sign flips."""
MAX_WORK, MIN_FLIPS = 40_000_000_000, 200
"""Largest cost of sign flips, as flips x pairs x partners (two seconds); and the fewest flips."""
MAX_ENUMERATED = 12
"""Up to this number of partners all sign flips are enumerated."""
_BATCH = 1_000_000  # numbers held at once


def comparisons(cells: Cells, table: pd.DataFrame, *, margin: float, draws: int, seed: int) -> Finding:
    """A row for each pair of agents of one environment, the better one first.

    `low` to `high` is the 95 % interval of the difference over the sampled field. `p_flip` flips the signs of the
    differences with each kind of partners (all flips for up to 12 kinds, else `draws`). It is exact if kinds are
    exchangeable, but ignores randomness that repetitions share; `p_student` includes that. `p` is the larger of
    both (Student's alone if none of the draws reached the difference), adjusted for all pairs (Holm 1979). With
    fewer than five kinds of partners nothing is known of other partners.

    The verdict on the first agent is "equivalent" if the 90 % interval lies within -+ `margin` (two one-sided
    tests, Schuirmann 1987, each pair alone), else "better" if p is at most 0.05, else "unresolved". Raises
    ValueError for a negative margin.
    """
    if not margin >= 0:
        raise ValueError(f"margin is {margin}: it must be 0 or more, in payoff per round")
    influence, matrix = influences(cells, table), payoff_matrix(cells, table)
    found = payoff_contrasts(influence)
    order = np.argsort(np.where(np.isnan(influence.payoff), np.inf, -influence.payoff), kind="stable")
    order = order[~np.isnan(influence.payoff[order])]
    first, second = (order[index] for index in np.triu_indices(len(order), 1))
    pair = _pairs(len(influence.payoff))[first, second]
    scale = np.abs(np.nan_to_num(matrix)).max(initial=1)
    of_kind = kind_membership(cells, influence.kind)
    common, flipped = np.zeros(len(first), dtype=np.int64), np.ones(len(first))
    batch = max(1, _BATCH // max(1, len(matrix)))
    for begin in range(0, len(first), batch):
        some = slice(begin, begin + batch)
        ours, theirs = matrix[first[some]], matrix[second[some]]
        both = ~np.isnan(ours) & ~np.isnan(theirs)
        apart = np.where(both, np.nan_to_num(ours) - np.nan_to_num(theirs), 0.0)
        apart[np.abs(apart) < 1e-12 * scale] = 0.0
        common[some] = both.sum(1)
        # The same signs for all pairs.
        flipped[some] = sign_flip(apart @ of_kind, draws, generator(cells.environment, seed))
    all_of = np.maximum(influence.partners[first], influence.partners[second])
    # If no flip reached the difference, there are too few draws to estimate p.
    beyond = (of_kind.shape[1] > MAX_ENUMERATED) & (flipped <= 1 / (draws + 1))
    student = found.p[pair]
    p = holm(np.where(beyond, student, np.maximum(flipped, student)))
    difference = np.abs(found.difference[pair])
    half_width, narrow = (found.half_width(level)[pair] for level in (CONFIDENCE, 2 * CONFIDENCE - 1))
    known = found.known[pair]
    within = difference + narrow <= margin
    verdict = np.select([within & known, p <= 1 - CONFIDENCE], ["equivalent", "better"], "unresolved")
    columns = {
        "environment": cells.environment,
        "agent": pd.Categorical.from_codes(cells.roster[first], cells.agents),
        "other": pd.Categorical.from_codes(cells.roster[second], cells.agents),
        "difference": difference,
        "low": difference - half_width,
        "high": difference + half_width,
        "p_flip": flipped,
        "p_student": student,
        "p": p,
        "verdict": verdict,
        "partners": common,
    }
    return Finding(pd.DataFrame(columns), tuple(_remarks(common, common == all_of, verdict)))


def _pairs(size: int) -> Indices:
    """The index of each pair in `payoff_contrasts` [agent, agent]."""
    at = np.zeros((size, size), dtype=np.int64)
    first, second = np.triu_indices(size, 1)
    at[first, second] = at[second, first] = np.arange(len(first))
    return at


def sign_flip(apart: Numbers, draws: int, random: np.random.Generator) -> Numbers:
    """Two-sided p-values of mean differences [pair, partner] by flips of their signs; 0 is no difference.

    With up to 12 partners p = (number of flips that reach |sum|) / 2^n; else, with `draws` random flips and the
    observed one, (1 + number that reach it) / (draws + 1) (Phipson and Smyth 2010).
    """
    pairs, partners = apart.shape
    exact = partners <= MAX_ENUMERATED
    if exact:
        # By symmetry half of the flips are enough.
        codes = np.arange(2 ** max(partners - 1, 0))
        signs = 1.0 - 2 * ((codes[:, None] >> np.arange(partners)) & 1)
    else:
        signs = random.integers(0, 2, (draws, partners)) * 2.0 - 1
    reach = np.abs(apart.sum(1)) - 1e-12 * np.abs(apart).sum(1)
    count = np.zeros(pairs)
    batch = max(1, _BATCH // max(1, len(signs)))
    for begin in range(0, pairs, batch):
        part = slice(begin, begin + batch)
        count[part] = (np.abs(apart[part] @ signs.T) >= reach[part, None]).sum(1)
    return count / len(signs) if exact else (1 + count) / (draws + 1)


def _remarks(partners: Indices, known: Flags, verdict: NDArray[np.str_]) -> Iterator[str]:
    """Sentences on common partners [pair], whether these are all of both agents' partners [pair], and verdicts."""
    pairs = len(verdict)
    if not pairs:
        yield "There are no two agents to compare."
        return
    fewest = int(partners.min())
    if fewest <= MAX_ENUMERATED and pairs * 2.0 ** (1 - fewest) > 1 - CONFIDENCE:
        common = f"{fewest} partner{'s' if fewest != 1 else ''} in common"
        yield f"With {common} flips of signs can hardly reach p = 0.05 in {pairs} comparisons."
    if not known.all():
        yield "Some pairs met different partners: the difference of their payoffs is not all their own doing."
    resolved = int((verdict != "unresolved").sum())
    yield f"{resolved} of {pairs} pair{'s' if pairs != 1 else ''} of agents can be told apart, or to be alike."


def _compute(evidence: Evidence) -> Finding | None:
    if len(evidence.names) < 2:
        return None
    options, (size, partners) = evidence.options, evidence.cells.shape
    flips = max(MIN_FLIPS, min(DRAWS, MAX_WORK // (size * (size - 1) // 2 * partners)))
    found = comparisons(
        evidence.cells, evidence.table, margin=options.margin or 0.0, draws=flips, seed=options.seed
    )
    fewer = (f"For so many pairs p_flip rests on {flips:,} flips of signs.",) if flips < DRAWS else ()
    return Finding(found.table, (*found.remarks, *fewer))


CHAPTERS = (
    Chapter(
        "comparisons",
        "Pairs of agents",
        "Differences of mean payoffs, paired by partner, with the 95 % interval over other partners of this kind, "
        "and p-values adjusted for all pairs.",
        _compute,
    ),
)
