"""Keys of many matches, in ascending order."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Indices: TypeAlias = NDArray[np.int64]


def distinct(keys: Indices) -> Indices:
    """Keys in ascending order, each once. (numpy's `unique` hashes them, which takes sixty times as long.)"""
    ordered = np.sort(keys)
    return ordered[np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))]


def among(keys: Indices, known: Indices) -> NDArray[np.bool_]:
    """Whether keys are among those known, which are in ascending order [key]."""
    place = np.searchsorted(known, keys)
    found = np.zeros(len(keys), dtype=np.bool_)
    inside = place < len(known)
    found[inside] = known[place[inside]] == keys[inside]
    return found
