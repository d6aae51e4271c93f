"""What a report is told of its run: what was asked, what came of it, where and how long it was played."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypeAlias, TypedDict

Parameters: TypeAlias = Mapping[str, Mapping[str, object]]


class Machine(TypedDict):
    """A machine that played."""

    processor: str
    cores: int
    system: str
    memory: NotRequired[int]
    """In bytes."""
    accelerator: NotRequired[str]
    """Where learners were, if not on the processor."""


class Call(TypedDict):
    """A call that added to a run."""

    command: str | None
    """As it was typed; None from Python."""
    started: str
    seconds: float | None
    """None if it was killed, or is under way."""
    workers: int
    machine: Machine
    versions: Mapping[str, str]
    commit: str | None
    """Of the checkout that the code lies in; None if it is installed."""


class Facts(TypedDict, total=False):
    """Facts on the run, shown in the page; each may be missing."""

    title: str
    run: str
    """The run folder, as it was named."""
    seed: int
    agents: Parameters
    """Label -> parameters."""
    environments: Parameters
    sources: Mapping[str, Mapping[str, str]]
    """`agents` and `environments`: label -> who published it, "" if nobody is named."""
    learners: Sequence[str]
    """Labels of the agents that learn."""
    schedule: Mapping[str, object]
    """Who was to meet whom, and how often: this and the next two are sections of the config."""
    evaluation: Mapping[str, object]
    learning: Mapping[str, object]
    calls: Sequence[Call]
    properties: Mapping[str, Mapping[str, str]]
    """Label -> properties of the agent in words, those that are known."""
    versions: Mapping[str, str]
    counts: Mapping[str, object]
    left: int
    """Matches that are still to be played."""
    damaged: Sequence[str]
    """Parts of the run that can't be read, and why: a sentence each."""
    failures: Sequence[Mapping[str, object]]
    """Each with its `reason`, its `cast` and its `setting`."""
    notes: Sequence[str]
