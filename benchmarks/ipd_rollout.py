"""IPD-Rollout: learners meet in the iterated prisoner's dilemma, 32 rounds, many tables, ten repetitions at once.

An agent is a registered name, or JSON with its name and parameters. Prints, for each seat, P(C) and payoff per
round over the last 50 episodes: the mean, the standard deviation over repetitions, and every repetition.

    python benchmarks/ipd_rollout.py reciprocator ppo
    python benchmarks/ipd_rollout.py '{"name": "reciprocator", "policy": "mlp", "hidden": [2, 2]}' ppo
"""

from __future__ import annotations

import argparse
import json
import time

import torch

from dilemma.agents import CATALOGUE
from dilemma.agents.agent import Agent
from dilemma.envs.chance import derive
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol


def agent(text: str) -> Agent:
    """An agent by its name, or by JSON with its parameters."""
    given = json.loads(text) if text.startswith("{") else {"name": text}
    return CATALOGUE.model(given.pop("name")).model_validate(given)


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agents", nargs=2, type=agent)
    parser.add_argument("--tables", type=int, default=256)
    parser.add_argument("--episodes", type=int, default=300)
    parser.add_argument("--repetitions", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=32)
    parser.add_argument("--noise", type=float, default=0.0, help="probability with which an action fails")
    parser.add_argument("--window", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    game = PrisonersDilemma(payoffs=(-1, -3, 0, -2), rounds=asked.rounds, noise=asked.noise)
    first, second = asked.agents
    agents = [first] if first == second else [first, second]
    cast = torch.tensor([[0, len(agents) - 1]]).expand(asked.repetitions, 2)
    keys = derive(torch.arange(asked.repetitions), asked.seed)
    started = time.perf_counter()
    protocol = Protocol(asked.tables, asked.episodes, asked.window)
    played = play(game, agents, cast, keys, protocol)
    taken = time.perf_counter() - started
    for name, total in (("P(C)", played.cooperation), ("payoff", played.payoff)):
        mean = (total / played.weight).mean(2)
        for seat in range(2):
            runs = mean[:, seat]
            deviation = runs.std().item() if len(runs) > 1 else 0.0
            each = " ".join(f"{run:.2f}" for run in runs.tolist())
            print(f"seat {seat}  {name:6} {runs.mean():7.3f}  sd {deviation:.3f}   {each}")
    # A seat that has no such measure has NaN from the first point on.
    finite = all((curve.isfinite() == curve[0].isfinite()).all() for curve in played.curves.values())
    print(f"{taken:.0f} s; its measures are {'finite' if finite else 'NOT FINITE'}")


if __name__ == "__main__":
    main()
