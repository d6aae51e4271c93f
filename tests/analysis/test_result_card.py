"""What the report says in words."""

import itertools
import re

import numpy as np
import pandas as pd
import pytest

from dilemma.analysis.options import AnalysisOptions
from dilemma.analysis.ranking.payoffs import payoff_table
from dilemma.analysis.ranking.ranking import rank
from dilemma.analysis.report.remarks import remarks, shared_note
from dilemma.analysis.report.result_card import result_card

GAMES = {"game": {"roles": ["player"] * 2, "seats": 2, "title": "Game"}}
ASKED = AnalysisOptions(draws=1000, comparisons="max_t", top=3)


def played(seats, labels, payoff, how="played", times=2):
    pairs = list(itertools.combinations_with_replacement(labels, 2))
    matches = [(pair, [payoff[agent] for agent in pair]) for pair in pairs] * times
    numbers = [repetition for repetition in range(times) for _ in pairs]
    return seats(matches, how=how, repetitions=numbers)


def card(table, **known):
    return result_card(rank(table, GAMES, ASKED), payoff_table(table, GAMES), GAMES["game"], **known)


def first(table):
    return card(table)["Who earns most?"]


def elsewhere(table):
    return card(table)["And with other partners?"]


@pytest.mark.parametrize(
    ("labels", "how", "times", "sentence"),
    [
        ("A", "played", 2, "With 1 opponent nothing is known of others: 5 are the least."),
        ("AB", "played", 1, "Some payoffs rest on a single match"),
        ("ABC", "exact", 1, "C, 3.000 per round. With these partners the order is certain: payoffs are exact"),
        ("ABC", "exact", 1, "there are 3 kinds of them here, and 5 are the least."),
        ("ABC", "played", 2, "With these partners no agent is surely better than another."),
        ("ABC", "played", 1, "C, 3.000 per round, but of single matches: chance can't be told from skill."),
        ("ABCDEF", "exact", 1, "That rests on 6 kinds of partners, so it is rough."),
    ],
)
def test_an_interval_is_said_to_rest_on_what_it_does(labels, how, times, sentence, seats):
    table = played(seats, labels, {agent: float(1 + place) for place, agent in enumerate(labels)}, how, times)
    said = [*card(table).values(), *remarks(rank(table, GAMES, ASKED), payoff_table(table, GAMES))]
    assert sentence in " ".join(said)


def test_ties_are_told(seats):
    assert first(played(seats, "AB", {"A": 1.0, "B": 1.0})) == "All 2 agents earn the same, 1.000 per round."
    tied = first(played(seats, "ABC", {"A": 1.0, "B": 2.0, "C": 2.0}))
    assert tied == "B and C share the first place with 2.000 per round."


def test_both_questions_are_answered(seats):
    random = np.random.default_rng(0)
    pairs = itertools.combinations_with_replacement("ABCDEFGHIJ", 2)
    matches = [(pair, [9 * "ABCDEFGHIJ".index(agent) + random.normal() for agent in pair]) for pair in pairs]
    table = seats(matches, how="exact")
    assert "With these partners the order is certain" in first(table)
    assert "With others of their kind (" in elsewhere(table)
    assert elsewhere(table).endswith("for J) every rank is settled.")


def test_open_ranks_are_told(seats):
    random = np.random.default_rng(0)
    pairs = itertools.combinations_with_replacement("ABCDEFGH", 2)
    table = seats([(pair, random.normal(0, 1, 2)) for pair in pairs], how="exact")
    assert "no agent is surely better than another." in elsewhere(table)


def test_the_first_may_have_rivals(seats):
    random = np.random.default_rng(0)
    payoff = dict(zip("ABCDEF", (0, 1, 2, 3, 9, 9), strict=True))
    pairs = list(itertools.combinations_with_replacement("ABCDEF", 2)) * 10
    matches = [(pair, [payoff[agent] + random.normal(0, 0.5) for agent in pair]) for pair in pairs]
    said = first(seats(matches, repetitions=np.repeat(range(10), 21).tolist()))
    assert re.search("With these partners it may rank 1 to 2 of 6, and [EF] may be first as well.", said)


