"""Harvest against its table. Statistical tests use fixed keys; each bound is exceeded once in 10^4."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from scipy import stats

from dilemma.envs.chance import Chance, derive
from dilemma.envs.gridworld import FIRE
from dilemma.envs.harvest import Harvest

torch.set_num_threads(1)
ERROR = 1e-4


def start(game, tables=1, **changes):
    chance = Chance.at_tables(derive(torch.arange(1), 4), tables)
    state = game.reset(1, tables, chance)
    return replace(state, tensors={**state.tensors, **changes}), chance


def sites(layout):
    """(row, column) of each apple, in order."""
    rows = layout.splitlines()
    return [(r, c) for r, row in enumerate(rows) for c in range(len(row)) if row[c] == "A"]


def near(layout, square=4):
    """The apple sites near each, by plain loops."""
    places = sites(layout)
    return [
        {i for i, (y, x) in enumerate(places) if 0 < (y - row) ** 2 + (x - column) ** 2 <= square}
        for row, column in places
    ]


def test_the_map():
    rows = Harvest.map.splitlines()
    assert (len(rows), len(rows[0])) == (18, 24)
    counts = [len(others) for others in near(Harvest.map)]
    assert (len(counts), min(counts), max(counts)) == (64, 3, 12)
    assert sum(counts) / 64 == 5.8125


DISC = "SS.......\n....A....\n...AAA...\n..AAAAA..\n...AAA...\n....A...."


def test_twelve_cells_are_near():
    assert max(len(others) for others in near(DISC)) == 12


def test_the_map_of_ssd_has_its_counts():
    rows = Harvest(variant="ssd").terrain.splitlines()
    assert (len(rows), len(rows[0]), "".join(rows).count("A")) == (16, 38, 155)


@pytest.mark.parametrize(
    ("variant", "count", "rate"),
    [
        *(
            ("melting_pot", *row)
            for row in ((0, 0.0), (1, 0.0025), (2, 0.005), (3, 0.025), (7, 0.025), (12, 0.025))
        ),
        *(("socialjax", *row) for row in ((0, 0.0), (1, 0.001), (2, 0.005), (3, 0.025), (12, 0.025))),
        *(("ssd", *row) for row in ((0, 0.0), (4, 0.0), (5, 0.005), (6, 0.02), (7, 0.05), (12, 0.05))),
    ],
)
def test_an_apple_grows_by_how_many_are_near(variant, count, rate):
    """The farthest of the twelve come first: of four at a distance of 2, ssd counts none."""
    game, tables = Harvest(variant=variant, players=2, layout=DISC), 100_000
    centre = sites(DISC).index((3, 4))
    others = sorted(range(13), key=lambda site: -math.dist(sites(DISC)[site], (3, 4)))[:count]
    apple = torch.zeros(13, dtype=torch.bool)
    apple[others] = True
    state, chance = start(game, tables, apple=apple.expand(1, tables, -1))
    after, _ = game.step(state, torch.zeros(1, 2, tables, dtype=torch.int64), chance)
    grown = int(after.tensors["apple"][..., centre].sum())
    assert stats.binomtest(grown, tables, rate).pvalue > ERROR if rate else grown == 0


TABLE = (0.0, 0.1, 0.2, 0.5)


@pytest.mark.parametrize(
    ("game", "square"),
    [
        (Harvest(players=2, radius=1.5, growth=TABLE), 2),
        (Harvest(players=2, growth=TABLE), 4),
        (Harvest(players=2, radius=3.0, growth=TABLE), 9),
        (Harvest(players=2, variant="socialjax"), 4),
        (Harvest(players=2, variant="ssd"), 2),
    ],
    ids=["1.5", "2", "3", "socialjax", "ssd"],
)
def test_all_sites_of_the_map_at_once(game, square):
    """Random boards: how many grew, against the sum of the table over plain loops."""
    tables = 400
    generator = torch.Generator().manual_seed(2)
    apple = torch.rand(1, tables, game.terrain.count("A"), generator=generator) < 0.3
    state, chance = start(game, tables, apple=apple)
    after, step = game.step(state, torch.zeros(1, 2, tables, dtype=torch.int64), chance)
    grown = after.tensors["apple"] & ~apple
    beside = near(game.terrain, square)
    expected = variance = 0.0
    for board in apple[0].tolist():
        for site, others in enumerate(beside):
            rate = game.growth[min(3, sum(board[other] for other in others))] * (not board[site])
            expected, variance = expected + rate, variance + rate * (1 - rate)
    assert abs(int(grown.sum()) - expected) < stats.norm.isf(ERROR / 2) * variance**0.5
    assert torch.equal(step.measures["stock"][0, 0], after.tensors["apple"][0].double().mean(-1))


def test_a_bare_board_stays_bare():
    game = Harvest(players=2)
    state, chance = start(game, 20, apple=torch.zeros(1, 20, 64, dtype=torch.bool))
    for _ in range(200):
        state, _ = game.step(state, torch.zeros(1, 2, 20, dtype=torch.int64), chance)
    assert not state.tensors["apple"].any()


def test_a_zap_sends_away_for_four_rounds_and_rests_two():
    layout = "S.S.A"
    game = Harvest(players=2, layout=layout, growth=(0.0,))
    state, chance = start(game)
    left, right = state.tensors["cell"].sort(-1).values[0, 0].tolist()
    shooter = int(state.tensors["cell"][0, 0, 1] == left)
    east = torch.ones(1, 1, 2, dtype=torch.int64)
    state = replace(state, tensors={**state.tensors, "heading": east})
    action = torch.zeros(1, 2, 1, dtype=torch.int64)
    action[0, shooter] = FIRE
    away, fired = [], []
    for _ in range(7):
        state, step = game.step(state, action, chance)
        away.append(int(state.tensors["away"][0, 0, 1 - shooter]) > 0)
        fired.append(int(step.action[0, shooter, 0]) == FIRE)
        state = replace(state, tensors={**state.tensors, "heading": east})
    assert away[:5] == [True] * 4 + [False]
    assert fired == [True, False, False] * 2 + [True]
    assert state.tensors["cell"].max() <= right or bool(away[-1])


@pytest.mark.parametrize(("variant", "reward"), [("socialjax", [0, 0]), ("ssd", [-1, -50])])
def test_nobody_is_sent_away_in_the_variants(variant, reward):
    game = Harvest(variant=variant, players=2, layout="S.S.A", growth=(0.0,))
    state, chance = start(game)
    places = state.tensors["cell"].sort(-1).values
    state = replace(state, tensors={**state.tensors, "cell": places, "heading": torch.ones_like(places)})
    for _ in range(2):
        state, step = game.step(state, torch.tensor([[[FIRE], [0]]]), chance)
        assert step.reward.flatten().tolist() == reward
        assert step.measures["zaps"].flatten().tolist() == [1, 0]
        assert torch.equal(state.tensors["cell"], places)  # there is one free spawn point, where it stood
        state = replace(state, tensors={**state.tensors, "heading": torch.ones_like(places)})


def test_seats_are_alike():
    game, tables = Harvest(players=4, growth=(0.1,)), 300
    state, chance = start(game, tables)
    generator = torch.Generator().manual_seed(1)
    eaten = torch.zeros(1, 4, tables, dtype=torch.float64)
    for _ in range(60):
        state, step = game.step(state, torch.randint(8, (1, 4, tables), generator=generator), chance)
        eaten += step.reward
    assert stats.f_oneway(*eaten[0].tolist()).pvalue > ERROR
    assert eaten.mean() > 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"layout": "SSSSSSSA~"}, "may hold '#.AS', found '~'"),
        ({"growth": ()}, "at least 1 item"),
        ({"growth": (2.0,)}, "less than or equal to 1"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(given, says):
    with pytest.raises(ValidationError, match=says):
        Harvest(**given)


def test_playthrough(playthrough):
    playthrough(
        Harvest(players=3, layout="S.AA\n.#AA\nSA.S", growth=(0.0, 0.2), zap_length=2), Path(__file__), key=2
    )
