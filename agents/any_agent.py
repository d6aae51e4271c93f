"""An agent as a parameter of another: a name, a table like its entry in a config, or a Python object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from ..envs.errors import DilemmaError
from .agent import Agent


def _agent(given: object) -> Agent:
    """The agent of a name or of a table like its entry in a config, or of a Python object.

    Mistakes in its parameters are told at their places in it.
    """
    from . import CATALOGUE
    from .adapters import agent_of

    entry = {"name": given} if isinstance(given, str) else given
    try:
        if not isinstance(entry, Mapping):
            return agent_of(entry)
        name = str(entry.get("name", ""))
        return CATALOGUE.build(name, {key: value for key, value in entry.items() if key != "name"})
    except DilemmaError as error:
        raise ValueError(f"an agent's label or name, or a table as of its entry; {error}") from None


def _entry(agent: Agent) -> dict[str, object]:
    """The agent as a table like its entry in a config."""
    from . import CATALOGUE

    name = CATALOGUE.name_of(agent)
    given = {key: value for key, value in CATALOGUE.parameters(name, agent).items() if value is not None}
    return {"name": name, **given}


AnyAgent: TypeAlias = Annotated[
    Agent,
    PlainValidator(_agent),
    PlainSerializer(_entry),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}]}),
]
"""Of a parameter that is one, or a tuple of them; mark the parameter as `Nested`."""
