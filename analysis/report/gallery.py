"""Replays of matches: shown in the page for environments with a board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Scene:
    """A drawn match."""

    title: str
    drawing: str
    """An SVG element, inserted unescaped."""
    command: str = ""
    """The command that replays it; empty if the run is not stored."""


@dataclass(frozen=True)
class Gallery:
    """The scenes of an environment, and remarks on those that are not shown."""

    scenes: Sequence[Scene] = ()
    remarks: Sequence[str] = ()
