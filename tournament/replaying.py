"""Replays: a match is played again from its identity, and what happens at one of its tables is written down."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..envs.chance import Chance, sealed
from ..envs.environment import Environment, State, Step
from ..envs.errors import DilemmaError
from .chunk import Chunk, play_chunk
from .config import Config
from .how import How
from .plan import Setting
from .runner import work
from .schedule import Cell, match_keys


@dataclass(frozen=True, eq=False)
class Course:
    """What happened at one table of a match, in one episode."""

    setting: Setting
    match: int
    how: How
    """How the run knows its payoffs; of an exact cell, this is one match."""
    repetition: int
    table: int
    episode: int
    labels: tuple[str, ...]
    """Of the agents, by seat."""
    action: Tensor
    """What was done, after noise [round, seat, ...]."""
    reward: Tensor
    """float64 [round, seat]."""
    playing: Tensor
    """Who took part, bool [round, seat]."""
    pictures: tuple[Tensor, ...]
    """The board at the start and after each round, uint8 [height, width, 3]; none where there is no board."""
    payoff: tuple[float, ...] | None
    """What the match pays each seat per round, as in the seats table; None if it was not played to its end."""

    @property
    def per_round(self) -> list[float]:
        """What each seat earned per round of this episode, with the game's weights."""
        weight = [self.setting.game.weight(round) for round in range(len(self.reward))]
        taken = self.playing * torch.tensor(weight, dtype=torch.float64)[:, None]
        return ((self.reward * taken).sum(0) / taken.sum(0)).tolist()


def replay(config: Config, cell: Cell, repetition: int, table: int = 0, episode: int | None = None) -> Course:
    """Play a match again, up to `episode` (by default its last), and tell of one table.

    An exact cell is played with the chance that the repetition has where it is played. Learners play their whole
    block. Raises DilemmaError where there is no such table or episode, or the match fails.
    """
    plan = config.plan
    setting = plan.settings[cell.setting]
    if cell.how == "exact":
        if setting.game.rounds == math.inf:
            raise DilemmaError(
                f"{setting.label} has infinitely many rounds: its payoffs are exact, nothing is played"
            )
        config = replace(config, plan=replace(plan, mode="played"))
    every = match_keys(np.full(plan.repetitions, cell.key), np.arange(plan.repetitions))
    if not 0 <= repetition < plan.repetitions:
        raise DilemmaError(f"there is no repetition {repetition}; allowed: 0 to {plan.repetitions - 1}")
    match = int(every[repetition])
    [chunk] = work(config, np.delete(every, repetition), wanted=lambda other: other.key == cell.key)
    whole, episode = _up_to(chunk, setting.game, table, episode)
    witness = Witness(whole, match, table, episode)
    # As a thing, not by name: so the chunk plays the one that is watched.
    watched = replace(whole, game=replace(whole.game, thing=_watched(setting.game, witness)))
    outcome = play_chunk(watched)
    if outcome.failures:
        raise DilemmaError(f"match {match} fails: {outcome.failures[0].reason}")
    [rows] = outcome.rows
    own = rows["match"] == match
    return Course(
        setting,
        match,
        cell.how,
        repetition,
        table,
        episode,
        tuple(plan.entrants[index].label for index in rows["agent"][own]),
        torch.stack(witness.action),
        torch.stack(witness.reward),
        torch.stack(witness.playing),
        tuple(witness.pictures),
        tuple(rows["payoff"][own].tolist()) if whole is chunk else None,
    )


def _up_to(chunk: Chunk, game: Environment, table: int, episode: int | None) -> tuple[Chunk, int]:
    """The chunk with no more episodes than needed, and the episode to tell of."""
    protocol = chunk.learning
    last = protocol.episodes - 1
    episode = last if episode is None else episode
    for name, found, most in (("table", table, protocol.tables - 1), ("episode", episode, last)):
        if not 0 <= found <= most:
            raise DilemmaError(f"there is no {name} {found}; allowed: {f'0 to {most}' if most else 'only 0'}")
    # Of a policy game, a match with a single episode is another thing than the first of several.
    needed = max(episode + 1, min(protocol.episodes, 2))
    if needed == protocol.episodes:
        return chunk, episode
    return replace(chunk, learning=replace(protocol, episodes=needed)), episode


class Witness:
    """Writes down what happens at one table of a match, in one episode."""

    def __init__(self, chunk: Chunk, match: int, table: int, episode: int):
        keys = torch.from_numpy(chunk.keys)
        self._keys = Chance.at_tables(sealed(keys, 0), chunk.learning.tables).keys
        self._row = chunk.keys.tolist().index(match)
        self._table, self._episode = table, episode
        self.action: list[Tensor] = []
        self.reward: list[Tensor] = []
        self.playing: list[Tensor] = []
        self.pictures: list[Tensor] = []

    def see(self, game: Environment, before: State, step: Step, after: State, chance: Chance) -> None:
        """A round; those that agents only imagine have other chance."""
        if before.episode != self._episode or not torch.equal(chance.keys.cpu(), self._keys):
            return
        where = (self._row, slice(None), self._table)
        playing = torch.ones(game.seats, dtype=torch.bool)
        if before.playing is not None:
            playing = before.playing[where].cpu()
        if not playing.any():
            return
        self.playing.append(playing)
        self.action.append(step.action[where].cpu().clone())
        self.reward.append(step.reward[where].cpu().clone())
        for state in (before, after) if not self.pictures else (after,):
            picture = game.picture(state, self._row, self._table)
            if picture is not None:
                self.pictures.append(picture.cpu().clone())


def _watched(game: Environment, witness: Witness) -> Environment:
    """The same game, under the eyes of a witness."""
    kind = type(game)

    def step(self: Environment, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        after, done = kind.step(self, state, action, chance)
        witness.see(self, state, done, after, chance)
        return after, done

    body: Mapping[str, object] = {"step": step, "__doc__": kind.__doc__, "__module__": kind.__module__}
    watched: type[Environment] = type(kind.__name__, (kind,), dict(body))
    return watched.model_validate(game.model_dump())