def test_who_can_be_exploited_is_told_with_what_it_loses(seats):
    table = played(seats, "ABC", {"A": 1.0, "B": 2.0, "C": 3.0})
    found = pd.DataFrame(
        {
            "environment": "game",
            "agent": list("ABC"),
            "gain": [2.0, -1e-12, 0.5],
            "victim_payoff": [0.25, 2.0, 3.5],
            "self_play": [1.0, 2.0, 3.0],
        }
    )
    said = card(table, exploits=found)["Who can be exploited?"]
    takes = "A most: an exploiter takes 2.000 more than its own kind earns and leaves it 0.250 instead of 1.000."
    assert said == f"{takes} Least B (0.000)."
    assert "Nobody, as far as was looked" in card(table, exploits=found.assign(gain=0.0))["Who can be exploited?"]
    assert "Not known" in card(table)["Who can be exploited?"]


def test_who_was_left_out_is_told_with_the_reason(seats):
    table = seats([("AB", (2, 1)), ("BC", (1, 0)), ("AD", (2, 0)), ("BD", (1, 0)), ("CD", (0, 0))])
    said = card(table, background=["E"])["Who was left out?"]
    assert "B and D: it lacks matches with" in said or "lack matches" in said
    assert said.endswith("so means are over common partners.") or "E, by the config: partners only." in said
    assert card(played(seats, "AB", {"A": 1.0, "B": 2.0}))["Who was left out?"] == "Nobody."


def test_who_finished_no_match_is_left_out_with_its_reason(seats):
    failures = [{"setting": "game", "cast": ["A", "C"], "blamed": ["C"], "reason": "KeyError: 'x'"}]
    failures += [{"setting": "other", "cast": ["D"], "blamed": ["D"], "reason": "elsewhere"}]
    said = card(played(seats, "AB", {"A": 1.0, "B": 2.0}), failures=failures)["Who was left out?"]
    assert said == "C: no match was finished (KeyError: 'x')."


def test_a_label_that_turns_the_direction_of_text_turns_no_sentence(seats):
    said = first(played(seats, ["A", "\u202eשלום\nB"], {"A": 1.0, "\u202eשלום\nB": 2.0}, "exact", 1))
    assert said.startswith("\u2068שלום B\u2069, 2.000 per round.")


def test_a_run_in_which_nobody_was_paid_says_so(seats):
    ranking = rank(seats([("AB", (1, 2))]), GAMES, ASKED).assign(rank=pd.NA)
    said = result_card(ranking, payoff_table(seats([]), GAMES), GAMES["game"])
    assert said["Who earns most?"] == "No agent has a payoff."


def test_missing_opponents_are_told_with_whose_they_are(seats):
    table = seats([("AB", (2, 1)), ("BC", (1, 0)), ("AD", (2, 0)), ("BD", (1, 0)), ("CD", (0, 0))])
    words = " ".join(remarks(rank(table, GAMES, ASKED), payoff_table(table, GAMES)))
    shared = "ranked on the 2 of 4 agents that all have met"
    few = "with 2 opponents nothing is known of others: 5 are the least"
    assert f"It lacks matches with 1 agent; {shared}; {few}: A and C." in words


@pytest.mark.parametrize(
    ("given", "shared"),
    [
        (["9 of 5", "9 of 4", "9 of 7"], "9 of 4 to 7"),
        (["alike", "alike"], "alike"),
        (["9 of 5", ""], ""),
        (["", ""], ""),
        (["9 of 5", "8 and 5"], ""),
    ],
)
def test_a_note_of_all_agents_stands_once_with_the_range_of_its_numbers(given, shared):
    assert shared_note(pd.DataFrame({"note": given})) == shared


def test_an_interval_wider_than_the_game_is_said_to_mean_nothing(seats):
    games = {"game": {**GAMES["game"], "extremes": (0.0, 5.0)}}
    table = seats([("AB", (0.0, 5.0)), ("AB", (5.0, 0.0))], repetitions=[0, 1])
    [note] = rank(table, games, ASKED)["note"].unique()
    assert "its interval is wider than all payoffs of the game, 0 to 5, and means nothing" in note
    narrow = seats([("AB", (0.0, 5.0)), ("AB", (0.1, 4.9))], repetitions=[0, 1])
    assert not rank(narrow, games, ASKED)["note"].str.contains("means nothing").any()
