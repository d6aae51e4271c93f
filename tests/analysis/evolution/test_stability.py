"""Rest points, evolutionary stability, invasion and basins."""

import itertools

import nashpy
import numpy as np
import pytest

from dilemma.analysis.evolution import (
    PopulationGame,
    basins,
    drift_edges,
    group_game,
    invasion_graph,
    is_evolutionarily_stable,
    is_neutrally_stable,
    replicator,
    rest_point,
    rest_points,
    risk_dominance,
    stability,
)

PD = np.array([[3.0, 0.0], [5.0, 1.0]])
HAWK_DOVE = np.array([[-0.5, 2.0], [0.0, 1.0]])
STAG_HUNT = np.array([[4.0, 0.0], [3.0, 2.0]])
RPS = np.array([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]])


GRID = {n: np.array([k for k in itertools.product(range(13), repeat=n) if sum(k) == 12]) / 12 for n in (2, 3, 4)}


def repeated(rounds):
    """ALLC, ALLD and TFT: totals of so many rounds of 5, 3, 1, 0."""
    r, d = 3 * rounds, rounds - 1
    return np.array([[r, 0, r], [5 * rounds, rounds, 5 + d], [r, d, r]], dtype=float)


@pytest.mark.filterwarnings("ignore:\\s*An even number:RuntimeWarning")
def test_rest_points_are_where_the_replicator_rests_and_the_nash_ones_are_nashpys():
    rng = np.random.default_rng(1)
    for types in (2, 3, 4, 5):
        payoffs = rng.normal(size=(types, types))
        points = rest_points(payoffs)
        for point in points:
            np.testing.assert_allclose(replicator(payoffs, point.shares, [0.1])[0], point.shares, atol=1e-9)
        symmetric = [x for x, y in nashpy.Game(payoffs, payoffs.T).support_enumeration() if np.allclose(x, y)]
        ours = [point.shares for point in points if point.nash]
        assert len(symmetric) <= len(ours) <= len(symmetric) + 1  # they may miss one, and warn of it
        assert all(any(np.allclose(x, y) for y in ours) for x in symmetric)
        assert all((payoffs @ x).max() <= x @ payoffs @ x + 1e-9 for x in ours)


def test_verdicts_of_rest_points_are_what_nearby_starts_do():
    rng = np.random.default_rng(2)
    for payoffs in rng.normal(size=(3, 3, 3)):
        for point in rest_points(payoffs):
            near = 1e-3 * rng.dirichlet(np.ones(3), 8) + (1 - 1e-3) * point.shares
            away = np.abs(replicator(payoffs, near, [400.0])[0] - point.shares).max()
            assert (away < 1e-3) == (point.verdict == "asymptotically stable")


@pytest.mark.parametrize(
    ("payoffs", "expected"),
    [
        (HAWK_DOVE, {(0,): "source", (1,): "source", (0, 1): "sink"}),
        (STAG_HUNT, {(0,): "sink", (1,): "sink", (0, 1): "source"}),
        (RPS, {(0,): "saddle", (1,): "saddle", (2,): "saddle", (0, 1, 2): "centre"}),
        (
            repeated(10),
            {(0,): "degenerate", (1,): "sink", (2,): "degenerate", (0, 2): "degenerate", (1, 2): "saddle"},
        ),
    ],
)
def test_kinds_of_rest_points(payoffs, expected):
    assert {point.support: point.kind for point in rest_points(payoffs)} == expected


def test_a_line_of_rest_points_has_a_middle():
    points = {point.support: point for point in rest_points(repeated(10))}
    line = points[0, 2]
    assert (line.dimension, line.verdict) == (1, "unstable")  # at a half, ALLD gains
    np.testing.assert_allclose(line.shares, [0.5, 0, 0.5])
    assert points[2,].verdict == "stable"
    assert points[1,].verdict == "asymptotically stable"
    assert [point.dimension for point in rest_points(np.ones((3, 3)))] == [0, 0, 0, 1, 1, 1, 2]


def test_eigenvalues_are_those_of_small_steps():
    payoffs = np.random.default_rng(3).normal(size=(3, 3))
    game = PopulationGame(3, lambda x: x @ payoffs.T)
    for point in rest_points(payoffs):
        np.testing.assert_allclose(rest_point(game, point.shares).eigenvalues, point.eigenvalues, atol=1e-8)
    threshold = rest_point(STAG_HUNT, [2 / 3, 1 / 3])
    assert threshold.eigenvalues == pytest.approx([2 / 3])  # x (1 - x) (3 x - 2) differentiated there
    assert threshold.payoff == pytest.approx(8 / 3)


@pytest.mark.parametrize(
    ("payoffs", "kinds"),
    [
        (PD, ["invaded", "strict Nash"]),
        (HAWK_DOVE, ["invaded", "invaded"]),
        (STAG_HUNT, ["strict Nash", "strict Nash"]),
        (repeated(10), ["invaded", "strict Nash", "neutrally stable"]),
        ([[1, 2], [1, 1]], ["ESS", "invaded"]),
        (np.ones((2, 2)), ["neutrally stable", "neutrally stable"]),
        # Either of the two others alone earns too little against itself; together they gain.
        ([[1, 1, 1], [1, 0, 3], [1, 3, 0]], ["invaded by a mixture", "invaded", "invaded"]),
    ],
)
def test_kinds_of_types(payoffs, kinds):
    assert [found.kind for found in stability(payoffs)] == kinds


