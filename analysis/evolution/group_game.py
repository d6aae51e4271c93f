"""Games of groups: what each type earns by who else is in its group, in populations of any size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import comb

from ..arrays import Indices, Numbers
from .population_game import PopulationGame, compositions


@dataclass(frozen=True, eq=False)
class GroupGame(PopulationGame):
    """Groups of N, drawn at random from a population, play an N-player game."""

    others: Indices
    """How many of each type the N - 1 others of a group are [composition, type]: all of `compositions`."""
    paid: Numbers
    """What one of a type earns among them [type, composition]."""

    @property
    def group(self) -> int:
        """N."""
        return int(self.others[0].sum()) + 1

    def among(self, counts: Indices) -> Numbers:
        """Mean payoffs [state, type] in populations with so many of each type [state, type].

        The others of a group are drawn without replacement: their numbers are multivariate hypergeometric. A type
        of which nobody is there earns what makes no difference.
        """
        choices = comb(np.arange(counts.max() + 1)[:, None], np.arange(self.group))
        earned = np.empty(counts.shape)
        for own, present in enumerate(np.eye(self.types, dtype=np.int64)):
            left = (counts - present).clip(0)
            ways = np.ones((len(left), len(self.others)))
            for type_, drawn in enumerate(self.others.T):
                ways *= choices[left[:, type_]][:, drawn]
            earned[:, own] = ways @ self.paid[own] / ways.sum(-1)
        return earned

    def pairs(self) -> Numbers:
        """Payoffs in groups of two types [own type, other type, co-players of the own type]."""
        types = range(self.types)
        place = {tuple(row): index for index, row in enumerate(self.others.tolist())}
        one = np.eye(self.types, dtype=np.int64)
        table = np.empty((self.types, self.types, self.group))
        for like in range(self.group):
            for own in types:
                among = [tuple(like * one[own] + (self.group - 1 - like) * one[other]) for other in types]
                table[own, :, like] = self.paid[own, [place[others] for others in among]]
        return table


def group_game(payoffs: ArrayLike) -> GroupGame:
    """Groups of N play an N-player game.

    `payoffs` [own type, k_1, ..., k_(K-1)] is what a member earns among N - 1 others of whom k_i are of type i,
    the rest of the last type: K axes, all but the first of length N. For two types, [own type, others of type 1].
    Entries with more than N - 1 others count for nothing. In an infinite population a type earns the mean over
    multinomial draws of others.
    """
    table = np.asarray(payoffs, dtype=np.float64)
    types = len(table) if table.ndim else 0
    if types < 2 or table.ndim != types or len(set(table.shape[1:])) != 1:
        raise ValueError(
            "Payoffs of groups of N have an axis for the own type and one of length N for each type but the last: "
            f"[K, N] for K = 2 types, [K, N, N] for 3; these have the shape {table.shape}."
        )
    others = compositions(table.shape[1] - 1, types)
    return game_of(table[(slice(None), *others[:, :-1].T)], others)


def game_of(paid: Numbers, others: Indices) -> GroupGame:
    """The game of payoffs [type, composition] among others [composition, type]."""
    if not np.isfinite(paid).all():
        count = int((~np.isfinite(paid)).sum())
        raise ValueError(
            f"{count} payoffs of groups that can meet are missing or infinite; a game needs all of them."
        )
    ways = comb(np.cumsum(others, axis=1), others).prod(axis=1)

    def payoffs(shares: Numbers) -> Numbers:
        return np.asarray((ways * (shares[..., None, :] ** others).prod(-1)) @ paid.T, np.float64)

    return GroupGame(len(paid), payoffs, others, paid)
