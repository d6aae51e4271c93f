"""Reward transfer: learners that have committed themselves to give a part of what they earn to the others."""

from __future__ import annotations

from typing import ClassVar

from ..preferences.transfer_commitment import TransferCommitment, TransferParameters
from .ppo import ProximalPolicyGradient


class RewardTransfer(TransferParameters, ProximalPolicyGradient):
    """PPO on what it has after all players have kept a part of their rewards, and split the rest among the others.

        u_i = kept r_i + (1 - kept) mean_{j != i} r_j
    The most that players of a symmetric game may keep so that cooperation dominates is its self-interest level: in
    a prisoner's dilemma the lesser of (R - S) / (T - S) and (T - P) / (T - S), in a linear public good of N
    players its multiplier / N.

    It takes the others to be committed alike. Those who are not give nothing, and it learns as if they did;
    payoffs in tables are those of the game, before transfers. Whoever keeps 1 / N or more is `prosocial` with
    share = (1 - kept) N / (N - 1); with less, it cares more for each other player than for itself.
    """

    source: ClassVar[str] = "Willis et al. 2024, symmetrical transfers"

    @property
    def social_preference(self) -> TransferCommitment:
        return TransferCommitment.model_validate(self, from_attributes=True)
