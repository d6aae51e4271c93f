"""What is to be played: environments, agents, and the sections of a config. Plain values, checked when made."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel

from ..agents import CATALOGUE as AGENTS
from ..agents.agent import Agent
from ..envs import CATALOGUE as ENVIRONMENTS
from ..envs.catalogue import Catalogue
from ..envs.environment import Environment
from .eligibility import why_not
from .exact.exactness import why_not_exact
from .how import HOW, How, Mode
from .identity import Definition, Known, told_apart
from .schedules.schedule import Schedule
from .sections import Analysis, Evaluation, Execution, Learning

T = TypeVar("T", bound=BaseModel)
Indices: TypeAlias = NDArray[np.int64]

MOST_ROUNDS = 10**11
"""Of all episodes of a match that is played: at 20 microseconds a round they take three weeks."""


@dataclass(frozen=True)
class Setting:
    """An environment of a tournament, under its label."""

    label: str
    definition: Definition
    game: Environment


@dataclass(frozen=True)
class Entrant:
    """An agent of a tournament, under its label."""

    label: str
    definition: Definition
    agent: Agent
    roles: tuple[str, ...] | None = None
    """Those that it may take; None for all that it can."""

    def why_not(self, game: Environment, role: str) -> str | None:
        """Why it doesn't take this role, as a clause; None if it does."""
        if self.roles is not None and role not in self.roles:
            return f"its `roles` are {', '.join(self.roles)}"
        return why_not(self.agent, game, role)


@dataclass(frozen=True, eq=False)
class League:
    """Seats of an environment that the same agents may take."""

    seats: Indices
    roles: tuple[str, ...]
    """The role of each of these seats."""
    members: Indices
    """The plan's entrants that may take them, in the plan's order."""


@dataclass(frozen=True)
class Plan:
    """A tournament: the sections of its config, with the environments and agents that these name.

    `problems` says whether it can be played.
    """

    settings: tuple[Setting, ...]
    entrants: tuple[Entrant, ...]
    schedule: Schedule
    name: str = "tournament"
    seed: int = 0
    evaluation: Evaluation = field(default_factory=Evaluation)
    learning: Learning = field(default_factory=Learning)
    analysis: Analysis = field(default_factory=Analysis)
    execution: Execution = field(default_factory=Execution)

    @cached_property
    def order(self) -> Indices:
        """The entrants in an order that depends on the agents alone: a new one moves nobody else's seat."""
        texts = [entrant.definition.text for entrant in self.entrants]
        return np.array(sorted(range(len(texts)), key=texts.__getitem__), dtype=np.int64)

    @cached_property
    def leagues(self) -> tuple[tuple[League, ...], ...]:
        """Of each setting: its seats by who may take them, in the order of the seats."""
        return tuple(self._leagues(setting.game) for setting in self.settings)

    def _leagues(self, game: Environment) -> tuple[League, ...]:
        found: dict[tuple[int, ...], list[str]] = {}
        for role in dict.fromkeys(game.roles):
            members = tuple(i for i in self.order.tolist() if not self.entrants[i].why_not(game, role))
            found.setdefault(members, []).append(role)
        seats = {
            members: [seat for seat, role in enumerate(game.roles) if role in own]
            for members, own in found.items()
        }
        return tuple(
            League(
                np.array(seats[members]),
                tuple(game.roles[seat] for seat in seats[members]),
                np.array(members, dtype=np.int64),
            )
            for members in found
        )

    def ways(self, setting: int) -> Indices:
        """How each entrant's payoffs come to be known, as an index of HOW [entrant]; a cast has the largest."""
        return self._ways[setting]

    @cached_property
    def _ways(self) -> tuple[Indices, ...]:
        return tuple(
            np.array([HOW.index(self._how(entrant.agent, setting.game)) for entrant in self.entrants])
            for setting in self.settings
        )

    def _how(self, agent: Agent, game: Environment) -> How:
        if agent.learns:
            return "learned"
        return "played" if self.evaluation.mode == "played" or why_not_exact(agent, game) else "exact"

    def exact(self, setting: int, casts: Indices) -> NDArray[np.bool_]:
        """Whether the payoffs of casts [cast, seat] are exact [cast]."""
        return np.asarray(self.ways(setting)[casts].max(axis=1, initial=0) == HOW.index("exact"))


