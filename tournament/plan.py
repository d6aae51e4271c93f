"""What is to be played: environments, agents, schedule, seed. Plain values, checked when they are made."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import BaseModel

from ..agents import CATALOGUE as AGENTS
from ..agents.agent import Agent
from ..envs import CATALOGUE as ENVIRONMENTS
from ..envs.catalogue import Catalogue, whereabouts
from ..envs.environment import Environment
from .arena import Protocol
from .exactness import why_not_exact
from .how import How, Mode
from .identity import Definition, Known, told_apart
from .reasons import clean
from .reasons import reason as told

LEARNERS = Protocol(tables=256)


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


@dataclass(frozen=True)
class Plan:
    """A tournament; `problems` says whether it can be played."""

    settings: tuple[Setting, ...]
    entrants: tuple[Entrant, ...]
    name: str = "tournament"
    seed: int = 0
    repetitions: int = 1
    self_play: bool = False
    mode: Mode = "auto"
    learning: Protocol = LEARNERS
    """Of matches with a learner."""
    block: int = 1
    """Matches of one cast of learners that are trained side by side."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where they are."""
    kind: Literal["round_robin", "exploit"] = "round_robin"
    adaptive: bool = False
    """Whether matches are spent only where the order of agents is unclear; `repetitions` is then the most."""
    background: tuple[str, ...] = ()
    """Labels of agents that are nobody's rivals, only partners."""

    def how(self, setting: Setting, cast: Sequence[Entrant]) -> How:
        """How the payoff of a cast comes to be known."""
        if any(entrant.agent.learns for entrant in cast):
            return "learned"
        if self.mode == "played" or any(why_not_exact(entrant.agent, setting.game) for entrant in cast):
            return "played"
        return "exact"


@dataclass(frozen=True)
class Problem:
    """Why a plan can't be played: the key of the config where it is, and a sentence."""

    place: tuple[str | int, ...]
    sentence: str


def entrants(
    agents: Sequence[tuple[str, str, Agent]], known: Mapping[str, Known] | None = None
) -> tuple[Entrant, ...]:
    """Entrants from (label, name, agent); agents that are defined alike are told apart by their order.

    `known` is what a run knows some of them by, by label: so they keep what tells them apart there.
    """
    found = definitions(AGENTS, agents, known or {})
    return tuple(
        Entrant(label, definition, agent) for (label, _, agent), definition in zip(agents, found, strict=True)
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
    catalogue: Catalogue, things: Sequence[tuple[str, str, BaseModel]], known: Mapping[str, Known]
) -> list[Definition]:
    """The definitions of (label, name, thing)."""
    found, clones = list[Definition](), list[int | None]()
    for label, name, thing in things:
        digest = catalogue.digest(name, thing)
        definition = Definition.of(
            name,
            catalogue.parameters(name, thing),
            digest=digest,
            bare=catalogue.bare(name) if digest else "",
            whereabouts=tuple(whereabouts(type(thing))),
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
    if len(plan.entrants) == 1 and not plan.self_play:
        yield Problem(("agents", 0), "one agent alone needs `self_play = true` to have somebody to play with")
    for i, entrant in enumerate(plan.entrants):
        for setting in plan.settings:
            reason = _refusal(entrant, setting, plan.mode)
            if reason:
                yield Problem(("agents", i), f"{entrant.label} can't play in {setting.label}: {reason}")


def _learning(plan: Plan) -> Iterator[Problem]:
    learners = [entrant.label for entrant in plan.entrants if entrant.agent.learns]
    frozen = [label for label, _ in plan.learning.freeze_after]
    for key, labels in {"freeze_after": frozen, "keep": plan.learning.keep}.items():
        for label in labels:
            if label not in learners:
                known = f"the learners are {', '.join(learners)}" if learners else "no agent here learns"
                yield Problem(("learning", key), f"there is no learner {label!r}; {known}")
    if plan.device == "cuda" and not torch.cuda.is_available():
        yield Problem(("learning", "device"), "found 'cuda'; torch sees no CUDA device here")
    if learners and plan.repetitions % plan.block:
        yield Problem(
            ("schedule", "repetitions"),
            f"found {plan.repetitions}; allowed: multiples of {plan.block}, which are trained side by side "
            "(learning.block)",
        )


def _background(plan: Plan) -> Iterator[Problem]:
    known = [entrant.label for entrant in plan.entrants]
    for label in plan.background:
        if label not in known:
            yield Problem(("schedule", "background"), f"there is no agent {label!r}; there is {', '.join(known)}")
    if known and set(known) <= set(plan.background):
        yield Problem(
            ("schedule", "background"), "found every agent; allowed: all but those that are to be ranked"
        )


def _clashes(kind: Literal["agents", "environments"], labels: Sequence[str]) -> Iterator[Problem]:
    for index, label in enumerate(labels):
        if labels.index(label) < index:
            first = f"{kind}[{labels.index(label)}]"
            yield Problem(
                (kind, index), f"the label {label!r} is taken by {first}; give one of them another with `label`"
            )


def _refusal(entrant: Entrant, setting: Setting, mode: Mode) -> str | None:
    game, agent = setting.game, entrant.agent
    try:
        reason: object = agent.refuses(game)
        agent.as_automaton(game)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # an agent's own code: nothing that it raises may end more than this
        return f"asked about it, it raised {told(error)}"
    if reason is not None and not isinstance(reason, str):
        return (
            f"`refuses` gave an object of type {type(reason).__name__}; allowed is None or the end of a sentence"
        )
    if reason:
        return f"it {clean(reason)}"
    missing = sorted(agent.needs - game.grants)
    if missing:
        return f"it needs {' and '.join(missing)}, which this environment does not grant"
    inexact = why_not_exact(agent, game)
    if mode == "exact" and inexact:
        return f"evaluation.mode is 'exact', and {inexact}"
    if game.rounds == math.inf and (mode == "played" or inexact):
        return f"infinitely many rounds can only be exact, and {inexact or 'evaluation.mode is played'}"
    return None
