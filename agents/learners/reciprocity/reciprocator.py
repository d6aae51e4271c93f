"""The Reciprocator."""

from __future__ import annotations

from typing import ClassVar

from ..policy_gradient.ppo import ProximalPolicyGradient
from ..preferences.reciprocity import Reciprocity, ReciprocityParameters


class Reciprocator(ReciprocityParameters, ProximalPolicyGradient):
    """A learner with an intrinsic reward for returning influence in kind.

    Let u_t be the influence of another's action on its own return, w_t the influence of its action on the other's
    return, and b_t the other's influence balance. It learns by PPO from
        r_t + weight mean_j b_t w_t,        b_0 = 0 in every episode
    where the mean is over the others. The parameter `balance` selects
        previous             b_{t+1} = u_t
        decayed              b_{t+1} = discount b_t + u_t
        decayed_minus_own    b_{t+1} = discount b_t + u_t - w_t         (returning influence pays the debt)

    Influence is relative to a lagged baseline policy. In games without features, `value_influence` computes it
    from payoffs; the baseline is the frequency of actions over the last `buffer` episodes, with `prior` as
    pseudo-counts, updated every `refresh` episodes and uniform before. With features, `learned_influence` learns
    action values and baselines from the last `buffer` episodes, and the policy's input includes the balances.

    The reciprocal reward is in units of squared reward, so `weight` depends on the scale of payoffs. Published for
    Coins, at 2048 tables: a recurrent policy without the balance as input, weight 1, "decayed_minus_own", buffer
    4, refresh 1, hidden (16,), 40 epochs, clip 0.15, entropy 0.01.
    """

    source: ClassVar[str] = "Zhou, Hong and Kao 2024, algorithm 1"

    @property
    def social_preference(self) -> Reciprocity:
        return Reciprocity.model_validate(self, from_attributes=True)
