"""Failures by kind: which agents failed for which reason, and how often."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

Failures = Sequence[Mapping[str, object]]
"""Of matches: `cast`, the labels by seat; `blamed`, those at fault, where known; `setting`; `reason`."""


@dataclass(frozen=True)
class Kind:
    """Matches that failed for one reason."""

    agents: tuple[str, ...]
    """Who was at fault; where that is not known, who sat in all of them."""
    environments: tuple[str, ...]
    reason: str
    """Of the first of them: others may differ in their numbers."""
    matches: int


def failure_kinds(failures: Failures) -> list[Kind]:
    """Failures by reason, whatever numbers it has, and by the agents at fault; the most first.

    Where nobody is known to be at fault, the agent that sat in most matches of a reason stands for those, then the
    same of what is left.
    """
    by_reason: dict[str, list[Mapping[str, object]]] = {}
    for failure in failures:
        by_reason.setdefault(re.sub(r"\d+", "#", str(failure["reason"])), []).append(failure)
    found = [kind for alike in by_reason.values() for kind in _by_agents(alike)]
    return sorted(found, key=lambda kind: -kind.matches)


def _by_agents(failures: Failures) -> Iterator[Kind]:
    """Failures of one reason, told apart by who sat in them."""
    left = list(failures)
    while left:
        count = Counter(label for failure in left for label in dict.fromkeys(_suspects(failure)))
        [(agent, _)] = count.most_common(1)
        own = [failure for failure in left if agent in _suspects(failure)]
        agents = [label for label in count if all(label in _suspects(failure) for failure in own)]
        settings = tuple(dict.fromkeys(str(failure["setting"]) for failure in own))
        yield Kind(tuple(agents), settings, str(own[0]["reason"]), len(own))
        left = [failure for failure in left if agent not in _suspects(failure)]


def _suspects(failure: Mapping[str, object]) -> Sequence[str]:
    found = failure.get("blamed") or failure["cast"]
    assert isinstance(found, Sequence)
    return found


def unranked_text(
    ranking: pd.DataFrame, failures: Failures, background: Collection[str] = ()
) -> dict[str, list[str]]:
    """Agents of failed matches that have no rank, by environment."""
    ranked = ranking[ranking["rank"].notna()]
    known = set(zip(ranked["environment"].astype(str), ranked["agent"].astype(str), strict=True))
    gone: dict[str, list[str]] = {}
    for environment, label in dict.fromkeys(
        (str(f["setting"]), label) for f in failures for label in _suspects(f)
    ):
        if (environment, label) not in known and label not in background:
            gone.setdefault(environment, []).append(label)
    return gone
