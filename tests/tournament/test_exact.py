"""Exact payoffs: published identities and tables, closed forms, all paths one by one, and play."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dilemma.agents.automaton import Automaton, AutomatonAgent
from dilemma.envs.errors import DilemmaError
from dilemma.envs.matrix_game import MatrixGame, PrisonersDilemma, RepeatedGame, RockPaperScissors
from dilemma.tournament.arena import play
from dilemma.tournament.exact.exact_payoffs import ExactResults, exact_results

FOR_EVER = PrisonersDilemma(rounds=math.inf)


def memory_one(opening: float, *vector: float) -> Automaton:
    """P(C) in the first round, and after CC, CD, DC, DD."""
    return Automaton.of([opening, *vector], [[1, 2, 3, 4]] * 5)


def extort(chi: float, phi: float) -> Automaton:
    """Press and Dyson 2012 at 3/0/5/1: earns over P = 1 `chi` times what the other does."""
    return memory_one(1, 1 - 2 * phi * (chi - 1), 1 - phi * (1 + 4 * chi), phi * (chi + 4), 0)


def random_automaton(random: np.random.Generator, states: int) -> Automaton:
    return Automaton(random.random(states), random.integers(0, states, (states, 2, 2)))


def match(game: RepeatedGame, first: Automaton, second: Automaton) -> ExactResults:
    return exact_results(game, [first, second], np.array([[0, 1]]))


ROSTER = {
    "ALLC": memory_one(1, 1, 1, 1, 1),
    "ALLD": memory_one(0, 0, 0, 0, 0),
    "RANDOM": memory_one(0.5, 0.5, 0.5, 0.5, 0.5),
    "TFT": memory_one(1, 1, 0, 1, 0),
    "WSLS": memory_one(1, 1, 0, 0, 1),
    "GRIM": memory_one(1, 1, 0, 0, 0),
    "GTFT": memory_one(1, 1, 1 / 3, 1, 1 / 3),
    "EXT2": extort(2, 1 / 18),
    "ZDG2": memory_one(1, 1, 1 / 8, 1, 1 / 4),
    "JOSS": memory_one(1, 0.9, 0, 0.9, 0),
    "STFT": memory_one(0, 1, 0, 1, 0),
}


# Zero-determinant strategies


@pytest.mark.parametrize(
    ("enforcer", "own", "other", "constant"),
    [
        (extort(2, 1 / 18), 1, -2, -1),
        (extort(3, 1 / 26), 1, -3, -2),
        (memory_one(1, 1, 1 / 8, 1, 1 / 4), 1, -2, -3),
        (memory_one(1, 3 / 4, 1 / 4, 1 / 2, 1 / 4), 0, 1, 2),
    ],
    ids=["extort-2", "extort-3", "generous-2", "equaliser-2"],
)
def test_zero_determinant_strategies_enforce_a_line_on_any_memory_one_opponent(
    enforcer: Automaton, own: float, other: float, constant: float
) -> None:
    random = np.random.default_rng(1)
    opponents = [memory_one(*random.random(5)) for _ in range(300)]
    cast = np.array([(0, 1 + number) for number in range(300)])
    payoff = exact_results(FOR_EVER, [enforcer, *opponents], cast).payoff
    np.testing.assert_allclose(payoff @ (own, other), constant, atol=1e-9)


@pytest.mark.parametrize("chi", [2, 3, 10])
def test_an_extortioner_meets_an_unconditional_cooperator(chi: float) -> None:
    payoff = match(FOR_EVER, extort(chi, 1 / (2 + 8 * chi)), ROSTER["ALLC"]).payoff[0]
    np.testing.assert_allclose(payoff, np.array([2 + 13 * chi, 12 + 3 * chi]) / (2 + 3 * chi), atol=1e-12)


# Published and derived tables

LIMITS = """
ALLC     3  0       1.5     3       3       3    3       2.25    3       2.7
ALLD     5  1       3       1       3       1    2.3333  1       1.8889  1
RANDOM   4  0.5     2.25    2.25    2.25    0.5  2.8333  1.7353  2.5588  2.075
TFT      3  1       2.25    3       3       3    3       1       3       1
WSLS     3  0.5     2.25    3       3       3    3       1.625   3       1.8966
GRIM     3  1       3       3       3       3    3       1       3       1
GTFT     3  0.6667  2       3       3       3    3       1.8537  3       2.5417
EXT2     3.5  1     2.4706  1       2.25    1    2.7073  1       2.3333  1
ZDG2     3  0.7778  2.1176  3       3       3    3       1.6667  3       2.3487
JOSS     3.2  1     2.325   1       2.0690  1    2.9583  1       2.6743  1
"""


def test_limit_payoffs_without_noise() -> None:
    rows = [line.split() for line in LIMITS.strip().splitlines()]
    automata = [ROSTER[row[0]] for row in rows]
    cast = np.array(list(product(range(10), repeat=2)))
    expected = np.array([row[1:] for row in rows], dtype=float)
    result = exact_results(FOR_EVER, automata, cast)
    np.testing.assert_allclose(result.payoff[:, 0].reshape(10, 10), expected, atol=5.1e-5)
    np.testing.assert_allclose(result.payoff[:, 1].reshape(10, 10), expected.T, atol=5.1e-5)


@pytest.mark.parametrize(
    ("noise", "first", "second", "payoff"),
    [
        (0.01, "TFT", "TFT", 2.25),
        (0.01, "WSLS", "WSLS", 2.9511),
        (0.01, "GTFT", "GTFT", 2.9703),
        (0.01, "GRIM", "GRIM", 1.0397),
        (0.01, "ALLD", "WSLS", 2.9850),
        (0.01, "WSLS", "ALLD", 0.5350),
        (0.01, "TFT", "GTFT", 2.9697),
        (0.01, "EXT2", "EXT2", 1.1593),
        (0.01, "ALLC", "ALLC", 2.9899),
        (0.01, "ALLD", "ALLD", 1.0299),
        (0.05, "TFT", "TFT", 2.25),
        (0.05, "WSLS", "WSLS", 2.7765),
        (0.05, "GTFT", "GTFT", 2.8594),
        (0.05, "GRIM", "GRIM", 1.1925),
        (0.05, "ALLD", "WSLS", 2.925),
    ],
)
def test_limit_payoffs_with_noise(noise: float, first: str, second: str, payoff: float) -> None:
    game = PrisonersDilemma(rounds=math.inf, noise=noise)
    assert match(game, ROSTER[first], ROSTER[second]).payoff[0, 0] == pytest.approx(payoff, abs=5.1e-5)


@pytest.mark.parametrize("noise", [1e-6, 1e-3, 0.1, 0.5, 0.9])
def test_two_tit_for_tats_earn_two_and_a_quarter_with_any_noise(noise: float) -> None:
    game = PrisonersDilemma(rounds=math.inf, noise=noise)
    np.testing.assert_allclose(match(game, ROSTER["TFT"], ROSTER["TFT"]).payoff, 2.25, atol=1e-9)


@pytest.mark.parametrize(
    ("first", "second", "totals"),
    [
        ("ALLD", "TFT", (204, 199)),
        ("TFT", "STFT", (500, 500)),
        ("EXT2", "ALLC", (698.88, 451.69)),
        ("EXT2", "TFT", (228, 223)),
        ("TFT", "RANDOM", (449.25, 451.75)),
        ("GTFT", "ALLD", (132.67, 469.33)),
        ("JOSS", "TFT", (251, 246)),
        ("ZDG2", "EXT2", (342.18, 473.07)),
    ],
)
def test_totals_of_two_hundred_rounds(first: str, second: str, totals: tuple[float, float]) -> None:
    result = match(PrisonersDilemma(rounds=200), ROSTER[first], ROSTER[second])
    np.testing.assert_allclose(200 * result.payoff[0], totals, atol=0.0051)


@pytest.mark.parametrize(
    ("first", "second", "payoff"),
    [
        ("ALLD", "TFT", (1.16, 0.96)),
        ("WSLS", "ALLD", (0.4898, 3.0408)),
        ("TFT", "STFT", (2.4490, 2.5510)),
    ],
)
def test_discounted_payoffs(first: str, second: str, payoff: tuple[float, float]) -> None:
    discounted = match(PrisonersDilemma(rounds=math.inf, discount=0.96), ROSTER[first], ROSTER[second])
    continued = match(PrisonersDilemma(rounds=math.inf, continuation=0.96), ROSTER[first], ROSTER[second])
    np.testing.assert_allclose(discounted.payoff[0], payoff, atol=5.1e-5)
    np.testing.assert_allclose(continued.payoff, discounted.payoff, atol=1e-12)
    assert discounted.rounds == math.inf
    assert continued.rounds == pytest.approx(25)


# Closed forms of the variance


def coin(p: float) -> Automaton:
    return Automaton.of([p], [[0, 0, 0, 0]])


def test_variance_of_independent_rounds() -> None:
    chances = np.array([0.3 * 0.6, 0.3 * 0.4, 0.7 * 0.6, 0.7 * 0.4])
    payoffs = np.array([3.0, 0, 5, 1])
    spread = chances @ payoffs**2 - (chances @ payoffs) ** 2

    def variance(game: RepeatedGame) -> float:
        return float(match(game, coin(0.3), coin(0.6)).variance[0, 0])

    weights = 0.9 ** np.arange(50)
    assert variance(PrisonersDilemma(rounds=50)) == pytest.approx(spread / 50)
    expected = spread * (weights**2).sum() / weights.sum() ** 2
    assert variance(PrisonersDilemma(rounds=50, discount=0.9)) == pytest.approx(expected)
    assert variance(PrisonersDilemma(rounds=math.inf, continuation=0.9)) == pytest.approx(spread / 10)
    assert variance(PrisonersDilemma(rounds=50, continuation=0.9)) == pytest.approx(spread / weights.sum())
    endless = spread * (1 - 0.9) ** 2 / (1 - 0.9**2)
    assert variance(PrisonersDilemma(rounds=math.inf, discount=0.9)) == pytest.approx(endless)
    assert variance(FOR_EVER) == 0


def test_a_match_that_ends_in_one_of_several_ways_has_a_random_long_run_average() -> None:
    stubborn = Automaton.of([0.3, 1, 0], [[1, 1, 2, 2], [1] * 4, [2] * 4])
    result = match(FOR_EVER, stubborn, coin(1))
    np.testing.assert_allclose(result.payoff[0], (0.3 * 3 + 0.7 * 5, 0.3 * 3))
    np.testing.assert_allclose(result.variance[0], (0.21 * 4, 0.21 * 9))
    np.testing.assert_allclose(result.cooperation[0], (0.3, 1))


# Structure


def test_many_rounds_come_near_the_limit() -> None:
    random = np.random.default_rng(3)
    automata = [random_automaton(random, states) for states in (1, 2, 3, 5, 7)]
    # Periodic, and with transient states that lead to several classes.
    automata += [Automaton.of([1, 0, 0.5, 0], [[1] * 4, [2] * 4, [3, 3, 0, 0], [0] * 4])]
    automata += [Automaton.of([0.3, 1, 0], [[1, 1, 2, 2], [1] * 4, [2] * 4]), ROSTER["GRIM"], ROSTER["TFT"]]
    cast = np.array(list(product(range(len(automata)), repeat=2)))
    limit = exact_results(FOR_EVER, automata, cast)
    long, longer = (exact_results(PrisonersDilemma(rounds=times * 5040 * 200), automata, cast) for times in (1, 2))
    np.testing.assert_allclose(limit.outcomes.sum(1), 1, atol=1e-12)
    # What the first rounds add is a constant over the number of rounds, if that is a multiple of all periods.
    np.testing.assert_allclose(2 * longer.outcomes - long.outcomes, limit.outcomes, atol=1e-9)
    np.testing.assert_allclose(longer.variance, limit.variance, atol=2e-3)


def test_infinitely_many_rounds_are_what_many_come_to() -> None:
    random = np.random.default_rng(5)
    automata = [random_automaton(random, states) for states in (2, 5, 22, 25)]
    cast = np.array(list(product(range(4), repeat=2)))
    game = PrisonersDilemma(rounds=math.inf, noise=0.02, misperception=0.01, discount=0.9, continuation=0.95)
    endless, long = (
        exact_results(rules, automata, cast) for rules in (game, game.model_copy(update={"rounds": 300}))
    )
    np.testing.assert_allclose(endless.outcomes, long.outcomes, atol=1e-12)
    np.testing.assert_allclose(endless.variance, long.variance, atol=1e-12)


def test_seats_can_be_swapped() -> None:
    random = np.random.default_rng(4)
    automata = [random_automaton(random, int(states)) for states in random.integers(1, 30, 12)]
    game = PrisonersDilemma(rounds=60, noise=0.02, misperception=0.01)
    cast = np.array(list(product(range(12), repeat=2)))
    together = exact_results(game, automata, cast)
    swapped = exact_results(game, automata, cast[:, ::-1])
    np.testing.assert_allclose(swapped.payoff, together.payoff[:, ::-1], atol=1e-11)
    np.testing.assert_allclose(swapped.variance, together.variance[:, ::-1], atol=1e-11)


def bits(result: ExactResults, pairs: Sequence[int]) -> list[bytes]:
    conduct = result.conduct
    columns = (result.payoff, result.variance, result.outcomes, result.cooperation)
    columns += (conduct.opening, conduct.after, conduct.cooperation_after, result.wins, result.good)
    return [column[list(pairs)].tobytes() for column in columns]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    rules=st.sampled_from(
        [
            {"rounds": math.inf, "noise": 0.01},
            {"rounds": math.inf},
            {"rounds": math.inf, "discount": 0.9, "continuation": 0.95, "noise": 0.1},
            {"rounds": 1},
            {"rounds": 7, "misperception": 0.1},
            {"rounds": 200, "noise": 0.01},
            {"rounds": 60, "continuation": 0.9},
            {"rounds": 5000, "discount": 0.999},
        ]
    ),
    data=st.data(),
)
def test_no_bit_of_a_pair_depends_on_the_other_pairs(
    seed: int, rules: dict[str, float], data: st.DataObject
) -> None:
    random = np.random.default_rng(seed)
    automata = [random_automaton(random, int(states)) for states in random.integers(1, 12, 8)]
    automata += [memory_one(*random.random(5)) for _ in range(4)] + [ROSTER["GRIM"], ROSTER["ALLC"]]
    cast = random.integers(0, len(automata), (data.draw(st.integers(1, 60)), 2))
    payoffs = data.draw(st.sampled_from([(3, 0, 5, 1), ((1, -1), (-1, 2)), tuple(random.random(4).tolist())]))
    game = MatrixGame(payoffs=payoffs, **rules)
    together = exact_results(game, automata, cast, leads=True)
    some = data.draw(st.lists(st.integers(0, len(cast) - 1), min_size=1, max_size=len(cast)))
    assert bits(exact_results(game, automata, cast[some], leads=True), range(len(some))) == bits(together, some)


def test_no_pairs_no_results() -> None:
    assert exact_results(FOR_EVER, [coin(1)], np.empty((0, 2), np.int64)).payoff.shape == (0, 2)


def test_a_game_of_three_actions_is_refused() -> None:
    with pytest.raises(DilemmaError, match="2x2"):
        match(RockPaperScissors(), coin(1), coin(1))


# All paths, one by one


def paths(
    game: RepeatedGame, players: Sequence[Automaton], states: tuple[int, int] = (0, 0), round: int = 0
) -> Iterator[tuple[float, float, np.ndarray]]:
    """Every way a match can go from here: its probability, weight, and weighted counts of the outcomes."""
    for done in product((0, 1), repeat=2):
        chance = 1.0
        for player, state, action in zip(players, states, done, strict=True):
            chosen = player.cooperation[state] if action == 0 else 1 - player.cooperation[state]
            chance *= chosen * (1 - game.noise) + (1 - chosen) * game.noise
        weight = game.discount**round
        counts = np.zeros(4)
        counts[2 * done[0] + done[1]] = weight
        last = round + 1 == game.rounds
        if last or game.continuation < 1:
            yield chance * (1 if last else 1 - game.continuation), weight, counts
        if last:
            continue
        for wrong in product((False, True), repeat=2):
            seen = math.prod(game.misperception if it else 1 - game.misperception for it in wrong)
            following = (
                int(players[0].transitions[states[0], done[0], done[1] ^ wrong[0]]),
                int(players[1].transitions[states[1], done[1], done[0] ^ wrong[1]]),
            )
            so_far = chance * seen * game.continuation
            if so_far:
                for rest, weights, more in paths(game, players, following, round + 1):
                    yield so_far * rest, weight + weights, counts + more


rates = st.sampled_from([0.0, 0.0, 0.1, 0.45, 1.0])
payoff_matrices = st.lists(st.integers(-5, 5), min_size=8, max_size=8).map(
    lambda numbers: np.array(numbers, float).reshape(2, 2, 2).tolist()
)


@st.composite
def automata(draw: st.DrawFn) -> Automaton:
    states = draw(st.integers(1, 3))
    cooperation = [draw(st.sampled_from([0, 1, 0.5, 0.2, 0.9])) for _ in range(states)]
    target = st.integers(0, states - 1)
    return Automaton.of(cooperation, [[draw(target) for _ in range(4)] for _ in range(states)])


@settings(max_examples=60, deadline=None)
@given(
    players=st.tuples(automata(), automata()),
    payoffs=payoff_matrices,
    noise=rates,
    misperception=rates,
    rounds=st.integers(1, 3),
    discount=st.sampled_from([1.0, 0.9, 0.3]),
    continuation=st.sampled_from([1.0, 0.8, 0.25]),
)
def test_agrees_with_the_sum_over_all_paths(
    players: tuple[Automaton, Automaton],
    payoffs: list[list[list[float]]],
    noise: float,
    misperception: float,
    rounds: int,
    discount: float,
    continuation: float,
) -> None:
    game = MatrixGame(
        payoffs=payoffs,  # type: ignore[arg-type]
        noise=noise,
        misperception=misperception,
        rounds=rounds,
        discount=discount,
        continuation=continuation,
    )
    chance, weight, counts = (np.array(column) for column in zip(*paths(game, players), strict=True))
    assert chance.sum() == pytest.approx(1)
    result = match(game, *players)
    outcomes = chance @ counts / (chance @ weight)
    total = counts @ np.reshape(payoffs, (2, 4)).T
    payoff = chance @ total / (chance @ weight)
    variance = chance @ (total - payoff * weight[:, None]) ** 2 / (chance @ weight) ** 2
    np.testing.assert_allclose(result.outcomes[0], outcomes, atol=1e-12)
    np.testing.assert_allclose(result.payoff[0], payoff, atol=1e-11)
    np.testing.assert_allclose(result.variance[0], variance, atol=1e-10)
    np.testing.assert_allclose(result.cooperation[0], (outcomes[:2].sum(), outcomes[::2].sum()), atol=1e-12)
    assert result.rounds == pytest.approx(sum(continuation**t for t in range(rounds)))


# Play


class MemoryOne(AutomatonAgent):
    """P(C) in the first round, and after CC, CD, DC, DD."""

    vector: tuple[float, ...]

    def automaton(self) -> Automaton:
        return memory_one(*self.vector)


@pytest.mark.parametrize(
    "rules",
    [
        {"rounds": 40, "noise": 0.05},
        {"rounds": 40, "misperception": 0.1, "discount": 0.9},
        {"rounds": 30, "noise": 0.02, "misperception": 0.05, "continuation": 0.9, "discount": 0.95},
    ],
    ids=["noise", "misperception and discount", "random end"],
)
def test_agrees_with_played_matches(rules: dict[str, float]) -> None:
    game = MatrixGame(payoffs=(((3, 0), (5, 1)), ((2, 4), (-1, 0))), **rules)
    vectors = [(1, 1, 0, 1, 0), (1, 1, 0, 0, 1), (0.5, 0.5, 0.5, 0.5, 0.5), (1, 0.9, 0.3, 0.6, 0.1)]
    agents = [MemoryOne(vector=tuple(map(float, vector))) for vector in vectors]
    cast = np.array(list(product(range(4), repeat=2)))
    repetitions = 2000
    everyone = torch.as_tensor(cast).repeat_interleave(repetitions, 0)
    played = play(game, agents, everyone, torch.arange(len(everyone)) * 7919 + 1)

    def by_pair(sums: torch.Tensor) -> np.ndarray:
        return sums.squeeze(2).numpy().reshape(len(cast), repetitions, 2)

    weight = by_pair(played.weight)
    result = exact_results(game, [agent.automaton() for agent in agents], cast)

    def within_four_errors(sums: np.ndarray, expected: np.ndarray) -> None:
        surplus = sums - expected[:, None] * weight
        error = surplus.std(1) / math.sqrt(repetitions)
        assert (np.abs(surplus.mean(1)) <= 4 * error + 1e-12).all()

    within_four_errors(by_pair(played.payoff), result.payoff)
    within_four_errors(by_pair(played.cooperation), result.cooperation)
    within_four_errors(by_pair(played.mutual), result.outcomes[:, [0, 0]])

    squares = ((by_pair(played.payoff) - result.payoff[:, None] * weight) / weight.mean(1, keepdims=True)) ** 2
    error = squares.std(1) / math.sqrt(repetitions)
    assert (np.abs(squares.mean(1) - result.variance) <= 4 * error + 0.02 * result.variance + 1e-12).all()
    # The random end makes the mean weight itself uncertain: hence the 2 per cent.
    np.testing.assert_allclose(by_pair(played.rounds).mean(), result.rounds, rtol=0.02)
