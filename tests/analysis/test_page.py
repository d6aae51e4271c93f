"""What a reader finds in the page: the ranking's columns, the rules, the agents."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dilemma.analysis.options import AnalysisOptions
from dilemma.analysis.ranking.payoffs import payoff_table
from dilemma.analysis.ranking.ranking import rank
from dilemma.analysis.report import agent_pages
from dilemma.analysis.report.page_table import page_table, ranking_table
from dilemma.analysis.report.report import write_report
from dilemma.analysis.report.rules import rules

GAME = {"roles": ["player"] * 2, "seats": 2, "title": "A game"}
GAMES = {"game": GAME}
ASKED = AnalysisOptions(draws=100, comparisons="max_t", top=3, exploitability=("population",))


def field(seats, labels):
    random = np.random.default_rng(0)
    pairs = list(itertools.combinations_with_replacement(labels, 2))
    means = random.normal(2, 1, (len(pairs), 2))
    matches = [
        (pair, mean + random.normal(0, 0.1, 2)) for _ in range(2) for pair, mean in zip(pairs, means, strict=True)
    ]
    return seats(matches, repetitions=np.repeat([0, 1], len(pairs)).tolist(), cooperation=0.5)


def test_a_ranking_shows_seven_columns_at_first_and_finds_agents_by_their_properties(seats):
    ranking = rank(field(seats, "ABCDEF"), GAMES, ASKED)
    gains = pd.DataFrame({"environment": "game", "agent": list("ABCDEF"), "gain": 0.5})
    ranking["note"] = ["a note", *ranking["note"].iloc[1:]]
    known = {"A": {"nice": "yes", "memory": "1"}, "B": {"nice": "no"}}
    table = ranking_table(ranking, gains, {"a note": "a"}, {"A": "agent-1"}, known)
    shown = [column.name for column in table.columns if not column.more]
    headings = ["Rank", "Agent", "Payoff [95 %]", "Rank with others", "Cooperation", "Exploitability", "Flag"]
    assert shown == headings
    assert {"Other partners", "s.e.", "Nice", "Memory"} <= {column.name for column in table.columns if column.more}
    agents = {cell.text: cell for cell in table.columns[1].cells}
    assert (agents["A"].link, agents["A"].search) == ("agent-1", "A nice memory=1")
    assert (agents["B"].search, agents["C"].search) == ("", "")


@pytest.mark.parametrize(
    ("values", "is_text", "orders"),
    [
        (["-0.5 [-1, 0]", "", "1,234"], False, [-0.5, None, 1234.0]),
        (["3–7", "16"], False, [3.0, 16.0]),
        (["[2.0, 3.0]", "1e-05"], False, [2.0, 1e-5]),
        (["none", "2 of 3"], False, [None, 2.0]),
        (["yes", "no"], True, [None, None]),
    ],
)
def test_columns_of_numbers_are_sorted_by_their_first_number(values, is_text, orders):
    [column] = page_table(pd.DataFrame({"Column": values})).columns
    assert (column.is_text, [cell.order for cell in column.cells]) == (is_text, orders)


def test_rules_show_a_game_of_two_actions_as_a_table(seats):
    table = payoff_table(field(seats, "AB"), GAMES)
    found = rules(GAME, {"name": "game", "payoffs": [3.0, 0.0, 5.0, 1.0], "rounds": np.inf, "noise": 0.01}, table)
    assert found.payoffs == [("Cooperate", ["3, 3", "0, 5"]), ("Defect", ["5, 0", "1, 1"])]
    assert found.facts == {
        "rounds": "no end",
        "noise": "0.01",
        "seats": "2",
        "played": "4 pairs played, 2 matches each",
    }
    other = rules(GAME, {"payoffs": [[1, 2], [3, 4]]}, table)
    assert other.payoffs == ()
    assert other.facts["payoffs"] == "[[1, 2], [3, 4]]"


def page(seats, tmp_path, labels, facts=None, options=ASKED):
    return write_report(tmp_path, field(seats, labels), GAMES, facts, options=options).read_text()


def test_each_agent_has_a_page_with_its_partners_what_it_is_and_its_exploiters(seats, tmp_path):
    facts = {
        "agents": {"A": {"name": "a_kind", "p": 0.5}, "B": {}, "C": {}},
        "properties": {"A": {"nice": "yes"}},
        "sources": {"agents": {"A": "Somebody 1999"}},
        "run": "runs/a b",
    }
    html = page(seats, tmp_path, "ABC", facts)
    mine = re.search(r'<details class="agent" id="agent-1">.*?</details>', html, re.DOTALL)[0]
    for said in (
        "<dd>a_kind</dd>",
        "<dt>nice</dt><dd>yes</dd>",
        "Source: Somebody 1999",
        "Its exploiters",
        "dilemma replay &#39;runs/a b&#39; A:",
    ):
        assert said in mine
    partners = re.search(r"Payoff by partner.*?</table>", mine, re.DOTALL)[0]
    assert set(re.findall(r'<a href="#agent-\d">(\w)</a>', partners)) == set("ABC")
    assert '<a href="#agent-1">A</a>' in html


def test_of_many_partners_an_agent_shows_the_best_and_the_worst(seats, tmp_path, monkeypatch):
    monkeypatch.setattr(agent_pages, "PARTNERS", 4)
    monkeypatch.setattr(agent_pages, "ENDS", 2)
    table = field(seats, "ABCDEF")
    options, facts = replace(ASKED, exploitability=()), {"agents": {"A": {}}}
    html = write_report(tmp_path, table, GAMES, facts, options=options).read_text()
    mine = re.search(r'<details class="agent" id="agent-1">.*?</details>', html, re.DOTALL)[0]
    partners = re.findall(r'<a href="#agent-\d">(\w)</a>', re.search(r"Payoff by.*?</table>", mine, re.DOTALL)[0])
    payoffs = payoff_table(table, GAMES).query("agent == 'A'").sort_values("payoff", ascending=False)
    ordered = payoffs["opponent"].tolist()
    assert partners == ordered[:2] + ordered[-2:]


def test_a_run_that_is_not_done_says_how_much_is_left(seats, tmp_path):
    assert "1,234 matches are still to be played" in page(seats, tmp_path, "AB", {"left": 1234})
    assert "still to be played" not in page(seats, tmp_path, "AB", {"left": 0})


def test_what_rests_on_single_matches_is_said_in_every_section_beside_flags(seats, tmp_path):
    pairs = list(itertools.combinations_with_replacement("AB", 2))
    parts = [
        seats([(pair, (2.0, 1.0)) for pair in pairs], environment=name, first=100 * place)
        for place, name in enumerate(("game", "other"))
    ]
    table = pd.concat([part.astype({"environment": str}) for part in parts], ignore_index=True)
    table["environment"] = table["environment"].astype("category")
    games = GAMES | {"other": GAME}
    ranked = rank(table, games, ASKED)
    ranked["note"] = ["a note", ""] * 2
    html = write_report(tmp_path, table, games, options=ASKED, ranked=ranked).read_text()
    assert html.count("Some payoffs rest on a single match") == html.count('<p class="flag">') == 2
