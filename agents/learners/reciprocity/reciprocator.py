"""The Reciprocator."""

from __future__ import annotations

from typing import ClassVar

from ..policy_gradient.ppo import ProximalPolicyGradient
from ..preferences.reciprocity import Reciprocity, ReciprocityParameters


class Reciprocator(ReciprocityParameters, ProximalPolicyGradient):
    """A learner that is also paid for returning influence in kind.

    With u_t the influence of another's action on what it earns, and w_t that of its own action on what the other
    earns (`influence.py`), the other's influence balance b_t, and the mean over the others, it learns by PPO from
        r_t + weight mean_j b_t w_t,        b_0 = 0 in every episode.
    The balance is, by name,
        previous             b_{t+1} = u_t
        decayed              b_{t+1} = discount b_t + u_t
        decayed_minus_own    b_{t+1} = discount b_t + u_t - w_t         (what it returns pays the debt)
    It counts what came before t, since nobody sees the other's action before choosing.

    Influence is measured against what a player has lately done in each state: frequencies over the last `buffer`
    episodes, with `prior` imagined plays of each action, taken anew every `refresh` episodes, after these have
    been learned from; 1/2 before the first. Without a lag influence fades as soon as behaviour settles.
    Reciprocal rewards are in units of rewards squared: the weight depends on the scale of the payoffs.

    In environments with features influence also counts what comes later, and it and the baselines are learned
    from the last `buffer` episodes (`learned_influence.py`); before the first baseline every action is as usual as
    the other. There the policy sees its balance with each other beside the features: so it need not find out what
    it owes from what it remembers of the board. Published for Coins, at 2048 tables: a recurrent policy that
    doesn't see it, weight 1, "decayed_minus_own", buffer 4, refresh 1, hidden (16,), 40 epochs, clip 0.15,
    entropy 0.01.
    """

    source: ClassVar[str] = "Zhou, Hong and Kao 2024, algorithm 1"

    @property
    def wants(self) -> Reciprocity:
        return Reciprocity.model_validate(self, from_attributes=True)
