"""Adapters: agents from Python functions, classes with `act(history)`, and players of the Axelrod library."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from ..envs.catalogue import load_object
from ..envs.errors import DilemmaError
from .agent import Agent
from .axelrod_library import AxelrodLibrary, library_agent
from .plain import PlainAgent, why_not_called


def agent_of(thing: object) -> Agent:
    """The agent for a Python object: an agent, an agent class, or something that an adapter can wrap.

    Raises DilemmaError if it is none of these, and pydantic's ValidationError if a class lacks parameters.
    """
    if isinstance(thing, Agent):
        return thing
    if isinstance(thing, type) and issubclass(thing, Agent):
        return thing.model_validate({})
    if _in_library(thing):
        return library_agent(thing)
    if not callable(thing) or (isinstance(thing, type) and not hasattr(thing, "act")):
        raise DilemmaError(
            f"found {thing!r:.60}; allowed: an agent, the name of one, a function, or a class with act(history)"
        )
    if not isinstance(thing, type) and (reason := why_not_called(thing)):
        raise DilemmaError(f"{getattr(thing, '__name__', thing)!s:.60} {reason}")
    return PlainAgent(function=thing)


def from_name(name: str, parameters: Mapping[str, object]) -> Agent:
    """The agent for an import path in a config."""
    if _in_library(load_object(name)):
        return AxelrodLibrary.model_validate({"strategy": name, "parameters": parameters})
    return PlainAgent.model_validate({"function": name, "parameters": parameters})


def _in_library(thing: object) -> bool:
    """Whether it is a player of the Axelrod library, or its class; does not import the library."""
    library = sys.modules.get("axelrod")
    if library is None:
        return False
    return isinstance(thing, library.Player) or (isinstance(thing, type) and issubclass(thing, library.Player))
