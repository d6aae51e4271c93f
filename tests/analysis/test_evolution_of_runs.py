"""Evolution on the payoffs of a run, asked for by a config."""

import numpy as np
import pandas as pd
import pytest

from dilemma import Tournament
from dilemma.agents.fixed_action import FixedAction
from dilemma.analysis.evolution import (
    first_passage_times,
    fixation_probabilities,
    small_mutation_distribution,
)
from dilemma.envs.errors import DilemmaError
from dilemma.envs.matrix_game import MatrixGame
from dilemma.envs.n_player_ipd import NPlayerIPD
from dilemma.envs.optional_public_goods import OptionalPublicGoods
from dilemma.envs.public_goods import PublicGoods

AGENTS = ["all_c", "all_d", "tit_for_tat"]
ASKED = {"evolution": ["replicator", "moran", "fermi"], "population": {"size": 30, "selection": 0.2}}


def report(tmp_path, agents=AGENTS, **options):
    given = {"self_play": True, "analysis": {**ASKED, "draws": 100}, **options}
    results = Tournament(["prisoners_dilemma"], agents, **given).run()
    results.report(tmp_path)
    return results


def test_the_long_run_and_fixation_of_exact_payoffs(tmp_path):
    results = report(tmp_path)
    payoffs = results.payoffs.pivot(index="agent", columns="opponent", values="payoff").loc[AGENTS, AGENTS]
    evolution = pd.read_csv(tmp_path / "evolution.csv")
    moran = evolution[evolution["process"] == "moran"].set_index("type").loc[AGENTS]
    expected = small_mutation_distribution(payoffs.to_numpy(), 30, 0.2)
    np.testing.assert_allclose(moran["share"], expected, rtol=1e-6)
    np.testing.assert_allclose(moran["low"], expected, rtol=1e-6)  # exact payoffs have no error
    drawn = {path.name.partition("-prisoners-dilemma-")[2] for path in (tmp_path / "figures").iterdir()}
    assert {"simplex.svg", "invasions.svg"} <= drawn
    fixation = pd.read_csv(tmp_path / "fixation.csv").set_index(["process", "resident", "mutant"])
    chances = fixation_probabilities(payoffs.to_numpy(), 30, 0.2, "fermi")
    assert fixation.loc[("fermi", "all_c", "all_d"), "probability"] == pytest.approx(chances[1, 0], rel=1e-6)
    assert fixation.loc[("fermi", "all_c", "tit_for_tat"), "drift"]
    stability = pd.read_csv(tmp_path / "stability.csv").set_index("type")
    assert stability.loc["all_d", "stability"] == "strict Nash"
    assert stability.loc["all_c", "invaded_by"] == "all_d"
    assert stability.loc["all_c", "drifts_with"] == "tit_for_tat"


def test_played_payoffs_carry_their_error(tmp_path):
    report(tmp_path, ["random", "all_d", "gradual"], mode="played", repetitions=5)
    evolution = pd.read_csv(tmp_path / "evolution.csv")
    moran = evolution[evolution["process"] == "moran"]
    assert (moran["low"] < moran["share"]).all()
    assert (moran["share"] < moran["high"]).all()


def test_two_types_have_a_phase_line_and_gradients_of_finite_processes(tmp_path):
    linear = {**ASKED, "evolution": ["replicator", "moran"], "draws": 100}
    for payoffs, drawn in (((3, 0, 5, 1), {"phase", "gradient"}), ((-30, 0, 5, 1), {"phase"})):
        population = {"size": 10, "selection": 0.5, "fitness": "linear"}  # negative in the second
        game = {"pd": MatrixGame(payoffs=payoffs)}
        given = {"self_play": True, "analysis": {**linear, "population": population}}
        Tournament(game, AGENTS[:2], **given).run().report(tmp_path / str(len(drawn)))
        kinds = {path.stem.removeprefix("1-pd-") for path in (tmp_path / str(len(drawn)) / "figures").iterdir()}
        assert kinds & {"phase", "gradient", "simplex"} == drawn


def test_without_self_play_it_says_what_is_missing(tmp_path):
    results, told = Tournament(["prisoners_dilemma"], AGENTS, analysis=ASKED).run(), []
    results.report(tmp_path, tell=told.append)
    [sentence] = told
    assert "self_play = true" in sentence
    assert sentence.removeprefix("prisoners_dilemma: ") in (tmp_path / "index.html").read_text()


