"""How often intervals and rank sets are right, in simulated leagues whose truth is known.

    payoff_ijr = agent_i + partner_j + pair_ij + chance_r + run_ir + noise_ijr,

normal, with the variances of twenty Axelrod strategies (partner 0.431, pair 0.822, noise 0.212), in variations
that `LEAGUES` names; and leagues of automata drawn from those that the package ships, with their exact payoffs.
Prints Markdown, about 15 minutes on one core; a name, or a part of one, chooses among the leagues.

    OMP_NUM_THREADS=1 python benchmarks/interval_coverage.py --replicates 1000 [NAME ...]
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dilemma.agents import CATALOGUE
from dilemma.agents.automaton import AutomatonAgent
from dilemma.analysis.cells import Cells, cells_by_league
from dilemma.analysis.ranking.rank_sets import payoff_contrasts, rank_sets
from dilemma.analysis.statistics.bootstrap import intervals
from dilemma.analysis.statistics.influence_functions import Influences, influences
from dilemma.envs.errors import DilemmaError
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.tournament.exact.exact_payoffs import exact_results

DRAWS = 400
PLACED = 10
"""One league in so many is also judged with agents apart."""
SPREAD = 3.0
Numbers: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int64]
Random: TypeAlias = np.random.Generator


@dataclass(frozen=True)
class Drawn:
    """Payoffs [agent, partner, repetition] of agents that are equal, with 0 to expect of partners in general."""

    payoffs: Numbers
    expected: Numbers
    """What agents may expect of these partners [agent]."""
    versions: Mapping[str, str] = field(default_factory=dict)
    runs: Indices | None = None
    """Which trained run the agent had, -1 for none [seat, agent, partner, repetition]."""


@dataclass(frozen=True)
class League:
    """What moves payoffs: standard deviations, and the correlation of both sides."""

    partner: float = 0.431**0.5
    pair: float = 0.822**0.5
    chance: float = 0.0
    run: float = 0.0
    learners: float = 1.0
    """The share of agents that have runs."""
    uneven: float = 0.0
    """The standard deviation of the logarithm of `run` over agents."""
    noise: float = 0.212**0.5
    sides: float = 0.0
    skewed: bool = False
    copies: int = 1
    """How often each kind is there."""
    within: float = 0.0
    """The share of the variance of partners and pairs in which those of a kind differ."""
    declared: bool = False
    """Whether those of a kind are said to be versions of one thing."""
    rare: float = 0.0
    """What an exploiter takes; one partner in twenty is one."""

    def play(self, size: int, repetitions: int, random: Random) -> Drawn:
        kind = np.repeat(np.arange(size // self.copies), self.copies)

        def effect(*shape: int) -> Numbers:
            return random.exponential(1, shape) - 1 if self.skewed else random.normal(0, 1, shape)

        def sided(values: Numbers) -> Numbers:
            lower = np.tril_indices(len(values), -1)
            other = values[lower[1], lower[0]]
            values[lower] = self.sides * other + (1 - self.sides**2) ** 0.5 * values[lower]
            return values

        def mixed(of_kind: Numbers, own: Numbers) -> Numbers:
            return (1 - self.within) ** 0.5 * of_kind + self.within**0.5 * own

        partner = mixed(effect(size)[kind], effect(size))
        pair = mixed(sided(effect(size, size))[np.ix_(kind, kind)], effect(size, size))
        expected = self.partner * partner + self.pair * pair
        expected = expected - self.rare * ((random.random(size) < 0.05) - 0.05)
        run = np.where(np.arange(size) < self.learners * size, self.run, 0.0)
        run = run * np.exp(self.uneven * random.normal(0, 1, size))
        shared = self.chance * random.normal(0, 1, repetitions)
        shared = shared + run[:, None, None] * random.normal(0, 1, (size, 1, repetitions))
        noise = self.noise * sided(random.normal(0, 1, (size, size, repetitions)))
        versions = {f"A{i}": f"kind {of}" for i, of in enumerate(kind)} if self.declared else {}
        return Drawn(expected[:, :, None] + shared + noise, expected.mean(1), versions)


@dataclass(frozen=True)
class Checkpoints:
    """Leagues of algorithms of which each match draws one of so many trained runs, for either side."""

    kept: int
    run: float = 1.0
    taken: float = 0.0
    """What a run costs its partners, as a share of what it gains."""
    frozen: float = 1.0
    """The share of agents that have runs."""
    noise: float = 0.3

    def play(self, size: int, repetitions: int, random: Random) -> Drawn:
        who, frozen = np.arange(size), np.arange(size) < self.frozen * size
        field = League()
        expected = field.partner * random.normal(0, 1, size) + field.pair * random.normal(0, 1, (size, size))
        gain = self.run * random.normal(0, 1, (size, self.kept)) * frozen[:, None]
        runs = random.integers(0, self.kept, (2, size, size, repetitions))
        gained = gain[who[:, None, None], runs]
        paid = expected[:, :, None] + gained - self.taken * gained[::-1].swapaxes(1, 2)
        payoffs = np.where(np.triu(np.ones((size, size), dtype=np.bool_))[:, :, None], paid[0], paid[1])
        payoffs[who, who] = paid[:, who, who].mean(0)
        payoffs += self.noise * random.normal(0, 1, payoffs.shape)
        return Drawn(payoffs, expected.mean(1), runs=np.where(frozen[:, None, None], runs, -1))


def automata(noise: float, size: int, repetitions: int, random: Random, *, replace: bool = False) -> Drawn:
    """Shipped automata, each less what it earns among all of them."""
    payoffs = _payoffs(noise)
    who = random.choice(len(payoffs), size, replace=replace)
    drawn = payoffs[np.ix_(who, who)] - payoffs.mean(1)[who, None]
    return Drawn(np.repeat(drawn[:, :, None], repetitions, axis=2), drawn.mean(1))


@cache
def _payoffs(noise: float) -> Numbers:
    """Exact payoffs [agent, partner] among all shipped automata that need no parameters, over 200 rounds."""
    game, found = PrisonersDilemma(rounds=200, noise=noise), []
    for name in CATALOGUE.names:
        try:
            agent = CATALOGUE.build(name, {})
        except (DilemmaError, ValueError):
            continue
        if isinstance(agent, AutomatonAgent):
            found.append(agent.automaton())
    cast = np.stack(np.triu_indices(len(found)), 1)
    earned = exact_results(game, found, cast).payoff
    payoffs = np.zeros((len(found),) * 2)
    payoffs[cast[:, 0], cast[:, 1]], payoffs[cast[:, 1], cast[:, 0]] = earned.T
    np.fill_diagonal(payoffs, earned[cast[:, 0] == cast[:, 1]].mean(1))
    return payoffs


Play: TypeAlias = Callable[[int, int, Random], Drawn]
AGAINST = League(chance=0.3, run=0.3, sides=-0.5)
LEAGUES: dict[str, tuple[Play, tuple[tuple[int, int], ...]]] = {
    "independent": (League().play, ((5, 3), (8, 5), (12, 5), (20, 10))),
    "dependent, sides -0.5": (AGAINST.play, ((5, 3), (12, 5), (20, 10))),
    "dependent, sides +0.5": (replace(AGAINST, sides=0.5).play, ((20, 10),)),
    "noise alone": (League(partner=0.0, pair=0.0, noise=1.0).play, ((20, 10),)),
    "skewed": (League(skewed=True).play, ((5, 3), (12, 5), (20, 10))),
    "copies, 4 of each": (League(copies=4).play, ((20, 3), (32, 3))),
    "copies, 2 of each": (League(copies=2).play, ((20, 3),)),
    "near copies, 4 of each, 2 % apart": (League(copies=4, within=0.02).play, ((32, 3),)),
    "versions, 4 of each, 10 % apart": (League(copies=4, within=0.1).play, ((32, 3),)),
    "versions, 4 of each, 30 % apart": (League(copies=4, within=0.3).play, ((32, 3),)),
    "versions, 4 of each, 30 % apart, declared": (League(copies=4, within=0.3, declared=True).play, ((32, 3),)),
    "shared runs, sd 1": (League(run=1.0).play, ((20, 3), (12, 2), (5, 2))),
    "shared runs, sd 0.6": (League(run=0.6).play, ((12, 2),)),
    "shared runs, sd 1, of half of the agents": (League(run=1.0, learners=0.5).play, ((20, 3), (20, 2))),
    "shared runs, sd uneven": (League(run=1.0, uneven=0.5).play, ((20, 3), (12, 2))),
    "checkpoints, 3 runs": (Checkpoints(3).play, ((12, 20), (8, 50))),
    "checkpoints, 5 runs": (Checkpoints(5).play, ((8, 20), (12, 20), (12, 50))),
    "checkpoints, 10 runs": (Checkpoints(10).play, ((12, 20), (12, 50))),
    "checkpoints, 10 runs, few matches": (Checkpoints(10).play, ((12, 5),)),
    "checkpoints, 5 runs, taken from partners": (Checkpoints(5, taken=1.0).play, ((12, 20),)),
    "checkpoints, 5 runs, half given to partners": (Checkpoints(5, taken=-0.5).play, ((12, 20),)),
    "checkpoints, 5 runs, of half of the agents": (Checkpoints(5, taken=1.0, frozen=0.5).play, ((12, 20),)),
    "automata": (partial(automata, 0.0), ((5, 1), (6, 1), (8, 1), (10, 1), (20, 1))),
    "automata, noise 0.05": (partial(automata, 0.05), ((5, 1), (6, 1), (8, 1), (10, 1), (20, 1))),
    "automata, drawn with replacement": (partial(automata, 0.0, replace=True), ((5, 1), (10, 1), (20, 1))),
    "one exploiter in twenty, takes 2": (League(rare=2.0).play, ((20, 3),)),
    "one exploiter in twenty, takes 4": (League(rare=4.0).play, ((20, 3),)),
    "one exploiter in twenty, takes 4, all else small": (League(0.2, 0.3, rare=4.0).play, ((20, 3),)),
}


def league_cells(size: int, repetitions: int) -> Cells:
    """A league as a run leaves it, before anybody is paid: rows for both seats; self-play is one match.

    With one repetition it is exact.
    """
    first, second = (np.repeat(index, repetitions) for index in np.triu_indices(size))
    repetition = np.tile(np.arange(repetitions), len(first) // repetitions)
    agent, opponent = np.concatenate((first, second)), np.concatenate((second, first))
    number = np.tile(np.arange(len(first)), 2)
    labels = [f"A{i}" for i in range(size)]
    seats = pd.DataFrame(
        {
            "match": number,
            "environment": pd.Categorical(["league"] * len(number)),
            "how": pd.Categorical(["played" if repetitions > 1 else "exact"] * len(number)),
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
    [cells] = cells_by_league(seats, {})
    return cells


def leagues(
    play: Play, size: int, repetitions: int, replicates: int, random: Random
) -> Iterator[tuple[Drawn, Influences]]:
    """Leagues as they are judged."""
    cells = league_cells(size, repetitions)
    agent, opponent = (cells.seats[name].cat.codes.to_numpy() for name in ("agent", "opponent"))
    repetition = cells.seats["repetition"].to_numpy()
    for _ in range(replicates):
        drawn = play(size, repetitions, random)
        seats = cells.seats.assign(payoff=drawn.payoffs[agent, opponent, repetition])
        if drawn.runs is not None:
            seats["run"] = drawn.runs[seats["seat"], agent, opponent, repetition]
        yield drawn, influences(replace(cells, seats=seats, versions=drawn.versions), slim_table(cells, drawn))


def slim_table(cells: Cells, drawn: Drawn) -> pd.DataFrame:
    """What influences need of a `cell_table`."""
    payoffs = drawn.payoffs[cells.agent, cells.partner]
    # Both seats of self-play are one match with one payoff here.
    matches = payoffs.shape[1] if payoffs.shape[1] > 1 else 0
    variance = payoffs.var(1, ddof=1) if matches else np.zeros(len(payoffs))
    error = np.sqrt(variance / max(1, matches))
    columns = {"payoff": payoffs.mean(1), "variance": variance, "standard_error": error}
    return pd.DataFrame({**columns, "matches": matches})


def judge(play: Play, size: int, repetitions: int, replicates: int, random: Random) -> dict[str, float]:
    """Shares of leagues' intervals, and of their rank sets, that hold.

    Rank sets are judged among equal agents, where they err if they leave out any rank, and, as are intervals, for
    both questions. `places` is how many a rank set spans where agents are `SPREAD` apart, evenly.
    """
    truth = np.linspace(0, SPREAD, size)
    held: Counter[str] = Counter()
    for number, (drawn, equal) in enumerate(leagues(play, size, repetitions, replicates, random)):
        sampled, fixed = intervals(equal, sampled=True), intervals(equal, sampled=False)
        held["known"] += (~np.isnan(sampled.low)).mean()
        held["sampled"] += ((sampled.low <= 1e-9) & (sampled.high >= -1e-9)).mean()
        held["fixed"] += ((fixed.low <= drawn.expected + 1e-9) & (drawn.expected - 1e-9 <= fixed.high)).mean()
        own = replace(equal, payoff=equal.payoff - drawn.expected)
        for name, of, question in (("sampled", equal, True), ("fixed", own, False)):
            sets = rank_sets(of, payoff_contrasts(of, sampled=question), DRAWS, random, "max_t")
            held[f"ranks {name}"] += bool((sets.low == 1).all() and (sets.high == size).all())
        if number < replicates / PLACED:
            apart = replace(equal, payoff=equal.payoff + truth)
            sets = rank_sets(apart, payoff_contrasts(apart), DRAWS, random, "max_t")
            held["places"] += (sets.high - sets.low + 1).mean() * PLACED / 100
    share = {name: 100 * float(value) / replicates for name, value in held.items()}
    share["sampled"] *= 100 / share["known"] if share["known"] else np.nan
    return share


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    heads = ("league", "partners", "repetitions", "intervals given", "other partners: intervals", "rank sets")
    heads += ("places", "same field: intervals", "rank sets")
    print("| " + " | ".join(heads) + " |")
    print("|---|" + "---:|" * (len(heads) - 1))
    for name, (play, sizes) in LEAGUES.items():
        if asked.names and not any(name.startswith(part) for part in asked.names):
            continue
        for size, repetitions in sizes:
            random = np.random.default_rng([size, repetitions, *name.encode()])
            held = judge(play, size, repetitions, asked.replicates, random)
            row = [name, str(size), str(repetitions) if repetitions > 1 else "exact"]
            row += [f"{held[part]:.1f}" for part in ("known", "sampled", "ranks sampled", "places")]
            row += [f"{held[part]:.1f}" if repetitions > 1 else "" for part in ("fixed", "ranks fixed")]
            print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
