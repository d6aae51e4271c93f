"""Who is on the front, and how surely."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dilemma.analysis.cells import environments
from dilemma.analysis.pareto import COLUMNS, dominates, pareto
from dilemma.analysis.payoffs import cell_table

GAMES = {"game": {"symmetric": True, "seats": 2, "title": "Game"}}
CLASSICS = [("CC", (3, 3)), ("CD", (0, 5)), ("CT", (3, 3)), ("DD", (1, 1)), ("DT", (2, 1)), ("TT", (3, 3))]


def of(seats, *given_, **options):
    [cells] = environments(seats, GAMES)
    found = pareto(cells, cell_table(cells), *given_, **options)
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
    """A is 1 better in the mean of 40 repetitions with standard error 0.5; its partners always earn the same."""
    random = np.random.default_rng(3)
    noise = random.normal(0, 1, 40)
    noise = (noise - noise.mean()) / noise.std(ddof=1) * 0.5 * np.sqrt(40)
    matches = [("AX", (1 + move, 0)) for move in noise] + [("BX", (0, 0))] * 40
    table = seats(matches, repetitions=[*range(40), *range(40)])
    found, _ = of(table, background=["X"], draws=4000)
    assert found["on_front"].to_dict() == {"A": True, "B": False}
    # P(B on the front) = P(Z < -2) = 0.023, skewed by what was drawn: 5 standard errors of 4000 draws and as much.
    assert found.loc["B", "fixed_p_front"] == pytest.approx(0.023, abs=0.024)
    assert found.loc["A", "fixed_p_front"] == 1 - found.loc["B", "fixed_p_front"]


def test_other_partners_might_change_the_front(seats):
    """Each of A and B is better with one of two partners: drawn twice, either partner takes the other off."""
    matches = [("AX", (4, 0)), ("AY", (0, 0)), ("BX", (0, 0)), ("BY", (3, 0))]
    found, _ = of(seats(matches, how="exact"), background=["X", "Y"], draws=4000)
    assert found["fixed_p_front"].to_dict() == {"A": 1, "B": 0}
    # Partners drawn: X more often than 3 / 4 of Y, none (even weights), or fewer; four agents are drawn from.
    chances = {(x, y): p for x, y, p in _multinomial(4)}
    surely = sum(p for (x, y), p in chances.items() if 4 * x > 3 * y or x == y == 0)
    tied = sum(p for (x, y), p in chances.items() if x == 3 and y == 4)
    error = 5 * np.sqrt(surely * (1 - surely) / 4000)
    assert tied == 0
    assert found.loc["A", "p_front"] == pytest.approx(surely, abs=error)


def _multinomial(size):
    from math import factorial

    for x in range(size + 1):
        for y in range(size + 1 - x):
            rest = size - x - y
            ways = factorial(size) / (factorial(x) * factorial(y) * factorial(rest))
            yield x, y, ways * 0.25**x * 0.25**y * 0.5**rest


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
