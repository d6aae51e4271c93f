"""The chapter of mechanisms, against figures that are known by hand."""

import math
from itertools import product

import pandas as pd
import pytest
import torch
from scipy import stats

from dilemma import Tournament
from dilemma.agents.agent import Agent
from dilemma.agents.mechanisms import EqualMechanism, ProportionalMechanism
from dilemma.agents.pool_players import ConditionalCooperator, ConstantReturner
from dilemma.analysis.behaviour.mechanisms import mechanisms
from dilemma.analysis.cells import cells_by_league
from dilemma.results import Results

torch.set_num_threads(1)

MECHANISMS: dict[str, Agent] = {"equal": EqualMechanism(), "proportional": ProportionalMechanism()}
PLAYERS: dict[str, Agent] = {
    "cooperator": ConstantReturner(share=0.8),
    "free rider": ConstantReturner(share=0.0),
    "people": ConditionalCooperator(share=(0.6, 0.2), noise=0.1),
}


def played(*players: str) -> Results:
    agents = {**MECHANISMS, **{label: PLAYERS[label] for label in players}}
    return Tournament(["common_pool_trust"], agents, repetitions=8, self_play=True, seed=3).run()


def table_of(results: Results) -> pd.DataFrame:
    [cells] = [
        cells for cells in cells_by_league(results.rows, results.games) if cells.league.startswith("mechanism")
    ]
    return mechanisms(cells).table.set_index(["agent", "population"])


@pytest.fixture(scope="module")
def results() -> Results:
    return played(*PLAYERS)


@pytest.fixture(scope="module")
def table(results) -> pd.DataFrame:
    return table_of(results)


def test_every_mechanism_has_a_row_with_every_population(table):
    assert set(table.index) == set(product(MECHANISMS, PLAYERS))
    assert table["matches"].tolist() == [8] * 6


@pytest.mark.parametrize(("mechanism", "rides"), [("equal", 7.805), ("proportional", 1.25)])
def test_constant_players_have_what_they_have_by_hand(mechanism, rides):
    """A free rider among three that return four fifths earns what an independent script says; they return 10."""
    row = table_of(played("cooperator", "free rider")).loc[(mechanism, "cooperator")]
    assert row["surplus"] == pytest.approx(10)
    assert (row["surplus_low"], row["surplus_high"]) == pytest.approx((10, 10))
    assert row["gini"] == pytest.approx(0, abs=1e-9)
    assert row["survived"] == 1
    assert row["survived_low"] == pytest.approx(8 / (8 + stats.norm.isf(0.025) ** 2))  # Wilson's, of 8 in 8
    assert row["return_rate"] == pytest.approx(0.8)
    assert row["exploiter"] == "free rider"
    assert row["gain"] == pytest.approx(rides - 10, abs=0.001)
    assert (row["gain_low"], row["gain_high"]) == pytest.approx((row["gain"],) * 2)


def test_intervals_are_student_s_over_matches(results, table):
    seats = results.seats[(results.seats["seat"] == 4) & (results.seats["agent"] == "equal")]
    people = results.seats[results.seats["agent"] == "people"].groupby("match").size()
    alike = seats[seats["match"].isin(people[people == 4].index)]
    assert len(alike) == 8
    row = table.loc[("equal", "people")]
    for name in ("surplus", "gini"):
        values = alike[name].to_numpy()
        expected = stats.t.interval(0.95, 7, values.mean(), stats.sem(values))
        assert (row[f"{name}_low"], row[f"{name}_high"]) == pytest.approx(expected)


def test_who_lives_off_free_riders_and_off_people(results, table):
    # Under the equal mechanism, a fourth of what one returns comes back at most: to return something to free
    # riders only costs, and a free rider among people gains.
    assert table.loc[("equal", "free rider"), "gain"] < 0
    row = table.loc[("equal", "people")]
    seats = results.seats
    count = seats[seats["agent"] == "people"].groupby("match").size()
    among = seats[seats["match"].isin(count[count == 3].index) & (seats["seat"] < 4) & (seats["k"] == 1)]
    under = seats[(seats["seat"] == 4) & (seats["agent"] == "equal")]["match"]
    earned = among[among["match"].isin(under)].groupby("agent", observed=True)["payoff"].mean()
    assert row["exploiter"] == earned.idxmax()
    assert row["gain"] == pytest.approx(earned.max() - row["surplus"])


def test_the_front_and_the_ranks_are_of_each_population(table):
    for _, there in table.reset_index().groupby("population"):
        assert there.sort_values("surplus", ascending=False)["rank"].tolist() == [1, 2]
        best = there.loc[there["surplus"].idxmax()]
        assert best["on_front"]
        if math.isclose(there["surplus"].min(), there["surplus"].max()):
            continue
        points = there[["surplus", "gini", "survived"]].to_numpy() * [1, -1, 1]
        for point, on_front in zip(points, there["on_front"], strict=True):
            surpassed = (points >= point).all(1) & (points > point).any(1)
            assert on_front != surpassed.any()


def test_without_matches_of_one_type_it_says_how_to_play_them():
    results = Tournament(["common_pool_trust"], {**MECHANISMS, **PLAYERS}, seed=3).run()
    [cells] = [cells for cells in cells_by_league(results.rows, results.games) if "mechanism" in cells.role_names]
    finding = mechanisms(cells)
    assert finding.table.empty
    assert finding.remarks == ("No match has players of one type only: [schedule] self_play = true plays them.",)
