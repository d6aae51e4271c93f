"""Catalogues: how a name in a config finds its class.

A name is one of ours, one that an installed package adds through an entry point, `package.module:Name`, or
`path/to/file.py:Name`. Nothing is registered at import, so a worker finds what its parent found.

Finding a name that is not ours runs its code. `named`, for names in a config, takes from a module only classes
derived from the base class of their kind; functions and other classes have to be in a file of their own.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, cast, runtime_checkable

from .errors import DilemmaError
from .source import HasForeignCode, digest_of, plain_text, source_text
from .user_line import described

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True)
class Whereabouts:
    """Marks a parameter that says where something lies, and does not belong to its identity."""

    path: bool = False
    """Whether it is a path: in a config, relative to the config's folder."""


@dataclass(frozen=True)
class Nested:
    """Marks a parameter that is another thing of the same kind, or several.

    Each is given as a name, or as a table as of an entry in a config.
    """


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
    """What an adapter makes of a thing that is not ours."""

    @property
    def adapted_name(self) -> str:
        """The name by which the adapter makes it; in angle brackets where there is none."""


T = TypeVar("T", bound="BaseModel")


@dataclass(frozen=True)
class Catalogue(Generic[T]):
    """Names of one kind: `builtin` maps names to import paths, `group` is plugins' entry point group."""

    kind: str
    base: str
    """The import path of the class that everything of this kind derives from."""
    builtin: Mapping[str, str]
    group: str
    adapters: Mapping[str, str] = field(default_factory=dict)
    """Import paths of functions that make a thing from `PREFIX:REST` and parameters; "" is for other objects."""

    @cached_property
    def plugins(self) -> Mapping[str, EntryPoint]:
        """What installed packages add; they can't replace our own names."""
        found = {point.name: point for point in entry_points(group=self.group)}
        return {name: point for name, point in sorted(found.items()) if name not in self.builtin}

    @property
    def names(self) -> list[str]:
        """Every registered name, ours first."""
        return [*self.builtin, *self.plugins]

    def find(self, name: str) -> object:
        """The object of this name. Raises DilemmaError where it can't be found or fails to import."""
        if name in self.builtin:
            return load_object(self.builtin[name])
        if name in self.plugins:
            point = self.plugins[name]
            try:
                return point.load()
            except Exception as error:
                package = point.dist.name if point.dist else point.value
                raise DilemmaError(
                    f"{self.kind} {name!r} of package {package} fails to import: {described(error)}"
                ) from error
        if ":" not in name:
            raise UnknownNameError(self.kind, name, self.names)
        try:
            return load_object(name)
        except DilemmaError:
            raise
        except Exception as error:
            raise DilemmaError(f"{self.kind} {name!r} fails to import: {described(error)}") from error

    def model(self, name: str) -> type[BaseModel] | None:
        """The class of this name; None where an adapter makes the thing."""
        if name.partition(":")[0] in self.adapters:
            return None
        from pydantic import BaseModel  # late, as a listing of names needs none

        found = self.find(name)
        return found if isinstance(found, type) and issubclass(found, BaseModel) else None

    def build(self, name: str, parameters: Mapping[str, object]) -> T:
        """The thing of this name, with its parameters.

        Raises DilemmaError where it can't be found, and pydantic's ValidationError where parameters are wrong.
        """
        prefix, _, rest = name.partition(":")
        made: object
        if prefix in self.adapters:
            made = _call(self.adapters[prefix], rest, parameters)
        elif model := self.model(name):
            made = model.model_validate(parameters)
        elif "" in self.adapters:
            made = _call(self.adapters[""], name, parameters)
        else:
            made = None
        return self.checked(name, made)

    def checked(self, name: str, made: object) -> T:
        """`made`, if it is of this kind. Raises DilemmaError where it is not."""
        base = load_object(self.base)
        assert isinstance(base, type)
        if not isinstance(made, base):
            article = "an" if self.kind[0] in "ae" else "a"
            raise DilemmaError(f"{name} is not {article} {self.kind}: it must be derived from {base.__name__}")
        return cast(T, made)

    def named(self, name: str, parameters: Mapping[str, object], folder: Path) -> tuple[str, T]:
        """The thing that a config in `folder` names, and its name with the file's full path.

        Raises what `build` raises, and DilemmaError for what a config may not name.
        """
        name = self.located(name, folder)
        if name.partition(":")[0] not in self.adapters:
            self._check_named(name)
        return name, self.build(name, self._located_parameters(name, parameters, folder))

    def _located_parameters(
        self, name: str, parameters: Mapping[str, object], folder: Path
    ) -> Mapping[str, object]:
        """Parameters with full paths, those of nested things too."""
        model = self.model(name)
        if model is None:
            return parameters
        places = {key for key, mark in whereabouts(model).items() if mark.path}
        found = {
            key: absolute_path(value, folder) if key in places and isinstance(value, str) else value
            for key, value in parameters.items()
        }
        for key in nested(model):
            if key in found:
                found[key] = one_or_each(found[key], lambda given: self._located_entry(given, folder))
        return found

    def _located_entry(self, given: object, folder: Path) -> object:
        """A nested thing, as it is given, with full paths."""
        entry = {"name": given} if isinstance(given, str) else given
        inner = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(inner, str):
            return given
        if ":" not in inner and inner not in self.names:
            return given  # its own check says that there is none
        inner = self.located(inner, folder)
        if inner.partition(":")[0] not in self.adapters:
            self._check_named(inner)
        rest = {key: value for key, value in entry.items() if key != "name"}
        return {"name": inner, **self._located_parameters(inner, rest, folder)}

    def relative_parameters(
        self, thing: BaseModel, parameters: Mapping[str, object], folder: Path
    ) -> dict[str, object]:
        """Parameters of `thing` with paths that are relative to `folder`, those of nested things too."""
        places = {key for key, mark in whereabouts(type(thing)).items() if mark.path}
        found = {
            key: relative_to(value, folder) if key in places and isinstance(value, str) else value
            for key, value in parameters.items()
        }
        for key in nested(type(thing)):
            given = found[key]
            entries = given if isinstance(given, list) else [given]
            moved = [
                self._relative_entry(*each, folder) for each in zip(parts_at(thing, key), entries, strict=True)
            ]
            found[key] = moved if isinstance(given, list) else moved[0]
        return found

    def _relative_entry(self, thing: BaseModel, entry: object, folder: Path) -> dict[str, object]:
        assert isinstance(entry, dict)
        rest = self.relative_parameters(thing, entry, folder)
        return rest | {"name": self.relative(str(entry["name"]), folder)}

    def _check_named(self, name: str) -> None:
        found = self.find(name)
        base = load_object(self.base)
        assert isinstance(base, type)
        derived = isinstance(found, type) and issubclass(found, base)
        if derived and hasattr(found, "foreign_code"):
            raise DilemmaError(f"{name} is an adapter: name what it adapts, path/to/file.py:name")
        if not derived and ":" in name and not is_file(name):
            raise DilemmaError(
                f"{name} is not derived from {base.__name__}, as all that is named package.module:Class must be; "
                f"a function or another class is named by its file, path/to/file.py:{name.rpartition(':')[2]}"
            )

    def located(self, name: str, folder: Path) -> str:
        """A name with the full path of its file; paths are relative to `folder`."""
        return self._with_path(name, lambda path: absolute_path(path, folder))

    def relative(self, name: str, folder: Path) -> str:
        """A name with the path of its file relative to `folder`."""
        return self._with_path(name, lambda path: relative_to(path, folder))

    def _with_path(self, name: str, place: Callable[[str], str]) -> str:
        """A name with another path of its file, if it has one."""
        prefix, rest = self._split(name)
        if not is_file(rest):
            return name
        path, _, attribute = rest.rpartition(":")
        return f"{prefix}{place(path)}:{attribute}"

    def bare(self, name: str, thing: BaseModel) -> str:
        """A name without module and path, for code that is identified by its digest."""
        prefix, rest = self._split(name)
        own = f"{prefix}:{rest.rpartition(':')[2]}" if ":" in rest else name
        inner = [self.bare(self.name_of(part), part) for part in parts(thing)]
        return f"{own}({', '.join(inner)})" if inner else own

    def _split(self, name: str) -> tuple[str, str]:
        """An adapter's prefix with its colon, and the rest."""
        prefix, _, rest = name.partition(":")
        return (f"{prefix}:", rest) if rest and prefix in self.adapters else ("", name)

    def digest(self, name: str, thing: BaseModel) -> str:
        """The digest of the code behind a name and of the version of its package; "" for ours.

        What is nested in one of ours counts as its code.
        """
        if name in self.builtin:
            return "".join(self.digest(self.name_of(part), part) for part in parts(thing))
        code = thing.foreign_code if isinstance(thing, HasForeignCode) else type(thing)
        point = self.plugins.get(name)
        version = f"{point.dist.name} {point.dist.version}" if point and point.dist else ""
        return digest_of(code, version)

    def parameters(self, name: str, thing: BaseModel) -> dict[str, object]:
        """The parameters with which `build` makes `thing` again."""
        own = name == self.name_of(thing)
        adapted = isinstance(thing, Adapted) if own else self.model(name) is None
        if not adapted:
            return thing.model_dump(mode="json")
        # An adapter made it: the name gave the field without a default, and `parameters` holds the foreign ones.
        named = {key for key, field in type(thing).model_fields.items() if field.is_required()}
        known: dict[str, object] = thing.model_dump(mode="json", exclude=named)
        given = known.pop("parameters")
        assert isinstance(given, dict)
        return {**given, **known}

    def name_of(self, thing: BaseModel) -> str:
        """The name by which a config makes a thing: registered, or an import path.

        In angle brackets where there is none, as for what is defined in a function.
        """
        if isinstance(thing, Adapted):
            return thing.adapted_name
        path = import_path(type(thing))
        ours = {value: name for name, value in self.builtin.items()}
        theirs = {point.value.replace(" ", ""): name for name, point in self.plugins.items()}
        return ours.get(path) or theirs.get(path) or path

    def whereabouts_of(self, thing: BaseModel) -> tuple[str, ...]:
        """The parameters of `thing` that say where something lies, those of nested things as `of.run`.

        Of the third of several things, as `of.2.run`.
        """
        found = list(whereabouts(type(thing)))
        for key in nested(type(thing)):
            several = isinstance(getattr(thing, key), tuple)
            for index, part in enumerate(parts_at(thing, key)):
                place = f"{key}.{index}" if several else key
                found += [f"{place}.{inner}" for inner in self.whereabouts_of(part)]
                if self.digest(self.name_of(part), part):
                    found.append(f"{place}.name")  # its digest and its bare name stand for it
        return tuple(found)

    def names_in(self, name: str, parameters: Mapping[str, object]) -> Iterator[str]:
        """The names that a config's entry has: its own, and those of nested things. Only ours are imported."""
        yield name
        model = self.model(name) if name in self.builtin else None
        for key in nested(model) if model else ():
            given = parameters.get(key)
            for entry in given if isinstance(given, list) else [given]:
                if isinstance(entry, str):
                    yield from self.names_in(entry, {})
                elif isinstance(entry, Mapping):
                    yield from self.names_in(str(entry.get("name")), entry)

    def reaches_workers(self, name: str, thing: BaseModel) -> bool:
        """Whether another process can find this name; it can not where a script or a notebook defines it."""
        if name in self.builtin or name in self.plugins:
            return all(self.reaches_workers(self.name_of(part), part) for part in parts(thing))
        prefix, _, rest = name.partition(":")
        path = rest if prefix in self.adapters else name
        return ":" not in path or reaches_workers(path)


