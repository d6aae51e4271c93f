"""Which matches have exact payoffs: finite automata in repeated games of two players with two actions."""

from __future__ import annotations

from ...agents.agent import Agent
from ...envs.environment import Environment
from ...envs.matrix_game import two_by_two
from .chain import too_rare


def why_not_exact(agent: Agent, game: Environment) -> str | None:
    """Why the payoff of `agent` in `game` has to be played, as a clause; None if it can be computed."""
    repeated = two_by_two(game)
    if repeated is None:
        return f"{type(game).__name__} is not a repeated game of two players and two actions"
    automaton = agent.as_automaton(game)
    if automaton is None:
        return f"{type(agent).__name__} is not a finite automaton"
    return too_rare(automaton, repeated)
