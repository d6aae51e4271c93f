"""Moves, beams and windows against pictures and plain loops. Statistical tests: fixed keys, one error in 10^4."""

import itertools
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import stats

from dilemma.envs.chance import Chance, Purpose, derive
from dilemma.envs.gridworld import (
    BACKWARD,
    FORWARD,
    LAYERS,
    LEFT,
    RIGHT,
    STAY,
    TURN_LEFT,
    TURN_RIGHT,
    WALL,
    View,
    add_players,
    assign_places,
    beam,
    board,
    draws,
    map_error,
    parallel_rays,
    planes,
    players_hit,
    priorities,
    resolve_moves,
    sites,
    targets_hit,
)

torch.set_num_threads(1)
ERROR = 1e-4
CPU = torch.device("cpu")
ACTION = {".": STAY, "^": FORWARD, "v": BACKWARD, "<": LEFT, ">": RIGHT}
VIEW = View(3, 1, 2)


def where(ground, *places):
    """The cells of (row, column), [1, 1, seat]."""
    return torch.tensor([[[(r + ground.pad) * ground.stride + c + ground.pad for r, c in places]]])


def place(ground, cell):
    return cell // ground.stride - ground.pad, cell % ground.stride - ground.pad


def walk(before, wishes):
    """A map on which players are the letters a, b, c, ..., after each has made its step; all face north."""
    layout = "\n".join("".join("." if letter.isalpha() else letter for letter in row) for row in before)
    ground = board(layout, 3, CPU)
    letters = sorted(letter for row in before for letter in row if letter.isalpha())
    found = {row[c]: (r, c) for r, row in enumerate(before) for c in range(len(row))}
    cell = where(ground, *(found[letter] for letter in letters))
    action = torch.tensor([[[ACTION[wish] for wish in wishes]]])
    after = resolve_moves(ground, cell, torch.zeros_like(cell), action, -torch.arange(len(wishes)).expand_as(cell))
    rows = [list(row) for row in layout.splitlines()]
    for letter, at in zip(letters, after.flatten().tolist(), strict=True):
        row, column = place(ground, at)
        rows[row][column] = letter
    return ["".join(row) for row in rows]


@pytest.mark.parametrize(
    ("before", "wishes", "after"),
    [
        (["a.."], ">", [".a."]),
        (["a#."], ">", ["a#."]),
        (["a.."], "^", ["a.."]),  # the edge is a wall
        (["ab."], ">.", ["ab."]),  # who stays keeps its cell
        (["abc."], ">>>", [".abc"]),  # followers
        (["abc#"], ">>>", ["abc#"]),  # and none if the first is stopped
        (["ab."], "><", ["ab."]),  # no swaps
        ([".ab"], "<<", ["ab."]),
        (["ab", "cd"], ">v^<", ["ca", "db"]),  # a circle
        (["a.b"], "><", [".ab"]),  # one of two: the one with the highest priority
        (["a.bc"], "><<", [".abc"]),  # who loses also stops who follows it
        (["ab..", "..c."], ">>^", [".ab.", "..c."]),
        (["abc"], "><<", ["abc"]),  # a swap that fails stops a third
    ],
)
def test_all_move_at_once(before, wishes, after):
    assert walk(before, wishes) == after


def test_steps_are_relative_to_the_heading():
    ground = board("...\n...\n...", 3, CPU)
    steps = [(-1, 0), (0, 1), (1, 0), (0, -1)]
    for heading, (action, turn) in itertools.product(
        range(4), [(FORWARD, 0), (RIGHT, 1), (BACKWARD, 2), (LEFT, 3)]
    ):
        cell = where(ground, (1, 1))
        after = resolve_moves(ground, cell, torch.full_like(cell, heading), torch.full_like(cell, action), cell)
        row, column = steps[(heading + turn) % 4]
        assert place(ground, after.item()) == (1 + row, 1 + column)
    assert ground.turn[TURN_RIGHT].item() == 1
    assert ground.turn[TURN_LEFT].item() == 3


