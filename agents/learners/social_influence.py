"""Social influence: a learner that is also paid when its actions change what others do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ...envs.environment import Environment
from ..agent import Chairs, Player
from .categorical import allowed
from .perception import LastRound, feature_count
from .ppo import PPO, PPOPlayer
from .trajectory import Trajectory


class SocialInfluence(PPO):
    """Paid by how much its action told about the others' next ones, beyond what they'd do on average over its own.

        u_i = r_i + weight sum_k KL( p(b_k | a_i, a_-i)  ||  sum_a pi_i(a | s) p(b_k | a, a_-i) )
    where b_k is what k does in the next round. The model p of each other counts what followed each outcome, with
    a prior of one for each action, and forgets from episode to episode. It is the model before the episode that
    pays for it, so the first one is not paid for. Nothing follows the last round.
    """

    source: ClassVar[str] = "Jaques et al. 2019, eq. 1 and 2, with counts for the model of other agents"
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions"})

    weight: float = Field(1.0, description="weight of influence, in rewards for a nat", ge=0)
    memory: float = Field(0.9, description="weight of an episode's counts relative to the next one's", ge=0, le=1)

    def refuses(self, game: Environment) -> str | None:
        if feature_count(game) is not None:
            return "counts what follows an outcome, and can't count features"
        return super().refuses(game)

    def sit(self, chairs: Chairs) -> Player:
        return SocialInfluencePlayer(self, chairs)


class SocialInfluencePlayer(PPOPlayer):
    """Social influence on its chairs.

    `counts` [chair, other, state, action] say what each other did after an outcome.
    """

    agent: SocialInfluence
    perception: LastRound

    def __init__(self, agent: SocialInfluence, chairs: Chairs):
        super().__init__(agent, chairs)
        assert self.perception.states is not None
        others = chairs.spec.seats - 1
        # Seats may have different numbers of actions; what isn't there is never counted, and adds its prior alike
        # to both sides of every comparison.
        shape = (chairs.shape[0], others, self.perception.states, self.actions)
        self.counts = torch.zeros(shape, dtype=torch.float64, device=chairs.device)
        self._measures["influence"] = self._measures["paid"]

    def rewards(self, trajectory: Trajectory) -> Tensor:
        influence = self.influence(trajectory)
        self._measures["influence"] = influence.mean((0, 2))
        self.remember(trajectory)
        return trajectory.reward + self.agent.weight * influence

    def influence(self, trajectory: Trajectory) -> Tensor:
        """The sum over others of the divergence [round, chair, table]; 0 in rounds that nothing follows."""
        model = (1 + self.counts) / (1 + self.counts).sum(-1, keepdim=True)
        others = trajectory.others.sum(2)
        did = self.predicted(model, trajectory.own, others)
        usual = torch.zeros_like(did)
        chosen = self.chosen(trajectory)
        for action in range(self.actions):
            instead = torch.full_like(trajectory.own, action)
            usual += chosen[..., action, None, None] * self.predicted(model, instead, others)
        divergence: Tensor = (did * (did / usual).log()).sum((-1, -2))
        return divergence * self.followed(trajectory)

    def predicted(self, model: Tensor, own: Tensor, others: Tensor) -> Tensor:
        """What the model expects after an outcome [round, chair, table, other, next action]."""
        chair = torch.arange(len(model), device=own.device)[:, None]
        # An action that a seat has not may point beyond the last state; it is never chosen.
        outcome = self.perception.outcome(own, others).clamp(max=model.shape[2] - 1)
        return model.movedim(1, 2)[chair, outcome]

    def chosen(self, trajectory: Trajectory) -> Tensor:
        """The probability of each of its own actions [round, chair, table, action]."""
        logits, _ = self.policy.unroll(self.theta, trajectory.seen)
        return allowed(logits, self.mask(trajectory.mask)).softmax(-1).double()

    def followed(self, trajectory: Trajectory) -> Tensor:
        """1 where another round was played, 0 where not [round, chair, table]."""
        went_on = torch.zeros_like(trajectory.reward)
        went_on[:-1] = 1 if trajectory.playing is None else trajectory.playing[1:].double()
        return went_on

    def remember(self, trajectory: Trajectory) -> None:
        """Count what followed each outcome."""
        followed = self.followed(trajectory)[:-1]
        outcome = self.perception.outcome(trajectory.own, trajectory.others.sum(2))[:-1]
        chairs, others, states, actions = self.counts.shape
        row = torch.arange(chairs * others, device=outcome.device).view(chairs, others, 1) * states
        cell = (row + outcome[:, :, None]) * actions + trajectory.others[1:]
        weight = followed[:, :, None].expand_as(cell)
        seen = torch.bincount(cell.flatten(), weight.flatten(), self.counts.numel())
        self.counts = self.agent.memory * self.counts + seen.view_as(self.counts)

    def state_dict(self) -> dict[str, Tensor]:
        return {**super().state_dict(), "counts": self.counts}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        super().load_state_dict({name: value for name, value in state.items() if name != "counts"})
        self.counts = state["counts"].clone()
