"""What the report says in words."""

import itertools

import numpy as np
import pandas as pd
import pytest

from dilemma.analysis.payoffs import payoff_table
from dilemma.analysis.ranking import rank
from dilemma.analysis.remarks import remarks

GAMES = {"game": {"symmetric": True, "seats": 2, "title": "Game"}}


def said(seats, labels, payoff, how="played", times=2):
    pairs = list(itertools.combinations_with_replacement(labels, 2))
    matches = [(pair, [payoff[agent] for agent in pair]) for pair in pairs] * times
    numbers = [repetition for repetition in range(times) for _ in pairs]
    table = seats(matches, how=how, repetitions=numbers)
    return " ".join(remarks(rank(table, GAMES), payoff_table(table, GAMES)))


@pytest.mark.parametrize(
    ("labels", "how", "times", "sentence"),
    [
        ("A", "played", 2, "With a single opponent an interval can't speak about other partners."),
        ("AB", "played", 1, "Some payoffs rest on a single match"),
        ("ABC", "exact", 1, "All payoffs are exact expectations"),
        ("ABC", "played", 2, "With 3 opponents the intervals are rough"),
        (
            "ABC",
            "played",
            2,
            "(95 % interval 3.000 to 3.000, with other opponents of their kind). C surely ranks 1 of 3",
        ),
    ],
)
def test_an_interval_is_said_to_rest_on_what_it_does(labels, how, times, sentence, seats):
    assert sentence in said(seats, labels, {"A": 1.0, "B": 2.0, "C": 3.0}, how, times)


def test_ties_are_told(seats):
    assert "All agents earn the same, 1.000 per round." in said(seats, "AB", {"A": 1.0, "B": 1.0})
    assert "2 agents share the first place" in said(seats, "ABC", {"A": 1.0, "B": 2.0, "C": 2.0})


def test_a_sure_thing_needs_no_warning(seats):
    words = said(seats, "ABCDEFGHIJ", {agent: float(place) for place, agent in enumerate("ABCDEFGHIJ")})
    assert words.endswith("J surely ranks 1 of 10 against other opponents. Every rank is settled.")


def test_open_ranks_are_told(seats):
    random = np.random.default_rng(0)
    pairs = itertools.combinations_with_replacement("ABCDEFGH", 2)
    table = seats([(pair, random.normal(0, 1, 2)) for pair in pairs])
    words = " ".join(remarks(rank(table, GAMES), payoff_table(table, GAMES)))
    assert "may rank 1 to 8 of 8 against other opponents; 8 agents may rank first." in words
    assert "No agent is surely better than another." in words


def test_a_run_in_which_nobody_was_paid_says_so(seats):
    ranking = rank(seats([("AB", (1, 2))]), GAMES)
    assert list(remarks(ranking.assign(rank=pd.NA), payoff_table(seats([]), GAMES))) == ["No agent has a payoff."]


def test_missing_opponents_are_told_with_whose_they_are(seats):
    table = seats([("AB", (2, 1)), ("BC", (1, 0)), ("AD", (2, 0)), ("BD", (1, 0)), ("CD", (0, 0))])
    words = " ".join(remarks(rank(table, GAMES), payoff_table(table, GAMES)))
    shared = "ranked on the 2 of 4 agents that all have met"
    assert f"It lacks matches with 1 agent; {shared}: A, C." in words
