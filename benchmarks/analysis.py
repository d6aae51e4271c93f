"""How fast runs are judged: CPU seconds on one thread, at the best of three. OpenSpiel beside it, where installed.

More of the ratings is in benchmarks/ratings.py, of exploiters in benchmarks/exploit.py.

OMP_NUM_THREADS=1 python benchmarks/analysis.py [FIGURE ...]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pandas as pd

from dilemma.agents.automaton import Automaton
from dilemma.analysis.cells import Cells, cells_by_league
from dilemma.analysis.options import AnalysisOptions
from dilemma.analysis.ranking.payoffs import cell_table
from dilemma.analysis.ranking.ranking import rank_cells
from dilemma.analysis.ratings.alpha_rank import alpha_rank
from dilemma.analysis.ratings.deviation_ratings import symmetric_deviation_ratings
from dilemma.analysis.statistics.bootstrap import bootstrap_tables
from dilemma.analysis.statistics.comparisons import comparisons
from dilemma.analysis.statistics.friedman import friedman
from dilemma.analysis.statistics.influence_functions import payoff_matrix
from dilemma.analysis.statistics.variance_components import variance_components
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.tournament.exploit.planning.best_response import best_response

OPENSPIEL = "open_spiel.python.egt.alpharank"

AGENTS, REPETITIONS = 200, 10


def league() -> Cells:
    """Everybody against everybody and itself, as a run leaves it."""
    random = np.random.default_rng(0)
    first, second = (np.repeat(index, REPETITIONS) for index in np.triu_indices(AGENTS))
    agent, opponent = np.concatenate((first, second)), np.concatenate((second, first))
    labels = [f"agent {i}" for i in range(AGENTS)]
    mean = np.linspace(0, 2, AGENTS)[:, None] + random.normal(0, 0.5, (AGENTS, AGENTS))
    seats = pd.DataFrame(
        {
            "match": np.tile(np.arange(len(first)), 2),
            "environment": pd.Categorical(["league"] * len(agent)),
            "how": pd.Categorical(["played"] * len(agent)),
            "repetition": np.arange(len(agent)) % REPETITIONS,
            "seat": np.repeat([0, 1], len(first)),
            "agent": pd.Categorical.from_codes(agent, labels),
            "opponent": pd.Categorical.from_codes(opponent, labels),
            "k": np.where(agent == opponent, 2, 1),
            "payoff": mean[agent, opponent] + random.normal(0, 0.4, len(agent)),
            "weight": 1.0,
            "margin": 0.0,
        }
    )
    [cells] = cells_by_league(seats, {})
    return cells


def ranks(cells: Cells, table: pd.DataFrame) -> object:
    """Ranking with rank sets, 2,000 draws."""
    return rank_cells(cells, table, AnalysisOptions(draws=2000, comparisons="max_t", top=3))


def tables(cells: Cells, table: pd.DataFrame) -> object:
    """Drawn payoff tables, 100 draws."""
    return bootstrap_tables(cells, 100, seed=0)


def pairs(cells: Cells, table: pd.DataFrame) -> object:
    """Comparisons of all pairs, 10,000 flips."""
    return comparisons(cells, table, margin=0.0, draws=10_000, seed=0)


def blocks(cells: Cells, table: pd.DataFrame) -> object:
    """Friedman's test and signed ranks of all pairs."""
    return friedman(payoff_matrix(cells, table), list(cells.agents[cells.roster]))


def components(cells: Cells, table: pd.DataFrame) -> object:
    """Components of variance."""
    return variance_components(cells, table)


def alpha_rank_of_200(cells: Cells, table: pd.DataFrame) -> object:
    """α-rank of 200 strategies."""
    return alpha_rank(payoff_matrix(cells, table), alpha=1.0)


def openspiel_of_200(cells: Cells, table: pd.DataFrame) -> object:
    """The same by OpenSpiel."""
    return import_module(OPENSPIEL).compute([payoff_matrix(cells, table)], alpha=1.0)


def alpha_rank_of_tables(cells: Cells, table: pd.DataFrame) -> object:
    """α-rank of 1,000 tables of 50 strategies."""
    return alpha_rank(np.random.default_rng(1).normal(size=(1000, 50, 50)), alpha=1.0)


def deviation_of_50(cells: Cells, table: pd.DataFrame) -> object:
    """Deviation ratings of 50 strategies."""
    return symmetric_deviation_ratings(payoff_matrix(cells, table)[:50, :50])


def response_to_16(cells: Cells, table: pd.DataFrame) -> object:
    """Exact best response to an automaton of 16 states over 200 rounds, with its own self-play."""
    random = np.random.default_rng(0)
    victim = Automaton(random.random(16), random.integers(0, 16, (16, 2, 2)))
    return best_response(PrisonersDilemma(rounds=200), victim)


FIGURES: Mapping[str, Callable[[Cells, pd.DataFrame], object]] = {
    judge.__name__: judge
    for judge in (
        *(ranks, tables, pairs, blocks, components, alpha_rank_of_200, openspiel_of_200, alpha_rank_of_tables),
        *(deviation_of_50, response_to_16),
    )
}


def seconds(judge: Callable[[Cells, pd.DataFrame], object], cells: Cells, table: pd.DataFrame) -> float:
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        judge(cells, table)
        best = min(best, time.process_time() - began)
    return best


def main() -> None:
    cells = league()
    table = cell_table(cells)
    for name in sys.argv[1:] or FIGURES:
        if name.startswith("openspiel") and not find_spec("pyspiel"):
            continue
        taken = seconds(FIGURES[name], cells, table)
        print(f"{str(FIGURES[name].__doc__).rstrip('.')}: {taken:.4g} s", flush=True)


if __name__ == "__main__":
    main()
