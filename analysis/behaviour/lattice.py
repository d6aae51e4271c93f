"""Who is beside whom on a graph: assortment of moves, and the sizes of clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from ..arrays import Numbers


def assortment(cooperates: ArrayLike, neighbours: ArrayLike) -> Numbers:
    """How much likes are beside likes [...]: the correlation of both ends over links, counted from each end.

    `cooperates` [..., site] are zeros and ones, `neighbours` [site, neighbour] the sites beside each, -1 where
    there are fewer. It is P(C beside a C) - P(C beside a D): 0 on a well mixed graph, 1 where links join likes
    only, and NaN where all sites are alike. Newman 2003, mixing patterns in networks.
    """
    site, other = _links(neighbours)
    here, there = np.asarray(cooperates, dtype=np.float64)[..., site], np.asarray(cooperates)[..., other]
    mean = here.mean(-1)
    variance = mean * (1 - mean)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Numbers = np.where(variance > 0, ((here * there).mean(-1) - mean**2) / variance, np.nan)
    return found


def cluster_sizes(cooperates: ArrayLike, neighbours: ArrayLike) -> NDArray[np.int64]:
    """The sizes of the clusters of cooperators, sites that links join through cooperators, the largest first.

    `cooperates` is [site]; pass its negation for clusters of defectors.
    """
    member = np.asarray(cooperates, dtype=np.bool_)
    site, other = _links(neighbours)
    inside = member[site] & member[other]
    joined = csr_array((np.ones(inside.sum()), (site[inside], other[inside])), shape=(len(member),) * 2)
    _, which = connected_components(joined, directed=False)
    sizes = np.bincount(which[member])
    return np.sort(sizes[sizes > 0])[::-1]


def _links(neighbours: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every link from each of its ends: the site, and the other."""
    listed = np.asarray(neighbours)
    site, slot = np.nonzero(listed >= 0)
    return site, listed[site, slot]
