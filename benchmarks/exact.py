"""How long exact results of automata take: CPU seconds on one thread, and the peak of memory.

OMP_NUM_THREADS=1 python benchmarks/exact.py
"""

from __future__ import annotations

import resource
import time

import numpy as np
from numpy.typing import NDArray

from dilemma.agents.automaton import Automaton
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.tournament.exact.exact_payoffs import exact_results


def memory_one(random: np.random.Generator) -> Automaton:
    """A start, and a state after each of CC, CD, DC, DD."""
    return Automaton(random.random(5), np.tile(np.arange(1, 5).reshape(2, 2), (5, 1, 1)))


def anything(random: np.random.Generator) -> Automaton:
    """2 to 16 states with random transitions."""
    states = int(random.integers(2, 17))
    return Automaton(random.random(states), random.integers(0, states, (states, 2, 2)))


def every_pair(count: int) -> NDArray[np.integer]:
    """All pairs of `count`, with self-play [pair, seat]."""
    return np.stack(np.triu_indices(count), 1)


def main() -> None:
    game = PrisonersDilemma(rounds=200, noise=0.01)
    for name, make, count in (("memory-one", memory_one, 224), ("random, 2 to 16 states", anything, 100)):
        random = np.random.default_rng(0)
        automata = [make(random) for _ in range(count)]
        cast = every_pair(count)
        began = time.process_time()
        exact_results(game, automata, cast)
        seconds = time.process_time() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        what = f"{len(cast):,} pairs of {count} automata ({name}), 200 rounds"
        print(f"{what}: {seconds:.2f} CPU s, peak {peak:.2f} GiB")


if __name__ == "__main__":
    main()
