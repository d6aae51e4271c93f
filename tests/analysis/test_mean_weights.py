"""The weights of rows give back the ranking's payoffs, whatever rows there are."""

import pandas as pd
import pytest

import dilemma
from dilemma import Tournament
from dilemma.envs.matrix_game import MatrixGame, PrisonersDilemma
from dilemma.envs.public_goods import PublicGoods

MIXED = ["tit_for_tat", "all_d", "gradual", "random"]


@pytest.mark.parametrize(
    "game",
    [
        PrisonersDilemma(rounds=20, noise=0.1),
        PrisonersDilemma(rounds=30, continuation=0.9),
        MatrixGame(payoffs=[[[3, 0], [5, 1]], [[2, 7], [0, 1]]], rounds=10),
    ],
)
@pytest.mark.parametrize("background", [(), ("random",)])
def test_sums_of_weighted_payoffs_are_the_rankings(game, background):
    results = Tournament([game], MIXED, repetitions=3, self_play=True, background=background).run()
    assert set(results.seats["how"]) == {"exact", "played"}
    means = results.mean_payoffs().set_index("agent")["payoff"]
    ranked = results.ranking.set_index("agent")["payoff"]
    pd.testing.assert_series_equal(means[ranked.index], ranked, rtol=1e-12)
    weights = results.seats.groupby("agent", observed=True)["mean_weight"].sum()
    assert weights[ranked.index].tolist() == pytest.approx([1] * len(ranked))


def test_partners_count_the_same_in_every_number_of_seats():
    results = Tournament([PublicGoods(players=4, rounds=3)], ["random", "cycler"], repetitions=2).run()
    means, ranked = (table.set_index("agent")["payoff"] for table in (results.mean_payoffs(), results.ranking))
    pd.testing.assert_series_equal(means[ranked.index], ranked, rtol=1e-12)


def test_rows_alone_would_name_another_winner():
    # What all_d gets from suckers is two exact rows; what it gets from gradual is fifty.
    agents = ["all_d", "all_c", "alternator", "gradual"]
    results = Tournament([PrisonersDilemma(rounds=50)], agents, repetitions=50, self_play=True).run()
    by_rows = results.seats.groupby("agent", observed=True)["payoff"].mean()
    assert by_rows.idxmax() != "all_d"
    assert results.ranking["agent"].iloc[0] == results.mean_payoffs()["agent"].iloc[0] == "all_d"


def test_a_run_folder_is_opened_by_its_path(tmp_path):
    tournament = Tournament([PrisonersDilemma(rounds=5)], ["tit_for_tat", "random"], repetitions=2)
    played = tournament.run(tmp_path / "run")
    opened = dilemma.open_run(tmp_path / "run")
    pd.testing.assert_frame_equal(opened.seats, played.seats)
    with pytest.raises(dilemma.envs.errors.DilemmaError, match="is not a run folder"):
        dilemma.open_run(tmp_path)
