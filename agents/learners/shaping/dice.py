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


def loaded_dice(log_probability: Tensor, reward: Tensor, discount: float) -> Tensor:
    """An estimator of the derivatives of the discounted return [chair]; its own value is 0.

        sum_t discount^t (box(sum_{l<=t} log p_l) - box(sum_{l<t} log p_l)) A_t,   A_t = G_t - b_t
    Both tensors are [round, chair, table]; log p_l is the sum over all actions of round l whose policies are
    differentiated. The baseline b_t, the mean of the other tables' returns to go, does not depend on the table's
    own play: it lowers the variance of derivatives of every order without bias. Farquhar et al. 2019, "Loaded
    DiCE", with lambda = 1.
    """
    tables = reward.shape[2]
    ahead = returns_to_go(reward, discount)
    others = (ahead.sum(2, keepdim=True) - ahead) / (tables - 1)
    weight = discount ** torch.arange(len(reward), dtype=reward.dtype, device=reward.device)
    before_and_now = box(log_probability.cumsum(0))
    before = torch.cat((torch.ones_like(before_and_now[:1]), before_and_now[:-1]))
    return torch.einsum("tcb,t->c", (before_and_now - before) * (ahead - others), weight) / tables
