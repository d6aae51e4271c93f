"""Who is ahead in a match: all paths one by one, and play; the same words for exact and for played cells."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dilemma import Tournament
from dilemma.agents.automaton import Automaton
from dilemma.agents.memory_one import MemoryOne, memory_one
from dilemma.envs.matrix_game import MatrixGame, PrisonersDilemma
from dilemma.tournament.arena import play
from dilemma.tournament.exact.exact_payoffs import exact_results

EXTORT_2 = (1.0, 8 / 9, 1 / 2, 1 / 3, 0.0)
VECTORS = [EXTORT_2, (1.0, 1.0, 0.0, 1.0, 0.0), (0.5,) * 5, (0.0, 0.9, 0.3, 0.6, 0.1)]


def paths(game, players, states=(0, 0), round=0):
    """Every way a match can go from here: its probability, and each seat's payoff and cooperation."""
    for done in product((0, 1), repeat=2):
        chance = 1.0
        for player, state, action in zip(players, states, done, strict=True):
            meant = player.cooperation[state] if action == 0 else 1 - player.cooperation[state]
            chance *= meant * (1 - game.noise) + (1 - meant) * game.noise
        if not chance:
            continue
        now = np.array([*game.matrices[:, done[0], done[1]], 1 - done[0], 1 - done[1]])
        last = round + 1 == game.rounds
        yield chance * (1 if last else 1 - game.continuation), now
        if not last:
            after = tuple(
                int(players[seat].transitions[states[seat], done[seat], done[1 - seat]]) for seat in (0, 1)
            )
            for rest, more in paths(game, players, after, round + 1):
                yield chance * game.continuation * rest, now + more


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    sizes=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    payoffs=st.sampled_from(
        [(3, 0, 5, 1), (1, 1, 1, 1), ((1, -1), (-1, 2)), (((3, 0), (5, 1)), ((2, 4), (-1, 0)))]
    ),
    rounds=st.integers(1, 4),
    noise=st.sampled_from([0.0, 0.2]),
    continuation=st.sampled_from([1.0, 0.7]),
)
def test_few_rounds_path_by_path(seed, sizes, payoffs, rounds, noise, continuation):
    random = np.random.default_rng(seed)
    players = [Automaton(random.integers(0, 3, n) / 2, random.integers(0, n, (n, 2, 2))) for n in sizes]
    game = MatrixGame(payoffs=payoffs, rounds=rounds, noise=noise, continuation=continuation)
    chance, sums = (np.array(column) for column in zip(*paths(game, players), strict=True))
    found = exact_results(game, players, np.array([[0, 1]]), leads=True)
    for seat in (0, 1):
        wins = chance @ (sums[:, seat] > sums[:, 1 - seat] + 1e-9)
        good = chance @ (sums[:, 2 + seat] >= sums[:, 3 - seat])
        assert found.wins[0, seat] == pytest.approx(wins, abs=1e-10)
        assert found.good[0, seat] == pytest.approx(good, abs=1e-10)


def round_by_round(game, players):
    """Wins and good conduct of both seats from the distribution of how often more the first cooperates."""
    middle = game.rounds
    now = {(0, 0): np.eye(1, 2 * middle + 1, middle)[0]}
    over = np.zeros(2 * middle + 1)
    for round in range(1, game.rounds + 1):
        after = {}
        for states, difference in now.items():
            for done in product((0, 1), repeat=2):
                own, other = (
                    game.noise + (1 - 2 * game.noise) * abs(action - player.cooperation[state])
                    for action, player, state in zip((1, 0), players, states, strict=True)
                )
                chance = (1 - own if done[0] == 0 else own) * (other if done[1] == 0 else 1 - other)
                target = tuple(
                    int(players[seat].transitions[states[seat], done[seat], done[1 - seat]]) for seat in (0, 1)
                )
                after[target] = after.get(target, 0) + chance * np.roll(difference, done[1] - done[0])
        ends = 1 if round == game.rounds else 1 - game.continuation
        over += ends * sum(after.values())
        now = {states: (1 - ends) * difference for states, difference in after.items()}
    below, level, above = over[:middle].sum(), over[middle], over[middle + 1 :].sum()
    return [below, above], [level + above, level + below]


def anything(states, seed):
    random = np.random.default_rng(seed)
    return Automaton(random.random(states), random.integers(0, states, (states, 2, 2)))


COIN, GRIM, TFT, SUSPICIOUS = ((0.5,) * 5, (1, 1, 0, 0, 0), (1, 1, 0, 1, 0), (0, 1, 0, 1, 0))


