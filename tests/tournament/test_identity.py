import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from dilemma import Tournament
from dilemma.agents.automata import AllD, Grudger, TitForTat
from dilemma.agents.memory_one import MemoryOne, Reactive
from dilemma.agents.random_agent import Random
from dilemma.agents.strategies.first_tournament import Tullock
from dilemma.agents.strategies.gradual import Gradual
from dilemma.envs.matrix_game import BattleOfTheSexes, PrisonersDilemma
from dilemma.envs.n_player_ipd import NPlayerIPD

AGENTS = {
    "half": Random(),
    "often": Random(p=0.8),
    "tft": TitForTat(),
    "forgiving": MemoryOne(p=(1, 0.9, 0.2, 0.9, 0.3)),
    "gradual": Gradual(),
    "tullock": Tullock(),
    "alld": AllD(),
}
NOISY = PrisonersDilemma(rounds=20, noise=0.1, continuation=0.95)


def rows(environments, agents, **options):
    """Every row of a tournament, in an order that depends on nothing but the rows."""
    seats = Tournament(environments, agents, mode="played", **options).run().rows
    return seats.astype({"agent": str, "opponent": str, "environment": str}).sort_values(
        ["match", "seat"], ignore_index=True
    )


def of(table, labels):
    """The rows between some of the agents."""
    return table[table["agent"].isin(labels) & table["opponent"].isin(labels)].reset_index(drop=True)


@settings(max_examples=15, deadline=None)
@given(
    labels=st.lists(st.sampled_from(sorted(AGENTS)), min_size=2, max_size=4, unique=True),
    seed=st.integers(0, 2**63 - 1),
    chunk=st.integers(1, 40),
)
def test_a_match_gives_the_same_bits_in_any_chunk_order_and_company(labels, seed, chunk):
    whole = rows([NOISY], AGENTS, repetitions=3, self_play=True, seed=seed)
    part = rows(
        [NOISY], {label: AGENTS[label] for label in labels}, repetitions=3, seed=seed, self_play=True, chunk=chunk
    )
    pd.testing.assert_frame_equal(part, of(whole, labels), check_exact=True)


def test_two_workers_give_the_same_bits_as_one():
    alone = rows([NOISY], AGENTS, repetitions=4, chunk=20)
    pd.testing.assert_frame_equal(rows([NOISY], AGENTS, repetitions=4, chunk=20, jobs=2), alone, check_exact=True)


def test_asymmetric_games_and_games_of_three_keep_their_bits_too():
    agents = {label: AGENTS[label] for label in ("half", "often", "alld")}
    games = [BattleOfTheSexes(rounds=10), NPlayerIPD(rounds=10)]
    whole = rows(games, agents, repetitions=2, self_play=True)
    part = rows(games, {"often": agents["often"], "half": agents["half"]}, repetitions=2, self_play=True, chunk=1)
    pd.testing.assert_frame_equal(part, of(whole, ["half", "often"]), check_exact=True)


def test_more_repetitions_keep_those_that_were_there():
    few, more = (rows([NOISY], AGENTS, repetitions=repetitions) for repetitions in (2, 5))
    pd.testing.assert_frame_equal(few, more[more["repetition"] < 2].reset_index(drop=True), check_exact=True)


def test_parametrisations_of_one_class_never_share_results():
    agents = {"c": Reactive(y=1, p=1, q=1), "d": Reactive(y=0, p=0, q=0), "grudger": Grudger()}
    payoffs = (
        Tournament([PrisonersDilemma(rounds=5)], agents).run().payoffs.set_index(["agent", "opponent"])["payoff"]
    )
    assert payoffs["grudger", "c"] == 3
    assert payoffs["grudger", "d"] == 0.8


def test_clones_play_matches_of_their_own():
    agents = {"one": Random(), "two": Random(), "other": Random(p=0.3)}
    table = rows([PrisonersDilemma(rounds=50)], agents, repetitions=5)
    ours = table[table["agent"] == "other"].groupby("opponent")["payoff"].mean()
    assert ours["one"] != ours["two"]


def test_matches_of_other_seeds_and_repetitions_differ():
    tables = [rows([NOISY], AGENTS, repetitions=2, seed=seed) for seed in (1, 2)]
    assert not set(tables[0]["match"]) & set(tables[1]["match"])
    halves = tables[0][tables[0]["agent"] == "half"]
    assert halves["payoff"].nunique() > len(halves) / 2
