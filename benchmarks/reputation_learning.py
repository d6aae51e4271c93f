"""What 300 encounters of five staged learners cost, eight populations side by side, for each punishment variant.

CPU seconds per population, from a few encounters, at one table, as the authors train, and at four, as the config
`punishment` does; and how many times as fast that is as the authors' code, which took 102 to 237 seconds of wall
time for 300 encounters on one thread (1,300 under other load).

    OMP_NUM_THREADS=1 python benchmarks/reputation_learning.py published=True
"""

from __future__ import annotations

import ast
import sys
import time

import torch

from dilemma.agents.learners.staged.staged_dqn import StagedDQN
from dilemma.envs.chance import derive
from dilemma.envs.reputation.reputation_dilemma import ReputationDilemma
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

POPULATIONS, ENCOUNTERS, WHOLE = 8, 4, 300
AUTHORS = {"dp": 142, "dp_s": 237, "tpp": 102, "tpp_s": 175, "tpp_dp_s": 222}
"""Seconds of the authors' code, the faster of two seeds."""


def main(**parameters: object) -> None:
    agent = StagedDQN.model_validate(parameters)
    for variant, theirs in AUTHORS.items():
        game = ReputationDilemma.model_validate({"variant": variant, "encounters": ENCOUNTERS})
        cast, keys = torch.zeros(POPULATIONS, game.seats, dtype=torch.int64), derive(torch.arange(POPULATIONS), 0)
        for tables in (1, 4):
            began = time.process_time()
            play(game, [agent], cast, keys, Protocol(tables=tables, episodes=1))
            taken = (time.process_time() - began) / POPULATIONS / ENCOUNTERS / tables * WHOLE
            faster = f"{theirs / taken:4.0f} times as fast"
            print(f"{variant:9} {tables} tables: {taken:5.2f} CPU s, {faster}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    main(**{name: ast.literal_eval(value) for name, value in given.items()})
