"""Explains a mechanism of a run: rules are fitted to what it allocated, for which its matches are played again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from .analysis.behaviour.allocation_rules import Explanation, explain
from .envs.errors import DilemmaError
from .replay import chosen_environment
from .tournament.allocations import allocations
from .tournament.chunk import Failure
from .tournament.config import load
from .tournament.run_folder import RunFolder
from .written import writing


def explained(store: RunFolder, label: str, environment: str | None, tell: Callable[[str], None]) -> Explanation:
    """What explains the mechanism `label` of a run. `tell` hears of matches that fail when played again.

    Raises DilemmaError where there is nothing to explain, or scikit-learn is missing.
    """
    _check_library()
    store.check_schema()
    plan, seats = load(str(store.config_path)), store.seats()
    known = [entrant.label for entrant in plan.entrants]
    if label not in known:
        raise DilemmaError(f"{store.path} has no agent {label!r}; it has {', '.join(known)}")
    here = chosen_environment(_environments_of(seats, label), environment)

    def failed(failure: Failure) -> None:
        tell(f"match {failure.match} fails now: {failure.reason}")

    found = allocations(plan, seats, label, here, failed)
    try:
        return explain(
            label,
            here,
            pool=found.pool,
            got=found.got,
            returned=found.returned,
            shares=found.shares,
            match=found.match,
            run=found.run,
            seed=plan.seed,
        )
    except ValueError as error:
        raise DilemmaError(f"{label} in {here} can't be explained: {error}") from error


def _environments_of(seats: pd.DataFrame, label: str) -> list[str]:
    """Where the agent has played."""
    mine = seats[seats["agent"].astype(str) == label]
    found = [str(name) for name in mine["environment"].unique()]
    if not found:
        raise DilemmaError(f"{label} has played no match")
    return found


def _check_library() -> None:
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise DilemmaError("explain needs scikit-learn: pip install dilemma[explain]") from error


def keep(store: RunFolder, explanation: Explanation) -> Path:
    """Store an explanation in the run folder, for its report."""
    config = store.asked()
    known = {
        "environment": _identity(config["environments"], explanation.environment),
        "agent": _identity(config["agents"], explanation.agent),
    }
    path = store.explained_path / f"{known['agent']}-{known['environment']}.json"
    with writing(path) as file:
        file.write(json.dumps({**explanation.as_json(), "known": known}, indent=1).encode())
    return path


def _identity(entries: Sequence[Mapping[str, Any]], label: str) -> str:
    return next(str(entry["known"]["identity"]) for entry in entries if entry["label"] == label)


def lines(explanation: Explanation) -> Iterator[str]:
    """What `dilemma explain` prints: both rules, and the entry of a config that plays the fitted one."""
    exponent, tree = explanation.exponent, explanation.tree
    yield (
        f"{explanation.agent} in {explanation.environment}: {explanation.samples:,} allocations in "
        f"{explanation.matches:,} matches; it leaves {explanation.kept:.1%} of the pool on average."
    )
    yield ""
    yield (
        f"Interpolating rule, w = (R / capacity)^k:  k = {exponent.best:.3g}, 95 % interval {exponent.low:.3g} to "
        f"{exponent.high:.3g}; R^2 = {exponent.explained:.3f}"
    )
    if exponent.by_run:
        yield f"  by trained run: k = {', '.join(f'{each:.3g}' for each in exponent.by_run)}"
    yield f"Regression tree of {tree.leaves} leaves, R^2 = {tree.explained:.3f} in matches not fitted to:"
    yield from (f"  {line}" for line in tree.text.splitlines())
    yield ""
    yield "To play the rule in the same league, add to the config:"
    yield ""
    for line in (
        "[[agents]]",
        'name = "interpolating_mechanism"',
        f'label = "rule_of_{explanation.agent}"',
        f"exponent = {exponent.best:.4g}",
        'roles = ["mechanism"]',
    ):
        yield f"  {line}"
