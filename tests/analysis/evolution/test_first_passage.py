"""First passage: against chains written out and solved, and closed forms, in steps."""

import numpy as np
import pytest
from scipy.stats import binom

from dilemma.analysis.evolution import first_passage_times

PD = np.array([[3.0, 0], [5, 1]])
SIZE, SELECTION, MUTATION = 11, 0.3, 0.07


def solved(process, mutates_to, enough, pairs="without_replacement"):
    """The steps that cooperators need among defectors, from the chain of 0 .. `enough` - 1 of them."""
    others = SIZE if pairs == "with_replacement" else SIZE - 1
    chain = np.zeros((SIZE, SIZE + 1))
    for k in range(SIZE):
        f = np.exp(SELECTION * PD[0] @ (k - 1, SIZE - k) / (SIZE - 1))
        g = np.exp(SELECTION * PD[1] @ (k, SIZE - k - 1) / (SIZE - 1))
        fresh = 1 / 2 if mutates_to == "any" else 1
        if process in ("moran", "wright_fisher"):
            b = k * f / (k * f + (SIZE - k) * g)
            b = (1 - MUTATION) * b + MUTATION * (1 / 2 if mutates_to == "any" else 1 - b)
            up, down = (SIZE - k) / SIZE * b, k / SIZE * (1 - b)
        else:
            copy, back = f / (f + g), g / (f + g)
            if process == "local_update":
                gain = np.log(f / g) / 5
                copy, back = (1 + gain) / 2, (1 - gain) / 2
            up = (SIZE - k) / SIZE * ((1 - MUTATION) * k / others * copy + MUTATION * fresh)
            down = k / SIZE * ((1 - MUTATION) * (SIZE - k) / others * back + MUTATION * fresh)
        if process == "wright_fisher":
            chain[k] = binom.pmf(np.arange(SIZE + 1), SIZE, b)
            continue
        chain[k, k + 1], chain[k, k] = up, 1 - up - down
        if k:
            chain[k, k - 1] = down
    return np.linalg.solve(np.eye(enough) - chain[:enough, :enough], np.ones(enough))[0]


@pytest.mark.parametrize("process", ["moran", "fermi", "local_update", "wright_fisher"])
@pytest.mark.parametrize("mutates_to", ["any", "others"])
@pytest.mark.parametrize(("share", "enough"), [(0.01, 1), (0.5, 6), (1.0, 11)])
def test_times_are_those_of_a_linear_solve(process, mutates_to, share, enough):
    given = {"mutation": MUTATION, "mutates_to": mutates_to, "share": share}
    times = first_passage_times(PD, SIZE, SELECTION, process, **given)
    assert times[0, 1] == pytest.approx(solved(process, mutates_to, enough), rel=1e-10)
    assert (times.diagonal() == 0).all()
    of_three = first_passage_times(np.pad(PD, (0, 1)), SIZE, SELECTION, process, **given)
    np.testing.assert_allclose(of_three[:2, :2], times, rtol=1e-12)


def test_pairs_with_replacement():
    times = first_passage_times(PD, SIZE, SELECTION, "fermi", mutation=MUTATION, pairs="with_replacement")
    assert times[0, 1] == pytest.approx(solved("fermi", "any", 6, "with_replacement"), rel=1e-11)


@pytest.mark.parametrize("size", [2, 10, 100])
def test_mutation_alone_is_ehrenfests_urn(size):
    """From empty to half full in n (1 + 1/3 + ... + 1/(2n - 1)) moves, N = 2n; "any" idles half of the time."""
    n = size // 2
    moves = n * (1 / np.arange(1, size, 2)).sum()
    for process, mutates_to, idle in (("fermi", "others", 1), ("fermi", "any", 2), ("moran", "any", 2)):
        times = first_passage_times(PD, size, 1, process, mutation=1, mutates_to=mutates_to)
        np.testing.assert_allclose(times[[0, 1], [1, 0]], idle * moves, rtol=1e-12)


def test_waiting_for_rare_mutants_takes_the_longest():
    """As mutation goes to 0: (waiting for a mutant) / (its chance to get to all) to have all of the population."""
    from dilemma.analysis.evolution import fixation_probabilities

    u = 1e-9
    times = first_passage_times(PD, 8, 0.2, mutation=u, mutates_to="others", share=1.0)
    np.testing.assert_allclose(
        1 / (u * times[[0, 1], [1, 0]]), fixation_probabilities(PD, 8, 0.2)[[0, 1], [1, 0]], rtol=1e-5
    )


def test_what_it_cant_be_asked():
    with pytest.raises(ValueError, match="mutation is a probability above 0"):
        first_passage_times(PD, 5, 1, mutation=0)
    with pytest.raises(ValueError, match="share is above 0 and at most 1, not 2"):
        first_passage_times(PD, 5, 1, mutation=0.1, share=2)
