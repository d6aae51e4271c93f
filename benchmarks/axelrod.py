"""The same round robin played by this project and by the Axelrod library, one thread and one process each.

40 stochastic memory-one strategies, with self-play, 200 rounds, 10 repetitions, noise 0.01: 8,200 matches.
Only play is timed, on both sides. `--ours` leaves the library out; `--strategies N` changes the cast.

    python benchmarks/axelrod.py
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

# Its namesake, the library, is meant below; and threads are counted before numpy and torch are imported.
sys.path = [path for path in sys.path if Path(path).resolve() != Path(__file__).resolve().parent]

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

ROUNDS, REPETITIONS, NOISE = 200, 10, 0.01


def cast_of(strategies: int) -> list[tuple[float, ...]]:
    """Openings and cooperation probabilities after CC, CD, DC, DD, the same for both sides."""
    chance = random.Random(1)
    return [tuple(round(chance.random(), 3) for _ in range(5)) for _ in range(strategies)]


@dataclass(frozen=True)
class Side:
    """What is timed, and the mean payoff that it gave: both sides play the same tournament."""

    play: Callable[[], None]
    mean: Callable[[], float]


def ours(strategies: int) -> Side:
    from dilemma.agents.memory_one import MemoryOne
    from dilemma.envs.matrix_game import PrisonersDilemma
    from dilemma.play import Tournament
    from dilemma.tournament.chunk import play_chunk
    from dilemma.tournament.work import work

    agents = {f"{p}": MemoryOne(p=p) for p in cast_of(strategies)}
    game = PrisonersDilemma(rounds=ROUNDS, noise=NOISE)
    tournament = Tournament([game], agents, repetitions=REPETITIONS, self_play=True, mode="played")
    plan = tournament.plan
    chunks = list(work(plan, plan.schedule.most(plan)))
    payoffs: list[NDArray[np.float64]] = []

    def play() -> None:
        payoffs[:] = [rows["payoff"].astype(float) for chunk in chunks for rows in play_chunk(chunk).rows]

    return Side(play, lambda: float(np.concatenate(payoffs).mean()))


def theirs(strategies: int) -> Side:
    """Its result set, which takes as long again, is left unbuilt."""
    import axelrod
    import pandas as pd
    from axelrod.strategies.memoryone import MemoryOnePlayer

    class Stochastic(MemoryOnePlayer):
        def __init__(self, opening: float = 1.0, p: tuple[float, ...] = (1, 0, 1, 0)):
            super().__init__(four_vector=p)
            self.opening = opening

        def strategy(self, opponent: axelrod.Player) -> axelrod.Action:
            if not self.history:
                return self._random.random_choice(self.opening)
            return super().strategy(opponent)

    players = [Stochastic(opening, tuple(p)) for opening, *p in cast_of(strategies)]
    tournament = axelrod.Tournament(players, turns=ROUNDS, repetitions=REPETITIONS, noise=NOISE, seed=1)
    file = Path(tempfile.mkdtemp()) / "interactions.csv"

    def play() -> None:
        tournament.play(build_results=False, progress_bar=False, filename=str(file))

    def mean() -> float:
        moves = pd.read_csv(file)["Actions"]  # both players of an interaction stand in rows that follow each other
        first, second = (np.frombuffer("".join(moves[seat::2]).encode(), dtype="S1") == b"C" for seat in range(2))
        payoffs = {(True, True): 3.0, (True, False): 2.5, (False, True): 2.5, (False, False): 1.0}
        return float(sum(payoff * np.mean((first == a) & (second == b)) for (a, b), payoff in payoffs.items()))

    return Side(play, mean)


def measure(name: str, side: Side, rounds: int, repeats: int) -> float:
    """Print and return rounds a CPU-second, the best of some repeats."""
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        side.play()
        spent.append(time.process_time() - start)
    rate = rounds / min(spent)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{name:8} {rounds:>11,} rounds in {min(spent):7.3f} CPU-s (best of {repeats}): {rate:11,.0f} a CPU-s; "
        f"mean payoff {side.mean():.4f}; peak memory {memory:.2f} GiB"
    )
    return rate


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--strategies", type=int, default=40)
    options.add_argument("--ours", action="store_true", help="leave the library out")
    given = options.parse_args()
    rounds = given.strategies * (given.strategies + 1) // 2 * REPETITIONS * ROUNDS
    rate = measure("dilemma", ours(given.strategies), rounds, 5)
    if not given.ours:
        print(f"{rate / measure('Axelrod', theirs(given.strategies), rounds, 1):.0f} times as fast")


if __name__ == "__main__":
    main()
