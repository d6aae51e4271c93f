"""What 300 encounters of five staged learners cost, eight populations side by side, for each punishment variant.

CPU seconds per population, from a few encounters. The authors' code was measured at 100 to 1,300 seconds of wall
time for the same on one thread, the longest under other load.

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


def main(**parameters: object) -> None:
    agent = StagedDQN.model_validate(parameters)
    for variant in ("dp", "dp_s", "tpp", "tpp_s", "tpp_dp_s"):
        game = ReputationDilemma.model_validate({"variant": variant, "encounters": ENCOUNTERS})
        cast, keys = torch.zeros(POPULATIONS, game.seats, dtype=torch.int64), derive(torch.arange(POPULATIONS), 0)
        began = time.process_time()
        play(game, [agent], cast, keys, Protocol(tables=1, episodes=1))
        seconds = (time.process_time() - began) / POPULATIONS / ENCOUNTERS * WHOLE
        print(f"{variant:9} {seconds:5.1f} CPU seconds for {WHOLE} encounters of a population", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    main(**{name: ast.literal_eval(value) for name, value in given.items()})
