"""A dilemma between neighbours on a graph, who may choose whom they play with: every seat is a site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor

from .chance import Chance, Purpose
from .environment import Discrete, Environment, Probability, SelectiveMove, State, Step
from .graphs import AsEdges, Graph, GraphKind, Lattice

Payoff = Annotated[float, Field(allow_inf_nan=False)]
Payoffs: TypeAlias = Annotated[tuple[Payoff, Payoff, Payoff, Payoff], Field(strict=False)]

MOST_CHOSEN = 30
"""Neighbours that a site can choose among: their sets are the bits of an action."""

COLOURS = torch.tensor([[58, 118, 190], [208, 74, 60]], dtype=torch.uint8)
"""In pictures, of sites that cooperate and that defect."""


class SpatialDilemma(Environment):
    """Neighbours on a graph play a symmetric two-player game; a site has one move for all of its links.

    A site earns the sum over the links that are played. With `selection` a link is played in a round if both ends
    want it, else every link is. Actions: 0 is C and 1 is D, with everybody; with `selection`, an action is
        move + 2 * (sum of 2^j over the neighbours j that are refused)
    A site sees its last `memory` moves, its neighbours', and with `selection` whom it wanted to play with. At the
    start these are the first moves that the environment has given to the sites, and everybody wanted all.
    With `update` "asynchronous", one site of a table, drawn by lot, may change its action in a round; all others
    repeat theirs. Everybody is told what the sites that cooperated in a round have earned on average in it and in
    each of the `memory` rounds before, and so of those that defected [match, table, rounds ago]; it is 0 where
    there are none, and before the first round.
    """

    source: ClassVar[str] = "Nowak and May 1992; selective interaction of Ren and Zeng 2024"
    shares: ClassVar[Mapping[str, tuple[str, str]]] = {
        "interaction_of_cooperators": ("links_of_cooperators", "cooperation"),
        "interaction_of_defectors": ("links_of_defectors", "defection"),
        "cc_interaction": ("cc_played", "cc_links"),
        "cd_interaction": ("cd_played", "cd_links"),
        "dd_interaction": ("dd_played", "dd_links"),
    }

    graph: Annotated[GraphKind, AsEdges] = Field(
        Lattice(rows=10, columns=10),
        description="a `kind` (lattice, ring, small_world, scale_free, random_regular, edges) with parameters",
    )
    draw: int = Field(0, ge=0, description="which one, of graphs that are drawn by chance")
    payoffs: Payoffs = Field((1.0, 0.0, 1.2, 0.0), description="[R, S, T, P] of a link, after CC, CD, DC, DD")
    selection: bool = Field(False, description="whether a link is played only if both ends want it")
    memory: int = Field(
        1,
        ge=1,
        le=64,
        description="how many past moves of its neighbours a site sees, and past rounds all are told of",
    )
    update: Literal["synchronous", "asynchronous"] = Field(
        "synchronous", description="whether all sites may change their action in a round, or one drawn by lot"
    )
    start: Literal["random", "disc"] = Field(
        "random", description="where cooperators are at first: anywhere, or in the middle of a lattice"
    )
    cooperators: Probability = Field(
        0.5, description="the probability that a site starts as a cooperator; of a disc, its share of the sites"
    )
    placement: Literal["random", "disc", "stripes", "blocks"] = Field(
        "random",
        description="where agents are, in the order of the cast: anywhere; from the middle of a lattice outward; "
        "row by row (on a ring, along it); on the fields of a chessboard, first those of one colour",
    )
    block: int = Field(5, ge=1, description="side of a field of `placement` blocks, in sites")
    noise: Probability = Field(0.0, description="probability that a site does the other move than it chose")
    collapse: Probability = Field(
        0.0, description="the share of cooperators below which the episode of a table ends; 0: it never does"
    )

    @model_validator(mode="after")
    def _is_played_on_its_graph(self) -> Self:
        most = int(self.links.degree.max())
        if self.selection and most > MOST_CHOSEN:
            raise ValueError(f"with `selection` up to {MOST_CHOSEN} neighbours for each site; one has {most}")
        lattice, kind = isinstance(self.graph, Lattice), self.graph.kind
        if self.start == "disc" and not lattice:
            raise ValueError(f"start = 'disc' on a lattice, not on a graph of kind {kind!r}")
        if self.placement != "random" and not (lattice or (self.placement, kind) == ("stripes", "ring")):
            raise ValueError(
                f"placement = {self.placement!r} on a lattice, and 'stripes' on a ring too; the graph is of kind "
                f"{kind!r}"
            )
        return self

    @property
    def links(self) -> Links:
        """Who plays with whom."""
        return links(self.graph, self.draw)

    @property
    def seats(self) -> int:
        return len(self.links.neighbours)

    @property
    def neighbours(self) -> Tensor:
        return self.links.neighbours

    @property
    def seating(self) -> NDArray[np.int64] | None:
        if self.placement == "random":
            return None
        if not isinstance(self.graph, Lattice) or self.placement == "stripes":
            return np.arange(self.seats)
        row, column = np.divmod(np.arange(self.seats), self.graph.columns)
        first = (row // self.block + column // self.block) % 2 if self.placement == "blocks" else self._from_middle
        return np.argsort(np.argsort(first, kind="stable"), kind="stable")

    @property
    def _from_middle(self) -> NDArray[np.int64]:
        """Squared distance from the middle of the lattice [seat]."""
        assert isinstance(self.graph, Lattice)
        row, column = np.divmod(np.arange(self.seats), self.graph.columns)
        away: NDArray[np.int64] = (row - self.graph.rows // 2) ** 2 + (column - self.graph.columns // 2) ** 2
        return away

    @property
    def extremes(self) -> tuple[float, float]:
        degree = self.links.degree
        counts = (0 if self.selection else int(degree.min()), int(degree.max()))
        sums = [count * payoff for count in counts for payoff in self.payoffs]
        return min(sums), max(sums)

    @property
    def grants(self) -> frozenset[str]:
        return super().grants | {"public"}

    def actions(self, seat: int) -> Discrete:
        return SelectiveMove.among(int(self.links.degree[seat])) if self.selection else Discrete(2)

    def observation(self, seat: int) -> tuple[int, ...]:
        neighbours = self.links.neighbours.shape[1]
        return (self.memory * (neighbours + 1 + neighbours * self.selection),)

    def begin(self, matches: int, tables: int, chance: Chance, episode: int) -> State:
        device, seats = chance.keys.device, self.seats
        if self.start == "disc":
            middle = np.argsort(self._from_middle, kind="stable")[: round(self.cooperators * seats)]
            defects = torch.ones(seats, dtype=torch.int64, device=device)
            defects[torch.from_numpy(middle).to(device)] = 0
            move = defects[:, None].expand(matches, seats, tables).contiguous()
        else:
            cooperates = chance.parts(seats).happens(self.cooperators, Purpose.START, episode, 0)
            move = (~cooperates).long()
        here = self.links.to(device)
        wanted = here.there[:, :, None].expand(matches, *here.there.shape, tables) if self.selection else None
        column = _column(here.moves_of_neighbours(move), move, wanted)
        memory = column[..., None].expand(*column.shape, self.memory).contiguous()
        playing = torch.ones_like(move, dtype=torch.bool) if self.collapse else None
        earned = torch.zeros(*move.shape, self.memory, dtype=torch.float64, device=device)
        return State(episode, 0, playing, {"action": move, "memory": memory, "earned": earned}, memory.flatten(3))

    def play(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        here = self.links.to(action.device)
        if self.update == "asynchronous":
            lot = chance.uniform(Purpose.SELECTION, state.episode, state.round) * self.seats
            turn = torch.arange(self.seats, device=action.device)[:, None] == lot.long()[:, None]
            action = torch.where(turn, action, state.tensors["action"])
        if self.noise:
            flips = chance.parts(self.seats).happens(self.noise, Purpose.NOISE, state.episode, state.round)
            action = action ^ flips
        move = action & 1
        seen = here.moves_of_neighbours(move)
        wanted = here.wanted(action) if self.selection else None
        played = here.there[:, :, None].expand_as(seen) if wanted is None else wanted & here.mirrored(wanted)
        cooperation, with_cooperator = move == 0, (seen == 0) & played
        good, many = with_cooperator.sum(2).double(), played.sum(2).double()
        reward_, sucker, temptation, punishment = self.payoffs
        reward = torch.where(
            cooperation,
            reward_ * good + sucker * (many - good),
            temptation * good + punishment * (many - good),
        )
        column = _column(seen, move, wanted)
        memory = torch.cat((column[..., None], state.tensors["memory"][..., :-1]), -1)
        earned = torch.cat((reward[..., None], state.tensors["earned"]), -1)
        # The arena writes the next actions where these are.
        tensors = {"action": action.clone(), "memory": memory, "earned": earned[..., :-1]}
        playing, cooperators = state.playing, cooperation.sum(1)
        if self.collapse and playing is not None:
            playing = playing & (cooperators >= self.collapse * self.seats)[:, None]
        after = State(state.episode, state.round, playing, tensors, memory.flatten(3))
        measures = self._measures(here, cooperation, reward, seen == 0, good, many)
        public = {
            "payoff_of_cooperators": _mean_of(cooperation, earned),
            "payoff_of_defectors": _mean_of(~cooperation, earned),
        }
        mutual = cooperation.all(1, keepdim=True)
        return after, Step(action, reward, seen, cooperation, mutual, measures, public=public)

    @property
    def has_board(self) -> bool:
        return isinstance(self.graph, Lattice)

    def picture(self, state: State, match: int, table: int) -> Tensor | None:
        if not isinstance(self.graph, Lattice):
            return None
        move = state.tensors["action"][match, :, table].cpu() & 1
        return COLOURS[move].view(self.graph.rows, self.graph.columns, 3)

    def _measures(
        self, here: Links, cooperation: Tensor, reward: Tensor, beside: Tensor, good: Tensor, many: Tensor
    ) -> Mapping[str, Tensor]:
        """Shares of a site's links by the moves at both ends, and who plays them."""
        degree = here.degree[:, None].double()
        cooperators = (beside & here.there[:, :, None]).sum(2) / degree
        defectors = 1 - cooperators
        found = {
            "cc_links": cooperation * cooperators,
            "cd_links": torch.where(cooperation, defectors, cooperators),
            "dd_links": defectors.masked_fill(cooperation, 0.0),
            "payoff_of_cooperators": reward * cooperation,
        }
        if self.selection:
            good, bad = good / degree, (many - good) / degree
            found |= {
                "defection": (~cooperation).double(),
                "links_of_cooperators": (good + bad) * cooperation,
                "links_of_defectors": (good + bad).masked_fill(cooperation, 0.0),
                "cc_played": good * cooperation,
                "cd_played": torch.where(cooperation, bad, good),
                "dd_played": bad.masked_fill(cooperation, 0.0),
            }
        return found


