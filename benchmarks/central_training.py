"""Central critics and shared parameters: what do learners that are trained together come to?

PPO and MAPPO, whose critic sees what all see, with parameters of each seat or of all in a match; each with itself,
for its own reward or for that of the group: in Monster-Hunt, where two must come together, and in Cleanup, where
somebody has to clean. Prints the mean payoff per round over the last fifth of the episodes, its standard deviation
over matches, every match, and seconds.

    OMP_NUM_THREADS=1 python benchmarks/central_training.py monster_hunt
    OMP_NUM_THREADS=1 python benchmarks/central_training.py cleanup
"""

from __future__ import annotations

import argparse
from time import perf_counter

import torch

from dilemma.agents.learners.policy_gradient.mappo import MAPPO
from dilemma.agents.learners.policy_gradient.ppo import PPO
from dilemma.agents.learners.preferences.preference import Selfish
from dilemma.agents.learners.preferences.prosociality import Prosociality
from dilemma.envs.chance import derive
from dilemma.envs.cleanup import Cleanup
from dilemma.envs.environment import Environment
from dilemma.envs.monster_hunt import MonsterHunt
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

LAYOUT = """\
#########
#W~WW~W~#
#~W~WW~W#
#.S...S.#
#.......#
#A.AA.A.#
#.AA.A.A#
#########"""
GAMES: dict[str, Environment] = {
    "monster_hunt": MonsterHunt(rounds=50),
    "cleanup": Cleanup(players=2, rounds=100, delay=0, layout=LAYOUT),
}
LEARNING = {
    "policy": "mlp",
    "hidden": (32,),
    "learning_rate": 0.003,
    "discount": 0.99,
    "gae": 0.95,
    "normalise": "advantages",
    "epochs": 4,
    "clip": 0.2,
}


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("game", choices=GAMES)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--tables", type=int, default=16)
    parser.add_argument("--matches", type=int, default=4)
    given = parser.parse_args()
    game = GAMES[given.game]
    protocol = Protocol(tables=given.tables, episodes=given.episodes, window=max(1, given.episodes // 5))
    cast = torch.zeros(given.matches, game.seats, dtype=torch.int64)
    keys = derive(torch.arange(given.matches), 1)
    for preference in (Prosociality(), Selfish()):
        for kind in (PPO, MAPPO):
            for shared in (False, True):
                agent = kind(**LEARNING, preference=preference, share_parameters=shared)
                start = perf_counter()
                played = play(game, [agent], cast, keys, protocol)
                by_match = (played.payoff / played.weight).mean((1, 2))
                print(
                    f"{preference.kind:12} {kind.__name__:6}{'shared' if shared else 'apart':7}"
                    f"{by_match.mean():7.3f} ({by_match.std():.3f})  of "
                    f"{' '.join(f'{payoff:.3f}' for payoff in by_match.tolist())}; {perf_counter() - start:.0f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
