"""The Markov chain of two memory-one policies, in closed form and for many pairs at once.

States are (start, CC, CD, DC, DD), the last outcome, with player 1's action first. What happens in a state is an
outcome, one of the last four. p and q are P(C) of players 1 and 2, both by player 1's states. g is the discount.
Tensors start with these indices and end with [chair, table].

The *contrasts* of a quantity y of outcomes are b = (y_CD - y_DD, y_DC - y_DD, y_CC - y_CD - y_DC + y_DD). They
turn the equations of values into three, with the matrix L = (I - g K)^-1, where the columns of K are the
contrasts of p, q and pq. docs/environments.md has the derivation.
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
    """Two memory-one policies that play each other forever: `own` and `other` are P(C) [state, chair, table]."""

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
        rotated = _unit_matrix(own).add(torch.stack((other, both, own, other)), alpha=-self.discount)
        low, high = slice(0, 3), slice(1, 4)
        minors = torch.addcmul(
            rotated[low, low] * rotated[high, high], rotated[low, high], rotated[high, low], value=-1
        )
        other, both, own, _ = rotated[2].unbind()
        return minors * (self.discount / weighted_sum((own, other, both), minors[0].unbind()))

    @cached_property
    def rows(self) -> tuple[Tensor, ...]:
        """The rows of g L [3, ...]."""
        return self._inverse.unbind(1)

    @cached_property
    def _columns(self) -> tuple[Tensor, ...]:
        return self._inverse.unbind()

    @cached_property
    def visits(self) -> Tensor:
        """v, the discounted visits of states [state, ...]: 1 for the start, then g times those of outcomes."""
        g = self.discount
        other, both, own, _ = self._features[0].add(self._features[4], alpha=g / (1 - g)).unbind()
        own, other, both = weighted_sum(self.rows, (own, other, both)).unbind()
        dc = other - both
        return torch.stack((torch.ones_like(own), both, own - both, dc, g / (1 - g) - own - dc))

    def slopes(self, contrasts: Sequence[Tensor]) -> Tensor:
        """g b [3, ...], for the value of a reward with these `contrasts`."""
        return weighted_sum(self._columns, contrasts)

    def values(self, reward: Tensor) -> Tensor:
        """The discounted value of each outcome [outcome, ...], of a reward [outcome, ...]."""
        b = self.slopes(contrasts(reward / self.discount))
        last = weighted_sum(b.unbind(), (self.own[4], self.other[4], self.both[4]))
        last = (reward[3] + self.discount * last) / (1 - self.discount)
        return torch.stack((last + b[0] + b[1] + b[2], last + b[0], last + b[1], last))

    def derivative(self, by: int, slopes: Contrasts | Tensor) -> Tensor:
        """The derivative of an expectation in each state by P(C) of player `by` [state, ...].

        `slopes` [3, ...] are the contrasts of what is expected; [3, state, ...] where they differ between
        states.
        """
        if by == 1:
            return torch.addcmul(slopes[0], slopes[2], self.other)
        return torch.addcmul(slopes[1], slopes[2], self.own)

    def visit_derivative(self, by: int, weights: Tensor) -> Tensor:
        """The derivative of the visits [state, ...] along a step of P(C) of player `by`.

        `weights` [state, ...] are the step times the visits.
        """
        both = weights * (self.other if by == 1 else self.own)
        rows = self.rows[::2] if by == 1 else self.rows[1:]
        start, cc, cd, dc, dd = torch.stack((weights, both), 1).unbind()
        return visits(weighted_sum(rows, (start + cc + cd + dc + dd).unbind()))


def mirrored(policy: Tensor) -> Tensor:
    """States [state, ...], reordered to the other player's view."""
    return policy.index_select(0, _mirror(policy.device))


@lru_cache
def _mirror(device: torch.device) -> Tensor:
    return torch.tensor(MIRROR, device=device)


def visits(features: Tensor) -> Tensor:
    """Visits of states [state, ...] from how much more often 1, 2 and both play C [3, ...]."""
    own, other, both = features.unbind()
    cd = own - both
    return torch.stack((torch.zeros_like(own), both, cd, other - both, -other - cd))


def contrasts(quantity: Tensor) -> Contrasts:
    """(CD - DD, DC - DD, CC - CD - DC + DD) of a quantity of outcomes [outcome, ...]."""
    cc, _, dc, dd = quantity.unbind()
    own, other = (quantity[1:3] - dd).unbind()
    return own, other, cc - dc - own


def _unit_matrix(like: Tensor) -> Tensor:
    """The unit matrix in the order 2, 3, 1, 2 [4, 4, 1, ...]."""
    return _unit_of(like.dtype, like.device).view(4, 4, *[1] * (like.dim() - 1))


@lru_cache
def _unit_of(dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.eye(3, dtype=dtype, device=device)[[1, 2, 0, 1]][:, [1, 2, 0, 1]]


def matrix_product(left: Tensor, right: Tensor) -> Tensor:
    """The matrix product [i, k, ...] of [i, j, ...] and [j, k, ...]."""
    return ordered_sum((left[:, :, None] * right).unbind(1))


def weighted_sum(vectors: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """The sum of vectors [i, ...], each times its weight [...]."""
    total = vectors[0] * weights[0]
    for vector, weight in zip(vectors[1:], weights[1:], strict=True):
        total = torch.addcmul(total, vector, weight)
    return total


def ordered_sum(terms: Sequence[Tensor]) -> Tensor:
    """The sum of terms in this order; the order of torch's own sum depends on the shape."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
