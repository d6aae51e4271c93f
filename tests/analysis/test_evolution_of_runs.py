"""Evolution on the payoffs of a run, asked for by a config."""

import numpy as np
import pandas as pd
import pytest

from dilemma import Tournament
from dilemma.analysis.evolution import (
    first_passage_times,
    fixation_probabilities,
    small_mutation_distribution,
)
from dilemma.envs.errors import DilemmaError
from dilemma.envs.matrix_game import MatrixGame

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
    report(tmp_path, self_play=False)
    assert "self_play = true" in (tmp_path / "index.html").read_text()


def test_no_table_outlives_what_it_answered(tmp_path):
    report(tmp_path)
    kept = tmp_path / "fixation_of_mine.csv"
    kept.touch()
    report(tmp_path, analysis={})
    assert [path.name for path in tmp_path.glob("fixation*")] == [kept.name]
    assert not list(tmp_path.glob("stability.*"))


def test_mistakes():
    with pytest.raises(DilemmaError, match=r"population\.size: found 1"):
        Tournament(["chicken"], AGENTS, analysis={"population": {"size": 1}})
    with pytest.raises(DilemmaError, match="did you mean 'moran'"):
        Tournament(["chicken"], AGENTS, analysis={"evolution": ["morann"]})


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
