"""Matches are spent where the order of agents is unclear, and no others."""

from typing import get_args

from dilemma import Tournament
from dilemma.analysis.ratings.ratings import RATINGS
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.tournament.sections import Rating

AGENTS = {"all_d": "all_d", "all_c": "all_c", "random": "random", "again": "random"}
RACE = "until resolved"
GAME = PrisonersDilemma(rounds=50, noise=0.02)


def matches(folder=None, **options):
    tournament = Tournament([GAME], AGENTS, mode="played", repetitions="until resolved", seed=1, **options)
    return tournament.run(folder).seats.groupby(["agent", "opponent"], observed=True).size()


def test_clear_orders_take_the_fewest_matches_and_close_ones_more(tmp_path):
    played = matches(tmp_path / "run", at_most=80)
    assert played.min() == 10
    assert played["all_d", "all_c"] == 10  # 24 standard errors from the next
    assert set(played) <= {10, 20, 40, 80}
    assert played["random", "again"] > 10  # equals: told apart at ten matches once in 80 seeds
    assert matches(tmp_path / "run", at_most=80).equals(played)  # again: nothing is missing
    assert (matches(tmp_path / "run", at_most=160) >= played).all()


def test_a_race_reports_its_own_matches_whatever_else_the_folder_has(tmp_path):
    alone = matches(at_most=20)
    matches(tmp_path / "longer", at_most=160)
    plain = Tournament([GAME], AGENTS, mode="played", repetitions=20, seed=1).run(tmp_path / "plain")
    assert len(plain.seats) > alone.sum()
    for folder in ("longer", "plain"):
        assert matches(tmp_path / folder, at_most=20).equals(alone)


def test_never_more_than_the_limit():
    assert matches(at_most=10).max() == 10


def test_a_margin_saves_matches():
    assert matches(at_most=160, analysis={"margin": 1.0}).sum() < matches(at_most=160).sum()


def test_equal_matches_are_played_on_with():
    """All-D's matches with tit for tat are all alike, and so might others hide behind ten."""
    cast = {"first": "all_d", "copy": "all_d", "partner": "tit_for_tat"}
    tournament = Tournament(
        [GAME.model_copy(update={"noise": 0.0})], cast, mode="played", repetitions=RACE, at_most=20
    )
    met = tournament.run().seats.groupby(["agent", "opponent"], observed=True).size()
    assert (met == 20).all()


def test_partners_that_are_not_ranked_are_not_raced():
    """Two agents clear among themselves; two partners that only the copy of an agent would tell apart."""
    cast = {"first": "all_d", "second": "all_c", "b1": "tit_for_tat", "b2": "tit_for_tat"}
    tournament = Tournament([GAME], cast, mode="played", repetitions=RACE, at_most=80, background=["b1", "b2"])
    assert tournament.run().seats.groupby(["agent", "opponent"], observed=True).size().max() == 10


def test_a_config_can_ask_for_every_rating():
    assert set(get_args(Rating)) == set(RATINGS)
