"""The turns of an encounter: who decides on what, and when.

A member may be in many dyads at once, as anybody may choose it. So dyads take turns: those of a turn are so far
apart that nobody decides twice in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache

import networkx as nx
import torch
from torch import Tensor

from ..spatial_dilemma import Links


class Stage(IntEnum):
    """What is decided in a turn."""

    SELECT = 0
    PLAY = 1
    PUNISH = 2
    ASSESS = 3


@dataclass(frozen=True, eq=False)
class Turn:
    """A turn. The two sides of dyad i are i, of who chose, and N + i, of its partner."""

    stage: Stage
    round: int
    """The round of the game, from 0."""
    sides: Tensor
    """The sides that decide, or with `third_party` those that are judged, int64 [side]; empty if all select."""
    opposite: Tensor
    """The other side of each of their dyads [side]."""
    third_party: bool = False
    closes: bool = False
    """Whether the round ends: only then is seen what it did to reputations."""

    def to(self, device: torch.device) -> Turn:
        """The same on a device."""
        return replace(self, sides=self.sides.to(device), opposite=self.opposite.to(device))


@lru_cache(maxsize=64)
def turns(
    links: Links, rounds: int, selects: bool, direct: bool, third_party: bool, assessed: bool, device: torch.device
) -> tuple[Turn, ...]:
    """The turns of an encounter.

    In each round every dyad plays; then both sides may punish each other; then of each side a third party decides
    whether to punish it; then what to think of it.
    """
    members = len(links.neighbours)
    found = [Turn(Stage.SELECT, 0, torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))] * selects
    for round in range(rounds):
        for dyads in _apart(links, 4 if third_party or assessed else 2):
            one, other = torch.tensor(dyads), torch.tensor(dyads) + members
            both = (torch.cat((one, other)), torch.cat((other, one)))
            found.append(Turn(Stage.PLAY, round, *both))
            if direct:
                found.append(Turn(Stage.PUNISH, round, *both))
            for stage, there in ((Stage.PUNISH, third_party), (Stage.ASSESS, assessed)):
                if there:
                    found += [Turn(stage, round, *sides, True) for sides in ((one, other), (other, one))]
        found[-1] = replace(found[-1], closes=True)
    with torch.inference_mode(False):  # cached tensors must also serve learners
        return tuple(turn.to(device) for turn in found)


def _apart(links: Links, distance: int) -> list[list[int]]:
    """The members, parted such that two of a part are farther apart than `distance`."""
    graph = nx.Graph()
    graph.add_nodes_from(range(len(links.neighbours)))
    for seat, row in enumerate(links.neighbours.tolist()):
        graph.add_edges_from((seat, other) for other in row if other >= 0)
    colour = nx.greedy_color(nx.power(graph, distance), strategy="smallest_last")
    parts: dict[int, list[int]] = {}
    for seat in graph:
        parts.setdefault(colour[seat], []).append(seat)
    return sorted(parts.values())