def _mean_of(those: Tensor, earned: Tensor) -> Tensor:
    """What some sites, bool [match, seat, table], have earned on average [match, table, rounds ago]."""
    return (earned * those[..., None]).sum(1) / those.sum(1).clamp(min=1)[..., None]


def _column(seen: Tensor, move: Tensor, wanted: Tensor | None) -> Tensor:
    """What a round adds to the memory of sites, uint8 [match, seat, table, entry]."""
    parts = [move[:, :, None], seen] + ([] if wanted is None else [wanted.long()])
    return torch.cat(parts, 2).transpose(2, 3).to(torch.uint8)


@dataclass(frozen=True, eq=False)
class Links:
    """The links of a graph, seen from each site."""

    neighbours: Tensor
    """int64 [seat, neighbour]; where a site has fewer than others, its row ends in -1."""
    there: Tensor
    """Whether there is such a neighbour, bool [seat, neighbour]."""
    degree: Tensor
    """int64 [seat]."""
    mirror: Tensor
    """The same link as the other end counts it, as an index into [seat * neighbour], int64 [seat * neighbour]."""
    bits: Tensor
    """The bit of each neighbour in an action [neighbour, 1]."""

    def to(self, device: torch.device) -> Links:
        """The same on a device."""
        if self.neighbours.device == device:
            return self
        return Links(
            *(getattr(self, name).to(device) for name in ("neighbours", "there", "degree", "mirror", "bits"))
        )

    def moves_of_neighbours(self, move: Tensor) -> Tensor:
        """The moves of each site's neighbours [match, seat, neighbour, table]; 0 where there is none."""
        seats, neighbours = self.neighbours.shape
        index = self.neighbours.clamp(min=0).flatten()
        found = move.index_select(1, index).view(len(move), seats, neighbours, -1)
        return found * self.there[:, :, None]

    def wanted(self, action: Tensor) -> Tensor:
        """Whom each site wants to play with, bool [match, seat, neighbour, table]."""
        return ((action[:, :, None] & self.bits) == 0) & self.there[:, :, None]

    def mirrored(self, wanted: Tensor) -> Tensor:
        """Who wants to play with each site, bool [match, seat, neighbour, table]."""
        return wanted.flatten(1, 2).index_select(1, self.mirror).view(wanted.shape)


