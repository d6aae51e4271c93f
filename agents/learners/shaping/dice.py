"""DiCE: sampled objectives whose derivatives of every order are unbiased estimates. Foerster et al. 2018.

`box`, the magic box operator, has the value 1 and the gradient of its argument, a sum of log-probabilities.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..policy_gradient.returns import returns_to_go


def box(log_probability: Tensor) -> Tensor:
    """exp(x - stop_gradient(x)):  the value is 1, the gradient is that of x."""
    return torch.exp(log_probability - log_probability.detach())


def loaded_dice(
    log_probability: Tensor,
    reward: Tensor,
    discount: float,
    baseline: Tensor | None = None,
    playing: Tensor | None = None,
) -> Tensor:
    """An estimator of the derivatives of the discounted return [chair]; its own value is 0.

        sum_t discount^t (box(sum_{l<=t} log p_l) - box(sum_{l<t} log p_l)) A_t,   A_t = G_t - b_t
    All tensors are [round, chair, table]; log p_l is the sum over all actions of round l whose policies are
    differentiated. The baseline b_t is a value of the state before them or, by default, the mean of the other
    tables' returns to go. It does not depend on what is done in round t: it lowers the variance of derivatives of
    every order without bias. Rounds that were not `playing` count for nothing. Farquhar et al. 2019, "Loaded
    DiCE", with lambda = 1.
    """
    tables = reward.shape[2]
    ahead = returns_to_go(reward, discount)
    if baseline is None:
        baseline = (ahead.sum(2, keepdim=True) - ahead) / (tables - 1)
    advantage = ahead - baseline if playing is None else (ahead - baseline) * playing
    weight = discount ** torch.arange(len(reward), dtype=reward.dtype, device=reward.device)
    before_and_now = box(log_probability.cumsum(0))
    before = torch.cat((torch.ones_like(before_and_now[:1]), before_and_now[:-1]))
    return torch.einsum("tcb,t->c", (before_and_now - before) * advantage, weight) / tables
