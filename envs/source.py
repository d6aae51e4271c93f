"""Source: the code behind a name, and its digest, which shows when the code has changed.

A digest is over the text of the code's module, of the modules that it imports from its own folder or package,
and of the modules of its base classes. Line ends and trailing spaces do not count; comments do. Code that a
script or a notebook defines has no module to read. There the functions themselves count, with their defaults,
the values that they close over, and the functions, classes, numbers and texts that they use.

Not covered: data files, modules that are found only during play, other installed packages. Python's own modules,
this package, the Axelrod library and PettingZoo have no digest.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Iterator
from functools import cached_property, lru_cache, partial
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Protocol, runtime_checkable

LIBRARIES = frozenset({"dilemma", "axelrod", "pettingzoo", "pydantic", *sys.stdlib_module_names}) - {"__main__"}
"""Packages whose code is known by their version."""
INSTALLED = frozenset({"site-packages", "dist-packages"})
PLAIN = (bool, int, float, complex, str, bytes, type(None), tuple, frozenset)


@runtime_checkable
class HasForeignCode(Protocol):
    """What an adapter makes of a user's code."""

    @property
    def foreign_code(self) -> object:
        """That code: a function or a class."""


def digest_of(code: object, version: str = "") -> str:
    """16 hexadecimal digits for a function or class and, if it has one, the version that it comes with.

    Empty for code that has no digest.
    """
    texts = sorted(set(_texts(code)))
    if not texts:
        return ""
    digest = hashlib.blake2b(version.encode(), digest_size=8)
    for text in texts:
        digest.update(b"\0" + text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _texts(code: object) -> Iterator[str]:
    """All texts that count."""
    if isinstance(code, partial):
        yield from _texts(code.func)
        yield _stable((code.args, sorted(code.keywords.items())))
    elif isinstance(code, MethodType):
        yield from _texts(code.__func__)
    elif isinstance(code, type):
        for base in code.__mro__:
            if base is code or not _is_installed_apart(base, code):
                yield from _of(base)
    elif isinstance(code, FunctionType):
        yield from _of(code)
    elif code is not None:
        yield from _texts(type(code))


def _of(code: type | FunctionType) -> Iterator[str]:
    """The texts of a function, or of a class without its bases."""
    if _is_of_a_library(code.__module__):
        return
    module = sys.modules.get(code.__module__)
    if module is None or code.__module__ == "__main__" or source_text(module) is None:
        yield from _written(code, set())
        return
    yield from _texts_of(module)
    if isinstance(code, FunctionType) and code.__closure__:  # the module makes several of it
        yield from _surroundings(code, set())


def _is_of_a_library(module: str | None) -> bool:
    return module is None or module.partition(".")[0] in LIBRARIES


def _is_installed_apart(base: type, code: type) -> bool:
    """Whether a base class belongs to another installed package: then its version identifies it."""
    file = getattr(sys.modules.get(base.__module__), "__file__", None) or ""
    apart = base.__module__.partition(".")[0] != code.__module__.partition(".")[0]
    return apart and not INSTALLED.isdisjoint(Path(file).parts)


# Modules.


_READ: dict[str, tuple[ModuleType, frozenset[object], str | None]] = {}
"""Modules as they were when their text was read: a file that changes later is not the imported one."""


def source_text(module: ModuleType) -> str | None:
    """The text of a module as it was imported; None where it is not available."""
    known, now = _READ.get(module.__name__), frozenset(_contents(module))
    if known is None or known[0] is not module or known[1] != now:
        known = _READ[module.__name__] = (module, now, _read(module))
    return known[2]


def _contents(module: ModuleType) -> Iterator[object]:
    """The code and the constants of a module."""
    for name, value in list(vars(module).items()):
        if isinstance(value, type) and value.__module__ == module.__name__:
            yield from (function.__code__ for function in map(_function_in, vars(value).values()) if function)
        elif isinstance(value, FunctionType):
            yield value.__code__
        elif isinstance(value, PLAIN):
            yield name, _constant(value)


def _read(module: ModuleType) -> str | None:
    return _source(module.__name__, getattr(module, "__spec__", None))


def _source(name: str, spec: ModuleSpec | None) -> str | None:
    """The text of a module; from its file where its loader gives none, as loaders that rewrite code do."""
    loader = getattr(spec, "loader", None)
    if not hasattr(loader, "get_source") and spec is not None and str(spec.origin).endswith(".py"):
        loader = SourceFileLoader(name, str(spec.origin))
    try:
        text = loader.get_source(name) if loader is not None else None
    except (AttributeError, ImportError, OSError, SyntaxError, UnicodeDecodeError):
        return None
    return None if text is None else plain_text(text)


def plain_text(text: str) -> str:
    """A text without line ends and trailing spaces."""
    return "\n".join(line.rstrip() for line in text.splitlines())


def _texts_of(module: ModuleType) -> Iterator[str]:
    """The texts of a module, and of the modules it imports from its folder or package, recursively."""
    top = sys.modules.get(module.__name__.partition(".")[0])
    paths = list(getattr(top, "__path__", ()))
    folder = Path(paths[0] if paths else Path(module.__file__ or "").parent).resolve()
    names = [module.__name__]
    for name in names:  # the list grows
        text = _text_named(name, folder) if name != module.__name__ else source_text(module)
        if text is None:
            continue
        yield text
        if folder.name not in INSTALLED:
            names += [other for other in _imported(name, text) if other not in names]


def _imported(name: str, text: str) -> list[str]:
    """The names that a module imports and that may be modules."""
    package = name if hasattr(sys.modules.get(name), "__path__") else name.rpartition(".")[0]
    found = []
    for level, base, parts in _imports(text):
        above = package.split(".")[: len(package.split(".")) - level + 1] if level else []
        whole = ".".join([*above, *([base] if base else [])])
        if whole and not _is_of_a_library(whole):
            found += [whole, *(f"{whole}.{part}" for part in parts)]
    return found


@lru_cache(maxsize=1024)
def _imports(text: str) -> tuple[tuple[int, str, tuple[str, ...]], ...]:
    """What a text imports: the number of packages above, from where, and the names."""
    found: list[tuple[int, str, tuple[str, ...]]] = []
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):  # in a file that has not been imported
        return ()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(0, alias.name, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or "", tuple(alias.name for alias in node.names)))
    return tuple(found)


