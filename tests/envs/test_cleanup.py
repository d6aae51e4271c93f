"""Cleanup against its formulas. Statistical tests use fixed keys; each bound is exceeded once in 10^4."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from pydantic import ValidationError
from scipy import stats

from dilemma.envs.chance import Chance, derive
from dilemma.envs.cleanup import Cleanup
from dilemma.envs.gridworld import FIRE, FIRE_TWO, STAY

torch.set_num_threads(1)
ERROR = 1e-4
STILL = Cleanup(players=2)


def start(game, tables=1, key=0, **changes):
    """A fresh state of one match, with some of its tensors replaced, and the chance it came from."""
    chance = Chance.at_tables(derive(torch.arange(1), key), tables)
    state = game.reset(1, tables, chance)
    return replace(state, tensors={**state.tensors, **changes}), chance


def course(game, actions, tables=1, key=0, **changes):
    """States and steps when seats act as [round][seat] says."""
    state, chance = start(game, tables, key, **changes)
    states, steps = [state], []
    for acts in actions:
        state, step = game.step(state, torch.tensor(acts)[None, :, None].expand(1, -1, tables), chance)
        states.append(state)
        steps.append(step)
    return states, steps


def river(game, waste, tables):
    """`waste` places of the river foul, [1, table, place]."""
    count = game.terrain.count("~") + game.terrain.count("W")
    return (torch.arange(count) < waste).expand(1, tables, -1)


def cells(layout, letter):
    """The cells of a letter, as the game numbers them, given a reach of 9."""
    rows = layout.splitlines()
    stride = len(rows[0]) + 20
    return [(r + 10) * stride + c + 10 for r, row in enumerate(rows) for c in range(len(row)) if row[c] == letter]


def test_the_map_has_the_counts_of_melting_pot():
    rows = Cleanup.map.splitlines()
    assert (len(rows), len(rows[0])) == (21, 30)
    assert [Cleanup.map.count(letter) for letter in "AW~S"] == [122, 79, 147 - 79, 19]


def test_the_map_of_ssd_has_its_counts():
    game = Cleanup(variant="ssd")
    assert (len(game.terrain.splitlines()), len(game.terrain.splitlines()[0])) == (25, 18)
    assert [game.terrain.count(letter) for letter in "AW~"] == [103, 56, 119 - 56]
    assert game.inflow == pytest.approx(5.15)


@pytest.mark.parametrize(
    ("variant", "waste", "inflow"),
    [
        ("melting_pot", 0, 6.1),
        ("melting_pot", 1, 6.1 * (1 - 1 / 58.8)),
        ("melting_pot", 29, 6.1 * (1 - 29 / 58.8)),
        ("melting_pot", 58, 6.1 * 0.8 / 58.8),
        ("socialjax", 0, 6.1),
        ("socialjax", 29, 6.1 * (1 - 29 / 66.8)),
        ("socialjax", 66, 6.1 * 0.8 / 66.8),
        ("ssd", 0, 5.15),
        ("ssd", 29, 5.15 * (1 - 29 / 47.6)),
    ],
)
def test_apples_grow_as_the_river_is_clean(variant, waste, inflow):
    game, tables = Cleanup(variant=variant, players=2, pollution=0.0), 4000
    state, chance = start(game, tables, waste=river(game, waste, tables))
    after, step = game.step(state, torch.zeros(1, 2, tables, dtype=torch.int64), chance)
    grown, sites = int(after.tensors["apple"].sum()), game.terrain.count("A")
    assert stats.binomtest(grown, sites * tables, inflow / sites).pvalue > ERROR
    assert step.measures["waste"][0, 0, 0] == waste / {"melting_pot": 147, "socialjax": 167, "ssd": 119}[variant]


@pytest.mark.parametrize(
    ("variant", "waste"),
    [("melting_pot", 59), ("melting_pot", 79), ("melting_pot", 147), ("socialjax", 67), ("ssd", 48)],
)
def test_none_grow_where_two_fifths_are_waste(variant, waste):
    game, tables = Cleanup(variant=variant, players=2, pollution=0.0), 500
    states, _ = course(game, [[0, 0]] * 5, tables, waste=river(game, waste, tables))
    assert not states[-1].tensors["apple"].any()


def test_every_site_grows_alike_and_apart():
    game, tables = Cleanup(players=2, pollution=0.0, growth=0.3), 3000
    states, _ = course(game, [[0, 0]], tables, waste=river(game, 0, tables))
    grown = states[1].tensors["apple"][0].double()
    assert stats.chisquare(grown.sum(0)).pvalue > ERROR
    correlation = torch.corrcoef(grown.T)[torch.triu_indices(122, 122, 1).unbind()]
    assert stats.kstest(correlation * tables**0.5, "norm").pvalue > ERROR


@pytest.mark.parametrize(("variant", "first"), [("melting_pot", 51), ("socialjax", 52)])
def test_waste_comes_after_the_delay_at_half_a_place_a_round(variant, first):
    game, tables = Cleanup(variant=variant, players=2), 2000
    states, _ = course(game, [[0, 0]] * 52, tables)
    count = [int(state.tensors["waste"].sum()) for state in states]
    assert count[:first] == [79 * tables] * first
    assert stats.binomtest(count[first] - count[first - 1], tables, 0.5).pvalue > ERROR
    where = (states[first].tensors["waste"] & ~states[first - 1].tensors["waste"]).sum((0, 1))
    assert stats.chisquare(where[where > 0]).pvalue > ERROR
    assert int((where > 0).sum()) == 147 - 79


def test_the_river_saturates():
    game = Cleanup(players=2, pollution=1.0, delay=0)
    states, _ = course(game, [[0, 0]] * 75, 3)
    assert [int(state.tensors["waste"].sum()) for state in states[66::3]] == [3 * 145, 3 * 147, 3 * 147, 3 * 147]


@pytest.mark.parametrize(
    ("before", "after"), [(56, [56, 56, 56]), (47, [48, 48, 48]), (46, [47, 48, 48]), (0, [1, 2, 3])]
)
def test_in_ssd_a_place_fouls_each_round_below_two_fifths(before, after):
    game = Cleanup(variant="ssd", players=2)
    states, _ = course(game, [[0, 0]] * 3, 5, waste=river(game, before, 5))
    assert [int(state.tensors["waste"].sum()) for state in states[1:]] == [5 * count for count in after]


def test_waste_and_apples_are_drawn_apart():
    """That a place fouls tells nothing about how many apples grow."""
    game, tables = Cleanup(players=2, delay=0, growth=0.3), 6000
    states, _ = course(game, [[0, 0]], tables, waste=river(game, 0, tables))
    fouled, grown = (states[1].tensors[name].sum(-1).flatten() for name in ("waste", "apple"))
    rate = [grown[fouled == count].double() / (0.3 * (1 - count / 58.8)) for count in (0, 1)]
    assert stats.ttest_ind(*rate).pvalue > ERROR


LANE = "SWW~W.\nSWW.W.\n.~W.WA"


def test_each_ray_cleans_the_first_waste_it_meets_and_the_beam_rests():
    east = torch.ones(1, 1, 2, dtype=torch.int64)
    first, second = cells(LANE, "S")
    game = Cleanup(players=2, layout=LANE, delay=200)
    states, steps = course(game, [[STAY, FIRE_TWO]] * 8, heading=east, cell=torch.tensor([[[first, second]]]))
    cleaned = [int(step.measures["cleaned"][0, 1, 0]) for step in steps]
    assert cleaned == [3, 0, 0, 2, 0, 0, 0, 0]  # 3 ahead, 2 ahead aside: in the last column only the middle ray's
    assert [int(step.action[0, 1, 0]) for step in steps] == [FIRE_TWO, 0, 0] * 2 + [FIRE_TWO, 0]
    assert [int(state.tensors["waste"].sum()) for state in states[:5]] == [8, 5, 5, 5, 3]
    assert torch.equal(steps[0].cooperation[0, :, 0], torch.tensor([False, True]))


@pytest.mark.parametrize(
    ("variant", "cleaned"),
    [
        ("melting_pot", [3, 0, 0, 3, 0, 0, 1, 0]),  # three rays, the middle one a cell longer, and rests
        ("socialjax", [4, 0, 0, 0, 0, 0, 0, 0]),  # both ahead, and one on each side
        ("ssd", [3, 3, 3, 3, 1, 0, 0, 0]),  # five cells of three rays, without rest
    ],
)
def test_beams_of_the_variants(variant, cleaned):
    layout = "AWWWWWW\nSWWWWWW\n.WWWWWW\nS......"
    game = Cleanup(variant=variant, players=2, layout=layout, pollution=0.0, growth=0.0)
    places = torch.tensor([[cells(layout, "S")]])
    _, steps = course(game, [[FIRE_TWO, STAY]] * 8, heading=torch.ones_like(places), cell=places)
    assert [int(step.measures["cleaned"][0, 0, 0]) for step in steps] == cleaned


@pytest.mark.parametrize(
    ("variant", "before", "under"), [("melting_pot", 1, 1), ("socialjax", 1, 1), ("ssd", 0, 1)]
)
def test_in_ssd_players_stop_the_beam_that_cleans(variant, before, under):
    layout = "S.WA\nS..."
    game = Cleanup(variant=variant, players=2, layout=layout, pollution=0.0)
    first, (waste,) = cells(layout, "S")[0], cells(layout, "W")
    for other, cleaned in ((waste - 1, before), (waste, under)):
        places = torch.tensor([[[first, other]]])
        _, (step,) = course(game, [[FIRE_TWO, STAY]], heading=torch.ones_like(places), cell=places)
        assert step.measures["cleaned"].flatten().tolist() == [cleaned, 0]


def test_in_ssd_each_zap_costs_one_and_its_victim_fifty_and_all_stay():
    layout = "S.S.S\nA.~.."
    game = Cleanup(variant="ssd", players=3, layout=layout, growth=0.0)
    places = torch.tensor([[cells(layout, "S")]])
    states, steps = course(
        game, [[FIRE, STAY, FIRE], [FIRE, STAY, STAY]], heading=torch.tensor([[[1, 1, 3]]]), cell=places
    )
    assert [step.reward.flatten().tolist() for step in steps] == [[-1, -100, -1], [-1, -50, 0]]
    assert torch.equal(states[2].tensors["cell"], places)
    assert not states[2].tensors["away"].any()


def test_in_socialjax_who_is_hit_is_at_a_free_spawn_point_in_the_next_round():
    layout = "S.S.S.S\nA~....."
    game, tables = Cleanup(variant="socialjax", players=2, layout=layout, growth=0.0), 3000
    points = torch.tensor(cells(layout, "S"))
    states, steps = course(
        game,
        [[FIRE, FIRE_TWO], [FIRE, 6]],
        tables,
        heading=torch.tensor([1, 0]).expand(1, tables, 2),
        cell=points[:2].expand(1, tables, 2),
    )
    assert not steps[0].reward.any()
    cell, heading = (states[1].tensors[name][0, :, 1] for name in ("cell", "heading"))
    where = (cell[:, None] == points).sum(0)
    assert where[0] == 0  # the other stands there
    assert where.sum() == tables
    assert stats.chisquare(where[1:]).pvalue > ERROR
    assert stats.chisquare(heading.bincount(minlength=4)).pvalue > ERROR
    assert torch.equal(states[1].tensors["cell"][0, :, 0], points[0].expand(tables))
    assert states[1].action_mask.all()
    assert torch.equal(steps[1].action[0, :, 0], torch.tensor([FIRE, 6]))  # nobody rests, or misses a round


def test_a_variant_is_defaults():
    game = Cleanup(variant="ssd", zap_fine=5.0, layout="SSSSS~A")
    assert (game.players, game.away, game.zap_fine, game.terrain) == (5, 0, 5, "SSSSS~A")
    for variant in ("melting_pot", "socialjax", "ssd"):
        game = Cleanup(variant=variant)
        assert Cleanup.model_validate(game.model_dump(mode="json")) == game
    assert Cleanup(variant="melting_pot") == Cleanup()
    assert Cleanup(zap_cells=[[0, 1], [1, 1]]).rays == (((0, 1),), ((1, 1),))


def test_a_zap_sends_away_for_fifty_rounds_and_rests_ten():
    layout = "S.S.~A"
    one, other = cells(layout, "S")
    states, steps = course(
        Cleanup(players=2, layout=layout),
        [[FIRE, FIRE_TWO]] * 60,
        heading=torch.tensor([[[1, 1]]]),
        cell=torch.tensor([[[one, other]]]),
    )
    absent = [int(state.tensors["away"][0, 0, 1]) > 0 for state in states]
    assert absent[0] is False
    assert absent[1:52] == [True] * 50 + [False]
    peace = torch.stack([step.measures["peace"][0, 1, 0] for step in steps])
    assert peace[:55].sum() == 5
    assert states[51].tensors["cell"][0, 0, 1].item() in (one, other)
    fired = [round for round, step in enumerate(steps) if step.action[0, 0, 0] == FIRE]
    assert fired == [0, 11, 22, 33, 44, 55]
    assert [int(step.measures["zaps"][0, 0, 0]) for step in steps[:12]] == [1] + [0] * 11
    away = states[20]
    assert not away.observation[0, 1].any()
    assert away.action_mask[0, 1, 0].tolist() == [True] + [False] * 8
    assert all(int(step.action[0, 1, 0]) == STAY for step in steps[1:51])


def test_both_fall_when_they_shoot_each_other():
    layout = "S..S.~A"
    ends = torch.tensor([[cells(layout, "S")]])
    states, steps = course(
        Cleanup(players=2, layout=layout, zap_cost=1.0, zap_fine=50.0),
        [[FIRE, FIRE]],
        heading=torch.tensor([[[1, 3]]]),
        cell=ends,
    )
    assert states[1].tensors["away"].tolist() == [[[50, 50]]]
    assert steps[0].reward.flatten().tolist() == [-51, -51]


def test_who_stands_on_an_apple_after_the_move_eats_it():
    layout = "SA.\nSA~"
    game = Cleanup(players=2, layout=layout, growth=0.0)
    _, steps = course(
        game,
        [[1, 0], [1, 1], [0, 0]],
        heading=torch.ones(1, 1, 2, dtype=torch.int64),
        cell=torch.tensor([[cells(layout, "S")]]),
        apple=torch.ones(1, 1, 2, dtype=torch.bool),
    )
    assert [step.reward.flatten().tolist() for step in steps] == [[1, 0], [0, 1], [0, 0]]
    assert steps[0].measures["timed_apples"].flatten().tolist() == [1 / 1000, 0]


SHORE = "SA.\nSA~"


@pytest.mark.parametrize(
    ("rules", "steps_on_it", "stays_on_it"),
    [
        ({}, [0, 1, 1], [0, 1, 1]),  # what grows after a round is eaten in the next
        ({"growth_under_players": False}, [0, 0, 0], [0, 0, 0]),
        ({"growth_first": True}, [1, 1, 1], [1, 1, 1]),
        ({"growth_first": True, "growth_under_players": False}, [1, 0, 0], [0, 0, 0]),
        ({"variant": "socialjax"}, [1, 0, 0], [0, 0, 0]),
    ],
)
def test_when_and_where_apples_grow(rules, steps_on_it, stays_on_it):
    """An empty site grows an apple for sure, by a clean river; who eats it, of one who comes and one who stays?"""
    game = Cleanup(**{"players": 2, "layout": SHORE, "growth": 1.0, "pollution": 0.0, "stream": 0, **rules})
    _, steps = course(
        game,
        [[4, 0], [0, 0], [0, 0]],
        heading=torch.zeros(1, 1, 2, dtype=torch.int64),  # north: 4 is a step east, relative or absolute
        cell=torch.tensor([[[cells(SHORE, "S")[0], cells(SHORE, "A")[1]]]]),
    )
    assert [step.reward[0, 0, 0] for step in steps] == steps_on_it
    assert [step.reward[0, 1, 0] for step in steps] == stays_on_it


@pytest.mark.parametrize(("first", "apples"), [(False, 0), (True, 2)])
def test_where_growth_comes_first_apples_know_of_no_new_waste(first, apples):
    """Of two places of the river one fouls in the round: half of it is waste, by which nothing grows."""
    game = Cleanup(players=2, layout="SSAA~~", growth=1.0, pollution=1.0, delay=0, growth_first=first)
    states, _ = course(game, [[0, 0]])
    assert int(states[1].tensors["apple"].sum()) == apples
    assert int(states[1].tensors["waste"].sum()) == 1


@pytest.mark.parametrize("heading", range(4))
@pytest.mark.parametrize(
    ("action", "down", "right"), [(1, -1, 0), (2, 1, 0), (3, 0, -1), (4, 0, 1), (5, 0, 0), (6, 0, 0)]
)
def test_absolute_moves_lead_north_south_west_and_east_whatever_the_heading(heading, action, down, right):
    layout = "...A\n.S..\n...~\nS..."
    game = Cleanup(players=2, layout=layout, moves="absolute")
    first, second = cells(layout, "S")
    stride = (second - first + 1) // 2
    turned = torch.tensor([[[heading, 0]]])
    states, _ = course(game, [[action, 0]], heading=turned, cell=torch.tensor([[[first, second]]]))
    assert int(states[1].tensors["cell"][0, 0, 0]) == first + down * stride + right
    assert int(states[1].tensors["heading"][0, 0, 0]) == (heading + {5: 3, 6: 1}.get(action, 0)) % 4


def test_variants_keep_their_rules_when_written_and_old_matches_their_identity():
    later = {"moves", "growth_first", "growth_under_players"}
    for game in (Cleanup(variant="socialjax", moves="relative", growth_first=False), Cleanup(growth_first=True)):
        assert Cleanup.model_validate(game.model_dump(mode="json")) == game
    assert not later & Cleanup().model_dump().keys()
    assert later <= Cleanup(variant="socialjax").model_dump().keys()


@settings(max_examples=20, deadline=None)
@given(some.integers(0, 2**31), some.integers(2, 9))
def test_bounds(seed, players):
    game = Cleanup(players=players, delay=0, away=5, growth=1.0, depletion=1.0)
    chance = Chance.at_tables(derive(torch.arange(2), seed), 3)
    generator = torch.Generator().manual_seed(seed)
    state = game.reset(2, 3, chance)
    for _ in range(15):
        before = state.tensors
        state, step = game.step(state, torch.randint(9, (2, players, 3), generator=generator), chance)
        now = state.tensors
        here = now["cell"][now["away"] == 0]
        assert len(now["cell"].flatten(1)) == 2
        for match in range(2):
            for table in range(3):
                standing = now["cell"][match, table][now["away"][match, table] == 0].tolist()
                assert len(set(standing)) == len(standing)
        assert len(here) <= 6 * players
        eaten = step.reward.sum(1)
        assert ((now["apple"].sum(-1) - before["apple"].sum(-1) + eaten) >= 0).all()  # only players take apples
        assert (eaten <= before["apple"].sum(-1)).all()
        gone = before["waste"].sum(-1) - now["waste"].sum(-1)
        assert (gone <= step.measures["cleaned"].sum(1)).all()
        assert (gone >= -1).all()
        assert state.action_mask[..., 0].all()


def test_seats_are_alike():
    """Nobody's place in the order gives it apples: eaten by seat over many tables of random players."""
    game, tables = Cleanup(players=4, away=10, growth=0.5, depletion=1.0), 300
    state, chance = start(game, tables)
    generator = torch.Generator().manual_seed(1)
    eaten = torch.zeros(1, 4, tables, dtype=torch.float64)
    for _ in range(60):
        state, step = game.step(state, torch.randint(9, (1, 4, tables), generator=generator), chance)
        eaten += step.reward
    assert stats.f_oneway(*eaten[0].tolist()).pvalue > ERROR
    assert eaten.mean() > 1


