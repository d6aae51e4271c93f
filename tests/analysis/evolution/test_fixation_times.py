"""Fixation times: closed forms and golden values, in steps."""

import numpy as np
import pytest

from dilemma.analysis.evolution import fixation_probabilities, fixation_times

PD = [[3, 0], [5, 1]]


@pytest.mark.parametrize(("size", "wanted"), [(10, 28.2896825397), (20, 70.9547931429), (100, 517.737751764)])
def test_neutral_moran(size, wanted):
    times = fixation_times([[1, 1], [1, 1]], size, 0)
    assert times.either[0, 1] == pytest.approx(wanted, rel=1e-11)
    assert times.fixation[0, 1] == pytest.approx(size * (size - 1), rel=1e-11)


def test_moran_with_constant_fitness():
    times = fixation_times([[2, 2], [1, 1]], 10, 1, fitness="linear")
    assert times.either[0, 1] == pytest.approx(34.8801843318, rel=1e-11)
    assert times.fixation[0, 1] == pytest.approx(60.2693874226, rel=1e-11)


@pytest.mark.parametrize(
    ("pairs", "either", "fixation"),
    [("without_replacement", 191.358025002, 657.567757412), ("with_replacement", 201.429500002, 692.176586750)],
)
def test_pairs_with_and_without_replacement(pairs, either, fixation):
    times = fixation_times(PD, 20, 0.1, "fermi", pairs=pairs)
    assert times.either[1, 0] == pytest.approx(either, rel=1e-11)
    assert times.fixation[1, 0] == pytest.approx(fixation, rel=1e-11)


@pytest.mark.parametrize(
    ("size", "s", "wanted"), [(10, 0.1, 6.701061957), (20, 0.1, 9.357643168), (10, 0, 5.753276487)]
)
def test_generations_of_wright_fisher(size, s, wanted):
    times = fixation_times([[1 + s, 1 + s], [1, 1]], size, 1, "wright_fisher", "linear")
    assert times.either[0, 1] == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("process", ["moran", "fermi", "local_update", "wright_fisher"])
@pytest.mark.parametrize("mutants", [1, 4, 8])
def test_either_is_the_mean_of_the_two(process, mutants):
    payoffs = np.random.default_rng(4).random((5, 5))
    rho = fixation_probabilities(payoffs, 9, 0.7, process, mutants=mutants)
    for idle in (True, False):
        times = fixation_times(payoffs, 9, 0.7, process, mutants=mutants, idle_steps=idle)
        np.testing.assert_allclose(times.either, rho * times.fixation + (1 - rho) * times.extinction, rtol=1e-11)
    back = fixation_times(payoffs, 9, 0.7, process, mutants=9 - mutants, idle_steps=False)
    np.testing.assert_allclose(times.fixation, back.extinction.T, rtol=1e-10)


def test_times_are_those_of_a_linear_solve():
    """The chain of the Moran process written out, one mutant defector among 11 cooperators."""
    size, k = 12, np.arange(1, 12)
    f, g = np.exp(0.3 * ((k - 1) * 1 + (size - k) * 5) / 11), np.exp(0.3 * ((size - k - 1) * 3) / 11)
    up, down = (
        k * f / (k * f + (size - k) * g) * (size - k) / size,
        (size - k) * g / (k * f + (size - k) * g) * k / size,
    )
    moves = np.diag(up + down) - np.diag(up[:-1], 1) - np.diag(down[1:], -1)
    phi = np.linalg.solve(moves, np.where(k == size - 1, up, 0))
    times = fixation_times(PD, size, 0.3)
    assert times.either[1, 0] == pytest.approx(np.linalg.solve(moves, np.ones(11))[0], rel=1e-11)
    assert times.fixation[1, 0] == pytest.approx(np.linalg.solve(moves, phi)[0] / phi[0], rel=1e-11)
    moved = fixation_times(PD, size, 0.3, idle_steps=False)
    assert moved.either[1, 0] == pytest.approx(np.linalg.solve(moves, up + down)[0], rel=1e-11)


def test_what_cant_happen_has_no_time():
    times = fixation_times(PD, 5, 1, fitness="linear")
    assert np.isnan(times.fixation[0, 1])
    assert times.extinction[0, 1] == pytest.approx(5)  # waits until the one without offspring is replaced


def test_coexistence_lasts_longer_than_floats_only_where_it_does():
    times = fixation_times([[0, 3], [3, 0]], 400, 1)
    assert times.either[0, 1] > 1e100
    assert np.isfinite(times.extinction[0, 1])
