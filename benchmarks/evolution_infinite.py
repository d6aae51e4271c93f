"""How fast infinite populations are judged: CPU seconds on one thread, at the best of three; Nashpy beside it.

OMP_NUM_THREADS=1 python benchmarks/evolution_infinite.py [FIGURE ...]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec

import numpy as np

from dilemma.analysis.evolution import (
    basins,
    best_response_dynamics,
    ecological,
    replicator,
    rest_points,
    stability,
)

REPEATED = np.array([[30.0, 0, 30], [50, 10, 14], [30, 9, 30]])  # ALLC, ALLD, TFT: ten rounds of 5, 3, 1, 0
ZERO_SUM = np.array([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]])
TIMES = np.linspace(0, 100, 1001)
START = np.array([0.5, 0.3, 0.2])


def replicator_orbit() -> object:
    """Replicator, rock, paper and scissors to time 100 at 1,001 times."""
    return replicator(ZERO_SUM, START, TIMES)


def nashpy_orbit() -> object:
    """The same by Nashpy, at its tolerance."""
    return import_module("nashpy").Game(ZERO_SUM).replicator_dynamics(START, TIMES)


def thousand_orbits() -> object:
    """The same from 1,000 starts."""
    return replicator(ZERO_SUM, np.random.default_rng(1).dirichlet(np.ones(3), 1000), TIMES[::100])


def ecology() -> object:
    """Ecological dynamics of 100 types over 20,000 generations."""
    return ecological(np.random.default_rng(1).random((100, 100)), np.full(100, 0.01), 20_000)


def switches() -> object:
    """Best-response dynamics, rock, paper and scissors, down to its resolution."""
    return best_response_dynamics(ZERO_SUM, START, [1.0, 50.0])


def rests_of_12() -> object:
    """All rest points of 12 types, with eigenvalues and verdicts."""
    return rest_points(np.random.default_rng(1).normal(size=(12, 12)))


def stability_of_200() -> object:
    """Evolutionary stability of 200 types."""
    return stability(np.random.default_rng(1).normal(size=(200, 200)))


def basin() -> object:
    """Basins of ALLC, ALLD and TFT from 10,000 starts."""
    return basins(REPEATED, np.random.default_rng(1))


FIGURES: Mapping[str, Callable[[], object]] = {
    judge.__name__: judge
    for judge in (
        *(replicator_orbit, nashpy_orbit, thousand_orbits, ecology),
        *(switches, rests_of_12, stability_of_200, basin),
    )
}


def seconds(judge: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        judge()
        best = min(best, time.process_time() - began)
    return best


def main() -> None:
    for name in sys.argv[1:] or FIGURES:
        if name.startswith("nashpy") and not find_spec("nashpy"):
            continue
        print(f"{str(FIGURES[name].__doc__).rstrip('.')}: {seconds(FIGURES[name]):.4g} s", flush=True)


if __name__ == "__main__":
    main()
