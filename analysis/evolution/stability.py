"""Which types resist invasion, by whom they are invaded, and which ties are neutral drift."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, combinations
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Flags, Numbers
from .population_game import checked_payoffs, checked_shares

Kind: TypeAlias = Literal[
    "strict Nash", "ESS", "neutrally stable", "resists each type", "invaded by a mixture", "invaded"
]

TIE = 1e-9
"""Payoffs closer than this, times their spread, are equal."""
_MOST = 16


@dataclass(frozen=True)
class TypeStability:
    """What a population of one type resists."""

    kind: Kind
    """"neutrally stable": nobody gains, some drift; "by a mixture": no single type gains, some together do. Of
    groups mixtures aren't judged: a type that isn't strict "resists each type" if none gains alone."""
    invaders: tuple[int, ...]
    """Types that gain, each alone, while they are rare."""
    drifting: tuple[int, ...]
    """Types that earn the same as residents, in any mix of the two: only chance moves their shares."""


@dataclass(frozen=True)
class DriftEdge:
    """Two types that earn the same in any mix of the two, and the mixes that third types can't invade."""

    first: int
    second: int
    holds: tuple[float, float] | None
    """The least and the largest share of the first at which no third type gains; None if one always does."""


def stability(payoffs: ArrayLike, tie: float = TIE) -> list[TypeStability]:
    """Each type as the resident of an infinite population (Maynard Smith 1982), from payoffs as in `invasions`.

    Strict Nash: a_ii > a_ji for all j. ESS: no mixture of types earns more against i, and one that earns the same
    earns less against itself than i does. Payoffs closer than `tie`, times their spread, are equal.
    """
    above = _above(payoffs)
    gains, drift = invasions(payoffs, tie), neutral(payoffs, tie)
    found = []
    for resident in range(len(above)):
        others = np.arange(len(above)) != resident
        kind: Kind
        if (above[resident, others, 0] < -tie).all():
            kind = "strict Nash"
        elif gains[resident].any():
            kind = "invaded"
        else:
            kind = "resists each type" if np.ndim(payoffs) == 3 else _of_ties(payoffs, resident, tie)
        invaders, drifting = (tuple(np.flatnonzero(row[resident]).tolist()) for row in (gains, drift))
        found.append(TypeStability(kind, invaders, drifting))
    return found


def _of_ties(payoffs: ArrayLike, resident: int, tie: float) -> Kind:
    """What a type is that no single type invades, but that some earn as much against."""
    matrix = _scaled(payoffs)
    shares = np.eye(len(matrix))[resident]
    if is_evolutionarily_stable(matrix, shares, tie):
        return "ESS"
    return "neutrally stable" if is_neutrally_stable(matrix, shares, tie) else "invaded by a mixture"


def invasions(payoffs: ArrayLike, tie: float = TIE) -> Flags:
    """[resident, mutant]: whether a rare mutant gains.

    From A[own type, other type]: a_ji > a_ii, or a_ji = a_ii and a_jj > a_ij. Or from payoffs in groups of n, [own
    type, other type, co-players of the own type]: the mutant earns more in a group with the fewest other mutants
    that makes any difference (Broom, Cannings and Vickers 1997).
    """
    above = _above(payoffs)
    differ = np.abs(above) > tie
    first = np.take_along_axis(above, differ.argmax(2)[..., None], 2)[..., 0]
    return np.asarray(first > tie)


def neutral(payoffs: ArrayLike, tie: float = TIE) -> Flags:
    """[type, type]: whether the two earn the same in any mix of the two, from payoffs as in `invasions`."""
    found = np.asarray((np.abs(_above(payoffs)) <= tie).all(2))
    np.fill_diagonal(found, False)
    return found


def drift_edges(payoffs: ArrayLike, tie: float = TIE) -> list[DriftEdge]:
    """The pairs of types between which only chance decides, and how far drift may go before a third type gains."""
    matrix = _scaled(payoffs)
    edges = []
    for first, second in np.argwhere(np.triu(neutral(matrix, tie))).tolist():
        low, high = 0.0, 1.0
        at_first = matrix[:, first] - matrix[first, first]  # what a third type gains where all are of the first
        at_second = matrix[:, second] - matrix[second, second]
        for one, other in zip(at_first.tolist(), at_second.tolist(), strict=True):
            if one > tie and other > tie:
                low, high = 1.0, 0.0
            elif one > tie:
                high = min(high, other / (other - one))
            elif other > tie:
                low = max(low, other / (other - one))
        edges.append(DriftEdge(first, second, (low, high) if low <= high else None))
    return edges


