"""Agents that evolve: published processes, known optima, and the toy problem of population-based training."""

import math

import numpy as np
import pytest

from dilemma.agents import CATALOGUE
from dilemma.agents.memory_one import Reactive
from dilemma.envs.matrix_game import MatrixGame, PrisonersDilemma
from dilemma.tournament.config import parse
from dilemma.tournament.evolving.evolution import evolution
from dilemma.tournament.evolving.genome import evolvable
from dilemma.tournament.evolving.population_based import exploited, explored
from dilemma.tournament.exact.exact_payoffs import exact_results
from dilemma.tournament.exploit.planning.best_response import best_response

PD = {"name": "prisoners_dilemma", "rounds": float("inf")}
HALF = {"name": "memory_one", "p": [0.5] * 5}


def raw(method, game=PD, agents=(HALF,), seed=1, **schedule):
    """The config of an evolution of the first agent."""
    label = agents[0].get("label", agents[0]["name"])
    schedule = {"kind": "evolve", "agent": label, "method": method, **schedule}
    return {"seed": seed, "environments": [game], "agents": list(agents), "schedule": schedule}


def evolved(*config, **schedule):
    """The last state of an evolution."""
    *_, last = evolution(parse(raw(*config, **schedule)), 0, None)
    return last


PAYOFF, BEST, COOPERATION = range(3)


def cooperated(last, first=0):
    """How often populations cooperated from some generation on [replicate]."""
    return last.history[first:, :, COOPERATION].mean(axis=0)


@pytest.mark.parametrize("victim", ["tit_for_tat", "tit_for_two_tats", "win_stay_lose_shift"])
@pytest.mark.parametrize(
    ("method", "generations"),
    [({"kind": "genetic", "population": 40}, 50), ({"kind": "cma_es", "population": 20}, 100)],
)
def test_a_best_response_is_found(method, generations, victim):
    """In 2,000 matches, within a hundredth of the way from the worst response to the best; by four of four."""
    noisy = {**PD, "noise": 0.05}
    last = evolved(method, noisy, (HALF, {"name": victim}), generations=generations, replicates=4)
    game = PrisonersDilemma(rounds=float("inf"), noise=0.05)
    automaton = CATALOGUE.build(victim, {}).as_automaton(game)
    most = best_response(game, automaton).payoff
    row, column = game.matrices
    against = MatrixGame(
        payoffs=((tuple(map(tuple, -row))), tuple(map(tuple, column))), rounds=math.inf, noise=0.05
    )
    least = -best_response(against, automaton).payoff
    found = (last.history[-1, :, BEST] - least) / (most - least)
    assert (found >= 0.99).all()
    assert (found <= 1 + 1e-9).all()


DONATION = {"name": "matrix_game", "payoffs": [2, -1, 3, 0], "rounds": math.inf, "noise": 0.001}


@pytest.mark.parametrize(
    ("agent", "parameters", "cooperation", "spread"),
    [
        ({"name": "reactive", "p": 0.5, "q": 0.5}, ["p", "q"], 0.330, 0.013),
        (HALF, ["p"], 0.474, 0.025),
    ],
)
def test_random_mutants_one_at_a_time(agent, parameters, cooperation, spread):
    """Populations of 20 in the donation game, b/c = 3 (Imhof and Nowak 2010): mean cooperation over all mutants.

    `spread` is of the mean of four runs of 200,000 mutants; of 80,000 in all it is 3.2 times as large.
    """
    method = {"kind": "adaptive_walk", "size": 20}
    schedule = {"parameters": parameters, "generations": 10_000, "every": 100, "replicates": 8}
    last = evolved(method, DONATION, (agent,), **schedule)
    assert cooperated(last, first=10).mean() == pytest.approx(cooperation, abs=2 * spread * math.sqrt(10))


def test_without_selection_a_walk_is_uniform():
    """And one mutant of every 20 takes over."""
    schedule = {"generations": 2000, "every": 100, "replicates": 20}
    last = evolved({"kind": "adaptive_walk", "size": 20, "selection": 0.0}, DONATION, **schedule)
    means = last.history[1:, :, 3:].mean(axis=(0, 1))
    assert means == pytest.approx(0.5, abs=4 * math.sqrt(1 / 12 / 400))
    taken = len(last.arrays()["genealogy.id"]) - 20
    assert taken == pytest.approx(2000, abs=4 * math.sqrt(40_000 * 0.05 * 0.95))


