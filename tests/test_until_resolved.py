"""Matches are spent where the order of agents is unclear, and no others."""

from typing import get_args

from dilemma import Tournament
from dilemma.analysis.ratings.ratings import RATINGS
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.tournament.config import Rating

AGENTS = ["all_d", "tit_for_tat", "gradual", "random"]
GAME = PrisonersDilemma(rounds=50, noise=0.02)


def matches(folder=None, **options):
    tournament = Tournament([GAME], AGENTS, mode="played", repetitions="until resolved", seed=3, **options)
    return tournament.run(folder).seats.groupby(["agent", "opponent"], observed=True).size()


def test_clear_orders_take_the_fewest_matches_and_close_ones_more(tmp_path):
    played = matches(tmp_path / "run", at_most=80)
    assert played.min() == 10
    assert set(played) <= {10, 20, 40, 80}
    assert played.max() > 10
    assert matches(tmp_path / "run", at_most=80).equals(played)  # again: nothing is missing
    assert (matches(tmp_path / "run", at_most=160) >= played).all()


def test_never_more_than_the_limit():
    assert matches(at_most=10).max() == 10


def test_a_margin_saves_matches():
    assert matches(at_most=160, analysis={"margin": 1.0}).sum() < matches(at_most=160).sum()


def test_a_config_can_ask_for_every_rating():
    assert set(get_args(Rating)) == set(RATINGS)
