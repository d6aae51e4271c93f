"""Endless games with rare errors, beside the same chains solved with a hundred digits, state by state."""

import math
from itertools import combinations_with_replacement, product

import numpy as np
import pytest
from mpmath import mp, mpf

from dilemma.agents import BUILTIN, CATALOGUE
from dilemma.agents.agent import Agent
from dilemma.agents.automaton import Automaton
from dilemma.agents.memory_one import memory_one
from dilemma.envs.errors import DilemmaError
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.testing import examples
from dilemma.tournament.exact import state_reduction
from dilemma.tournament.exact.exact_payoffs import exact_results
from dilemma.tournament.exact.exactness import why_not_exact

NOISES = (1e-2, 1e-4, 1e-6, 1e-9, 1e-12)
FOR_EVER = PrisonersDilemma(rounds=math.inf)
SHIPPED = {
    f"{name} {number}": agent.as_automaton(FOR_EVER)
    for name in BUILTIN
    if CATALOGUE.model(name).as_automaton is not Agent.as_automaton
    for number, agent in enumerate(examples(CATALOGUE.model(name)))
    if why_not_exact(agent, FOR_EVER) is None
}
NAMED = [
    ("evolved_fsm_16 0", "all_d 0"),
    ("evolved_fsm_16 0", "evolved_fsm_16 0"),
    ("n_tits_for_m_tats 0", "n_tits_for_m_tats 0"),
    ("n_tits_for_m_tats 0", "all_d 0"),
    ("evolved_fsm_4 0", "grudger 0"),
]
LARGEST = 60
"""States of an automaton times the other's, of those that are drawn: a hundred digits take their time."""
SAMPLE = [
    (first, second)
    for first, second in combinations_with_replacement(SHIPPED, 2)
    if SHIPPED[first].states * SHIPPED[second].states <= LARGEST
][::97]


def chain(players, noise):
    """The chain of two automata that err: transitions [state][next] and outcomes [state][CC, CD, DC, DD]."""
    states, rows, outcomes = [(0, 0)], [], []
    for now in states:  # grows on the way
        does = []
        for player, state in zip(players, now, strict=True):
            p = mpf(float(player.cooperation[state]))
            c = p * (1 - noise) + (1 - p) * noise
            does.append((c, 1 - c))
        row, chances = {}, []
        for own, other in product((0, 1), repeat=2):
            following = (
                int(players[0].transitions[now[0], own, other]),
                int(players[1].transitions[now[1], other, own]),
            )
            chances.append(does[0][own] * does[1][other])
            if chances[-1]:
                if following not in states:
                    states.append(following)
                at = states.index(following)
                row[at] = row.get(at, 0) + chances[-1]
        rows.append(row)
        outcomes.append(chances)
    return rows, outcomes


def recurrent(rows):
    """The recurrent classes: states that lead to nothing that doesn't lead back."""
    leads = [{state} for state in range(len(rows))]
    while True:
        more = [set().union(*(leads[j] for j in (*rows[state], *here))) for state, here in enumerate(leads)]
        if more == leads:
            break
        leads = more
    return {frozenset(here) for here in leads if all(leads[j] == here for j in here)}


def take_out(out, state):
    """Leave a state out of a chain [state][next]; returns its visits per visit to each of the others."""
    onward = out.pop(state)
    leaving, through = sum(onward.values()), {}
    for before, row in out.items():
        if state in row:
            through[before] = row.pop(state) / leaving
            for after, chance in onward.items():
                if after != before:
                    row[after] = row.get(after, 0) + through[before] * chance
    return through


def in_the_long_run(rows, outcomes):
    """Frequencies of the outcomes."""
    classes = recurrent(rows)
    out = {state: {j: p for j, p in row.items() if j != state} for state, row in enumerate(rows)}
    passing = [state for state in out if not any(state in members for members in classes)]
    ways = {state: dict(out[state]) for state in passing}
    for state in passing[:0:-1]:
        take_out(ways, state)
    ends = {0: mpf(1)} if not passing else {j: p / sum(ways[0].values()) for j, p in ways[0].items()}
    total = [mpf(0)] * 4
    for members in classes:
        first, *others = sorted(members)
        inside = {state: out[state] for state in members}
        through = [(state, take_out(inside, state)) for state in reversed(others)]
        visits = {first: mpf(1)}
        for state, before in reversed(through):
            visits[state] = sum(visits[j] * share for j, share in before.items())
        weight = sum(ends.get(state, 0) for state in members) / sum(visits.values())
        for state, count in visits.items():
            for outcome in range(4):
                total[outcome] += weight * count * outcomes[state][outcome]
    return np.array([float(value) for value in total])


