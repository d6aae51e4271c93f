"""Who earns more in a population of two kinds that go on learning as they meet one another?

A mixture on either seat of the iterated prisoner's dilemma (-1, -3, 0, -2; 32 rounds) has `--members` agents, so
many of the first kind and the rest of the second. Each has its share of the tables, dealt anew in every episode,
so that it meets all members of the other side, and keeps what it has learned. Prints for every composition what
either kind earns per round over the last quarter of the episodes: means over repetitions and members and, in
brackets, the standard deviation over repetitions. A kind spreads where it earns more than the other.

    python benchmarks/learning_populations.py reciprocator ppo
    python benchmarks/learning_populations.py '{"name": "reciprocator", "uniform_share": 0.5}' all_d --noise 0.05
"""

from __future__ import annotations

import argparse
import json

import torch
from torch import Tensor

from dilemma.agents.mixture import Mixture
from dilemma.envs.chance import derive
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

TABLES = 64
"""Tables of a member."""


def payoffs(game: PrisonersDilemma, kinds: list[object], first: int, options: argparse.Namespace) -> list[Tensor]:
    """Of the first kind and of the second, where `first` of the members are of the first [repetition]."""
    counts = (first, options.members - first)
    population = Mixture(of=[kind for kind, count in zip(kinds, counts, strict=True) for _ in range(count)])
    protocol = Protocol(tables=TABLES * options.members, episodes=options.episodes)
    cast = torch.zeros(options.repetitions, 2, dtype=torch.int64)
    keys = derive(torch.arange(options.repetitions), options.seed)
    curves = play(game, [population], cast, keys, protocol).curves
    last = options.episodes * 3 // 4
    by_member = torch.stack([curves[f"payoff_{number + 1}"][last:] for number in range(options.members)])
    return [part.mean((0, 1, 3)) for part in by_member.split(counts)]


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs=2, help="names of agents, or JSON with their parameters")
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--repetitions", type=int, default=4)
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args()
    kinds = [json.loads(kind) if kind.startswith("{") else kind for kind in options.kinds]
    game = PrisonersDilemma(payoffs=(-1, -3, 0, -2), rounds=32, noise=options.noise)
    print(f"of {options.members}  {options.kinds[0]}  {options.kinds[1]}")
    for first in range(1, options.members):
        found = payoffs(game, kinds, first, options)
        print(f"{first:4}  " + "  ".join(f"{each.mean():.2f} ({each.std():.2f})" for each in found), flush=True)


if __name__ == "__main__":
    main()
