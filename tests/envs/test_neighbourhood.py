"""Games on graphs: each seat sees its neighbours, and plays with them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import ClassVar, Literal

import pytest
import torch
from pydantic import Field
from torch import Tensor

from dilemma.agents.agent import Chairs, Observation, Round
from dilemma.agents.group_strategies import GroupTitForTat
from dilemma.agents.plain import PlainAgent
from dilemma.agents.random_agent import Random
from dilemma.envs.chance import Chance, derive
from dilemma.envs.environment import Discrete, State, Step
from dilemma.envs.n_player_ipd import NPlayerIPD
from dilemma.envs.neighbourhood import Neighbours, gather_neighbours
from dilemma.envs.pettingzoo import parallel_env
from dilemma.envs.repeated import SimultaneousGame
from dilemma.testing import check_environment
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

GRAPHS = {"star": ((1, 2, 3), (0,), (0,), (0,)), "path": ((1,), (0, 2), (1, 3), (2,))}


class WeakDilemma(SimultaneousGame):
    """The weak prisoner's dilemma with every neighbour, in which two defectors earn as little as the exploited."""

    source: ClassVar[str] = "Nowak and May 1992"

    temptation: float = Field(1.85, description="what a defector earns from a cooperator")

    @property
    def graph(self) -> tuple[tuple[int, ...], ...]:
        """The neighbours of each seat."""
        raise NotImplementedError

    @property
    def seats(self) -> int:
        return len(self.graph)

    @property
    def neighbours(self) -> Tensor:
        return _as_tensor(self.graph)

    def actions(self, seat: int) -> Discrete:
        return Discrete(2)

    def rules(self, device: torch.device) -> Mapping[str, Tensor]:
        return {"neighbours": self.neighbours.to(device)}

    def rewards(self, done: Tensor, state: State) -> Tensor:
        cooperates = (done == 0).double()
        around = gather_neighbours(cooperates, state.tensors["neighbours"]).sum(2)
        return around * (cooperates + self.temptation * (1 - cooperates))


class Torus(WeakDilemma):
    """A square lattice without edges."""

    side: int = Field(30, ge=3, description="rows and columns")
    neighbourhood: Literal["moore", "von_neumann"] = Field("moore", description="8 neighbours, or 4")

    @property
    def graph(self) -> tuple[tuple[int, ...], ...]:
        return _torus(self.side, self.neighbourhood)


class OnGraph(WeakDilemma):
    """Four seats on a star or a path, where some have fewer neighbours than others."""

    form: Literal["star", "path"] = Field("star", description="which graph")

    @property
    def graph(self) -> tuple[tuple[int, ...], ...]:
        return GRAPHS[self.form]


@cache
def _torus(side: int, neighbourhood: str) -> tuple[tuple[int, ...], ...]:
    near = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if (row, column) != (0, 0)]
    near = [ahead for ahead in near if neighbourhood == "moore" or 0 in ahead]
    cells = [(row, column) for row in range(side) for column in range(side)]
    return tuple(tuple((row + r) % side * side + (column + c) % side for r, c in near) for row, column in cells)


@cache
def _as_tensor(graph: tuple[tuple[int, ...], ...]) -> Tensor:
    longest = max(map(len, graph))
    return torch.tensor([[*row, *[-1] * (longest - len(row))] for row in graph])


@pytest.mark.parametrize(
    "game",
    [Torus(), Torus(neighbourhood="von_neumann", noise=0.1), OnGraph(), OnGraph(form="path")],
    ids=["moore", "von_neumann", "star", "path"],
)
def test_games_on_graphs_keep_the_contract(game):
    check_environment(game)


def round_of(game: WeakDilemma, action: Tensor, chairs: Tensor | None = None) -> Round:
    chance = Chance.at_tables(derive(torch.arange(len(action)), 0), action.shape[2])
    _, step = game.step(game.reset(len(action), action.shape[2], chance), action, chance)
    return Round(step, chairs, Neighbours.of_chairs(game, len(action), chairs, action.device))


def test_what_seats_of_a_lattice_see_costs_memory_for_their_neighbours_only():
    """56 KiB a match and round at 900 seats with 8 neighbours each; all others would be 6.2 MiB."""
    others = round_of(Torus(), torch.zeros(2, 900, 1, dtype=torch.int64)).others
    assert others.shape == (1800, 8, 1)
    assert others.nbytes == 2 * 900 * 8 * 8


