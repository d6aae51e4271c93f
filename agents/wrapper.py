"""Agents around another one: what holds of them is what holds of the one inside, unless they say otherwise."""

from __future__ import annotations

from typing import Annotated

from ..envs.catalogue import Nested
from ..envs.environment import Environment
from .agent import Agent
from .any_agent import AnyAgent


class Wrapper(Agent):
    """An agent that has another one play."""

    of: Annotated[AnyAgent, Nested()]

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        return self.of.needs

    @property
    def learns(self) -> bool:  # type: ignore[override]
        return self.of.learns

    @property
    def slow(self) -> bool:  # type: ignore[override]
        return self.of.slow

    def refuses(self, game: Environment) -> str | None:
        return self.of.refuses(game)

    def refuses_role(self, game: Environment, role: str) -> str | None:
        return self.of.refuses_role(game, role)

    def kept_runs(self, game: Environment) -> int | None:
        return self.of.kept_runs(game)

    @property
    def version_of(self) -> str:
        from . import CATALOGUE

        return self.of.version_of or CATALOGUE.name_of(self.of)
