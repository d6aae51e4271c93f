"""The manifest of a run: what readers need of it, each of its type; whatever else it says is allowed."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError


class _Environment(BaseModel):
    """What the analysis knows of an environment; older manifests have `symmetric` in place of `roles`."""

    model_config = ConfigDict(extra="allow", strict=True)

    seats: int
    roles: list[str] | None = None
    symmetric: bool | None = None
    title: str = ""
    leagues: list[list[str]] = []
    optimum: float | None = None
    extremes: list[float] | None = None
    note: str = ""
    shares: dict[str, list[str]] = {}
    versions: dict[str, str] = {}
    board: bool = False


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    games: dict[str, _Environment]
    name: str = ""
    learners: list[str] = []
    sources: dict[str, dict[str, str]] = {}
    properties: dict[str, dict[str, str]] = {}
    versions: dict[str, str] = {}
    faults: dict[str, str] = {}
    started: str | None = None
    finished: str | None = None
    asked: int | None = None
    counts: dict[str, int] = {}
    evolution: list[str] = []
    choosing: list[str] = []
    shard: str = ""


def is_manifest(facts: dict[str, Any]) -> bool:
    """Whether this is what a run's manifest holds."""
    try:
        games = _Manifest.model_validate(facts).games.values()
    except ValidationError:
        return False
    return all(
        game.symmetric is not None if game.roles is None else len(game.roles) == game.seats for game in games
    )