def groups(tmp_path, game, agents, processes, population, compositions="pairs", repetitions=1):
    """Evolution in groups: the report's tables by name, and what it could not work out."""
    schedule = {"self_play": True, "compositions": compositions, "repetitions": repetitions}
    analysis = {"evolution": processes, "population": population, "draws": 100}
    told = []
    Tournament([game], agents, schedule=schedule, analysis=analysis).run().report(tmp_path, tell=told.append)
    return lambda name: pd.read_csv(tmp_path / f"{name}.csv"), told


def test_a_gift_to_a_group_is_worth_the_same_in_every_group(tmp_path):
    """So defectors earn d = c (1 - r / n (N - n) / (N - 1)) more, and fixation has a closed form."""
    population = {"size": 20, "selection": 0.05}
    table, _ = groups(tmp_path, PublicGoods(), ["all_c", "all_d"], ["replicator", "fermi"], population)
    more = 0.05 * 20 * (1 - 1.6 / 4 * (20 - 4) / 19)
    fixation = table("fixation").set_index(["resident", "mutant"])["probability"]
    assert fixation["all_d", "all_c"] == pytest.approx(np.expm1(more) / np.expm1(20 * more), rel=1e-9)
    assert fixation["all_c", "all_d"] == pytest.approx(np.expm1(-more) / np.expm1(-20 * more), rel=1e-9)
    assert table("stability").set_index("type").loc["all_d", "stability"] == "strict Nash"
    ends = table("rest_points").set_index("type")
    assert ends.loc["all_d", "payoff"] == 20
    assert ends["verdict"].to_dict() == {"all_c": "unstable", "all_d": "asymptotically stable"}


def test_two_types_in_groups_mutate_by_the_payoffs_of_every_composition(tmp_path):
    game = NPlayerIPD(players=3, cooperate=(0, 2, 9), defect=(1, 5, 10))
    population = {"size": 12, "selection": 0.3, "mutation": 0.05}
    table, _ = groups(tmp_path, game, ["all_c", "all_d"], ["moran"], population)
    found = table("evolution").set_index("type")["share"]
    chain = np.zeros((13, 13))  # of so many cooperators
    for c in range(13):
        others = {0: (c - 1, 12 - c), 1: (c, 11 - c)}
        earned = [
            sum(pay * x for pay, x in zip(pays, (d * (d - 1), 2 * c_ * d, c_ * (c_ - 1)), strict=True)) / 110
            for pays, (c_, d) in zip((game.payoffs), others.values(), strict=True)
        ]
        births = np.array([c, 12 - c]) * np.exp(0.3 * np.array(earned))
        births = 0.95 * births / births.sum() + 0.025
        chain[c, min(c + 1, 12)] += births[0] * (12 - c) / 12
        chain[c, max(c - 1, 0)] += births[1] * c / 12
        chain[c, c] += 1 - chain[c].sum()
    system = np.vstack((chain.T - np.eye(13), np.ones(13)))
    law = np.linalg.lstsq(system, np.append(np.zeros(13), 1.0), rcond=None)[0]
    assert found["all_c"] == pytest.approx(law @ np.arange(13) / 12, rel=1e-9)


def test_three_types_in_groups_need_all_compositions(tmp_path):
    agents = {name: FixedAction(action=action) for action, name in enumerate("CDL")}
    asked = ["replicator", "best_response", "moran"]
    game, population = OptionalPublicGoods(), {"size": 100, "selection": 1.0}
    table, told = groups(tmp_path, game, agents, asked, population)
    assert table("evolution")["process"].unique().tolist() == ["moran"]
    assert [sentence.split(":")[1].strip() for sentence in told] == ["replicator", "best_response"]
    assert 'compositions = "all"' in told[0]
    table, told = groups(tmp_path, game, agents, asked, population, "all")
    assert [sentence.split(":")[1].strip() for sentence in told] == ["best_response"]
    rest = table("rest_points")
    inside = rest[rest["kind"] == "centre"].set_index("type")["share"]
    assert inside.to_dict() == pytest.approx({"C": 0.269330118378, "D": 0.269330118378, "L": 0.461339763244})
    assert any(path.name.endswith("simplex.svg") for path in (tmp_path / "figures").iterdir())


@pytest.mark.parametrize(
    ("types", "size", "selection", "wanted"),
    [
        ("CDLP", 100, 0.1, (0.197531, 0.084946, 0.096248, 0.621274)),
        ("CDLP", 20, 1, (0.132222, 0.08541, 0.107853, 0.674515)),
        ("CDP", 100, 0.1, (0.052916, 0.716444, 0.23064)),
        ("CDL", 100, 1, (0.241776, 0.132238, 0.625986)),
    ],
)
def test_freedom_lets_punishment_in_by_matches(tmp_path, types, size, selection, wanted):
    """Hauert, Traulsen, Brandt, Nowak and Sigmund 2007."""
    agents = {name: FixedAction(action="CDLP".index(name)) for name in types}
    population = {"size": size, "selection": selection}
    table, _ = groups(tmp_path, OptionalPublicGoods(punishers=True), agents, ["moran"], population)
    found = table("evolution").set_index("type")["share"]
    assert found[list(types)].to_numpy() == pytest.approx(wanted, abs=1e-5)


