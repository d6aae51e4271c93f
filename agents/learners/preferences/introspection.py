"""Introspection: part of the reward is what one's own move would earn against itself."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ....envs.environment import Environment
from ....envs.matrix_game import RepeatedGame
from ....envs.reputation.reputation_dilemma import ReputationDilemma
from ....envs.reputation.turns import Stage
from ...agent import Chairs, Observation, Round
from ..policy_gradient.trajectory import Trajectory
from .preference import Policy, Preference, SubjectiveReward


class Introspection(Preference):
    """A weighted mean of the reward and of what the own move would earn if the other made it too.

        u = (1 - weight) r + weight R(a, a)
    where R(a, a) is a payoff of the game, so that cooperation is worth more than defection. Published is the
    payoff of one's strategy against itself; here it is that of the move which it made, in symmetric games of two
    actions and, in populations with reputations, in the turns in which a member plays.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"game_model"})

    kind: Literal["introspection"] = Field("introspection", description="also what its own move earns on itself")
    weight: float = Field(0.5, ge=0, le=1, description="weight of introspection; 0 is selfish")

    def refuses(self, game: Environment) -> str | None:
        return (
            None if _against_itself(game) else "knows what its move earns on itself in symmetric 2x2 games alone"
        )

    def subjective_reward(self, chairs: Chairs, discount: float) -> IntrospectiveReward:
        return IntrospectiveReward(self, chairs)


def _against_itself(game: Environment) -> tuple[float, float] | None:
    """R(C, C) and R(D, D); None where there is no such."""
    if isinstance(game, ReputationDilemma):
        return (game.payoffs[0], game.payoffs[3]) if game.game == "matrix" else None
    repeated = game.as_repeated_game()
    if not isinstance(repeated, RepeatedGame) or repeated.matrices.shape != (2, 2, 2) or len(set(game.roles)) > 1:
        return None
    return float(repeated.matrices[0, 0, 0]), float(repeated.matrices[0, 1, 1])


class IntrospectiveReward(SubjectiveReward):
    """The introspective reward on a player's chairs."""

    def __init__(self, preference: Introspection, chairs: Chairs):
        super().__init__(chairs)
        self._weight, game = preference.weight, chairs.game
        earned = _against_itself(game)
        assert earned is not None
        self._earned = torch.tensor(earned, dtype=torch.float64, device=chairs.device)
        self._view = game.view if isinstance(game, ReputationDilemma) else None

    def begin(self) -> None:
        self._rounds: list[Tensor] = []

    def observe(self, before: Observation, round: Round, learning: bool) -> None:
        if learning:
            self._rounds.append(self.of_round(before, round))

    def of_round(self, before: Observation, round: Round) -> Tensor:
        """The subjective reward of a round [chair, table]."""
        if self._view is None:
            plays: Tensor | bool = True
        else:
            assert before.features is not None
            plays = before.features[..., self._view.stage][..., Stage.PLAY] > 0
        earned = self._earned[round.own.clamp(max=1)]
        return torch.where(
            torch.as_tensor(plays, device=earned.device),
            (1 - self._weight) * round.reward + self._weight * earned,
            round.reward,
        )

    def rewards(self, trajectory: Trajectory, policy: Policy) -> Tensor:
        return torch.stack(self._rounds[: len(trajectory)])
