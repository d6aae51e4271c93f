"""Reciprocators with themselves in repeated games of several kinds and scales of payoffs, 32 rounds.

An agent is a registered name, or JSON with its name and parameters; every seat has it. Prints, for each game and
agent, P(C) (to cooperate, to contribute) and the payoff per round over the last 50 episodes: the mean over
repetitions and seats; then the standard deviation over repetitions, and the lowest and the highest seat.

    python benchmarks/reciprocal_weight.py ppo reciprocator '{"name": "reciprocator", "weight": 2}'
    python benchmarks/reciprocal_weight.py reciprocator --games ipd chicken
"""

from __future__ import annotations

import argparse
import json
import time

import torch

from dilemma.agents import CATALOGUE
from dilemma.agents.agent import Agent
from dilemma.envs.chance import derive
from dilemma.envs.environment import Environment
from dilemma.envs.matrix_game import BattleOfTheSexes, Chicken, MatrixGame, StagHunt
from dilemma.envs.n_player_ipd import NPlayerIPD
from dilemma.envs.public_goods import PublicGoods
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

ROUNDS = 32


def ipd(scale: float) -> MatrixGame:
    """The prisoner's dilemma of -1, -3, 0, -2, each times `scale`."""
    return MatrixGame(payoffs=(-scale, -3 * scale, 0, -2 * scale), rounds=ROUNDS)


GAMES: dict[str, Environment] = {
    "ipd": ipd(1),
    "ipd times 10": ipd(10),
    "ipd times .1": ipd(0.1),
    "ipd 3, 0, 5, 1": MatrixGame(payoffs=(3, 0, 5, 1), rounds=ROUNDS),
    "stag hunt": StagHunt(rounds=ROUNDS),
    "chicken": Chicken(rounds=ROUNDS),
    "snowdrift": MatrixGame(payoffs=(2, 1, 3, 0), rounds=ROUNDS),
    "battle of the sexes": BattleOfTheSexes(rounds=ROUNDS),
    "public goods, endowment 1": PublicGoods(endowment=1, rounds=ROUNDS),
    "public goods, endowment 2": PublicGoods(endowment=2, rounds=ROUNDS),
    "public goods, endowment 10": PublicGoods(endowment=10, rounds=ROUNDS),
    "three-player ipd": NPlayerIPD(rounds=ROUNDS),
}


def agent(text: str) -> Agent:
    """An agent by its name, or by JSON with its parameters."""
    given = json.loads(text) if text.startswith("{") else {"name": text}
    return CATALOGUE.model(given.pop("name")).model_validate(given)


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agents", nargs="+")
    parser.add_argument("--games", nargs="+", choices=GAMES, default=list(GAMES))
    parser.add_argument("--tables", type=int, default=64)
    parser.add_argument("--episodes", type=int, default=300)
    parser.add_argument("--repetitions", type=int, default=8)
    parser.add_argument("--window", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    keys = derive(torch.arange(asked.repetitions), asked.seed)
    for name in asked.games:
        game = GAMES[name]
        for text in asked.agents:
            started = time.process_time()
            cast = torch.zeros(asked.repetitions, game.seats, dtype=torch.int64)
            played = play(game, [agent(text)], cast, keys, Protocol(asked.tables, asked.episodes, asked.window))
            c, payoff = ((total / played.weight).mean(2) for total in (played.cooperation, played.payoff))
            shown = [
                f"{values.mean():6.3f} ({values.mean(1).std():.3f}; {values.min():.2f} to {values.max():.2f})"
                for values in (c, payoff)
            ]
            print(
                f"{name:26} {text}  P(C) {shown[0]}  payoff {shown[1]}  {time.process_time() - started:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