def test_random_players_get_next_to_nothing():
    """Random players of Melting Pot's clean_up ate no apple in 1000 steps; on this map, one now and then."""
    state, chance = start(Cleanup(), 4)
    generator = torch.Generator().manual_seed(1)
    total = 0.0
    for _ in range(1000):
        state, step = Cleanup().step(state, torch.randint(9, (1, 7, 4), generator=generator), chance)
        total += float(step.reward.sum())
    assert total / (7 * 4) < 0.5


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"layout": "SSA~\n."}, "equally long"),
        ({"layout": "SA~"}, "at least 7 'S', found 1"),
        ({"players": 20}, "at least 20 'S', found 19"),
        ({"layout": "SSSSSSSA"}, "'~' or 'W'"),
        ({"restoration": 0.4}, "below"),
        ({"variant": "hughes"}, "'melting_pot', 'socialjax' or 'ssd'"),
        ({"variant": "ssd", "players": 12}, "at least 12 'S', found 11"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(given, says):
    with pytest.raises(ValidationError, match=says):
        Cleanup(**given)


def test_playthrough(playthrough):
    layout = "S.~W\n.AW~\nSA.S"
    playthrough(
        Cleanup(players=3, layout=layout, delay=2, away=3, zap_cooldown=1, growth=0.3), Path(__file__), key=41
    )


def test_picture():
    state, _ = start(Cleanup())
    image = Cleanup().picture(state, 0, 0)
    assert image.shape == (21, 30, 3)
    assert image.dtype == torch.uint8
    assert len(image.flatten(0, 1).unique(dim=0)) == 5 - 1 + 7  # wall, ground, river, waste; no apples; players