@lru_cache(maxsize=16)
def links(graph: Graph, draw: int) -> Links:
    """The links of a graph, of random ones of the one with this number. Raises ValueError where one has no use."""
    weights = graph.weights(np.random.default_rng(draw))
    weights.eliminate_zeros()
    weights.sort_indices()
    if abs(weights - weights.T).sum() or not np.isin(weights.data, 1).all():
        raise ValueError("links that go both ways, with a weight of 1")
    if weights.diagonal().any():
        site = int(weights.diagonal().argmax())
        raise ValueError(f"links to others; site {site} is linked to itself")
    degree = np.diff(weights.indptr)
    alone = np.flatnonzero(degree == 0)
    if len(alone):
        again = "; another `draw` may have no such" if graph.random else ""
        raise ValueError(
            f"a graph in which every site has a neighbour; {len(alone)} isolated "
            f"site{'s' * (len(alone) > 1)} found, the first is {alone[0]}{again}"
        )
    seat = np.repeat(np.arange(len(degree)), degree)
    other = _in_directions(graph, seat, weights.indices.astype(np.int64), len(degree))
    slot = np.arange(len(seat)) - weights.indptr[seat]
    neighbours = np.full((len(degree), degree.max()), -1, dtype=np.int64)
    neighbours[seat, slot] = other
    link = seat * len(degree) + other
    known = np.argsort(link)
    back = slot[known[np.searchsorted(link, other * len(degree) + seat, sorter=known)]]
    mirror = np.zeros_like(neighbours)
    mirror[seat, slot] = other * neighbours.shape[1] + back
    with torch.inference_mode(False):  # cached tensors must also serve learners
        listed = torch.from_numpy(neighbours)
        return Links(
            listed,
            listed >= 0,
            torch.from_numpy(degree.astype(np.int64)),
            torch.from_numpy(mirror.flatten()),
            (2 << torch.arange(neighbours.shape[1]))[:, None],
        )


def _in_directions(
    graph: Graph, seat: NDArray[np.int64], other: NDArray[np.int64], sites: int
) -> NDArray[np.int64]:
    """The others of each link, in the same order for every site of a torus: right, left, below, above."""
    if isinstance(graph, Lattice):
        row, column = np.divmod(other, graph.columns)
        down = (row - seat // graph.columns) % graph.rows
        return other[np.lexsort(((column - seat) % graph.columns, down, seat))]
    return other[np.lexsort(((other - seat) % sites, seat))]
