"""Imitation on a torus of 30 x 30: cooperation over the temptation b, for rules with and without memory.

The weak prisoner's dilemma with four neighbours, half of the sites cooperators at first, Fermi's rule with
K = 0.1. The mean of the last quarter of 4,000 generations (150 where sites change one at
a time), over 5 repetitions with the standard error over them; beside it the
figure of an independent implementation.

    OMP_NUM_THREADS=1 python benchmarks/spatial_imitation.py
"""

from __future__ import annotations

import sys
import time

import torch
from torch import Tensor

from dilemma.agents.imitators import Fermi
from dilemma.envs.chance import derive
from dilemma.envs.graphs import Lattice
from dilemma.envs.spatial_dilemma import SpatialDilemma
from dilemma.tournament.arena import play
from dilemma.tournament.recorders import PlayedRound

SIDE, REPETITIONS = 30, 5
PLAIN = Fermi()
KNOWN: dict[str, tuple[Fermi, bool, dict[float, float]]] = {
    "no memory, synchronous": (PLAIN, False, {1.0: 0.558, 1.02: 0, 1.05: 0, 1.1: 0, 1.15: 0}),
    "no memory, asynchronous": (PLAIN, True, {1.0: 0.629, 1.02: 0.397, 1.05: 0.033, 1.1: 0}),
    "alpha 0.3, published": (Fermi(alpha=0.3, memory="published"), False, {1.02: 0.506, 1.05: 0, 1.1: 0}),
    "alpha 0.3, clean": (Fermi(alpha=0.3), False, {1.02: 1.0, 1.05: 0.78, 1.1: 0.506, 1.15: 0.141}),
    "alpha 0.6, published": (
        Fermi(alpha=0.6, memory="published"),
        False,
        {1.02: 1.0, 1.05: 0.842, 1.1: 0.54, 1.15: 0.287, 1.18: 0, 1.2: 0},
    ),
    "alpha 0.6, clean": (
        Fermi(alpha=0.6),
        False,
        {1.02: 1.0, 1.05: 1.0, 1.1: 1.0, 1.15: 0.761, 1.18: 0.651, 1.2: 0.581},
    ),
}


class LastQuarter:
    """Cooperation in the last quarter of the rounds, mean of each match."""

    def __init__(self, rounds: int):
        self._rounds, self._total = rounds, torch.zeros(())

    def record(self, played: PlayedRound) -> None:
        if played.before.round >= self._rounds * 3 // 4 and played.step.cooperation is not None:
            self._total = self._total + played.step.cooperation.double().mean((1, 2))

    @property
    def mean(self) -> Tensor:
        """[match]."""
        return self._total / (self._rounds - self._rounds * 3 // 4)


def cooperation(agent: Fermi, b: float, generations: int, *, asynchronous: bool = False, seed: int = 0) -> Tensor:
    """Cooperation in the last quarter [repetition]."""
    rounds = generations * (SIDE**2 if asynchronous else 1)
    game = SpatialDilemma(
        graph=Lattice(rows=SIDE, columns=SIDE),
        payoffs=(1, 0, b, 0),
        update="asynchronous" if asynchronous else "synchronous",
        rounds=rounds,
    )
    watch = LastQuarter(rounds)
    cast = torch.zeros(REPETITIONS, game.seats, dtype=torch.int64)
    play(game, [agent], cast, derive(torch.arange(REPETITIONS), seed), recorders=[watch])
    return watch.mean


def main(only: str) -> None:
    for rule, (agent, asynchronous, known) in KNOWN.items():
        if only not in rule:
            continue
        for b, figure in known.items():
            began = time.process_time()
            found = cooperation(agent, b, 150 if asynchronous else 4000, asynchronous=asynchronous)
            error = found.std().item() / REPETITIONS**0.5
            seconds = time.process_time() - began
            print(
                f"{rule:24} b = {b:4.2f}   {found.mean():.3f} +- {error:.3f}   known {figure:.3f}   "
                f"off by {found.mean() - figure:+.3f}   {seconds:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1] if len(sys.argv) > 1 else "")
