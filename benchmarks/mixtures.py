"""Learners trained against a mixture of partners, and what they do with each of these, frozen.

Trains by a config into a run folder under FOLDER, where that isn't done yet; a run that was cut short goes on.
Then every trained player meets each partner alone, and those of the same config one another. Prints payoffs per
round and cooperation, means over training runs and their standard deviation, and what the best response earns,
which knows whom it meets. What is kept of a mixture is its first agent's.

    python benchmarks/mixtures.py runs mixture_train tit_for_tat all_c all_d
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
from dilemma.agents.memory_one import memory_one
from dilemma.agents.mixture import Mixture
from dilemma.agents.random_memory_one import RandomMemoryOne
from dilemma.envs.environment import Environment
from dilemma.envs.matrix_game import two_by_two
from dilemma.tournament.config import load
from dilemma.tournament.exploit.planning.best_response import best_response

MATCHES = 2000


def answers(folder: Path, config: str, partners: list[str], changes: list[str]) -> pd.DataFrame:
    """A row for each learner of a config and each partner: means over training runs, and their deviation."""
    plan = load(config, changes)
    name = plan.name
    Tournament.of(plan).run(folder / name)
    [setting] = plan.settings
    mixed = {entrant.label for entrant in plan.entrants if isinstance(entrant.agent, Mixture)}
    learners = {
        label: Checkpoint(run=str(folder / name), learner=label, part=0 if label in mixed else None)
        for label in plan.learning.keep
    }
    met = {name: CATALOGUE.build(name, {}) for name in partners}
    rows = (
        Tournament(
            [setting.game],
            {**learners, **met},
            repetitions=MATCHES,
            background=partners,
            self_play=True,
            seed=plan.seed + 1,
        )
        .run()
        .rows
    )
    rows = rows[
        rows["agent"].isin(learners) & (rows["opponent"].isin(partners) | (rows["opponent"] == rows["agent"]))
    ]
    by_run = rows.groupby(["opponent", "agent", "run"], observed=True)[["payoff", "cooperation"]].mean()
    table = by_run.groupby(["opponent", "agent"], observed=True).agg(["mean", "std"])
    best = {name: best_earned(setting.game, partner) for name, partner in met.items()}
    table["best response", ""] = [best.get(partner, math.nan) for partner, _ in table.index]
    return table


def best_earned(game: Environment, partner: Agent) -> float:
    """What the best response earns that knows its partner; against random strategies the mean over 200."""
    repeated = two_by_two(game)
    assert repeated
    if not isinstance(partner, RandomMemoryOne):
        automaton = partner.as_automaton(game)
        return best_response(repeated, automaton).payoff if automaton else math.nan
    drawn = np.random.default_rng(0).random((200, 5))
    return float(np.mean([best_response(repeated, memory_one(*row)).payoff for row in drawn]))


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("config", help="a config that keeps learners")
    parser.add_argument("partners", nargs="+", help="names of agents")
    parser.add_argument("--set", action="append", default=[], help="a change of the config, KEY=VALUE")
    asked = parser.parse_args()
    print(answers(asked.folder, asked.config, asked.partners, asked.set).round(3).to_string())


if __name__ == "__main__":
    main()
