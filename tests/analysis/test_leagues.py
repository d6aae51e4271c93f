"""Roles with agents of their own are ranked by themselves; whoever meets several others, by the company it had."""

import io
import itertools
import json
import re

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from dilemma import Tournament, open_run
from dilemma.analysis.behaviour.learned_runs import learned_runs
from dilemma.analysis.cells import cells_by_league
from dilemma.analysis.options import AnalysisOptions
from dilemma.analysis.ranking.mean_weights import mean_payoffs, mean_weights
from dilemma.analysis.ranking.payoffs import payoff_table
from dilemma.analysis.ranking.ranking import rank
from dilemma.analysis.report.report import write_report
from dilemma.analysis.report.terminal import ranking_tables

ASKED = AnalysisOptions(
    draws=100, comparisons="max_t", top=3, ratings=("deviation",), exploitability=("population",)
)
TAX = {"game": {"roles": ["taxer", "payer", "payer", "payer"], "seats": 4, "title": "Tax"}}
TRADE = {"game": {"roles": ["buyer", "seller"], "seats": 2, "title": "Trade"}}
TRIO = {"game": {"roles": ["player"] * 3, "seats": 3, "title": "Trio"}}


@pytest.fixture(scope="module")
def taxed(seats):
    """Two taxers and mixtures of three payers, twice, the second time in other seats; t2 never meets p3 alone."""
    random = np.random.default_rng(0)
    casts = [
        (taxer, *payers)
        for taxer in ("t1", "t2")
        for payers in itertools.combinations_with_replacement(("p1", "p2", "p3"), 3)
        if (taxer, *payers) != ("t2", "p3", "p3", "p3")
    ]
    casts += [(taxer, *payers[::-1]) for taxer, *payers in casts]
    repetitions = np.arange(len(casts)) * 2 // len(casts)
    matches = [(cast, random.normal(size=4)) for cast in casts]
    return seats(matches, repetitions=repetitions.tolist(), cooperation=0.5)


def company(rows):
    """Who sits on the other chairs, by hand."""
    role = dict(enumerate(TAX["game"]["roles"]))
    sits = {(row.match, row.seat): (role[row.seat], row.agent) for row in rows.itertuples()}
    return [
        str(sorted(who for (match, seat), who in sits.items() if match == row.match and seat != row.seat))
        for row in rows.itertuples()
    ]


def test_a_role_is_ranked_by_plain_means_over_companies(taxed):
    rows = taxed.assign(company=company(taxed), role=np.where(taxed["seat"] == 0, "taxer", "payer"))
    by_match = rows.groupby(["role", "agent", "company", "match"], observed=True)["payoff"].mean()
    by_company = by_match.groupby(["role", "agent", "company"], observed=True).mean()
    expected = by_company.groupby(["role", "agent"], observed=True).mean()
    ranking = rank(taxed, TAX, ASKED)
    found = ranking.set_index(["role", "agent"])["payoff"]
    assert found.to_dict() == pytest.approx(expected.to_dict())
    assert [list(part["rank"]) for _, part in ranking.groupby("role", observed=True)] == [[1, 2, 3], [1, 2]]
    counts = by_company.groupby(["role", "agent"], observed=True).size()
    assert ranking.set_index(["role", "agent"])["opponents"].to_dict() == counts.to_dict()
    weighed = taxed.assign(mean_weight=mean_weights(taxed, TAX))
    means = mean_payoffs(weighed, TAX).set_index(["role", "agent"])["payoff"]
    assert means.to_dict() == pytest.approx(expected.to_dict())


def test_of_roles_with_few_agents_nothing_is_known_of_others(taxed):
    ranking = rank(taxed, TAX, ASKED).set_index("agent")
    assert ranking["kinds"].to_dict() == {"t1": 3, "t2": 3, "p1": 2, "p2": 2, "p3": 2}
    assert ranking["low"].isna().all()
    assert ranking["fixed_low"].notna().all()
    told = "in a role of its companies nothing is known of others: 5 are the least"
    assert set(ranking["note"]) == {f"with 3 agents {told}", f"with 2 agents {told}"}


def test_companies_that_share_members_are_no_independent_draws(seats):
    # Five payers make 35 companies; what each is worth to a taxer decides, so that five is what is known.
    worth = dict(zip(("p1", "p2", "p3", "p4", "p5"), (1.0, 2.0, 4.0, 7.0, 9.0), strict=True))
    companies = list(itertools.combinations_with_replacement(worth, 3))
    casts = [(taxer, *payers) for taxer in ("t1", "t2") for payers in companies]
    table = seats([(cast, (sum(worth[payer] for payer in cast[1:]) / 3, 0, 0, 0)) for cast in casts], how="exact")
    of = rank(table, TAX, ASKED).set_index("agent").loc["t1"]
    error = np.std(list(worth.values()), ddof=1) / np.sqrt(5)
    assert (of["opponents"], of["kinds"]) == (35, 5)
    assert 2 * error < of["high"] - of["payoff"] < 4 * error


def test_a_company_is_told_in_words(taxed):
    table = payoff_table(taxed, TAX)
    assert table["opponent"].isna().all()
    of = table[table["agent"] == "t1"]["company"]
    assert {"3 payer: p3", "2 payer: p1, payer: p2", "payer: p1, payer: p2, payer: p3"} < set(of)
    assert {"taxer: t2, 2 payer: p1"} < set(table[table["agent"] == "p1"]["company"])
    seats = table.groupby("role", observed=True)["seat"].unique().map(list).to_dict()
    assert seats == {"taxer": ["0"], "payer": ["1, 2, 3"]}


