"""Who may play: why an agent can't play a game, or take a role in it."""

from __future__ import annotations

from ..agents.agent import Agent
from ..envs.environment import Environment
from .reasons import clean, reason


def why_not(agent: Agent, game: Environment, role: str | None = None, called: str = "it") -> str | None:
    """Why `agent` can't take `role` in `game`, or any role where none is given, as a clause; None if it can.

    The clause says of whom it speaks by `called`. What the agent raises when it is asked is a reason, too.
    """
    try:
        told: object = agent.refuses(game)
        agent.as_automaton(game)
        if told is None:
            roles = dict.fromkeys(game.roles) if role is None else [role]
            refused: list[object] = [agent.refuses_role(game, each) for each in roles]
            told = None if None in refused else refused[0]
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # an agent's own code: nothing that it raises may end more than this
        return f"asked about it, {called} raised {reason(error)}"
    if told is not None and not isinstance(told, str):
        return f"`refuses` gave an object of type {type(told).__name__}; allowed is None or the end of a sentence"
    if told:
        return f"{called} {clean(told)}"
    missing = sorted(agent.needs - game.grants)
    return f"{called} needs {' and '.join(missing)}, which this environment does not grant" if missing else None
