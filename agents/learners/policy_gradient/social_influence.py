"""Social influence: a learner that is also paid when its actions change what others do next."""

from __future__ import annotations

from typing import ClassVar

from ..preferences.influencing import InfluenceParameters, InfluenceSeeking
from .ppo import ProximalPolicyGradient


class SocialInfluence(InfluenceParameters, ProximalPolicyGradient):
    """PPO paid by how its action told about the others' next ones, beyond what they'd do on average over its own.

        u_i = r_i + weight sum_k KL( p(b_k | a_i, a_-i)  ||  sum_a pi_i(a | s) p(b_k | a, a_-i) )
    where b_k is what k does in the next round. The model p of each other counts what followed each outcome, with
    a prior of one for each action, and forgets from episode to episode. It is the model before the episode that
    pays for it, so the first one is not paid for. Nothing follows the last round.
    """

    source: ClassVar[str] = "Jaques et al. 2019, eq. 1 and 2, with counts for the model of other agents"

    @property
    def wants(self) -> InfluenceSeeking:
        return InfluenceSeeking.model_validate(self, from_attributes=True)
