"""Failures by kind: which agents failed for which reason, and how often."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

FILE = "failures.csv"
BETWEEN = " | "
"""Between agents in a column of the file."""
_NUMBER = re.compile(r"(?<!\bline )(?<!\d)\d+")
"""Numbers but those of lines in a file."""
Failures = Sequence[Mapping[str, object]]
"""Failed matches: `cast`, the labels by seat; `blamed`, those at fault if known; `setting`; `reason`."""


@dataclass(frozen=True)
class FailureKind:
    """Matches that failed for one reason."""

    agents: tuple[str, ...]
    """The agents at fault; if unknown, those seated in all of these matches."""
    environments: tuple[str, ...]
    reason: str
    """The reason of the first of them; others may have different numbers in it."""
    matches: int


def failure_kinds(failures: Failures) -> list[FailureKind]:
    """Failures grouped by reason, and by the agents at fault; largest group first.

    Reasons that differ in numbers, except those of lines in a file, are one. If no agent is known to be at fault,
    the agent seated in most matches with a reason is taken for those, and so on for the rest.
    """
    by_reason: dict[str, list[Mapping[str, object]]] = {}
    for failure in failures:
        by_reason.setdefault(_NUMBER.sub("#", str(failure["reason"])), []).append(failure)
    found = [kind for alike in by_reason.values() for kind in _by_agents(alike)]
    return sorted(found, key=lambda kind: -kind.matches)


def failures_table(failures: Failures) -> pd.DataFrame:
    """A row for each failed match: who sat in it by seat, who is at fault if that is known, and why it failed."""
    return pd.DataFrame(
        {
            "environment": [failure["setting"] for failure in failures],
            "repetition": [failure.get("repetition") for failure in failures],
            "cast": [_joined(failure["cast"]) for failure in failures],
            "blamed": [_joined(failure.get("blamed") or ()) for failure in failures],
            "reason": [failure["reason"] for failure in failures],
        }
    )


def _joined(labels: object) -> str:
    assert isinstance(labels, Sequence)
    return BETWEEN.join(labels)


def _by_agents(failures: Failures) -> Iterator[FailureKind]:
    """Failures with one reason, grouped by agents."""
    left = list(failures)
    while left:
        count = Counter(label for failure in left for label in dict.fromkeys(_suspects(failure)))
        [(agent, _)] = count.most_common(1)
        own = [failure for failure in left if agent in _suspects(failure)]
        agents = [label for label in count if all(label in _suspects(failure) for failure in own)]
        settings = tuple(dict.fromkeys(str(failure["setting"]) for failure in own))
        yield FailureKind(tuple(agents), settings, str(own[0]["reason"]), len(own))
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
