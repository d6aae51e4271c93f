"""Differences between runs: those of paired and unpaired t tests, and none where the runs are one."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dilemma import Tournament
from dilemma.analysis.statistics.run_differences import (
    COOPERATION,
    PAYOFF,
    SAME_PARTNERS,
    RunTables,
    run_differences,
)

GAMES = {"game": {"roles": ["player"] * 2, "seats": 2, "title": "", "extremes": (0.0, 5.0)}}


def tables(payoffs, first=0, how="played"):
    """A run of a and b in which a earns `payoffs`, one each repetition; keys of matches begin at `first`."""
    rows = [
        {
            "match": first + t,
            "repetition": t,
            "seat": seat,
            "agent": "ab"[seat],
            "opponent": "ba"[seat],
            "payoff": paid,
        }
        for t, own in enumerate(payoffs)
        for seat, paid in enumerate((own, 5 - own))
    ]
    seats = pd.DataFrame(rows).assign(environment="game", how=how, k=1, weight=1.0, cooperation=np.nan)
    kinds = {"agent": ["a", "b"], "opponent": ["a", "b"], "environment": ["game"]}
    for name in ("margin", "cc", "cd", "dc", "dd", "variance", "standard_error", "win"):
        seats[name] = np.nan
    return RunTables(
        seats.assign(**{name: pd.Categorical(seats[name], labels) for name, labels in kinds.items()}), GAMES
    )


def of_a(one, other):
    table = run_differences(one, other).table
    [row] = table[(table["agent"] == "a") & (table["measure"] == PAYOFF)].to_dict("records")
    return row


@pytest.fixture
def drawn():
    random = np.random.default_rng(5)
    return random.uniform(1, 4, 12), random.uniform(1, 4, 12)


def test_matches_of_their_own_have_welchs_interval(drawn):
    one, other = drawn[0], drawn[1][:7]
    row = of_a(tables(one), tables(other, first=1000))
    expected = stats.ttest_ind(other, one, equal_var=False).confidence_interval()
    assert (row["how"], row["shared_matches"]) == ("unpaired", 0)
    assert [row["low"], row["high"]] == pytest.approx(list(expected))
    assert row["difference"] == pytest.approx(other.mean() - one.mean())


def test_shared_matches_that_went_otherwise_have_the_paired_interval(drawn):
    one, other = drawn
    row = of_a(tables(one), tables(one + 0.1 * other))
    expected = stats.ttest_rel(one + 0.1 * other, one).confidence_interval()
    assert (row["how"], row["shared_matches"]) == ("paired", 12)
    assert [row["low"], row["high"]] == pytest.approx(list(expected))


def test_more_repetitions_of_the_same_have_the_variance_of_what_was_added():
    """The mean of 12 less that of the first 4 has the variance s^2 (1 / 4 - 1 / 12), with s^2 of the 4."""
    wave = np.tile([1.0, 4.0], 6)
    row = of_a(tables(wave[:4]), tables(wave))
    few, many = (np.sqrt(size / (size - 1)) * 1.5 / size for size in (4, 12))
    variance = 4 * (few - many) ** 2 + 8 * many**2
    assert row["how"] == "paired"
    assert row["high"] == pytest.approx(stats.t.isf(0.025, 3) * np.sqrt(variance))
    assert variance == pytest.approx(np.var(wave[:4], ddof=1) * (1 / 4 - 1 / 12), rel=0.01)


def test_equal_rows_and_expectations_have_no_error(drawn):
    for run in (tables(drawn[0]), tables(drawn[0][:1])):  # also where one match tells of no error
        row = of_a(run, run)
        assert (row["how"], row["difference"], row["low"], row["high"]) == ("equal", 0, 0, 0)
    row = of_a(tables([2.0], how="exact"), tables([2.5], first=9, how="exact"))
    assert (row["how"], row["difference"], row["low"], row["high"]) == ("exact", 0.5, 0.5, 0.5)
    row = of_a(tables([2.0]), tables([2.5], first=9))
    assert (row["how"], row["difference"], np.isnan(row["low"])) == ("unpaired", 0.5, True)


def test_with_more_partners_the_same_ones_are_compared_too():
    agents = ["tullock", "random", "gradual", "win_stay_lose_shift"]
    runs = [
        Tournament(["prisoners_dilemma"], chosen, repetitions=3, mode="played").run()
        for chosen in (agents, [*agents, "all_d"])
    ]
    found = run_differences(*(RunTables(run.rows, run.games, run.failures) for run in runs))
    table = found.table.set_index(["measure", "agent"])
    for agent in agents:
        assert table.loc[(SAME_PARTNERS, agent), "how"] == "equal"
        row = table.loc[(PAYOFF, agent)]
        means = [run.ranking.set_index("agent").loc[agent] for run in runs]
        assert [row["value"], row["other_value"]] == pytest.approx([mean["payoff"] for mean in means])
        assert row["how"] == "paired"
        row = table.loc[(COOPERATION, agent)]
        assert [row["value"], row["other_value"]] == pytest.approx([mean["cooperation"] for mean in means])
    assert "all_d" not in set(found.table["agent"])
    assert "the partners differ (4 are in both of 4 and 5)" in found.remarks[0]
