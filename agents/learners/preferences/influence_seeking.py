"""Social influence: an intrinsic reward for changing what others do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor

from ....envs.environment import Environment
from ...agent import Chairs
from ..nets.encoding import OutcomeEncoder, actions_by_seat, feature_count
from ..policy_gradient.trajectory import Trajectory
from .preference import Policy, Preference, SubjectiveReward


class InfluenceParameters(BaseModel):
    """The parameters of social influence, and of the model of others."""

    weight: float = Field(1.0, description="weight of influence, in reward per nat", ge=0)
    memory: float = Field(0.9, description="weight of an episode's counts relative to the next one's", ge=0, le=1)


class InfluenceSeeking(InfluenceParameters, Preference):
    """An intrinsic reward for the effect of the own action on the others' next actions.

        u_i = r_i + weight sum_k KL( p(b_k | a_i, a_-i)  ||  sum_a pi_i(a | s) p(b_k | a, a_-i) )
    where b_k is the action of k in the next round. The model p of each other counts its actions after each
    outcome, with a prior count of one for each action; counts decay from episode to episode. The reward uses the
    model from before the episode, so it is 0 in the first one. It is 0 in the last round, which nothing follows.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"others_actions"})

    kind: Literal["social_influence"] = Field("social_influence", description="as in `social_influence`")

    def refuses(self, game: Environment) -> str | None:
        if feature_count(game) is not None:
            return "counts what follows an outcome, and can't count features"
        return None

    def subjective_reward(self, chairs: Chairs, discount: float) -> SubjectiveReward:
        return InfluenceReward(self, chairs)


class InfluenceReward(SubjectiveReward):
    """The influence reward on a player's chairs.

    `counts` [chair, other, state, action] are the numbers of each other's actions after each outcome.
    """

    encoder: OutcomeEncoder

    def __init__(self, preference: InfluenceSeeking, chairs: Chairs):
        super().__init__(chairs)
        self.preference = preference
        assert self.encoder.states is not None
        others, self.actions = chairs.spec.seats - 1, max(actions_by_seat(chairs.spec))
        # Seats may have different numbers of actions. Missing ones are never counted, and their prior is the same
        # on both sides of every comparison.
        shape = (chairs.shape[0], others, self.encoder.states, self.actions)
        self.counts = torch.zeros(shape, dtype=torch.float64, device=chairs.device)
        self._mean_influence = self.counts.new_zeros(chairs.shape[0])

    def rewards(self, trajectory: Trajectory, policy: Policy) -> Tensor:
        influence = self.influence(trajectory, policy)
        self._mean_influence = influence.mean((0, 2))
        self.remember(trajectory)
        return trajectory.reward + self.preference.weight * influence

    def influence(self, trajectory: Trajectory, policy: Policy) -> Tensor:
        """The divergence summed over others [round, chair, table]; 0 where no round follows."""
        model = (1 + self.counts) / (1 + self.counts).sum(-1, keepdim=True)
        others = trajectory.others.sum(2)
        conditional = self.predicted(model, trajectory.own, others)
        marginal = torch.zeros_like(conditional)
        chosen = policy(trajectory)
        for action in range(self.actions):
            instead = torch.full_like(trajectory.own, action)
            marginal += chosen[..., action, None, None] * self.predicted(model, instead, others)
        divergence: Tensor = (conditional * (conditional / marginal).log()).sum((-1, -2))
        return divergence * self.followed(trajectory)

    def predicted(self, model: Tensor, own: Tensor, others: Tensor) -> Tensor:
        """Predicted next actions after an outcome [round, chair, table, other, next action]."""
        chair = torch.arange(len(model), device=own.device)[:, None]
        # An action that a seat lacks may give an index beyond the last state; it is never chosen.
        outcome = self.encoder.outcome(own, others).clamp(max=model.shape[2] - 1)
        return model.movedim(1, 2)[chair, outcome]

    def followed(self, trajectory: Trajectory) -> Tensor:
        """1 where another round followed, else 0 [round, chair, table]."""
        followed = torch.zeros_like(trajectory.reward)
        followed[:-1] = 1 if trajectory.playing is None else trajectory.playing[1:].double()
        return followed

    def remember(self, trajectory: Trajectory) -> None:
        """Count the actions that followed each outcome."""
        followed = self.followed(trajectory)[:-1]
        outcome = self.encoder.outcome(trajectory.own, trajectory.others.sum(2))[:-1]
        chairs, others, states, actions = self.counts.shape
        row = torch.arange(chairs * others, device=outcome.device).view(chairs, others, 1) * states
        cell = (row + outcome[:, :, None]) * actions + trajectory.others[1:]
        weight = followed[:, :, None].expand_as(cell)
        counted = torch.bincount(cell.flatten(), weight.flatten(), self.counts.numel())
        self.counts = self.preference.memory * self.counts + counted.view_as(self.counts)

    def measures(self) -> Mapping[str, Tensor]:
        return {"influence": self._mean_influence}

    def state_dict(self) -> dict[str, Tensor]:
        return {"counts": self.counts}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.counts = state["counts"].clone()
