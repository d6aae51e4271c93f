"""The replicator equation on regular graphs, as one of a mixed population with other payoffs."""

from __future__ import annotations

from typing import Literal, TypeAlias

from numpy.typing import ArrayLike

from ..arrays import Numbers
from .structured import one_game

GraphUpdate: TypeAlias = Literal["birth_death", "death_birth", "imitation", "pairwise_comparison"]


def payoffs_on_graph(payoffs: ArrayLike, degree: int, update: GraphUpdate = "death_birth") -> Numbers:
    """The payoffs A + B under which a mixed population evolves as types do on a regular graph of this degree.

    By pair approximation, at weak selection, in large populations; with k the degree,
        b_ij = (m (a_ii - a_jj) + n (a_ij - a_ji)) / (d (k - 2)),
    (m, n, d) = (1, 1, 1) for birth-death and pairwise comparison, (k + 1, 1, k + 1) for death-birth and
    (k + 3, 3, k + 3) for imitation. Ohtsuki and Nowak 2006, eq. 16.
    """
    table = one_game(payoffs)
    if degree < 3:
        raise ValueError(f"The replicator equation on graphs needs a degree of 3 or more, not {degree}.")
    if update in ("birth_death", "pairwise_comparison"):
        alike, unlike, scale = 1, 1, 1
    elif update == "death_birth":
        alike, unlike, scale = degree + 1, 1, degree + 1
    elif update == "imitation":
        alike, unlike, scale = degree + 3, 3, degree + 3
    else:
        raise ValueError(
            f'An update is "birth_death", "death_birth", "imitation" or "pairwise_comparison", not {update!r}.'
        )
    own = table.diagonal()
    local = alike * (own[:, None] - own) + unlike * (table - table.T)
    modified: Numbers = table + local / (scale * (degree - 2))
    return modified
