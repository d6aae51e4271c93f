"""Stationary laws under selection and mutation, rare or not: closed forms, published games, golden values."""

import math

import numpy as np
import pytest
from scipy.special import gammaln

from dilemma.analysis.evolution import (
    fixation_probabilities,
    group_game,
    mutation_distribution,
    small_mutation_chain,
    small_mutation_distribution,
)

PD = [[3, 0], [5, 1]]
HAWK_DOVE = [[-0.5, 2], [0, 1]]
STAG_HUNT = [[4, 0], [3, 2]]
ALLC, ALLD, TFT, WSLS = (1, 1, 1, 1), (0, 0, 0, 0), (1, 0, 1, 0), (1, 0, 0, 1)
EXTORTIONER = (6 / 7, 1 / 2, 5 / 14, 0)


def payoff(own, other, b, c=1):
    """Mean payoffs a round of memory-one strategies [..., CC CD DC DD] in an infinite donation game."""
    p, q = np.broadcast_arrays(np.asarray(own, float), np.asarray(other, float)[..., [0, 2, 1, 3]])
    chain = np.stack([p * q, p * (1 - q), (1 - p) * q, (1 - p) * (1 - q)], axis=-1)
    system = np.swapaxes(chain, -1, -2) - np.eye(4)
    system[..., 3, :] = 1
    law = np.linalg.solve(system, np.broadcast_to([[0.0], [0], [0], [1]], (*p.shape, 1)))[..., 0]
    return law @ [b - c, -c, b, 0]


def table(strategies, b, error):
    erring = np.array(strategies) * (1 - 2 * error) + error
    return payoff(erring[:, None], erring[None], b)


# ALLC, ALLD and TFT: R 3, S .1, T 5, P 1 for ten rounds, .8 a game for TFT
REPEATED = [[3, 0.1, 3], [5, 1, 1.4], [2.92, 0.91 - 0.08, 2.92]]


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        (10, (0.10182351, 0.37849879, 0.5196777)),
        (20, (0.07625917, 0.35274853, 0.5709923)),
        (30, (0.06122991, 0.36760406, 0.57116603)),
        (50, (0.0453863, 0.41887786, 0.53573584)),
        (100, (0.02756434, 0.57760879, 0.39482687)),
        (200, (0.01100809, 0.82304739, 0.16594452)),
    ],
)
def test_tit_for_tat_leads_in_small_populations(size, wanted):
    """In the manner of Imhof, Fudenberg and Nowak 2005."""
    law = small_mutation_distribution(REPEATED, size, 1, fitness="linear")
    np.testing.assert_allclose(law, wanted, atol=1e-7)


@pytest.mark.parametrize(
    ("size", "selection", "wanted"),
    [
        (20, 0.1, (0.11743254, 0.39855827, 0.48400919)),
        (50, 0.1, (0.06348572, 0.30896083, 0.62755345)),
        (100, 0.1, (0.03711789, 0.25817323, 0.70470889)),
        (100, 1, (0.00920605, 0.18204055, 0.8087534)),
    ],
)
def test_repeated_dilemma_without_a_cost(size, selection, wanted):
    chain = small_mutation_chain([[3, 0, 3], [5, 1, 1.4], [3, 0.9, 3]], size, selection, "fermi")
    np.testing.assert_allclose(chain.distribution, wanted, atol=1e-8)
    assert chain.neutral.tolist() == [[True, False, True], [False, True, False], [True, False, True]]
    np.testing.assert_allclose(chain.transition.sum(1), 1)
    np.testing.assert_allclose(chain.distribution @ chain.transition, chain.distribution, atol=1e-14)


@pytest.mark.parametrize(
    ("b", "wanted", "without"),
    [
        (1.5, (0.02130374, 0.813928, 0.11190156, 0.05286671), 0),
        (2, (0.02753657, 0.69212314, 0.07733899, 0.2030013), 0),
        (2.5, (0.00355279, 0.07153336, 0.00733633, 0.91757752), 2.6e-7),
        (3, (4.1e-6, 7.119e-5, 7.02e-6, 0.99991769), 0.02060115),
        (3.5, (0, 0, 0, 1), 0.99940301),
    ],
)
def test_tit_for_tat_lowers_the_benefit_that_cooperation_needs(b, wanted, without):
    """Imhof, Fudenberg and Nowak 2007."""
    law = small_mutation_distribution(table([ALLC, ALLD, TFT, WSLS], b, 0.01), 100, 1)
    np.testing.assert_allclose(law, wanted, atol=1e-5 if b == 3.5 else 2e-8)
    three = small_mutation_distribution(table([ALLC, ALLD, WSLS], b, 0.01), 100, 1)
    assert three[2] == pytest.approx(without, abs=1e-8)