@pytest.mark.parametrize("noise", NOISES)
def test_shipped_automata_have_the_payoffs_of_a_hundred_digits(noise):
    """Every pair of them was compared once, by a program of its own: 3e-14 is the largest error."""
    pairs = NAMED + SAMPLE
    names = list(SHIPPED)
    cast = np.array([[names.index(name) for name in pair] for pair in pairs])
    found = exact_results(PrisonersDilemma(rounds=math.inf, noise=noise), list(SHIPPED.values()), cast)
    with mp.workdps(100):
        true = np.array([in_the_long_run(*chain([SHIPPED[name] for name in pair], mpf(noise))) for pair in pairs])
    np.testing.assert_allclose(found.outcomes, true, rtol=1e-11, atol=0)
    np.testing.assert_allclose(found.payoff[:, 0], true @ (3, 0, 5, 1), atol=1e-12)


def test_what_floats_are_too_short_for_is_done_in_logarithms():
    """A ladder: up with 1e-40 from each of twelve steps, and down to the first from the last alone."""
    rates = np.zeros((2, 12, 12))
    steps = np.arange(11)
    rates[:, steps, steps + 1] = 1e-40
    rates[0, 11, 0] = 1e-300
    rates[1, 11, 0] = 1
    found = state_reduction.invariant(rates)
    np.testing.assert_allclose(found[:, :11], 1, rtol=1e-10)
    np.testing.assert_allclose(found[:, 11], (1e260, 1e-40), rtol=1e-10)


def test_what_is_too_rare_for_floats_is_refused():
    rare = PrisonersDilemma(rounds=math.inf, noise=1e-70)
    with pytest.raises(DilemmaError, match="something happens with probability 1e-70; exact results know 1e-60"):
        exact_results(rare, [SHIPPED["tit_for_tat 0"]], np.array([[0, 0]]))
    assert "1e-70" in str(why_not_exact(CATALOGUE.build("tit_for_tat", {}), rare))


def test_chains_that_are_too_large_are_refused():
    with pytest.raises(DilemmaError, match="8,193 states of two automata hang together"):
        state_reduction.invariant(np.broadcast_to(np.zeros(1), (1, 8193, 8193)))


@pytest.mark.parametrize("weight", [{"continuation": 1 - 1e-10}, {"discount": 1 - 1e-10}])
def test_a_game_that_hardly_ever_ends_is_the_endless_one(weight):
    """The start counts by the share of the rounds before an error: 1e-10 over 1e-3."""
    players = [memory_one(1, 1, 0, 1, 0), memory_one(1, 1, 0, 0, 1)]
    cast = np.array([[0, 0], [0, 1], [1, 1]])
    found = exact_results(PrisonersDilemma(rounds=math.inf, noise=1e-3, **weight), players, cast)
    limit = exact_results(PrisonersDilemma(rounds=math.inf, noise=1e-3), players, cast)
    np.testing.assert_allclose(found.outcomes, limit.outcomes, atol=1e-6)
    np.testing.assert_allclose(found.outcomes.sum(1), 1, rtol=1e-13)


def test_a_random_end_beside_rare_errors():
    """Grim against tit for tat, which errs with e after each C: CC with (1 - e)^2 w, and D for ever else."""
    error, end = 1e-9, 1e-9
    grim = Automaton.of([1 - error, 0], [[0, 1, 1, 1], [1] * 4])
    game = PrisonersDilemma(rounds=math.inf, continuation=1 - end)
    [outcomes] = exact_results(game, [grim], np.array([[0, 0]])).outcomes
    with mp.workdps(50):
        keep, stay = 1 - mpf(game.continuation), mpf(1 - error) ** 2
        true = float(stay * keep / (1 - mpf(game.continuation) * stay))
    assert outcomes[0] == pytest.approx(true, rel=1e-12)
