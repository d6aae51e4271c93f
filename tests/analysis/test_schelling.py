"""Schelling diagrams, against payoffs by hand and closed forms."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dilemma import Tournament
from dilemma.analysis.behaviour.schelling import WHOLE, conditions, diagrams, schelling_table
from dilemma.analysis.cells import cells_by_league
from dilemma.analysis.game import Game
from dilemma.analysis.options import AnalysisOptions
from dilemma.analysis.ranking.payoffs import cell_table
from dilemma.analysis.report.chapters import Evidence
from dilemma.envs.errors import DilemmaError
from dilemma.envs.n_player_ipd import NPlayerIPD
from dilemma.envs.public_goods import PublicGoods
from dilemma.results import Results

PAX = {"cooperate": (0.0, 2.0, 4.0), "defect": (1.0, 3.0, 5.0)}
"""Three players of pax, by other cooperators: it lists (C, D) as (4, -), (2, 5), (0, 3), (-, 1) by defectors."""


def drawn(rows: pd.DataFrame, games: dict[str, Game], schelling=(), league: str = ""):
    """The diagrams of one league."""
    [cells] = [cells for cells in cells_by_league(rows, games) if league in cells.league]
    table, options = cell_table(cells), AnalysisOptions(100, "max_t", 3, schelling=schelling)
    return diagrams(Evidence(cells, table, table, cells, table, games[cells.environment], options))


def of_matches(seats, payoffs: dict[int, list[tuple[float, float]]], schelling=(), **how):
    """The diagram of groups of three; `payoffs` are (Rc, Rd) of each match by its number of cooperators."""
    matches, numbers = [], []
    for count, times in payoffs.items():
        cast = ["C"] * count + ["D"] * (3 - count)
        matches += [(cast, [each[0] if one == "C" else each[1] for one in cast]) for each in times]
        numbers += list(range(len(times)))
    rows = seats(matches, repetitions=numbers, agents=["C", "D"], **how)
    games = {"game": Game(roles=["player"] * 3, seats=3, title="", extremes=(-10, 10))}
    return drawn(rows, games, schelling)


def verdicts(diagram) -> dict[str, object]:
    return {str(row["condition"]): row["verdict"] for row in conditions(diagram)}


def results_of(*environments, agents=("all_c", "all_d"), **how) -> Results:
    return Tournament(list(environments), list(agents), self_play=True, seed=5, **how).run()


@pytest.mark.parametrize("players", [3, 5])
def test_lines_of_public_goods(players):
    game = PublicGoods(players=players, endowment=10.0, multiplier=1.8)
    results = results_of(game, repetitions=2)
    [diagram] = drawn(results.rows, results.games)
    j = np.arange(players)
    assert (diagram.cooperator, diagram.defector) == ("all_c", "all_d")
    assert diagram.lines.payoff[0] == pytest.approx(10 * 1.8 / players * (j + 1))
    assert diagram.lines.payoff[1] == pytest.approx(10 + 10 * 1.8 / players * j)
    assert diagram.temptation.payoff == pytest.approx(10 - 18 / players)
    table = schelling_table([diagram])
    assert (table["temptation_low"] == table["temptation_high"]).all()
    assert set(verdicts(diagram).values()) == {"yes"}


def test_lines_of_three_players_of_pax():
    results = results_of(NPlayerIPD(), repetitions=2)
    [diagram] = drawn(results.rows, results.games)
    assert diagram.lines.payoff.tolist() == [list(PAX["cooperate"]), list(PAX["defect"])]
    assert set(verdicts(diagram).values()) == {"yes"}


def test_with_noise_nothing_is_certain_and_the_lines_are_means_over_flips():
    """Each of three executes the other action with probability e: k others cooperate binomially, and so does the
    player."""
    e, repetitions = 0.1, 400
    results = results_of(NPlayerIPD(noise=e, rounds=20), repetitions=repetitions)
    [diagram] = drawn(results.rows, results.games)
    assert (diagram.lines.matches == repetitions).all()
    others = 0.8 * np.arange(3) + 2 * e  # the mean number of others that cooperate
    low, high = diagram.lines.ends()
    expected = np.stack((2 * others + e, 2 * others + 1 - e))
    # Twice the half-width is nearly four standard errors: once in 2,000 times for six.
    assert (np.abs(diagram.lines.payoff - expected) < high - low).all()


def test_expectations_have_no_width_and_say_what_holds(seats):
    cast = {3: [(4, 0)], 2: [(2, 5)], 1: [(0, 3)], 0: [(0, 1)]}
    [diagram] = of_matches(seats, cast, [("C", "D")], how="exact")
    table = schelling_table([diagram])
    assert (table["temptation_low"] == table["temptation_high"]).all()
    assert table["c_payoff"].tolist() == list(PAX["cooperate"])
    assert table["d_payoff"].tolist() == list(PAX["defect"])
    assert table["d_matches"].tolist() == [0, 0, 0]
    rows = conditions(diagram)
    assert [row["difference"] for row in rows[:5]] == [3, 4, 1, 1, 1]
    assert {row["verdict"] for row in rows} == {"yes"}
    assert [row["where"] for row in rows] == ["", "", "0 to 2", "0 to 2", "0 to 2", ""]


@pytest.mark.parametrize(
    ("game", "cooperators", "defectors", "said"),
    [
        ("stag hunt", (0, 1, 5), (2, 2, 2), {"fear": "yes", "greed": "no", WHOLE: "yes"}),
        ("snowdrift", (1, 2, 3), (0, 4, 5), {"fear": "no", "greed": "yes", WHOLE: "yes"}),
        ("harmony", (1, 3, 5), (0, 1, 2), {"fear": "no", "greed": "no", WHOLE: "no"}),
        ("deadlock", (0, 0.5, 1), (2, 3, 4), {"all C beat all D": "no", "fear": "yes", WHOLE: "no"}),
        ("no externality", (2, 2, 2), (1, 3, 3), {"all C beat a lone C": "no", "greed": "yes", WHOLE: "no"}),
        ("nothing at stake", (1, 2, 3), (1, 2, 3), {"fear": "no", "greed": "no", WHOLE: "no"}),
    ],
)
def test_games_that_are_and_are_not_dilemmas(seats, game, cooperators, defectors, said):
    lines = [*zip((0, *cooperators), (*defectors, 0), strict=True)]
    groups = {count: [lines[count]] for count in range(4)}
    [diagram] = of_matches(seats, groups, [("C", "D")], how="exact")
    found = verdicts(diagram)
    assert {name: found[name] for name in said} == said


def test_intervals_are_student_s_of_the_differences_of_repetitions(seats):
    random = np.random.default_rng(3)
    groups = {count: random.normal([count, 2 + count], 0.5, (6, 2)).tolist() for count in range(4)}
    [diagram] = of_matches(seats, groups, [("C", "D")])
    paid = np.array([groups[count] for count in range(4)])
    for j in range(3):
        rc, rd = paid[j + 1, :, 0], paid[j, :, 1]
        low, high = stats.t.interval(0.95, 5, rc.mean(), stats.sem(rc))
        table = schelling_table([diagram])
        assert table.loc[j, ["c_payoff_low", "c_payoff_high"]].tolist() == pytest.approx([low, high])
        low, high = stats.t.interval(0.95, 5, (rd - rc).mean(), stats.sem(rd - rc))
        assert table.loc[j, ["temptation_low", "temptation_high"]].tolist() == pytest.approx([low, high])
    first = conditions(diagram)[0]
    gain = paid[3, :, 0] - paid[0, :, 1]
    assert (first["low"], first["high"]) == pytest.approx(stats.t.interval(0.95, 5, gain.mean(), stats.sem(gain)))


def test_a_difference_from_an_expectation_is_as_sure_as_the_other_payoff(seats):
    random = np.random.default_rng(4)
    groups = {1: random.normal([0, 1], 0.5, (6, 2)).tolist(), 2: random.normal([1, 3], 0.5, (6, 2)).tolist()}
    games = {"game": Game(roles=["player"] * 3, seats=3, title="", extremes=(-10, 10))}
    played = [
        (["C"] * count + ["D"] * (3 - count), [pair[at >= count] for at in range(3)])
        for count, times in groups.items()
        for pair in times
    ]
    rows = seats(played, repetitions=[*range(6), *range(6)], agents=["C", "D"])
    exact = seats([("CCC", [5] * 3), ("DDD", [0] * 3)], how="exact", agents=["C", "D"], first=100)
    [diagram] = drawn(pd.concat([rows, exact], ignore_index=True), games, [("C", "D")])
    alone = np.array(groups[1])[:, 0]
    low, high = stats.t.interval(0.95, 5, alone.mean(), stats.sem(alone))
    assert [conditions(diagram)[1][end] for end in ("low", "high")] == pytest.approx([5 - high, 5 - low])
    assert conditions(diagram)[0]["low"] == conditions(diagram)[0]["high"] == 5


def test_trained_runs_are_units_across_all_groups(seats):
    """A run of the defector is worth the same in every group: that it is a good one is one draw, not twelve."""
    worth = np.random.default_rng(5).normal(0, 1, 4)
    run = np.arange(12) % 4
    groups = {count: [(0.0 if count == 3 else count - 1.0, worth[of] + count) for of in run] for count in range(4)}
    matches, numbers = [], []
    for count, times in groups.items():
        matches += [
            (["C"] * count + ["D"] * (3 - count), [pair[at >= count] for at in range(3)]) for pair in times
        ]
        numbers += list(range(12))
    rows = seats(matches, repetitions=numbers, agents=["C", "D"])
    rows["run"] = np.where(rows["agent"] == "D", rows["match"] % 12 % 4, -1)
    games = {"game": Game(roles=["player"] * 3, seats=3, title="", extremes=(-10, 10))}
    [diagram] = drawn(rows, games, [("C", "D")])
    low, high = stats.t.interval(0.95, 3, worth.mean(), stats.sem(worth))
    ends = np.array(diagram.lines[1].ends())
    assert ends[0] == pytest.approx(low + np.arange(3), abs=1e-6)
    assert ends[1] == pytest.approx(high + np.arange(3), abs=1e-6)
    slope = diagram.lines[1][1] - diagram.lines[1][0]  # in which the runs cancel out
    assert np.ravel(slope.ends()) == pytest.approx([1, 1], abs=1e-6)


def test_equal_matches_are_not_certain(seats):
    groups = {count: [(count, count + 0.5)] * 4 for count in range(4)}
    [diagram] = of_matches(seats, groups, [("C", "D")])
    assert verdicts(diagram)["greed"] == "open"


def test_one_match_of_each_group_says_nothing_of_certainty(seats):
    [diagram] = of_matches(seats, {count: [(count, count + 2)] for count in range(4)}, [("C", "D")])
    assert schelling_table([diagram])["c_payoff_low"].isna().all()
    assert set(verdicts(diagram).values()) == {"open"}


def test_groups_that_were_not_played_are_open(seats):
    groups = {count: [(count, count + 2)] for count in (1, 2)}
    [diagram] = of_matches(seats, groups, [("C", "D")], how="exact")
    assert np.isnan(diagram.lines.payoff).tolist() == [[False, False, True], [True, False, False]]
    assert verdicts(diagram)[WHOLE] == "open"


def test_who_cooperates_more_is_the_cooperator_unless_it_is_said():
    results = results_of(PublicGoods(), agents=("all_d", "all_c"), repetitions=2)
    [diagram] = drawn(results.rows, results.games)
    assert diagram.cooperator == "all_c"
    [turned] = drawn(results.rows, results.games, [("all_d", "all_c")])
    assert turned.cooperator == "all_d"
    assert turned.lines.payoff == pytest.approx(diagram.lines.payoff[::-1, ::-1])


def test_where_no_move_is_cooperation_it_is_who_earns_more_among_its_kind(seats):
    groups = {count: [lines] for count, lines in enumerate([(0, 1), (0, 2), (3, 4), (5, 0)])}
    [diagram] = of_matches(seats, groups, how="exact")
    assert (diagram.cooperator, diagram.defector) == ("C", "D")


def test_beside_each_mechanism_there_is_a_diagram_of_players():
    agents = ["equal_mechanism", "proportional_mechanism", "constant_returner", "conditional_cooperator"]
    results = results_of("common_pool_trust", agents=agents, repetitions=2)
    found = drawn(results.rows, results.games, league="player")
    assert {each.beside for each in found} == {"equal_mechanism", "proportional_mechanism"}
    assert {each.size for each in found} == {4}
    assert np.isfinite([each.lines.payoff for each in found]).all()


def test_a_table_in_a_report_and_who_is_missing(tmp_path):
    games, told = [PublicGoods(players=3)], []
    analysis = {"schelling": [["all_c", "random"], ["all_c", "all_d"]], "draws": 100}
    tournament = Tournament(games, ["all_c", "all_d", "random"], repetitions=2, self_play=True, analysis=analysis)
    tournament.run().report(tmp_path, tell=told.append)
    table = pd.read_csv(tmp_path / "schelling.csv")
    assert set(zip(table["cooperator"], table["defector"], strict=True)) == {
        ("all_c", "random"),
        ("all_c", "all_d"),
    }
    assert list(tmp_path.glob("figures/*schelling.svg"))
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "A social dilemma: all_c (C) and all_d (D), by fear and greed" in page
    assert not told


def test_two_who_did_not_share_the_seats_are_told_of(tmp_path):
    told = []
    analysis = {"schelling": [["all_c", "all_d"]], "draws": 100}
    schedule = {"kind": "shares", "shares": {"all_c": 0.5, "all_d": 0.5}}
    tournament = Tournament([PublicGoods()], ["all_c", "all_d"], schedule=schedule, analysis=analysis)
    tournament.run().report(tmp_path, tell=told.append)
    assert any("no Schelling diagram of all_c and all_d" in each for each in told)
    assert not (tmp_path / "schelling.csv").exists()


def test_a_mistake_in_who_cooperates_is_a_sentence():
    games = [PublicGoods()]
    with pytest.raises(DilemmaError, match=r"analysis\.schelling: there is no agent 'nobody'"):
        Tournament(games, ["all_c", "all_d"], analysis={"schelling": [["all_c", "nobody"]]}).run()
    with pytest.raises(DilemmaError, match="found 'all_c' twice"):
        Tournament(games, ["all_c", "all_d"], analysis={"schelling": [["all_c", "all_c"]]}).run()