def _text_named(name: str, folder: Path) -> str | None:
    """The text of a module that lies in a folder, imported or not; None where there is none."""
    module = sys.modules.get(name)
    if module is not None:
        return source_text(module) if _lies_in(getattr(module, "__file__", None), folder) else None
    package = name.rpartition(".")[0]
    if package and not hasattr(sys.modules.get(package), "__path__"):
        return None  # it holds no modules
    try:
        spec = importlib.util.find_spec(name)
        if spec is None or not _lies_in(spec.origin, folder):
            return None
        return _source(name, spec)
    except (ImportError, AttributeError, ValueError, OSError):
        return None


def _lies_in(file: object, folder: Path) -> bool:
    if not isinstance(file, str):
        return False
    real = Path(os.path.realpath(file))
    return real.is_relative_to(folder) and INSTALLED.isdisjoint(real.relative_to(folder).parts)


# What a script or a notebook defines.


def _written(code: type | FunctionType, seen: set[int]) -> Iterator[str]:
    """The code of a function or class itself, and what it uses from its surroundings."""
    from pydantic import BaseModel  # late, as a listing of names needs none

    if id(code) in seen:
        return
    seen.add(id(code))
    if isinstance(code, FunctionType):
        yield _function_text(code)
        yield _stable((code.__defaults__, sorted((code.__kwdefaults__ or {}).items())))
        yield from _surroundings(code, seen)
        return
    yield code.__qualname__
    if issubclass(code, BaseModel):
        for name, field in code.model_fields.items():
            yield f"{name}: {_stable(field)}"
    for name, value in vars(code).items():
        function = _function_in(value)
        if function is not None and function.__module__ == code.__module__ and "annotate" not in name:
            yield from _written(function, seen)
        elif isinstance(value, PLAIN) and not name.startswith("__"):
            yield f"{name} = {_constant(value)}"


def _function_in(value: object) -> FunctionType | None:
    """A method's function, however it is wrapped."""
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    elif isinstance(value, property):
        value = value.fget
    elif isinstance(value, cached_property):
        value = value.func
    return value if isinstance(value, FunctionType) else None


def _function_text(function: FunctionType) -> str:
    try:
        return plain_text(inspect.getsource(function))
    except (OSError, TypeError):
        return _code_text(function.__code__)


def _surroundings(function: FunctionType, seen: set[int]) -> Iterator[str]:
    """What a function closes over, and what it uses from its module."""
    values: dict[str, object] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            values[name] = cell.cell_contents
        except ValueError:  # not yet bound
            continue
    if _module_text(function) is None:
        around = function.__globals__
        values |= {name: around[name] for name in _names(function.__code__) if name in around}
    for name, value in sorted(values.items()):
        if isinstance(value, PLAIN):
            yield f"{name} = {_constant(value)}"
        elif isinstance(value, type | FunctionType) and not _is_of_a_library(value.__module__):
            yield from _written(value, seen)


def _module_text(function: FunctionType) -> str | None:
    module = sys.modules.get(function.__module__)
    return None if module is None or function.__module__ == "__main__" else source_text(module)


def _names(code: CodeType) -> set[str]:
    """The names that code looks up, including those in nested code."""
    return set(code.co_names).union(*(_names(part) for part in code.co_consts if isinstance(part, CodeType)))


def _code_text(code: CodeType) -> str:
    """Code without its lines: the same for the same text under one version of Python."""
    constants = [_code_text(part) if isinstance(part, CodeType) else _constant(part) for part in code.co_consts]
    return repr((code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants))


def _stable(value: object) -> str:
    """The text of a value, without memory addresses."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def _constant(value: object) -> str:
    """A constant as text; sets are sorted."""
    if isinstance(value, frozenset):
        return repr(sorted(map(_constant, value)))
    return repr(tuple(map(_constant, value))) if isinstance(value, tuple) else _stable(value)
