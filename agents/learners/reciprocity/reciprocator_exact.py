"""The Reciprocator with exact gradients, in policy games."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ....envs.environment import Environment
from ....envs.memory_one_chain import MIRROR, MemoryOneChain, contrasts
from ....envs.policy_game import PolicyDerivatives
from ...agent import Chairs, Player
from ..exact.exact_learner import ExactPlayer, Point, at_tables
from ..exact.naive_exact import NaiveExact

_PUBLISHED_LOOKUP = [0, 0, 2, 1, 3]
"""The index that the authors' code looks up for start, CC, CD, DC, DD; only one of the last four is right."""


class ReciprocatorExact(NaiveExact):
    """A naive learner with an intrinsic reward for returning influence in kind.

    The value influence of i on j, of an outcome in a state, is j's reward minus its expected reward if i followed
    its baseline in that state. The baseline is the mean of i's policy over `buffer` rounds, updated every
    `refresh` learning steps, and 1/2 before. With u the other's influence on the learner, w the learner's on the
    other, and the discount g, it ascends
        E sum_t g^t (r_t + weight * b_t w_t),     b_0 = 0,  b_t = u_{t-1},
    where baselines are constants. The balance b is the other's influence in the round before.

    With `published` it follows the authors' code: rewards count from the third round on, undiscounted there, and
    baselines are looked up in a wrong column for three of four states.
    """

    source: ClassVar[str] = "Zhou, Hong and Kao 2024 (IPD-Analytic)"
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "others_rewards", "game_model"})

    weight: float = Field(5.0, description="weight of the reciprocal reward, which is in units of squared reward")
    buffer: int = Field(5, description="rounds that a baseline is the mean of", ge=1)
    refresh: int = Field(10, description="steps of learning between one baseline and the next", ge=1)
    published: bool = Field(False, description="the objective and the lookup of the authors' code")

    def refuses(self, game: Environment) -> str | None:
        return None if game.as_policy_game() else "reciprocates in policy games only"

    def sit(self, chairs: Chairs) -> Player:
        return ReciprocatorPlayer(self, chairs)


class ReciprocalObjective:
    """Influence, balance and reciprocal reward of two memory-one policies, and the gradient of their objective.

    Indices are outcomes first, then states; a baseline is P(C) [state, ...] in the learner's view. With v and D
    of `MemoryOneChain`, own rewards r, the discount g, and T_zs the probability of outcome s in state z,
        rho_s = sum_a T_sa w(a, s)                                     the influence returned in state s
        q(s, z) = r_s + weight g u(s, z) rho_s + g sum_a T_sa q(a, s)  the value of outcome s after state z
        b_s = g sum_z v_z T_zs u(s, z)                                 the balance in s, weighted by visits of s
        gradient_z = v_z D_z q(., z) + weight b_z D_z w(., z).
    """

    def __init__(
        self, agent: ReciprocatorExact, chain: MemoryOneChain, rewards: Tensor, own: Tensor, other: Tensor
    ):
        discount, move = chain.discount, chain.transitions.transpose(0, 1)
        earned = rewards.reshape(2, 2, *rewards.shape[1:])
        received = _influence(earned[:, :, 0].transpose(0, 1), other).transpose(0, 1).flatten(0, 1)
        given = _influence(earned[:, :, 1], own).flatten(0, 1)
        if agent.published:
            received = torch.cat((torch.zeros_like(received[:, :1]), received[:, 1:]), 1)
        returned = (move * given).sum(0)[1:]
        reward = rewards[:, :1] + agent.weight * discount * received * returned[:, None]
        following = chain.values((move * reward).sum(0)[1:])[:, None]
        felt = chain.visits * move * received
        balance = discount * torch.cat((torch.zeros_like(returned[:1]), felt.sum(1)))
        self.gradient = chain.visits * chain.derivative(1, contrasts(reward + discount * following))
        self.gradient += agent.weight * balance * chain.derivative(1, contrasts(given))
        if agent.published:
            self.gradient = (self.gradient - _of_two_rounds(chain, rewards[:, :1])) / discount**2
        self.measures = {
            "influence_received": (1 - discount) * felt.sum((0, 1)),
            "influence_given": (1 - discount) * (chain.visits * move * given).sum((0, 1)),
            "balance": (1 - discount) * balance.sum(0),
            "reciprocal_reward": (1 - discount) * (balance[1:] * returned).sum(0),
        }


def _influence(earned: Tensor, baseline: Tensor) -> Tensor:
    """The influence of an action, relative to the baseline [its action, the other's action, state, ...].

    `earned` is [influencer's action, the other's action, chair, 1], and `baseline` P(C) [state, chair, table].
    """
    return earned[:, :, None] - torch.lerp(earned[1, :, None], earned[0, :, None], baseline)


def _of_two_rounds(chain: MemoryOneChain, reward: Tensor) -> Tensor:
    """The gradient [state, ...] of the rewards of the first two rounds; `reward` is [outcome, 1, chair, 1]."""
    first = chain.transitions[0]
    second = (chain.transitions[1:] * reward[:, 0]).sum(1)
    once = torch.cat((torch.ones_like(first[:1]), chain.discount * first)) * chain.derivative(1, contrasts(reward))
    once[0] += chain.discount * chain.derivative(1, contrasts(second))[0]
    return once


class ReciprocatorPlayer(ExactPlayer):
    """A Reciprocator on its chairs, with a history of both policies, each from its own player's view."""

    def __init__(self, agent: ReciprocatorExact, chairs: Chairs):
        self._reciprocator = agent
        super().__init__(agent, chairs)
        self._measures: Mapping[str, Tensor] = {}

    def start(self, episode: int) -> None:
        super().start(episode)
        self._baselines = torch.full_like(self._parameters, 0.5).expand(2, -1, -1, -1)
        self._history = self._baselines.new_zeros((self._reciprocator.buffer, *self._baselines.shape))
        self._steps = 0

    def ascent(self, at: Point) -> Tensor:
        agent, derivatives = self._reciprocator, at.derivatives
        assert isinstance(derivatives, PolicyDerivatives)
        own, other = self._baselines[0], self._baselines[1, MIRROR]
        if agent.published:
            own, other = own[_PUBLISHED_LOOKUP], other[_PUBLISHED_LOOKUP]
        found = ReciprocalObjective(agent, derivatives.chain, self._rewards, own, other)
        self._measures = found.measures
        self._remember(at)
        return found.gradient * at.own * (1 - at.own)

    def _remember(self, at: Point) -> None:
        agent = self._reciprocator
        self._history[self._steps % agent.buffer] = torch.stack((at.own, at.other))
        self._steps += 1
        if self._steps % agent.refresh == 0:
            self._baselines = self._history[: self._steps].mean(0)

    def measures(self) -> Mapping[str, Tensor]:
        return {**super().measures(), **self._measures}

    def state_dict(self) -> dict[str, Tensor]:
        chairs = self._parameters.shape[1]
        return {
            **super().state_dict(),
            "usual": self._baselines.movedim(2, 0),
            "seen": self._history.movedim(3, 0),
            "steps": torch.full((chairs,), self._steps, device=self._parameters.device),
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        super().load_state_dict(state)
        tables = self._chairs.shape[1]
        self._baselines = at_tables(state["usual"].movedim(0, 2), tables)
        self._history = at_tables(state["seen"].movedim(0, 3), tables)
        self._steps = int(state["steps"].max())
