"""Catalogues: how a name in a config finds its class.

A name is one of ours, one that an installed package adds through an entry point, `package.module:Name`, or
`path/to/file.py:Name`. Nothing is registered at import, so a worker finds what its parent found.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Protocol, runtime_checkable

from pydantic import BaseModel

from .errors import DilemmaError


class UnknownNameError(DilemmaError):
    """No such name; `nearest` are the closest that exist."""

    def __init__(self, kind: str, name: str, names: list[str]):
        plural = "envs" if kind == "environment" else f"{kind}s"
        short = [known for known in names if "".join(word[0] for word in known.split("_")) == name.lower()]
        self.nearest = short or difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)
        hint = (
            f"; did you mean {' or '.join(self.nearest)}?" if self.nearest else f"; `dilemma {plural}` lists them"
        )
        super().__init__(f"there is no {kind} {name!r}{hint}")


@runtime_checkable
class Adapted(Protocol):
    """What an adapter makes of something that is not ours."""

    @property
    def theirs(self) -> str:
        """The name by which the adapter makes it; in angle brackets where there is none."""


@dataclass(frozen=True)
class Catalogue:
    """Names of one kind: `builtin` maps names to import paths, `group` is plugins' entry point group."""

    kind: str
    builtin: Mapping[str, str]
    group: str
    adapters: Mapping[str, str] = field(default_factory=dict)
    """Import paths of what makes a thing from `PREFIX:REST` and parameters; "" is for what is no class of ours."""

    @cached_property
    def plugins(self) -> Mapping[str, EntryPoint]:
        """What installed packages add; our own names can't be taken."""
        found = {point.name: point for point in entry_points(group=self.group)}
        return {name: point for name, point in sorted(found.items()) if name not in self.builtin}

    @property
    def names(self) -> list[str]:
        """Every registered name, ours first."""
        return [*self.builtin, *self.plugins]

    def find(self, name: str) -> object:
        """What `name` stands for. Raises DilemmaError where it can't be found or fails to import."""
        if name in self.builtin:
            return load(self.builtin[name])
        if name in self.plugins:
            point = self.plugins[name]
            try:
                return point.load()
            except Exception as error:
                package = point.dist.name if point.dist else point.value
                reason = f"{type(error).__name__}: {error}"
                raise DilemmaError(
                    f"{self.kind} {name!r} of package {package} fails to import ({reason})"
                ) from error
        if ":" not in name:
            raise UnknownNameError(self.kind, name, self.names)
        try:
            return load(name)
        except DilemmaError:
            raise
        except Exception as error:
            raise DilemmaError(
                f"{self.kind} {name!r} fails to import ({type(error).__name__}: {error})"
            ) from error

    def model(self, name: str) -> type[BaseModel] | None:
        """The class that `name` stands for; None where an adapter makes the thing."""
        if name.partition(":")[0] in self.adapters:
            return None
        found = self.find(name)
        return found if isinstance(found, type) and issubclass(found, BaseModel) else None

    def build(self, name: str, parameters: Mapping[str, object]) -> BaseModel:
        """The thing that `name` stands for, with its parameters.

        Raises DilemmaError where it can't be found, and pydantic's ValidationError where parameters are wrong.
        """
        prefix, _, rest = name.partition(":")
        if prefix in self.adapters:
            made = _call(self.adapters[prefix], rest, parameters)
        elif model := self.model(name):
            made = model.model_validate(parameters)
        elif "" in self.adapters:
            made = _call(self.adapters[""], name, parameters)
        else:
            raise DilemmaError(
                f"{name} is not an {self.kind}: it must be a class derived from {self.kind.title()}"
            )
        return made

    def parameters(self, name: str, thing: BaseModel) -> dict[str, object]:
        """The parameters that make `build` give `thing` again."""
        own = name == self.name_of(thing)
        adapted = isinstance(thing, Adapted) if own else self.model(name) is None
        if not adapted:
            return thing.model_dump(mode="json")
        # An adapter made it: the name gave the field without a default, and `parameters` holds what isn't ours.
        named = {key for key, field in type(thing).model_fields.items() if field.is_required()}
        known: dict[str, object] = thing.model_dump(mode="json", exclude=named)
        given = known.pop("parameters")
        assert isinstance(given, dict)
        return {**given, **known}

    def name_of(self, thing: BaseModel) -> str:
        """The name by which a config makes a thing: registered, or an import path.

        In angle brackets where there is none, for what is defined in a function, say.
        """
        if isinstance(thing, Adapted):
            return thing.theirs
        path = path_of(type(thing))
        ours = {value: name for name, value in self.builtin.items()}
        theirs = {point.value.replace(" ", ""): name for name, point in self.plugins.items()}
        return ours.get(path) or theirs.get(path) or path

    def reaches_workers(self, name: str) -> bool:
        """Whether another process finds what has this name: not what a script or a notebook defines."""
        if name in self.builtin or name in self.plugins:
            return True
        prefix, _, rest = name.partition(":")
        path = rest if prefix in self.adapters else name
        return ":" not in path or reaches_workers(path)


