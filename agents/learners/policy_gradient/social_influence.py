"""Social influence: a learner with an intrinsic reward for changing what others do next."""

from __future__ import annotations

from typing import ClassVar

from ..preferences.influence_seeking import InfluenceParameters, InfluenceSeeking
from .ppo import ProximalPolicyGradient


class SocialInfluence(InfluenceParameters, ProximalPolicyGradient):
    """PPO with an intrinsic reward for the effect of its action on the others' next actions.

        u_i = r_i + weight sum_k KL( p(b_k | a_i, a_-i)  ||  sum_a pi_i(a | s) p(b_k | a, a_-i) )
    where b_k is the action of k in the next round. The model p of each other counts its actions after each
    outcome, with a prior count of one for each action; counts decay from episode to episode. The reward uses the
    model from before the episode, so it is 0 in the first one. It is 0 in the last round, which nothing follows.
    """

    source: ClassVar[str] = "Jaques et al. 2019, eq. 1 and 2, with counts for the model of other agents"

    @property
    def social_preference(self) -> InfluenceSeeking:
        return InfluenceSeeking.model_validate(self, from_attributes=True)