@dataclass(frozen=True)
class Problem:
    """Why a plan can't be played: the key of the config where it is, and a sentence."""

    place: tuple[str | int, ...]
    sentence: str


def entrants(
    agents: Sequence[tuple[str, str, Agent]],
    known: Mapping[str, Known] | None = None,
    roles: Sequence[Sequence[str] | None] | None = None,
) -> tuple[Entrant, ...]:
    """Entrants from (label, name, agent); agents that are defined alike are told apart by their order.

    `known` is what a run knows some of them by, by label: so they keep what tells them apart there. `roles` are
    those that each is kept to; None for none.
    """
    found = definitions(AGENTS, agents, known or {})
    return tuple(
        Entrant(label, definition, agent, None if only is None else tuple(only))
        for (label, _, agent), definition, only in zip(agents, found, roles or [None] * len(found), strict=True)
    )


def settings(
    games: Sequence[tuple[str, str, Environment]], known: Mapping[str, Known] | None = None
) -> tuple[Setting, ...]:
    """Settings from (label, name, environment), and what a run knows some of them by."""
    found = definitions(ENVIRONMENTS, games, known or {})
    return tuple(
        Setting(label, definition, game) for (label, _, game), definition in zip(games, found, strict=True)
    )


def definitions(
    catalogue: Catalogue[T], things: Sequence[tuple[str, str, T]], known: Mapping[str, Known]
) -> list[Definition]:
    """The definitions of (label, name, thing)."""
    found, clones = list[Definition](), list[int | None]()
    for label, name, thing in things:
        digest = catalogue.digest(name, thing)
        definition = Definition.of(
            name,
            catalogue.parameters(name, thing),
            digest=digest,
            bare=catalogue.bare(name, thing) if digest else "",
            whereabouts=catalogue.whereabouts_of(thing),
        )
        there = known.get(label)
        if there is not None and definition.is_known(there):
            definition = definition.as_known(there)
        found.append(definition)
        clones.append(there.clone if there is not None else None)
    return told_apart(found, clones)


def problems(plan: Plan) -> Iterator[Problem]:
    """Everything that keeps a plan from being played."""
    yield from _clashes("agents", [entrant.label for entrant in plan.entrants])
    yield from _clashes("environments", [setting.label for setting in plan.settings])
    yield from _learning(plan)
    yield from _background(plan)
    yield from _evolution(plan)
    yield from _endless(plan)
    yield from plan.schedule.problems(plan)
    for i, entrant in enumerate(plan.entrants):
        yield from _unknown_roles(plan, i, entrant)
        for setting in plan.settings:
            played = plan.schedule.plays(entrant.label, setting.label)
            if played and (reason := _refusal(entrant, setting, plan.evaluation.mode)):
                yield Problem(("agents", i), f"{entrant.label} can't play in {setting.label}: {reason}")
    yield from _empty_roles(plan)


def _learning(plan: Plan) -> Iterator[Problem]:
    learners = [entrant.label for entrant in plan.entrants if entrant.agent.learns]
    for key, labels in {"freeze_after": plan.learning.freeze_after, "keep": plan.learning.keep}.items():
        for label in labels:
            if label not in learners:
                known = f"the learners are {', '.join(learners)}" if learners else "no agent here learns"
                yield Problem(("learning", key), f"there is no learner {label!r}; {known}")
    if "episodes" not in plan.learning.model_fields_set:
        yield from _unsaid_episodes(plan)
    if plan.learning.device == "cuda" and not torch.cuda.is_available():
        yield Problem(("learning", "device"), "found 'cuda'; torch sees no CUDA device here")


def _unsaid_episodes(plan: Plan) -> Iterator[Problem]:
    """Learners in games with an update an episode, of which the default would be a single one."""
    games = [setting.label for setting in plan.settings if setting.game.curve == "episode"]
    learners = [entrant.label for entrant in plan.entrants if entrant.agent.learns]
    if games and learners:
        yield Problem(
            ("learning", "episodes"),
            f"{', '.join(learners)} learn{'s' * (len(learners) == 1)} from episode to episode in {games[0]}, and "
            "nothing says from how many; allowed: a whole number from 1, such as [learning] episodes = 200",
        )