def _call(adapter: str, name: str, parameters: Mapping[str, object]) -> BaseModel:
    make = load(adapter)
    assert callable(make)
    made = make(name, parameters)
    assert isinstance(made, BaseModel)
    return made


def path_of(thing: object) -> str:
    """The import path of a class or function: `package.module:Name`, or `path/to/file.py:Name`.

    In angle brackets where that path leads to something else, or nowhere.
    """
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    name, module = str(getattr(named, "__qualname__", "")), sys.modules.get(str(named.__module__))
    found: object = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if module is None or found is not thing:
        return f"<{named.__module__}:{name}>"
    file = Path(getattr(module, "__file__", None) or "")
    return f"{file if module.__name__ == _name_of(file) else module.__name__}:{name}"


def reaches_workers(path: str) -> bool:
    """Whether another process finds what is at this import path."""
    where, _, _ = path.rpartition(":")
    if path.startswith("<") or where == "__main__":
        return False
    return where.endswith(".py") or importable(where)


def importable(module: str) -> bool:
    """Whether a module is found anew where it was found, by another process with the same paths."""
    known, (package, _, _) = sys.modules.get(module), module.rpartition(".")
    if known is None:
        return True  # it will be imported by its name here, too
    if package and not importable(package):
        return False
    folders = getattr(sys.modules.get(package), "__path__", None)
    specs = (finder.find_spec(module, folders) for finder in sys.meta_path if hasattr(finder, "find_spec"))
    spec = next(filter(None, specs), None)
    return spec is not None and spec.origin == getattr(known.__spec__, "origin", None)


def load(path: str) -> object:
    """The object at `package.module:Name` or `path/to/file.py:Name`."""
    where, _, attribute = path.rpartition(":")
    module = _from_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
    target: object = module
    for part in attribute.split("."):
        if not hasattr(target, part):
            have = [name for name in vars(target) if not name.startswith("_")]
            if where == "__main__":
                raise DilemmaError(f"{attribute!r} is defined in a script or a notebook: only that finds it")
            nearest = difflib.get_close_matches(part, have, n=1)
            hint = f"; the nearest is {nearest[0]}" if nearest else ""
            raise DilemmaError(f"{where} has no {attribute!r}{hint}")
        target = getattr(target, part)
    return target


def _from_file(path: Path) -> ModuleType:
    """The module in a file, imported once under a name of its own."""
    if not path.is_file():
        raise DilemmaError(f"there is no file {path}")
    name = _name_of(path)
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def _name_of(path: Path) -> str:
    """The name of the module in a file."""
    return f"{path.stem}_{hashlib.blake2b(str(path.resolve()).encode(), digest_size=6).hexdigest()}"
