"""Dual Q-networks on a torus of 10 x 10 that choose whom they play with: cooperation while they learn.

The weak prisoner's dilemma at a temptation b, 10 tables, episodes of 10 rounds; one lattice for a seed. A column
is the mean of a tenth of the training. Options are parameters of `dual_dqn`.

    OMP_NUM_THREADS=1 python benchmarks/spatial_learning.py b=1.2 comparison="'neighbours'"
"""

from __future__ import annotations

import ast
import sys
import time

import torch

from dilemma.agents.experience import memory_length
from dilemma.agents.learners.deep_q.dual_dqn import DualDQN
from dilemma.envs.chance import derive
from dilemma.envs.graphs import Lattice
from dilemma.envs.spatial_dilemma import SpatialDilemma
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

SIDE, TABLES, ROUNDS, PARTS = 10, 10, 10, 10


def main(b: float = 1.2, seed: int = 0, **parameters: object) -> None:
    agent = DualDQN.model_validate(parameters)
    game = SpatialDilemma(
        graph=Lattice(rows=SIDE, columns=SIDE),
        payoffs=(1, 0, b, 0),
        selection=agent.pattern != "strategy",
        memory=memory_length(agent.alpha),
        rounds=ROUNDS,
    )
    episodes, began = agent.training // ROUNDS, time.process_time()
    cast, keys = torch.zeros(1, game.seats, dtype=torch.int64), derive(torch.arange(1), seed)
    curves = play(game, [agent], cast, keys, Protocol(tables=TABLES, episodes=episodes)).curves
    print(f"b = {b}, {parameters}: {time.process_time() - began:.0f} CPU seconds")
    for name in ("cooperation", "payoff", "cc_links", "cc_played", "links_of_cooperators", "links_of_defectors"):
        if name in curves:
            parts = curves[name].mean((1, 2)).tensor_split(PARTS)
            print(f"{name:22}", " ".join(f"{float(part.mean()):.3f}" for part in parts))


if __name__ == "__main__":
    torch.set_num_threads(1)
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    main(**{name: ast.literal_eval(value) for name, value in given.items()})
