"""How long ratings take, beside OpenSpiel's in the same run where it is installed: CPU seconds on one thread.

OMP_NUM_THREADS=1 python benchmarks/ratings.py
"""

from __future__ import annotations

import importlib
import importlib.util
import time
from collections.abc import Callable

import numpy as np

from dilemma.analysis.ratings.alpha_rank import alpha_rank, alpha_rank_profiles
from dilemma.analysis.ratings.deviation_ratings import symmetric_deviation_ratings
from dilemma.analysis.ratings.nash_averaging import nash_averaging, relative
from dilemma.analysis.ratings.ratings import RATINGS, rate
from dilemma.analysis.ratings.voting import preferences, ranked_pairs, schulze


def seconds(work: Callable[..., object], *arguments: object, **options: object) -> float:
    """The least CPU time of three runs, or of one that takes longer than two seconds."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        work(*arguments, **options)
        taken.append(time.process_time() - began)
        if taken[0] > 2:
            break
    return min(taken)


def beside_openspiel(random: np.random.Generator) -> None:
    """α-rank of one and of two populations, on the same games."""
    theirs = importlib.import_module("open_spiel.python.egt.alpharank")
    print("α-rank, alpha = 1, m = 50           ours    OpenSpiel   times   largest difference")
    for n in (10, 50, 100, 200, 400):
        game = random.normal(size=(n, n))
        ours, other = (
            seconds(alpha_rank, game, alpha=1.0),
            seconds(theirs.compute, [game], alpha=1.0),
        )
        apart = np.abs(alpha_rank(game, alpha=1.0) - theirs.compute([game], alpha=1.0)[2]).max()
        print(f"  one population, {n:3} strategies {ours:9.4f} {other:10.4f} {other / ours:8.0f}   {apart:.1g}")
    for n in (10, 20, 30):
        game = random.normal(size=(2, n, n))
        ours = seconds(alpha_rank_profiles, game, alpha=1.0)
        law = alpha_rank_profiles(game, alpha=1.0).reshape(-1)
        try:
            other = seconds(theirs.compute, list(game), alpha=1.0)
            apart = np.abs(law - theirs.compute(list(game), alpha=1.0)[2]).max()
            print(f"  two populations of {n:3}        {ours:9.4f} {other:10.4f} {other / ours:8.0f}   {apart:.1g}")
        except ValueError as error:
            print(f"  two populations of {n:3}        {ours:9.4f}     fails: {str(error)[:60]}")


def alone(random: np.random.Generator) -> None:
    """What has no peer: bootstrap tables, and equilibria of leagues."""
    tables = random.normal(size=(1000, 50, 50))
    print("\n1,000 tables of 50 strategies")
    for name, work in (
        ("α-rank", lambda: alpha_rank(tables, alpha=1.0)),
        ("α-rank, infinite alpha", lambda: alpha_rank(tables, alpha=np.inf)),
        ("α-rank, selection in the population", lambda: alpha_rank(tables, alpha=1.0, selection="population")),
    ):
        print(f"  {name:36} {seconds(work):8.2f}")
    print("\nOne league of                              20       50      100")
    leagues = [random.normal(size=(n, n)) for n in (20, 50, 100)]
    for name, score in (
        ("deviation ratings", symmetric_deviation_ratings),
        ("Nash averaging", lambda league: nash_averaging(relative(league))),
    ):
        print(f"  {name:36} " + " ".join(f"{seconds(score, m):8.3f}" for m in leagues))
    votes = preferences(random.normal(size=(50, 50)))
    print(
        f"\n50 votes on 50 agents: Schulze {seconds(schulze, votes):.4f}, "
        f"ranked pairs {seconds(ranked_pairs, votes):.4f}"
    )
    print("\nA rating with its interval, of a league of                     20       50")
    for rating in RATINGS.values():
        taken = []
        for n in (20, 50):
            league = random.normal(size=(n, n))
            drawn = league + 0.3 * random.normal(size=(rating.draws, n, n))
            taken.append(seconds(rate, league, drawn, ratings={rating.name: rating}))
        print(f"  {rating.name:24} {rating.draws:5} bootstrap tables {taken[0]:20.2f} {taken[1]:8.2f}")


def main() -> None:
    random = np.random.default_rng(0)
    if importlib.util.find_spec("open_spiel"):
        beside_openspiel(random)
    alone(random)


if __name__ == "__main__":
    main()