def whereabouts(model: type[BaseModel]) -> dict[str, Whereabouts]:
    """The parameters of a class that say where something lies."""
    fields = model.model_fields.items()
    return {name: mark for name, field in fields for mark in field.metadata if isinstance(mark, Whereabouts)}


def nested(model: type[BaseModel]) -> list[str]:
    """The parameters of a class that are other things of the same kind."""
    fields = model.model_fields.items()
    return [name for name, field in fields if any(isinstance(mark, Nested) for mark in field.metadata)]


def parts(thing: BaseModel) -> list[BaseModel]:
    """The things that are nested in one."""
    return [part for key in nested(type(thing)) for part in parts_at(thing, key)]


def parts_at(thing: BaseModel, key: str) -> list[BaseModel]:
    """The things that are nested in one by the parameter `key`."""
    value = getattr(thing, key)
    return list(value) if isinstance(value, tuple) else [value]


def one_or_each(given: object, change: Callable[[object], object]) -> object:
    """What is nested as one thing or a list of things, each changed."""
    return [change(each) for each in given] if isinstance(given, list) else change(given)


def is_file(name: str) -> bool:
    """Whether a name is `path/to/file.py:Name`."""
    return name.rpartition(":")[0].endswith(".py")


def absolute_path(path: str, folder: Path) -> str:
    """`path` in `folder` as an absolute path; a link to a file stays a link."""
    return os.path.abspath(Path(os.path.realpath(folder), path))


