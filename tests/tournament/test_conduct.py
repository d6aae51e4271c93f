"""What follows what: conditional cooperation of players whose table is known, exactly and by play."""

import math

import numpy as np
import pytest

from dilemma import Tournament
from dilemma.agents import CATALOGUE
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.tournament.outcome_counts import COLUMNS, STATES

AFTER, C_AFTER = COLUMNS[1:5], COLUMNS[5:]
TABLES = {"one": (0.9, 0.2, 0.6, 0.1), "other": (0.7, 0.5, 0.3, 0.8)}


def seats(game, mode, repetitions=1):
    agents = {label: CATALOGUE.build("memory_one", {"p": (0.25, *p)}) for label, p in TABLES.items()}
    return Tournament([game], agents, mode=mode, repetitions=repetitions, self_play=True).run().seats


GAMES = {
    "fixed": PrisonersDilemma(rounds=90),
    "random end": PrisonersDilemma(rounds=200, continuation=0.97),
    "discounted": PrisonersDilemma(rounds=70, discount=0.95),
    "noisy": PrisonersDilemma(rounds=60, noise=0.1),
}


@pytest.mark.parametrize("game", [*GAMES.values(), PrisonersDilemma(rounds=math.inf)], ids=[*GAMES, "endless"])
def test_a_memory_one_player_does_after_each_state_what_its_table_says(game):
    for label, rows in seats(game, "exact").groupby("agent", observed=True):
        p = np.array(TABLES[label]) * (1 - game.noise) + (1 - np.array(TABLES[label])) * game.noise
        after, c_after = rows[list(AFTER)].to_numpy(), rows[list(C_AFTER)].to_numpy()
        np.testing.assert_allclose(c_after / after, np.broadcast_to(p, after.shape), rtol=1e-5)
        np.testing.assert_allclose(rows["opening"], 0.25 * (1 - game.noise) + 0.75 * game.noise, rtol=1e-6)


def test_every_round_but_the_first_follows_another():
    game = PrisonersDilemma(rounds=90)
    for mode in ("exact", "played"):
        np.testing.assert_allclose(seats(game, mode)[list(AFTER)].sum(axis=1), 89 / 90, rtol=1e-6)


@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
def test_what_is_expected_is_what_is_played(game):
    """Means of 400 matches lie within 5 standard errors: 100 comparisons fail together in 1 of 10,000 suites."""
    known, played = seats(game, "exact"), seats(game, "played", 400)
    for key, rows in played.groupby(["agent", "opponent"], observed=True):
        expected = known[(known["agent"] == key[0]) & (known["opponent"] == key[1])]
        for name in COLUMNS:
            # A random end makes a ratio of sums: its residuals are what varies.
            weight = rows["weight"] if name != "opening" else rows["weight"] * 0 + 1
            mean = (rows[name] * weight).sum() / weight.sum()
            residual = ((rows[name] - mean) * weight).to_numpy()
            error = math.sqrt((residual**2).sum()) / weight.sum() * math.sqrt(2 if key[0] == key[1] else 1)
            assert abs(mean - expected[name].mean()) < 5 * error + 1e-6, (key, name)


def test_the_seats_see_each_other_mirrored():
    rows = seats(PrisonersDilemma(rounds=40), "played", 3)
    for _, pair in rows.groupby("match"):
        first, second = pair[list(AFTER)].to_numpy()
        np.testing.assert_array_equal(first, second[[0, 2, 1, 3]])
    assert STATES == ("cc", "cd", "dc", "dd")
