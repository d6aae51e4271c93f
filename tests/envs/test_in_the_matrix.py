"""In the matrix: what is carried is what is played. Statistical tests: fixed keys, one error in 10^4."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from pydantic import ValidationError
from scipy import stats

from dilemma.envs.chance import Chance, derive
from dilemma.envs.in_the_matrix import InTheMatrix

torch.set_num_threads(1)
ERROR = 1e-4
LEFT, RIGHT, AHEAD, INTERACT, STAY = range(5)


def start(game, inventory=None, apart=2, tables=1):
    """Seat 0 faces seat 1 from the west, `apart` cells away, in the upper row; coins lie where they are drawn."""
    chance = Chance.at_tables(derive(torch.arange(1), 4), tables)
    state = game.reset(1, tables, chance)
    ground = game._ground(torch.device("cpu"))
    west = ground.pad * ground.stride + ground.pad
    now = {
        **state.tensors,
        "cell": torch.tensor([west, west + apart]).expand(1, tables, 2),
        "heading": torch.tensor([1, 3]).expand(1, tables, 2),
        "coin": torch.full_like(state.tensors["coin"], ground.nowhere),
    }
    if inventory is not None:
        now["inventory"] = torch.tensor(inventory).expand(1, tables, 2, -1)
    return replace(state, tensors=now), chance


def plays(game, inventory, actions, **how):
    state, chance = start(game, inventory, **how)
    after, step = game.step(state, torch.tensor(actions)[None, :, None], chance)
    return after, step.reward.flatten().tolist()


@pytest.mark.parametrize(
    ("payoffs", "inventory", "paid"),
    [
        ((3, 0, 5, 1), [[2, 1], [1, 2]], [13 / 9, 28 / 9]),
        ((3, 0, 5, 1), [[4, 0], [1, 0]], [3, 3]),
        ((3, 0, 5, 1), [[0, 1], [7, 0]], [5, 0]),
        ((((3, 0), (0, 2)), ((2, 0), (0, 3))), [[1, 1], [1, 0]], [1.5, 1]),
        (((0, -1, 1), (1, 0, -1), (-1, 1, 0)), [[0, 2, 0], [3, 0, 0]], [1, -1]),
    ],
)
@pytest.mark.parametrize("actions", [(INTERACT, STAY), (STAY, INTERACT), (INTERACT, INTERACT)])
def test_normalised_inventories_play_the_matrix(payoffs, inventory, paid, actions):
    after, reward = plays(InTheMatrix(payoffs=payoffs), inventory, actions)
    assert reward == pytest.approx(paid)
    assert after.tensors["frozen"].item() == 5


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"inventory": [[0, 0], [1, 2]]}, "the one that fires has nothing"),
        ({"inventory": [[1, 1], [0, 0]]}, "the other has nothing"),
        ({"inventory": [[1, 1], [1, 1]], "apart": 3}, "out of reach"),
        ({"inventory": [[1, 1], [1, 1]], "actions": (STAY, STAY)}, "nobody fires"),
    ],
)
def test_else_nothing_happens(how, why):
    after, reward = plays(InTheMatrix(), **{"actions": (INTERACT, STAY), **how})
    assert reward == [0, 0], why
    assert after.tensors["frozen"].item() == 0


def test_both_freeze_and_see_each_other_then_all_is_laid_out_anew():
    game = InTheMatrix(initial=1)
    state, chance = start(game, [[3, 1], [1, 2]], tables=2)
    action = torch.full((1, 2, 2), INTERACT)
    state, step = game.step(state, action, chance)
    assert step.measures["interactions"].eq(1).all()
    assert step.measures["share_0"][0, :, 0].tolist() == pytest.approx([3 / 4, 1 / 3])
    for _ in range(5):
        assert state.action_mask[..., :4].logical_not().all()
        assert state.observation[0, 0, 0, 8:, 0, 0].tolist() == [3, 1, 1, 2, 1]  # own, the other's, it is ready
        before = state
        state, step = game.step(state, action, chance)
        assert not step.reward.any()
        assert (step.action == STAY).all()
    assert torch.equal(before.tensors["cell"], start(game, tables=2)[0].tensors["cell"])
    assert state.tensors["inventory"].eq(1).all()
    assert state.action_mask.all()
    assert state.observation[0, 0, 0, 8:, 0, 0].tolist() == [1, 1, 0, 0, 0]
    things = torch.cat((state.tensors["cell"], state.tensors["coin"]), -1)[0]
    assert all(len(set(row.tolist())) == 14 for row in things)


def test_a_coin_is_collected_once_by_who_walks_onto_it():
    game = InTheMatrix(coins=1)
    state, chance = start(game, [[0, 0], [0, 0]], apart=4)
    west = state.tensors["cell"][0, 0, 0]
    state = replace(state, tensors={**state.tensors, "coin": torch.stack((west + 20, west + 1))[None, None]})
    for own in (1, 1):
        state, step = game.step(state, torch.tensor([[[AHEAD], [STAY]]]), chance)
        assert state.tensors["inventory"][0, 0].tolist() == [[0, own], [0, 0]]
    assert step.measures["collected_1"].sum() == 0


@settings(max_examples=15, deadline=None)
@given(some.integers(0, 2**31), some.integers(1, 3))
def test_coins_are_never_lost(seed, coins):
    """While nobody plays, coins on the map and in inventories add up."""
    game = InTheMatrix(payoffs=((1, 0, 0), (0, 2, 0), (0, 0, 3)), coins=coins, size=5)
    chance = Chance.at_tables(derive(torch.arange(2), seed), 2)
    generator = torch.Generator().manual_seed(seed)
    state = game.reset(2, 2, chance)
    nowhere = game._ground(torch.device("cpu")).nowhere
    for _ in range(30):
        frozen = state.tensors["frozen"]
        state, step = game.step(state, torch.randint(5, (2, 2, 2), generator=generator), chance)
        left = (state.tensors["coin"] != nowhere).view(2, 2, 3, coins).sum(-1)
        assert torch.equal(left + state.tensors["inventory"].sum(2), torch.full((2, 2, 3), coins))
        assert (step.reward.abs() <= 3).all()
        assert (state.tensors["frozen"][frozen > 1] == frozen[frozen > 1] - 1).all()


def test_seats_are_alike_in_a_symmetric_game():
    game, tables = InTheMatrix(payoffs=(3, 0, 5, 1), freeze=1, size=4, coins=2), 500
    assert len(set(game.roles)) == 1
    assert len(set(InTheMatrix(payoffs=(((3, 0), (0, 2)), ((2, 0), (0, 3)))).roles)) == 2
    chance = Chance.at_tables(derive(torch.arange(1), 1), tables)
    generator = torch.Generator().manual_seed(1)
    state = game.reset(1, tables, chance)
    paid = torch.zeros(2, tables, dtype=torch.float64)
    for _ in range(80):
        state, step = game.step(state, torch.randint(5, (1, 2, tables), generator=generator), chance)
        paid += step.reward[0]
    assert stats.ttest_rel(*paid.tolist()).pvalue > ERROR
    assert paid.mean() > 0.5


STORM = InTheMatrix(variant="storm")


def test_storm_sees_four_cells_ahead_and_none_behind():
    """The other is seen in the row of its distance: 0 is farthest, the own row last."""
    for game, rows in ((InTheMatrix(), [None, 0, 1, 2]), (STORM, [0, 1, 2, 3])):
        assert STORM.observation(0) == InTheMatrix().observation(0) == (13, 5, 5)
        for distance, row in zip((4, 3, 2, 1), rows, strict=True):
            state, chance = start(game, apart=distance)
            state, _ = game.step(state, torch.full((1, 2, 1), STAY), chance)
            seen = state.observation[0, 0, 0, 1:5].sum(0).nonzero().tolist()
            assert seen == ([] if row is None else [[row, 2]])
            assert state.observation[0, 0, 0, 0].nonzero().tolist() == [[4 if game is STORM else 3, 2]]


@pytest.mark.parametrize(
    ("game", "swap"), [(InTheMatrix(), False), (InTheMatrix(swaps=True), True), (STORM, True)]
)
def test_in_storm_two_may_change_places(game, swap):
    state, chance = start(game, apart=1)
    before = state.tensors["cell"][0, 0].tolist()
    state, _ = game.step(state, torch.full((1, 2, 1), AHEAD), chance)
    assert state.tensors["cell"][0, 0].tolist() == (before[::-1] if swap else before)
    state, chance = start(game, apart=2)  # but not take the same cell
    state, _ = game.step(state, torch.full((1, 2, 1), AHEAD), chance)
    assert len(set(state.tensors["cell"][0, 0].tolist())) == 2


def test_in_storm_coins_keep_their_places():
    rows = STORM.layout.splitlines()
    assert [STORM.layout.count(letter) for letter in "12"] == [6, 6]
    assert [row[::-1] for row in rows[::-1]] == rows  # seen from the other side it is the same
    state, chance = start(STORM, [[3, 1], [1, 2]], tables=50)
    fresh = STORM.reset(1, 50, chance)
    state, _ = STORM.step(state, torch.full((1, 2, 50), INTERACT), chance)
    for _ in range(5):
        state, _ = STORM.step(state, torch.full((1, 2, 50), STAY), chance)
    assert torch.equal(state.tensors["coin"], fresh.tensors["coin"])
    assert (fresh.tensors["coin"] == fresh.tensors["coin"][:, :1]).all()
    ground = STORM._ground(torch.device("cpu"))
    assert {ground.letters[cell] for cell in state.tensors["cell"].flatten().tolist()} == {"S"}
    assert [ground.letters[cell] for cell in state.tensors["coin"][0, 0].tolist()] == ["1"] * 6 + ["2"] * 6


def test_variants_keep_their_rules_when_written_and_old_matches_their_identity():
    for game in (STORM, InTheMatrix(variant="storm", ahead=3, layout=None), InTheMatrix(behind=2)):
        assert InTheMatrix.model_validate(game.model_dump(mode="json")) == game
    assert not InTheMatrix.later & InTheMatrix().model_dump().keys()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"layout": "S1\n.2"}, "needs at least 2 'S', found 1"),
        ({"layout": "S1S2"}, "it needs 6 of each of '12' .`coins`., found .1, 1."),
        ({"layout": "S1S3", "coins": 1}, "may hold '.#S12', found '3'"),
        ({"payoffs": (((1, 2, 3), (1, 2, 3)), ((1, 2, 3), (1, 2, 3)))}, "same 2 or 3 resources, found 2 and 3"),
        ({"size": 3}, "14 coins and players do not fit on 3 x 3"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(given, says):
    with pytest.raises(ValidationError, match=says):
        InTheMatrix(**given)


def test_playthrough(playthrough):
    playthrough(InTheMatrix(size=3, coins=2, freeze=1), Path(__file__), key=35, rounds=12)
