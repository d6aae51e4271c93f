"""Matches to look at: what the page has of an environment with a board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Scene:
    """A match, drawn."""

    title: str
    drawing: str
    """An SVG element, trusted as it is."""
    command: str = ""
    """What shows it again; nothing where the run is kept nowhere."""


@dataclass(frozen=True)
class Gallery:
    """The scenes of an environment, and what is to be said of those that aren't there."""

    scenes: Sequence[Scene] = ()
    remarks: Sequence[str] = ()
