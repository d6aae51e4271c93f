"""Matches in which nothing is left to chance are exact, in games of any number of players."""

import math

import pandas as pd
import pytest

from dilemma import Tournament
from dilemma.agents.fixed_action import FixedAction
from dilemma.envs.matrix_game import RockPaperScissors
from dilemma.envs.n_player_ipd import NPlayerIPD
from dilemma.envs.optional_public_goods import OptionalPublicGoods
from dilemma.envs.public_goods import PublicGoods

THREE = {f"action {action}": FixedAction(action=action) for action in range(3)}
GAMES = [
    (PublicGoods(rounds=7, discount=0.9), ["all_c", "all_d", "alternator"]),
    (NPlayerIPD(rounds=7), ["all_c", "all_d"]),
    (OptionalPublicGoods(rounds=2), THREE),
    (RockPaperScissors(rounds=2), THREE),
]


def rows(game, agents, mode: str, **how) -> pd.DataFrame:
    return Tournament([game], agents, self_play=True, mode=mode, seed=2, **how).run().rows


@pytest.mark.parametrize(("game", "agents"), GAMES)
def test_one_match_is_as_good_as_all(game, agents):
    exact, played = (rows(game, agents, mode, repetitions=2) for mode in ("auto", "played"))
    assert set(exact["how"]) == {"exact"}
    assert set(played["how"]) == {"played"}
    assert set(exact["repetition"]) == {-1}
    assert (exact["variance"] == 0).all()
    assert (exact["standard_error"] == 0).all()
    names = ["payoff", "margin", "cooperation", "weight", "rounds"]
    names += [name for name in played if name in ("contribution", "participation", "efficiency")]
    by_agent = [table.groupby(["cast", "agent"], observed=True)[names].mean() for table in (exact, played)]
    pd.testing.assert_frame_equal(*by_agent)


@pytest.mark.parametrize(("game", "agents"), GAMES)
def test_tables_say_the_same_of_both(game, agents):
    tables = [
        Tournament([game], agents, self_play=True, mode=mode, seed=2, repetitions=2).run().payoffs
        for mode in ("auto", "played")
    ]
    names = ["agent", "opponent", "k", "payoff", "wins", "margin", "cooperation"]
    exact, played = (table[[name for name in names if name in table]] for table in tables)
    pd.testing.assert_frame_equal(exact, played)


@pytest.mark.parametrize(
    ("game", "agents"),
    [
        (PublicGoods(noise=0.1), ["all_c", "all_d"]),
        (PublicGoods(continuation=0.9), ["all_c", "all_d"]),
        (PublicGoods(), ["all_c", "random"]),
    ],
)
def test_what_is_left_to_chance_is_played(game, agents):
    assert "played" in set(rows(game, agents, "auto")["how"])


def test_of_one_that_draws_the_matches_of_the_others_are_exact():
    table = rows(NPlayerIPD(), ["all_c", "all_d", "random"], "auto", repetitions=2)
    drawing = table["cast"].isin(table.loc[table["agent"] == "random", "cast"])
    assert set(table.loc[drawing, "how"]) == {"played"}
    assert set(table.loc[~drawing, "how"]) == {"exact"}


def test_a_game_of_a_subclass_s_own_course_is_played():
    class Growing(PublicGoods):
        def play(self, state, action, chance):
            return super().play(state, action, chance)

    assert PublicGoods().certain
    assert not Growing().certain
    assert not PublicGoods(rounds=math.inf).certain
