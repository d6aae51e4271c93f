"""Infinite populations: dynamics against closed forms, known orbits, Nashpy, and plain loops."""

import math
import re

import nashpy
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from dilemma.analysis.evolution import (
    PopulationGame,
    best_response_dynamics,
    brown_von_neumann_nash,
    ecological,
    group_game,
    imitation,
    logit,
    logit_rest_points,
    replicator,
    replicator_two_populations,
    rest_point,
    rest_points,
    smith,
)

DONATION = np.array([[2.0, -1.0], [3.0, 0.0]])
PD = np.array([[3.0, 0.0], [5.0, 1.0]])
HAWK_DOVE = np.array([[-0.5, 2.0], [0.0, 1.0]])
STAG_HUNT = np.array([[4.0, 0.0], [3.0, 2.0]])
THIRDS = np.full(3, 1 / 3)


def rock_paper_scissors(loss=1.0):
    return np.array([[0, -loss, 1], [1, 0, -loss], [-loss, 1, 0]])


def repeated(temptation, sucker, rounds, cost=0.0):
    """ALLC, ALLD and TFT, R = 3 and P = 1: totals of so many rounds, of which TFT pays a cost."""
    r, d = 3 * rounds, rounds - 1
    alld = [temptation * rounds, rounds, temptation + d]
    return np.array([[r, sucker * rounds, r], alld, [r - cost, sucker + d - cost, r - cost]], dtype=float)


def optional_public_goods(size, factor, alone):
    """Cooperators, defectors, loners: payoffs [own type, cooperators, defectors among the others]."""
    payoffs = np.full((3, size, size), np.nan)
    for c in range(size):
        for d in range(size - c):
            for own in range(2):
                players = c + d + 1
                share = factor * (c + (own == 0)) / players - (own == 0)
                payoffs[own, c, d] = share if players > 1 else alone
            payoffs[2, c, d] = alone
    return group_game(payoffs)


def euler(velocity, start, time, step=1e-4):
    x = np.array(start)
    for _ in range(round(time / step)):
        x = x + step * velocity(x)
    return x


@pytest.mark.parametrize(
    ("payoffs", "start", "time", "share"),
    [
        (DONATION, 0.9, 5, 0.057174381426),
        (PD, 0.9, 5, 0.0139107733707),
        (HAWK_DOVE, 0.1, 10, 0.6464681666),
        (STAG_HUNT, 0.7, 6.6360739059, 0.99),
        (STAG_HUNT, 2 / 3, 10, 2 / 3),
    ],
)
def test_replicator_of_two_types(payoffs, start, time, share):
    states = replicator(payoffs, [[start, 1 - start]] * 2, [0, time / 2, time])
    assert states.shape == (3, 2, 2)
    np.testing.assert_allclose(states[0, 0, 0], start, atol=1e-12)
    np.testing.assert_allclose(states[-1, :, 0], share, rtol=1e-9)


