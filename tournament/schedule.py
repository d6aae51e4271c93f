"""Schedules: who meets whom. A schedule is asked for cells and told their rows, until it has none left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import torch
from numpy.typing import NDArray

from ..envs.chance import derive
from ..envs.environment import Environment
from .how import HOW, How
from .identity import cell_key
from .plan import Entrant, Plan, Setting
from .seating import rotations


@dataclass(frozen=True)
class Cell:
    """An environment and a cast: indices into the plan's settings, and into its entrants by seat."""

    setting: int
    cast: tuple[int, ...]
    key: int
    how: How


def round_robin(plan: Plan) -> Iterator[list[Cell]]:
    """Everybody meets everybody, and itself with `self_play`; agents in the background meet only the others.

    In a symmetric game of two, every pair is one cell. In an asymmetric one, every pair is played in both
    seats. With N seats, two agents share the seats in every proportion, from 1 against N - 1 on: one cell each
    where chance shuffles the seats, and one for every rotation of the cast where the seats differ.
    """
    yield [cell for index in range(len(plan.settings)) for cell in _cells(plan, index)]


def casts(game: Environment) -> list[tuple[int, ...]]:
    """The casts in which two agents meet: by seat, 0 for the first of them and 1 for the second."""
    whole = [(0,) * k + (1,) * (game.seats - k) for k in range(1, game.seats)]
    return whole if game.symmetric else [seated for cast in whole for seated in rotations(cast)]


def in_order(plan: Plan) -> list[int]:
    """The entrants in an order that depends on the agents alone: a new one must not change the seats of others."""
    return sorted(range(len(plan.entrants)), key=lambda i: plan.entrants[i].definition.text)


def ways(plan: Plan, setting: Setting) -> list[int]:
    """How each entrant's payoff against itself comes to be known, as an index of HOW; a cast has the largest."""
    return [HOW.index(plan.how(setting, [entrant])) for entrant in plan.entrants]


def _cells(plan: Plan, index: int) -> Iterator[Cell]:
    setting = plan.settings[index]
    known, between = ways(plan, setting), casts(setting.game)
    background = {i for i, entrant in enumerate(plan.entrants) if entrant.label in plan.background}
    for first, second in combinations_with_replacement(in_order(plan), 2):
        if (first in background and second in background) or (first == second and not plan.self_play):
            continue
        how = HOW[max(known[first], known[second])]
        pair = first, second
        for places in between if first != second else [(0,) * setting.game.seats]:
            yield cell(plan, index, tuple(pair[place] for place in places), how)


def cell(plan: Plan, index: int, cast: tuple[int, ...], how: How) -> Cell:
    """The cell of a cast of which it is known how its payoff comes to be known."""
    setting: Setting = plan.settings[index]
    members: list[Entrant] = [plan.entrants[i] for i in cast]
    learning = _learning(plan, members) if how == "learned" else None
    key = cell_key(setting.definition, [entrant.definition for entrant in members], plan.seed, learning)
    return Cell(index, cast, key, how)


def _learning(plan: Plan, members: list[Entrant]) -> list[object]:
    """How learners learn, as far as it can change this match."""
    protocol = plan.learning
    frozen = dict(protocol.freeze_after)
    freezing = [frozen.get(entrant.label) for entrant in members]
    return [protocol.tables, protocol.episodes, protocol.window, freezing, plan.block]


def match_keys(cells: NDArray[np.int64], repetitions: NDArray[np.int64]) -> NDArray[np.int64]:
    """The keys of repetitions of cells; both [match]."""
    keys: NDArray[np.int64] = derive(torch.from_numpy(cells), torch.from_numpy(repetitions)).numpy()
    return keys
