"""How fast structured populations evolve: CPU seconds on one thread, the best of three, compiled beforehand.

OMP_NUM_THREADS=1 python benchmarks/evolution_structured.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import networkx as nx
import numpy as np

from dilemma.analysis.evolution import (
    critical_benefit_cost,
    graph_fixation,
    network_fixation,
    network_game,
    spatial_game,
)


def seconds(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(3):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def lattices(random: np.random.Generator) -> None:
    """Site updates a CPU-second; the weak dilemma, from one defector in ten."""
    print("million site updates a second                  200 x 200   1,000 x 1,000")
    for update, temptation, neighbours, self_interaction in (
        ("best", 1.9, "moore", True),
        ("best", 1.4, "von_neumann", False),
        ("fermi", 1.02, "von_neumann", False),
        ("fermi", 1.02, "moore", False),
        ("fermi_synchronous", 1.02, "von_neumann", False),
    ):
        speeds = []
        for side, steps in ((200, 200), (1000, 10)):
            start = (random.random((side, side)) < 0.1).astype(int)
            how = {"neighbours": neighbours, "self_interaction": self_interaction, "update": update}
            play = partial(spatial_game, [[1, 0], [temptation, 0]], start, random=random, **how)
            play(1)
            speeds.append(side**2 * steps / seconds(partial(play, steps)) / 1e6)
        print(f"  {update:18} {neighbours:12} self {self_interaction!s:5} {speeds[0]:10.1f} {speeds[1]:12.1f}")


def networks(random: np.random.Generator) -> None:
    graph, start = nx.barabasi_albert_graph(1000, 2, seed=1), random.integers(2, size=(4, 1000))
    dilemma, donation = [[1, 0], [1.8, 0]], [[3, -1], [4, 0]]
    work: dict[str, Callable[[], object]] = {
        "Santos-Pacheco, 4 x 1,000 vertices, 1,000 steps": lambda: network_game(
            graph, dilemma, start, 1000, "santos_pacheco", random=random
        ),
        "10,000 fixations, death-birth, star of 20 leaves": lambda: network_fixation(
            nx.star_graph(20), donation, 0.1, "death_birth", 10_000, random=random
        ),
        "10,000 fixations, birth-death, star of 20 leaves": lambda: network_fixation(
            nx.star_graph(20), donation, 0.1, "birth_death", 10_000, random=random
        ),
        "exact fixation, 3-regular, 14 vertices": lambda: graph_fixation(
            nx.random_regular_graph(3, 14, seed=1), 1.5
        ),
        "exact fixation, star of 1,000 leaves": lambda: graph_fixation(nx.star_graph(1000), 1.1),
        "critical benefit, scale-free, 100 vertices": lambda: critical_benefit_cost(
            nx.barabasi_albert_graph(100, 2, seed=1)
        ),
        "critical benefit, scale-free, 1,000 vertices": lambda: critical_benefit_cost(
            nx.barabasi_albert_graph(1000, 2, seed=1)
        ),
    }
    for name, call in work.items():
        call()
        print(f"{name:52} {seconds(call):8.3f} s")


if __name__ == "__main__":
    lattices(np.random.default_rng(0))
    networks(np.random.default_rng(0))