def test_rivals_win_alike():
    ground = board(".....\n.....\n.....", 3, CPU)
    tables = 4000
    cell = where(ground, (0, 1), (1, 0), (1, 2), (2, 1)).expand(1, tables, 4)
    action = torch.tensor([BACKWARD, RIGHT, LEFT, FORWARD]).expand_as(cell)
    order = draws(Chance.at_tables(derive(torch.arange(1), 1), tables), 4, Purpose.SPAWN, 0, 0)
    after = resolve_moves(ground, cell, torch.zeros_like(cell), action, priorities(order))
    won = (after != cell).sum(1).flatten()
    assert won.sum() == tables
    assert stats.chisquare(won).pvalue > ERROR


@settings(max_examples=60, deadline=None)
@given(some.integers(2, 12), some.integers(0, 2**32), some.integers(0, 30))
def test_no_two_stand_in_a_cell_or_swap_and_none_in_walls(players, seed, walls):
    generator = torch.Generator().manual_seed(seed)
    tiles = torch.randperm(49, generator=generator)
    layout = ["."] * 49
    for tile in tiles[12 : 12 + walls].tolist():
        layout[tile] = "#"
    ground = board("\n".join("".join(layout[7 * row : 7 * row + 7]) for row in range(7)), 3, CPU)
    cell = where(ground, *((tile // 7, tile % 7) for tile in tiles[:players].tolist()))
    heading = torch.randint(4, cell.shape, generator=generator)
    action = torch.randint(9, cell.shape, generator=generator)
    after = resolve_moves(
        ground, cell, heading, action, torch.randperm(players, generator=generator).view(1, 1, -1)
    )
    assert len(set(after.flatten().tolist())) == players
    assert not ground.walls[after].any()
    before, now = cell.flatten().tolist(), after.flatten().tolist()
    for one, other in itertools.combinations(range(players), 2):
        assert (now[one], now[other]) != (before[other], before[one])


def test_the_footprint_of_a_zap():
    ground = board("\n".join(["......."] * 7), 4, CPU)
    cell = where(ground, (4, 3))
    for heading, picture in enumerate((
        [".......", "...x...", "..xxx..", "..xxx..", "..x.x..", ".......", "......."],
        [".......", ".......", ".......", "...xxx.", "....xxx", "...xxx.", "......."],
    )):  # fmt: skip
        zap = beam(ground, cell, torch.full_like(cell, heading), parallel_rays(3, 1))
        lit = {place(ground, at) for at in zap.cells[zap.passing].tolist()}
        assert lit == {(r, c) for r, row in enumerate(picture) for c, mark in enumerate(row) if mark == "x"}
    assert [len(ray) for ray in parallel_rays(4, 2)] == [4, 3, 4, 4, 3]


def test_rays_stop_at_walls_and_at_the_first_target():
    ground = board("...\n...\n#..\n...", 4, CPU)
    cell = where(ground, (3, 1))
    zap = beam(ground, cell, torch.zeros_like(cell), parallel_rays(3, 1))
    there = torch.isin(zap.cells, where(ground, (0, 1), (1, 1), (1, 2), (2, 2), (1, 0)))
    hit = {place(ground, at) for at in zap.cells[targets_hit(zap, torch.ones_like(cell) > 0, there)].tolist()}
    assert hit == {(1, 1), (2, 2)}  # not (0, 1), behind (1, 1); nor (1, 0), behind the wall


def test_shots_name_the_first_in_each_ray():
    ground = board("\n".join(["....."] * 5), 4, CPU)
    cell = where(ground, (4, 2), (2, 2), (1, 2), (3, 1))
    fired = torch.tensor([[[True, False, True, False]]])
    hits = players_hit(ground, cell, beam(ground, cell, torch.zeros_like(cell), parallel_rays(3, 1)), fired)
    assert sorted(hits[0, 0, 0].tolist())[-2:] == [2, 4]
    assert hits[0, 0, 0].count_nonzero() == 2
    assert not hits[0, 0, 1:].any()


@settings(max_examples=25, deadline=None)
@given(some.integers(0, 2**32))
def test_windows_against_a_loop_over_cells(seed):
    """Planes of a random map with five players, one of them away, seen from each heading."""
    generator = torch.Generator().manual_seed(seed)
    rows, columns = 6, 5
    tiles = torch.randperm(rows * columns, generator=generator).tolist()
    letters = ["."] * len(tiles)
    for tile in tiles[5:10]:
        letters[tile] = "#"
    for tile in tiles[10:20]:
        letters[tile] = "A"
    layout = "\n".join("".join(letters[row * columns : (row + 1) * columns]) for row in range(rows))
    ground = board(layout, 4, CPU)
    cell = where(ground, *((tile // columns, tile % columns) for tile in tiles[:4]), (0, 0))
    cell[..., 4] = ground.nowhere
    heading = torch.randint(4, cell.shape, generator=generator)
    code = ground.code.repeat(1, 1, 1)
    code[..., sites(ground, "A")] = LAYERS[0]
    seen = planes(ground, VIEW, 1, add_players(code, ground, cell, heading), cell, heading)
    assert seen.shape == (1, 5, 1, 7, 5, 5)
    assert not seen[0, 4].any()
    players = {tile: heading[0, 0, seat].item() for seat, tile in enumerate(tiles[:4])}
    forwards = [(-1, 0), (0, 1), (1, 0), (0, -1)]
    for seat in range(4):
        facing = heading[0, 0, seat].item()
        (down, over), (right_down, right_over) = forwards[facing], forwards[(facing + 1) % 4]
        for ahead, right in itertools.product(range(3, -2, -1), range(-2, 3)):
            row = tiles[seat] // columns + ahead * down + right * right_down
            column = tiles[seat] % columns + ahead * over + right * right_over
            inside = 0 <= row < rows and 0 <= column < columns
            tile = row * columns + column
            expected = [0] * 7
            if ahead == right == 0:
                expected[0] = 1
            elif inside and tile in players:
                expected[1 + (players[tile] - facing) % 4] = 1
            expected[5] = int(not inside or letters[tile] == "#")
            expected[6] = int(inside and letters[tile] == "A")
            assert seen[0, seat, 0, :, 3 - ahead, right + 2].tolist() == expected


def test_who_comes_takes_free_places_uniformly_and_none_the_same():
    tables = 3000
    free = torch.tensor([True, False, True, True, True]).expand(1, tables, 5)
    coming = torch.tensor([False, True, False, True]).expand(1, tables, 4)
    draw = draws(Chance.at_tables(derive(torch.arange(1), 2), tables), 5, Purpose.START, 0, 1)
    one, other = assign_places(free, draw, coming)[0, :, [1, 3]].T
    assert (one != other).all()
    counts = torch.zeros(5, 5).index_put((one, other), torch.ones(()), accumulate=True)
    assert counts[1].sum() == counts[:, 1].sum() == 0
    assert stats.chisquare(counts[counts > 0]).pvalue > ERROR


def test_draws_are_uniform_and_apart():
    drawn = (
        draws(Chance.at_tables(derive(torch.arange(40), 5), 50), 7, Purpose.SPAWN, 1, 3).reshape(-1, 7).double()
    )
    for one, other in itertools.combinations(range(7), 2):
        assert stats.pearsonr(drawn[:, one], drawn[:, other]).pvalue > ERROR / 21
    assert stats.kstest((drawn[:, 3] + 2**31) / 2**32, "uniform").pvalue > ERROR


@pytest.mark.parametrize(
    ("layout", "says"),
    [
        ("..\n...", "equally long, found .2, 3."),
        ("", "equally long"),
        ("SXY", "it may hold 'SA.', found 'XY'"),
        ("SA.", "needs at least 2 'S', found 1"),
    ],
)
def test_what_is_wrong_with_a_map(layout, says):
    assert re.search(says, map_error(layout, "SA.", {"S": 2, "A": 1}) or "")


def test_a_map_may_be_right():
    assert map_error("SAS", "SA.", {"S": 2, "A": 1}) is None
    assert board("S", 2, CPU).code[board("S", 2, CPU).nowhere] == WALL
