"""Friedman's test of equal ranks over blocks (partners or environments), with tests of each pair of agents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ...chapter_columns import FRIEDMAN
from ..arrays import Flags, Indices, Numbers
from ..finding import Finding
from ..ranking.rank_sets import holm
from ..report.chapters import Chapter, Evidence
from .tails import CONFIDENCE, chi_squared_sf

MAX_ENUMERATED = 25
MAX_AGENTS = 250
"""With more agents the signed ranks of all pairs take tens of seconds and gigabytes."""
COLUMNS = FRIEDMAN.without("environment", "role")


def friedman(matrix: Numbers, agents: Sequence[str], blocks: str = "partners") -> Finding:
    """A row for each pair of agents, from payoffs [agent, block]; `blocks` is their name in sentences.

    Agents are ranked within each block, 1 the best; `rank` is the mean over blocks. The remarks have Friedman's
    chi squared with a correction for ties (Friedman 1937). `p_wilcoxon` is the signed-rank test of the pair alone
    (zeros split, Pratt's method). Unlike mean ranks, it does not depend on third agents (Benavoli, Corani and
    Mangili 2016). `p` is adjusted by Holm over all pairs. Blocks with a missing agent are left out. Above 250
    agents pairs are not tested.
    """
    there: Flags = np.asarray(~np.isnan(matrix).all(1), dtype=np.bool_)
    remarks = []
    if not there.all():
        remarks.append(f"Left out, without a payoff: {', '.join(np.asarray(agents, dtype=object)[~there])}.")
    agents, matrix = [agent for agent, in_it in zip(agents, there, strict=True) if in_it], matrix[there]
    whole: Flags = np.asarray(~np.isnan(matrix).any(0), dtype=np.bool_)
    kept = matrix[:, whole].round(12)
    size, count = kept.shape
    if not whole.all():
        remarks.append(f"{int((~whole).sum())} of {len(whole)} {blocks} are left out: not all agents met them.")
    ranks = _ranks(-kept).mean(1) if kept.size else np.full(size, np.nan)
    first, second = np.triu_indices(size if size <= MAX_AGENTS else 0, 1)
    if size > MAX_AGENTS:
        remarks.append(f"Pairs are tested for at most {MAX_AGENTS} agents; there are {size}.")
    if size < 2 or count < 2:
        remarks.append(f"Friedman's test needs two agents and two {blocks} or more; there are {size} and {count}.")
        alone = np.ones(len(first))
    else:
        remarks.append(_verdict(kept, blocks))
        alone = _wilcoxon(kept[first] - kept[second])
    columns = {
        "agent": [agents[i] for i in first.tolist()],
        "other": [agents[i] for i in second.tolist()],
        "rank": ranks[first],
        "other_rank": ranks[second],
        "p_wilcoxon": alone,
        "p": holm(alone),
    }
    return Finding(pd.DataFrame(columns, columns=list(COLUMNS)), tuple(remarks))


def _verdict(kept: Numbers, blocks: str) -> str:
    size, count = kept.shape
    if (kept == kept[0]).all():
        return f"Over {count} {blocks} all agents earn the same."
    if size == 2:
        return "With two agents Friedman's test is a sign test; see the pair's signed ranks."
    mean, ranks = (size + 1) / 2, _ranks(kept)
    apart = ((ranks.mean(1) - mean) ** 2).sum()
    chi = (size - 1) * count**2 * apart / ((ranks - mean) ** 2).sum()  # the denominator corrects for ties
    p = float(chi_squared_sf(chi, size - 1))
    p_text = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    differ = "Agents differ" if p <= 1 - CONFIDENCE else "No agent differs surely"
    return (
        f"{differ} in their ranks over {count} {blocks}: chi squared {chi:.1f} with {size - 1} degrees, {p_text}."
    )


def _wilcoxon(apart: Numbers) -> Numbers:
    """Two-sided signed-rank p-values of differences [pair, block]; 1 if there is no difference.

    Ranks of zeros are split between both sides. Up to 25 blocks the distribution over all sign flips is exact.
    """
    differ = (apart != 0).any(1)
    p = np.ones(len(apart))
    if not differ.any():
        return p
    kept, blocks = apart[differ], apart.shape[1]
    if blocks <= MAX_ENUMERATED:
        ranks = np.where(kept == 0, 0.0, _ranks(np.abs(kept).T).T)
        p[differ] = _by_flips(np.rint(2 * ranks).astype(np.int64), kept > 0)
    else:
        from scipy.stats import wilcoxon  # takes half a second; most reports do not need it

        p[differ] = wilcoxon(kept, axis=1, zero_method="zsplit").pvalue
    return np.nan_to_num(p, nan=1.0)


def _by_flips(ranks: Indices, positive: Flags) -> Numbers:
    """Two-sided p-values [pair] of the sum of positive ranks, from the number of sign flips that give each sum.

    `ranks` are integers [pair, block]. The distribution of sums is built block by block.
    """
    sums = np.arange(int(ranks.sum(1).max()) + 1)
    share = np.zeros((len(ranks), len(sums)))
    share[:, 0] = 1
    for rank in ranks.T:
        before = sums - rank[:, None]
        share = (share + np.where(before >= 0, np.take_along_axis(share, before.clip(0), 1), 0.0)) / 2
    seen = (ranks * positive).sum(1)[:, None]
    above, below = (share * (sums >= seen)).sum(1), (share * (sums <= seen)).sum(1)
    return np.asarray((2 * np.minimum(above, below)).clip(max=1), dtype=np.float64)


def _ranks(values: Numbers) -> Numbers:
    """Ranks within each column, 1 for the smallest; ties get their mean."""
    return pd.DataFrame(values).rank().to_numpy(np.float64)


def _compute(evidence: Evidence) -> Finding | None:
    few = len(evidence.names) < 3 or evidence.cells.members  # companies are not independent blocks
    return None if few else friedman(evidence.matrix, evidence.names)


CHAPTERS = (
    Chapter(
        "friedman",
        "Ranks within partners",
        "Friedman's test of equal ranks, with partners as blocks, and Wilcoxon's signed-rank test of each pair, "
        "adjusted after Holm.",
        _compute,
    ),
)
