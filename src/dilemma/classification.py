"""Properties of agents, found from what they are: their table, what they declare, or how they play.

`python -m dilemma.classification > src/dilemma/properties.csv` writes those of the shipped agents.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import fields, replace

import torch
from pydantic import BaseModel
from torch import Tensor

from .agents import CATALOGUE
from .agents.agent import Agent
from .agents.automata import AllC, AllD, Cycler, TitForTat
from .agents.automaton_properties import is_nice, memory, size
from .envs.chance import derive
from .envs.matrix_game import PrisonersDilemma
from .properties import Properties, shipped
from .tournament.arena import play
from .tournament.identity import Definition
from .tournament.plan import Entrant
from .tournament.recorders import PlayedRound

ROUNDS, LAST = 210, 10
"""Rounds of a trial, and the last of them that don't count: many a nice agent ends with defections."""
MATCHES = 32
"""Matches of a trial with each partner."""
GAME = PrisonersDilemma(rounds=ROUNDS)
PARTNERS = (AllC(), AllD(), TitForTat(), Cycler(sequence="CCDCDDDCDCCDDC"))
_YEAR = re.compile(r"\b(?:19|20)\d\d(?=[a-z]?\b)")


def properties(agent: Agent) -> Properties:
    """The properties of an agent.

    Those of a finite automaton are its table's. Others play 200 rounds with cooperators, defectors, tit for tat
    and a cycle of moves: it is stochastic if its moves differ from match to match, and nice if it never defects
    on cooperators.
    """
    automaton, found = agent.as_automaton(GAME), _declared(agent)
    if automaton is not None:
        return replace(
            found,
            memory=memory(automaton),
            stochastic=not automaton.deterministic,
            nice=is_nice(automaton),
            states=size(automaton),
        )
    if agent.learns or agent.slow or agent.refuses(GAME) or agent.kept_runs(GAME) is not None:
        return found
    moves = _moves(agent)
    return replace(found, stochastic=bool((moves != moves[:, :, :1]).any()), nice=not moves[:, 0].any())


def _declared(agent: Agent) -> Properties:
    """What an agent says of itself."""
    year = _YEAR.search(agent.source)
    return Properties(
        agent.learns, "game_model" in agent.needs, agent.remembers, year=int(year[0]) if year else None
    )


def properties_of(entrant: Entrant) -> Properties:
    """The properties of an agent of a tournament with its parameters; of code that isn't ours what it declares."""
    name, known = entrant.definition.name, shipped().get(entrant.definition.name)
    if known and known.identity == replace(entrant.definition, clone=0).key:
        return known.properties
    ours = name in CATALOGUE.builtin and not entrant.definition.digest
    return properties(entrant.agent) if ours else _declared(entrant.agent)


def example(kind: type[BaseModel] | None) -> Agent | None:
    """An agent with its defaults, or the first of its examples; None if it can't be made so."""
    if kind is None or not issubclass(kind, Agent):
        return None
    required = [(name, field.examples) for name, field in kind.model_fields.items() if field.is_required()]
    if not all(examples for _, examples in required):
        return None
    return kind.model_validate({name: examples[0] for name, examples in required if examples})


def table() -> str:
    """properties.csv."""
    text = io.StringIO()
    names = [field.name for field in fields(Properties)]
    writer = csv.DictWriter(text, ["name", "identity", *names], restval="", lineterminator="\n")
    writer.writeheader()
    for name in CATALOGUE.builtin:
        if agent := example(CATALOGUE.model(name)):
            identity = Definition.of(name, CATALOGUE.parameters(name, agent)).key
            writer.writerow({"name": name, "identity": identity, **properties(agent).words})
    return text.getvalue()


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


if __name__ == "__main__":
    print(table(), end="")
