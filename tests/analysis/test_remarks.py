"""What the report says in words."""

import itertools

import numpy as np
import pandas as pd
import pytest

from dilemma.analysis.options import AnalysisOptions
from dilemma.analysis.ranking.payoffs import payoff_table
from dilemma.analysis.ranking.ranking import rank
from dilemma.analysis.report.remarks import remarks

GAMES = {"game": {"roles": ["player"] * 2, "seats": 2, "title": "Game"}}
ASKED = AnalysisOptions(draws=1000, comparisons="max_t", top=3)


def said(seats, labels, payoff, how="played", times=2):
    pairs = list(itertools.combinations_with_replacement(labels, 2))
    matches = [(pair, [payoff[agent] for agent in pair]) for pair in pairs] * times
    numbers = [repetition for repetition in range(times) for _ in pairs]
    table = seats(matches, how=how, repetitions=numbers)
    return " ".join(remarks(rank(table, GAMES, ASKED), payoff_table(table, GAMES)))


@pytest.mark.parametrize(
    ("labels", "how", "times", "sentence"),
    [
        ("A", "played", 2, "With 1 opponent nothing is known of others: 5 are the least."),
        ("AB", "played", 1, "Some payoffs rest on a single match"),
        ("ABC", "exact", 1, "C earns most: 3.000 per round (exactly with these opponents)."),
        ("ABC", "exact", 1, "With these opponents the order is certain: all payoffs are exact expectations."),
        ("ABC", "exact", 1, "With 3 opponents nothing is known of others: 5 are the least."),
        ("ABC", "played", 2, "With these opponents no agent is surely better than another."),
        ("ABCDEF", "exact", 1, "With 6 kinds of opponents intervals are rough"),
    ],
)
def test_an_interval_is_said_to_rest_on_what_it_does(labels, how, times, sentence, seats):
    payoff = {agent: float(1 + place) for place, agent in enumerate(labels)}
    assert sentence in said(seats, labels, payoff, how, times)


def test_ties_are_told(seats):
    assert "All agents earn the same, 1.000 per round." in said(seats, "AB", {"A": 1.0, "B": 1.0})
    assert "2 agents share the first place" in said(seats, "ABC", {"A": 1.0, "B": 2.0, "C": 2.0})


def test_both_questions_are_answered_the_same_field_first(seats):
    random = np.random.default_rng(0)
    pairs = itertools.combinations_with_replacement("ABCDEFGHIJ", 2)
    matches = [(pair, [9 * "ABCDEFGHIJ".index(agent) + random.normal() for agent in pair]) for pair in pairs]
    table = seats(matches, how="exact")
    words = " ".join(remarks(rank(table, GAMES, ASKED), payoff_table(table, GAMES)))
    same, others = "With these opponents the order is certain", "With other opponents of their kind every rank is"
    assert 0 < words.index(same) < words.index(others)


def test_open_ranks_are_told(seats):
    random = np.random.default_rng(0)
    pairs = itertools.combinations_with_replacement("ABCDEFGH", 2)
    table = seats([(pair, random.normal(0, 1, 2)) for pair in pairs], how="exact")
    words = " ".join(remarks(rank(table, GAMES, ASKED), payoff_table(table, GAMES)))
    assert "With other opponents of their kind no agent is surely better than another." in words


def test_the_first_may_have_rivals(seats):
    random = np.random.default_rng(0)
    payoff = dict(zip("ABCDEF", (0, 1, 2, 3, 9, 9), strict=True))
    pairs = list(itertools.combinations_with_replacement("ABCDEF", 2)) * 10
    matches = [(pair, [payoff[agent] + random.normal(0, 0.5) for agent in pair]) for pair in pairs]
    table = seats(matches, repetitions=np.repeat(range(10), 21).tolist())
    words = " ".join(remarks(rank(table, GAMES, ASKED), payoff_table(table, GAMES)))
    assert " may rank 1 to 2 of 6; 2 agents may rank first." in words


def test_a_run_in_which_nobody_was_paid_says_so(seats):
    ranking = rank(seats([("AB", (1, 2))]), GAMES, ASKED)
    assert list(remarks(ranking.assign(rank=pd.NA), payoff_table(seats([]), GAMES))) == ["No agent has a payoff."]


def test_missing_opponents_are_told_with_whose_they_are(seats):
    table = seats([("AB", (2, 1)), ("BC", (1, 0)), ("AD", (2, 0)), ("BD", (1, 0)), ("CD", (0, 0))])
    words = " ".join(remarks(rank(table, GAMES, ASKED), payoff_table(table, GAMES)))
    shared = "ranked on the 2 of 4 agents that all have met"
    few = "with 2 opponents nothing is known of others: 5 are the least"
    assert f"It lacks matches with 1 agent; {shared}; {few}: A, C." in words
