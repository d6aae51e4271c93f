"""Recipes: how a worker creates the agents and environments of a chunk."""

from __future__ import annotations

import pickle
import pickletools
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import TypeVar

import cloudpickle
from pydantic import BaseModel

from ..envs.catalogue import Catalogue, importable
from .identity import Definition

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True)
class Recipe:
    """How a worker creates an agent or an environment: by name and parameters, or from the pickled object.

    The object is sent, with its code, if a worker could not import it by name: if it is defined in a script, a
    notebook or a function.
    """

    name: str
    parameters: str
    thing: BaseModel | None = None
    digest: str = ""
    """Digest of its code, if it is outside this package: the code that a worker imports must have the same."""

    def __reduce__(self) -> tuple[object, ...]:
        packed = None if self.thing is None else _packed(self.thing)
        return _unpacked, (self.name, self.parameters, packed, self.digest)


def recipe(catalogue: Catalogue[T], of: Definition, thing: T) -> Recipe:
    """The recipe of an object with this definition; the object is included only if no worker could import it."""
    return Recipe(of.name, of.parameters, None if catalogue.reaches_workers(of.name, thing) else thing, of.code)


def _packed(thing: BaseModel) -> bytes:
    """The pickled object with all of its code, including modules that other processes cannot import."""
    registered = list[ModuleType]()
    try:
        while True:
            packed: bytes = cloudpickle.dumps(thing)
            known = cloudpickle.list_registry_pickle_by_value()
            # Every string that is the name of a module; including one too many does no harm.
            named = {text for _, text, _ in pickletools.genops(packed) if isinstance(text, str)} - known
            new = [sys.modules[name] for name in named & sys.modules.keys() if not _travels_by_name(name)]
            if not new:
                return packed
            for module in new:
                cloudpickle.register_pickle_by_value(module)
            registered += new
    finally:
        for module in registered:
            cloudpickle.unregister_pickle_by_value(module)


def _travels_by_name(module: str) -> bool:
    return module == "__main__" or importable(module)  # cloudpickle includes what a script defines


def _unpacked(name: str, parameters: str, packed: bytes | None, digest: str) -> Recipe:
    return Recipe(name, parameters, None if packed is None else pickle.loads(packed), digest)
