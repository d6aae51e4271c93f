"""When to stop trying: matches that would fail as others have just failed are failures unplayed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

FEW, CASTS = 3, 4
"""After so many failures in a row, alike, of a cast its other repetitions are given up; after so many casts alike,
and nothing that went well, their agent is."""
NOBODY = -1
"""Who is at fault where no agent is: the environment, or nobody knows."""


class Patience:
    """What has failed in matches of an environment, by who was at fault and why.

    Casts are told apart by whatever key they have.
    """

    def __init__(self, given_up: Mapping[int, str] | None = None):
        self.given_up: dict[int, str] = dict(given_up or {})
        """Agent -> why none of its matches is played any more."""
        self._failed: dict[tuple[int, str], Counter[Hashable]] = {}
        self._well: set[int] = set()

    def failed(self, guilty: Sequence[int], cast: Hashable, reason: str) -> None:
        """A match of the cast with this key failed by itself; `guilty` are the agents at fault."""
        for agent in guilty or (NOBODY,):
            counts = self._failed.setdefault((agent, reason), Counter())
            counts[cast] += 1
            if len(counts) >= CASTS and agent not in self._well:
                self.given_up[agent] = _unplayed(reason, counts.total())

    def went_well(self, agents: Sequence[int], casts: Sequence[Hashable]) -> None:
        """Matches of these casts, with these agents, were played."""
        self._well.update(agents, (NOBODY,))
        for agent in (*agents, NOBODY):
            self.given_up.pop(agent, None)
        for counts in self._failed.values():
            for cast in casts:
                counts.pop(cast, None)

    def hopeless(self, members: NDArray[np.int64], casts: NDArray[np.int64]) -> dict[int, tuple[int, str]]:
        """Of matches that are given up: place -> who is at fault, and why.

        `members` are agents [match, seat], `casts` keys [match].
        """
        found = self.tired(casts)
        for agent, reason in self.given_up.items():
            there = np.ones(len(members), dtype=np.bool_) if agent == NOBODY else (members == agent).any(1)
            found |= dict.fromkeys(there.nonzero()[0].tolist(), (agent, reason))
        return found

    def tired(self, casts: NDArray[np.int64]) -> dict[int, tuple[int, str]]:
        """Place -> who is at fault, and why, of casts [match] that have failed a few times in a row."""
        found = dict[int, tuple[int, str]]()
        for (agent, reason), counts in self._failed.items():
            keys = [cast for cast, count in counts.items() if count >= FEW and isinstance(cast, int)]
            for place in np.isin(casts, keys).nonzero()[0].tolist() if keys else ():
                found[place] = agent, _unplayed(reason, counts[int(casts[place])])
        return found

    def suspects(self, agents: Sequence[int]) -> list[int]:
        """Those of whom nothing ever went well."""
        return [agent for agent in agents if agent not in self._well]


def _unplayed(reason: str, count: int) -> str:
    return f"{reason} (not played: {count} such matches in a row have failed so)"