def test_evolutionary_stability_is_its_definition_over_many_mixtures():
    rng = np.random.default_rng(4)
    verdicts = set()
    for _ in range(120):
        types = int(rng.integers(2, 5))
        payoffs = rng.integers(-1, 2, (types, types)).astype(float)  # ties abound
        for point in rest_points(payoffs):
            x = point.shares
            y = 0.01 * GRID[types] + 0.99 * x
            y = y[np.abs(y - x).max(1) > 1e-9]
            gain = ((x - y) @ payoffs * y).sum(1)  # x A y - y A y for y near x: above 0 just if x is an ESS
            ess, neutral = bool((gain > 1e-12).all()), bool((gain > -1e-12).all())
            verdicts.add((ess, neutral))
            assert (is_evolutionarily_stable(payoffs, x), is_neutrally_stable(payoffs, x)) == (ess, neutral)
    assert verdicts == {(True, True), (False, True), (False, False)}


def test_who_invades_and_who_drifts():
    allc, alld, tft = stability(repeated(10))
    assert (allc.invaders, allc.drifting) == ((1,), (2,))
    assert (alld.invaders, alld.drifting) == ((), ())
    assert (tft.invaders, tft.drifting) == ((), (0,))
    (edge,) = drift_edges(repeated(10))
    assert (edge.first, edge.second) == (0, 2)
    assert edge.holds == pytest.approx((0, 4 / 9))  # 50 x + 14 (1 - x) = 30
    (closed,) = drift_edges([[1, 1, 0], [1, 1, 0], [2, 2, 0]])
    assert closed.holds is None


def test_sixty_types_that_tie_are_judged_at_once():
    assert {found.kind for found in stability(np.ones((60, 60)))} == {"neutrally stable"}


def test_in_groups_a_rare_mutant_gains_where_it_says_so():
    rng = np.random.default_rng(4)
    kinds = set()
    for _ in range(200):
        game = group_game(rng.integers(2, size=(2, 4)).astype(float))
        found = stability(game.pairs())
        for resident in (0, 1):
            shares = np.full(2, 1e-4)
            shares[resident] = 1 - 1e-4
            gain = np.subtract(*game(shares)[[1 - resident, resident]])
            assert (found[resident].invaders == (1 - resident,)) == (gain > 1e-15)
            same = not np.diff(game(GRID[2])).any()
            assert (found[resident].drifting == (1 - resident,)) == same
            kinds.add(found[resident].kind)
    assert kinds == {"strict Nash", "invaded", "resists each type"}


def test_groups_of_three_that_play_in_pairs_rest_and_resist_as_pairs_do():
    rng = np.random.default_rng(5)
    for types in (2, 3, 4):
        payoffs = rng.normal(size=(types, types))
        index = np.indices((types, *[3] * (types - 1)))
        others = np.concatenate((index[1:], 2 - index[1:].sum(0, keepdims=True)))
        game = group_game((payoffs[index[0]] * np.moveaxis(others, 0, -1)).sum(-1) / 2)
        assert [each.kind for each in stability(game.pairs())] == [
            "resists each type" if each.kind in ("ESS", "neutrally stable") else each.kind
            for each in stability(payoffs)
        ]
        for mine, theirs in zip(rest_points(game), rest_points(payoffs), strict=True):
            np.testing.assert_allclose(mine.shares, theirs.shares, atol=1e-8)
            assert mine.verdict == theirs.verdict


def test_the_stag_hunts_hares_are_risk_dominant():
    np.testing.assert_allclose(risk_dominance(STAG_HUNT), [[0, -1], [1, 0]])


def test_invasion_graph_tells_drift_from_selection():
    graph = invasion_graph(repeated(10), ["ALLC", "ALLD", "TFT"])
    edges = {(a, b): data["drift"] for a, b, data in graph.edges(data=True)}
    assert edges == {("ALLC", "ALLD"): False, ("ALLC", "TFT"): True, ("TFT", "ALLC"): True}
    assert graph.edges["ALLC", "ALLD"]["advantage"] == 20
    assert graph.nodes["TFT"]["kind"] == "neutrally stable"
    assert set(invasion_graph(HAWK_DOVE).edges) == {(0, 1), (1, 0)}
    assert not invasion_graph(STAG_HUNT).edges


@pytest.mark.parametrize(("rounds", "volume"), [(5, 0.368), (10, 0.160)])
def test_the_basin_of_alld(rounds, volume):
    found = basins(repeated(rounds), np.random.default_rng(5), draws=4000, horizon=4000)
    assert {basin.types for basin in found} == {(1,), (0, 2)}
    (alld,) = (basin for basin in found if basin.types == (1,))
    assert alld.volume == pytest.approx(volume, abs=0.02)
    assert alld.low < alld.volume < alld.high
    assert all(basin.settled for basin in found)


def test_basins_of_coordination_are_their_lengths_and_a_centre_never_settles():
    hares, stags = basins(STAG_HUNT, np.random.default_rng(6), draws=4000)
    assert (hares.types, stags.types) == ((1,), (0,))
    assert hares.low < 2 / 3 < hares.high
    (orbits,) = basins(RPS, np.random.default_rng(7), draws=20, horizon=100)
    assert (orbits.types, orbits.settled, orbits.volume) == ((0, 1, 2), False, 1)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: rest_points(np.eye(17)), "17 types"),
        (lambda: rest_points(np.ones((2, 3))), "as many rows as columns"),
        (lambda: invasion_graph(PD, ["one"]), "2 types need"),
        (lambda: invasion_graph(PD, ["one", "one"]), "2 types need"),
        (lambda: basins(PD, np.random.default_rng(1), draws=0), "draws is 0"),
    ],
)
def test_bad_input_is_one_sentence(call, says):
    with pytest.raises(ValueError, match=says):
        call()
