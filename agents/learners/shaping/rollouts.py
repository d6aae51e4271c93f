"""Simulated rollouts of a repeated matrix game between two memory-one policies, from the rules of the game.

Both policies are log-probabilities [chair, state, action]. States are from the chair's side: 0 in the first round,
then 1 + own action * actions + the other's action.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ....envs.chance import Chance, Purpose, derive
from ....envs.environment import Environment
from ...agent import Chairs
from ..nets.categorical import bounds, choose
from ..nets.layers import lookup
from ..tabular.fitted_table import cells
from .pair import Rollout, divergence


@dataclass(frozen=True)
class TableRollout(Rollout):
    """Simulated episodes of two tables; every tensor is [round, chair, table]."""

    state: Tensor
    own: Tensor
    others: Tensor

    def log_probability(self, own: Tensor, theirs: Tensor) -> Tensor:
        """The log probability of both actions in each round, differentiable in both policies."""
        actions = own.shape[2]
        return cells(own, self.state * actions + self.own) + cells(theirs, self.state * actions + self.others)

    def own_change(self, before: Tensor, after: Tensor) -> Tensor:
        return cells(divergence(before, after), self.state).mean((0, 2))

    their_change = own_change

    def largest_change(self, before: Tensor, after: Tensor) -> Tensor:
        return (after.exp() - before.exp()).detach().abs().amax((1, 2))


class RolloutModel:
    """A simulator of a repeated matrix game from the chairs' sides, at `tables` simulated tables.

    A random end needs no draws: every round is played, and `continuation` is part of the discount.
    """

    def __init__(self, chairs: Chairs, tables: int):
        game = chairs.game.as_repeated_game()
        assert game
        row, column = torch.as_tensor(game.matrices, device=chairs.device)
        first = (chairs.seat == 0)[:, None, None]
        self.rounds, self.actions = int(game.rounds), len(row)
        self.reward = torch.where(first, row, column.T).flatten(1)
        """The chair's payoff by joint action [chair, own action * actions + the other's]."""
        self.their_reward = torch.where(first, column, row.T).flatten(1)
        self._noise = game.noise
        self._chance = Chance.at_tables(derive(chairs.chance.keys[:, 0], 0), tables)

    def with_noise(self, log_policy: Tensor) -> Tensor:
        """Log-probabilities of executed actions, after noise, from those of chosen actions."""
        if not self._noise:
            return log_policy
        chosen = log_policy.exp()
        return ((1 - self._noise) * chosen + self._noise * (1 - chosen) / (self.actions - 1)).log()

    def sample(self, own: Tensor, theirs: Tensor, episode: int, index: int) -> TableRollout:
        """Sample episodes of two policies, after noise; (episode, index) addresses their random numbers."""
        draws = self._chance.parts(self.rounds).pair(Purpose.IMAGINATION, episode, index)
        bound = bounds(torch.stack((own, theirs)).detach())
        state = torch.zeros_like(draws[:, 0, 0])
        states, actions = [], []
        for draw in draws.permute(2, 1, 0, 3):
            action = torch.stack([choose(draw[player], lookup(bound[player], state)) for player in (0, 1)])
            states.append(state)
            actions.append(action)
            state = 1 + action[0] * self.actions + action[1]
        mine, others = torch.stack(actions, 1)
        joint = mine * self.actions + others
        return TableRollout(
            cells(self.reward, joint), cells(self.their_reward, joint), torch.stack(states), mine, others
        )


def expected_returns(own: Tensor, theirs: Tensor, model: RolloutModel, discount: float) -> tuple[Tensor, Tensor]:
    """The exact discounted returns [chair] of the chair and of the other, which rollouts sample.

    V = sum_t discount^t m_t . r,   m_0 = pi(start),   m_{t+1} = m_t P,   P[s, (a, b)] = own(a | s) theirs(b | s)
    """
    joint = (own.exp()[..., :, None] * theirs.exp()[..., None, :]).flatten(2)
    mass = joint[:, 0]
    total = mass
    for _ in range(model.rounds - 1):
        mass = discount * torch.einsum("cs,csn->cn", mass, joint[:, 1:])
        total = total + mass
    return (total * model.reward).sum(1), (total * model.their_reward).sum(1)


def refuses_rollouts(game: Environment) -> str | None:
    """Why an agent that simulates a repeated matrix game can't play `game`; None if it can."""
    repeated = game.as_repeated_game()
    if repeated is None:
        return "simulates repeated matrix games of two players only"
    if repeated.matrices.shape[1] != repeated.matrices.shape[2]:
        return "simulates only games in which both have the same actions"
    if repeated.misperception:
        return "simulates players who see what is done, and misperception hides from each what the other saw"
    return None