def test_replicator_is_scipys_integration_of_sums_written_out():
    rng = np.random.default_rng(7)
    for types in (2, 4, 7):
        payoffs, start, times = rng.normal(size=(types, types)), rng.dirichlet(np.ones(types)), [1.0, 6.0]

        def velocity(_, x, a=payoffs, n=types):
            earned = [sum(a[i][j] * x[j] for j in range(n)) for i in range(n)]
            mean = sum(x[i] * earned[i] for i in range(n))
            return [x[i] * (earned[i] - mean) for i in range(n)]

        theirs = solve_ivp(velocity, (0, 6), start, "LSODA", times, rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(replicator(payoffs, start, times), theirs.y.T, atol=1e-8)


@pytest.mark.parametrize(
    ("start", "period"),
    [((0.34, 0.33), 10.8835169876), ((0.5, 0.25), 11.297500567), ((0.8, 0.1), 14.860064668)],
)
def test_zero_sum_rock_paper_scissors_goes_round(start, period):
    x = np.array([*start, 1 - sum(start)])
    states = replicator(rock_paper_scissors(), x, np.linspace(0, period, 20))
    np.testing.assert_allclose(states.prod(-1), x.prod(), rtol=1e-9)
    np.testing.assert_allclose(states[-1], x, atol=1e-9)
    assert (np.abs(states[1:-1] - x).max(1) > 1e-3).all()  # not before


def test_near_the_middle_rock_paper_scissors_goes_round_in_two_pi_root_three():
    pace = np.abs(rest_point(rock_paper_scissors(), THIRDS).eigenvalues.imag)
    np.testing.assert_allclose(2 * math.pi / pace, 10.8827961854, rtol=1e-10)


def test_an_absent_type_stays_away_and_a_rare_one_keeps_its_digits():
    assert (replicator(rock_paper_scissors(), [0.5, 0.5, 0], [1, 100])[:, 2] == 0).all()
    rare = replicator(DONATION, [0.5, 0.5], [500])[0, 0]
    assert rare == pytest.approx(math.exp(-500), rel=1e-8)


@pytest.mark.parametrize(
    ("rate", "period", "allc", "alld", "means"),
    [
        (0.01, (3.53, 0.03), (0.160411, 0.525021), (0.002362, 0.415200), (0.3398, 0.1006, 0.5596)),
        (0.001, (5.13, 0.03), (0.060151, 0.601227), None, (0.2896, 0.0992, 0.6112)),
    ],
)
def test_mutation_makes_a_cycle_of_allc_alld_and_tft(rate, period, allc, alld, means):
    times = np.arange(0, 60, 1e-3)
    late = replicator(repeated(5, 0.1, 10, cost=0.8), THIRDS, times, mutation=rate)[30_000:]
    level = late[:, 0].mean()
    rises = np.flatnonzero((late[:-1, 0] < level) & (late[1:, 0] >= level))
    assert np.diff(rises).mean() * 1e-3 == pytest.approx(period[0], abs=period[1])
    for index, ends in enumerate((allc, alld)):
        if ends:
            np.testing.assert_allclose([late[:, index].min(), late[:, index].max()], ends, atol=2e-6)
    np.testing.assert_allclose(late[rises[0] : rises[-1]].mean(0), means, atol=1e-3)


@pytest.mark.parametrize("loss", [2, 3])
def test_mutation_above_a_threshold_stills_rock_paper_scissors(loss):
    threshold = (loss - 1) / 18
    verdicts = [rest_point(rock_paper_scissors(loss), THIRDS, mutation=threshold + by) for by in (-1e-6, 0, 1e-6)]
    assert [found.verdict for found in verdicts] == ["unstable", "undecided", "asymptotically stable"]


def test_mutation_at_birth_is_nashpys():
    rng = np.random.default_rng(1)
    payoffs, start, times = rng.random((3, 3)), rng.dirichlet(np.ones(3)), np.linspace(0, 3, 7)
    chances = rng.dirichlet(np.ones(3), 3)
    theirs = nashpy.Game(payoffs).replicator_dynamics(start, times, mutation_matrix=chances)
    np.testing.assert_allclose(replicator(payoffs, start, times, chances, at_birth=True), theirs, atol=1e-6)


def test_mutation_as_one_number_is_a_matrix_of_it():
    rates = np.full((3, 3), 0.01)
    one, other = (replicator(rock_paper_scissors(), [0.5, 0.3, 0.2], [5], m) for m in (0.01, rates))
    np.testing.assert_array_equal(one, other)
    x = np.array([0.2, 0.3, 0.5])
    pace = replicator(np.zeros((3, 3)), x, [1], 0.01)[0]
    np.testing.assert_allclose(pace, 1 / 3 + (x - 1 / 3) * math.exp(-0.03), rtol=1e-9)


def test_two_populations_are_nashpys_and_keep_what_zero_sum_games_keep():
    rng = np.random.default_rng(2)
    first, second = rng.random((3, 2)), rng.random((2, 3))
    x, y, times = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(2)), np.linspace(0, 4, 5)
    ours = replicator_two_populations((first, second), (x, y), times)
    theirs = nashpy.Game(first, second.T).asymmetric_replicator_dynamics(x, y, times)
    for mine, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, their, atol=1e-6)
    pennies = np.array([[1.0, -1.0], [-1.0, 1.0]])
    p, q = replicator_two_populations((pennies, -pennies), ([0.8, 0.2], [0.4, 0.6]), times)
    np.testing.assert_allclose(p.prod(-1) * q.prod(-1), 0.16 * 0.24, rtol=1e-9)


def test_ecological_generations():
    shares = ecological(repeated(5, 0, 10), THIRDS, 500)
    expected = {
        1: (0.2955665025, 0.3645320197, 0.3399014778),
        5: (0.177490813, 0.4063672871, 0.4161418999),
        10: (0.1345062325, 0.2055503273, 0.6599434401),
        500: (0.1385237988, 0, 0.8614762012),
    }
    for generation, row in expected.items():
        np.testing.assert_allclose(shares[generation], row, atol=6e-11)


