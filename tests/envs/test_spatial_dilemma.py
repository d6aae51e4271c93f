"""The spatial dilemma: what links pay, who plays with whom, what sites see, and where agents are."""

import networkx as nx
import numpy as np
import pytest
import torch
from pydantic import ValidationError

from dilemma import Tournament
from dilemma.agents.by_link import ByLink
from dilemma.envs.chance import Chance
from dilemma.envs.graphs import Lattice, OwnEdges, Ring, ScaleFree, SmallWorld
from dilemma.envs.spatial_dilemma import SpatialDilemma
from dilemma.testing import check_environment

TRIANGLE = OwnEdges(edges=((0, 1), (1, 2), (2, 0), (2, 3)))
"""A triangle, and site 3, which is linked to site 2 alone."""
REFUSES_FIRST, REFUSES_THIRD = 2, 8
CHANCE = Chance.at_tables(torch.arange(1), 1)


def played(game, *actions, chance=CHANCE):
    """The states before and after, and the last step, of one match at one table."""
    state = game.reset(1, 1, chance)
    for action in actions:
        before, (state, step) = state, game.step(state, torch.tensor(action).view(1, -1, 1), chance)
    return before, state, step


@pytest.mark.parametrize(
    ("graph", "moves", "reward"),
    [
        (Ring(size=4), (0, 0, 0, 0), (2, 2, 2, 2)),
        (Ring(size=4), (1, 0, 0, 0), (2 * 1.5, 1 - 0.5, 2, 1 - 0.5)),
        (Ring(size=4), (1, 1, 0, 0), (1.5 + 0.1, 1.5 + 0.1, 1 - 0.5, 1 - 0.5)),
        (TRIANGLE, (0, 1, 0, 1), (1 - 0.5, 2 * 1.5, 1 - 1, 1.5)),
    ],
)
def test_a_site_earns_the_sum_over_its_links(graph, moves, reward):
    _, _, step = played(SpatialDilemma(graph=graph, payoffs=(1, -0.5, 1.5, 0.1)), moves)
    assert step.reward.flatten().tolist() == pytest.approx(reward)


def test_a_link_is_played_if_both_ends_want_it():
    game = SpatialDilemma(graph=TRIANGLE, selection=True, payoffs=(1, 0, 1.5, 0))
    # 0 refuses its first neighbour, 1; 2 its last, which is 1 too: nobody plays with 1.
    _, _, step = played(game, (0 + REFUSES_FIRST, 1, 0 + REFUSES_THIRD, 0))
    assert step.reward.flatten().tolist() == [1, 0, 2, 1]
    measures = {name: value.flatten().tolist() for name, value in step.measures.items()}
    assert measures["links_of_cooperators"] == pytest.approx([1 / 2, 0, 2 / 3, 1])
    assert measures["links_of_defectors"] == [0, 0, 0, 0]
    assert measures["cc_links"] == pytest.approx([1 / 2, 0, 2 / 3, 1])
    assert measures["cd_links"] == pytest.approx([1 / 2, 1, 1 / 3, 0])
    assert measures["cc_played"] == measures["links_of_cooperators"]


def test_one_who_is_refused_by_all_earns_nothing_and_all_others_as_before():
    game = SpatialDilemma(graph=Lattice(rows=5, columns=5), selection=True, payoffs=(1, 0, 1.5, 0))
    defector, action = 12, torch.zeros(25, dtype=torch.int64)
    action[defector] = 1
    for site, row in enumerate(game.neighbours.tolist()):
        if defector in row:
            action[site] += 2 << row.index(defector)
    _, _, step = played(game, action.tolist())
    expected = torch.full((25,), 4.0, dtype=torch.float64)
    expected[defector], expected[game.neighbours[defector]] = 0, 3
    assert torch.equal(step.reward.flatten(), expected)


