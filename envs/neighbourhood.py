"""Which seats a seat sees: all others, or its neighbours on a graph."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Self

import torch
from torch import Tensor

from .environment import Environment


@lru_cache(maxsize=64)
def all_others(seats: int, device: torch.device) -> Tensor:
    """The others of each seat, the next seat first, then around, int64 [seat, other]."""
    with torch.inference_mode(False):  # cached tensors must also serve learners
        seat = torch.arange(seats, device=device)
        return (seat[:, None] + seat[1:]) % seats


def gather_neighbours(known: Tensor, graph: Tensor) -> Tensor:
    """The values of the neighbours of each seat [match, seat, neighbour, ...], from `known` [match, seat, ...].

    `graph` is int64 [seat, neighbour], as `Environment.neighbours`. Values are 0 where a seat has no such
    neighbour.
    """
    found = known.index_select(1, graph.clamp(min=0).flatten()).view(len(known), *graph.shape, *known.shape[2:])
    return found.masked_fill_((graph < 0).view(*graph.shape, *(1,) * (known.dim() - 2)), 0)


def widest(game: Environment, seats: Tensor) -> int:
    """The most neighbours that any seat has that shares its role with one of `seats`."""
    graph = game.neighbours
    if graph is None or not len(seats):
        return game.seats - 1
    return int((graph[_of_roles(game, seats)] >= 0).sum(1).max())


def sees_all_peers(game: Environment) -> bool:
    """Whether the neighbours of each seat are all others, or all others of some roles."""
    if (graph := game.neighbours) is None:
        return True
    roles = game.roles
    for seat, row in enumerate(graph.tolist()):
        seen = {other for other in row if other >= 0}
        known = {roles[other] for other in seen}
        if seen != {other for other, role in enumerate(roles) if role in known and other != seat}:
            return False
    return True


def _of_roles(game: Environment, seats: Tensor) -> Tensor:
    """All seats that share a role with one of `seats`."""
    roles = game.roles
    some = {roles[seat] for seat in set(seats.tolist())}
    return torch.tensor([seat for seat, role in enumerate(roles) if role in some])


class Neighbours:
    """The neighbours of some chairs, as rows of tensors [match, seat, ...] that are flattened over both.

    Nothing is worked out before it is asked for: of many seats, all others are very many.
    """

    def __init__(self, game: Environment, chairs: Tensor):
        self._game, self._chairs = game, chairs

    @classmethod
    def of_chairs(
        cls, game: Environment, matches: int, chairs: Tensor | None, device: torch.device
    ) -> Self | None:
        """The neighbours of `chairs` (flat indices, None for all); None where the seats are just two."""
        if chairs is None:
            if game.seats == 2 and game.neighbours is None:
                return None
            chairs = torch.arange(matches * game.seats, device=device)
        return cls(game, chairs)

    @cached_property
    def width(self) -> int:
        """The most neighbours that any seat of the chairs' roles has."""
        return widest(self._game, self._chairs % self._game.seats)

    @cached_property
    def rows(self) -> Tensor:
        """Flat (match, seat) indices [chair, neighbour]."""
        with torch.inference_mode(False):
            device, seat = self._chairs.device, self._chairs % self._game.seats
            graph = self._game.neighbours
            graph = all_others(self._game.seats, device) if graph is None else graph.to(device)[:, : self.width]
            who = graph[seat]
            return torch.where(who >= 0, (self._chairs - seat)[:, None] + who, 0)

    @cached_property
    def degree(self) -> Tensor | None:
        """How many neighbours each chair has [chair]; None where all of their roles have as many."""
        graph = self._game.neighbours
        if graph is None or bool((graph >= 0).all()):
            return None
        degree, seat = (graph >= 0).sum(1), self._chairs % self._game.seats
        if bool((degree[_of_roles(self._game, seat)] == self.width).all()):
            return None
        return degree.to(self._chairs.device)[seat]

    def gather(self, known: Tensor) -> Tensor:
        """The values of the neighbours [chair, neighbour, ...]; 0 where a chair has fewer than others."""
        flat = known.flatten(0, 1)
        found = flat.index_select(0, self.rows.flatten()).view(*self.rows.shape, *flat.shape[1:])
        if self.degree is None:
            return found
        lacking = torch.arange(self.rows.shape[1], device=found.device) >= self.degree[:, None]
        return found.masked_fill_(lacking.view(*lacking.shape, *(1,) * (found.dim() - 2)), 0)