def relative_to(path: str, folder: Path) -> str:
    """`path` relative to `folder`; absolute where there is no relative path."""
    try:
        return Path(os.path.relpath(path, os.path.realpath(folder))).as_posix()
    except ValueError:  # another drive
        return path


def _call(adapter: str, name: str, parameters: Mapping[str, object]) -> BaseModel:
    from pydantic import BaseModel

    make = load_object(adapter)
    assert callable(make)
    made = make(name, parameters)
    assert isinstance(made, BaseModel)
    return made


def import_path(thing: object) -> str:
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
    # Where a link leads to is asked only of what may come from a file: it takes long.
    from_file = module.__name__.startswith(f"{file.stem}_") and module.__name__ == _module_name(file)
    return f"{file if from_file else module.__name__}:{name}"


def reaches_workers(path: str) -> bool:
    """Whether another process finds the object at this import path."""
    where, _, _ = path.rpartition(":")
    if path.startswith("<") or where == "__main__":
        return False
    return where.endswith(".py") or importable(where)


def importable(module: str) -> bool:
    """Whether another process with the same paths would find a module where it was found here."""
    known, (package, _, _) = sys.modules.get(module), module.rpartition(".")
    if known is None:
        return True  # it will be imported by its name here, too
    if package and not importable(package):
        return False
    folders = getattr(sys.modules.get(package), "__path__", None)
    specs = (finder.find_spec(module, folders) for finder in sys.meta_path if hasattr(finder, "find_spec"))
    spec = next(filter(None, specs), None)
    return spec is not None and spec.origin == getattr(known.__spec__, "origin", None)


def load_object(path: str) -> object:
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
    """The module in a file, imported under a name of its own, and again when the file has changed."""
    if not path.is_file():
        raise DilemmaError(f"there is no file {path}")
    name = _module_name(path)
    known = sys.modules.get(name)
    if known is not None and source_text(known) == plain_text(_decoded(path)):
        return known
    spec = importlib.util.spec_from_file_location(name, path, loader=_UncachedLoader(name, str(path)))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        source_text(module)  # as it is now
    except BaseException:
        del sys.modules[name]
        raise
    return module


class _UncachedLoader(SourceFileLoader):
    """Compiles the text of the file: cached bytecode may be older, by less than a second."""

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


def _decoded(path: Path) -> str:
    return importlib.util.decode_source(path.read_bytes())


def _module_name(path: Path) -> str:
    """The name of the module in a file."""
    return f"{path.stem}_{hashlib.blake2b(str(path.resolve()).encode(), digest_size=6).hexdigest()}"
