"""The Markov chain of two memory-one policies, in closed form and for many pairs at once.

States are (start, CC, CD, DC, DD), the last outcome; what happens in a state is an outcome, one of the last four.
Own action first. Both players' probabilities are in player 1's states here: p and q are own and other's P(C).
Tensors start with these indices and end with [chair, table].

What an outcome is worth, y, has four values, which are written as
    y = y_DD + b_1 [own C] + b_2 [other C] + b_3 [both C],
    b = (y_CD - y_DD, y_DC - y_DD, y_CC - y_CD - y_DC + y_DD),
so that it is expected to be y_DD + b_1 p_s + b_2 q_s + b_3 p_s q_s in state s. The worth of rewards r with the
discount g, y = r + g E y, is then three equations, since y_DD drops out of the contrasts:
    b = contrasts(r) + g K b,    column j of K the contrasts of p, q or pq over the four outcomes.
With L = (I - g K)^-1, worth goes from the left and visits from the right:
    b = L contrasts(r),    g sum_t g^t P(own C, other C, both C in round t) = g (f_start + g / (1 - g) f_DD) L,
where f_s = (p_s, q_s, p_s q_s). The values at the start change with P(C) in a state by
    dV/dp_s = v_s (b_1 + b_3 q_s),    dV/dq_s = v_s (b_2 + b_3 p_s),
where v are the discounted visits of states: 1 for the start, and for others g times those of outcomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import TypeAlias

import torch
from torch import Tensor

MIRROR = [0, 1, 3, 2, 4]
"""The states, or what belongs to them, in the other's view."""
Contrasts: TypeAlias = tuple[Tensor, Tensor, Tensor]


class MemoryOneChain:
    """Two memory-one policies that play each other for ever: `own` and `other` are P(C) [state, chair, table]."""

    def __init__(self, own: Tensor, other: Tensor, discount: float):
        self.own = own
        self.other = mirrored(other)
        self.both = own * self.other
        self.discount = discount

    @cached_property
    def transitions(self) -> Tensor:
        """The probability of an outcome in a state [state, outcome, ...]."""
        both = self.both
        return torch.stack((both, self.own - both, self.other - both, 1 - self.own - self.other + both), 1)

    @cached_property
    def _features(self) -> Tensor:
        """q, pq, p, q of states [state, 4, ...]."""
        return torch.stack((self.other, self.both, self.own, self.other), 1)

    @cached_property
    def _inverse(self) -> Tensor:
        """g L transposed [3, 3, ...], by cofactors.

        I - g K has the determinant of I - g P over 1 - g, which is positive.
        """
        # In the order 2, 3, 1, 2 of rows and columns, every cofactor is a minor of neighbours.
        own, other, both = contrasts(self._features[1:])
        turned = _unit(own).add(torch.stack((other, both, own, other)), alpha=-self.discount)
        low, high = slice(0, 3), slice(1, 4)
        minors = torch.addcmul(
            turned[low, low] * turned[high, high], turned[low, high], turned[high, low], value=-1
        )
        other, both, own, _ = turned[2].unbind()
        return minors * (self.discount / combination((own, other, both), minors[0].unbind()))

    @cached_property
    def rows(self) -> tuple[Tensor, ...]:
        """Those of g L [3, ...]."""
        return self._inverse.unbind(1)

    @cached_property
    def _columns(self) -> tuple[Tensor, ...]:
        return self._inverse.unbind()

    @cached_property
    def visits(self) -> Tensor:
        """v, the discounted visits of states [state, ...]."""
        g = self.discount
        other, both, own, _ = self._features[0].add(self._features[4], alpha=g / (1 - g)).unbind()
        own, other, both = combination(self.rows, (own, other, both)).unbind()
        dc = other - both
        return torch.stack((torch.ones_like(own), both, own - both, dc, g / (1 - g) - own - dc))

    def slopes(self, contrasts: Sequence[Tensor]) -> Tensor:
        """g b [3, ...] of the `contrasts` of a reward."""
        return combination(self._columns, contrasts)

    def worth(self, reward: Tensor) -> Tensor:
        """y [outcome, ...] of a reward [outcome, ...]."""
        b = self.slopes(contrasts(reward / self.discount))
        last = combination(b.unbind(), (self.own[4], self.other[4], self.both[4]))
        last = (reward[3] + self.discount * last) / (1 - self.discount)
        return torch.stack((last + b[0] + b[1] + b[2], last + b[0], last + b[1], last))

    def change(self, by: int, slopes: Contrasts | Tensor) -> Tensor:
        """How the expectation in a state changes with P(C) of a player [state, ...].

        What is expected has `slopes` [3, ...] (its contrasts, where it differs between states: [3, state, ...]).
        """
        if by == 1:
            return torch.addcmul(slopes[0], slopes[2], self.other)
        return torch.addcmul(slopes[1], slopes[2], self.own)

    def redirected(self, by: int, often: Tensor) -> Tensor:
        """The visits that come from more P(C) of a player in states, by that much times visits [state, ...]."""
        both = often * (self.other if by == 1 else self.own)
        rows = self.rows[::2] if by == 1 else self.rows[1:]
        start, cc, cd, dc, dd = torch.stack((often, both), 1).unbind()
        return visits(combination(rows, (start + cc + cd + dc + dd).unbind()))


def mirrored(policy: Tensor) -> Tensor:
    """What belongs to states [state, ...], in the other's view."""
    return policy.index_select(0, _mirror(policy.device))


@lru_cache
def _mirror(device: torch.device) -> Tensor:
    return torch.tensor(MIRROR, device=device)


def visits(features: Tensor) -> Tensor:
    """Visits of states [state, ...] by how often own C, other's and both are [3, ...], more than they were."""
    own, other, both = features.unbind()
    cd = own - both
    return torch.stack((torch.zeros_like(own), both, cd, other - both, -other - cd))


def contrasts(what: Tensor) -> Contrasts:
    """(CD - DD, DC - DD, CC - CD - DC + DD) of what outcomes have [outcome, ...]."""
    cc, _, dc, dd = what.unbind()
    own, other = (what[1:3] - dd).unbind()
    return own, other, cc - dc - own


def _unit(like: Tensor) -> Tensor:
    """The unit matrix in the order 2, 3, 1, 2 [4, 4, 1, ...]."""
    return _unit_of(like.dtype, like.device).view(4, 4, *[1] * (like.dim() - 1))


@lru_cache
def _unit_of(dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.eye(3, dtype=dtype, device=device)[[1, 2, 0, 1]][:, [1, 2, 0, 1]]


def product(left: Tensor, right: Tensor) -> Tensor:
    """The matrix product [i, k, ...] of [i, j, ...] and [j, k, ...]."""
    return add((left[:, :, None] * right).unbind(1))


def combination(vectors: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """The sum of vectors [i, ...], each times its weight [...]."""
    total = vectors[0] * weights[0]
    for vector, weight in zip(vectors[1:], weights[1:], strict=True):
        total = torch.addcmul(total, vector, weight)
    return total


def add(terms: Sequence[Tensor]) -> Tensor:
    """Their sum, in this order: torch's own depends on the shape, and a pair's result must not."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
