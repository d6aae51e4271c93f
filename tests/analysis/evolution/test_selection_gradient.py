"""The gradient of selection: closed forms, and the steps that it is the difference of."""

import numpy as np
import pytest

from dilemma.analysis.evolution import selection_gradient

CHICKEN = [[3.0, 2], [5, 1]]
N, K = 20, np.arange(21)


def test_fermi_is_a_hyperbolic_tangent():
    """k/N (N - k)/(N - 1) tanh(w (gain) / 2). Traulsen, Nowak and Pacheco 2006, with pairs without replacement."""
    gain = ((3 * (K - 1) + 2 * (N - K)) - (5 * K + N - K - 1)) / (N - 1)
    wanted = K / N * (N - K) / (N - 1) * np.tanh(0.7 * gain / 2)
    np.testing.assert_allclose(selection_gradient(CHICKEN, N, 0.7, "fermi"), wanted, rtol=1e-12)
    drawn = selection_gradient(CHICKEN, N, 0.7, "fermi", pairs="with_replacement")
    np.testing.assert_allclose(drawn, wanted * (N - 1) / N, rtol=1e-12)


@pytest.mark.parametrize("fitness", ["exponential", "linear"])
def test_moran_and_wright_fisher_are_what_births_change(fitness):
    """The share of births, less the share that is there."""
    f, g = (3 * (K - 1) + 2 * (N - K)) / (N - 1), (5 * K + N - K - 1) / (N - 1)
    f, g = (np.exp(0.4 * f), np.exp(0.4 * g)) if fitness == "exponential" else (0.6 + 0.4 * f, 0.6 + 0.4 * g)
    wanted = np.where((K > 0) & (K < N), K * f / (K * f + (N - K) * g) - K / N, 0)
    for process in ("moran", "wright_fisher"):
        found = selection_gradient(CHICKEN, N, 0.4, process, fitness)
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-16)


def test_local_update_is_linear_in_payoffs():
    gain = ((3 * (K - 1) + 2 * (N - K)) - (5 * K + N - K - 1)) / (N - 1)
    found = selection_gradient(CHICKEN, N, 0.4, "local_update")
    np.testing.assert_allclose(found, K / N * (N - K) / (N - 1) * 0.4 * gain / 4, rtol=1e-11)


@pytest.mark.parametrize("process", ["moran", "fermi", "local_update", "wright_fisher"])
def test_nothing_moves_what_is_neutral_and_what_has_no_fitness_goes(process):
    assert not selection_gradient(np.ones((2, 2)), 30, 1, process).any()
    weak = selection_gradient(CHICKEN, N, 1e-12, process)
    assert (np.abs(weak[1:-1]) < 1e-11).all()
    assert (weak[1:-1] != 0).any()  # no cancellation
    if process != "fermi":
        dead = selection_gradient([[0, 0], [1, 1]], 10, 1, process, "linear")
        assert (dead[1:-1] < 0).all()


def test_two_types_only():
    with pytest.raises(ValueError, match="of two types; here are 3"):
        selection_gradient(np.eye(3), 5, 1)