def test_a_lone_defector_on_a_torus_is_seen_and_fed_by_its_neighbours_alone():
    game = Torus(side=5, neighbourhood="von_neumann")
    action = torch.zeros(1, 25, 1, dtype=torch.int64)
    action[0, 0] = 1
    told = round_of(game, action)
    assert told.others.sum(1).flatten().nonzero().flatten().tolist() == [1, 4, 5, 20]
    assert told.reward.flatten()[[0, 1, 6]].tolist() == [4 * 1.85, 3, 4]
    assert told.others_reward[1].flatten().tolist() == [4, 4 * 1.85, 4, 4]  # above, left, right, below


def test_where_a_seat_has_fewer_neighbours_it_sees_zeros():
    action = torch.tensor([[[0], [1], [1], [0]], [[1], [0], [1], [1]]])
    told = round_of(OnGraph(), action)
    assert told.others[..., 0].tolist() == [
        [1, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 1], [1, 0, 0], [1, 0, 0], [1, 0, 0],
    ]  # fmt: skip
    chairs = torch.tensor([0, 5, 6])
    some = round_of(OnGraph(), action, chairs)
    assert torch.equal(some.others, told.others[chairs])
    assert torch.equal(some.others_reward, told.others_reward[chairs])


@pytest.mark.parametrize("seats", [2, 4])
@pytest.mark.parametrize("chairs", [None, torch.tensor([1, 2, 5])], ids=["all", "some"])
def test_without_a_graph_all_others_are_seen_in_seat_order(seats, chairs):
    action = torch.arange(3 * seats * 2).view(3, seats, 2)
    step = Step(action, action.double())
    around = torch.stack([action.roll(-ahead, 1) for ahead in range(1, seats)], 2).flatten(0, 1)
    around = around if chairs is None else around[chairs]
    game = NPlayerIPD(players=seats)
    for neighbours in (None, Neighbours.of_chairs(game, 3, chairs, action.device)):
        told = Round(step, chairs, neighbours)
        assert torch.equal(told.others, around)
        assert torch.equal(told.others_reward, around.double())
        assert told.degree is None


def test_a_group_strategy_asks_its_neighbours_alone():
    game = OnGraph(form="path")
    chairs = Chairs(game, torch.arange(4), Chance.at_tables(derive(torch.arange(4), 0), 1))
    player = GroupTitForTat().sit(chairs)
    player.begin()
    told = round_of(game, torch.tensor([[[0], [1], [0], [0]]]))
    player.observe(told)  # the first has a single neighbour, which defects
    assert player.act(Observation(State(0, 1), None)).flatten().tolist() == [1, 0, 0, 0]


def test_a_plain_function_is_shown_its_neighbours_alone():
    shown = []
    game = OnGraph()
    chairs = Chairs(game, torch.arange(4), Chance.at_tables(derive(torch.arange(4), 0), 1))
    player = PlainAgent(function=lambda history: shown.append(history) or 0).sit(chairs)
    player.begin()
    player.act(Observation(State(0, 0), None))
    player.observe(round_of(game, torch.tensor([[[0], [1], [0], [1]]])))
    player.act(Observation(State(0, 1), None))
    assert shown[4:] == [[(0, 1, 0, 1)], [(1, 0)], [(0, 0)], [(1, 0)]]


def test_a_match_on_a_lattice_is_played():
    game = Torus(side=4, rounds=5)
    outcome = play(game, [Random()], torch.zeros(2, 16, dtype=torch.int64), derive(torch.arange(2), 0), Protocol())
    assert outcome.payoff.shape[:2] == (2, 16)


def test_on_a_graph_pettingzoo_shows_the_neighbours_alone():
    pytest.importorskip("pettingzoo")
    env = parallel_env(OnGraph(form="path"))
    env.reset(seed=0)
    seen, *_ = env.step(dict(zip(env.agents, [0, 1, 1, 0], strict=True)))
    assert [len(each) for each in seen.values()] == [4, 6, 6, 4]
    assert seen["seat_1"].tolist() == [0, 1, 1, 0, 0, 1]


class Selfish(OnGraph):
    """Its seats are their own neighbours."""

    @property
    def neighbours(self) -> Tensor:
        return torch.arange(4)[:, None]


class Wide(OnGraph):
    """What seats see has a place for all others."""

    def seen(self, done: Tensor, state: State, chance: Chance) -> Tensor:
        return torch.stack([done.roll(-ahead, 1) for ahead in range(1, 4)], 2)


@pytest.mark.parametrize(
    ("game", "reason"),
    [
        (Selfish(), "`neighbours` of seat 0 must be other seats, each once"),
        (Wide(form="path"), r"`seen` must be \[3, 4, 2, 2\], found \[3, 4, 3, 2\]"),
    ],
)
def test_graphs_that_are_none_are_found(game, reason):
    with pytest.raises(AssertionError, match=reason):
        check_environment(game)
