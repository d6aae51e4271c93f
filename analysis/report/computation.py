"""How a run was computed, in words: seed, versions, machine, duration, commands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .facts import Call, Facts
from .words import lasting, listed, plural


def computation(facts: Facts) -> Iterator[str]:
    """A sentence each; a command stands at the end, as it was typed."""
    if "seed" in facts:
        yield (
            f"All chance follows from the seed {facts['seed']}: each random number depends on its match and its "
            "place in it, not on the number of workers or on what else was played."
        )
    calls = facts.get("calls", ())
    versions = [
        f"{name.capitalize() if name == 'python' else name} {version}"
        for name, version in facts.get("versions", {}).items()
        if name != "dilemma"
    ]
    commits = [commit[:12] for commit in dict.fromkeys(call["commit"] for call in calls) if commit]
    if versions:
        yield f"Versions: {listed(versions)}{f'; dilemma at commit {listed(commits)}' if commits else ''}."
    if calls:
        yield _duration(calls)
    if commands := [command for command in dict.fromkeys(call["command"] for call in calls) if command]:
        yield f"{'Commands' if len(commands) > 1 else 'Command'}: {'; '.join(commands)}"


def _duration(calls: Sequence[Call]) -> str:
    """How long it took, and on what."""
    known = [call["seconds"] for call in calls if call["seconds"] is not None]
    unknown = len(calls) - len(known)
    took = f"Playing took {lasting(sum(known))}" if known else "How long playing took is unknown"
    less = f" (without {unknown} that did not end by {'itself' if unknown == 1 else 'themselves'})"
    several = f" in {len(calls)} calls{less if known and unknown else ''}" if len(calls) > 1 else ""
    return f"{took}{several}, on {'; and on '.join(dict.fromkeys(map(_machine, calls)))}."


def _machine(call: Call) -> str:
    machine = call["machine"]
    parts = [plural(machine["cores"], "core")]
    if "memory" in machine:
        parts.append(f"{machine['memory'] / 2**30:.0f} GiB of memory")
    parts += [machine["accelerator"]] if "accelerator" in machine else []
    workers = plural(call["workers"], "worker process", "worker processes")
    return f"{machine['processor']} ({', '.join([*parts, machine['system']])}) with {workers}"