def test_payoffs_of_memory_one_strategies_that_err():
    """ALLC, ALLD, TFT and WSLS at b = 3, one move in a hundred wrong; ALLC and an extortioner without errors."""
    wanted = [
        [1.98, -0.96, 1.9506, 0.51],
        [2.96, 0.02, 0.0494, 1.49],
        [1.9898, 0.0102, 1, 1],
        [2.47, -0.47, 1, 1.941192],
    ]
    np.testing.assert_allclose(table([ALLC, ALLD, TFT, WSLS], 3, 0.01), wanted, atol=5e-7)
    extorted = table([ALLC, EXTORTIONER], 3, 1e-7)
    assert extorted[[1, 0], [0, 1]] == pytest.approx((16 / 7, 8 / 7), abs=1e-5)


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        (2, (0.05857601, 0.3549361, 0.2, 0.13882184, 0.24766608)),
        (5, (0.06180992, 0.35052748, 0.17892061, 0.30936265, 0.09937934)),
        (10, (0.04941572, 0.30434668, 0.09599238, 0.52052734, 0.02971788)),
        (20, (0.0201, 0.1508, 0.0323, 0.7904, 0.0064)),
    ],
)
def test_extortion_lives_in_very_small_populations(size, wanted):
    """Hilbe, Nowak and Sigmund 2013."""
    payoffs = table([ALLC, ALLD, TFT, WSLS, EXTORTIONER], 3, 1e-7)
    assert payoffs[4, 3] == pytest.approx(16 / 19, abs=1e-5)
    law = small_mutation_distribution(payoffs, size, 1, "fermi")
    np.testing.assert_allclose(law, wanted, atol=1e-4 if size == 20 else 1e-6)


def test_win_stay_lose_shift_beats_extortion_in_a_population_of_fifty():
    payoffs = table([ALLC, ALLD, TFT, WSLS, EXTORTIONER], 3, 1e-7)
    assert payoffs[[4, 3], [3, 4]] == pytest.approx((16 / 19, 8 / 19), abs=1e-5)
    assert small_mutation_distribution(payoffs, 50, 1)[3] == pytest.approx(0.99331815, abs=1e-6)


def test_nobody_invades_a_generous_zero_determinant_strategy():
    """R - own = chi (R - other) with chi at most N - 1 and (2N - 1) / (N + 1): Stewart and Plotkin 2013."""
    b, c, chi, size = 3, 1, 1.5, 10
    gap = np.array([0, -c - 2 - chi * (b - 2), b - 2 + chi * (c + 2), (chi - 1) * 2])
    generous = np.array([1, 1, 0, 0]) + gap / 10
    mutants = np.random.default_rng(5).random((10_000, 4))
    payoffs = np.empty((10_000, 2, 2))
    payoffs[:, 0, 0], payoffs[:, 0, 1] = payoff(mutants, mutants, b), payoff(mutants, generous, b)
    payoffs[:, 1, 0], payoffs[:, 1, 1] = payoff(np.broadcast_to(generous, mutants.shape), mutants, b), b - c
    np.testing.assert_allclose(2 - payoffs[:, 1, 0], chi * (2 - payoffs[:, 0, 1]), atol=1e-9)
    for selection in (0.01, 10):
        assert max(fixation_probabilities(game, size, selection)[0, 1] for game in payoffs) < 1 / size + 1e-12


def test_the_type_that_gains_is_not_the_one_that_thrives():
    game = [[0, -1, 2], [1, 0, -1], [-1, 1, 0]]
    weak, strong = small_mutation_distribution(game, 50, 0.1), small_mutation_distribution(game, 50, 1)
    np.testing.assert_allclose(weak, (0.39167959, 0.39051587, 0.21780455), atol=1e-8)
    np.testing.assert_allclose(strong, (0.36527261, 0.36527261, 0.26945479), atol=1e-8)


def test_the_chain_that_three_libraries_share():
    """Han, Pereira, Santos and Lenaerts 2013; the values are OpenSpiel's and EGTtools' too."""
    r, t, p, s, delta, eps = 1, 2, 0, -1, 4, 0.25
    game = [
        [r - eps / 2, r - eps, 0, s + delta - eps, r - eps],
        [r, r, s, s, s],
        [0, t, p, p, p],
        [t - delta, t, p, p, p],
        [r, t, p, p, p],
    ]
    wanted = [0.40966787, 0.07959841, 0.20506998, 0.08505983, 0.22060390]
    np.testing.assert_allclose(small_mutation_distribution(game, 20, 0.1, "fermi"), wanted, atol=1e-8)


