"""Reciprocity in groups."""

from __future__ import annotations

import pytest
import torch

from dilemma.agents.agent import Chairs, Round
from dilemma.agents.group_strategies import GroupGrudger, GroupTitForTat
from dilemma.envs.chance import Chance
from dilemma.envs.environment import Step
from dilemma.envs.matrix_game import RockPaperScissors
from dilemma.envs.n_player_ipd import NPlayerIPD


def moves(agent, others):
    """Moves of `agent` on one chair, when in each round the others do "CDC"."""
    game = NPlayerIPD(players=1 + len(others[0]))
    player = agent.sit(Chairs(game, torch.zeros(1, dtype=torch.int64), Chance(torch.zeros(1, 1).long())))
    player.begin()
    made = ""
    for row in others:
        made += "CD"[player.act(None).item()]
        seen = torch.tensor(["CD".index(move) for move in row])[None, None, :, None]
        none = torch.zeros(1, 1, 1)
        player.observe(Round(Step(none.long(), none.double(), seen), None))
    return made


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [(0.0, "CCCC"), (1 / 3, "CCCD"), (0.5, "CCDD"), (2 / 3, "CCDD"), (0.7, "CDDD"), (1.0, "CDDD")],
)
def test_group_tit_for_tat_cooperates_if_enough_others_did(threshold, expected):
    assert moves(GroupTitForTat(threshold=threshold), ["CCD", "DCD", "DDD", "CCC"]) == expected


@pytest.mark.parametrize(("threshold", "expected"), [(0.5, "CCCDD"), (1.0, "CCDDD")])
def test_group_grudger_never_comes_back(threshold, expected):
    assert moves(GroupGrudger(threshold=threshold), ["CCC", "CCD", "CDD", "CCC", "CCC"]) == expected


def test_with_one_other_it_is_tit_for_tat():
    assert moves(GroupTitForTat(), ["C", "D", "D", "C", "C"]) == "CCDDC"


def test_it_refuses_games_of_three_actions():
    assert GroupTitForTat().refuses(RockPaperScissors()) == "knows two actions, cooperate and defect"
