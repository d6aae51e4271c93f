"""What a report is told of its run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, TypedDict

Parameters: TypeAlias = Mapping[str, Mapping[str, object]]


class Facts(TypedDict, total=False):
    """Facts on the run, shown in the page; each may be missing."""

    title: str
    seed: int
    agents: Parameters
    """Label -> parameters."""
    environments: Parameters
    versions: Mapping[str, str]
    counts: Mapping[str, object]
    failures: Sequence[Mapping[str, object]]
    """Each with its `reason`, its `cast` and its `setting`."""
    notes: Sequence[str]
