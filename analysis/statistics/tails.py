"""Tails of the normal, Student's t, F and chi squared distributions.

They equal those of scipy.stats, which takes half a second to import.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, fdtrc, ndtri, stdtr, stdtrit

from ..arrays import Numbers

CONFIDENCE = 0.95
"""Confidence level of all intervals."""


def normal_isf(tail: ArrayLike) -> Numbers:
    """The value that a standard normal exceeds with this probability."""
    return -_floats(ndtri(_floats(tail)))


def t_isf(tail: ArrayLike, freedom: ArrayLike) -> Numbers:
    """The value that Student's t exceeds with this probability; NaN without a degree of freedom."""
    return -t_ppf(tail, freedom)


def t_ppf(below: ArrayLike, freedom: ArrayLike) -> Numbers:
    """The value that Student's t stays below with this probability; NaN without a degree of freedom."""
    below, freedom = _floats(below), _floats(freedom)
    # stdtrit has the wrong sign at 0.
    return _floats(np.where((below == 0) & (freedom > 0), -np.inf, stdtrit(freedom, below)))


def t_sf(t: ArrayLike, freedom: ArrayLike) -> Numbers:
    """The probability that Student's t exceeds this; NaN without a degree of freedom."""
    return _floats(stdtr(_floats(freedom), -_floats(t)))


def f_sf(f: ArrayLike, above: ArrayLike, below: ArrayLike) -> Numbers:
    """The probability that F exceeds this, with degrees of freedom of numerator and denominator."""
    return _floats(fdtrc(_floats(above), _floats(below), _floats(f)))


def chi_squared_sf(chi_squared: ArrayLike, freedom: ArrayLike) -> Numbers:
    """The probability that chi squared exceeds this."""
    return _floats(chdtrc(_floats(freedom), _floats(chi_squared)))


def _floats(values: ArrayLike) -> Numbers:
    return np.asarray(values, dtype=np.float64)
