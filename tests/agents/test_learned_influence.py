"""Learned influence: against the exact one on a board small enough to list, on any seat, among several."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from dilemma.agents.agent import Chairs, Observation, Round
from dilemma.agents.learners.learned_influence import LearnedInfluence
from dilemma.agents.learners.ppo import PPO
from dilemma.agents.learners.reciprocator import Reciprocator
from dilemma.agents.learners.trajectory import Trajectory
from dilemma.envs.board import STEPS, places
from dilemma.envs.chance import Chance, derive
from dilemma.envs.coins import Coins
from dilemma.testing import check_agent
from dilemma.tournament.arena import Protocol, play

torch.set_num_threads(1)

DISCOUNT = 0.96
ROUNDS = 16
TWO = Coins(variant="coin_per_player", rounds=ROUNDS, view="centred")
THREE = Coins(variant="coin_per_player", players=3, rounds=ROUNDS, view="centred")
CELLS, MOVES = 9, 5


def cell(place: Tensor) -> Tensor:
    """The number of a cell, of its row and column from the middle, on the torus."""
    return ((place + 1) % 3 * torch.tensor([3, 1])).sum(-1)


FROM_MIDDLE = places(3) - 1
STEP = torch.tensor(STEPS)
STATES = torch.cartesian_prod(*[torch.arange(CELLS)] * 3)
"""Where the other, the own coin and the other's coin are, from the own place [state, 3]."""


def number(things: Tensor) -> Tensor:
    return (things * torch.tensor([CELLS**2, CELLS, 1])).sum(-1)


def as_the_other_sees() -> Tensor:
    """Each state, from the other's place [state]."""
    other, own_coin, its_coin = FROM_MIDDLE[STATES].unbind(1)
    return number(torch.stack([cell(-other), cell(its_coin - other), cell(own_coin - other)], -1))


def distances(things: Tensor) -> Tensor:
    """Steps from the middle, after each move [..., move]."""
    return (((FROM_MIDDLE[things][..., None, :] - STEP) + 1) % 3 - 1).abs().sum(-1)


def runs_for(own: float, others: float) -> Tensor:
    """A policy [state, move] that is drawn to each coin so much."""
    wish = -own * distances(STATES[:, 1]) - others * distances(STATES[:, 2])
    return wish.double().softmax(-1)


@dataclass(frozen=True)
class Exact:
    """The game of two with everything known: policies [state, move] of the chair and, as it sees itself, the other."""

    own: Tensor
    other: Tensor

    def influence(self) -> tuple[Tensor, Tensor]:
        """Of the other on the chair, and of the chair on it [round, state, own move, other's move]."""
        after, kept, reward = self.moves()
        other = self.other[as_the_other_sees()]
        value = torch.zeros(len(STATES), 2, dtype=torch.float64)
        received, given = [], []
        for _ in range(ROUNDS):
            ahead = value.view(CELLS, CELLS, CELLS, 2)
            at = after.unbind(-1)
            # A coin that was taken is anywhere.
            both, own_gone = ahead[at], ahead.mean(1)[at[0], at[2]]
            its_gone, all_gone = ahead.mean(2)[at[0], at[1]], ahead.mean((1, 2))[at[0]]
            own_there, its_there = kept[..., 0, None], kept[..., 1, None]
            expected = torch.where(
                own_there,
                torch.where(its_there, both, its_gone),
                torch.where(its_there, own_gone, all_gone),
            )
            worth = reward + DISCOUNT * expected  # [state, own move, other's move, player]
            usual_other = torch.einsum("sb,sab->sa", other, worth[..., 0])
            usual_own = torch.einsum("sa,sab->sb", self.own, worth[..., 1])
            received.append(worth[..., 0] - usual_other[:, :, None])
            given.append(worth[..., 1] - usual_own[:, None])
            value = torch.einsum("sa,sb,sabp->sp", self.own, other, worth)
        return torch.stack(received[::-1]), torch.stack(given[::-1])

    def moves(self) -> tuple[Tensor, Tensor, Tensor]:
        """Where things are after every joint move, which coins were left there, and what both earned."""
        other, own_coin, its_coin = FROM_MIDDLE[STATES][:, :, None, None].unbind(1)
        mine, its = STEP[:, None], STEP
        at_other = cell(other + its - mine)
        coins = torch.stack([cell(coin - mine).expand_as(at_other) for coin in (own_coin, its_coin)], -1)
        i_take, it_takes = coins == CELLS // 2, coins == at_other[..., None]
        took = torch.stack([i_take, it_takes], -1).double()  # [..., coin, player]
        reward = torch.stack([took[..., 0].sum(-1) - 2 * took[..., 0, 1], took[..., 1].sum(-1) - 2 * took[..., 1, 0]], -1)
        return torch.cat((at_other[..., None], coins), -1), ~(i_take | it_takes), reward


def sit(game=TWO, tables=128, **given):
    seats = torch.arange(game.seats)
    chairs = Chairs(game, seats, Chance.at_tables(derive(derive(torch.arange(1), 3).repeat(game.seats), seats), tables))
    return LearnedInfluence(chairs, **{"units": 64, "rate": 0.005, "passes": 1, "buffer": 4, "discount": DISCOUNT, **given})


def played(policies, episode, game=TWO, tables=128) -> Trajectory:
    """An episode in which each seat draws its moves from a policy [state, move], or at random."""
    chance = Chance.at_tables(derive(torch.arange(1), 0), tables)
    draws = torch.Generator().manual_seed(episode)
    state = game.reset(1, tables, chance, episode)
    trajectory = Trajectory(episode, frozenset({"others_rewards"}))
    while state.round < game.rounds:
        observation = Observation(state, None)
        seen = observation.features.flatten(2)
        action = torch.stack(
            [
                torch.multinomial(
                    torch.ones(tables, MOVES) if policy is None else policy[states(seen[seat])], 1, generator=draws
                )[:, 0]
                for seat, policy in enumerate(policies)
            ]
        )
        trajectory.act(seen, action, observation)
        state, step = game.step(state, action[None], chance)
        trajectory.observe(Round(step, None))
    return trajectory


def states(seen: Tensor) -> Tensor:
    return number(seen.unflatten(-1, (4, CELLS)).argmax(-1)[..., 1:])


def correlation(one: Tensor, other: Tensor) -> float:
    return torch.corrcoef(torch.stack((one.flatten(), other.flatten())))[0, 1].item()


def exact(policies, trajectory) -> tuple[Tensor, Tensor]:
    """Influence received and given, as learned influence has them."""
    found = []
    for seat in range(2):
        tables = Exact(policies[seat], policies[1 - seat]).influence()
        at = (torch.arange(ROUNDS)[:, None], states(trajectory.seen[:, seat]))
        did = (trajectory.own[:, seat], trajectory.others[:, seat, 0])
        found.append([table[(*at, *did)] for table in tables])
    return tuple(torch.stack([each[part] for each in found], 1)[:, :, None] for part in range(2))
