"""Payoffs with partners of the field, and with others."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dilemma.analysis.cells import cells_by_league
from dilemma.analysis.ranking.held_out import COLUMNS, held_out
from dilemma.analysis.ranking.payoffs import cell_table

GAMES = {"game": {"roles": ["player"] * 2, "seats": 2, "title": "Game"}}


def of(seats, background):
    [cells] = cells_by_league(seats, GAMES)
    found = held_out(cells, cell_table(cells), background)
    assert list(found.table) == list(COLUMNS)
    return found.table.set_index("agent"), found.remarks


def league(seats, own, background, self_play=9):
    """A earns `own` with the others of the field, and `background` with those held out; all others 1."""
    field = [(("A", f"F{i}"), (payoff, 1)) for i, payoff in enumerate(own)]
    out = [(("A", f"H{i}"), (payoff, 1)) for i, payoff in enumerate(background)]
    among = [((f"F{i}", f"H{j}"), (1, 1)) for i in range(len(own)) for j in range(len(background))]
    return seats([("AA", (self_play, self_play)), *field, *out, *among], how="exact")


def test_the_gap_is_what_is_lost_away_from_the_field(seats):
    own, away = [3.0, 2.5, 3.5, 2.9], [1.0, 2.0, 0.5]
    found, remarks = of(league(seats, own, away), ["H0", "H1", "H2"])
    row = found.loc["A"]
    assert (row["self_play"], row["field"], row["held_out"]) == (9, np.mean(own), pytest.approx(np.mean(away)))
    assert (row["field_partners"], row["held_out_partners"]) == (4, 3)
    welch = stats.ttest_ind(own, away, equal_var=False).confidence_interval(0.95)
    assert row[["gap_low", "gap_high"]].to_list() == pytest.approx(list(welch))
    assert row["gap_beyond_others"] == pytest.approx(row["gap"])  # the others' gap is 0
    assert set(found.index) == {"A", "F0", "F1", "F2", "F3"}
    assert any("A earns" in sentence and "less" in sentence for sentence in remarks)


def test_partners_that_are_hard_for_everybody_are_no_agent_s_fault(seats):
    matches = [("AB", (3, 3)), ("AH", (1, 5)), ("BH", (1, 5))]
    found, remarks = of(seats(matches), ["H"])
    assert found["gap"].to_list() == [2, 2]
    assert found["gap_beyond_others"].to_list() == [0, 0]
    assert found["gap_low"].isna().all()
    assert any("no interval" in sentence for sentence in remarks)


def test_constant_payoffs_give_an_interval_of_no_width(seats):
    found, _ = of(league(seats, [0.1] * 3, [0.3] * 3), ["H0", "H1", "H2"])
    assert found.loc["A", ["gap_low", "gap", "gap_high"]].to_list() == pytest.approx([-0.2] * 3)


def test_a_population_of_partners_is_weighted_by_its_shares(seats):
    own, away = [3.0, 2.5], [1.0, 2.0, 0.5]
    found, remarks = of(league(seats, own, away), {"H2": 1, "H0": 2, "H1": 1})  # as if H0 stood there twice
    row = found.loc["A"]
    assert (row["held_out"], row["held_out_partners"]) == (np.mean([1, 1, 2, 0.5]), 3)
    assert "Held out: H0 (50.0% of the partners)" in remarks[0]
    equal, _ = of(league(seats, own, away), {"H0": 0.2, "H1": 0.2, "H2": 0.2})
    listed, _ = of(league(seats, own, away), ["H0", "H1", "H2"])
    pd.testing.assert_frame_equal(equal, listed)


def test_a_partner_of_hardly_any_share_changes_no_interval(seats):
    own = [3.0, 2.5]
    found, _ = of(league(seats, own, [1.0, 2.0, 0.5]), {"H0": 1, "H1": 1, "H2": 1e-9})
    without, _ = of(league(seats, own, [1.0, 2.0]), {"H0": 1, "H1": 1})
    ends = ["gap_low", "gap", "gap_high"]
    assert found.loc["A", ends].to_list() == pytest.approx(without.loc["A", ends].to_list())


@pytest.mark.parametrize(
    ("background", "says"), [([], "No partner is held out"), (["A", "B"], "Every agent is held out")]
)
def test_nothing_to_compare_is_said(seats, background, says):
    found, remarks = of(seats([("AB", (1, 1))]), background)
    assert found["gap"].isna().all()
    assert says in remarks[0]


def test_one_agent_and_its_partner(seats):
    found, _ = of(seats([("AH", (1, 1))]), ["H"])
    assert found.loc["A", "held_out"] == 1
    assert found[["field", "gap", "gap_beyond_others"]].isna().all(axis=None)


def test_unknown_labels_are_refused(seats):
    with pytest.raises(ValueError, match="no agent Z"):
        of(seats([("AB", (1, 1))]), ["Z"])
