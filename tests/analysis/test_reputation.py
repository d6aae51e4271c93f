"""Populations with reputations: their measures, who is chosen and punished, and the figures of a report."""

import numpy as np
import pandas as pd
import pytest

from dilemma import Tournament
from dilemma.agents.population_members import AntisocialPunisher, JustPunisher, PopulationMember
from dilemma.analysis.behaviour.population_measures import of_population
from dilemma.analysis.behaviour.reputation import population, populations_of, selections, types
from dilemma.analysis.report.population_figures import selection_network
from dilemma.envs.reputation.reputation_dilemma import ReputationDilemma


def share(values, name):
    part, whole = of_population({key: np.asarray(each, dtype=float)[None] for key, each in values.items()})[name]
    return part[0] / whole[0]


@pytest.mark.parametrize("members", [2, 5, 20])
def test_the_gini_coefficient_of_1_to_n_is_that_of_the_formula(members):
    assert share({"net": np.arange(1, members + 1)}, "gini") == pytest.approx((members - 1) / (3 * members))


def test_who_has_all_leaves_a_gini_coefficient_of_all_but_one():
    assert share({"net": [0, 0, 0, 7]}, "gini") == pytest.approx(3 / 4)


def test_there_is_no_gini_coefficient_where_somebody_loses_in_some_match():
    part, whole = of_population({"net": np.array([[1.0, 2.0], [-1.0, 2.0]])})["gini"]
    assert np.isnan(part).all()
    assert not whole.any()


@pytest.mark.parametrize(
    ("met", "assorted"),
    [((4, 0, 0, 4), 1.0), ((2, 2, 2, 2), 0.0), ((0, 4, 4, 0), -1.0), ((3, 1, 2, 2), 3 / 4 - 1 / 2)],
)
def test_partners_are_assorted_as_cooperators_meet_more_cooperators_than_defectors_do(met, assorted):
    """Rounds of CC, CD, DC and DD, the chooser's move first."""
    both, deceived, exploits, neither = met
    values = {
        "cooperates_as_chooser": [both + deceived],
        "defects_as_chooser": [exploits + neither],
        "mutual_cooperation": [both],
        "deception": [deceived],
        "exploitation": [exploits],
        "mutual_defection": [neither],
    }
    assert share(values, "assortment") == pytest.approx(assorted)
    assert share(values, "exploitation") == pytest.approx(exploits / 8)


def evidence_of(game, agents, **rest):
    results = Tournament([game], agents, schedule={"kind": "shares", "repetitions": 4}, seed=3, **rest).run()
    label = str(results.seats["environment"].iloc[0])
    return populations_of(label, results.rows, results.curves, results.selections, {}, {})


@pytest.fixture(scope="module")
def judged():
    """Six members: two each of those who punish defectors, who punish cooperators, and who always defect."""
    game = ReputationDilemma(variant="dp", population=6, rounds=2, encounters=4)
    members = {
        "just": JustPunisher(),
        "antisocial": AntisocialPunisher(),
        "defector": PopulationMember(play="all_d"),
    }
    return evidence_of(game, members)


def test_each_type_punishes_what_it_says(judged):
    table = types(judged).table.set_index("agent")
    assert table["members"].tolist() == [2, 2, 2]
    assert table.loc["just", ["just_punishment", "unjust_punishment"]].tolist() == [1, 0]
    assert table.loc["antisocial", ["just_punishment", "unjust_punishment"]].tolist() == [0, 1]
    assert table.loc["defector", ["just_punishment", "unjust_punishment"]].tolist() == [0, 0]
    assert table.loc["defector", "cooperation"] == 0
    assert (table["chosen"] * table["members"]).sum() / table["members"].sum() == pytest.approx(1)


