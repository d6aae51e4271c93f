"""IPD-Analytic: exact learners in the policy game, 1,024 independent pairs of each two at once.

An agent is a registered name, or JSON with its name and parameters. For each pair of agents, prints the first's
payoff per round as mean over the steps of learning and in the last round, with the standard deviation over pairs.

    python benchmarks/ipd_analytic.py reciprocator_exact naive_exact lola_exact
    python benchmarks/ipd_analytic.py --rounds 1000 '{"name": "reciprocator_exact", "refresh": 1}' naive_exact
"""

from __future__ import annotations

import argparse
import json
import time

import torch

from dilemma.agents import CATALOGUE
from dilemma.agents.agent import Agent
from dilemma.envs.chance import derive
from dilemma.envs.policy_game import PolicyGame
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol


def agent(text: str) -> Agent:
    """An agent by its name, or by JSON with its parameters."""
    given = json.loads(text) if text.startswith("{") else {"name": text}
    made = CATALOGUE.build(given.pop("name"), given)
    assert isinstance(made, Agent)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agents", nargs="+")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--tables", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--discount", type=float, default=0.96)
    parser.add_argument("--payoffs", type=json.loads, default=[-1, -3, 0, -2])
    given = parser.parse_args()
    torch.set_num_threads(1)
    game = PolicyGame.model_validate(
        {"payoffs": given.payoffs, "rounds": given.rounds, "discount": given.discount}
    )
    agents = [agent(text) for text in given.agents]
    pairs = [(i, j) for i in range(len(agents)) for j in range(i, len(agents))]
    for i, j in pairs:
        began, keys = time.process_time(), derive(torch.tensor([len(agents) * i + j]), given.seed)
        whole = play(game, agents, torch.tensor([[i, j]]), keys, Protocol(tables=given.tables))
        took = (time.process_time() - began) / (given.rounds + 1) * 1e3
        last = play(game, agents, torch.tensor([[i, j]]), keys, Protocol(tables=given.tables, window=1))
        print(f"{given.agents[i]} | {given.agents[j]}  ({took:.1f} ms a step)")
        for name, played in (("mean", whole), ("last", last)):
            payoff = (played.payoff / played.weight)[0]
            shown = (f"{mean:7.3f} ({sd:.3f})" for mean, sd in zip(payoff.mean(1), payoff.std(1), strict=True))
            print(f"  {name}  {' | '.join(shown)}")


if __name__ == "__main__":
    main()
