"""How an agent answers given histories, and whether the Axelrod library's player answers alike.

Fixtures return functions: `moves(agent, against="CCDDC")`, `same_moves(agent, player)` for agents that draw
nothing, `same_probabilities(agent, player)` for those that do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from dilemma import progress
from dilemma.agents.agent import Agent, Chairs, Observation, Round
from dilemma.envs.chance import Chance, Purpose, derive
from dilemma.envs.environment import Step
from dilemma.envs.matrix_game import PrisonersDilemma

torch.set_num_threads(1)


class EvenChance(Chance):
    """Chance whose draws for actions are spread evenly over the tables, so that counting them gives P(C)."""

    def integers(self, purpose: Purpose, episode: int, round: int) -> Tensor:
        if purpose != Purpose.ACTION:
            return super().integers(purpose, episode, round)
        tables = self.keys.shape[1]
        even = (torch.arange(tables) * 2 + 1) * (2**31 // tables) - 2**31
        return even.expand(self.keys.shape)


@dataclass(frozen=True)
class Histories:
    """What an agent meant to do, and what was done: 0 is C, 1 is D."""

    intended: Tensor
    """[history, round, table]."""
    own: Tensor
    """[history, round]."""
    other: Tensor
    """[history, round]."""


def play(
    agent: Agent, script: Tensor, *, rounds: int, noise: float = 0.0, tables: int = 1, seed: int = 0
) -> Histories:
    """Play `agent` against `script` [history, round], each history on a chair of its own.

    With many tables the tables of a history see one and the same play, in which the agent did what it meant
    to do at one of them, taken at random.
    """
    count, length = script.shape
    game = PrisonersDilemma(rounds=rounds, noise=noise)
    assert (reason := agent.refuses(game)) is None, reason
    seat = torch.arange(count) % 2
    chairs = torch.arange(count) * 2 + seat
    keys = derive(torch.arange(count), seed)
    make = Chance if tables == 1 else EvenChance
    player = agent.sit(Chairs(game, seat, make(Chance.at_tables(derive(keys, 1), tables).keys)))
    chance = Chance.at_tables(derive(keys, 0), 1)
    which = chance.part(0)
    state = game.reset(count, 1, chance)
    intended, own, other = [], [], []
    player.begin()
    for round in range(length):
        meant = player.act(Observation(state, chairs))
        assert meant.shape == (count, tables)
        table = (which.uniform(Purpose.START, 0, round) * tables).long()
        action = script[:, round].repeat_interleave(2).view(count, 2, 1).clone()
        action.view(-1)[chairs] = meant.gather(1, table)[:, 0]
        state, step = game.step(state, action, chance)
        at_tables = Step(*(tensor.expand(*tensor.shape[:-1], tables) for tensor in (step.action, step.reward)))
        player.observe(Round(at_tables, chairs))
        intended.append(meant)
        own.append(step.action.view(-1)[chairs])
        other.append(step.action.flip(1).reshape(-1)[chairs])
    return Histories(torch.stack(intended, 1), torch.stack(own, 1), torch.stack(other, 1))


def scripts(histories: int, rounds: int) -> Tensor:
    """Opponents [history, round]: all C, all D, both alternations, then every rate and streaks."""
    uniform = torch.rand(
        histories, rounds, generator=torch.Generator().manual_seed(histories), dtype=torch.float64
    )
    rate = torch.linspace(0, 1, histories)[:, None]
    script = (uniform < rate).long()
    fixed = torch.stack([torch.arange(rounds) * slope % 2 ^ start for slope in (0, 1) for start in (0, 1)])
    script[:4] = fixed[:histories]
    streaky = torch.arange(histories) % 3 == 2
    streaks = torch.stack([script[:, round - round % 7] for round in range(rounds)], 1)
    return torch.where(streaky[:, None], streaks, script)


def axelrod_moves(player: Any, histories: Histories, index: int, *, length: int, noise: float, seed: int) -> str:
    """What the Axelrod player means to do in each round of a history."""
    import axelrod

    player = player.clone()
    player.set_match_attributes(length=length, game=axelrod.Game(), noise=noise)
    player.set_seed(seed)
    opponent = axelrod.MockPlayer()
    actions = (axelrod.Action.C, axelrod.Action.D)
    meant = []
    for own, other in zip(histories.own[index].tolist(), histories.other[index].tolist(), strict=True):
        meant.append(str(player.strategy(opponent)))
        player.update_history(actions[own], actions[other])
        opponent.update_history(actions[other], actions[own])
    return "".join(meant)


def letters(actions: Tensor) -> str:
    return "".join("CD"[action] for action in actions.tolist())


def moves(agent: Agent, against: str, seed: int = 0, rounds: int | None = None) -> str:
    """The agent's moves against a script, "CCDDC"; the match has `rounds`, or as many as the script."""
    script = torch.tensor([["CD".index(letter) for letter in against]])
    return letters(play(agent, script, rounds=rounds or len(against), seed=seed).intended[0, :, 0])


