"""Well-mixed populations of fixed size: who becomes what in a step, for each process of selection.

Everybody plays everybody else (itself too, with `self_interaction`), or in groups drawn without replacement. With
`earned` the mean payoff of a type, w the selection and N the size:

    moran          one is born, drawn by fitness; its offspring replaces any one of the N, its parent included
    fermi          a focal one copies a model with probability 1 / (1 + exp(-w (earned_model - earned_focal)))
    local_update   the same with probability (1 + w (earned_model - earned_focal) / span) / 2, where span is the
                   largest difference between any two payoffs of the table
    wright_fisher  all N are born at once, each drawn by fitness: a step is a generation

Fitness is "linear", 1 - w + w earned, or "exponential", exp(w earned); it counts where births are drawn by it.
Focal one and model are a pair drawn "without_replacement", or "with_replacement": then they may be the same.
Nowak et al. 2004; Traulsen, Nowak and Pacheco 2006 (fermi); Traulsen, Claussen and Hauert 2005 (local update).
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_expit

from ..arrays import Indices, Numbers
from .group_game import GroupGame

Kind: TypeAlias = Literal["moran", "fermi", "local_update", "wright_fisher"]
Fitness: TypeAlias = Literal["linear", "exponential"]
Pairs: TypeAlias = Literal["without_replacement", "with_replacement"]

NOBODY = "All have fitness 0, so nobody is born: raise the payoffs or take exponential fitness."


@dataclass(frozen=True)
class Process:
    """A process in a population, with payoffs [own type, other type, co-players of the own type]."""

    kind: Kind
    payoffs: Numbers
    size: int
    selection: float
    fitness: Fitness
    pairs: Pairs = "without_replacement"
    self_interaction: bool = False
    """Whether everybody also plays itself, which counts as one of N games; else there are N - 1."""
    game: GroupGame | None = None
    """Where given, its payoffs in groups of any types; `payoffs` are those of groups of two."""

    @property
    def types(self) -> int:
        return len(self.payoffs)

    def log_fitness(self, earned: Numbers) -> Numbers:
        if self.fitness == "exponential":
            return self.selection * earned
        fitness: Numbers = 1 - self.selection + self.selection * earned
        if fitness.min(initial=0) < 0:
            raise ValueError(
                f"Linear fitness 1 - w + w payoff is 0 or more, not {fitness.min():.4g} (selection w = "
                f"{self.selection:g}, payoff {earned.min():.4g}): lower w or take exponential fitness."
            )
        with np.errstate(divide="ignore"):
            return np.log(fitness)

    def log_births(self, earned: Numbers, counts: Numbers | Indices) -> Numbers:
        """log probability that one who is born is of a type [..., type], drawn by fitness."""
        if self.fitness == "linear":  # what isn't there has no fitness to be negative
            earned = np.where(np.asarray(counts) > 0, earned, earned.max())
        with np.errstate(divide="ignore"):
            weights: Numbers = np.log(counts) + self.log_fitness(earned)
        peak = weights.max(-1, keepdims=True)
        if np.isneginf(peak).any():
            raise ValueError(NOBODY)
        weights -= peak
        weights -= np.log(np.exp(weights).sum(-1, keepdims=True))
        return weights

    def log_copies(self, focal: Numbers, model: Numbers) -> Numbers:
        """log probability that the focal one copies the model, from what they earn."""
        gain = self.selection * (model - focal)
        if self.kind == "fermi":
            return np.asarray(log_expit(gain), np.float64)
        with np.errstate(divide="ignore"):
            within = np.clip(gain / self._span, -1, 1)  # a type that isn't there can seem to earn more
            return np.asarray(np.log1p(within) - math.log(2), np.float64)

    def log_turns(self, earned: Numbers, counts: Numbers | Indices) -> Numbers:
        """log probability that one of a type, drawn to be replaced or to copy, becomes another [..., from, to]."""
        if self.kind in ("moran", "wright_fisher"):
            births = self.log_births(earned, counts)
            return np.repeat(births[..., None, :], births.shape[-1], axis=-2)
        with np.errstate(divide="ignore"):
            met = np.log(np.asarray(counts) / self._models)[..., None, :]
        return np.asarray(met + self.log_copies(earned[..., :, None], earned[..., None, :]), np.float64)

    @property
    def _span(self) -> float:
        return float(np.ptp(self.payoffs if self.game is None else self.game.paid)) or 1.0

    @property
    def _models(self) -> int:
        """How many the focal one draws a model from."""
        return self.size if self.pairs == "with_replacement" else self.size - 1


def process_of(
    payoffs: ArrayLike | GroupGame,
    size: int,
    selection: float,
    kind: Kind,
    fitness: Fitness,
    pairs: Pairs = "without_replacement",
    self_interaction: bool = False,
) -> Process:
    """The process, or a ValueError that says what was found and what is allowed."""
    game = payoffs if isinstance(payoffs, GroupGame) else None
    table = np.asarray(payoffs.pairs() if isinstance(payoffs, GroupGame) else payoffs, np.float64)
    if table.ndim not in (2, 3) or table.shape[0] != table.shape[1] or table.shape[0] < 2:
        raise ValueError(
            "Payoffs are [own type, other type] or [own type, other type, co-players of the own type], of two "
            f"types or more, not of shape {table.shape}."
        )
    if not np.isfinite(table).all():
        raise ValueError("Payoffs are finite numbers; some are not.")
    if table.ndim == 2:
        table = np.stack([table, np.broadcast_to(np.diagonal(table)[:, None], table.shape)], axis=-1)
    for name, found, allowed in (("process", kind, Kind), ("fitness", fitness, Fitness), ("pairs", pairs, Pairs)):
        if found not in get_args(allowed):
            raise ValueError(f"{name} is one of {', '.join(map(repr, get_args(allowed)))}, not {found!r}.")
    group = table.shape[-1]
    if operator.index(size) < max(group, 2):
        raise ValueError(
            f"A population that plays in groups of {group} has {max(group, 2)} members or more, not {size}."
        )
    bounded = kind == "local_update" or (fitness == "linear" and kind != "fermi")
    if not 0 <= selection <= (1 if bounded else math.inf) or math.isinf(selection):
        named = "local update" if kind == "local_update" else "linear fitness"
        allowed_range = f"from 0 to 1 for {named}" if bounded else "0 or more and finite"
        raise ValueError(f"The strength of selection is {allowed_range}, not {selection}.")
    if self_interaction and group > 2:
        raise ValueError(f"self_interaction is for games of two, not for groups of {group}.")
    return Process(kind, table, int(size), float(selection), fitness, pairs, self_interaction, game)


def pair_payoffs(process: Process, own: Indices, other: Indices) -> Numbers:
    """What one of type `own` earns among k of it and N - k of `other`, k = 1 .. N - 1 [k - 1, pair].

    The co-players of the own type in a group of n are hypergeometric: n - 1 drawn from the N - 1 others.
    """
    size, group = process.size, process.payoffs.shape[-1]
    like = np.arange(size - 1) + process.self_interaction  # of the own type, among those it plays
    if group == 2:
        games = size - 1 + process.self_interaction
        weights: Numbers = np.stack([games - like, like], axis=-1) / games
    else:
        from scipy.stats import hypergeom  # half a second, for games of more than two only

        weights = np.asarray(hypergeom.pmf(np.arange(group), size - 1, like[:, None], group - 1))
    return np.asarray(weights @ process.payoffs[own, other].T, np.float64)


def log_advantage(process: Process, own: Numbers, other: Numbers) -> Numbers:
    """log of (probability that one of the other type becomes own) / (probability of the reverse), from payoffs."""
    if process.kind == "fermi":
        return process.selection * (own - other)
    with np.errstate(invalid="ignore"):
        if process.kind == "local_update":
            return process.log_copies(other, own) - process.log_copies(own, other)
        advantage: Numbers = process.log_fitness(own) - process.log_fitness(other)
    if np.isnan(advantage).any():
        raise ValueError(NOBODY)
    return advantage


def check_two(process: Process, mutants: int) -> None:
    if not 0 < operator.index(mutants) < process.size:
        raise ValueError(f"Of {process.size} members 1 to {process.size - 1} are mutants, not {mutants}.")
