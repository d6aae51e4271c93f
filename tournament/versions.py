"""Versions of what a result may depend on: a tournament is played with the same everywhere."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version

from ..version import VERSION

LIBRARIES = ("torch", "numpy", "scipy", "pandas", "joblib")
PLAYING = ("axelrod", "pettingzoo")
"""Libraries whose agents or environments may play; their versions count where they were imported."""


def versions() -> dict[str, str]:
    """Of everything that could change a result."""
    libraries = (*LIBRARIES, *(name for name in PLAYING if name in sys.modules))
    return {"python": platform.python_version(), "dilemma": VERSION, **{name: version(name) for name in libraries}}


def difference(expected: dict[str, str]) -> str | None:
    """What this process has in another version than expected, as text; None for nothing."""
    found = versions()
    other = [name for name in expected if found.get(name, expected[name]) != expected[name]]
    return ", ".join(f"{name} {found[name]} instead of {expected[name]}" for name in other) or None
