"""The Reciprocator."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ...agent import Chairs, Player
from ..policy_gradient.ppo import PPOPlayer, ProximalPolicyGradient
from ..policy_gradient.trajectory import Samples
from ..preferences.reciprocity import Reciprocity, ReciprocityParameters, ReciprocityReward


class Reciprocator(ReciprocityParameters, ProximalPolicyGradient):
    """A learner with an intrinsic reward for returning influence in kind.

    Let u_t be the influence of another's action on its own return, w_t the influence of its action on the other's
    return, and b_t the other's influence balance. It learns by PPO from
        r_t / U + weight sum_j (b_t / B) (w_t / W_j),        b_0 = 0 in every episode
    over the others j. U is the root mean square influence that a random action of another has on its return, W_j
    that of an action of its own on j's return, B what random play brings the last balance to: what it learns does
    not depend on the scale of anybody's payoffs (with learned models of influence, but for how well these are
    fitted). Published is r_t + weight mean_j b_t w_t (`normalise_influence = false`), which pays squared rewards
    beside rewards; in the prisoner's dilemma of -1, -3, 0, -2 both are the same.

    The parameter `balance` selects, by default the first in matrix games and the third where there are features,
        previous             b_{t+1} = u_t
        decayed              b_{t+1} = discount b_t + u_t
        decayed_minus_own    b_{t+1} = discount b_t + u_t - w_t         (returning influence pays the debt)
        decayed_minus_debit  b_{t+1} = discount b_t + u_t - w_t - v_t   (so does what the other does for itself)
    where v_t is the influence of the other's action on its own return. Of negative balances it lets `forgiveness`
    go, b_t becomes (1 - forgiveness) b_t: where actions fail by chance, two that return all harm feud.

    Influence is relative to a lagged baseline policy. In games without features, `value_influence` computes it
    from payoffs; the baseline is the frequency of actions over the last `buffer` episodes, with `prior` as
    pseudo-counts, updated every `refresh` episodes and uniform before. With features, `learned_influence` learns
    action values and baselines from the last `buffer` episodes, and the policy's input includes the balances. A
    baseline that catches up with what the other does no longer sees it as help or harm, and lets a shaper extort
    that learns some ten times as fast, as LOLA-DiCE does by default. With `uniform_share` it stays between that
    and uniform play, alike in all states; and a table with a `learning_rate` of 0.02 keeps up.

    The authors' code refreshes baselines (in its first episode, and every `refresh` after it) and models before it
    computes the rewards of an episode, with the episode among what they are made of (`refresh_first`), and in
    Coins lets influence be learned for `warm_up` episodes before any policy is. By default what an episode is
    paid by is older than it, and nothing warms up. There all players wait, naive learners too; here those that
    warm up.

    Balances are of u_t / U and w_t / W_j, and the policy's input has these; B is 1 for "previous", else
    sqrt(n sum_t discount^2t) with n influences added in a round. The sum over the others, not the mean, counts
    what one does to all of them. Random play is uniform; learned action values give U and W_j in the states of the
    last episode, and are 1 before there are any.

    With the weight and balance of matrix games two of them harm each other in Coins, so what isn't given is by the
    kind of game.

    Published for Coins, at 2048 tables: a recurrent policy without the balance as input, weight 1 of what is not
    normalised, "decayed_minus_own", buffer 4, refresh 1, refreshed first, warm-up 1, hidden (16,), 40 epochs, clip
    0.15, entropy 0.01. The code's names of balances: petty (decayed), petty_payoff (decayed_minus_own),
    grudge_minus_debit (decayed_minus_debit), and signed forms of each by `sign`.
    """

    source: ClassVar[str] = "Zhou, Hong and Kao 2024, algorithm 1"

    warm_up: int = Field(
        0,
        ge=0,
        exclude_if=lambda episodes: episodes == 0,  # matches from before it existed keep their identity
        description="first episodes from which influence alone is learned, and not the policy",
    )

    @property
    def social_preference(self) -> Reciprocity:
        return Reciprocity.model_validate(self, from_attributes=True)

    def sit(self, chairs: Chairs) -> Player:
        return ReciprocatorPlayer(self, chairs)


class ReciprocatorPlayer(PPOPlayer):
    """A Reciprocator on its chairs."""

    agent: Reciprocator
    _warming_up = False

    def learn(self) -> None:
        reward = self.subjective_reward  # alone, nothing is to be learned of influence
        self._warming_up = isinstance(reward, ReciprocityReward) and int(reward.episodes[0]) < self.agent.warm_up
        super().learn()

    def update(self, samples: Samples) -> None:
        if not self._warming_up:
            super().update(samples)
