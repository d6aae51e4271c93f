"""Strategy frequency estimation: the likelihood by hand, closed forms, another optimiser, and recovered shares."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from dilemma.agents import CATALOGUE
from dilemma.agents.automaton import Automaton
from dilemma.agents.tremble import Tremble
from dilemma.analysis.behaviour.strategy_frequencies import (
    Histories,
    action_probabilities,
    alike,
    best_tremble,
    bootstrap,
    estimate,
    evidence,
    expectation_maximisation,
    log_likelihoods,
    posteriors,
)
from dilemma.envs.matrix_game import PrisonersDilemma

FILE = Path(__file__).parents[2] / "benchmarks" / "strategy_frequencies.py"


@pytest.fixture(scope="module")
def simulated():
    spec = spec_from_file_location("strategy_frequencies_benchmark", FILE)
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def automaton(name, **parameters) -> Automaton:
    return CATALOGUE.build(name, parameters).as_automaton(PrisonersDilemma(rounds=float("inf")))


def histories(*matches) -> Histories:
    """Histories of (subject, own moves, other's moves)."""
    longest = max(len(own) for _, own, _ in matches)
    sides = [
        np.array([[move == "D" for move in match[side].ljust(longest, "C")] for match in matches], dtype=np.int8)
        for side in (1, 2)
    ]
    rounds = np.array([len(own) for _, own, _ in matches])
    return Histories(np.array([subject for subject, _, _ in matches]), *sides, rounds)


def probability(data: Histories, strategy: Automaton, tremble: float) -> float:
    [[[found]]] = np.exp(log_likelihoods(evidence(data, [strategy]), np.array([tremble])))
    return found


@pytest.mark.parametrize(
    ("name", "own", "other", "by_hand"),
    [
        ("tit_for_tat", "CDC", "DDC", 0.9 * 0.9 * 0.1),  # it would play CDD
        ("grudger", "CDDC", "DCCC", 0.9 * 0.9 * 0.9 * 0.1),
        ("all_d", "DDD", "CCC", 0.9**3),
        ("win_stay_lose_shift", "DDC", "CDC", 0.1 * 0.9 * 0.9),  # T is repeated, P is not
        ("generous_tit_for_tat", "CCD", "DDC", 0.9 * (0.8 / 3 + 0.1) * (0.8 * 2 / 3 + 0.1)),
        ("random", "CD", "CC", 0.25),
    ],
)
def test_the_likelihood_of_a_tiny_history_is_that_by_hand(name, own, other, by_hand):
    assert probability(histories((0, own, other)), automaton(name), 0.1) == pytest.approx(by_hand)


def test_a_mixture_by_hand_over_two_matches_of_different_lengths():
    data = histories((0, "CD", "DC"), (0, "C", "C"))
    found = evidence(data, [automaton("tit_for_tat"), automaton("all_d")])
    tit_for_tat, all_d = 0.9**3, 0.1 * 0.9 * 0.1
    posterior, [[log_likelihood]] = posteriors(found, np.array([[0.3, 0.7]]), np.array([0.1]))
    assert np.exp(log_likelihood) == pytest.approx(0.3 * tit_for_tat + 0.7 * all_d)
    assert posterior[0, 0, 0] == pytest.approx(0.3 * tit_for_tat / (0.3 * tit_for_tat + 0.7 * all_d))


MOVES = st.text("CD", min_size=1, max_size=6)
AUTOMATA = st.sampled_from(["tit_for_two_tats", "contrite_tit_for_tat", "firm_but_fair", "random_tit_for_tat"])


@given(name=AUTOMATA, other=MOVES, tremble=st.floats(0, 0.5))
@settings(deadline=None, max_examples=30)
def test_probabilities_of_all_that_could_be_done_add_up_to_1(name, other, tremble):
    every = ["".join(own) for own in product("CD", repeat=len(other))]
    data = histories(*((subject, own, other) for subject, own in enumerate(every)))
    each = log_likelihoods(evidence(data, [automaton(name)]), np.array([tremble]))
    assert np.exp(each).sum() == pytest.approx(1)


@given(name=AUTOMATA, own=st.text("CD", min_size=6, max_size=6), other=st.text("CD", min_size=6, max_size=6))
@settings(deadline=None, max_examples=30)
def test_a_tremble_is_that_of_the_agent_that_trembles(name, own, other):
    data, game = histories((0, own, other)), PrisonersDilemma(rounds=float("inf"))
    trembling = Tremble(of=name, rate=0.3).as_automaton(game)
    assert trembling is not None
    both = [action_probabilities(data, each) for each in (automaton(name), trembling)]
    assert 0.7 * both[0] + 0.15 == pytest.approx(both[1])


def test_with_one_strategy_the_tremble_is_the_share_of_deviations():
    data = histories((0, "CDDC", "DCDC"), (1, "DCC", "CCD"), (1, "C", "D"))
    # Tit for tat would play CDCD, CCC and C.
    found = estimate(evidence(data, [automaton("tit_for_tat")]))
    assert (found.shares, found.tremble) == ([1.0], pytest.approx(3 / 8))
    assert found.log_likelihood == pytest.approx(3 * np.log(3 / 8) + 5 * np.log(5 / 8))
    assert found.bic == pytest.approx(np.log(2) - 2 * found.log_likelihood)


def test_without_deviations_shares_are_counts_and_nothing_trembles():
    data = histories(*((subject, "CDDC", "DDCC") for subject in range(3)), (3, "DDDD", "DDCC"))
    found = estimate(evidence(data, [automaton("all_d"), automaton("all_c"), automaton("tit_for_tat")]))
    assert found.shares == pytest.approx([0.25, 0, 0.75], abs=1e-9)
    assert found.tremble == pytest.approx(0, abs=1e-9)
    assert found.log_likelihood == pytest.approx(3 * np.log(0.75) + np.log(0.25))
    assert found.posterior.argmax(1).tolist() == [2, 2, 2, 0]


def test_what_does_the_opposite_is_no_better_than_chance():
    found = estimate(evidence(histories((0, "CCCC", "CCCC")), [automaton("all_d")]))
    assert (found.tremble, found.log_likelihood) == (0.5, pytest.approx(4 * np.log(0.5)))


@given(
    values=st.lists(st.floats(0, 1), min_size=1, max_size=5, unique=True),
    counts=st.lists(st.integers(0, 50), min_size=5, max_size=5),
)
@settings(deadline=None, max_examples=60)
def test_no_other_tremble_has_a_higher_likelihood(values, counts):
    values, counts = np.array(values), np.array(counts[: len(values)], dtype=float)
    [best] = best_tremble(values, counts[None])

    def likelihood(tremble):
        chance = (1 - 2 * tremble) * values + tremble
        return float((counts * np.log(chance.clip(1e-300))).sum())

    others = [likelihood(tremble) for tremble in np.linspace(0, 0.5, 101)]
    assert likelihood(best) >= max(others) - 1e-9


def test_another_optimiser_finds_no_higher_likelihood(simulated):
    """Nelder and Mead's, over the logarithms of shares and the tremble, on data that leave much open."""
    strategies = [automaton(name) for name in ("tit_for_tat", "grudger", "generous_tit_for_tat", "random")]
    random = np.random.default_rng(5)
    plays = random.integers(0, 4, 40)
    data = evidence(simulated.simulate(strategies, plays, random, matches=2, rounds=6, tremble=0.2), strategies)

    def loss(x):
        shares = np.exp(x[:-1] - x[:-1].max())
        tremble = 0.5 / (1 + np.exp(-x[-1]))
        return -posteriors(data, shares[None] / shares.sum(), np.array([tremble]))[1].sum()

    options = {"maxiter": 8000, "maxfev": 8000, "xatol": 1e-6, "fatol": 1e-9}
    theirs = optimize.minimize(loss, np.array([0.0, 0, 0, 0, -1]), method="Nelder-Mead", options=options)
    assert estimate(data).log_likelihood == pytest.approx(-theirs.fun, abs=1e-4)


def test_no_step_of_the_search_lowers_the_likelihood(simulated, monkeypatch):
    module = sys.modules[expectation_maximisation.__module__]
    strategies = simulated.automata()
    random = np.random.default_rng(6)
    data = evidence(simulated.simulate(strategies, random.integers(0, 5, 30), random), strategies)
    shares, tremble, found = np.full((1, 5), 0.2), np.array([0.4]), []
    monkeypatch.setattr(module, "MOST", 1)
    for _ in range(20):
        found.append(posteriors(data, shares, tremble)[1].sum())
        shares, tremble = expectation_maximisation(data, np.ones((1, 30)), shares, tremble)
    assert np.diff(found).min() >= -1e-9
    assert found[-1] > found[0] + 1


@pytest.mark.parametrize("seed", range(8))
def test_shares_are_recovered(simulated, seed):
    """200 subjects, 3 x 20 rounds, tremble .1. Of 400 such populations (benchmarks/strategy_frequencies.py) none
    was off by more than .0151, so a seed fails by chance less than once in a hundred (95 %)."""
    strategies = simulated.automata()
    plays, realised = simulated.population(200, np.random.default_rng([seed, 7]))
    data = simulated.simulate(strategies, plays, np.random.default_rng([seed, 8]))
    found = estimate(evidence(data, strategies))
    assert found.shares == pytest.approx(realised, abs=0.02)
    assert found.tremble == pytest.approx(0.1, abs=0.014)  # five standard errors of 12,000 decisions


def test_errors_are_binomial_where_every_subject_is_told_apart(simulated):
    """Of the standard deviation of 4,000 draws, 6 % are five standard errors."""
    strategies = [automaton("all_c"), automaton("all_d")]
    plays = (np.arange(100) < 30).astype(np.int64)
    data = evidence(simulated.simulate(strategies, plays, np.random.default_rng(1)), strategies)
    drawn = bootstrap(data, estimate(data), 4000, 0)
    assert drawn.shares.std(0) == pytest.approx([np.sqrt(0.3 * 0.7 / 100)] * 2, rel=0.06)
    assert np.array_equal(drawn.shares, bootstrap(data, estimate(data), 4000, 0).shares)


def test_strategies_that_the_data_cannot_tell_apart_are_named():
    data = histories((0, "CCD", "CCD"))
    strategies = [automaton(name) for name in ("tit_for_tat", "all_d", "grudger")]
    assert alike(evidence(data, strategies)) == [(0, 2)]