def test_what_sanctions_cost_is_the_difference_of_gross_and_net(judged):
    """Each punishment takes 3 from its victim; one of a defection pays 2, one of cooperation costs 10."""
    found = population(judged).table.iloc[0]
    rows = judged.seats
    counted = (-3 * rows["punished"] + 2 * rows["just"] - 10 * rows["unjust"]).mean()
    assert found["net"] - found["gross"] == pytest.approx(counted)
    assert found["phase"] == "result"


def test_choices_by_lot_are_as_often_as_by_lot():
    game = ReputationDilemma(variant="partner_selection_2020", population=6, encounters=400)
    members = {"one": PopulationMember(play="all_c"), "other": PopulationMember(play="all_d")}
    table = selections(evidence_of(game, members)).table
    assert table.groupby("agent")["share"].sum().tolist() == pytest.approx([1, 1])
    assert table["by_lot"].tolist() == pytest.approx([2 / 5, 3 / 5, 3 / 5, 2 / 5])
    # 4 x 3 x 400 choices a type: a share of 2/5 has a standard error of 0.007.
    assert np.abs(table["share"] - table["by_lot"]).max() < 4 * 0.0071


def test_populations_whose_types_are_too_many_to_list_have_different_labels():
    game = ReputationDilemma(variant="none", population=2, rounds=1, encounters=1)
    members = {f"{name} with a label of some length": PopulationMember(play="all_c") for name in "abc"}
    results = Tournament([game], members, repetitions=2).run()
    found = populations_of("reputation_dilemma", results.rows, None, None, {}, {})
    said = "2 members of 2 types"
    assert [each.label for each in found.played] == [said, f"{said} (2)", f"{said} (3)"]


def test_other_environments_have_no_populations_with_reputations():
    results = Tournament(["prisoners_dilemma"], ["tit_for_tat", "all_d"]).run()
    assert populations_of("prisoners_dilemma", results.rows, None, None, {}, {}) is None


def test_an_arrow_is_drawn_where_a_member_makes_up_that_share_of_choices():
    count = np.array([[0.0, 9, 1], [6, 0, 4], [1, 9, 0]])
    figure = selection_network(count, np.array([1.0, 0.5, 0.0]), ["one", "one", "two"], 0.7)
    assert len(figure.axes[0].patches) == 2


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    game = ReputationDilemma(variant="dp_s", population=4, rounds=2, encounters=2)
    learning = {"episodes": 4, "tables": 2, "window": 1, "freeze_after": {"staged_q_learning": 3}, "block": 3}
    league = Tournament(
        {"chosen": game, "lot": ReputationDilemma(variant="dp", population=4, rounds=2, encounters=2)},
        ["staged_q_learning", "choosy_tit_for_tat"],
        schedule={"kind": "shares", "repetitions": 3},
        learning=learning,
        analysis={"draws": 100},
    )
    return league.run().report(tmp_path_factory.mktemp("report"))


def test_a_report_draws_the_course_and_who_chooses_whom(page):
    names = sorted(file.name for file in (page.parent / "figures").glob("*.svg"))
    assert {"1-chosen-course-1.svg", "1-chosen-selected-1.svg", "1-chosen-selected-types-1.svg"} <= set(names)
    assert "2-lot-course-1.svg" in names
    assert not any(name.startswith("2-lot-selected") for name in names)
    text = page.read_text(encoding="utf-8")
    said = (
        "2 staged_q_learning, 2 choosy_tit_for_tat, the first repetition: whom each chooses in 50% of its choices"
    )
    assert f'aria-label="{said} or more, 1.5 times as many as by lot.' in text


def test_exploration_is_told_apart_from_the_result(page):
    table = pd.read_csv(page.parent / "population.csv")
    assert table.groupby("environment", sort=False)["phase"].apply(list).tolist() == [["learning", "result"]] * 2


def test_methods_say_how_populations_are_measured(page):
    assert "inequality is Gini's coefficient" in (page.parent / "methods.tex").read_text(encoding="utf-8")
    assert "gini1912" in (page.parent / "references.bib").read_text(encoding="utf-8")
