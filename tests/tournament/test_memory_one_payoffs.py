"""Payoffs of memory-one strategies, many pairs at once, and who takes over from whom by them."""

import numpy as np
import pytest

from dilemma.agents.memory_one import MemoryOne, Reactive, memory_one
from dilemma.agents.zero_determinant import Extortion, ZDGenerous
from dilemma.analysis.evolution.fixation import fixation_probabilities, mutant_fixation
from dilemma.envs.matrix_game import MatrixGame, PrisonersDilemma
from dilemma.tournament.exact.exact_payoffs import exact_results
from dilemma.tournament.exact.memory_one import pair_payoffs

DONATION = MatrixGame(payoffs=(2, -1, 3, 0), rounds=float("inf"))


def automata(answers):
    return [memory_one(1, *each) for each in answers.tolist()]


@pytest.mark.parametrize("noise", [0.0, 1e-9, 0.01, 0.5])
def test_they_are_those_of_the_chain(noise):
    game = PrisonersDilemma(rounds=float("inf"), noise=noise)
    answers = np.random.default_rng(3).random((60, 4))
    if noise:
        answers[:20] = answers[:20].round()
    pairs = np.stack(np.triu_indices(60), axis=1)
    payoff, cooperation = pair_payoffs(game, automata(answers), pairs)
    chain = exact_results(game, automata(answers), pairs, spread=False)
    assert payoff == pytest.approx(chain.payoff, rel=1e-9, abs=1e-9)
    assert cooperation == pytest.approx(chain.cooperation, rel=1e-9, abs=1e-9)


def test_a_pair_s_payoff_does_not_depend_on_the_others():
    answers = np.random.default_rng(4).random((31, 4))
    pairs = np.stack((np.arange(31), np.arange(31)[::-1]), axis=1)
    whole, _ = pair_payoffs(DONATION, automata(answers), pairs)
    alone = [pair_payoffs(DONATION, automata(answers), pairs[[row]])[0][0] for row in range(31)]
    assert (whole == np.array(alone)).all()


def test_mutants_of_many_pairs_fix_as_in_a_table_of_two():
    tables = np.random.default_rng(5).random((40, 2, 2)) * 4 - 1
    for fitness, selection in (("exponential", 2.0), ("linear", 0.2)):
        found = mutant_fixation(tables, 23, selection, fitness)
        alone = [fixation_probabilities(table, 23, selection, fitness=fitness)[0, 1] for table in tables]
        assert found == pytest.approx(alone, rel=1e-12)


@pytest.mark.parametrize(
    ("size", "benefit", "selection", "probability"),
    [(10, 3, 0.1, 0.0510550348763), (100, 2, 0.01, 0.00578109032957), (20, 5, 1, 2.70767867163e-11)],
)
def test_a_cooperator_among_defectors_in_the_donation_game(size, benefit, selection, probability):
    table = np.array([[[benefit - 1.0, -1], [benefit, 0]]])
    assert mutant_fixation(table, size, selection) == pytest.approx([probability], rel=1e-9)


@pytest.mark.parametrize(
    ("p", "q", "payoff", "gradient"),
    [
        (0.9, 0.2, 4 / 3, (1.4379084967, 0.7189542484)),
        (0.6, 0.3, 0.8571428571, (-0.0470957614, -0.0627943485)),
    ],
)
def test_selection_gradients_of_reactive_strategies(p, q, payoff, gradient):
    """What a mutant near a resident earns, by its own p and q; b = 3, c = 1."""
    step = 1e-5
    near = [(p, q), (p + step, q), (p - step, q), (p, q + step), (p, q - step)]
    agents = [Reactive(p=each, q=other).automaton() for each, other in near]
    earned = pair_payoffs(DONATION, agents, np.array([[number, 0] for number in range(5)]))[0][:, 0]
    assert earned[0] == pytest.approx(payoff, rel=1e-9)
    assert (earned[1::2] - earned[2::2]) / (2 * step) == pytest.approx(gradient, abs=1e-7)


def test_no_mutant_is_selected_against_a_generous_resident_within_the_bound():
    """R - own = chi (R - other), with chi up to (2 N - 1) / (N + 1) where selection is weak; extortioners are."""
    size, selection = 20, 1e-4
    mutants = [MemoryOne(p=(1, *p)).automaton() for p in np.random.default_rng(6).random((10_000, 4)).tolist()]
    number = np.arange(len(mutants))

    def most(resident):
        resident = resident.automaton()
        [alone], _ = pair_payoffs(DONATION, [resident], np.zeros((1, 2), int))
        own, _ = pair_payoffs(DONATION, mutants, np.stack((number, number), axis=1))
        met, _ = pair_payoffs(DONATION, [*mutants, resident], np.stack((number, np.full_like(number, 10_000)), 1))
        tables = np.stack((own[:, 0], met[:, 0], met[:, 1], np.full(len(mutants), alone[0])), axis=1)
        return mutant_fixation(tables.reshape(-1, 2, 2), size, selection).max() * size

    bound, payoffs = (2 * size - 1) / (size + 1), (2, -1, 3, 0)
    assert most(ZDGenerous(chi=0.99 * bound, payoffs=payoffs)) <= 1
    assert most(Extortion(chi=0.99 * bound, payoffs=payoffs)) > 1