def public_goods(types, r=3.0, alone=1.0, fine=1.0, price=0.3, group=5):
    """Payoffs [own, other, co-players of the own type] of cooperators, defectors, loners and punishers."""
    payoffs = np.zeros((len(types), len(types), group))
    for i, own in enumerate(types):
        for j, other in enumerate(types):
            for m in range(group):
                there = own + own * m + other * (group - 1 - m)
                playing = there.replace("L", "")
                gives = sum(there.count(one) for one in "CP")
                if own == "L" or len(playing) == 1:
                    payoffs[i, j, m] = alone
                    continue
                payoffs[i, j, m] = r * gives / len(playing) - (own in "CP")
                payoffs[i, j, m] -= fine * there.count("P") * (own == "D") + price * there.count("D") * (
                    own == "P"
                )
    return payoffs


@pytest.mark.parametrize(
    ("types", "size", "selection", "wanted"),
    [
        ("CDLP", 100, 0.01, (0.269154, 0.179133, 0.194125, 0.357587)),
        ("CDLP", 100, 0.1, (0.197531, 0.084946, 0.096248, 0.621274)),
        ("CDLP", 100, 1, (0.04733, 0.025887, 0.061271, 0.865512)),
        ("CDLP", 100, 10, (0.018592, 0.018325, 0.028266, 0.934817)),
        ("CDP", 100, 1, (0, 1, 0)),
        ("CDP", 100, 0.1, (0.052916, 0.716444, 0.23064)),
        ("CDL", 100, 1, (0.241776, 0.132238, 0.625986)),
        ("CDLP", 20, 1, (0.132222, 0.08541, 0.107853, 0.674515)),
    ],
)
def test_freedom_lets_punishment_in(types, size, selection, wanted):
    """Hauert, Traulsen, Brandt, Nowak and Sigmund 2007."""
    law = small_mutation_distribution(public_goods(types), size, selection)
    np.testing.assert_allclose(law, wanted, atol=1e-5)


@pytest.mark.parametrize("process", ["moran", "fermi", "local_update", "wright_fisher"])
def test_groups_that_play_in_pairs_are_pairs(process):
    """A gift from each other member: in groups of three a type earns what it earns on average in pairs."""
    payoffs = np.random.default_rng(6).random((3, 3))
    own, first, second = np.indices((3, 3, 3))
    game = group_game(
        (payoffs[own, 0] * first + payoffs[own, 1] * second + payoffs[own, 2] * (2 - first - second)) / 2
    )
    pairs, groups = (mutation_distribution(it, 12, 0.5, process, mutation=0.05) for it in (payoffs, game))
    np.testing.assert_allclose(groups.probabilities, pairs.probabilities, rtol=1e-9)
    rho = fixation_probabilities(payoffs, 12, 0.5, process)
    np.testing.assert_allclose(fixation_probabilities(game, 12, 0.5, process), rho, rtol=1e-9)


def dirichlet_multinomial(states, alpha):
    size, types = states[0].sum(), states.shape[1]
    logs = gammaln(size + 1) - gammaln(states + 1).sum(1) + gammaln(states + alpha).sum(1) - types * gammaln(alpha)
    return np.exp(logs + gammaln(types * alpha) - gammaln(size + types * alpha))


@pytest.mark.parametrize(
    ("types", "size", "mutation", "first"),
    [
        (2, 10, 0.1, 0.161617304732),
        (2, 20, 0.01, 0.357136462253),
        (2, 50, 0.05, 0.00915424770558),
        (3, 12, 0.05, 0.115088803802),
        (4, 9, 1e-6, None),
    ],
)
def test_neutral_drift_is_dirichlet_multinomial(types, size, mutation, first):
    law = mutation_distribution(np.ones((types, types)), size, 0, mutation=mutation)
    wanted = dirichlet_multinomial(law.states, size * mutation / (types * (1 - mutation)))
    np.testing.assert_allclose(law.probabilities, wanted, rtol=1e-10)
    assert first is None or law.probabilities[-1] == pytest.approx(first, rel=1e-11)
    assert len(law.states) == math.comb(size + types - 1, types - 1)


@pytest.mark.parametrize(
    ("size", "mutation", "wanted"),
    [(10, 0.1, 0.381578947368), (20, 0.01, 0.460084033613), (50, 0.05, 0.322463768116)],
)
def test_mean_squared_share_under_neutral_drift(size, mutation, wanted):
    law = mutation_distribution(np.ones((2, 2)), size, 0, mutation=mutation)
    assert law.probabilities @ (law.states[:, 0] / size) ** 2 == pytest.approx(wanted, rel=1e-11)


