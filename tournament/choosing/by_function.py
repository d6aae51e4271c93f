"""Choosers in plain Python: `choose_partner(history) -> bool`, a function or a method of an agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from ...agents.agent import Agent
from ...agents.plain import PlainAgent
from ...envs.catalogue import load_object
from ...envs.errors import DilemmaError
from ...envs.user_line import described
from .meetings import Indices, Meetings
from .rules import Flags

Choose: TypeAlias = Callable[[Sequence["Encounter"]], object]
METHOD = "choose_partner"


@dataclass(frozen=True)
class Encounter:
    """A match, as a chooser knows it afterwards."""

    partner: int
    """Number of the partner, from 0 in the order in which the chooser met them on this path."""
    payoff: float
    """The own payoff per round."""
    partner_payoff: float
    """The partner's; NaN where others' rewards are hidden."""
    measures: Mapping[str, float]
    """The own cooperation, measures and shares, means per round by name; NaN where the game has none."""
    partner_measures: Mapping[str, float]
    """The partner's; NaN where others' actions are hidden."""


class Histories:
    """The paths of a chooser, which is asked after each match with all that it has met so far."""

    def __init__(self, name: str, make: Callable[[], Choose], met: Sequence[Meetings]):
        self._name, self._make, self._met = name, make, met
        self._choose: dict[int, Choose] = {}
        self._seen: dict[int, list[Encounter]] = {}
        self._numbers: dict[int, dict[int, int]] = {}

    def decide(self, which: Indices, partner: Indices, path: Indices, match: int) -> Flags:
        """Whether it stays, on the paths `which`, after this match with these partners: all [path]."""
        return np.array(
            [
                self._asked(one, met, row, match)
                for one, met, row in zip(which.tolist(), partner.tolist(), path.tolist(), strict=True)
            ],
            dtype=np.bool_,
        )

    def _asked(self, which: int, partner: int, path: int, match: int) -> bool:
        if which not in self._choose:
            self._choose[which] = self._make()
        numbers = self._numbers.setdefault(which, {})
        seen = self._seen.setdefault(which, [])
        seen.append(_encounter(self._met[partner], path, match, numbers.setdefault(partner, len(numbers))))
        try:
            given = self._choose[which](tuple(seen))
        except DilemmaError:
            raise
        except Exception as error:
            raise DilemmaError(f"{self._name} fails: {described(error)}") from error
        if not isinstance(given, bool | np.bool_):
            raise DilemmaError(
                f"{self._name} returned {given!r:.60}; allowed: True, to stay with the partner, or False"
            )
        return bool(given)


def _encounter(met: Meetings, path: int, match: int, number: int) -> Encounter:
    own, other = (
        {name: float(values[path, match]) for name, values in measures.items()}
        for measures in (met.own, met.partner)
    )
    return Encounter(number, own.pop("payoff"), other.pop("payoff"), own, other)


def function_of(path: str) -> Choose:
    """The function at `path/to/file.py:name`. Raises DilemmaError if there is none."""
    try:
        found = load_object(path)
    except DilemmaError:
        raise
    except Exception as error:
        raise DilemmaError(f"{path} fails to import: {described(error)}") from error
    if not callable(found):
        raise DilemmaError(f"{Path(path).name} is no function; allowed: one that is called with the history")
    return found


def own_choice(agent: Agent) -> Callable[[], Choose] | None:
    """What makes an agent's own `choose_partner` for a path; None if it doesn't choose for itself."""
    if isinstance(agent, PlainAgent):
        code, given = agent.foreign_code, dict(agent.parameters)
        if isinstance(code, type) and hasattr(code, METHOD):
            return lambda: getattr(code(**given), METHOD)
        return None
    if not hasattr(agent, METHOD):
        return None
    return lambda: getattr(agent, METHOD)
