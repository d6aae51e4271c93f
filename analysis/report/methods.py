"""The methods of a run in words, for a paper: its design, its analysis, its computation, and what to cite."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from ..game import Game
from ..options import AnalysisOptions
from ..ratings.ratings import RATINGS
from ..statistics.kinds import MIN_KINDS
from .bibliography import bibtex, cited, in_latex, in_words, mark, marked
from .computation import computation
from .design import design, learning
from .facts import Facts
from .latex import LETTERS
from .words import listed

_EXPLOITERS = {
    "population": "the best of the agents in the run",
    "exact": "exact best responses to finite automata",
    "inferred": "best responses to automata inferred from play",
    "learned": "trained learners",
    "dynamic": "policies that steer a learner",
}


@dataclass(frozen=True)
class Methods:
    """The methods of a run, and the publications behind it."""

    text: tuple[str, ...]
    """Paragraphs, with marks where they cite."""
    sources: tuple[str, ...]
    """Keys of what agents and environments go back to."""
    version: str

    @property
    def paragraphs(self) -> list[str]:
        """As plain text, which cites by authors and year."""
        return [in_words(each) for each in self.text]

    @property
    def latex(self) -> str:
        """As LaTeX, which cites the entries of `bibtex`."""
        paragraphs = "\n\n".join(map(in_latex, self.text))
        return "\n".join((rf"{LETTERS}{{\emergencystretch=4em", rf"{paragraphs}\par}}", ""))

    @property
    def bibtex(self) -> str:
        """The entries of everything that is cited, and of what agents and environments go back to."""
        return bibtex({*self.sources, *(key for each in self.text for key in marked(each))}, self.version)


def methods(
    facts: Facts,
    games: Mapping[str, Game],
    seats: pd.DataFrame,
    options: AnalysisOptions,
    chapters: Collection[str] = (),
) -> Methods:
    """The methods of a run with these rows; `chapters` are the names of the analyses in its report."""
    parts = (
        design(facts, games, seats, options),
        learning(facts, seats),
        _analysis(seats, options, chapters),
        computation(facts),
    )
    named = [source for kind in facts.get("sources", {}).values() for source in kind.values()]
    sources = dict.fromkeys(key for source in named for key in cited(source))
    text = tuple(filter(None, map(" ".join, parts)))
    return Methods(text, tuple(sources), facts.get("versions", {}).get("dilemma", ""))


def _analysis(seats: pd.DataFrame, options: AnalysisOptions, chapters: Collection[str]) -> Iterator[str]:
    """What was estimated, and how uncertainty was."""
    if seats.empty:
        return
    unit = "trained runs" if "run" in seats and (seats["run"] >= 0).any() else "repetitions"
    yield (
        "An agent's payoff is its mean payoff per round over its partners, each with the same weight. Intervals "
        "hold with 95 %."
    )
    exact = bool((seats["how"] == "exact").all())
    if exact:
        yield "With these very partners (same field) payoffs, all exact, and their order have no sampling error."
    else:
        yield (
            f"Intervals for these very partners (same field) are Student's over {unit}, with the delta method "
            f"where matches differ in length{mark(['cochran1977'])}."
        )
    several = seats["agent"].nunique() >= MIN_KINDS
    holm = f"adjusted for all pairs by Holm's method{mark(['holm1979'])}"
    max_t = (
        f", or by step-down max-T{mark(['westfall1993', 'romano2005'])} for other partners where repetitions make "
        "up at most a tenth of the variance"
    )
    if several:
        yield (
            f"Intervals for other partners vary over kinds of partners (those that behave alike are one) and "
            f"{unit}, with degrees of freedom for small samples{mark(['bell2002'])} and variances moderated by "
            f"empirical Bayes{mark(['smyth2004'])}; with fewer than {MIN_KINDS} kinds nothing is said of others."
        )
    yield (
        f"Rank sets hold for all agents at once with 95 %{mark(['mogstad2024'])}, {holm}"
        f"{max_t if several and options.comparisons == 'max_t' else ''}."
    )
    if several or not exact:
        yield (
            f"The probabilities of being first or among the first {options.top} are shares of {options.draws:,} "
            f"draws of the pigeonhole bootstrap{mark(['owen2007'])}."
        )
    yield from _chapters(options, chapters)


def _chapters(options: AnalysisOptions, chapters: Collection[str]) -> Iterator[str]:
    """The analyses beside the ranking."""
    if "comparisons" in chapters:
        equivalent = (
            f"; differences within {options.margin:g} were tested for equivalence by two one-sided "
            f"tests{mark(['schuirmann1987'])}"
            if options.margin
            else ""
        )
        yield (
            "Pairs of agents were compared over kinds of partners by sign flips and Student's test, with the "
            f"larger p value, adjusted by Holm's method{equivalent}."
        )
    if "friedman" in chapters:
        yield f"Ranks within partners were compared by Friedman's test{mark(['friedman1937'])}."
    if "variance" in chapters:
        yield "Variance components are those of agents, partners, their interaction, and repetitions."
    if "runs" in chapters:
        yield (
            "Shares of training runs that end in cooperation or defection have Wilson's "
            f"intervals{mark(['wilson1927'])}."
        )
    if "partners" in chapters:
        yield (
            f"Shares of choices in which a partner was kept have Wilson's intervals{mark(['wilson1927'])}, of "
            "choices divided by their design effect; strengths of preference are Bradley and Terry's"
            f"{mark(['bradley1952'])}, and rank correlations of scores with preference are bootstrapped over "
            "paths or trained runs."
        )
    if "population" in chapters:
        yield (
            "Measures of populations with reputations have Student's intervals over repetitions; rates of "
            f"punishment and of choices are ratios of sums, by the delta method{mark(['cochran1977'])}, and "
            f"inequality is Gini's coefficient{mark(['gini1912'])}. Where learners were frozen, so many episodes "
            "before that as form the result are shown beside it."
        )
    rated = [
        f"{name.replace('_', ' ')}{mark(cited(RATINGS[name].source))}"
        for name in options.ratings
        if name in RATINGS
    ]
    if "ratings" in chapters and rated:
        yield f"Further ratings are {listed(rated)}, with intervals from a bootstrap over repetitions."
    if "exploitability" in chapters:
        sought = [_EXPLOITERS[kind] for kind in options.exploitability if kind in _EXPLOITERS]
        yield f"Exploiters of each agent were sought among {listed(sought)}."
    if options.evolution and {"evolution", "fixation", "stability"} & set(chapters):
        yield _evolution(options)


def _evolution(options: AnalysisOptions) -> str:
    population = options.population
    rare = population.get("mutation") == "small"
    mutation = f"rare mutations{mark(['fudenberg2006'])}" if rare else f"mutation {population.get('mutation')}"
    processes, size = listed([name.replace("_", " ") for name in options.evolution]), population.get("size")
    return (
        f"Evolution was computed from the payoff table ({processes}; finite populations of {size} "
        f"with intensity of selection {population.get('selection')}, {population.get('fitness')} fitness and "
        f"{mutation}){mark(['sandholm2010'])}."
    )
