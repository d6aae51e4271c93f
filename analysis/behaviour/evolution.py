"""What becomes of the agents of a run in a population: final or stationary shares, fixation, stability, rest.

Payoffs are those of the run (`type_payoffs`), with the 95 % interval that its repetitions give: every process is
worked out again on bootstrap draws of them. Nothing is played.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..arrays import Numbers
from ..finding import Finding
from ..report.chapters import Chapter, Evidence, with_interval
from .generations import against_chance
from .type_payoffs import TypePayoffs, type_payoffs, why_not

FINITE = ("moran", "fermi", "local_update", "wright_fisher")
DRAWS = {True: 200, False: 40}
"""Bootstrap tables of a finite process, and of a dynamic, each of which is integrated."""
HORIZON = 1000.0
"""Time that a dynamic is followed for, in units of 1 / (largest difference of payoffs)."""
MOVES = 1e-3
"""A share that changes by more in the last tenth of that time still moves."""
MOST_RESTING = 5
"""Types whose rest points make a table that can be read."""


@dataclass(frozen=True)
class EvolvingPopulation:
    """The population in which types spread."""

    size: int
    selection: float
    fitness: Any
    mutation: float | str
    mutates_to: Any
    self_interaction: bool
    noise: float

    def process(self, kind: str) -> dict[str, Any]:
        """What functions of a finite population are told of it."""
        return {
            "size": self.size,
            "selection": self.selection,
            "process": kind,
            "fitness": self.fitness,
            "self_interaction": self.self_interaction,
        }

    @property
    def mutants(self) -> dict[str, Any]:
        """What they are told of mutants that keep coming."""
        return {"mutation": float(self.mutation), "mutates_to": self.mutates_to}


def long_run_shares(process: str, payoffs: TypePayoffs, population: EvolvingPopulation) -> tuple[Numbers, bool]:
    """Shares [type]: in the long run of a finite population, or where a dynamic leads from equal shares.

    Also whether they no longer move.
    """
    # Who doesn't ask for evolution need not wait for scipy's integrators and solvers.
    from .. import evolution

    if process in FINITE:
        given = population.process(process)
        if population.mutation == "small":
            return evolution.small_mutation_distribution(payoffs.two, **given), True
        return evolution.mutation_distribution(payoffs.all, **given, **population.mutants).shares, True
    from ..evolution.population_game import population_game

    game = population_game(payoffs.all)
    start = np.full(game.types, 1 / game.types)
    dynamics: Mapping[str, Callable[..., Numbers]] = {
        "replicator": evolution.replicator,
        "logit": partial(evolution.logit, noise=population.noise),
        "best_response": evolution.best_response_dynamics,
        "bnn": evolution.brown_von_neumann_nash,
        "smith": evolution.smith,
        "imitation": partial(evolution.imitation, selection=population.selection or 1.0),
    }
    end = HORIZON / game.spread()
    _, before, shares = dynamics[process](payoffs.all, start, np.array([0.0, 0.9 * end, end]))
    return shares, bool(np.abs(shares - before).max() < MOVES)


def _shares(evidence: Evidence) -> Finding | None:
    """A row for each process and type."""
    chosen = evidence.options.evolution
    if not chosen or len(evidence.names) < 2:
        return None
    if reason := why_not(evidence):
        return Finding(pd.DataFrame(), (reason,), (reason,))
    population = EvolvingPopulation(**evidence.options.population)
    frames, remarks, gaps = list[pd.DataFrame](), list[str](), list[str]()
    for process in chosen:
        try:
            drawn = type_payoffs(evidence, DRAWS[process in FINITE])
            draws, rests = zip(*(long_run_shares(process, each, population) for each in drawn), strict=True)
        except ValueError as error:
            gaps.append(f"{process}: {error}")
            continue
        if not rests[0]:
            remarks.append(f"{process}: shares still move after {HORIZON:,.0f} units of time.")
        low, high = _interval(np.stack(draws))
        frames.append(
            pd.DataFrame({"process": process, "type": evidence.names, "share": draws[0], "low": low, "high": high})
        )
    if any(process in FINITE for process in chosen):
        remarks.append(_said(population, evidence.game["seats"]))
    if any(process not in FINITE for process in chosen):
        remarks.append("Dynamics begin with equal shares; other beginnings may end elsewhere.")
    table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return Finding(table, (*gaps, *remarks), tuple(gaps))


def _said(population: EvolvingPopulation, seats: int) -> str:
    mutation = (
        "rare mutants, one at a time"
        if population.mutation == "small"
        else f"mutation {population.mutation:g} to {population.mutates_to} types"
    )
    meeting = f"{'everybody' if population.self_interaction else 'nobody'} also plays itself"
    if seats > 2:
        meeting = f"groups of {seats} are drawn without replacement"
    return (
        f"Population of {population.size:,}, selection {population.selection:g}, {population.fitness} fitness, "
        f"{mutation}; {meeting}; payoffs are means per interaction."
    )


def _interval(draws: Numbers) -> tuple[Numbers, Numbers]:
    """The 95 % interval of bootstrap draws [draw, ...] around the first; no width where nothing was drawn."""
    if len(draws) == 1:
        return draws[0], draws[0]
    low, high = np.quantile(draws[1:], [0.025, 0.975], axis=0)
    return np.minimum(low, draws[0]), np.maximum(high, draws[0])


def _fixations(evidence: Evidence) -> Finding | None:
    """A row for each process, resident and mutant."""
    if not evidence.options.evolution:
        return None
    from .. import evolution  # which takes longer to import than a report that needs none of it

    def columns(kind: str, population: EvolvingPopulation) -> dict[str, NDArray[np.generic]]:
        given = population.process(kind)
        payoffs = [each.two for each in type_payoffs(evidence, DRAWS[True])]
        draws = np.stack([evolution.fixation_probabilities(two, **given) for two in payoffs])
        low, high = _interval(draws)
        return {
            "neutral": np.full_like(low, 1 / population.size),
            "probability": draws[0],
            "low": low,
            "high": high,
            "time": evolution.fixation_times(payoffs[0], **given).fixation,
            "drift": evolution.small_mutation_chain(payoffs[0], **given).neutral,
        }

    found = _of_pairs(evidence, columns)
    if found is None or found.table.empty:
        return found
    table = found.table
    verdict = against_chance(*(table[name].to_numpy() for name in ("low", "high", "neutral")))
    table["verdict"] = np.where(table["drift"], "drift alone", verdict)
    said = (
        f"By chance alone a single mutant takes over with probability {table['neutral'].iloc[0]:.4g} (neutral). "
        "Favoured: the whole interval is above that; opposed: below; open: neither; drift alone: both earn the "
        "same in every mixture. Times are means given that it takes over, in steps (generations for "
        "wright_fisher), idle steps counted."
    )
    return Finding(table, (*found.remarks, said))


def _passages(evidence: Evidence) -> Finding | None:
    """A row for each process, resident and mutant; None where mutants are rare."""
    if not evidence.options.evolution or evidence.options.population.get("mutation", "small") == "small":
        return None
    from .. import evolution

    def columns(kind: str, population: EvolvingPopulation) -> dict[str, NDArray[np.generic]]:
        given = {**population.process(kind), **population.mutants}
        payoffs = [each.two for each in type_payoffs(evidence, DRAWS[True])]
        draws = np.stack([evolution.first_passage_times(two, **given) for two in payoffs])
        low, high = _interval(draws)
        return {"time": draws[0], "low": low, "high": high}

    return _of_pairs(evidence, columns)


def selection_gradients(evidence: Evidence) -> dict[str, Numbers]:
    """The gradient of selection of two types [k] in each finite process that is asked for and that they allow."""
    found = dict[str, Numbers]()
    if not evidence.options.evolution or len(evidence.names) != 2 or why_not(evidence):
        return found
    from .. import evolution

    two = next(type_payoffs(evidence, 0)).two
    population = EvolvingPopulation(**evidence.options.population)
    for process in evidence.options.evolution:
        if process in FINITE:
            with suppress(ValueError):  # the tables say which
                found[process] = evolution.selection_gradient(two, **population.process(process))
    return found


def _of_pairs(
    evidence: Evidence, columns: Callable[[str, EvolvingPopulation], Mapping[str, NDArray[np.generic]]]
) -> Finding | None:
    """Columns [mutant, resident] of each finite process that is asked for: a row for each process and pair."""
    chosen = [process for process in evidence.options.evolution if process in FINITE]
    if not chosen or len(evidence.names) < 2 or why_not(evidence):
        return None
    population, names = EvolvingPopulation(**evidence.options.population), np.array(evidence.names, dtype=object)
    resident, mutant = np.array(list(itertools.permutations(range(len(names)), 2))).T
    frames, remarks = list[pd.DataFrame](), list[str]()
    for process in chosen:
        try:
            found = columns(process, population)
        except ValueError as error:
            remarks.append(f"{process}: {error}")
            continue
        whose = {"process": process, "resident": names[resident], "mutant": names[mutant]}
        frames.append(pd.DataFrame({**whose, **{name: all_[mutant, resident] for name, all_ in found.items()}}))
    return Finding(pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(), tuple(remarks))


def _stabilities(evidence: Evidence) -> Finding | None:
    """A row for each type."""
    if not evidence.options.evolution or len(evidence.names) < 2 or why_not(evidence):
        return None
    from .. import evolution

    try:
        found = evolution.stability(next(type_payoffs(evidence, 0)).two)
    except ValueError as error:
        return Finding(pd.DataFrame(), (str(error),), (str(error),))
    names = evidence.names
    rows = [
        {
            "type": name,
            "stability": each.kind,
            "invaded_by": ", ".join(names[index] for index in each.invaders),
            "drifts_with": ", ".join(names[index] for index in each.drifting),
        }
        for name, each in zip(names, found, strict=True)
    ]
    said = "Judged by the payoffs as they stand; ties are those of equal payoffs."
    return Finding(pd.DataFrame(rows), (said,))


def _rest_points(evidence: Evidence) -> Finding | None:
    """A row for each rest point of the replicator and type that is there."""
    if "replicator" not in evidence.options.evolution or len(evidence.names) < 2 or why_not(evidence):
        return None
    whole = next(type_payoffs(evidence, 0)).whole
    if whole is None:
        return None
    from .. import evolution

    if len(evidence.names) > MOST_RESTING:
        said = f"dilemma.analysis.evolution.rest_points has those of more than {MOST_RESTING} types."
        return Finding(pd.DataFrame(), (said,))
    rows = [
        {
            "point": number,
            "type": evidence.names[index],
            "share": point.shares[index],
            "payoff": point.payoff,
            "kind": point.kind,
            "dimension": point.dimension,
            "nash": point.nash,
            "verdict": point.verdict,
        }
        for number, point in enumerate(evolution.rest_points(whole), start=1)
        for index in point.support
    ]
    said = "Where eigenvalues don't tell whether populations nearby come back, stability is undecided."
    return Finding(pd.DataFrame(rows), (said,))


CHAPTERS = (
    Chapter(
        "evolution",
        "Evolution",
        "Share of each agent in a population in which types spread by what they earn: in the long run of a finite "
        "population, or where a dynamic leads.",
        _shares,
        shown=with_interval("share"),
    ),
    Chapter(
        "fixation",
        "Fixation",
        "How likely a single mutant takes over a population of residents, with the interval over further "
        "repetitions.",
        _fixations,
        shown=lambda table: with_interval("probability")(table.drop(columns="drift")),
    ),
    Chapter(
        "first_passage",
        "First passage",
        "How many steps (generations for wright_fisher) it takes, on average, until half of a population that was "
        "all of the resident are mutants, where the two mutate into each other; with the interval over further "
        "repetitions.",
        _passages,
        shown=with_interval("time"),
    ),
    Chapter(
        "stability",
        "Stability",
        "Whether a population of one type resists each other type.",
        _stabilities,
    ),
    Chapter(
        "rest_points",
        "Rest points",
        "Shares at which the replicator rests: what everybody earns there, and whether it is stable.",
        _rest_points,
    ),
)
