"""Eligibility: why an agent cannot play a game, or take a role in it."""

from __future__ import annotations

from ..agents.agent import Agent
from ..envs.environment import Environment
from .reasons import clean, reason


def why_not(agent: Agent, game: Environment, role: str | None = None, called: str = "it") -> str | None:
    """Why `agent` cannot take `role` in `game` (without `role`: any role), as a clause; None if it can.

    `called` is the subject of the clause. An exception raised by the agent's methods is a reason, too.
    """
    try:
        refusal: object = agent.refuses(game)
        agent.as_automaton(game)
        if refusal is None:
            roles = dict.fromkeys(game.roles) if role is None else [role]
            refused: list[object] = [agent.refuses_role(game, each) for each in roles]
            refusal = None if None in refused else refused[0]
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the agent's code may raise anything
        return f"asked about it, {called} raised {reason(error)}"
    if refusal is not None and not isinstance(refusal, str):
        return (
            f"`refuses` gave an object of type {type(refusal).__name__}; allowed is None or the end of a sentence"
        )
    if refusal:
        return f"{called} {clean(refusal)}"
    missing = sorted(agent.needs - game.grants)
    return f"{called} needs {' and '.join(missing)}, which this environment does not grant" if missing else None
