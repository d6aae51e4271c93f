"""The stationary distribution of a Markov chain, without cancellation."""

from __future__ import annotations

import numpy as np

from ..arrays import Flags, Numbers

_CHUNK = 1 << 17  # rates eliminated at once: they stay in cache
_SMALLEST = 1e-250  # below this, rounding of outflows could matter


def stationary(log_rates: Numbers) -> Numbers:
    """The distribution pi [..., n] with pi Q = 0, from logarithms of the rates of an irreducible chain [..., n,
    n].

    By state reduction (Grassmann, Taksar and Heyman 1985), which has no subtraction: each probability is accurate
    to a few units in the last place, even if the chain is nearly decomposable. Diagonals are ignored. If rates
    exceed the range of floats, the same is done in logarithms.
    """
    n = log_rates.shape[-1]
    logs = log_rates.reshape(-1, n, n)
    law = np.empty((len(logs), n))
    step = max(1, _CHUNK // n**2)
    for first in range(0, len(logs), step):
        part = logs[first : first + step]
        some, sound = _in_floats(part)
        if not sound.all():
            some[~sound] = _in_logarithms(part[~sound])
        law[first : first + step] = some
    return law.reshape(log_rates.shape[:-1])


def _in_floats(log_rates: Numbers) -> tuple[Numbers, Flags]:
    """Distributions [chain, n], and which of them stayed within the range of floats."""
    n = log_rates.shape[-1]
    states = np.arange(n)
    logs = log_rates.copy()
    logs[:, states, states] = -np.inf
    rates = np.exp(logs - logs.max((1, 2), keepdims=True, initial=-1e300))
    sound = np.ones(len(rates), dtype=np.bool_)
    law = np.ones((len(rates), n))
    with np.errstate(all="ignore"):
        for k in range(n - 1, 0, -1):
            leaving = rates[:, k, :k].sum(-1)
            sound &= leaving > _SMALLEST
            rates[:, :k, k] /= leaving[:, None]
            rates[:, :k, :k] += rates[:, :k, k, None] * rates[:, k, None, :k]
        for k in range(1, n):
            law[:, k] = (law[:, :k] * rates[:, :k, k]).sum(-1)
        total = law.sum(-1)
        sound &= np.isfinite(total)
        law /= total[:, None]
    return law, sound


def _in_logarithms(log_rates: Numbers) -> Numbers:
    n = log_rates.shape[-1]
    logs = log_rates.copy()
    law = np.zeros((len(logs), n))
    for k in range(n - 1, 0, -1):
        logs[:, :k, k] -= np.logaddexp.reduce(logs[:, k, :k], axis=-1)[:, None]
        logs[:, :k, :k] = np.logaddexp(logs[:, :k, :k], logs[:, :k, k, None] + logs[:, k, None, :k])
    for k in range(1, n):
        law[:, k] = np.logaddexp.reduce(law[:, :k] + logs[:, :k, k], axis=-1)
    law = np.exp(law - law.max(-1, keepdims=True))
    scaled: Numbers = law / law.sum(-1, keepdims=True)
    return scaled
