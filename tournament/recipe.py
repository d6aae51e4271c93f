"""Recipes: how a worker makes the agents and environments of a chunk."""

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
    """How a worker makes an agent or an environment: by name and parameters, or the thing itself.

    The thing itself travels, with its code, where a worker would not find it by its name: what a script, a
    notebook or a function defines.
    """

    name: str
    parameters: str
    thing: BaseModel | None = None
    digest: str = ""
    """Of its code, if that is not ours: what a worker finds under the name has to be the same."""

    def __reduce__(self) -> tuple[object, ...]:
        packed = None if self.thing is None else _packed(self.thing)
        return _unpacked, (self.name, self.parameters, packed, self.digest)


def recipe(catalogue: Catalogue[T], of: Definition, thing: T) -> Recipe:
    """The recipe of a thing by this definition; it goes along itself only if no worker could find it."""
    return Recipe(of.name, of.parameters, None if catalogue.reaches_workers(of.name) else thing, of.code)


def _packed(thing: BaseModel) -> bytes:
    """The thing with all of its code, even that of modules which this process has and no other could import."""
    registered = list[ModuleType]()
    try:
        while True:
            packed: bytes = cloudpickle.dumps(thing)
            known = cloudpickle.list_registry_pickle_by_value()
            # Every name of a module in there, whatever it stands for: to take one too many along does no harm.
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
    return module == "__main__" or importable(module)  # cloudpickle takes what a script defines along by itself


def _unpacked(name: str, parameters: str, packed: bytes | None, digest: str) -> Recipe:
    return Recipe(name, parameters, None if packed is None else pickle.loads(packed), digest)