def test_agents_of_the_background_are_no_types(tmp_path):
    schedule = {"self_play": True, "compositions": "all", "background": ["random"], "repetitions": 3}
    agents, analysis = ["all_c", "all_d", "random"], {"evolution": ["moran"], "draws": 100}
    Tournament(["n_player_ipd"], agents, schedule=schedule, analysis=analysis).run().report(tmp_path)
    evolution = pd.read_csv(tmp_path / "evolution.csv").set_index("type")
    payoffs = [[[0, 2, 4]] * 2, [[5, 3, 1]] * 2]  # of so many of the own type
    expected = small_mutation_distribution(payoffs, 100, 0.1)
    assert evolution.index.tolist() == ["all_c", "all_d"]
    assert evolution["share"].to_numpy() == pytest.approx(expected, rel=1e-6)


def test_payoffs_played_in_groups_carry_their_error(tmp_path):
    population = {"size": 10, "selection": 0.1}
    agents = ["random", "all_d", "group_tit_for_tat"]
    table, _ = groups(tmp_path, NPlayerIPD(rounds=5), agents, ["moran"], population, "all", repetitions=5)
    evolution = table("evolution")
    assert (evolution["low"] < evolution["share"]).all()
    assert (evolution["share"] < evolution["high"]).all()


def test_no_table_or_figure_outlives_what_it_answered(tmp_path):
    report(tmp_path)
    kept = tmp_path / "fixation_of_mine.csv"
    kept.touch()
    (tmp_path / "figures" / "mine.svg").touch()
    report(tmp_path, analysis={})
    drawn = {path.name.partition("prisoners-dilemma-")[2] for path in (tmp_path / "figures").iterdir()}
    always = {f"{name}.svg" for name in ("ranking", "payoff", "cooperation", "ranks", "agreement")}
    assert drawn == {*always, ""}
    assert [path.name for path in tmp_path.glob("fixation*")] == [kept.name]
    assert not list(tmp_path.glob("stability.*"))


def test_mistakes():
    with pytest.raises(DilemmaError, match=r"population\.size: found 1"):
        Tournament(["chicken"], AGENTS, analysis={"population": {"size": 1}})
    with pytest.raises(DilemmaError, match="did you mean 'moran'"):
        Tournament(["chicken"], AGENTS, analysis={"evolution": ["morann"]})
    with pytest.raises(DilemmaError, match=r"found 0; allowed: 'small', .* each type is absorbing"):
        Tournament(["chicken"], AGENTS, analysis={"population": {"mutation": 0}})
    steep = {"fitness": "linear", "selection": 1.5}
    with pytest.raises(DilemmaError, match=r"found 1\.5; allowed with moran and linear fitness: from 0 to 1"):
        Tournament(["chicken"], AGENTS, analysis={"evolution": ["moran"], "population": steep})


def test_first_passage_where_mutants_keep_coming(tmp_path):
    population = {**ASKED["population"], "mutation": 0.02, "mutates_to": "others"}
    results = report(tmp_path, analysis={**ASKED, "draws": 100, "population": population})
    payoffs = results.payoffs.pivot(index="agent", columns="opponent", values="payoff").loc[AGENTS, AGENTS]
    passage = pd.read_csv(tmp_path / "first_passage.csv").set_index(["process", "resident", "mutant"])
    assert len(passage) == 2 * 6
    for process in ("moran", "fermi"):
        times = first_passage_times(payoffs, 30, 0.2, process, mutation=0.02, mutates_to="others")
        assert passage.loc[(process, "all_c", "all_d"), "time"] == pytest.approx(times[1, 0], rel=1e-6)


def test_fixation_is_told_beside_what_chance_gives(tmp_path):
    report(tmp_path)
    fixation = pd.read_csv(tmp_path / "fixation.csv").set_index(["process", "resident", "mutant"])
    assert fixation["neutral"].unique() == pytest.approx([1 / 30])
    verdict = fixation.sort_index()["verdict"]["moran"].to_dict()
    assert verdict["all_c", "all_d"] == verdict["all_d", "tit_for_tat"] == "favoured"
    assert verdict["all_d", "all_c"] == "opposed"
    assert verdict["all_c", "tit_for_tat"] == "drift alone"
    assert not list(tmp_path.glob("first_passage.*"))