def test_a_site_sees_its_moves_those_of_neighbours_and_whom_it_wanted_newest_first():
    game = SpatialDilemma(graph=TRIANGLE, selection=True, memory=2, cooperators=1.0)
    start, after, step = played(game, (0, 1, 0, 1 + REFUSES_FIRST))
    # Own moves of site 2; those of its neighbours 3, 0 and 1; whom it wanted.
    assert start.observation[0, 2, 0].tolist() == [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    assert after.observation[0, 2, 0].tolist() == [0, 0, 1, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1, 1]
    assert after.observation[0, 3, 0].tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert game.observation(0) == after.observation.shape[3:]
    assert step.seen[0, 2, :, 0].tolist() == [1, 0, 1]


def test_one_site_at_a_time_may_change_its_action():
    game = SpatialDilemma(graph=Ring(size=50), update="asynchronous", cooperators=0.0)
    chance = Chance.at_tables(torch.arange(3), 4)
    state = game.reset(3, 4, chance)
    for round in range(1, 20):
        state, step = game.step(state, torch.zeros(3, 50, 4, dtype=torch.int64), chance)
        cooperators = step.cooperation.sum(1)
        assert (cooperators <= round).all()
    assert (cooperators > 10).all()  # twice the same site is drawn 8 times in 19 with probability 10^-4 a table


def test_everybody_is_told_what_cooperators_and_defectors_earn_on_average():
    game = SpatialDilemma(graph=Ring(size=4), payoffs=(1, 0, 1.5, 0))
    for moves, cooperators, defectors in (((1, 0, 0, 0), 4 / 3, 3), ((0, 0, 0, 0), 2, 0), ((1, 1, 1, 1), 0, 0)):
        _, _, step = played(game, moves)
        told = {name: value.flatten().tolist() for name, value in step.public.items()}
        assert told == {"payoff_of_cooperators": [cooperators, 0], "payoff_of_defectors": [defectors, 0]}
    # Those who cooperate now had earned (3 + 1) / 2 in the round before.
    _, _, step = played(game, (1, 0, 0, 0), (0, 0, 1, 1))
    assert step.public["payoff_of_cooperators"].flatten().tolist() == [(1 + 1) / 2, (3 + 1) / 2]
    assert step.public["payoff_of_defectors"].flatten().tolist() == [(1.5 + 1.5) / 2, (2 + 1) / 2]


def test_an_episode_ends_where_cooperation_has_collapsed():
    game = SpatialDilemma(graph=Ring(size=4), collapse=0.5)
    _, still, _ = played(game, (1, 1, 0, 0))
    _, over, step = played(game, (1, 1, 0, 0), (1, 1, 1, 0))
    assert still.playing.all()
    assert not over.playing.any()
    assert step.reward.flatten().tolist() == [1.2, 0, 1.2, 0]  # of the round that ends it
    check_environment(game)


@pytest.mark.parametrize(
    "graph",
    [
        Lattice(rows=4, columns=3, neighbours="moore", edges="fixed"),
        SmallWorld(size=12),
        ScaleFree(size=12),
        nx.star_graph(5),
    ],
    ids=str,
)
def test_graphs(graph):
    game = SpatialDilemma(graph=graph, selection=True, update="asynchronous", noise=0.1)
    check_environment(game)
    here = game.links
    linked = {(site, other) for site, row in enumerate(here.neighbours.tolist()) for other in row if other >= 0}
    assert linked == {(other, site) for site, other in linked}
    index = torch.arange(here.mirror.numel())[here.there.flatten()]
    assert torch.equal(here.mirror[here.mirror[index]], index)
    assert torch.equal(here.neighbours.flatten()[here.mirror[index]], index // here.neighbours.shape[1])


def test_a_graph_of_a_file(tmp_path):
    (tmp_path / "net.txt").write_text("# a triangle, and site 3\n2 3\n0 1\n1 2  # heavier? no\n\n2 0\n")
    game = SpatialDilemma.model_validate({"graph": {"kind": "edges", "file": str(tmp_path / "net.txt")}})
    assert torch.equal(game.neighbours, SpatialDilemma(graph=TRIANGLE).neighbours)


@pytest.mark.parametrize("line", ["1 b", "0.5 1", "1", "-1 2", "nan 1"])
def test_a_file_that_is_no_graph(tmp_path, line):
    (tmp_path / "net.txt").write_text(f"0 1\n{line}\n")
    with pytest.raises(ValidationError, match=f"found '{line}' in line 2 of .*allowed: two vertices"):
        SpatialDilemma.model_validate({"graph": {"kind": "edges", "file": str(tmp_path / "net.txt")}})
    with pytest.raises(ValidationError, match=r"can't read 'nowhere\.txt': No such file"):
        SpatialDilemma.model_validate({"graph": {"kind": "edges", "file": "nowhere.txt"}})


def test_neighbours_are_in_the_same_order_everywhere():
    torus = SpatialDilemma(graph=Lattice(rows=4, columns=5)).neighbours
    assert torus[:2].tolist() == [[1, 4, 5, 15], [2, 0, 6, 16]]
    assert torus[19].tolist() == [15, 18, 4, 14]  # right, left, below, above
    assert SpatialDilemma(graph=Ring(size=5, neighbours=4)).neighbours[3].tolist() == [4, 0, 1, 2]


def test_random_graphs_have_a_number():
    one, same, other = (SpatialDilemma(graph=SmallWorld(size=50, rewired=0.5), draw=draw) for draw in (1, 1, 2))
    assert torch.equal(one.neighbours, same.neighbours)
    assert one.neighbours.shape != other.neighbours.shape or (one.neighbours != other.neighbours).any()


def test_starts():
    chance = Chance.at_tables(torch.arange(20), 20)
    random = SpatialDilemma(cooperators=0.3).reset(20, 20, chance).tensors["action"]
    # 40,000 draws: 5 standard errors are 0.0115.
    assert abs((random == 0).double().mean() - 0.3) < 0.0115
    disc = SpatialDilemma(graph=Lattice(rows=5, columns=5), start="disc", cooperators=5 / 25)
    moves = disc.reset(1, 1, CHANCE).tensors["action"].view(5, 5)
    assert moves.tolist() == [[1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [1, 0, 0, 0, 1], [1, 1, 0, 1, 1], [1, 1, 1, 1, 1]]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"graph": {"kind": "edges", "edges": [[0, 1], [3, 1]]}},
            "every site has a neighbour; 1 isolated site found, the first is 2",
        ),
        ({"graph": {"kind": "edges", "edges": [[0, 1], [1, 1]]}}, "site 1 is linked to itself"),
        ({"graph": {"kind": "edges", "edges": [[0, 1, 2]]}}, "links that go both ways, with a weight of 1"),
        (
            {"graph": {"kind": "edges", "edges": [[0, 1]], "directed": True}},
            "links that go both ways, with a weight of 1",
        ),
        (
            {"graph": {"kind": "ring", "size": 9}, "start": "disc"},
            "'disc' on a lattice, not on a graph of kind 'ring'",
        ),
        ({"graph": {"kind": "ring", "size": 9}, "placement": "blocks"}, "'stripes' on a ring"),
        ({"graph": nx.star_graph(31), "selection": True}, "up to 30 neighbours for each site; one has 31"),
    ],
)
def test_bad_input(given, words):
    with pytest.raises(ValidationError, match=words):
        SpatialDilemma.model_validate(given)


