"""How often intervals, rank sets and tests are right, in simulated leagues whose truth is known.

    payoff_ijr = agent_i + partner_j + pair_ij + chance_r + run_ir + noise_ijr,

normal, with the variances of twenty Axelrod strategies (partner 0.431, pair 0.822, noise 0.212). "Dependent":
repetitions share chance, for all agents (sd 0.3) and for each (run, sd 0.3), and both sides of a pair and of a
match correlate. "Skewed": partners and pairs are exponential. Prints Markdown; about 10 minutes on one core.

    OMP_NUM_THREADS=1 python benchmarks/coverage.py --replicates 1000
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dilemma.analysis.bootstrap import drawn_payoffs, intervals
from dilemma.analysis.cells import Cells, environments
from dilemma.analysis.comparisons import sign_flip
from dilemma.analysis.influence import influence
from dilemma.analysis.payoffs import cell_table
from dilemma.analysis.rank_sets import Correction, contrasts, rank_sets

DRAWS = 1000
SPREAD = 3.0
CORRECTIONS: tuple[Correction, ...] = ("max_t", "holm")
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class League:
    """What moves payoffs: standard deviations, and the correlation of both sides."""

    name: str
    partner: float = 0.431**0.5
    pair: float = 0.822**0.5
    chance: float = 0.0
    run: float = 0.0
    noise: float = 0.212**0.5
    sides: float = 0.0
    skewed: bool = False

    def play(self, size: int, repetitions: int, random: np.random.Generator) -> tuple[Numbers, Numbers]:
        """Payoffs [agent, partner, repetition], and what equal agents may expect of these partners."""

        def effect(*shape: int) -> Numbers:
            return random.exponential(1, shape) - 1 if self.skewed else random.normal(0, 1, shape)

        def sided(values: Numbers) -> Numbers:
            lower = np.tril_indices(size, -1)
            other = values[lower[1], lower[0]]
            values[lower] = self.sides * other + (1 - self.sides**2) ** 0.5 * values[lower]
            return values

        expected = self.partner * effect(size) + self.pair * sided(effect(size, size))
        shared = self.chance * random.normal(0, 1, repetitions)
        shared = shared + self.run * random.normal(0, 1, (size, 1, repetitions))
        noise = self.noise * sided(random.normal(0, 1, (size, size, repetitions)))
        return expected[:, :, None] + shared + noise, expected.mean(1)


INDEPENDENT = League("independent")
DEPENDENT = League("dependent, sides +0.5", chance=0.3, run=0.3, sides=0.5)
AGAINST = League("dependent, sides -0.5", chance=0.3, run=0.3, sides=-0.5)
NOISY = League("noise alone", partner=0.0, pair=0.0, noise=1.0)
SKEWED = League("skewed", skewed=True)
CASES = [
    *((INDEPENDENT, *size) for size in ((5, 3), (8, 5), (12, 5), (20, 10), (30, 20))),
    *((AGAINST, *size) for size in ((5, 3), (12, 5), (20, 10))),
    *((league, 20, 10) for league in (DEPENDENT, NOISY, SKEWED)),
]


def league_cells(size: int, repetitions: int) -> Cells:
    """A league as a run leaves it, before anybody is paid: rows for both seats; self-play is one match."""
    first, second = (np.repeat(index, repetitions) for index in np.triu_indices(size))
    repetition = np.tile(np.arange(repetitions), len(first) // repetitions)
    agent, opponent = np.concatenate((first, second)), np.concatenate((second, first))
    number = np.tile(np.arange(len(first)), 2)
    labels = [f"A{i}" for i in range(size)]
    seats = pd.DataFrame(
        {
            "match": number,
            "environment": pd.Categorical(["league"] * len(number)),
            "how": pd.Categorical(["played"] * len(number)),
            "repetition": np.tile(repetition, 2),
            "seat": np.repeat([0, 1], len(first)),
            "agent": pd.Categorical.from_codes(agent, labels),
            "opponent": pd.Categorical.from_codes(opponent, labels),
            "k": np.where(agent == opponent, 2, 1),
            "payoff": 0.0,
            "weight": 1.0,
            "margin": 0.0,
        }
    )
    [cells] = environments(seats, {})
    return cells


def judge(league: League, size: int, repetitions: int, replicates: int) -> dict[str, float]:
    """Shares of intervals, and of leagues' rank sets and tests, that hold or err.

    Each league is judged twice: with equal agents, where a test errs if it finds any difference, and with agents
    `SPREAD` apart, which moves payoffs and no influence.
    """
    random = np.random.default_rng([size, repetitions, *league.name.encode()])
    truth = np.linspace(0, SPREAD, size)
    cells = league_cells(size, repetitions)
    agent, opponent = (cells.seats[name].cat.codes.to_numpy() for name in ("agent", "opponent"))
    repetition = cells.seats["repetition"].to_numpy()
    better, worse = (truth[:, None] < truth).sum(1), (truth[:, None] > truth).sum(1)
    first, second = np.triu_indices(size, 1)
    held: Counter[str] = Counter()
    for _ in range(replicates):
        payoffs, field = league.play(size, repetitions, random)
        cells = replace(cells, seats=cells.seats.assign(payoff=payoffs[agent, opponent, repetition]))
        equal = influence(cells, cell_table(cells))
        for name, sampled in (("sampled", True), ("fixed", False)):
            found = intervals(equal, sampled=sampled)
            held[name] += np.mean((found.low <= 0) & (found.high >= 0))
            held[f"{name}, this field"] += np.mean((found.low <= field) & (field <= found.high))
        ends = np.quantile(drawn_payoffs(equal, DRAWS, random).sampled, (0.025, 0.975), axis=1)
        held["percentile"] += np.mean((ends[0] <= 0) & (ends[1] >= 0))
        apart = replace(equal, payoff=equal.payoff + truth)
        none, some = contrasts(equal), contrasts(apart)
        for correction in CORRECTIONS:
            held[f"errs {correction}"] += (rank_sets(equal, none, DRAWS, random, correction).p <= 0.05).any()
            sets = rank_sets(apart, some, DRAWS, random, correction)
            held[f"ranks {correction}"] += (sets.low <= 1 + better).all() and (sets.high >= size - worse).all()
            held[f"places {correction}"] += np.mean(sets.high - sets.low + 1)
        mean = payoffs.mean(2)
        [flipped] = sign_flip(mean[first[:1]] - mean[second[:1]], DRAWS, random)
        held["flips"] += flipped <= 0.05
        held["both"] += max(flipped, none.p[0, 1]) <= 0.05
    return {name: float(value) / replicates for name, value in held.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replicates", type=int, default=1000)
    replicates = parser.parse_args().replicates
    heads = (
        "league",
        "partners",
        "repetitions",
        "sampled field",
        "by percentiles",
        "fixed field",
        "fixed field, sampled truth",
    )
    heads += ("rank sets, max-T (places)", "rank sets, Holm (places)")
    heads += ("errs: max-T", "Holm", "one pair, flips", "flips and Student")
    print("| " + " | ".join(heads) + " |")
    print("|---|" + "---:|" * (len(heads) - 1))
    for league, size, repetitions in CASES:
        held = {name: f"{100 * share:.1f}" for name, share in judge(league, size, repetitions, replicates).items()}
        row = [league.name, str(size), str(repetitions)]
        row += [held[name] for name in ("sampled", "percentile", "fixed, this field", "fixed")]
        row += [f"{held[f'ranks {name}']} ({float(held[f'places {name}']) / 100:.1f})" for name in CORRECTIONS]
        row += [held[name] for name in ("errs max_t", "errs holm", "flips", "both")]
        print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
