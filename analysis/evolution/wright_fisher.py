"""The Wright-Fisher process: every generation anew, each member drawn by its parents' fitness."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from ..arrays import Indices, Numbers
from .processes import Process, pair_payoffs


def transitions(process: Process, mutant: Indices, resident: Indices) -> Numbers:
    """From i to j mutants in a generation [pair, i, j], for i = 1 .. N - 1 and j = 0 .. N.

    j is binomial of N and p = i f / (i f + (N - i) g), with f and g the fitness of mutants and residents.
    Ewens 2004, section 1.4; Imhof and Nowak 2006 (frequency-dependent selection).
    """
    size = process.size
    count = np.arange(1, size)
    earned = np.stack(
        [pair_payoffs(process, mutant, resident), pair_payoffs(process, resident, mutant)[::-1]], axis=-1
    )
    counts = np.stack([count, size - count], axis=-1)
    births = process.log_births(earned, counts[:, None, :]).swapaxes(0, 1)  # [pair, i, type]
    return np.exp(log_multinomial(births, np.stack([np.arange(size + 1), np.arange(size + 1)[::-1]], axis=-1)))


def log_multinomial(log_chances: Numbers, counts: Indices) -> Numbers:
    """log probability [..., outcome] of counts [outcome, type] in as many draws, from log chances [..., type]."""
    ways = gammaln(counts.sum(-1) + 1.0) - gammaln(counts + 1.0).sum(-1)
    finite = np.maximum(log_chances, -1e300)  # none drawn of what can't be: 0 times it is 0
    return np.asarray(ways + finite @ counts.T.astype(np.float64), np.float64)
