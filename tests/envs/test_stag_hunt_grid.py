"""Escalation: what trust pays, and what it costs at its end."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from scipy import stats

from dilemma.envs.board import moves
from dilemma.envs.chance import Chance, derive
from dilemma.envs.stag_hunt_grid import StagHuntGridworld

torch.set_num_threads(1)
GAME = StagHuntGridworld()
LEADS = moves(5, torus=False)
STAY = 4


def follow(cell, light):
    """A step from `cell` towards `light`, both of a 5 x 5 grid."""
    row, column = light // 5 - cell // 5, light % 5 - cell % 5
    if row:
        return 2 if row > 0 else 3
    return 0 if column > 0 else 1 if column < 0 else STAY


def play(together, after, key=0):
    """Rewards and state after so many rounds of following the light, then one in which each follows or holds."""
    chance = Chance.at_tables(derive(torch.arange(1), key), 1)
    state = GAME.reset(1, 1, chance)
    light = state.tensors["light"]
    state = replace(state, tensors={**state.tensors, "cell": light[..., None].expand(1, 1, 2)})
    rewards = torch.zeros(2, dtype=torch.float64)
    for round in range(together + bool(after)):
        cells, light = state.tensors["cell"][0, 0].tolist(), state.tensors["light"].item()
        walks = ("follow", "follow") if round < together else after
        action = [
            follow(cell, light) if what == "follow" else STAY for cell, what in zip(cells, walks, strict=True)
        ]
        state, step = GAME.step(state, torch.tensor(action)[None, :, None], chance)
        rewards += step.reward[0, :, 0]
    return rewards.tolist(), state


@pytest.mark.parametrize("together", [1, 2, 7, 30])
def test_who_goes_on_alone_pays_for_the_streak(together):
    rewards, state = play(together, ("follow", "hold"))
    assert rewards == pytest.approx([together - 0.9 * together, together])
    assert not state.playing.any()


def test_fifty_rounds_together_earn_fifty_each():
    rewards, state = play(50, ())
    assert rewards == [50, 50]
    assert state.playing.all()
    assert state.round == GAME.rounds


def test_nobody_on_the_light_ends_nothing():
    rewards, state = play(3, ("hold", "hold"))
    assert rewards == [3, 3]
    assert state.playing.all()
    assert state.tensors["streak"].item() == 3


def test_alone_without_a_streak_costs_nothing():
    rewards, state = play(0, ("follow", "hold"))
    assert rewards == [1, 1]  # both start on it
    chance = Chance.at_tables(derive(torch.arange(1), 0), 1)
    apart = torch.tensor([[[0, 24]]])
    state = GAME.reset(1, 1, chance)
    state = replace(state, tensors={**state.tensors, "cell": apart, "light": torch.tensor([[0]])})
    state, step = GAME.step(state, torch.tensor([[[STAY], [STAY]]]), chance)
    assert step.reward.flatten().tolist() == [0, 0]
    assert state.playing.all()
    assert step.measures["alone"].flatten().tolist() == [1, 0]


@pytest.mark.parametrize(("light", "beside"), [(0, {1, 5}), (2, {1, 3, 7}), (12, {7, 11, 13, 17})])
def test_the_light_moves_to_each_neighbour_alike(light, beside):
    tables = 3000
    chance = Chance.at_tables(derive(torch.arange(1), 1), tables)
    state = GAME.reset(1, tables, chance)
    here = torch.full_like(state.tensors["light"], light)
    state = replace(state, tensors={**state.tensors, "light": here, "cell": here[..., None].expand(1, tables, 2)})
    state, _ = GAME.step(state, torch.full((1, 2, tables), STAY), chance)
    moved = torch.bincount(state.tensors["light"].flatten(), minlength=25)
    assert set(moved.nonzero().flatten().tolist()) == beside
    assert stats.chisquare(moved[moved > 0]).pvalue > 1e-4


def test_seats_are_alike():
    """Exchanging the players exchanges all that happens to them."""
    tables = 500
    chance = Chance.at_tables(derive(torch.arange(1), 1), tables)
    state = GAME.reset(1, tables, chance)
    other = replace(state, tensors={**state.tensors, "cell": state.tensors["cell"].flip(-1)})
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        action = torch.randint(5, (1, 2, tables), generator=generator)
        state, one = GAME.step(state, action, chance)
        other, two = GAME.step(other, action.flip(1), chance)
        assert torch.equal(one.reward, two.reward.flip(1))
        assert torch.equal(state.observation, other.observation.flip(1))
    assert one.measures["streak"].any()


def test_what_is_seen():
    _, state = play(4, ())
    cell, light = state.tensors["cell"][0, 0], state.tensors["light"][0, 0]
    seen = state.observation[0, 1, 0]
    assert seen.flatten(1).argmax(1).tolist()[:3] == [cell[1], cell[0], light]
    assert torch.equal(seen[3], torch.full((5, 5), 4 / 50))


def test_the_published_variant_hides_the_streak_and_starts_all_apart():
    game, tables = StagHuntGridworld(variant="rpg"), 4000
    chance = Chance.at_tables(derive(torch.arange(1), 1), tables)
    state = game.reset(1, tables, chance)
    assert state.observation.shape == (1, 2, tables, 3, 5, 5)
    places = torch.cat((state.tensors["cell"], state.tensors["light"][..., None]), -1)[0]
    assert (places.sort(-1).values.diff() > 0).all()
    for where in places.T:
        assert stats.chisquare(where.bincount(minlength=25)).pvalue > 1e-4 / 3
    usual = GAME.reset(1, tables, chance)
    assert (usual.tensors["cell"][..., 0] == usual.tensors["cell"][..., 1]).any()
    assert StagHuntGridworld.model_validate(game.model_dump(mode="json")) == game
    assert not {"variant", "shows_streak", "start"} & GAME.model_dump().keys()


def test_playthrough(playthrough):
    playthrough(StagHuntGridworld(size=2), Path(__file__), rounds=10)