def risk_dominance(payoffs: ArrayLike) -> Numbers:
    """[type, type]: a_ii + a_ij - a_ji - a_jj, above 0 where the first earns more against an even mix of the two.

    Of two strict equilibria, the risk-dominant one has the larger basin (Harsanyi and Selten 1988).
    """
    matrix = checked_payoffs(payoffs)
    own = np.diag(matrix)
    return own[:, None] - own[None, :] + matrix - matrix.T


def is_evolutionarily_stable(payoffs: ArrayLike, shares: ArrayLike, tie: float = TIE) -> bool:
    """Whether x is an ESS: y A x <= x A x for every y, and x A y > y A y where equal (Maynard Smith 1974).

    By Haigh's criterion (1975; Abakuks 1980): -A is strictly copositive on directions from x to its best replies.
    """
    return _resists(payoffs, shares, tie, strict=True)


def is_neutrally_stable(payoffs: ArrayLike, shares: ArrayLike, tie: float = TIE) -> bool:
    """Whether x is neutrally stable: as an ESS, with x A y >= y A y where equal."""
    return _resists(payoffs, shares, tie, strict=False)


def _resists(payoffs: ArrayLike, shares: ArrayLike, tie: float, strict: bool) -> bool:
    matrix = _scaled(payoffs)
    x = checked_shares(shares, len(matrix))
    earned = matrix @ x
    if earned.max() > x @ earned + tie or np.abs(earned[x > 0] - x @ earned).max() > tie:
        return False
    replies = np.flatnonzero(earned >= earned.max() - tie)
    pivot = replies[x[replies].argmax()]
    replies = replies[replies != pivot]
    # z A z for z that adds up to 0, in the coordinates without the pivot's.
    form = matrix[pivot, replies][None, :] + matrix[replies, pivot][:, None]
    form = form - matrix[np.ix_(replies, replies)] - matrix[pivot, pivot]
    return _copositive((form + form.T) / 2, x[replies] > 0, tie, strict)


def _copositive(form: Numbers, free: Flags, tie: float, strict: bool) -> bool:
    """Whether z form z >= 0, or > 0, for all z but 0 with z >= 0 where not free.

    The free ones are minimised away (Schur's complement); then no principal submatrix may have a positive
    eigenvector with a negative eigenvalue (Kaplan 2000).
    """
    least = tie if strict else -tie
    inner = form[np.ix_(free, free)]
    values, vectors = np.linalg.eigh(inner)
    across = form[np.ix_(free, ~free)]
    if (values < least).any() or (np.abs(vectors[:, values < tie].T @ across) > tie).any():
        return False
    rest = form[np.ix_(~free, ~free)] - across.T @ np.linalg.pinv(inner, tie, hermitian=True) @ across
    while True:  # a type that no other makes negative can't matter
        matters = (rest < np.where(np.eye(len(rest)), least, -tie)).any(1)
        if matters.all():
            break
        rest = rest[np.ix_(matters, matters)]
    if (np.diag(rest) < least).any():
        return False
    if len(rest) > _MOST:
        raise ValueError(f"{len(rest)} types tie and gain together; up to {_MOST} can be told to resist or not.")
    for some in chain.from_iterable(combinations(range(len(rest)), size) for size in range(2, len(rest) + 1)):
        values, vectors = np.linalg.eigh(rest[np.ix_(some, some)])
        positive = (vectors * np.sign(vectors.sum(0)) > 0).all(0)
        if (positive & (values < least)).any():
            return False
    return True


def _above(payoffs: ArrayLike) -> Numbers:
    """What a mutant earns above a resident in groups with m other mutants, over the spread of payoffs
    [resident, mutant, m]."""
    table = np.asarray(payoffs, dtype=np.float64)
    if table.ndim != 3:
        matrix = checked_payoffs(payoffs)
        table = np.stack((matrix, np.broadcast_to(np.diag(matrix)[:, None], matrix.shape)), axis=-1)
    return (table.swapaxes(0, 1) - table[..., ::-1]) / (np.ptp(table) or 1.0)


def _scaled(payoffs: ArrayLike) -> Numbers:
    """Payoffs over their spread."""
    matrix = checked_payoffs(payoffs)
    return matrix / (np.ptp(matrix) or 1.0)