def test_the_report_has_a_ranking_for_each_league(taxed, tmp_path):
    card = {"environment": "game", "agent": "p1", "kind": "exact", "reason": "a reason"}
    page = write_report(tmp_path, taxed, TAX, options=ASKED, cards=[card]).read_text()
    assert re.findall("<h2>(.*)</h2>", page)[:2] == ["game: taxer", "game: payer"]
    assert page.count("No exact exploiter of p1: a reason.") == 1
    assert "over <i>companies</i>" in page
    assert "Not computed" not in page
    table = pd.read_csv(tmp_path / "ranking.csv")
    assert table.groupby("role")["agent"].apply(sorted).to_dict() == {
        "taxer": ["t1", "t2"],
        "payer": ["p1", "p2", "p3"],
    }
    assert set(pd.read_csv(tmp_path / "comparisons.csv")["role"]) == {"taxer", "payer"}
    assert not (tmp_path / "ratings.csv").exists()
    out = io.StringIO()
    Console(file=out, width=80).print(ranking_tables(rank(taxed, TAX, ASKED)))
    assert re.findall("game: (.*), payoff per round", out.getvalue()) == ["taxer", "payer"]


def test_curves_of_several_others_are_one(taxed):
    rows = taxed[["match", "environment", "repetition", "seat", "agent", "opponent", "payoff"]]
    runs = learned_runs(rows.assign(point=0), TAX).table
    assert set(runs["opponent"]) <= {"p1", "p2", "p3", "t1", "t2", "others"}
    of = runs[(runs["agent"] == "t2") & (runs["opponent"] == "others")]
    several = rows[(rows["agent"] == "t2") & rows["opponent"].isna()]
    assert of[["seat", "runs"]].to_numpy().tolist() == [["0", len(several)]]
    assert of["late"].tolist() == pytest.approx([several["payoff"].mean()])


def test_a_failed_agent_takes_its_companies_with_it(taxed):
    failure = {"setting": "game", "cast": ["t1", "p1", "p2", "p3"], "blamed": ["p3"]}
    ranking = rank(taxed, TAX, ASKED, [failure]).set_index("agent")
    assert ranking["rank"].isna().to_dict() == {"t1": False, "t2": False, "p1": False, "p2": False, "p3": True}
    assert ranking["opponents"].to_dict() == {"t1": 4, "t2": 4, "p1": 6, "p2": 6, "p3": 11}


def test_who_meets_only_the_other_league_has_opponents_and_no_square(seats, tmp_path):
    pays = {("b1", "s1"): (1, 2), ("b1", "s2"): (3, 4), ("b2", "s1"): (5, 6), ("b2", "s2"): (7, 9)}
    table = seats(list(pays.items()), how="exact")
    ranking = rank(table, TRADE, ASKED).set_index("agent")
    assert ranking["payoff"].to_dict() == {"b2": 6, "b1": 2, "s2": 6.5, "s1": 4}
    assert ranking["role"].to_dict() == {"b2": "buyer", "b1": "buyer", "s2": "seller", "s1": "seller"}
    assert "company" not in payoff_table(table, TRADE)
    assert [cells.square for cells in cells_by_league(table, TRADE)] == [False, False]
    page = write_report(tmp_path, table, TRADE, options=ASKED).read_text()
    assert re.findall("<h2>(.*)</h2>", page)[:2] == ["game: buyer", "game: seller"]
    lacking = rank(table[table["match"] != 3], TRADE, ASKED).set_index("agent")
    assert lacking["missing"].to_dict() == {"b1": 0, "b2": 1, "s1": 0, "s2": 1}


def test_three_agents_of_one_role_are_one_league_of_companies(seats):
    table = seats([("ABC", (1, 2, 3)), ("AAB", (4, 6, 9)), ("CCB", (0, 0, 1))])
    [cells] = cells_by_league(table, TRIO)
    assert (cells.label, cells.square) == ("game", False)
    ranking = rank(table, TRIO, ASKED).set_index("agent")
    assert ranking["payoff"].to_dict() == {"A": 3, "B": 4, "C": 1.5}  # A: 1 with B and C, 5 with A and B
    assert ranking.loc["B", "worst_partner_name"] == "2 C"


def test_roles_of_the_same_agents_are_ranked_together(seats):
    table = seats([("AB", (1, 2)), ("BA", (3, 4))])
    assert set(rank(table, TRADE, ASKED)["role"]) == {"buyer and seller"}


def test_whoever_lacks_a_role_by_accident_splits_no_league(seats):
    rows = seats([(("a", "b"), (2.0, 1.0)), (("b", "a"), (3.0, 1.0)), (("a", "c"), (1.0, 0.0))])
    assert len({cells.league for cells in cells_by_league(rows, TRADE)}) == 2
    told = {"game": {**TRADE["game"], "leagues": [["buyer", "seller"]]}}
    [cells] = cells_by_league(rows, told)
    assert cells.square


def test_a_run_kept_before_there_were_roles_is_ranked_the_same(tmp_path):
    now = Tournament(["battle_of_the_sexes"], ["all_c", "all_d"], self_play=True).run(tmp_path / "run")
    path = tmp_path / "run" / "manifest.json"
    manifest = json.loads(path.read_text())
    [game] = manifest["games"].values()
    game["symmetric"] = len(set(game.pop("roles"))) == 1
    path.write_text(json.dumps(manifest))
    then = open_run(tmp_path / "run")
    assert set(now.ranking["role"]) == {"row and column"}
    assert set(then.ranking["role"]) == {"player 1 and player 2"}
    pd.testing.assert_frame_equal(then.ranking.drop(columns="role"), now.ranking.drop(columns="role"))
