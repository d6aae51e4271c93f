"""Every automaton against every other, exactly and by play: payoffs, cooperation, and the errors reported."""

from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from dilemma import Tournament
from dilemma.agents import BUILTIN, CATALOGUE
from dilemma.agents.agent import Agent
from dilemma.envs.matrix_game import MatrixGame, PrisonersDilemma
from dilemma.testing import examples
from dilemma.tournament.exact.exact_payoffs import exact_results
from dilemma.tournament.exact.exactness import why_not_exact

REPETITIONS = 80
GAMES = {
    "noise": PrisonersDilemma(rounds=30, noise=0.05),
    "random end": PrisonersDilemma(rounds=40, continuation=0.9, noise=0.02),
    "discount and misperception": PrisonersDilemma(rounds=25, discount=0.9, misperception=0.1),
}
AGENTS = {
    f"{name} {number}": agent
    for name in BUILTIN
    if CATALOGUE.model(name).as_automaton is not Agent.as_automaton
    for number, agent in enumerate(examples(CATALOGUE.model(name)))
    if all(agent.refuses(game) is None and why_not_exact(agent, game) is None for game in GAMES.values())
}
MEASURES = {"payoff": (3, 0, 5, 1), "cooperation": (1, 1, 0, 0)}
"""What is compared, as payoffs after CC, CD, DC, DD: so the variance of cooperation is known exactly as well."""


CERTAIN = 1e-15
"""A variance below it is rounding."""


@cache
def variances(game, measure):
    """What one match adds to the squared error of a cell's mean, by (agent, opponent).

    In self-play a cell is the mean over both seats, hence the variance in a game that pays both that mean.
    """
    found = {}
    labels = list(AGENTS)
    automata = [agent.as_automaton(game) for agent in AGENTS.values()]
    rules = {name: value for name, value in game.model_dump().items() if name != "payoffs"}
    r, s, t, p = MEASURES[measure]
    mean = (s + t) / 2
    for pairs, payoffs in (
        (list(combinations(range(len(labels)), 2)), (r, s, t, p)),
        ([(index, index) for index in range(len(labels))], (r, mean, mean, p)),
    ):
        result = exact_results(MatrixGame(payoffs=payoffs, **rules), automata, np.array(pairs))
        for (first, second), both in zip(pairs, result.variance, strict=True):
            found[labels[first], labels[second]], found[labels[second], labels[first]] = both
    return pd.Series(found)


def table(game, agents, **options):
    payoffs = Tournament([game], agents, self_play=True, **options).run().payoffs
    return payoffs.astype({"agent": str, "opponent": str}).set_index(["agent", "opponent"])


@pytest.fixture(scope="module", params=GAMES)
def sides(request):
    """The game, and its payoff table known exactly and by play."""
    game = GAMES[request.param]
    known = table(game, AGENTS, mode="exact")
    return game, known, table(game, AGENTS, mode="played", repetitions=REPETITIONS, seed=5).loc[known.index]


def test_every_automaton_takes_part():
    assert len(AGENTS) >= 80
    assert {"tit_for_tat 0", "memory_one 0", "zero_determinant 0", "finite_state_machine 0"} <= AGENTS.keys()


@pytest.mark.parametrize("measure", MEASURES)
def test_what_is_expected_is_what_is_played(sides, measure):
    """Every cell is within 4 standard errors (exact ones), or it is when played again, four times as often.

    A normal deviate is beyond 4 with probability 6e-5, and twice with 4e-9: 2e-4 for all cells, games and
    measures together. Where all of the variance lies in events that few of the matches have, one event is
    enough to be beyond 4; it is as unlikely to come again. The seed is fixed: this is the chance of having to
    look, after a change of what is drawn.
    """
    game, known, played = sides
    variance = variances(game, measure).loc[known.index].to_numpy()
    difference = (played[measure] - known[measure]).to_numpy()
    certain = variance < CERTAIN
    assert np.abs(difference[certain]).max(initial=0) < 1e-12
    z = np.divide(difference, np.sqrt(variance / REPETITIONS), where=~certain, out=np.zeros_like(difference))
    # Four standard errors of the mean of as many squares as there are pairs, here 3,700.
    assert np.mean(z[~certain] ** 2) == pytest.approx(1, abs=0.1)
    for number in np.flatnonzero(np.abs(z) > 4):
        pair = known.index[number]
        again = table(game, {x: AGENTS[x] for x in pair}, mode="played", repetitions=4 * REPETITIONS, seed=6)
        error = np.sqrt(variance[number] / REPETITIONS / 4)
        assert again[measure][pair] == pytest.approx(known[measure][pair], abs=4 * error), pair


def test_reported_standard_errors_are_those_of_the_exact_variances(sides):
    """Over all cells within 5 per cent: with a random end the delta method is 3 per cent short at 80 matches."""
    game, known, played = sides
    variance = variances(game, "payoff").loc[known.index]
    certain = variance < CERTAIN
    assert played["standard_error"][certain].max() < 1e-12 or not certain.any()
    np.testing.assert_allclose(played["variance"], REPETITIONS * played["standard_error"] ** 2)
    assert played["variance"].sum() == pytest.approx(variance.sum(), rel=0.05)


def test_the_exact_table_has_the_exact_variances(sides):
    game, known, _ = sides
    others = known.index.get_level_values("agent") != known.index.get_level_values("opponent")
    expected = variances(game, "payoff").loc[known.index]
    np.testing.assert_allclose(known["variance"][others], expected[others], atol=1e-12)
