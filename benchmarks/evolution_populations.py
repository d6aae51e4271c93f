"""How long evolution in well-mixed populations takes, beside EGTtools where it is installed: CPU seconds.

OMP_NUM_THREADS=1 python benchmarks/evolution_populations.py
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable

import numpy as np

from dilemma.analysis.evolution import (
    fixation_probabilities,
    fixation_times,
    mutation_distribution,
    simulate_fixation,
    small_mutation_distribution,
)

DILEMMA = [[3.0, 0.0], [5.0, 1.0]]


def seconds(work: Callable[[], object]) -> float:
    """The least CPU time of three runs, or of one that takes longer than two seconds."""
    taken: list[float] = []
    while len(taken) < 3 and (not taken or taken[0] < 2):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def closed_forms(random: np.random.Generator) -> None:
    table = random.random((100, 100))
    for process in ("moran", "fermi", "local_update"):
        took = seconds(lambda kind=process: fixation_probabilities(table, 100, 1, kind))
        print(f"fixation, 100 types, N = 100, {process:12} {took:8.3f} s (bar 0.1)")
    print(f"fixation times, the same, moran            {seconds(lambda: fixation_times(table, 100, 1)):8.3f} s")
    took = seconds(lambda: small_mutation_distribution(table[:50, :50], 100, 1, "fermi"))
    print(f"small mutation, 50 types, N = 100, fermi   {took:8.3f} s")
    for types, size, bar in ((3, 100, 0.3), (3, 200, 1), (4, 30, 1), (4, 50, 10)):
        game = table[:types, :types]
        took = seconds(lambda: mutation_distribution(game, size, 1, "fermi", mutation=1e-3))  # noqa: B023
        print(f"full chain, {types} types, N = {size:3}               {took:8.3f} s (bar {bar:g})")


def played_out(random: np.random.Generator) -> None:
    for size, selection, runs, bar in ((20, 0.1, 200_000, 500_000), (100, 0.01, 50_000, 100_000)):
        start = [size - 1, 1]
        took = seconds(
            lambda: simulate_fixation(DILEMMA, start, selection, random, populations=runs)  # noqa: B023
        )
        print(f"fixations a second, 2 types, N = {size:3}     {runs / took:12,.0f} (bar {bar:,})")
    game = random.random((20, 20))
    took = seconds(lambda: simulate_fixation(game, [5] * 20, 0.1, random, populations=1000))
    print(f"20 types, N = 100, 1,000 populations       {took:8.3f} s (bar 10)")


def beside_egttools(random: np.random.Generator) -> None:
    from egttools.analytical import PairwiseComparison
    from egttools.games import Matrix2PlayerGameHolder
    from egttools.numerical import PairwiseComparisonNumerical

    for size, selection, runs in ((20, 0.1, 10_000), (100, 0.01, 1_000)):
        game = Matrix2PlayerGameHolder(2, np.array(DILEMMA))
        simulated = PairwiseComparisonNumerical(size, game, 1_000_000)
        took = seconds(lambda: simulated.estimate_fixation_probability(1, 0, runs, 1_000_000, selection))  # noqa: B023
        print(f"fixations a second, 2 types, N = {size:3}     {runs / took:12,.0f} (EGTtools)")
    for types in (10, 30, 50):  # 100 take it more than a minute
        table = random.random((types, types))
        game = Matrix2PlayerGameHolder(types, table)
        theirs = PairwiseComparison(100, game)
        took = seconds(lambda: theirs.calculate_transition_and_fixation_matrix_sml(1.0))  # noqa: B023
        ours = seconds(lambda: fixation_probabilities(table, 100, 1, "fermi"))  # noqa: B023
        print(f"fixation, {types:2} types, N = 100: ours {ours:.4f} s, EGTtools {took:.3f} s")


if __name__ == "__main__":
    closed_forms(np.random.default_rng(0))
    played_out(np.random.default_rng(1))
    if importlib.util.find_spec("egttools"):
        beside_egttools(np.random.default_rng(2))
