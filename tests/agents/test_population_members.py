"""Members of a population with reputations: rules by stage, and learners that play every stage by its mask."""

import pytest
import torch
from pydantic import ValidationError

from dilemma.agents.learners.policy_gradient.ppo import PPO
from dilemma.agents.learners.reciprocity.reciprocator import Reciprocator
from dilemma.agents.population_members import (
    AntisocialPunisher,
    ChoosyTitForTat,
    Discriminator,
    JustPunisher,
    PopulationMember,
)
from dilemma.envs.chance import derive
from dilemma.envs.reputation.reputation_dilemma import ReputationDilemma
from dilemma.envs.reputation.turns import Stage
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

torch.set_num_threads(1)


class Decisions:
    """A recorder of what was decided, by stage: [seat, view, action] of every decision."""

    def __init__(self, game):
        self._turns = game.turns(torch.device("cpu"))
        self.all = {stage: [] for stage in Stage}
        self.steps = []

    def record(self, played):
        before = played.before
        turn = self._turns[before.round % len(self._turns)]
        self.steps.append((turn, before, played.step))
        asked = before.action_mask[..., 1]
        assert not played.step.action[~asked].any()
        for match, seat, table in asked.nonzero().tolist():
            seen = before.observation[match, seat, table]
            self.all[turn.stage].append((seat, seen, int(played.step.action[match, seat, table])))


def decisions(game, agents, cast, protocol=None, matches=4):
    watch = Decisions(game)
    keys = derive(torch.arange(matches), 0)
    play(game, agents, torch.tensor([cast] * matches), keys, protocol or Protocol(), recorders=[watch])
    return watch


def test_tit_for_tat_answers_in_each_dyad():
    game = ReputationDilemma(variant="none", rounds=4, encounters=2)
    agents = [PopulationMember(play="tit_for_tat"), PopulationMember(play="all_d"), PopulationMember(play="all_c")]
    for seat, seen, action in decisions(game, agents, [0, 1, 2, 2, 0]).all[Stage.PLAY]:
        expected = {1: 1, 2: 0, 3: 0}.get(seat, int(seen[game.view.theirs][1]))
        assert action == expected


@pytest.mark.parametrize(
    ("punish", "after_c", "after_d"), [("never", 0, 0), ("always", 1, 1), ("just", 0, 1), ("antisocial", 1, 0)]
)
def test_whom_they_punish(punish, after_c, after_d):
    game = ReputationDilemma(variant="tpp_dp", rounds=1, encounters=2)
    agents = [PopulationMember(play=move, punish=punish) for move in ("all_c", "all_d")]
    found = decisions(game, agents, [0, 1, 0, 1, 0]).all[Stage.PUNISH]
    assert {int(seen[game.view.theirs][1]) for _, seen, _ in found} == {0, 1}
    for _, seen, action in found:
        assert action == (after_d if seen[game.view.theirs][1] else after_c)


def test_discriminators_defect_on_the_bad_and_pick_the_good():
    game = ReputationDilemma(variant="dp_s", rounds=1, encounters=4, play_shows=("reputations",))
    watch = decisions(game, [Discriminator(), PopulationMember(play="all_d")], [0, 0, 0, 0, 1])
    view = game.view
    for seat, seen, action in watch.all[Stage.PLAY]:
        if seat < 4:
            assert action == (seen[view.their_reputation].item() < 0)
    for seat, seen, action in watch.all[Stage.SELECT]:
        if seat < 4:
            assert seen[view.reputations][action] == seen[view.reputations].max()
    late = [(seat, action) for seat, seen, action in watch.all[Stage.SELECT] if seat < 4 and seen.sum() > 1]
    assert all((seat + 1 + action) % 5 != 4 for seat, action in late)


def test_choosy_tit_for_tat_picks_cooperators():
    game = ReputationDilemma(variant="partner_selection_2020", population=6, encounters=6)
    watch = decisions(game, [ChoosyTitForTat(), PopulationMember(play="all_d")], [0, 0, 0, 0, 1, 1])
    for seat, seen, action in watch.all[Stage.SELECT]:
        if seat < 4:
            last = seen[game.view.moves].view(5, 2)
            assert last[action, 0] - last[action, 1] == (last[:, 0] - last[:, 1]).max()


def test_ties_are_broken_by_lot():
    game = ReputationDilemma(variant="dp_s", rounds=1, encounters=1)
    watch = decisions(game, [ChoosyTitForTat()], [0] * 5, matches=200)
    counts = torch.bincount(torch.tensor([action for _, _, action in watch.all[Stage.SELECT]]), minlength=4)
    assert counts.min() > 180  # of 1000; fewer once in 10^7


def test_third_parties_assign_by_their_norm():
    game = ReputationDilemma(variant="reputation_2021", population=4, encounters=6)
    agents = [PopulationMember(play="discriminator", norm="standing"), PopulationMember(play="all_d")]
    view = game.view
    for seat, seen, action in decisions(game, agents, [0, 0, 0, 1]).all[Stage.ASSESS]:
        if seat < 3:
            assert action == (seen[view.theirs][1] > 0 and seen[view.own_reputation].item() > 0)


def test_punishers_by_name():
    assert (JustPunisher().play, JustPunisher().punish) == ("tit_for_tat", "just")
    assert (AntisocialPunisher().play, AntisocialPunisher().punish) == ("all_d", "antisocial")


@pytest.mark.parametrize("play", ["nobody", "tit_for_two_tats", "ppo"])
def test_only_memory_one_can_answer_a_view(play):
    with pytest.raises(ValidationError, match="memory one"):
        PopulationMember(play=play)


@pytest.mark.parametrize("agent", [PPO(policy="mlp"), Reciprocator(policy="mlp")])
@pytest.mark.parametrize("variant", ["tpp_dp_s", "reputation_2021", "partner_selection_2020"])
def test_learners_play_every_stage_by_its_mask(agent, variant):
    game = ReputationDilemma(variant=variant, population=4, rounds=1, encounters=3)
    watch = decisions(game, [agent], [0] * 4, Protocol(tables=2, episodes=2), matches=2)
    for stage, found in watch.all.items():
        there = any(turn.stage == stage for turn in game.turns(torch.device("cpu")))
        assert bool(found) == there
        if there:
            assert len({action for _, _, action in found}) > 1
    played = play(
        game, [agent], torch.tensor([[0] * 4] * 2), derive(torch.arange(2), 0), Protocol(tables=2, episodes=2)
    )
    assert torch.isfinite(played.curves["policy_loss"]).all()
    cooperation = played.cooperation / played.weight
    assert ((cooperation > 0) & (cooperation < 1)).any()


def test_cooperation_is_of_moves_alone():
    game = ReputationDilemma(variant="tpp_dp_s", rounds=2, encounters=2)
    agents = [PopulationMember(play="all_c"), PopulationMember(play="all_d")]
    played = play(game, agents, torch.tensor([[0, 1, 0, 1, 0]]), derive(torch.arange(1), 0), Protocol())
    assert (played.cooperation / played.weight).flatten().tolist() == [1, 0, 1, 0, 1]