def _endless(plan: Plan) -> Iterator[Problem]:
    """Environments in which nobody would see the end of what is played round by round."""
    for index, setting in enumerate(plan.settings):
        game = setting.game
        there = [each for each in plan.entrants if plan.schedule.plays(each.label, setting.label)]
        played = [each for each in there if why_not(each.agent, game) is None and _is_played(plan, each, game)]
        if not played or getattr(game, "continuation", 1.0) < 1 or game.horizon == math.inf:
            continue
        episodes = plan.learning.episodes if any(each.agent.learns for each in played) else 1
        if game.horizon * episodes > MOST_ROUNDS:
            rounds = f"{game.horizon:,.0f}" if game.horizon < 1e15 else f"{game.horizon:g}"
            each = f" in each of {episodes:,} episodes" if episodes > 1 else ""
            yield Problem(
                ("environments", index),
                f"found {rounds} rounds{each}, and {played[0].label} has to be played; "
                f"allowed: {MOST_ROUNDS:,} rounds in all, which take weeks",
            )


def _is_played(plan: Plan, entrant: Entrant, game: Environment) -> bool:
    return (
        entrant.agent.learns or plan.evaluation.mode == "played" or why_not_exact(entrant.agent, game) is not None
    )


def _background(plan: Plan) -> Iterator[Problem]:
    known, background = [entrant.label for entrant in plan.entrants], plan.schedule.background
    for label in background:
        if label not in known:
            yield Problem(("schedule", "background"), f"there is no agent {label!r}; there is {', '.join(known)}")
    if known and set(known) <= set(background):
        yield Problem(
            ("schedule", "background"), "found every agent; allowed: all but those that are to be ranked"
        )


def _evolution(plan: Plan) -> Iterator[Problem]:
    """Selection that a process of `[analysis] evolution` has no room for."""
    population, asked = plan.analysis.population, plan.analysis.evolution
    linear = ("moran", "wright_fisher") if population.fitness == "linear" else ()
    for process in asked:
        if population.selection > 1 and process in (*linear, "local_update"):
            rule = "local_update" if process == "local_update" else f"{process} and linear fitness"
            yield Problem(
                ("analysis", "population", "selection"),
                f"found {population.selection:g}; allowed with {rule}: from 0 to 1",
            )


def _clashes(kind: Literal["agents", "environments"], labels: Sequence[str]) -> Iterator[Problem]:
    for index, label in enumerate(labels):
        if labels.index(label) < index:
            first = f"{kind}[{labels.index(label)}]"
            yield Problem(
                (kind, index), f"the label {label!r} is taken by {first}; give one of them another with `label`"
            )


def _unknown_roles(plan: Plan, index: int, entrant: Entrant) -> Iterator[Problem]:
    known = list(dict.fromkeys(role for setting in plan.settings for role in setting.game.roles))
    for role in entrant.roles or ():
        if role not in known:
            yield Problem(("agents", index, "roles"), f"there is no role {role!r}; there is {', '.join(known)}")


def _empty_roles(plan: Plan) -> Iterator[Problem]:
    """Roles that nobody takes, of those that somebody could have."""
    for index, (setting, leagues) in enumerate(zip(plan.settings, plan.leagues, strict=True)):
        for league in leagues:
            if not len(league.members) and len(leagues) > 1:
                role = " and ".join(dict.fromkeys(league.roles))
                yield Problem(("environments", index), f"nobody takes the role {role} in {setting.label}")


def _refusal(entrant: Entrant, setting: Setting, mode: Mode) -> str | None:
    game, agent = setting.game, entrant.agent
    if reason := why_not(agent, game):
        return reason
    there = list(dict.fromkeys(game.roles))
    if all(entrant.why_not(game, role) for role in there):
        own = [role for role in entrant.roles or there if role in there]
        said = (
            f"; as {own[0]}, {entrant.why_not(game, own[0])}"
            if own
            else f"; the environment has {', '.join(there)}"
        )
        return f"its `roles` are {', '.join(entrant.roles or there)}{said}"
    inexact = why_not_exact(agent, game)
    if mode == "exact" and inexact:
        return f"evaluation.mode is 'exact', and {inexact}"
    if game.rounds == math.inf and (mode == "played" or inexact):
        return f"infinitely many rounds can only be exact, and {inexact or 'evaluation.mode is played'}"
    return None