# Shares of the seats.


def agents_at(placement, shares, block=2, seed=0):
    """0 or 1 by who sits on each site [row, column]."""
    game = SpatialDilemma(graph=Lattice(rows=4, columns=4), placement=placement, block=block, rounds=1)
    tournament = Tournament(
        {"game": game}, {"zero": "all_c", "one": "all_d"}, schedule={"kind": "shares", "shares": shares}, seed=seed
    )
    rows = tournament.run().seats.sort_values("seat")
    return (rows["agent"] == "one").to_numpy().astype(int).reshape(4, 4)


def test_agents_have_their_share_of_the_seats_where_the_placement_says():
    assert agents_at("stripes", {"one": 0.5, "zero": 0.5}).tolist() == [[1] * 4] * 2 + [[0] * 4] * 2
    assert agents_at("stripes", {"zero": 0.5, "one": 0.5}).tolist() == [[0] * 4] * 2 + [[1] * 4] * 2
    fields = np.kron([[1, 0], [0, 1]], np.ones((2, 2)))
    assert (agents_at("blocks", {"one": 0.5, "zero": 0.5}) == fields).all()
    assert agents_at("disc", {"one": 5 / 16, "zero": 11 / 16}).nonzero()[0].tolist() == [1, 2, 2, 2, 3]
    random = [agents_at("random", {"one": 0.25, "zero": 0.75}, seed=seed) for seed in range(5)]
    assert all(board.sum() == 4 for board in random)
    assert len({board.tobytes() for board in random}) > 1


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"zero": 0.5, "one": 0.4}, "found shares that add up to 0.9; allowed: to 1"),
        ({"zero": 0.5, "two": 0.5}, "found 'two'; allowed: labels of agents, zero, one"),
        ({"zero": 0.99, "one": 0.01}, "of whose 16 seats one gets none"),
    ],
)
def test_shares_that_can_not_be(shares, words):
    with pytest.raises(Exception, match=words):
        agents_at("random", shares)


def test_measures_of_a_run_say_who_plays_with_whom():
    """Each site has one link to its own kind; out-for-tat plays the one to a defector in 1 of 4 rounds."""
    game = SpatialDilemma(graph=Ring(size=4, neighbours=2), selection=True, rounds=4, placement="stripes")
    schedule = {"kind": "shares", "shares": {"out": 0.5, "all_d": 0.5}}
    agents = {"out": "out_for_tat", "all_d": ByLink(strategy="all_d")}
    rows = Tournament({"game": game}, agents, schedule=schedule).run().seats.set_index("seat").sort_index()
    assert rows["cooperation"].tolist() == [1, 1, 0, 0]
    assert rows["links_of_cooperators"].tolist() == [1 / 2 + 1 / 8] * 2 + [0, 0]
    assert rows["links_of_defectors"].tolist() == [0, 0] + [1 / 2 + 1 / 8] * 2
    assert rows["cc_links"].tolist() == rows["cc_played"].tolist() == [1 / 2, 1 / 2, 0, 0]
    assert rows["cd_links"].tolist() == [1 / 2] * 4
    assert rows["cd_played"].tolist() == [1 / 8] * 4


def test_a_lattice_is_drawn_site_by_site():
    game = SpatialDilemma(graph=Lattice(rows=2 + 1, columns=4), selection=True)
    _, after, _ = played(game, (1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1 + REFUSES_FIRST))
    red = (game.picture(after, 0, 0)[..., 0] > 200).long()
    assert red.tolist() == [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]]
    assert not SpatialDilemma(graph=Ring(size=5)).has_board
