"""Moran played out, 20 strategies that are no automata: a birth here and in the Axelrod library, CPU seconds.

20 individuals, one of each strategy; all meet before each birth, for 200 rounds with noise .05; here in 100
populations side by side.

OMP_NUM_THREADS=1 python benchmarks/evolution_played.py
"""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from pathlib import Path

# The library is meant below, not its namesake beside this file.
sys.path = [path for path in sys.path if Path(path).resolve() != Path(__file__).resolve().parent]

from dilemma.agents import CATALOGUE  # noqa: E402
from dilemma.envs.matrix_game import PrisonersDilemma  # noqa: E402
from dilemma.play import Tournament  # noqa: E402

GAME = PrisonersDilemma(rounds=200, noise=0.05)
CAST = {
    "adaptive": "Adaptive",
    "adaptive_tit_for_tat": "AdaptiveTitForTat",
    "average_copier": "AverageCopier",
    "black": "SecondByBlack",
    "borufsen": "SecondByBorufsen",
    "calculator": "Calculator",
    "cave": "SecondByCave",
    "champion": "SecondByChampion",
    "eatherley": "SecondByEatherley",
    "forgiver": "Forgiver",
    "gladstein": "SecondByGladstein",
    "gradual": "Gradual",
    "hard_majority": "HardGoByMajority",
    "limited_retaliate": "LimitedRetaliate",
    "nice_average_copier": "NiceAverageCopier",
    "omega_tit_for_tat": "OmegaTFT",
    "retaliate": "Retaliate",
    "soft_majority": "GoByMajority",
    "tranquilizer": "SecondByTranquilizer",
    "worse_and_worse": "WorseAndWorse",
}


def ours(replicates: int, generations: int) -> float:
    """CPU seconds a birth."""
    agents = {name: CATALOGUE.build(name, {}) for name in CAST}
    schedule = {
        "kind": "moran",
        "size": len(CAST),
        "replicates": replicates,
        "generations": generations,
        "fitness": "linear",
        "at_most": 1_000_000,
    }
    tournament = Tournament([GAME], agents, schedule=schedule)
    assert not tournament.plan.exact(0, tournament.plan.order[:, None]).any(), "some are automata"
    began = time.process_time()
    table = tournament.run().generations
    took = time.process_time() - began
    assert table is not None
    last = table.groupby("replicate", observed=True)["step"].max()
    return took / float(last.sum())


def theirs(births: int) -> float:
    """CPU seconds a birth."""
    import axelrod

    players = [getattr(axelrod, name)() for name in CAST.values()]
    process = axelrod.MoranProcess(players, turns=GAME.rounds, noise=GAME.noise, seed=1)
    began = time.process_time()
    for _ in range(births):
        next(process)
    return (time.process_time() - began) / births


if __name__ == "__main__":
    ours(1, 1)  # warm
    own = ours(100, 1)
    print(f"births a second, 20 strategies, 200 rounds        {1 / own:10.1f}")
    if find_spec("axelrod"):
        other = theirs(3)
        print(f"the same by the Axelrod library                   {1 / other:10.3f}")
        print(f"times as fast (bar 200)                           {other / own:10.0f}")
