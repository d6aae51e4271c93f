"""Gathering: apples come back on time, two hits send away."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dilemma.envs.chance import Chance, derive
from dilemma.envs.gathering import Gathering
from dilemma.envs.gridworld import FIRE, FORWARD

torch.set_num_threads(1)


def course(game, rounds, heading=1, tables=1):
    """Rounds in which [seat] actions are done; seat 0 stands at the upper or left spawn point."""
    chance = Chance.at_tables(derive(torch.arange(1), 3), tables)
    state = game.reset(1, tables, chance)
    cell = state.tensors["cell"].sort(-1).values
    state = replace(state, tensors={**state.tensors, "cell": cell, "heading": torch.full_like(cell, heading)})
    states, steps = [state], []
    for action in rounds:
        state, step = game.step(state, torch.tensor(action)[None, :, None].expand(1, -1, tables), chance)
        states.append(state)
        steps.append(step)
    return states, steps


@pytest.mark.parametrize("regrowth", [1, 4])
def test_an_apple_is_missing_for_as_many_rounds(regrowth):
    game = Gathering(layout="SA\nS.", regrowth=regrowth)
    states, steps = course(game, [[FORWARD, 0]] + [[0, 0]] * (2 * regrowth + 3))
    apples = [int(state.tensors["apple"].sum()) for state in states]
    assert apples[: regrowth + 3] == [1] + [0] * regrowth + [1, 0]  # who stands there eats it again
    eaten = [float(step.reward[0, 0, 0]) for step in steps]
    assert eaten[: 2 * regrowth + 3] == [1, *[0] * regrowth] * 2 + [1]
    assert sum(eaten) / len(eaten) <= 1.5 * game.inflow + 1 / len(eaten)


def test_two_hits_send_away_for_the_time_out():
    game = Gathering(layout="S...S\n####A", away=5)
    states, steps = course(game, [[FIRE, 0]] * 9)
    assert [int(step.measures["zaps"][0, 0, 0]) for step in steps[:3]] == [1, 1, 0]
    absent = [int(state.tensors["away"][0, 0, 1]) > 0 for state in states]
    assert absent[:8] == [False, False] + [True] * 5 + [False]
    assert [int(state.tensors["marks"][0, 0, 1]) for state in states[:3]] == [0, 1, 0]
    assert [float(step.measures["peace"][0, 1, 0]) for step in steps[:8]] == [1, 1, 0, 0, 0, 0, 0, 1]
    assert all(not step.reward.any() for step in steps)


def test_a_tag_goes_as_far_as_the_map_and_no_further_than_the_first():
    game = Gathering(players=3, layout="S" + "." * 28 + "S\n" + "#" * 29 + "A\n" + "#" * 29 + "S")
    _, steps = course(game, [[FIRE, 0, 0]])
    assert steps[0].measures["zaps"].flatten().tolist() == [1, 0, 0]
    walled = Gathering(layout="S.#S\n###A")
    assert not course(walled, [[FIRE, 0]])[1][0].measures["zaps"].any()


def test_playthrough(playthrough):
    playthrough(Gathering(layout="S.A.\n.AA.\n.A.S", regrowth=2, away=2, hits=1), Path(__file__), key=19)