def test_tit_for_tat_paves_the_way_for_generous_tit_for_tat():
    """Nowak and Sigmund 1992: of 100 populations 83 end with payoffs above 2.5, at a median q of .32."""
    agent = {"name": "reactive", "p": 0.99, "q": 0.01}
    schedule = {"parameters": ["p", "q"], "generations": 6000, "every": 20, "replicates": 16}
    last = evolved({"kind": "ecology", "random": 99, "extinct": 1e-300}, agents=(agent,), **schedule)
    cooperative = last.history[-1, :, PAYOFF] > 2.5
    assert cooperative.sum() >= 9  # fewer happen once in a thousand times where the probability is .83
    assert np.median(last.history[-1, cooperative, 4]) == pytest.approx(0.32, abs=0.15)
    assert (last.history[:, cooperative, PAYOFF].min(axis=0) < 1.3).mean() > 0.8


def test_an_ecology_multiplies_shares_by_payoffs():
    """Two reactive strategies, by hand."""
    agents = [{"name": "reactive", "p": 0.9, "q": 0.1, "label": "a"}, {"name": "reactive", "p": 0.2, "q": 0.2}]
    plan = parse(raw({"kind": "ecology", "extinct": 0.0}, PD, agents[::-1], generations=3, replicates=1))
    states = [each.search.population.share[0, :2] for each in evolution(plan, 0, None)]
    game = PrisonersDilemma(rounds=math.inf)
    automata = [Reactive(p=p, q=q).automaton() for p, q in ((0.2, 0.2), (0.9, 0.1))]
    payoffs = exact_results(game, automata, np.array([(0, 0), (0, 1), (1, 0), (1, 1)])).payoff[:, 0].reshape(2, 2)
    share = np.array([0.5, 0.5])
    for state in states:
        assert state == pytest.approx(share, rel=1e-12)
        share = share * (payoffs @ share) / (share @ payoffs @ share)


TOY = evolvable(Reactive(p=0.5, q=0.5), ["p", "q"])


@pytest.mark.parametrize(
    ("exploits", "explores", "least", "most"),
    [(False, False, 0.39, 0.39), (True, False, 0.39, 0.39), (True, True, 1.19, 1.2)],
)
@pytest.mark.parametrize("seed", range(5))
def test_the_toy_problem_of_population_based_training(exploits, explores, least, most, seed):
    """Q = 1.2 - x^2 - y^2, of which two workers ascend surrogates with weights (1, 0) and (0, 1).

    Jaderberg et al. 2017, "Population based training of neural networks".
    """
    rng = np.random.default_rng(seed)
    x, h = np.full((1, 2, 2), 0.9), np.array([[[1.0, 0.0], [0.0, 1.0]]])
    for _ in range(200):
        for _ in range(4):
            x = x - 0.02 * h * x
        quality = 1.2 - (x**2).sum(axis=2)
        source = exploited(quality, rng.random((1, 2)), 0.5) if exploits else np.arange(2)[None]
        copied = source != np.arange(2)
        x, h = x[[[0]], source], h[[[0]], source]
        if explores:
            changed = explored(TOY, h, rng.random(h.shape), rng.random(h.shape), (1.2, 0.8), 0.25)
            h = np.where(copied[..., None], changed, h)
    assert least - 2e-6 <= quality.max() <= most + 1e-9


def test_the_worst_go_on_from_the_best():
    payoff = np.array([[3.0, 1, 2, 5, 4, 0, 7, 6, 9, 8]])
    for lot in (0.0, 0.49, 0.51, 0.99):
        [source] = exploited(payoff, np.full((1, 10), lot), 0.2)
        assert set(source[[1, 5]]) == {8 if lot > 0.5 else 9}
        assert (np.delete(source, [1, 5]) == [0, 2, 3, 4, 6, 7, 8, 9]).all()


def test_trained_members_go_on_learning():
    """Of members who are never replaced, values are updated by every round of every generation."""
    agents = ({"name": "q_learning"}, {"name": "tit_for_tat"}, {"name": "q_learning", "label": "partner"})
    method = {"kind": "population_based", "population": 3, "quantile": 0.34}
    plan = parse(
        {
            **raw(method, {"name": "prisoners_dilemma", "rounds": 5}, agents, generations=2, replicates=1),
            "learning": {"tables": 2, "episodes": 3},
        }
    )
    for generation, state in enumerate(evolution(plan, 0, None)):
        for match, who in (("0", "member"), ("1", "member"), ("1", "partner")):
            rounds = state.search.learned[f"{match}/{who}/state/rounds"]
            assert (rounds == 15 * (generation + 1)).all()
    assert "0/partner/state/rounds" not in state.search.learned
