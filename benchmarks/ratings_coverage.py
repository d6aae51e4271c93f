"""How often intervals of ratings hold the rating of the true payoffs, in simulated leagues whose truth is known.

"Effects": payoff = agent + partner + pair, normal, with the variances of twenty Axelrod strategies (partner 0.431,
pair 0.822; agents 0.25). "Automata": exact payoffs of shipped strategies in the prisoner's dilemma with 1 % noise,
of which a league draws its agents. "Equal": nothing but noise. Noise of a match: variance 0.212. Shares of 100
over all agents, in brackets with percentiles of the draws alone. Leagues that a rating refuses, by their true or
their observed payoffs, are left out. Prints Markdown; about 10 minutes on one core with 100 replicates.

    OMP_NUM_THREADS=1 python benchmarks/ratings_coverage.py --replicates 100
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace

import numpy as np
from interval_coverage import Numbers, league_cells

from dilemma import Tournament
from dilemma.analysis.ranking.payoffs import cell_table
from dilemma.analysis.ratings.ratings import RATINGS, Rating, bootstrap_scores, score_interval
from dilemma.analysis.statistics.bootstrap import bootstrap_tables
from dilemma.analysis.statistics.influence_functions import payoff_matrix
from dilemma.envs.matrix_game import PrisonersDilemma

NOISE = 0.212**0.5
DRAWS = 100
SLOW = ("deviation", "nash")
STRATEGIES = (
    *("tit_for_tat", "all_d", "all_c", "random", "win_stay_lose_shift", "grudger", "tit_for_two_tats", "joss"),
    *("prober", "extortion", "zd_generous", "suspicious_tit_for_tat"),
)
CASES = [("effects", 5, 5), ("effects", 10, 10), ("automata", 5, 5), ("automata", 10, 10), ("equal", 5, 5)]


def truth(kind: str, size: int, automata: Numbers, random: np.random.Generator) -> Numbers:
    """Expected payoffs [agent, opponent] of a league."""
    if kind == "equal":
        return np.zeros((size, size))
    if kind == "automata":
        chosen = random.permutation(len(automata))[:size]
        return automata[np.ix_(chosen, chosen)]
    agent, partner = 0.5 * random.normal(size=(size, 1)), 0.431**0.5 * random.normal(size=size)
    return agent + partner + 0.822**0.5 * random.normal(size=(size, size))


def judge(kind: str, size: int, repetitions: int, replicates: int, automata: Numbers) -> dict[str, Counter[str]]:
    """For each rating: how many intervals there were, and how many held, as shipped and by percentiles alone."""
    random = np.random.default_rng([size, repetitions, *kind.encode()])
    cells = league_cells(size, repetitions)
    at = [cells.seats[name].cat.codes.to_numpy() for name in ("agent", "opponent")]
    repetition = cells.seats["repetition"].to_numpy()
    held = {name: Counter[str]() for name in RATINGS}
    for replicate in range(replicates):
        expected = truth(kind, size, automata, random)
        payoffs = expected[:, :, None] + NOISE * random.normal(size=(size, size, repetitions))
        cells = replace(cells, seats=cells.seats.assign(payoff=payoffs[*at, repetition]))
        drawn = bootstrap_tables(cells, DRAWS, replicate)
        matrix = payoff_matrix(cells, cell_table(cells))
        for name, rating in RATINGS.items():
            if name not in SLOW or replicate < replicates / 3:
                count(held[name], rating, expected, matrix, drawn)
    return held


def count(held: Counter[str], rating: Rating, expected: Numbers, matrix: Numbers, drawn: Numbers) -> None:
    """Count one league's intervals of one rating."""
    names = [str(agent) for agent in range(len(matrix))]
    if rating.refuses(expected, names) or rating.refuses(matrix, names):
        held["refused"] += 1
        return
    try:
        [true], [score] = rating.score(expected[None]), rating.score(matrix[None])
    except ArithmeticError:
        held["refused"] += 1
        return
    scores = bootstrap_scores(rating, drawn)
    scores = scores[np.isfinite(scores).all(1)]
    slack = 1e-9 * (1 + np.abs(true))
    held["all"] += len(true)
    for name, (low, high) in (
        ("held", score_interval(rating, score, scores)),
        ("percentile", np.quantile(scores, (0.025, 0.975), axis=0)),
    ):
        held[name] += int(((low - slack <= true) & (true <= high + slack)).sum())


def shown(held: Counter[str]) -> str:
    """Shares of 100, as shipped and by percentiles; and of leagues that were refused."""
    if not held["all"]:
        return "refused"
    holds, percentile = (100 * held[name] / held["all"] for name in ("held", "percentile"))
    return f"{holds:.0f} ({percentile:.0f})" + (f", {held['refused']} refused" if held["refused"] else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=100, help="leagues a row; a third for the slow ratings")
    replicates = parser.parse_args().replicates
    game = PrisonersDilemma(rounds=200, noise=0.01)
    exact = Tournament([game], STRATEGIES, self_play=True, mode="exact").run().payoffs
    automata = exact.pivot(index="agent", columns="opponent", values="payoff").to_numpy()
    print("| league | agents | repetitions |", " | ".join(RATINGS), "|")
    print("|---|---:|---:|" + "---:|" * len(RATINGS))
    for kind, size, repetitions in CASES:
        cells = [shown(found) for found in judge(kind, size, repetitions, replicates, automata).values()]
        print(f"| {kind} | {size} | {repetitions} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