@pytest.mark.parametrize(
    ("payoffs", "noise", "shares"),
    [
        (DONATION, 0.1, [4.53979e-5]),
        (DONATION, 0.5, [0.119202922]),
        (DONATION, 1, [0.268941421]),
        (DONATION, 2, [0.377540669]),
        (PD, 0.5, [0.0997884839705]),
        (PD, 1, [0.226750644835]),
        (PD, 2, [0.338648202366]),
        (STAG_HUNT, 0.2, [0.992518208815, 0.734507612936, 4.54288134e-5]),
        (STAG_HUNT, 0.4, [0.00705389983]),
        (STAG_HUNT, 0.6, [0.0421941969]),
        (STAG_HUNT, 1, [0.195846047]),
        (HAWK_DOVE, 0.1, [0.63092178]),
        (HAWK_DOVE, 0.5, [0.57115075]),
        (HAWK_DOVE, 1, [0.54536357]),
    ],
)
def test_logit_rest_points(payoffs, noise, shares):
    found = logit_rest_points(payoffs, noise)
    np.testing.assert_allclose(found[:, 0], shares, rtol=1e-5 if shares[0] < 1e-3 else 1e-8)
    states = logit(payoffs, found, [3], noise)[0]
    unstable = len(shares) > 1
    np.testing.assert_allclose(states, found, atol=1e-7 if unstable else 1e-10)


def test_logit_rest_points_of_more_types_hold_those_of_two():
    padded = np.pad(STAG_HUNT, ((0, 1), (0, 1)), constant_values=((0, -50), (0, 0)))
    found = logit_rest_points(padded, 0.2)
    np.testing.assert_allclose(found[:, 0], [0.992518208815, 0.734507612936, 4.54288134e-5], rtol=1e-6)
    np.testing.assert_allclose(logit_rest_points(rock_paper_scissors(), 0.3), [THIRDS], atol=1e-9)


def test_closed_forms_of_the_donation_game():
    """The cost of 1 is what a cooperator earns less; x falls at its own pace in each process."""
    t, x0 = np.array([0.5, 1.0, 4.0]), 0.9
    closed = {
        "smith": (smith(DONATION, [x0, 1 - x0], t), x0 * np.exp(-t)),
        "best": (best_response_dynamics(DONATION, [x0, 1 - x0], t), x0 * np.exp(-t)),
        "bnn": (brown_von_neumann_nash(DONATION, [x0, 1 - x0], t), x0 / (1 + x0 * t)),
        "imitation": (imitation(DONATION, [x0, 1 - x0], t, 2.0), 1 / (1 + np.exp(math.tanh(1) * t) / 9)),
        "logit": (
            logit(DONATION, [x0, 1 - x0], t, 0.5),
            0.119202922022 + (x0 - 0.119202922022) * np.exp(-t),
        ),
    }
    for name, (states, share) in closed.items():
        np.testing.assert_allclose(states[:, 0], share, rtol=1e-9, err_msg=name)


def test_weak_imitation_is_the_replicator_slowed():
    x, times = np.array([0.5, 0.3, 0.2]), np.array([1.0, 5.0])
    slow = imitation(rock_paper_scissors(), x, times / 5e-5, selection=1e-4)
    np.testing.assert_allclose(slow, replicator(rock_paper_scissors(), x, times), atol=1e-8)


@pytest.mark.parametrize("dynamics", [brown_von_neumann_nash, smith])
def test_absent_types_come_up_and_nash_is_where_it_rests(dynamics):
    np.testing.assert_allclose(dynamics(HAWK_DOVE, [0.0, 1.0], [200])[0, 0], 2 / 3, atol=1e-3)
    np.testing.assert_allclose(dynamics(rock_paper_scissors(0.5), [1.0, 0, 0], [2000])[0], THIRDS, atol=5e-2)
    np.testing.assert_allclose(dynamics(rock_paper_scissors(), THIRDS, [10])[0], THIRDS, atol=1e-12)


def test_best_response_follows_the_plain_loop():
    rng = np.random.default_rng(3)
    for types in (2, 3, 4):
        payoffs, start = rng.normal(size=(types, types)), rng.dirichlet(np.ones(types), 2)
        states = best_response_dynamics(payoffs, start, [2.0])[0]
        for x, end in zip(start, states, strict=True):
            loop = euler(lambda x, a=payoffs: np.eye(len(a))[(a @ x).argmax()] - x, x, 2, 1e-3)
            np.testing.assert_allclose(end, loop, atol=3e-3)


def test_best_response_stops_where_types_tie_or_goes_round_shapleys_triangle():
    hit = math.log(2.7)  # 1 - .9 exp(-t) = 2/3
    states = best_response_dynamics(HAWK_DOVE, [0.1, 0.9], [hit / 2, hit, 50])[:, 0]
    np.testing.assert_allclose(states, [1 - 0.9 * math.exp(-hit / 2), 2 / 3, 2 / 3], atol=1e-5)
    np.testing.assert_allclose(
        best_response_dynamics(rock_paper_scissors(0.5), [0.6, 0.3, 0.1], [30])[0], THIRDS, atol=1e-5
    )
    round_and_round = best_response_dynamics(rock_paper_scissors(2), [0.6, 0.3, 0.1], np.linspace(50, 60, 500))
    turn = round_and_round.max(axis=(0, 1))
    # A win of 1 and a loss of 2: corners (1, 2, 4) / 7 (Gaunersdorfer and Hofbauer 1995).
    np.testing.assert_allclose(turn, 4 / 7, atol=5e-3)
    assert round_and_round.min() == pytest.approx(1 / 7, abs=5e-3)


