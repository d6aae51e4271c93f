"""Social influence: to be paid also when one's actions change what others do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor

from ....envs.environment import Environment
from ...agent import Chairs
from ..nets.encoding import LastRound, actions_by_seat, feature_count
from ..policy_gradient.trajectory import Trajectory
from .preference import Policy, Preference, Utility


class InfluenceParameters(BaseModel):
    """What influence is worth, and how others are modelled."""

    weight: float = Field(1.0, description="weight of influence, in rewards for a nat", ge=0)
    memory: float = Field(0.9, description="weight of an episode's counts relative to the next one's", ge=0, le=1)


class InfluenceSeeking(InfluenceParameters, Preference):
    """Paid by how much its action told about the others' next ones, beyond what they'd do on average over its own.

        u_i = r_i + weight sum_k KL( p(b_k | a_i, a_-i)  ||  sum_a pi_i(a | s) p(b_k | a, a_-i) )
    where b_k is what k does in the next round. The model p of each other counts what followed each outcome, with
    a prior of one for each action, and forgets from episode to episode. It is the model before the episode that
    pays for it, so the first one is not paid for. Nothing follows the last round.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"others_actions"})

    kind: Literal["social_influence"] = Field("social_influence", description="as in `social_influence`")

    def refuses(self, game: Environment) -> str | None:
        if feature_count(game) is not None:
            return "counts what follows an outcome, and can't count features"
        return None

    def utility(self, chairs: Chairs, discount: float) -> Utility:
        return InfluenceUtility(self, chairs)


class InfluenceUtility(Utility):
    """Social influence on its chairs.

    `counts` [chair, other, state, action] say what each other did after an outcome.
    """

    perception: LastRound

    def __init__(self, preference: InfluenceSeeking, chairs: Chairs):
        super().__init__(chairs)
        self.preference = preference
        assert self.perception.states is not None
        others, self.actions = chairs.spec.seats - 1, max(actions_by_seat(chairs.spec))
        # Seats may have different numbers of actions; what isn't there is never counted, and adds its prior alike
        # to both sides of every comparison.
        shape = (chairs.shape[0], others, self.perception.states, self.actions)
        self.counts = torch.zeros(shape, dtype=torch.float64, device=chairs.device)
        self._told = self.counts.new_zeros(chairs.shape[0])

    def rewards(self, trajectory: Trajectory, policy: Policy) -> Tensor:
        influence = self.influence(trajectory, policy)
        self._told = influence.mean((0, 2))
        self.remember(trajectory)
        return trajectory.reward + self.preference.weight * influence

    def influence(self, trajectory: Trajectory, policy: Policy) -> Tensor:
        """The sum over others of the divergence [round, chair, table]; 0 in rounds that nothing follows."""
        model = (1 + self.counts) / (1 + self.counts).sum(-1, keepdim=True)
        others = trajectory.others.sum(2)
        did = self.predicted(model, trajectory.own, others)
        usual = torch.zeros_like(did)
        chosen = policy(trajectory)
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
        self.counts = self.preference.memory * self.counts + seen.view_as(self.counts)

    def measures(self) -> Mapping[str, Tensor]:
        return {"influence": self._told}

    def state_dict(self) -> dict[str, Tensor]:
        return {"counts": self.counts}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.counts = state["counts"].clone()
