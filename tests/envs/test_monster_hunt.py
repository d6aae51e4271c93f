"""Monster-Hunt: what is earned, whom the monster follows, and where the caught come back.

Keys are fixed; each statistical test fails by chance once in 10^4.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from scipy import stats

from dilemma.envs.board import distances
from dilemma.envs.chance import Chance, derive
from dilemma.envs.monster_hunt import MonsterHunt

torch.set_num_threads(1)
GAME = MonsterHunt()
STAY = 4
APART = distances(5, torus=False)


def after(cells, monster, apples, tables=1, action=(STAY, STAY), game=GAME):
    """One round from a given place: state and step."""
    chance = Chance.at_tables(derive(torch.arange(1), 3), tables)
    state = game.reset(1, tables, chance)
    places = {"cell": torch.tensor(cells), "monster": torch.tensor(monster), "apple": torch.tensor(apples)}
    tensors = {name: place.expand(1, tables, *place.shape).clone() for name, place in places.items()}
    moved = torch.tensor(action)[None, :, None].expand(1, 2, tables)
    return game.step(replace(state, tensors=tensors), moved, chance)


@pytest.mark.parametrize(
    ("cells", "monster", "apples", "rewards"),
    [
        ((12, 12), 12, (0, 4), [5, 5]),
        ((12, 12), 11, (0, 4), [5, 5]),  # it comes to them
        ((12, 24), 12, (0, 4), [-2, 0]),
        ((24, 12), 13, (0, 4), [0, -2]),
        ((0, 4), 24, (0, 4), [2, 2]),
        ((0, 24), 12, (1, 2), [0, 0]),
        ((12, 24), 12, (12, 4), [0, 0]),  # mauled on an apple: -2 + 2
        ((12, 24), 13, (0, 24), [-2, 2]),
    ],
)
def test_what_is_earned(cells, monster, apples, rewards):
    _, step = after(cells, monster, apples)
    assert step.reward.flatten().tolist() == rewards
    counts = step.measures
    told = 5 * counts["joint_hunts"] - 2 * counts["maulings"] + 2 * counts["apples"]
    assert told.flatten().tolist() == rewards


def test_rewards_add_up_and_a_shared_apple_goes_to_either_alike():
    _, step = after((12, 12), 12, (12, 4), tables=4000)
    assert set(step.reward[0].T.unique(dim=0).flatten().tolist()) == {5, 7}
    assert (step.reward.sum(1) == 12).all()
    assert stats.binomtest(int((step.reward[0, 0] == 7).sum()), 4000).pvalue > 1e-4


@pytest.mark.parametrize(
    ("cells", "monster", "goes"),
    [
        ((4, 20), 6, {1, 7, 5, 11}),
        ((0, 24), 12, {7, 11, 13, 17}),
        ((2, 24), 12, {7}),
        ((24, 1), 12, {7, 11}),
        ((10, 14), 12, {11, 13}),
    ],
)
def test_the_monster_follows_the_nearest_by_every_way_alike(cells, monster, goes):
    state, _ = after(cells, monster, (8, 16), tables=4000)
    moved = torch.bincount(state.tensors["monster"].flatten(), minlength=25)
    assert set(moved.nonzero().flatten().tolist()) == goes
    assert len(goes) == 1 or stats.chisquare(moved[moved > 0]).pvalue > 1e-4


RIGHT, LEFT = 0, 1


@pytest.mark.parametrize(
    ("cells", "action", "monster", "last", "first"),
    [
        ((12, 24), (LEFT, STAY), 13, [0, 0], [0, 0]),  # it goes to 12 either way: one has left
        ((12, 24), (RIGHT, STAY), 13, [-2, 0], [0, 0]),  # who comes to it passes it, where it moves first
        ((11, 24), (RIGHT, STAY), 13, [-2, 0], [-2, 0]),  # they meet on 12
        ((10, 24), (RIGHT, STAY), 12, [-2, 0], [-2, 0]),
        ((11, 11), (RIGHT, RIGHT), 13, [5, 5], [5, 5]),
        ((12, 12), (RIGHT, RIGHT), 13, [5, 5], [0, 0]),
    ],
)
def test_the_monster_moves_first_or_last(cells, action, monster, last, first):
    for moves, rewards in (("last", last), ("first", first)):
        game = MonsterHunt(monster_moves=moves)
        _, step = after(cells, monster, (0, 4), action=action, game=game)
        assert step.reward.flatten().tolist() == rewards, moves


@pytest.mark.parametrize(("nearest", "goes"), [("steps", {13}), ("straight", {7, 11})])
def test_the_nearest_by_steps_or_straight(nearest, goes):
    """Of two steps down and two to the left, and three to the right: |4| and |3| steps, 8 and 9 squared."""
    game = MonsterHunt(nearest=nearest, size=6)
    places = {7: 6 * 1 + 2, 11: 6 * 2 + 1, 13: 6 * 2 + 3}
    state, _ = after((0, 6 * 2 + 5), 6 * 2 + 2, (30, 35), tables=200, game=game)
    assert set(state.tensors["monster"].flatten().tolist()) == {places[place] for place in goes}


def test_the_published_variant():
    game = MonsterHunt(variant="rpg")
    assert (game.monster_moves, game.nearest) == ("first", "straight")
    assert MonsterHunt.model_validate(game.model_dump(mode="json")) == game
    own = MonsterHunt(variant="rpg", nearest="steps")
    assert MonsterHunt.model_validate(own.model_dump(mode="json")) == own
    assert not {"variant", "monster_moves", "nearest"} & GAME.model_dump().keys()


def test_it_comes_a_step_nearer_whatever_players_do():
    chance = Chance.at_tables(derive(torch.arange(2), 5), 200)
    state, generator = GAME.reset(2, 200, chance), torch.Generator().manual_seed(5)
    for _ in range(50):
        before = state.tensors["monster"]
        action = torch.randint(5, (2, 2, 200), generator=generator)
        state, step = GAME.step(state, action, chance)
        cell, monster = state.tensors["cell"], state.tensors["monster"]
        near = APART[before[..., None], cell].amin(-1)
        met = (step.measures["joint_hunts"] + step.measures["maulings"]).any(1)
        assert torch.equal(met, near <= 1)
        assert torch.equal(APART[monster[..., None], cell].amin(-1)[~met], near[~met] - 1)
        things = torch.cat((cell, state.tensors["apple"]), -1)
        assert not (monster[..., None] == things)[met].any()
        assert not (cell[..., None] == state.tensors["apple"][..., None, :]).any()
        assert (state.tensors["apple"][..., 0] != state.tensors["apple"][..., 1]).all()


@pytest.mark.parametrize(
    ("thing", "cells", "monster", "apples", "free"),
    [("monster", (12, 12), 12, (0, 4), 22), ("apple", (0, 24), 6, (0, 4), 21)],
)
def test_the_caught_come_back_on_every_free_cell_alike(thing, cells, monster, apples, free):
    if thing == "apple":
        monster = 18  # steps next to seat 1 and mauls nobody
    state, _ = after(cells, monster, apples, tables=8000)
    back = state.tensors[thing]
    back = back if thing == "monster" else back[..., 0]
    other = state.tensors["apple"][..., 1]
    assert (other == 4).all()
    where = torch.bincount(back.flatten(), minlength=25)
    if thing == "monster":
        assert int((where > 0).sum()) == free
        assert stats.chisquare(where[where > 0]).pvalue > 1e-4
        return
    for beside in state.tensors["monster"].unique():
        some = torch.bincount(back[state.tensors["monster"] == beside], minlength=25)
        assert set((some == 0).nonzero().flatten().tolist()) == {0, 4, 24, int(beside)}
        assert stats.chisquare(some[some > 0]).pvalue > 1e-4 / 2


def test_who_waits_together_earns_more_than_who_picks_apples():
    chance = Chance.at_tables(derive(torch.arange(1), 7), 100)
    state = GAME.reset(1, 100, chance)
    state = replace(state, tensors={**state.tensors, "cell": torch.full((1, 100, 2), 12)})
    total = 0
    for _ in range(50):
        state, step = GAME.step(state, torch.full((1, 2, 100), STAY), chance)
        total += step.reward.mean().item()
        assert not step.measures["maulings"].any()
    assert total > 5 * 50 / 4  # it is never more than 4 steps from the middle


def test_what_is_seen():
    state, _ = after((0, 24), 12, (3, 21))
    seen = state.observation
    assert (seen.dtype, tuple(seen.shape)) == (torch.float32, (1, 2, 1, 4, 5, 5))
    monster = state.tensors["monster"].item()
    for seat, (own, other) in enumerate(((0, 24), (24, 0))):
        marked = [plane.flatten().nonzero().flatten().tolist() for plane in seen[0, seat, 0]]
        assert marked == [[own], [other], [monster], [3, 21]]


def test_playthrough(playthrough):
    playthrough(MonsterHunt(size=3), Path(__file__), rounds=10)
