"""How well shares of strategies are recovered from simulated subjects, whose truth is known.

Subjects draw one of five strategies, and play three matches of 20 rounds with others drawn by lot; each action is
the opposite of the strategy's with the probability of the tremble. Prints Markdown.

    OMP_NUM_THREADS=1 python benchmarks/strategy_frequencies.py --replicates 200 --draws 400
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from dilemma.agents import CATALOGUE
from dilemma.agents.automaton import Automaton, AutomatonAgent
from dilemma.analysis.arrays import Indices, Numbers
from dilemma.analysis.behaviour.strategy_frequencies import Histories, bootstrap, estimate, evidence

STRATEGIES = ("all_c", "all_d", "tit_for_tat", "grudger", "win_stay_lose_shift")
SHARES = (0.1, 0.3, 0.3, 0.2, 0.1)


def automata(names: Sequence[str] = STRATEGIES) -> list[Automaton]:
    """The automata of these names."""
    agents = [CATALOGUE.build(name, {}) for name in names]
    return [agent.automaton() for agent in agents if isinstance(agent, AutomatonAgent)]


def simulate(
    strategies: Sequence[Automaton],
    plays: Indices,
    random: np.random.Generator,
    *,
    matches: int = 3,
    rounds: int = 20,
    tremble: float = 0.1,
) -> Histories:
    """What subjects do who play these strategies [subject], an even number, paired anew for each match."""
    subjects, parts = len(plays), []
    for _ in range(matches):
        order = random.permutation(subjects)
        partner = np.empty_like(order)
        partner[order[::2]], partner[order[1::2]] = order[1::2], order[::2]
        actions, state = np.zeros((subjects, rounds), dtype=np.int8), np.zeros(subjects, dtype=np.int64)
        for round in range(rounds):
            cooperation = np.array([strategies[k].cooperation[s] for k, s in zip(plays, state, strict=True)])
            wanted = random.random(subjects) >= cooperation
            actions[:, round] = wanted ^ (random.random(subjects) < tremble)
            own, other = actions[:, round], actions[partner, round]
            state = np.array(
                [strategies[k].transitions[s, i, j] for k, s, i, j in zip(plays, state, own, other, strict=True)]
            )
        parts.append((actions, actions[partner]))
    own, other = (np.concatenate(both) for both in zip(*parts, strict=True))
    return Histories(np.tile(np.arange(subjects), matches), own, other, np.full(len(own), rounds))


def population(subjects: int, random: np.random.Generator) -> tuple[Indices, Numbers]:
    """Which strategy each subject plays, drawn by SHARES, and how frequent each then is."""
    plays = random.choice(len(SHARES), subjects, p=SHARES)
    return plays, np.bincount(plays, minlength=len(SHARES)) / subjects


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--subjects", type=int, default=200)
    given = parser.parse_args()
    strategies = automata()
    off, tremble_off, inside, tremble_inside = [], [], [], []
    for seed in range(given.replicates):
        plays, realised = population(given.subjects, np.random.default_rng([seed, 1]))
        data = evidence(simulate(strategies, plays, np.random.default_rng([seed, 2])), strategies)
        found = estimate(data)
        off.append(np.abs(found.shares - realised))
        tremble_off.append(abs(found.tremble - 0.1))
        drawn = bootstrap(data, found, given.draws, seed)
        low, high = np.quantile(drawn.shares, (0.025, 0.975), axis=0)
        inside.append((low <= np.array(SHARES)) & (high >= np.array(SHARES)))
        low, high = np.quantile(drawn.tremble, (0.025, 0.975))
        tremble_inside.append(low <= 0.1 <= high)
    errors, worst = np.array(off), np.max(off, axis=1)
    print(f"{given.replicates} populations of {given.subjects} subjects, 3 x 20 rounds, tremble 0.1\n")
    print("| strategy | share | mean error | largest error | interval has the share |\n|---|---|---|---|---|")
    for k, name in enumerate(STRATEGIES):
        held = np.array(inside)[:, k].mean()
        print(f"| `{name}` | {SHARES[k]} | {errors[:, k].mean():.4f} | {errors[:, k].max():.4f} | {held:.1%} |")
    print(f"\nAll five shares within .02 of the realised frequencies: {(worst <= 0.02).mean():.1%}")
    print(f"Tremble: largest error {max(tremble_off):.4f}, in the interval {np.mean(tremble_inside):.1%}")


if __name__ == "__main__":
    main()
