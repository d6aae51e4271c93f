"""Properties of agents, found from what they are: their table, what they declare, or how they play."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from pydantic import BaseModel
from torch import Tensor

from .agents.agent import Agent
from .agents.automata import AllC, AllD, Cycler, TitForTat
from .agents.automaton_properties import is_nice, memory, size
from .envs.chance import derive
from .envs.errors import DilemmaError
from .envs.matrix_game import PrisonersDilemma
from .tournament.arena import play
from .tournament.recorders import PlayedRound

ROUNDS, LAST = 210, 10
"""Rounds of a trial, and the last of them that don't count: many a nice agent ends with defections."""
MATCHES = 32
"""Matches of a trial with each partner."""
GAME = PrisonersDilemma(rounds=ROUNDS)
PARTNERS = (AllC(), AllD(), TitForTat(), Cycler(sequence="CCDCDDDCDCCDDC"))
_YEAR = re.compile(r"\b(?:19|20)\d\d(?=[a-z]?\b)")
_CONDITION = re.compile(r"(\w+)(?:(<=|>=|=)(.+))?")
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge, "=": operator.eq}


@dataclass(frozen=True)
class Properties:
    """Properties of an agent; None where one is unknown, or means nothing."""

    learns: bool
    """Whether it learns from episode to episode."""
    game: bool
    """Whether it reads the rules of the game."""
    memory: float
    """Past rounds that may decide a move; infinite where it counts, learns, or looks back without bound."""
    stochastic: bool | None = None
    """Whether it draws its moves."""
    nice: bool | None = None
    """Whether it is never the first to defect."""
    states: int | None = None
    """States of the smallest finite automaton that plays alike."""
    year: int | None = None
    """The first year that its source names."""

    def __str__(self) -> str:
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        return ", ".join(f"{name}={_word(value)}" for name, value in known.items() if value is not None)


def properties(agent: Agent) -> Properties:
    """The properties of an agent.

    Those of a finite automaton are its table's. Others play 200 rounds with cooperators, defectors, tit for tat
    and a cycle of moves: it is stochastic if its moves differ from match to match, and nice if it never defects
    on cooperators.
    """
    automaton = agent.as_automaton(GAME)
    year = _YEAR.search(agent.source)
    found = Properties(
        agent.learns,
        "game_model" in agent.needs,
        agent.remembers if automaton is None else memory(automaton),
        year=int(year[0]) if year else None,
    )
    if automaton is not None:
        return replace(
            found, stochastic=not automaton.deterministic, nice=is_nice(automaton), states=size(automaton)
        )
    if agent.learns or agent.slow or agent.refuses(GAME):
        return found
    moves = _moves(agent)
    return replace(found, stochastic=bool((moves != moves[:, :, :1]).any()), nice=not moves[:, 0].any())


def example_properties(kind: type[BaseModel] | None) -> Properties | None:
    """The properties of an agent with its defaults, or the first of its examples; None if it can't be made so."""
    if kind is None or not issubclass(kind, Agent):
        return None
    required = [(name, field.examples) for name, field in kind.model_fields.items() if field.is_required()]
    if not all(examples for _, examples in required):
        return None
    return properties(kind.model_validate({name: examples[0] for name, examples in required if examples}))


def _moves(agent: Agent) -> Tensor:
    """Its actions [round, partner, match]."""
    cast = torch.tensor([(0, 1 + partner) for partner in range(len(PARTNERS))]).repeat_interleave(MATCHES, 0)
    done = _Moves()
    play(GAME, [agent, *PARTNERS], cast, derive(torch.arange(len(cast)), 0), recorders=[done])
    return torch.stack(done.actions[:-LAST]).view(ROUNDS - LAST, len(PARTNERS), MATCHES)


class _Moves:
    """A recorder of the first seat's actions [match], round by round."""

    def __init__(self) -> None:
        self.actions: list[Tensor] = []

    def record(self, played: PlayedRound) -> None:
        self.actions.append(played.step.action[:, 0, 0].clone())


def condition(text: str) -> Callable[[Properties], bool]:
    """Whether properties fulfil `nice`, `learns=no`, `memory<=2` or the like. Raises DilemmaError for others."""
    names = [field.name for field in fields(Properties)]
    parts = _CONDITION.fullmatch(text.replace(" ", ""))
    wanted = parts and _number(parts[3] or "yes")
    if parts is None or parts[1] not in names or wanted is None:
        raise DilemmaError(
            f"--where: found {text!r}; allowed: {', '.join(names)}, alone or with =, <= or >= and a number, "
            "yes or no"
        )
    name, compare = parts[1], _COMPARISONS[parts[2] or "="]

    def fulfilled(found: Properties) -> bool:
        value = getattr(found, name)
        return value is not None and compare(value, wanted)

    return fulfilled


def _number(word: str) -> float | None:
    try:
        return {"yes": 1.0, "no": 0.0}.get(word) if word in ("yes", "no") else float(word)
    except ValueError:
        return None


def _word(value: float) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else f"{value:g}"
