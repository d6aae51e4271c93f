"""Learners trained against a mixture of partners, and what they do with each of these, frozen.

Trains by a config into a run folder under FOLDER, where that isn't done yet; a run that was cut short goes on.
Then every trained player meets each partner alone, and those of the same config one another. Prints payoffs per
round and cooperation, means over training runs and their standard deviation, and what the best response earns,
which knows whom it meets; of random strategies also what a planner earns who has to infer them. What is kept of a
mixture is its first agent's.

    python benchmarks/mixtures.py runs mixture_train tit_for_tat all_c all_d
    python benchmarks/mixtures.py runs in_context_pool tit_for_tat all_c all_d --extort 300
    python benchmarks/mixtures.py runs in_context_train random_memory_one tit_for_tat all_c all_d
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from dilemma import Tournament
from dilemma.agents import CATALOGUE
from dilemma.agents.agent import Agent
from dilemma.agents.checkpoint import Checkpoint
from dilemma.agents.learners.policy_gradient.ppo import PPO
from dilemma.agents.mixture import Mixture
from dilemma.agents.random_memory_one import RandomMemoryOne
from dilemma.envs.environment import Environment
from dilemma.envs.matrix_game import RepeatedGame, two_by_two
from dilemma.tournament.config import load
from dilemma.tournament.exploit.planning.best_response import best_response
from dilemma.tournament.plan import Plan

MATCHES = 2000
STRATEGIES = 10_000
"""Random strategies that a planner meets."""


def kept(folder: Path, plan: Plan) -> dict[str, Checkpoint]:
    """The learners that a config trains and keeps, frozen, by label."""
    Tournament.of(plan).run(folder / plan.name)
    mixed = {entrant.label for entrant in plan.entrants if isinstance(entrant.agent, Mixture)}
    return {
        label: Checkpoint(run=str(folder / plan.name), learner=label, part=0 if label in mixed else None)
        for label in plan.learning.keep
    }


def answers(plan: Plan, learners: dict[str, Checkpoint], partners: list[str]) -> pd.DataFrame:
    """A row for each learner and each partner: means over training runs, and their deviation."""
    [setting] = plan.settings
    met = {name: CATALOGUE.build(name, {}) for name in partners}
    agents = {**learners, **met}
    options = {"repetitions": MATCHES, "background": partners, "self_play": True, "seed": plan.seed + 1}
    rows = Tournament([setting.game], agents, **options).run().rows
    itself = rows["opponent"] == rows["agent"]
    rows = rows[rows["agent"].isin(learners) & (rows["opponent"].isin(partners) | itself)]
    by_run = rows.groupby(["opponent", "agent", "run"], observed=True)[["payoff", "cooperation"]].mean()
    table = by_run.groupby(["opponent", "agent"], observed=True).agg(["mean", "std"])
    best = {name: best_earned(setting.game, partner) for name, partner in met.items()}
    table["best response", ""] = [best.get(partner, math.nan) for partner, _ in table.index]
    return table


def extorted(folder: Path, plan: Plan, learners: dict[str, Checkpoint], episodes: int) -> pd.DataFrame:
    """What PPO with a table comes to earn from each learner, frozen, and leaves it, over its last 50 episodes."""
    [setting] = plan.settings
    extortioner = PPO(
        discount=0.98, gae=0.95, normalise="advantages", clip=0.2, entropy_weight=0.003, epochs=4, minibatches=4
    )
    learning = {"tables": 64, "episodes": episodes, "window": 50, "block": 4}
    options = {"repetitions": 4, "background": list(learners), "learning": learning, "seed": plan.seed + 2}
    agents = {"extortioner": extortioner, **learners}
    results = Tournament([setting.game], agents, **options).run(folder / f"{plan.name}_extorted")
    last = results.curves[results.curves["point"] == episodes - 1]
    names = [name for name in last.columns if name.startswith("p_")]
    print(last[last["agent"] == "extortioner"][["opponent", "repetition", *names]].round(2).to_string())
    by_pair = results.rows.groupby(["agent", "opponent"], observed=True)
    return by_pair[["payoff", "cooperation"]].agg(["mean", "std", "min", "max"])


def best_earned(game: Environment, partner: Agent) -> float:
    """What the best response earns that knows its partner; against random strategies the mean over them."""
    repeated = two_by_two(game)
    assert repeated
    if not isinstance(partner, RandomMemoryOne):
        automaton = partner.as_automaton(game)
        return best_response(repeated, automaton).payoff if automaton else math.nan
    return planned(repeated, known=True)


def planned(game: RepeatedGame, known: bool) -> float:
    """What a planner earns a round against random strategies of memory one, which it knows or has to infer.

    Each round it takes the first move of the best plan to the end of the game, with the other's probabilities as
    they are, or at their posterior means: they are uniform, and so is the prior.
    """
    random, rounds = np.random.default_rng(0), int(game.rounds)
    strategy = np.arange(STRATEGIES)
    cooperates = random.random((5, STRATEGIES))  # in the first round, and after each pair of moves: own, other's
    seen = np.ones((2, 5, STRATEGIES))  # the other's cooperations and defections there, and the prior's
    state, earned = np.zeros(STRATEGIES, dtype=int), 0.0
    for round in range(rounds):
        believed = cooperates if known else seen[0] / seen.sum(0)
        value = np.zeros_like(believed)
        for _ in range(rounds - round):
            worth = [
                believed * (game.matrices[0][own, 0] + value[1 + 2 * own])
                + (1 - believed) * (game.matrices[0][own, 1] + value[2 + 2 * own])
                for own in (0, 1)
            ]
            value = np.maximum(*worth)
        own = (worth[1] > worth[0])[state, strategy].astype(int)
        other = (random.random(STRATEGIES) >= cooperates[state, strategy]).astype(int)
        seen[other, state, strategy] += 1
        earned += float(game.matrices[0][own, other].mean())
        state = 1 + 2 * own + other
    return earned / rounds


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("config", help="a config that keeps learners")
    parser.add_argument("partners", nargs="+", help="names of agents")
    parser.add_argument("--set", action="append", default=[], help="a change of the config, KEY=VALUE")
    parser.add_argument("--extort", type=int, help="train PPO against them, frozen, for so many episodes")
    asked = parser.parse_args()
    plan = load(asked.config, asked.set)
    learners = kept(asked.folder, plan)
    print(answers(plan, learners, asked.partners).round(3).to_string())
    [game] = [two_by_two(setting.game) for setting in plan.settings]
    if game and "random_memory_one" in asked.partners:
        print(f"who infers random strategies earns {planned(game, known=False):.3f} with them")
    if asked.extort:
        print(extorted(asked.folder, plan, learners, asked.extort).round(3).to_string())


if __name__ == "__main__":
    main()
