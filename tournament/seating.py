"""Who sits where in games of three or more whose seats differ: everybody takes every seat equally often.

A cast is played in each of its rotations, so that every repetition is balanced by itself. What rotations leave
out, who sits beside whom, changes from repetition to repetition: N seats have (N - 1)! orders that no rotation
turns into each other, and so many repetitions hold every order of the cast equally often.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def rotations(cast: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The different rotations of a cast by seat, itself first."""
    return list(dict.fromkeys(cast[ahead:] + cast[:ahead] for ahead in range(len(cast))))


@lru_cache(maxsize=4096)
def order(seats: int, repetition: int) -> NDArray[np.int64]:
    """Which place of the cast each seat has in a repetition [seat]; the first repetition leaves all in place.

    Repetitions 0 .. (N - 1)! - 1 run through all orders that keep the first seat, in steps that lie far apart.
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
