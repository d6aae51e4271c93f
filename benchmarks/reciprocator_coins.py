"""Coins: two or more learners meet on a 3x3 torus with a coin for each, 32 rounds an episode.

Repetitions are played side by side. An agent is a registered name, or JSON with its name and parameters;
learners have a recurrent policy unless they say otherwise. Prints, for each third of training and each seat, the
share of own coins, the reward an episode (two that only take their own: 19.5), coins an episode, and what the
learner tells; then the last third of every repetition, and what an episode of one match cost.

    python benchmarks/reciprocator_coins.py reciprocator ppo
    python benchmarks/reciprocator_coins.py '{"name": "reciprocator", "weight": 3.0}' ppo --tables 64
    python benchmarks/reciprocator_coins.py reciprocator reciprocator --cost
"""

from __future__ import annotations

import argparse
import json
import time

import torch
from torch import Tensor

from dilemma.agents import CATALOGUE
from dilemma.agents.agent import Agent
from dilemma.agents.learners.policy_gradient.ppo import ProximalPolicyGradient
from dilemma.envs.chance import derive
from dilemma.envs.coins import Coins
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

ROUNDS = 32
POLICY = {"policy": "gru", "hidden": (16,), "clip": 0.15, "entropy_weight": 0.01}
TOLD = (
    "influence_received",
    "influence_given",
    "balance",
    "reciprocal_reward",
    "reciprocal_deviation",
    "entropy",
)


def agent(text: str) -> Agent:
    """An agent by its name, or by JSON with its parameters."""
    given = json.loads(text) if text.startswith("{") else {"name": text}
    model = CATALOGUE.model(given.pop("name"))
    if issubclass(model, ProximalPolicyGradient):
        given = {**POLICY, **given}
    return model.model_validate(given)


def shown(curves: dict[str, Tensor], seat: int) -> str:
    """Means of a part of the curves [point, match, seat], with the deviation over matches of the first two."""
    run = {name: curve[:, :, seat].mean(0) for name, curve in curves.items()}
    found = [("own", run["own_coins"] / run["pickups"]), ("reward", ROUNDS * run["payoff"])]
    text = [f"{name} {value.mean():.3f} ({value.std(correction=0):.3f})" for name, value in found]
    text += [f"coins {ROUNDS * run['pickups'].mean():.1f}"]
    return "  ".join(text + [f"{name} {run[name].mean():.3f}" for name in TOLD if name in run])


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agents", nargs="+", type=agent)
    parser.add_argument("--tables", type=int, default=256)
    parser.add_argument("--episodes", type=int, default=150)
    parser.add_argument("--repetitions", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cost", action="store_true", help="only measure: one match, 10 episodes")
    asked = parser.parse_args()
    if asked.cost:
        asked.episodes, asked.repetitions = 10, 1
    seats = len(asked.agents)
    game = Coins(variant="coin_per_player", players=seats, rounds=ROUNDS, view="centred")
    agents = [each for number, each in enumerate(asked.agents) if each not in asked.agents[:number]]
    cast = torch.tensor([[agents.index(each) for each in asked.agents]]).expand(asked.repetitions, seats)
    started = time.process_time()
    played = play(
        game,
        agents,
        cast,
        derive(torch.arange(asked.repetitions), asked.seed),
        Protocol(asked.tables, asked.episodes),
    )
    taken = time.process_time() - started
    thirds = {name: curve.tensor_split(3) for name, curve in played.curves.items()}
    for part in range(3):
        for seat in range(seats):
            means = {name: each[part] for name, each in thirds.items()}
            print(f"third {part + 1}, seat {seat}: {shown(means, seat)}")
    last = {name: each[2].mean(0) for name, each in thirds.items()}
    for match in range(asked.repetitions):
        own = (last["own_coins"] / last["pickups"])[match].tolist()
        reward = (ROUNDS * last["payoff"])[match].tolist()
        shares, rewards = (" ".join(f"{each:.3f}" for each in values) for values in (own, reward))
        print(f"match {match}: own {shares}  reward {rewards}")
    print(f"{taken / asked.episodes / asked.repetitions:.3f} CPU seconds an episode of one match")


if __name__ == "__main__":
    main()
