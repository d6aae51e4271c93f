"""Who is on the front, and how surely."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dilemma.analysis.behaviour.pareto import COLUMNS, dominates, pareto
from dilemma.analysis.cells import cells_by_league
from dilemma.analysis.ranking.payoffs import cell_table

GAMES = {"game": {"roles": ["player"] * 2, "seats": 2, "title": "Game"}}
CLASSICS = [("CC", (3, 3)), ("CD", (0, 5)), ("CT", (3, 3)), ("DD", (1, 1)), ("DT", (2, 1)), ("TT", (3, 3))]


def of(seats, *given_, **options):
    [cells] = cells_by_league(seats, GAMES)
    found = pareto(cells, cell_table(cells), *given_, **{"draws": 500, "seed": 0, **options})
    assert list(found.table) == list(COLUMNS)
    return found.table.set_index("agent"), found.remarks


def test_a_front_of_payoff_and_of_what_others_earn(seats):
    found, remarks = of(seats(CLASSICS, how="exact"))
    assert found["payoff"].to_dict() == pytest.approx({"D": 8 / 3, "T": 7 / 3, "C": 2})
    assert found["partners_payoff"].to_dict() == {"D": 0.5, "T": 2.5, "C": 4}
    assert found["on_front"].all()
    assert (found["fixed_p_front"] == 1).all()  # nothing varies with these partners
    assert any("victims lose" in sentence for sentence in remarks)


def test_harm_suffered_counts_against(seats):
    matches = [("AB", (3, 3)), ("AC", (3, 3)), ("BC", (3, 3)), ("AA", (3, 3)), ("BB", (3, 3)), ("CC", (3, 3))]
    found, remarks = of(seats(matches, how="exact"), {"A": 0.5, "B": 2, "C": 0.5})
    assert found["on_front"].to_dict() == {"A": True, "C": True, "B": False}
    assert found.loc["B", "dominated_by"] == "A"
    assert found["p_front"].to_dict() == {"A": 1, "C": 1, "B": 0}
    assert remarks == ()


def test_agents_without_a_known_loss_are_left_out_of_a_front_with_one(seats):
    found, remarks = of(seats(CLASSICS, how="exact"), {"C": 3.0, "T": 1.0})
    assert found["on_front"].to_dict() == {"C": True, "T": True, "D": False}
    assert np.isnan(found.loc["D", "p_front"])
    assert any("Left out of the front" in sentence and "D" in sentence for sentence in remarks)


def test_the_background_is_partner_and_no_point(seats):
    found, _ = of(seats(CLASSICS, how="exact"), background=["D"])
    assert list(found.index) == ["T", "C"]
    assert found.loc["T", "payoff"] == pytest.approx(7 / 3)


def test_membership_is_the_share_of_draws_on_the_front(seats):
    """Against a bootstrap written out, within 5 standard errors: by chance apart in 1 of a million suites."""
    random = np.random.default_rng(3)
    paid = random.normal(1, 6, 40)
    paid += 1 - paid.mean()
    matches = [("AX", (payoff, 0)) for payoff in paid] + [("BX", (0, 0))] * 40
    table = seats(matches, repetitions=[*range(40), *range(40)])
    found, _ = of(table, background=["X"], draws=4000)
    assert found["on_front"].to_dict() == {"A": True, "B": False}
    means = paid[random.integers(0, 40, (40_000, 40))].mean(1)
    right = np.mean(1 + (means - 1) * np.sqrt(40 / 39) > 0)  # A is ahead
    assert 0.7 < right < 0.95
    error = 5 * np.sqrt(right * (1 - right) * (1 / 4000 + 1 / 40_000))
    assert found["fixed_p_front"].to_dict() == pytest.approx({"A": right, "B": 1 - right}, abs=error)


def test_other_partners_might_change_the_front(seats):
    """Each of A and B is better with one of two partners: drawn twice, either partner takes the other off."""
    matches = [("AX", (4, 0)), ("AY", (0, 0)), ("BX", (0, 0)), ("BY", (3, 0))]
    found, _ = of(seats(matches, how="exact"), background=["X", "Y"], draws=4000)
    assert found["fixed_p_front"].to_dict() == {"A": 1, "B": 0}
    # Of four agents, four are drawn: A is ahead with 4 x > 3 y, and where neither X nor Y is there (both count).
    counts = [(x, y, 4 - x - y) for x in range(5) for y in range(5 - x)]
    ahead = sum(
        stats.multinomial.pmf(drawn, 4, [0.25, 0.25, 0.5])
        for drawn in counts
        if 4 * drawn[0] > 3 * drawn[1] or drawn[2] == 4
    )
    error = 5 * np.sqrt(ahead * (1 - ahead) / 4000)
    assert found.loc["A", "p_front"] == pytest.approx(ahead, abs=error)


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=7))
def test_the_front_is_what_nobody_dominates(points):
    found = dominates(np.array(points, dtype=float))
    for i, one in enumerate(points):
        for j, other in enumerate(points):
            assert found[i, j] == (one != other and all(a >= b for a, b in zip(one, other, strict=True)))
    assert not found.any(0).all()


def test_alone_or_alike(seats):
    alone, remarks = of(seats([("AA", (3, 3))]))
    assert not alone["on_front"].any()
    assert len(remarks) == 3
    alike, _ = of(seats([(pair, (0.1 + 0.2, 0.3)) for pair in ("AA", "AB", "BB")], how="exact"))
    assert alike["on_front"].all()
    assert np.isnan(of(seats(CLASSICS), draws=0)[0]["p_front"]).all()


@pytest.mark.parametrize("wrong", [{"victim_loss": {"Z": 1.0}}, {"background": ["Z"]}])
def test_unknown_labels_are_refused(seats, wrong):
    with pytest.raises(ValueError, match="no agent Z"):
        of(seats(CLASSICS), **wrong)