@pytest.mark.parametrize(
    "rules",
    [
        {"rounds": 200},
        {"rounds": 150, "noise": 1e-4},
        {"rounds": 97, "noise": 0.02},
        {"rounds": 120, "continuation": 0.97},
        {"rounds": 13, "noise": 0.1},
    ],
    ids=["no noise", "rare noise", "noise", "random end", "few rounds"],
)
@pytest.mark.parametrize(
    "players",
    [
        (memory_one(1, 1, 1, 1, 1), memory_one(0, 0, 0, 0, 0)),
        (memory_one(*(0.9,) * 5), memory_one(*(0.6,) * 5)),
        (memory_one(*(0.4,) * 5), memory_one(*(0.5,) * 5)),
        (memory_one(*GRIM), memory_one(*COIN)),
        (memory_one(*GRIM), memory_one(*(0.99,) * 5)),
        (memory_one(*TFT), memory_one(*TFT)),
        (memory_one(*TFT), memory_one(*SUSPICIOUS)),
        (memory_one(*EXTORT_2), memory_one(*VECTORS[3])),
        (Automaton.of([0.3, 1, 0], [[1, 1, 2, 2], [1] * 4, [2] * 4]), memory_one(*COIN)),
        (anything(2, 0), anything(3, 1)),
        (anything(5, 2), anything(5, 3)),
    ],
    ids=[
        "far apart",
        "mostly apart",
        "near",
        "absorbed",
        "absorbed late",
        "level",
        "in turns",
        "extorted",
        "two classes",
        "comes back to its start",
        "large",
    ],
)
def test_many_rounds_are_the_sum_over_all_differences(players, rules):
    game = PrisonersDilemma(**rules)
    wins, good = round_by_round(game, players)
    found = exact_results(game, players, np.array([[0, 1]]), leads=True)
    np.testing.assert_allclose(found.wins[0], wins, atol=1e-11)
    np.testing.assert_allclose(found.good[0], good, atol=1e-11)


@pytest.mark.parametrize(
    "rules",
    [{"rounds": 40, "noise": 0.05}, {"rounds": 60, "continuation": 0.95}, {"rounds": 30, "misperception": 0.1}],
    ids=["noise", "random end", "misperception"],
)
def test_expected_shares_are_those_of_played_matches(rules):
    game = PrisonersDilemma(**rules)
    agents = [MemoryOne(p=vector) for vector in VECTORS]
    cast = np.array(list(product(range(len(agents)), repeat=2)))
    matches = 1500
    everyone = torch.as_tensor(cast).repeat_interleave(matches, 0)
    played = play(game, agents, everyone, torch.arange(len(everyone)) * 7919 + 1)
    found = exact_results(game, [agent.automaton() for agent in agents], cast, leads=True)
    for sums, expected, ties in ((played.payoff, found.wins, False), (played.cooperation, found.good, True)):
        first, second = sums.squeeze(2).numpy().reshape(len(cast), matches, 2).transpose(2, 0, 1)
        for own, other, share in ((first, second, expected[:, 0]), (second, first, expected[:, 1])):
            counted = (own >= other - 1e-9 if ties else own > other + 1e-9).mean(1)
            error = np.sqrt(share * (1 - share) / matches)
            assert (np.abs(counted - share) <= 4 * error + 1e-9).all()


def test_for_ever_the_class_in_which_a_match_ends_decides():
    """Three in ten cooperate for ever with one who always does, the others defect for ever."""
    stubborn = Automaton.of([0.3, 1, 0], [[1, 1, 2, 2], [1] * 4, [2] * 4])
    found = exact_results(
        PrisonersDilemma(rounds=math.inf), [stubborn, memory_one(1, 1, 1, 1, 1)], np.array([[0, 1]])
    )
    np.testing.assert_allclose(found.wins, [[0.7, 0]])
    np.testing.assert_allclose(found.good, [[0.3, 1]])


@pytest.mark.parametrize("rules", [{"rounds": 20, "discount": 0.9}, {"rounds": 10**6}])
def test_what_would_take_too_much_is_left_unknown(rules):
    players = [memory_one(*VECTORS[3])]
    found = exact_results(PrisonersDilemma(**rules), players, np.array([[0, 0]]), spread=False, leads=True)
    assert np.isnan(found.wins).all()
    assert np.isnan(found.good).all()


TRIO = {"extort": MemoryOne(p=EXTORT_2), "tft": "tit_for_tat", "random": "random"}


def test_extortion_among_three_wins_as_often_in_expectation_as_in_play():
    def results(**how):
        return Tournament([PrisonersDilemma(rounds=60, noise=0.02)], TRIO, seed=3, **how).run()

    known, played = results(mode="exact"), results(mode="played", repetitions=400)
    for (_, ours), (_, theirs) in zip(
        known.ranking.sort_values("agent").iterrows(), played.ranking.sort_values("agent").iterrows(), strict=True
    ):
        assert ours["agent"] == theirs["agent"]
        assert ours["wins"] == pytest.approx(theirs["wins"], abs=4 * math.sqrt(0.25 / 800))
