"""How fast learners play and learn: CPU seconds on one thread, updates included.

The iterated prisoner's dilemma (-1, -3, 0, -2), 32 rounds, 256 tables, PPO against itself: 20 repetitions at once,
and one alone. Environment rounds are matches x tables x rounds.

And the policy game: a step of learning of two exact learners at 1,024 tables, the game's own work included.

    OMP_NUM_THREADS=1 python benchmarks/learners.py

With `training`, the speed of every twenty of 200 episodes of five matches of PPO with a GRU, whose tables come to
have the same past. With `memory`, the peak of an episode of seven PPO learners in Harvest, 100 rounds, 128 tables.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/learners.py training
"""

from __future__ import annotations

import resource
import sys
import time

import torch

from dilemma.agents import CATALOGUE
from dilemma.agents.agent import Agent
from dilemma.agents.learners.policy_gradient.ppo import PPO, PPOPlayer
from dilemma.envs.chance import derive
from dilemma.envs.harvest import Harvest
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.envs.policy_game import PolicyGame
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

ROUNDS, TABLES = 32, 256
STEPS, PAIRS = 100, 1024
EXACT = ("naive", "lola", "sos", "lookahead", "cgd", "consensus", "reciprocator")
EPISODES: dict[str, int] = {"tabular": 50, "mlp": 20, "gru": 3}


def seconds(form: str, matches: int, episodes: int) -> float:
    """CPU seconds that an episode of `matches` takes."""
    game = PrisonersDilemma(payoffs=(-1, -3, 0, -2), rounds=ROUNDS)
    cast, keys = torch.zeros(matches, 2, dtype=torch.int64), derive(torch.arange(matches), 0)
    began = time.process_time()
    play(game, [PPO(policy=form)], cast, keys, Protocol(tables=TABLES, episodes=episodes))
    return (time.process_time() - began) / episodes


def milliseconds(name: str) -> float:
    """CPU milliseconds that a step of learning of `PAIRS` pairs takes, at its best of five."""
    agent = CATALOGUE.build(name, {})
    assert isinstance(agent, Agent)
    game, cast, keys = PolicyGame(rounds=STEPS), torch.zeros(1, 2, dtype=torch.int64), derive(torch.arange(1), 0)
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        play(game, [agent], cast, keys, Protocol(tables=PAIRS))
        best = min(best, time.process_time() - began)
    return best / (STEPS + 1) * 1e3


def training() -> None:
    """Print the speed of every twenty episodes as they come; what is compiled is compiled before."""
    matches, twenty, learn = 5, 20, PPOPlayer.learn
    seconds("gru", matches, 1)
    times = [time.process_time()]

    def timed(player: PPOPlayer) -> None:
        learn(player)
        times.append(time.process_time())
        if len(times) % twenty == 1:
            speed = twenty * matches * TABLES * ROUNDS / (times[-1] - times[-1 - twenty]) / 1e6
            last = len(times) - 1
            print(f"PPO, gru, episodes {last - twenty + 1} to {last}: {speed:.3f} million rounds a second")

    PPOPlayer.learn = timed  # type: ignore[method-assign]
    seconds("gru", matches, 200)


def memory() -> None:
    """Print the peak of memory before and after an episode of learners with features."""
    game, cast, keys = Harvest(rounds=100), torch.zeros(1, 7, dtype=torch.int64), derive(torch.arange(1), 0)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    play(game, [PPO(policy="mlp")], cast, keys, Protocol(tables=128, episodes=1))
    after, spent = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time() - began
    print(f"Harvest: {before / 2**20:.2f} GiB before, {after / 2**20:.2f} at the peak, {spent:.1f} CPU s")


def main() -> None:
    torch.set_num_threads(1)
    if sys.argv[1:]:
        {"training": training, "memory": memory}[sys.argv[1]]()
        return
    for name in EXACT:
        print(f"{name}_exact: {milliseconds(f'{name}_exact'):.1f} ms a step at {PAIRS:,} pairs")
    for form, episodes in EPISODES.items():
        seconds(form, 20, 1)
        many, alone = seconds(form, 20, episodes), seconds(form, 1, episodes)
        speed = 20 * TABLES * ROUNDS / many / 1e6
        print(
            f"PPO, {form}: {speed:.2f} million rounds a second; a match costs {many / 20 * 1e3:.2f} ms an episode "
            f"among 20, {alone * 1e3:.2f} ms alone ({many / 20 / alone:.2f})"
        )


if __name__ == "__main__":
    main()
