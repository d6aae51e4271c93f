"""The same chains by EGTtools, where it is installed: Fermi, with mutation to another type."""

import numpy as np
import pytest

from dilemma.analysis.evolution import mutation_distribution, small_mutation_chain

egttools = pytest.importorskip("egttools")


def theirs(payoffs, size):
    from egttools.analytical import PairwiseComparison
    from egttools.games import Matrix2PlayerGameHolder

    game = Matrix2PlayerGameHolder(len(payoffs), payoffs)  # must outlive the other
    return game, PairwiseComparison(size, game)


def test_small_mutation_of_random_games():
    from egttools.utils import calculate_stationary_distribution

    random = np.random.default_rng(8)
    for _ in range(50):
        types, size = int(random.integers(2, 9)), int(random.integers(5, 60))
        payoffs = random.random((types, types))
        _keep, pairwise = theirs(payoffs, size)
        transition, _ = pairwise.calculate_transition_and_fixation_matrix_sml(
            0.1
        )  # their solver loses digits where chains are weak
        chain = small_mutation_chain(payoffs, size, 0.1, "fermi")
        np.testing.assert_allclose(chain.transition, transition, atol=1e-8)
        law = calculate_stationary_distribution(transition.T)
        np.testing.assert_allclose(chain.distribution, law, atol=1e-8)


def test_full_chain_of_three_types():
    from egttools.utils import calculate_stationary_distribution

    payoffs = np.random.default_rng(0).random((3, 3))
    _keep, pairwise = theirs(payoffs, 20)
    chain = pairwise.calculate_transition_matrix(1.0, 1e-3)
    law = calculate_stationary_distribution(chain.toarray().T)
    states = np.array([egttools.sample_simplex(i, 20, 3) for i in range(len(law))])
    ours = mutation_distribution(payoffs, 20, 1.0, "fermi", mutation=1e-3, mutates_to="others")
    order = np.lexsort(states.T[::-1])
    assert (states[order] == ours.states).all()
    np.testing.assert_allclose(ours.probabilities, law[order], atol=1e-8)
