"""Fuzzed configs: none may give a traceback, take more than 20 s, or more than a gibibyte.

Half are shipped configs, half are made at random from the catalogues; then keys and values are changed, and
sometimes the text itself. Each gets a dry run, and small ones are played.
"""

from __future__ import annotations

import datetime
import math
import re
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any

import tomli_w

from .attack import Case, command, main

TWO_PLAYERS = ("prisoners_dilemma", "stag_hunt", "chicken", "matrix_game", "donation_game", "coins", "policy_game")
Place = tuple[str | int, ...]


@cache
def shipped() -> tuple[str, ...]:
    """The texts of the shipped configs."""
    found = (entry for entry in files("dilemma.configs").iterdir() if entry.name.endswith(".toml"))
    return tuple(entry.read_text() for entry in sorted(found, key=lambda entry: entry.name))


@cache
def names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the environments and of the agents."""
    from dilemma.agents import CATALOGUE as AGENTS
    from dilemma.envs import CATALOGUE as ENVIRONMENTS

    return tuple(ENVIRONMENTS.builtin), tuple(AGENTS.builtin)


@cache
def defaults(kind: str, name: str) -> dict[str, Any]:
    """The parameters of an environment, an agent or a schedule, with their defaults; None where there is none."""
    from dilemma.agents import CATALOGUE as AGENTS
    from dilemma.envs import CATALOGUE as ENVIRONMENTS
    from dilemma.tournament.schedules import CATALOGUE as SCHEDULES

    model = {"environments": ENVIRONMENTS, "agents": AGENTS, "schedule": SCHEDULES}[kind].model(name)
    known = model.model_fields.items() if model else ()
    return {parameter: None if field.is_required() else field.get_default() for parameter, field in known}


def near(random: Random, value: Any) -> Any:
    """A value of the same kind as another."""
    match value:
        case bool():
            return not value
        case int():
            return random.choice(
                [value + 1, value - 1, 2 * value, 1, 0, -value, value * 10 ** random.randrange(10)]
            )
        case float():
            return random.choice([value / 2, value * 1.1, 1 - value, 0.0, 1.0, -value, math.inf, value * 1e6])
        case str():
            return random.choice([value, value.upper(), f"{value}_2", random.choice(sum(names(), ()))])
        case list() | tuple() if value:
            changed = list(value)
            number = random.randrange(len(changed))
            changed[number] = near(random, changed[number])
            return random.choice([changed, changed, changed[:-1], changed + changed[:1], changed[::-1]])
        case dict() if value:
            return value | {random.choice(list(value)): near(random, random.choice(list(value.values())))}
        case _:
            return hostile_value(random)


def hostile_value(random: Random, depth: int = 0) -> Any:
    """A value that nobody expects at most places of a config."""
    kinds = [
        lambda: random.choice([0, -1, 1, 2, 3, 5, 10, 17, 100]),
        lambda: random.choice([10**6, 10**9, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**30, 10**400]),
        lambda: random.choice([0.0, -0.0, 0.5, 1.0, 1.5, -1.0, 1e-300, 1e308, math.nan, math.inf, -math.inf]),
        lambda: random.uniform(-2, 2),
        lambda: random.choice([True, False]),
        lambda: random.choice(["", " ", "\n", "x" * 10_000, "../../etc/passwd", "/dev/zero", "a/b", ".", "%s%n"]),
        lambda: random.choice(
            ["しっぺ返し", "\u202e", "\x1b[31m", "é" * 90, "𝕏", "a\tb", "<script>", "__class__"]
        ),
        lambda: random.choice(["round_robin", "moran", "evolve", "all_d", "os:system", "json:loads", "x.py:X"]),
        lambda: random.choice(["loky", "threading", "sequential", "until resolved", "exact", "played", "small"]),
        lambda: datetime.datetime(2000, 1, 1),
        lambda: datetime.time(1, 2),
        lambda: [],
        lambda: {},
    ]
    if depth < 3:
        kinds += [
            lambda: [hostile_value(random, depth + 1) for _ in range(random.randrange(6))],
            lambda: {
                random.choice(["kind", "name", "p", "", "a.b", "é"]): hostile_value(random, depth + 1)
                for _ in range(random.randrange(4))
            },
        ]
    if depth == 0:
        kinds += [lambda: nested(random.choice([10, 60])), lambda: [0.5] * random.choice([100, 10_000])]
    return random.choice(kinds)()


def nested(depth: int) -> Any:
    """Lists in tables in lists."""
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"of": value}
    return value


def places(config: Any, place: Place = ()) -> Iterator[Place]:
    """Every place in a config."""
    if place:
        yield place
    items = config.items() if isinstance(config, dict) else enumerate(config) if isinstance(config, list) else ()
    for key, value in items:
        yield from places(value, (*place, key))


def at(config: Any, place: Place) -> Any:
    """What is at a place."""
    for key in place:
        config = config[key]
    return config


def made(random: Random) -> dict[str, Any]:
    """A small config from the catalogues."""
    environments, agents = names()
    if random.random() < 0.6:  # where most agents can play
        environments = tuple(name for name in environments if name in TWO_PLAYERS)
    config: dict[str, Any] = {
        "name": "made",
        "environments": [entry(random, "environments", environments) for _ in range(random.choice([1, 1, 1, 2]))],
        "agents": [entry(random, "agents", agents) for _ in range(random.randint(1, 4))],
    }
    if random.random() < 0.7:
        config["learning"] = {"tables": random.randint(1, 4), "episodes": random.randint(1, 3)}
    if random.random() < 0.7:
        config["schedule"] = schedule(random)
    if random.random() < 0.5:
        config["evaluation"] = {"mode": random.choice(["auto", "exact", "played"])}
    if random.random() < 0.4:
        kinds = ["population", "exact", "inferred", "learned", "dynamic"]
        config["analysis"] = {"exploitability": random.sample(kinds, random.randint(0, 3)), "budget": 200}
    for agent in config["agents"]:
        agent["label"] = f"{agent['name']} {random.randrange(100)}"
    return config


def entry(random: Random, kind: str, known: tuple[str, ...]) -> dict[str, Any]:
    """An environment or an agent, sometimes with a parameter or two."""
    name = random.choice(known)
    found: dict[str, Any] = {"name": name}
    known_parameters = defaults(kind, name)
    if kind == "environments" and "rounds" in known_parameters:
        found["rounds"] = random.choice([1, 2, 5, 10, 10, 10, math.inf])
    changed = min(len(known_parameters), random.choice([0, 0, 0, 1, 2]))
    for parameter in random.sample(list(known_parameters), changed):
        found[parameter] = some_value(random, known_parameters[parameter])
    return found


def some_value(random: Random, usual: Any) -> Any:
    """A value near the usual one, most of the time."""
    return near(random, usual) if random.random() < 0.8 else hostile_value(random)


def schedule(random: Random) -> dict[str, Any]:
    """A schedule of some kind, and some of its parameters."""
    kinds = ["round_robin", "shares", "exploit", "moran", "wright_fisher", "imitation", "ecological"]
    kind = random.choice([*["round_robin"] * 6, *kinds, "partner_choice", "evolve"])
    found: dict[str, Any] = {"kind": kind}
    known = defaults("schedule", kind)
    if "generations" in known:
        found["generations"] = random.choice([1, 5, 20])
    if "repetitions" in known:
        found["repetitions"] = random.randint(1, 3)
    for parameter in random.sample(list(known), random.choice([0, 1])):
        found[parameter] = some_value(random, known[parameter])
    return found


def mutated(random: Random, config: dict[str, Any]) -> dict[str, Any]:
    """A config with a few changes."""
    config = deepcopy(config)
    for _ in range(random.choice([1, 1, 1, 1, 2, 4])):
        known = list(places(config))
        if not known:
            break
        place = random.choice(known)
        holder, key = at(config, place[:-1]), place[-1]
        match random.randrange(13):
            case 0:
                holder[key] = hostile_value(random)
            case 1 | 2 | 8 | 9 | 10 | 11 | 12:
                holder[key] = near(random, holder[key])
            case 3:
                del holder[key]
            case 4 if isinstance(holder, dict):
                holder[random.choice([f"{key}s", str(key).upper(), "", "kind", "known", "label", "é"])] = holder[
                    key
                ]
            case 5 if isinstance(holder, list):
                holder.extend(deepcopy(holder) * random.choice([1, 3, 30]))
            case 6:
                other = tomllib.loads(random.choice(shipped()))
                holder[key] = at(other, random.choice(list(places(other))))
            case _ if isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
                holder[key] = random.choice(
                    [
                        -holder[key],
                        holder[key] * 10**9,
                        holder[key] + 1,
                        holder[key] / 7 if abs(holder[key]) < 1e300 else 7,
                    ]
                )
    return config


def garbled(random: Random, text: bytes) -> bytes:
    """A text with something done to it that TOML need not allow."""
    start, end = sorted(random.randrange(len(text) + 1) for _ in range(2))
    rubbish = random.choice(
        [
            random.randbytes(20),
            b"\x00",
            b"\xef\xbb\xbf",
            b"[[",
            b'"""',
            b"=" * 50,
            b"\r",
            b"[" * 3000,
            b"x = " + b"9" * 5000 + b"\n",
            "名 = 1\n".encode(),
            b"a = {b = " * 1500,
            b"[" + b"a." * 3000 + b"b]\n",
        ]
    )
    match random.randrange(6):
        case 0:
            return text[:start]
        case 1:
            return text[:start] + text[end:]
        case 2:
            return text[:start] + rubbish + text[start:]
        case 3:
            return text[:end] + text[start:]
        case 4:
            return text.decode().encode(random.choice(["utf-16", "utf-32", "utf-16-le"]))
        case _:
            return rubbish


