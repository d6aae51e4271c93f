"""Who can be ranked, and on which partners, where matches are missing or failed."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dilemma.analysis.cells import cells_by_league
from dilemma.analysis.options import AnalysisOptions
from dilemma.analysis.ranking.field import common_field
from dilemma.analysis.ranking.ranking import rank

GAMES = {"game": {"roles": ["player"] * 2, "seats": 2, "title": "Game"}}
ASKED = AnalysisOptions(draws=1000, comparisons="max_t", top=3)


def failure(cast, *blamed):
    return {"setting": "game", "cast": list(cast), "blamed": list(blamed)}


def field_of(table, failures=()):
    [cells] = cells_by_league(table, GAMES)
    field = common_field(cells, failures)
    names = cells.agents[cells.roster]
    partners = [] if field.cells is None else sorted(field.cells.agents[np.unique(field.cells.partner)])
    return sorted(names[field.ranked]), partners


def pairs(labels, without=()):
    gone = [set(pair) for pair in without]
    return [pair for pair in itertools.combinations(labels, 2) if set(pair) not in gone]


@pytest.mark.parametrize(
    ("without", "ranked", "partners"),
    [
        ((), "ABCDE", "ABCDE"),
        (("AB",), "ABCDE", "CDE"),  # nobody knows whose fault it is: neither counts as a partner
        (("AB", "AC", "AD"), "BCDE", "BCDE"),  # who lacks most is left out
        (("AB", "CD"), "ABCD", "E"),
    ],
)
def test_agents_are_ranked_on_the_partners_that_all_have_met(without, ranked, partners, seats):
    table = seats([(pair, (1, 1)) for pair in pairs("ABCDE", without)], agents=list("ABCDE"))
    assert field_of(table) == (list(ranked), list(partners))


def test_who_fails_against_defectors_is_not_first_over_the_others(seats):
    # X fails against the defectors D and E. Over the cooperators alone it would come first with 5.
    paid = {"C": 3.0, "B": 3.0, "D": 1.0, "E": 1.0, "X": 5.0}
    played = pairs("BCDEX", ("DX", "EX"))
    table = seats([(pair, [paid[agent] for agent in pair]) for pair in played], agents=list("BCDEX"))
    ranking = rank(table, GAMES, ASKED, failures=[failure("DX", "X"), failure("EX", "X")]).set_index("agent")
    assert ranking.index[-1] == "X"
    assert ranking["rank"].isna().to_dict() == {**dict.fromkeys("BCDE", False), "X": True}
    assert ranking.loc["X", "note"] == "not ranked: it failed in 2 matches"
    assert set(ranking.loc[list("BCDE"), "opponents"]) == {3}


def test_some_failed_repetitions_of_nobodys_fault_are_told(seats):
    table = seats([(pair, (1, 1)) for pair in pairs("ABC")])
    notes = rank(table, GAMES, ASKED, failures=[failure("AB")]).set_index("agent")["note"]
    assert "1 match failed, the mean is of the others" in notes["A"]
    assert "failed" not in notes["C"]


def test_a_seat_or_a_share_that_was_never_played_is_missed(seats):
    games = {"game": {"roles": ["row", "column"], "seats": 2, "title": ""}}
    both = [(cast, (4, 0)) for cast in itertools.permutations("ABC", 2)]
    assert rank(seats(both), games, ASKED)["missing"].tolist() == [0, 0, 0]
    assert rank(seats(both[1:]), games, ASKED)["missing"].sum() == 2


def test_nobody_is_ranked_where_nobody_met_a_common_partner(seats):
    ranking = rank(seats([("AB", (1, 1)), ("CD", (1, 1))]), GAMES, ASKED)
    assert ranking["rank"].isna().all()
    assert ranking["note"].str.startswith("not ranked").all()


@given(without=st.sets(st.sampled_from(pairs("ABCDEFG")), max_size=12))
def test_whoever_is_ranked_has_met_every_common_partner(seats, without):
    played = pairs("ABCDEFG", without)
    table = seats([(pair, (1, 1)) for pair in played], agents=list("ABCDEFG"))
    ranked, partners = field_of(table)
    met = {frozenset(pair) for pair in played}
    assert all(frozenset((a, b)) in met for a in ranked for b in partners if a != b)


@given(labels=st.permutations("ABCDEFG"), without=st.sets(st.sampled_from(pairs("ABCDEFG")), max_size=8))
def test_the_field_does_not_depend_on_the_order_of_the_agents(seats, labels, without):
    matches = [(pair, (1, 1)) for pair in pairs("ABCDEFG", without)]
    assert field_of(seats(matches, agents=list("ABCDEFG"))) == field_of(seats(matches, agents=labels))
