"""Schedules: who meets whom. A schedule is asked for cells and told their rows, until it has none left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement

from .identity import cell_key
from .plan import Entrant, How, Plan, Setting
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


def _cells(plan: Plan, index: int) -> Iterator[Cell]:
    setting = plan.settings[index]
    # An order that depends on the agents alone: a new agent must not change the seats of the others.
    order = sorted(range(len(plan.entrants)), key=lambda i: plan.entrants[i].definition.text)
    background = {i for i in order if plan.entrants[i].label in plan.background}
    for first, second in combinations_with_replacement(order, 2):
        if {first, second} <= background:
            continue
        if first == second:
            if plan.self_play:
                yield _cell(plan, index, (first,) * setting.game.seats)
        elif setting.game.seats == 2:
            pair = (first, second)
            for seated in [pair] if setting.game.symmetric else rotations(pair):
                yield _cell(plan, index, seated)
        else:
            for k in range(1, setting.game.seats):
                cast = (first,) * k + (second,) * (setting.game.seats - k)
                for seated in [cast] if setting.game.symmetric else rotations(cast):
                    yield _cell(plan, index, seated)


def _cell(plan: Plan, index: int, cast: tuple[int, ...]) -> Cell:
    setting: Setting = plan.settings[index]
    members: list[Entrant] = [plan.entrants[i] for i in cast]
    how = plan.how(setting, members)
    learning = _learning(plan, members) if how == "learned" else None
    key = cell_key(setting.definition, [entrant.definition for entrant in members], plan.seed, learning)
    return Cell(index, cast, key, how)


def _learning(plan: Plan, members: list[Entrant]) -> list[object]:
    """How learners learn, as far as it can change this match."""
    protocol = plan.learning
    frozen = dict(protocol.freeze_after)
    freezing = [frozen.get(entrant.label) for entrant in members]
    return [protocol.tables, protocol.episodes, protocol.window, freezing, plan.block]