def config_text(random: Random) -> bytes:
    """A fuzzed config."""
    if random.random() < 0.5:
        text = random.choice(shipped())
        config = mutated(random, tomllib.loads(text))
    else:
        config = made(random)
        if random.random() < 0.6:
            config = mutated(random, config)
    try:
        text = tomli_w.dumps(config)
    except (TypeError, ValueError, RecursionError):
        text = random.choice(shipped())
    content = text.encode("utf-8", "surrogatepass")
    return garbled(random, content) if random.random() < 0.15 else content


def case(number: int, random: Random, folder: Path) -> Case:
    """A dry run, and where that says that it is little, a run."""
    found = Case()
    (folder / "fuzzed.toml").write_bytes(config_text(random))
    dry = found.add(command("run", "fuzzed.toml", "--dry-run"), (0, 2))
    found.expect(not (folder / "runs").exists(), "a dry run has written something")
    if dry.code == 0 and is_little(dry.stdout):
        found.add(command("run", "fuzzed.toml", "--jobs", "1", "--set", "learning.tables=2"), (0, 1, 2))
    return found


def is_little(outlook: str) -> bool:
    """Whether a dry run says that a run takes a few seconds."""
    return bool(re.search(r": (less than a second|about [1-6] s), of which", outlook)) and "on top" not in outlook


if __name__ == "__main__":
    main("configs", case, 5000)