@pytest.mark.parametrize(
    ("game", "size", "selection", "mutation", "anyone", "others"),
    [
        (PD, 20, 0.1, 0.01, 0.117551679875, 0.173836877015),
        (PD, 50, 0.1, 0.01, 0.0860120044346, 0.148925015538),
        (PD, 50, 0.01, 0.001, 0.332497658829, 0.345927264222),
        (PD, 100, 0.1, 0.1, 0.359529906076, 0.421570587185),
        (HAWK_DOVE, 50, 1, 0.01, 0.706506626221, 0.687637283762),
        (STAG_HUNT, 30, 0.5, 0.01, 0.011851485366, 0.0237893902853),
    ],
)
def test_fermi_with_mutation(game, size, selection, mutation, anyone, others):
    for mutates_to, wanted in (("any", anyone), ("others", others)):
        law = mutation_distribution(game, size, selection, "fermi", mutation=mutation, mutates_to=mutates_to)
        assert law.shares[0] == pytest.approx(wanted, rel=1e-10)


def test_three_types():
    payoffs = np.random.default_rng(0).random((3, 3))
    law = mutation_distribution(payoffs, 30, 1, "fermi", mutation=1e-3, mutates_to="others")
    np.testing.assert_allclose(law.shares, (0.02542572, 0.95578514, 0.01878914), atol=1e-8)


@pytest.mark.parametrize("process", ["moran", "fermi", "local_update", "wright_fisher"])
@pytest.mark.parametrize("selection", [0.1, 1, 10])
def test_small_mutation_is_the_limit_however_strong_the_selection(process, selection):
    if process == "local_update" and selection > 1:
        return
    payoffs = np.random.default_rng(0).random((3, 3))
    law = mutation_distribution(payoffs, 14, selection, process, mutation=1e-13)
    np.testing.assert_allclose(
        law.shares, small_mutation_distribution(payoffs, 14, selection, process), atol=1e-10
    )


@pytest.mark.parametrize("mutates_to", ["any", "others"])
@pytest.mark.parametrize("process", ["moran", "fermi", "local_update", "wright_fisher"])
def test_two_types_are_a_chain_written_out(process, mutates_to):
    size, w, u = 9, 0.4, 0.2
    k = np.arange(size + 1)
    gain = w * (((k - 1) * 3) - (k * 5 + (size - k - 1))) / (size - 1)
    born = k / (k + (size - k) * np.exp(-gain))
    fresh = u / 2 if mutates_to == "any" else u * (1 - born)
    mutated = (1 - u) * born + fresh
    if process == "wright_fisher":
        ways = np.array([math.comb(size, j) for j in k])
        chain = ways * mutated[:, None] ** k * (1 - mutated[:, None]) ** (size - k)
    else:
        if process == "moran":
            up, down = (size - k) / size * mutated, k / size * (1 - mutated)
        else:
            more, fewer = (1 / (1 + np.exp(-gain)), 1 / (1 + np.exp(gain)))
            if process == "local_update":
                more, fewer = (1 + gain / 5) / 2, (1 - gain / 5) / 2
            jump = u / 2 if mutates_to == "any" else u
            up = (size - k) / size * ((1 - u) * k / (size - 1) * more + jump)
            down = k / size * ((1 - u) * (size - k) / (size - 1) * fewer + jump)
        chain = np.diag(up[:-1], 1) + np.diag(down[1:], -1)
        chain += np.diag(1 - chain.sum(1))
    law = np.linalg.matrix_power(chain, 4096)[0]
    ours = mutation_distribution(PD, size, w, process, mutation=u, mutates_to=mutates_to)
    np.testing.assert_allclose(ours.probabilities, law, rtol=1e-10)


def test_large_chains_are_within_reach():
    game = np.random.default_rng(1).random((3, 3))
    law = mutation_distribution(game, 100, 1, mutation=1e-3)
    assert len(law.states) == 5151
    assert law.probabilities.min() >= 0


def test_fitness_of_zero_leaves_out_who_is_taken_over():
    assert small_mutation_distribution(PD, 10, 1, fitness="linear").tolist() == [0, 1]
    with pytest.raises(ValueError, match="2 sets of types can't be taken over"):
        small_mutation_distribution([[1, 0], [0, 1]], 10, 1, fitness="linear")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"mutation": 0}, "above 0 and at most 1, not 0"),
        ({"mutates_to": "own"}, "'any', 'others'"),
        ({"payoffs": np.zeros((4, 4)), "size": 90}, "129,766 states"),
        ({"payoffs": np.zeros((2, 2, 3))}, "own type, other type"),
        ({"payoffs": np.diag([1.0, 2, 3]), "mutation": 1e-320}, "orders of magnitude"),
    ],
)
def test_bad_input_is_told(arguments, told):
    with pytest.raises(ValueError, match=told):
        mutation_distribution(
            **{"payoffs": PD, "size": 20, "selection": 0.1, "process": "fermi", "mutation": 0.1} | arguments
        )
