"""Tails of distributions are those of scipy.stats."""

import numpy as np
import pytest
from scipy import stats

from dilemma.analysis.statistics.tails import chi_squared_sf, f_sf, normal_isf, t_isf, t_ppf, t_sf

P = np.array([0, 1e-300, 1e-12, 0.001, 0.025, 0.5, 0.975, 1, np.nan])[:, None]
X = np.array([-np.inf, -3, 0, 0.5, 10, 1e300, np.inf, np.nan])[:, None]
FREEDOM = np.array([0, 0.5, 1, 2.7, 33, 1e10, np.inf, np.nan])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (normal_isf(P), stats.norm.isf(P)),
        (t_isf(P, FREEDOM), stats.t.isf(P, FREEDOM)),
        (t_ppf(P, FREEDOM), stats.t.ppf(P, FREEDOM)),
        (t_sf(X, FREEDOM), stats.t.sf(X, FREEDOM)),
        (f_sf(X[2:], 3, FREEDOM[1:-2]), stats.f.sf(X[2:], 3, FREEDOM[1:-2])),
        (chi_squared_sf(X[2:], FREEDOM[1:-2]), stats.chi2.sf(X[2:], FREEDOM[1:-2])),
    ],
)
def test_tails_are_those_of_scipy(ours, theirs):
    np.testing.assert_array_equal(ours, theirs)
