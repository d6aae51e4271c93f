"""Variance components of payoffs: agents, partners, their interaction, and repetitions."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from ...chapter_columns import VARIANCE
from ..arrays import Numbers
from ..cells import Cells
from ..finding import Finding
from ..report.chapters import Chapter, Evidence
from .influence_functions import payoff_matrix

COLUMNS = VARIANCE.without("role")
COMPONENTS = ("agent", "partner", "interaction", "repetition")
MAX_PAIRS = 5000
"""A mixed model of more pairs takes too long."""


def variance_components(cells: Cells, table: pd.DataFrame) -> Finding:
    """A row for each component of the variance of one match's payoff, in crossed random effects:

        payoff_ijr = mean + agent_i + partner_j + interaction_ij + repetition_ijr.

    If all pairs met: expected mean squares of the two-way table of cell means (Searle, Casella and McCulloch 1992,
    chapter 4), negative ones set to 0. Otherwise: restricted maximum likelihood of a mixed model (statsmodels).
    `repetition` is the mean variance of one match; its contribution to cell means is subtracted from the
    interaction. A share is of the sum.
    """
    matrix = payoff_matrix(cells, table)
    within, left = _within(cells, table)
    remarks = []
    met = ~np.isnan(matrix)
    matrix = matrix[met.any(1)][:, met.any(0)]
    met = ~np.isnan(matrix)
    if min(matrix.shape) < 2:
        return Finding(_empty(), ("Variance needs two agents and two partners or more to be split.",))
    if np.isnan(within):
        remarks.append("With single matches repetitions can't be told from the interaction, which holds both.")
    if met.all():
        agent, partner, rest = mean_squares(matrix)
    elif met.sum() > MAX_PAIRS:
        return Finding(_empty(), (f"Some pairs never met, and {met.sum()} are too many for a mixed model.",))
    else:
        remarks.append("Some pairs never met: the split is by restricted maximum likelihood.")
        agent, partner, rest, converged = _mixed(matrix)
        if not converged:
            remarks.append("The mixed model did not converge; take its figures as rough.")
    interaction = rest - (0.0 if np.isnan(left) else left)
    raw = np.array([agent, partner, interaction, within])
    if (raw[:3] < 0).any():
        names = [name for name, value in zip(COMPONENTS, raw, strict=False) if value < 0]
        remarks.append(f"Estimated below 0 and set to 0: {', '.join(names)}.")
    variance = np.where(raw < 0, 0.0, raw)
    total = np.nansum(variance)
    share = variance / total if total > 0 else np.full(4, np.nan)
    if total == 0:
        remarks.append("All payoffs are the same: there is no variance to split.")
    columns = {"environment": cells.environment, "component": COMPONENTS, "variance": variance, "share": share}
    return Finding(pd.DataFrame(columns), tuple(remarks))


def mean_squares(matrix: Numbers) -> tuple[float, float, float]:
    """Variances of rows, of columns and of the residual of a full table, by expected mean squares.

    With a rows and b columns of cell means these are (MS_rows - MS_rest) / b, (MS_columns - MS_rest) / a, MS_rest.
    """
    rows, columns = matrix.shape
    mean = matrix.mean()
    by_row, by_column = matrix.mean(1) - mean, matrix.mean(0) - mean
    rest = matrix - mean - by_row[:, None] - by_column
    for deviation in (by_row, by_column, rest):
        deviation[np.abs(deviation) < 1e-12 * max(1.0, np.abs(matrix).max())] = 0.0
    square = float((rest**2).sum()) / ((rows - 1) * (columns - 1))
    return (
        float((by_row**2).sum() / (rows - 1)) - square / columns,
        float((by_column**2).sum() / (columns - 1)) - square / rows,
        square,
    )


def _within(cells: Cells, table: pd.DataFrame) -> tuple[float, float]:
    """The mean variance of one match, and its mean contribution to a pair's mean payoff; NaN if unknown."""
    error = np.where(cells.exact, 0.0, table["standard_error"].to_numpy(np.float64))
    known = ~np.isnan(error)
    if not known.any():
        return np.nan, np.nan
    # An expectation adds no noise to its cell's mean.
    variance = np.where(cells.exact, 0.0, table["matches"].to_numpy() * error**2)[known]
    share = cells.share[known]
    return float((variance * share).sum() / share.sum()), float((error[known] ** 2 * share**2).sum() / share.sum())


def _mixed(matrix: Numbers) -> tuple[float, float, float, bool]:
    from statsmodels.regression.mixed_linear_model import MixedLM

    agent, partner = np.nonzero(~np.isnan(matrix))
    payoff = matrix[agent, partner]
    scale = float(payoff.std()) or 1.0
    data = pd.DataFrame({"payoff": (payoff - payoff.mean()) / scale, "agent": agent, "partner": partner})
    parts = {"agent": "0 + C(agent)", "partner": "0 + C(partner)"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # becomes a remark
        model = MixedLM.from_formula("payoff ~ 1", groups=np.ones(len(data)), vc_formula=parts, data=data)
        fit = model.fit(reml=True)
    found = dict(zip(model.exog_vc.names, np.asarray(fit.vcomp) * scale**2, strict=True))
    return float(found["agent"]), float(found["partner"]), float(fit.scale) * scale**2, bool(fit.converged)


def _empty() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=np.float64) for name in COLUMNS})


def _compute(evidence: Evidence) -> Finding | None:
    return None if len(evidence.names) < 3 else variance_components(evidence.cells, evidence.table)


CHAPTERS = (
    Chapter(
        "variance",
        "Where the variance comes from",
        "The variance of one match's payoff, split into agents, their partners, how the two go together, and "
        "repetitions.",
        _compute,
    ),
)
