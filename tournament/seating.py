"""Seating: seats of one role are shuffled by chance, and seats of different roles are taken equally often.

Where the environment itself says who sits where (`Environment.seating`), nobody is moved.

If every seat has a role of its own, a cast of three or more is played in each of its rotations, so that every
repetition is balanced. The cyclic order of the cast changes between repetitions: N seats have (N - 1)! orders that
are no rotations of each other, and that many repetitions contain every order equally often.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from ..envs.chance import Purpose, derive

Indices: TypeAlias = NDArray[np.int64]


def patterns(roles: Sequence[str]) -> Indices:
    """How two agents share the seats of these roles [pattern, seat]: 0 for the first agent and 1 for the second.

    In every proportion, from one seat against all others; in each rotation if roles differ.
    """
    seats = len(roles)
    whole = [(0,) * k + (1,) * (seats - k) for k in range(1, seats)]
    if len(set(roles)) > 1:
        whole = [seated for cast in whole for seated in rotations(cast)]
    # Seats within a role are shuffled: casts that differ only there are equal.
    once = dict[object, tuple[int, ...]]()
    for cast in whole:
        once.setdefault(tuple(sorted(zip(roles, cast, strict=True))), cast)
    return np.array(list(once.values()), dtype=np.int64).reshape(-1, seats)


def rotations(cast: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The distinct rotations of a cast by seat, itself first."""
    return list(dict.fromkeys(cast[ahead:] + cast[:ahead] for ahead in range(len(cast))))


def seated(
    cast: Indices, keys: Indices, repetition: Indices, roles: Sequence[str], seating: Indices | None = None
) -> Indices:
    """The casts as seated in their matches [match, seat], from keys and repetitions of the matches [match]."""
    places = _places(keys, repetition, roles, seating)
    return cast if places is None else np.take_along_axis(cast, places, axis=1)


def unseated(
    sitting: Indices, keys: Indices, repetition: Indices, roles: Sequence[str], seating: Indices | None = None
) -> Indices:
    """The casts [match, seat] of matches that are seated so: the inverse of `seated`."""
    places = _places(keys, repetition, roles, seating)
    if places is None:
        return sitting
    cast = np.empty_like(sitting)
    np.put_along_axis(cast, places, sitting, axis=1)
    return cast


def _places(keys: Indices, repetition: Indices, roles: Sequence[str], seating: Indices | None) -> Indices | None:
    """The place in the cast of each seat [match, seat]; None if all seats keep their place."""
    if seating is not None:
        return np.tile(seating, (len(keys), 1))
    seats, different = len(roles), list(dict.fromkeys(roles))
    if seats == 2:
        return None
    if len(different) == seats:
        known, which = np.unique(repetition, return_inverse=True)
        return np.stack([order(seats, number) for number in known.tolist()])[which]
    lot = derive(derive(torch.from_numpy(keys), Purpose.SEATS + 2**16)[:, None], torch.arange(seats)).numpy()
    places = np.tile(np.arange(seats), (len(keys), 1))
    for role in different:
        own = np.flatnonzero([each == role for each in roles])
        places[:, own] = own[lot[:, own].argsort(axis=1, kind="stable")]
    return places


@lru_cache(maxsize=4096)
def order(seats: int, repetition: int) -> Indices:
    """The place in the cast of each seat in a repetition [seat]; the identity for the first repetition.

    Repetitions 0 .. (N - 1)! - 1 run through all orders that keep the first seat, in steps that are far apart.
    """
    count = math.factorial(seats - 1)
    step = max(1, count * 618 // 1000)
    while math.gcd(step, count) > 1:
        step += 1
    number, left = repetition * step % count, list(range(1, seats))
    places = [0]
    for size in range(seats - 1, 0, -1):
        which, number = divmod(number, math.factorial(size - 1))
        places.append(left.pop(which))
    return np.array(places, dtype=np.int64)
