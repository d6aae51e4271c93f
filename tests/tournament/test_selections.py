"""Who chose to meet whom: counted by the arena, stored in the run folder."""

import pandas as pd
import pytest
import torch

from dilemma.agents.population_members import ChoosyTitForTat, PopulationMember
from dilemma.envs.environment import State, Step
from dilemma.envs.reputation.reputation_dilemma import ReputationDilemma
from dilemma.merging import merge
from dilemma.play import Tournament
from dilemma.results import open_run
from dilemma.tournament.recorders import PlayedRound, Selections

MEMBERS = [ChoosyTitForTat(), PopulationMember(play="all_d")]
GAME = ReputationDilemma(variant="partner_selection_2020", population=4, rounds=1, encounters=5)


def played(chosen, playing=None):
    step = Step(chosen, chosen.double(), chosen=chosen)
    return PlayedRound(State(0, 0, playing), step, State(0, 1), 1.0)


def test_choices_are_counted_by_who_chose_and_who_was_chosen_at_all_tables():
    recorder = Selections()
    chosen = torch.tensor([[[1, 2], [0, 0], [1, 0]]])  # [match, seat, table]
    recorder.record(played(chosen))
    recorder.record(played(chosen))
    assert recorder.count.tolist() == [[[0, 2, 2], [4, 0, 0], [2, 2, 0]]]


def test_who_has_stopped_playing_chooses_nobody():
    recorder = Selections()
    playing = torch.tensor([[[True, False], [True, True]]])
    recorder.record(played(torch.tensor([[[1, 1], [0, 0]]]), playing))
    assert recorder.count.tolist() == [[[0, 1], [2, 0]]]


def test_who_picks_the_best_picks_cooperators_once_their_moves_are_known():
    members = {"kind": PopulationMember(play="all_c", select="best"), "defector": PopulationMember(play="all_d")}
    found = Tournament([GAME], members, schedule={"kind": "shares", "repetitions": 3}, seed=1).run().selections
    assert (found["seat"] != found["chosen_seat"]).all()
    assert (found.groupby(["match", "seat"])["count"].sum() == GAME.encounters).all()
    of_the_kind = (
        found[found["agent"] == "kind"].groupby(["opponent", "seat", "match"], observed=True)["count"].sum()
    )
    assert (of_the_kind["kind"] >= GAME.encounters - 1).all()


def test_partners_by_lot_are_no_choices():
    game = GAME.model_copy(update={"partners": "random"})
    assert Tournament([game], MEMBERS, schedule={"kind": "shares"}, seed=1).run().selections is None


def test_moves_count_as_cooperation_where_partners_are_chosen():
    """A seat of such a game has more than two actions, of which two are moves."""
    seats = Tournament([GAME], MEMBERS, schedule={"kind": "shares"}, seed=1).run().seats
    by_agent = seats.groupby("agent", observed=True)["cooperation"].mean()
    assert by_agent.iloc[1] == 0
    assert by_agent["choosy_tit_for_tat"] > 0


@pytest.fixture
def folders(tmp_path):
    """Two runs that share a repetition."""
    for name, repetitions in (("one", 1), ("two", 2)):
        schedule = {"kind": "shares", "repetitions": repetitions}
        Tournament([GAME], MEMBERS, schedule=schedule, seed=1).run(tmp_path / name)
    return [tmp_path / "one", tmp_path / "two"]


def test_merged_runs_have_the_choices_of_both(folders, tmp_path):
    merge(folders, tmp_path / "all")
    found, whole = (open_run(folder).selections for folder in (tmp_path / "all", folders[1]))
    order = ["match", "seat", "chosen_seat"]
    one, other = (each.sort_values(order, ignore_index=True).drop(columns="role") for each in (found, whole))
    pd.testing.assert_frame_equal(one, other, check_categorical=False)
