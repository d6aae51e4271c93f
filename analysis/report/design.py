"""The design of a run in words: who met whom, in what, how often, and how learners learned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from ..game import Game
from ..options import AnalysisOptions
from .bibliography import cited, mark
from .facts import Facts
from .words import listed, plural, value_text

NAMED = 20
"""With more agents than this, they are counted and not named."""
SHORT = 60
"""Characters of the longest value of a parameter that is given in words."""
_SAID = ("name", "label", "rounds", "continuation", "discount", "noise", "misperception")
_PROCESSES: Mapping[str, tuple[str, Sequence[str]]] = {
    "moran": ("a Moran process", ("moran1958", "nowak2004")),
    "wright_fisher": ("a Wright-Fisher process", ("wright1931", "imhof2006")),
    "imitation": ("pairwise imitation", ("szabo1998", "traulsen2006")),
    "ecological": ("the discrete replicator dynamics", ("axelrod1980", "taylor1978")),
}
_SEARCHES: Mapping[str, tuple[str, Sequence[str]]] = {
    "adaptive_walk": ("an adaptive walk", ("imhof2010", "stewart2013")),
    "ecology": ("an ecology of strategies", ("nowak1992", "nowak1993")),
    "genetic": ("a genetic algorithm", ("holland1975",)),
    "cma_es": ("CMA-ES", ("hansen2016",)),
    "population_based": ("population-based training", ("jaderberg2017",)),
}
_BY_ROUND = ("policy_game", "one_shot_game", "tandem")
"""Environments in which learners learn from round to round."""
_HOW_SELECTED = {
    "selection": "intensity of selection",
    "fitness": "fitness",
    "mutation": "mutation",
    "update": "update",
}


def design(
    facts: Facts, games: Mapping[str, Game], seats: pd.DataFrame, options: AnalysisOptions
) -> Iterator[str]:
    """Who met whom, in what, and how often, a sentence each; `seats` are the rows of the run."""
    agents, environments = list(facts.get("agents", {})), facts.get("environments", {})
    if agents and environments:
        names = f" ({listed(agents)})" if len(agents) <= NAMED else ""
        version = facts.get("versions", {}).get("dilemma", "")
        with_version = f", version {version}" if version else ""
        yield (
            f"{plural(len(agents), 'agent')}{names} played {listed(list(_games(facts, games)))}, with the dilemma "
            f"package{with_version}{mark(['dilemma'])}."
        )
    yield from _schedule(facts.get("schedule", {}), seats)
    if background := [label for label in agents if label in options.background]:
        were = "was a partner" if len(background) == 1 else "were partners"
        yield f"{listed(background)} {were} only, met by those that are ranked."
    yield from _counts(seats, len(facts.get("failures", ())))


def _games(facts: Facts, games: Mapping[str, Game]) -> Iterator[str]:
    """Each environment with its rules, and what is behind it, once."""
    sources, known = facts.get("sources", {}).get("environments", {}), set[str]()
    for label, parameters in facts.get("environments", {}).items():
        keys = [key for key in cited(sources.get(label, "")) if key not in known]
        known.update(keys)
        yield f"{label} ({in_words(parameters, games[label]['seats'] if label in games else 2)}){mark(keys)}"


def in_words(parameters: Mapping[str, object], seats: int = 2) -> str:
    """The rules of a game from its parameters: its rounds, its noise, and the others."""
    return ", ".join(_rules(parameters, seats))


def _rules(parameters: Mapping[str, object], seats: int) -> Iterator[str]:
    if seats != 2:
        yield plural(seats, "seat")
    rounds, continuation = (float(str(parameters.get(name, 1))) for name in ("rounds", "continuation"))
    endless = rounds == float("inf")
    if continuation < 1:
        most = "" if endless else f", at most {rounds:,.0f}"
        yield f"each round followed by another with probability {continuation:g}{most}"
    elif "rounds" in parameters:
        yield "infinitely many rounds" if endless else plural(round(rounds), "round")
    if parameters.get("discount", 1) != 1:
        yield f"discount {value_text(parameters['discount'])}"
    for name in ("noise", "misperception"):
        if parameters.get(name):
            yield f"{name} {value_text(parameters[name])}"
    for name, value in parameters.items():
        shown = value_text(value)
        if name == "payoffs" and isinstance(value, Sequence) and len(value) == 4:
            yield f"payoffs R, S, T, P = {', '.join(map(value_text, value))}"
        elif name not in _SAID and len(shown) <= SHORT:
            yield f"{name.replace('_', ' ')} {shown}"


def _schedule(schedule: Mapping[str, object], seats: pd.DataFrame) -> Iterator[str]:
    kind = str(schedule.get("kind", ""))
    if kind == "round_robin":
        yield f"{_round_robin(schedule, seats)}."
    elif kind in _PROCESSES:
        process, sources = _PROCESSES[kind]
        size, graph = schedule.get("size"), schedule.get("graph")
        of = f" of {size:,} individuals" if isinstance(size, int) else ""
        on = f" on a graph ({graph.get('kind', 'given')})" if isinstance(graph, Mapping) else ""
        begun = ", each begun by one mutant among residents of one agent" if schedule.get("invasions") else ""
        given = {name: value_text(schedule[name]) for name in _HOW_SELECTED if name in schedule}
        how = [f"{_HOW_SELECTED[name]} {value.replace('_', '-')}" for name, value in given.items()]
        said = f"{process}{mark(sources)}, {_spans(schedule)}{begun} ({', '.join(how)})"
        yield f"Populations{of} evolved{on} by {said}."
    elif kind == "partner_choice":
        yield _partner_choice(schedule)
    elif kind == "evolve":
        method = schedule.get("method")
        chosen = str(method.get("kind", "")) if isinstance(method, Mapping) else ""
        search, sources = _SEARCHES.get(chosen, (chosen, ()))
        yield f"The parameters of {schedule.get('agent')} evolved by {search}{mark(sources)}, {_spans(schedule)}."
    elif kind and len(seats):
        yield f"The schedule is {kind}."


def _round_robin(schedule: Mapping[str, object], seats: pd.DataFrame) -> str:
    alone = " and itself" if schedule.get("self_play") else ""
    shared = ""
    if (seats.groupby("match")["seat"].nunique() > 2).any():
        mixed = schedule.get("compositions") == "all"
        shared = (
            ", any agents sharing the seats" if mixed else ", two agents sharing the seats in every proportion"
        )
    often, times = schedule.get("repetitions", 1), ""
    if isinstance(often, str):
        times = f", until the order of the agents was clear, at most {schedule.get('at_most', 1000):,} times"
    elif (seats["how"] != "exact").any() and isinstance(often, int) and often > 1:
        times = f", {often:,} times each where the payoff is not exact"
    return f"Every agent met every other{alone} in a round robin{shared}{times}"


def _partner_choice(schedule: Mapping[str, object]) -> str:
    paths, matches = (int(str(schedule.get(name, least))) for name, least in (("repetitions", 1), ("matches", 2)))
    alone = schedule.get("alone")
    solo = f"in {alone}" if isinstance(alone, str) else f"for {value_text(alone)} per round"
    left = f"played alone ({solo})" if schedule.get("refusal", "alone") == "alone" else "met another candidate"
    return (
        f"Each chooser met each candidate on {plural(paths, 'path')} of up to "
        f"{plural(matches, 'match', 'matches')}; after each it stayed with its partner, or left and {left}."
    )


def _spans(schedule: Mapping[str, object]) -> str:
    generations, replicates = (int(str(schedule.get(name, 1))) for name in ("generations", "replicates"))
    return f"for up to {plural(generations, 'generation')} in {plural(replicates, 'independent replicate')}"


def _counts(seats: pd.DataFrame, failed: int) -> Iterator[str]:
    """How the payoffs are known, and how many are missing."""
    counts = seats.groupby("how", observed=True)["match"].nunique()
    exact = int(counts.get("exact", 0))
    played = int(counts.sum()) - exact
    if exact:
        which = f"The payoffs of {plural(exact, 'match', 'matches')}" if played else "All payoffs are of matches"
        yield (
            f"{which} between finite automata{'' if played else ', and'} are exact expectations, computed from "
            "the Markov chain of the match."
        )
    if played:
        yield f"{plural(played, 'match was', 'matches were')} played out."
    if failed:
        yield f"{plural(failed, 'match failed and is', 'matches failed and are')} left out."


def learning(facts: Facts, seats: pd.DataFrame) -> Iterator[str]:
    """How learners learned, a sentence each; nothing where nobody did."""
    section, learners = facts.get("learning", {}), facts.get("learners", ())
    if not learners or not (seats["how"] == "learned").any():
        return
    episodes, tables = (int(str(section.get(name, 1))) for name in ("episodes", "tables"))
    by_round = [values.get("name") in _BY_ROUND for values in facts.get("environments", {}).values()]
    sampled = f"from {plural(episodes, 'episode')} at {plural(tables, 'parallel table')}"
    exact = f"from round to round at {plural(tables, 'independent table')}"
    both = f"{sampled}, in games of whole policies {exact}"
    yield f"{listed(list(learners))} learned, anew in each match, {_which(by_round, exact, sampled, both)}."
    unit, window = _which(by_round, "rounds", "episodes", "episodes or rounds"), section.get("window")
    over = f"the last {window:,} {unit} of learning" if isinstance(window, int) else "all of learning"
    yield f"Payoffs are means over {over}."
    frozen = section.get("freeze_after")
    if isinstance(frozen, Mapping) and frozen:
        said = [f"{label} after {points:,}" for label, points in frozen.items()]
        yield f"Learning ended early, in {unit}: {listed(said)}."


def _which(marks: Sequence[bool], every: str, none: str, some: str) -> str:
    """What to say where all, none or some of these hold."""
    return some if any(marks) and not all(marks) else every if any(marks) else none
