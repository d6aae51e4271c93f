"""Fictitious co-play: do learners that met many trained partners do well with partners that they never met?

In a coordination game whose actions are all alike, two that learn together agree on any of them, and fail with who
agreed on another. Three ways to train: with itself; in a population of four that all learn; and against a mixture
of frozen partners, beginners and experts of other trainings (Strouse et al. 2021). Then everybody is frozen and
meets each other and held-out partners, trained with themselves from another seed. Prints payoffs per round, of 1
for agreeing: means over matches, each of which draws the trainings, and their standard deviation.

    python benchmarks/co_play.py runs/co_play
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from dilemma import Tournament
from dilemma.agents.checkpoint import Checkpoint
from dilemma.agents.learners.policy_gradient.ppo import PPO
from dilemma.agents.mixture import Mixture
from dilemma.envs.matrix_game import PureCoordination

ACTIONS, ROUNDS, TRAININGS, MATCHES = 3, 16, 16, 400
BEGUN = 8
"""Episodes after which a beginner no longer learns."""
GAME = PureCoordination(payoffs=tuple(map(tuple, np.eye(ACTIONS).tolist())), rounds=ROUNDS)
LEARNER = PPO(learning_rate=0.02, spread=0.0)
LEARNING = {"tables": 32, "episodes": 120, "window": 20, "block": TRAININGS}


def trained(folder: Path, seed: int, label: str, agent: PPO | Mixture, **learning: object) -> Checkpoint:
    """An agent that has learned with itself."""
    learning = {**LEARNING, **learning, "keep": [label]}
    options = {"self_play": True, "repetitions": TRAININGS, "seed": seed, "learning": learning}
    Tournament([GAME], {label: agent}, **options).run(folder / label)
    return Checkpoint(run=str(folder / label), learner=label, part=0 if isinstance(agent, Mixture) else None)


def partners(folder: Path, seed: int) -> list[Checkpoint]:
    """Beginners and experts."""
    beginner = trained(folder, seed, "beginner", LEARNER, freeze_after={"beginner": BEGUN})
    return [beginner, trained(folder, seed, "expert", LEARNER)]


def co_player(folder: Path, seed: int, met: list[Checkpoint]) -> Checkpoint:
    """A learner that has met eight of each of these, drawn for each training."""
    agents = {"co-play": LEARNER, "partners": Mixture(of=tuple(met * 8))}
    learning = {**LEARNING, "tables": 64, "episodes": 400, "keep": ["co-play"]}
    options = {"background": ["co-play"], "repetitions": TRAININGS, "seed": seed, "learning": learning}
    Tournament([GAME], agents, **options).run(folder / "co-play")
    return Checkpoint(run=str(folder / "co-play"), learner="co-play")


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    beginner, expert = partners(folder / "held out", 2)
    agents = {
        "self-play": trained(folder, 3, "self-play", LEARNER),
        "population": trained(folder, 3, "population", Mixture(of=(LEARNER,) * 4)),
        "co-play": co_player(folder, 3, partners(folder / "met", 1)),
        "beginner, held out": beginner,
        "expert, held out": expert,
    }
    held_out = [label for label in agents if label.endswith("held out")]
    options = {"background": held_out, "self_play": True, "repetitions": MATCHES, "seed": 4}
    rows = Tournament([GAME], agents, **options).run(folder / "league").rows
    table = rows.groupby(["agent", "opponent"], observed=True)["payoff"].agg(["mean", "std"])
    print(table.round(3).unstack("opponent").loc[[label for label in agents if label not in held_out]].to_string())


if __name__ == "__main__":
    main()