@pytest.mark.parametrize(
    ("size", "factor", "alone", "loners", "cooperators"),
    [
        (5, 3, 1, 0.461339763244, 1 / 2),
        (5, 2.5, 1, 0.657298106138, 2 / 3),
        (5, 4, 1, 0.204456312905, 1 / 3),
        (10, 3, 1, 0.759747583206, 1 / 2),
        (4, 3, 1, 0.289897948557, 1 / 2),
        (5, 3, 0.5, 0.461339763244, 1 / 4),
    ],
)
def test_optional_public_goods_rest_inside(size, factor, alone, loners, cooperators):
    game = optional_public_goods(size, factor, alone)
    x = np.array([(1 - loners) * cooperators, (1 - loners) * (1 - cooperators), loners])
    np.testing.assert_allclose(game(x), alone, atol=1e-11)
    assert rest_point(game, x).kind == "centre"
    *_, inside = rest_points(game)
    np.testing.assert_allclose(inside.shares, x, atol=1e-11)


def test_optional_public_goods_go_round():
    states = replicator(optional_public_goods(5, 3, 1), [0.3, 0.3, 0.4], np.linspace(0, 40, 4001))
    away = np.abs(states - states[0]).max(1)
    assert away[:500].max() > 0.05
    assert away[500:].min() < 1e-3  # closes, up to the grid of times


def test_groups_of_two_are_pairs_and_any_function_is_a_game():
    pairs = PD[:, ::-1]  # with no cooperator among the others, then with one
    for game in (group_game(pairs), PopulationGame(2, lambda x: x @ PD.T)):
        np.testing.assert_allclose(game(np.array([0.3, 0.7])), PD @ [0.3, 0.7])
        np.testing.assert_allclose(replicator(game, [0.9, 0.1], [5])[0, 0], 0.0139107733707, rtol=1e-9)


BAD = {
    "square": (lambda: replicator([[1, 2, 3]], [1], [1]), "as many rows as columns"),
    "batch": (lambda: replicator(np.zeros((2, 2, 2)), [0.5, 0.5], [1]), "one matrix"),
    "missing": (lambda: replicator([[1, np.nan], [0, 1]], [0.5, 0.5], [1]), "missing"),
    "shares": (lambda: replicator(PD, [0.5, 0.6], [1]), "sum 1.1"),
    "negative": (lambda: smith(PD, [1.5, -0.5], [1]), "least is -0.5"),
    "types": (lambda: logit(PD, [0.2, 0.3, 0.5], [1], 1), "There are 2 types"),
    "times": (lambda: replicator(PD, [0.5, 0.5], [1, 1]), "each above the last"),
    "before": (lambda: replicator(PD, [0.5, 0.5], [-1, 1]), "0 or more"),
    "noise": (lambda: logit(PD, [0.5, 0.5], [1], 0), "noise is 0"),
    "selection": (lambda: imitation(PD, [0.5, 0.5], [1], -1), "selection is -1"),
    "mutation": (lambda: replicator(PD, [0.5, 0.5], [1], -0.1), "0 or more"),
    "mutation shape": (lambda: replicator(PD, [0.5, 0.5], [1], np.ones((3, 3))), "[2, 2]"),
    "children": (lambda: replicator(PD, [0.5, 0.5], [1], 1.5, at_birth=True), "probability 1 at most"),
    "offspring": (lambda: ecological(DONATION, [0.5, 0.5], 3), "the least payoff is"),
    "generations": (lambda: ecological(PD, [0.5, 0.5], -1), "generations is -1"),
    "two": (lambda: replicator_two_populations((np.ones((2, 3)), PD), ([1, 0], [1, 0]), [1]), "shapes"),
    "groups": (lambda: group_game(np.ones((3, 4))), "[K, N, N]"),
    "matrix": (lambda: best_response_dynamics(group_game(PD), [0.5, 0.5], [1]), "takes a matrix"),
    "rest": (lambda: rest_point(PD, [0.5, 0.5]), "no rest point"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence(name):
    call, says = BAD[name]
    with pytest.raises(ValueError, match=re.escape(says) + r"[^\n]*$"):
        call()
