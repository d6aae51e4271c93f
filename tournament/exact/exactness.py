"""Which matches have exact payoffs: those of finite automata in repeated games of two players with two actions, as
expectations of a Markov chain, and those in which nothing is left to chance, once they are played."""

from __future__ import annotations

from ...agents.agent import Agent
from ...agents.fixed_action import FixedAction
from ...envs.environment import Environment
from ...envs.matrix_game import two_by_two
from .chain import too_rare


def why_no_chain(agent: Agent, game: Environment) -> str | None:
    """Why the payoff of `agent` in `game` is no Markov chain's, as a clause; None if it is."""
    repeated = two_by_two(game)
    if repeated is None:
        return f"{type(game).__name__} is not a repeated game of two players and two actions"
    automaton = agent.as_automaton(game)
    if automaton is None:
        return f"{type(agent).__name__} is not a finite automaton"
    return too_rare(automaton, repeated)


def why_not_exact(agent: Agent, game: Environment) -> str | None:
    """Why the payoff of `agent` in `game` is not known exactly, as a clause; None if it is."""
    if two_by_two(game) is None and game.certain:
        return None if _draws_nothing(agent, game) else f"{type(agent).__name__} may leave something to chance"
    return why_no_chain(agent, game)


def _draws_nothing(agent: Agent, game: Environment) -> bool:
    """Whether chance has no part in what it does; false where that isn't known."""
    if isinstance(agent, FixedAction):
        return True
    automaton = agent.as_automaton(game)
    return automaton is not None and automaton.deterministic