def same_moves(
    agent: Agent, axelrod_player: Any, *, noise: float = 0.0, rounds: int = 200, histories: int = 20
) -> None:
    """Assert that both mean to do the same in every round of the same histories."""
    __tracebackhide__ = True
    played = play(agent, scripts(histories, rounds), rounds=rounds, noise=noise)
    for index in range(histories):
        ours = letters(played.intended[index, :, 0])
        theirs = axelrod_moves(axelrod_player, played, index, length=rounds, noise=noise, seed=index)
        if ours != theirs:
            at = next(i for i in range(rounds) if ours[i] != theirs[i])
            pytest.fail(
                f"{agent!r} against {axelrod_player!r}, history {index}, round {at} (from 0): "
                f"{ours[at]}, Axelrod {theirs[at]}\n  own   {letters(played.own[index, :at])[-100:]}"
                f"\n  other {letters(played.other[index, :at])[-100:]}"
            )


def same_probabilities(
    agent: Agent,
    axelrod_player: Any,
    *,
    noise: float = 0.05,
    rounds: int = 30,
    histories: int = 12,
    samples: int = 200,
    error: float = 1e-6,
) -> None:
    """Assert that both cooperate equally often in every round of the same histories.

    Ours is counted over 4096 tables whose draws are spread evenly (so it is P(C) to 1e-4 unless the agent
    draws for its memory too), theirs over `samples` seeds. Fisher's exact test in each round, at `error`
    divided by their number; and where we always or never cooperate, so must they.
    """
    __tracebackhide__ = True
    tables = 4096
    played = play(agent, scripts(histories, rounds), rounds=rounds, noise=noise, tables=tables)
    ours = (played.intended == 0).sum(2).numpy()
    theirs = np.zeros_like(ours)
    for index in range(histories):
        for sample in range(samples):
            meant = axelrod_moves(
                axelrod_player, played, index, length=rounds, noise=noise, seed=index * samples + sample
            )
            theirs[index] += [move == "C" for move in meant]
    law = stats.hypergeom(M=tables + samples, n=ours + theirs, N=samples)
    chance = 2 * np.minimum(law.cdf(theirs), law.sf(theirs - 1))
    wrong = chance < error / ours.size
    wrong |= (ours == 0) & (theirs > 0) | (ours == tables) & (theirs < samples)
    if wrong.any():
        index, at = np.argwhere(wrong)[0]
        pytest.fail(
            f"{agent!r} against {axelrod_player!r}, history {index}, round {at} (from 0): "
            f"P(C) {ours[index, at] / tables:.4f}, Axelrod {theirs[index, at] / samples:.4f} of {samples}"
            f" ({wrong.sum()} of {wrong.size} differ)\n  own   {letters(played.own[index, :at])[-100:]}"
            f"\n  other {letters(played.other[index, :at])[-100:]}"
        )


@pytest.fixture(autouse=True, scope="session")
def _steps_of_a_report_are_never_slow() -> None:
    """What a command prints must not depend on how busy the machine is."""
    progress.STEP = math.inf


@pytest.fixture(name="moves", scope="session")
def _moves() -> Callable[..., str]:
    return moves


@pytest.fixture(scope="session")
def axelrod() -> Any:
    """The Axelrod library, imported once (11 s) for all; skips where it isn't installed."""
    return pytest.importorskip("axelrod")


@pytest.fixture(name="same_moves", scope="session")
def _same_moves(axelrod: Any) -> Callable[..., None]:
    return same_moves


@pytest.fixture(name="same_probabilities", scope="session")
def _same_probabilities(axelrod: Any) -> Callable[..., None]:
    return same_probabilities
