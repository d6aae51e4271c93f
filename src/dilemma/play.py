"""Tournaments from Python: agents and environments as objects; what they play is kept in a run folder."""

from __future__ import annotations

import inspect
import os
import platform
import shutil
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from .agents.agent import Agent
from .analysis.cells import cells_by_league
from .analysis.game import Game
from .analysis.ranking.held_out import rivals
from .analysis.ranking.racing import unresolved
from .analysis.report.facts import Facts
from .arguments import plan_of
from .classification import properties_of
from .envs.environment import Environment
from .envs.errors import DilemmaError
from .progress import Meter
from .provenance import recorded
from .results import Results, stored
from .tournament.chunk import Rows
from .tournament.config import load
from .tournament.engine import check
from .tournament.evolving.entries import evolved_entries, learned
from .tournament.evolving.evolution import evolution
from .tournament.exploit.journal import forget
from .tournament.exploit.record import record
from .tournament.exploit.search import Found, SearchSign, find_exploiters, searches
from .tournament.how import Mode
from .tournament.identity import SCHEMA
from .tournament.keys import distinct
from .tournament.limits import refuse_too_much
from .tournament.plan import Entrant, Plan, Setting
from .tournament.pulse import Hear, listening
from .tournament.run_folder import RunFolder, accepted
from .tournament.runner import carry_out
from .tournament.saving import Savers, saved
from .tournament.schedules.evolve import Evolve
from .tournament.schedules.partner_choice import PartnerChoice
from .tournament.schedules.round_robin import RoundRobin
from .tournament.schedules.schedule import Request, Schedule
from .tournament.shard import Shard
from .tournament.spot_check import faults, rows_of, spot_checks
from .tournament.store import Store
from .tournament.stretches import Stretches
from .tournament.versions import versions
from .tournament.work import Work, lost, work
from .tournament.writer import only_writer

Playable: TypeAlias = Environment | type[Environment] | str
Player: TypeAlias = Agent | type[Agent] | Callable[..., object] | str
Watch: TypeAlias = Callable[[int, int], None]
"""Told (matches done, matches to do) whenever a chunk is finished."""
SECONDS, PATIENCE = 1.0, 20.0
"""Between two times that an evolution is kept: so long at least, and so many times what it takes to keep it."""


class Tournament:
    """A round robin between agents in environments.

    Agents and environments are objects, or names as in a config; a mapping gives them labels. An agent may also be
    a class of agents, a plain Python function or class with `act(history)`, or a player of the Axelrod library.
    `analysis` and `learning` have the keys of a config's sections, and so may `schedule`, which takes the place of
    a round robin by `repetitions`, `at_most`, `self_play` and `background`; it may also be a Schedule itself.
    `roles` keeps agents, by their labels, to some of the roles that a game has.
    Everything is checked as a config is. Raises DilemmaError with all that is wrong.

        Tournament(["prisoners_dilemma"], ["tit_for_tat", "all_d"], repetitions=10).run().ranking
    """

    def __init__(
        self,
        environments: Iterable[Playable] | Mapping[str, Playable],
        agents: Iterable[Player] | Mapping[str, Player],
        *,
        repetitions: int | Literal["until resolved"] = 1,
        at_most: int = 1000,
        self_play: bool = False,
        background: Sequence[str] | Mapping[str, float] = (),
        mode: Mode = "auto",
        seed: int = 0,
        name: str = "tournament",
        jobs: int = 1,
        backend: str = "loky",
        address: str | None = None,
        chunk: int | None = None,
        timeout: float | None = None,
        learning: Mapping[str, object] = MappingProxyType({}),
        analysis: Mapping[str, object] = MappingProxyType({}),
        schedule: Schedule | Mapping[str, object] | None = None,
        roles: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ):
        if schedule is None:
            schedule = {
                "repetitions": repetitions,
                "at_most": at_most,
                "self_play": self_play,
                "background": background,
            }
        rest = {
            "name": name,
            "seed": seed,
            "schedule": schedule,
            "evaluation": {"mode": mode},
            "execution": {
                "jobs": jobs,
                "backend": backend,
                "address": address,
                "chunk": chunk,
                "timeout": timeout,
            },
            "analysis": {"exploitability": ["population"], **analysis}
            if isinstance(analysis, Mapping)
            else analysis,
            "learning": learning,
        }
        self.plan = plan_of(environments, agents, rest, roles)

    @staticmethod
    def from_config(path: Path | str, changes: Sequence[str] = ()) -> Tournament:
        """The tournament of a config file, or of a shipped config; `changes` are KEY=VALUE strings."""
        return Tournament.of(load(str(path), changes))

    @staticmethod
    def of(plan: Plan) -> Tournament:
        """The tournament of a plan."""
        tournament = Tournament.__new__(Tournament)
        tournament.plan = plan
        return tournament

    def run(
        self, folder: Path | str | None = None, watch: Watch | None = None, *, accept_changes: bool = False
    ) -> Results:
        """Play what is missing; in `folder`, which keeps every finished chunk, or in memory.

        Where somebody learns or exploiters are trained, which takes its time, and nobody watches, stderr says how
        far it is.
        Raises DilemmaError where `folder` holds another run, can't keep something because it has no name that
        leads to it again, or holds rows of code that has changed since; with `accept_changes` those are kept.
        """
        if folder is not None:
            _check_names(self.plan, folder)
            return self._run(Path(folder), watch, accept_changes)
        with TemporaryDirectory() as passing:
            return replace(self._run(Path(passing) / "run", watch), run=None)

    def _run(self, folder: Path, watch: Watch | None, accept_changes: bool = False) -> Results:
        check(self.plan.execution)
        refuse_too_much(self.plan, folder, Store(folder).finished().matches)
        with only_writer(folder):
            store = Store.open(folder, self.plan, accept_changes=accept_changes)
            for said in store.repair():
                warnings.warn(said, stacklevel=3)
            self._play_into(store, watch)
        return results_of(store, self.plan)

    def _play_into(self, store: Store, watch: Watch | None) -> None:
        with recorded(store, self.plan):
            if watch is None and any(entrant.agent.learns for entrant in self.plan.entrants):
                with Meter(kept=store.finished().matches) as meter:
                    play_into(store, self.plan, meter, meter.hear)
            else:
                play_into(store, self.plan, watch or _unwatched)
            evolve_into(store, self.plan, _unwatched)
            choose_into(store, self.plan)
            trained = watch is None and {"learned", "dynamic"} & set(self.plan.analysis.exploitability)
            shown = partial(Meter, "search", "finish") if trained else None
            exploit_into(store, self.plan, (), shown, watch or _unwatched)


def results_of(store: Store, plan: Plan) -> Results:
    """The results of what `plan` asks for, of a run that may hold more."""
    asked, plan = store.asked_by(plan), store.continued(plan)
    if isinstance(plan.schedule, RoundRobin) and plan.schedule.asks_again:
        asked = _raced(store, plan)
    found = stored(asked)
    if asked is store:
        return replace(found, plan=plan)
    counts = {"failed": len(found.failures), "matches": int(found.rows["match"].nunique())}
    return replace(found, plan=plan, games=games_of(plan), facts=Facts({**found.facts, "counts": counts}))


def _raced(store: Store, plan: Plan) -> RunFolder:
    """What the run has of a race, which may be less than it has of its casts: others asked for more of them."""
    race = store.of(plan, plan.schedule.ask(plan, Told(store, plan, over=True)))
    return race if race.part and not np.isin(store.done(), race.part.matches).all() else store


def _unwatched(done: int, total: int) -> None:
    """A Watch that says nothing."""


def _check_names(plan: Plan, folder: Path | str) -> None:
    """Raises DilemmaError where something in a plan can't be found again by its name."""
    parts: list[Setting | Entrant] = [*plan.settings, *plan.entrants]
    nameless = [
        f"{part.label} is {part.definition.name[1:-1]}" for part in parts if part.definition.name.startswith("<")
    ]
    if nameless:
        raise DilemmaError(
            f"{folder} can't keep what it can't name again: {'; '.join(nameless)}. Define it by a name of its own "
            "at the top of a module, a script or a notebook, or run in memory: run() without a folder"
        )


def play_into(
    store: Store, plan: Plan, watch: Watch, hear: Hear | None = None, shard: Shard | None = None
) -> None:
    """Play what a run folder lacks, or a shard's share of it.

    Each finished chunk is kept at once, and `hear` is told of those under way.
    """
    if shard is not None and plan.schedule.asks_again:
        raise DilemmaError(
            "--shard: the schedule asks for matches by what came of others, which a shard does not know; allowed: "
            "schedules that say beforehand what is played, such as a round robin with a number of repetitions"
        )
    continued = store.continuation(plan)
    plan = continued.plan
    before = store.manifest() if store.manifest_path.exists() else {}
    found: dict[str, str] = before.get("faults", {})
    manifest = {
        **manifest_of(plan, [before] if continued.more else []),
        "accepted_changes": [known for _, known in accepted(store.asked())],
        "started": _now(),
        "finished": None,
        "process": {"host": platform.node(), "pid": os.getpid()},
        "faults": found,
    }
    if shard is not None:
        manifest["shard"] = str(shard)
    store.write_manifest(manifest)
    for written in (store.generations_path, store.snapshots_path, store.choices_path):
        shutil.rmtree(written, ignore_errors=True)  # they may be of another process, or by other rules
    planned = list[Work]()
    for left in batches(store, plan, shard):
        planned.append(left)
        savers = Savers()
        chunks = savers.of(saved(chunk, store.unfinished_path, plan.learning.save_every) for chunk in left)
        checks, first = spot_checks(left, plan), dict[int, Rows]()
        total, finished = len(left), 0
        store.write_manifest(manifest := {**manifest, "asked": store.finished().matches + total})
        watch(0, total)
        with listening(store.signs_path, hear) as signs:
            for outcome in carry_out(chunks, plan.execution, signs):
                store.write(outcome, plan)
                savers.forget(outcome)
                first |= rows_of(outcome, checks)
                finished += outcome.matches + len(outcome.failures)
                watch(finished, total)
        again = dict[int, Rows]()
        checks = [spot for spot in checks if spot.match in first]  # the others failed, which is known
        for outcome in carry_out([spot.chunk for spot in checks], plan.execution):
            again |= rows_of(outcome, checks)
        found |= dict(faults(checks, first, again, plan))
    done, failed = store.finished(), distinct(np.array([each["match"] for each in store.failures()], np.int64))
    for left in planned:
        store.add_failures(list(lost(left.less(done), failed)), plan)
    counts = {"failed": len(store.settle_failures()), "matches": done.matches}
    store.write_manifest({**manifest, "counts": counts, "finished": _now()})


def evolve_into(store: Store, plan: Plan, watch: Watch) -> None:
    """Write down what became of populations, where there are any; `watch` is told of generations."""
    if not plan.schedule.evolves:
        return
    plan = store.continued(plan)
    if isinstance(plan.schedule, Evolve):
        _evolve_agents(store, plan, plan.schedule.generations, watch)
        return
    notes = list[str]()
    for trajectory in plan.schedule.trajectories(plan, Told(store, plan, over=True), watch):
        store.write_generations(trajectory, plan)
        notes += [f"{plan.settings[trajectory.setting].label}: {note}" for note in trajectory.notes]
    store.write_manifest({**store.manifest(), "evolution": notes})


def choose_into(store: Store, plan: Plan) -> None:
    """Write down which partners were kept, where they are chosen.

    Raises DilemmaError where a chooser can't say whether it stays.
    """
    schedule = plan.schedule
    if not isinstance(schedule, PartnerChoice):
        return
    plan = store.continued(plan)
    notes = list[str]()
    for choices in schedule.choices(plan, Told(store, plan, over=True)):
        store.write_choices(choices, plan)
        notes += [f"{plan.settings[choices.setting].label}: {note}" for note in choices.notes]
    store.write_manifest({**store.manifest(), "choosing": notes})


def _evolve_agents(store: Store, plan: Plan, generations: int, watch: Watch) -> None:
    """Let parameters evolve in each environment, on from what is kept; generations are kept now and then."""
    whole, entries = generations * len(plan.settings), list[str]()
    for number, setting in enumerate(plan.settings):
        environment, due = setting.definition.key, 0.0
        for now in evolution(plan, number, store.evolution(environment)):
            watch(number * generations + now.generation, whole)
            over = now.generation == generations
            if over or (now.generation and time.monotonic() > due):
                began = time.monotonic()
                store.write_evolution(environment, now.arrays())
                due = time.monotonic() + max(SECONDS, PATIENCE * (time.monotonic() - began))
            if over:
                for outcome in learned(now, plan):
                    store.write(outcome, plan)
                entries.append(evolved_entries(now, plan, number))
    store.write_entries("\n".join(entries))


def exploit_into(
    store: Store, plan: Plan, labels: Sequence[str], meter: Callable[[], Meter] | None, watch: Watch = _unwatched
) -> list[str]:
    """Look for the exploiters that a run folder lacks, of all agents or those with these labels.

    Exact ones take no time worth a word; a meter, else `watch`, is told of the others. Returns what went wrong, a
    sentence each.
    """
    store.check_schema()
    plan = store.continued(plan)
    tried = {key for key, record in store.exploits().items() if not record.get("traceback")}
    wanted = [search for search in searches(plan, labels) if search.key not in tried]
    quick = [search for search in wanted if search.kind == "exact"]
    slow = [search for search in wanted if search.kind != "exact"]
    wrong, unfinished = [], store.unfinished_path.absolute()

    def keep(found: Found) -> None:
        store.write_exploit(found.search.key, record(found))
        forget(unfinished, found.search.key)
        if found.traceback:
            wrong.append(f"{found.search.entrant.label} in {found.search.setting.label}, {found.reason}")

    for found in find_exploiters(quick, plan):
        keep(found)
    if not slow:
        return wrong
    with ExitStack() as stack:
        shown = stack.enter_context(meter()) if meter else None
        watch = shown or watch
        watch(0, len(slow))
        signs = stack.enter_context(listening(store.signs_path, shown.hear if shown else None, SearchSign.read))
        for number, found in enumerate(find_exploiters(slow, plan, signs, unfinished), 1):
            keep(found)
            watch(number, len(slow))
    return wrong


def games_of(plan: Plan) -> dict[str, Game]:
    """What the analysis has to know of each environment, by label."""
    return {
        setting.label: Game(
            roles=list(setting.game.roles),
            leagues=[list(dict.fromkeys(league.roles)) for league in leagues],
            seats=setting.game.seats,
            title=summary(type(setting.game)),
            optimum=getattr(setting.game, "optimum", None),
            extremes=setting.game.extremes,
            note="; ".join(filter(None, (setting.game.note, _of_one_run(plan.entrants, setting.game)))),
            shares=setting.game.shares,
            versions=versions_of(plan.entrants),
            board=setting.game.has_board,
        )
        for setting, leagues in zip(plan.settings, plan.leagues, strict=True)
    }


def manifest_of(plan: Plan, before: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a manifest says of a plan, with what manifests of other parts of its run say."""
    learners = [entrant.label for entrant in plan.entrants if entrant.agent.learns]
    games, sources, properties = games_of(plan), _sources(plan), dict[str, Any]()
    for other in before:
        games = _with_others(games, other.get("games", {}))
        learners += other.get("learners", ())
        for kind, known in other.get("sources", {}).items():
            sources[kind] = {**known, **sources[kind]}
        properties |= other.get("properties", {})
    return {
        "schema": SCHEMA,
        "name": plan.name,
        "seed": plan.seed,
        "versions": versions(),
        "games": games,
        "learners": sorted(set(learners)),
        "sources": sources,
        "properties": {**properties, **{each.label: properties_of(each).words for each in plan.entrants}},
    }


def _with_others(games: Mapping[str, Game], before: Mapping[str, Game]) -> dict[str, Game]:
    """Games of a part of a run, with those of the rest of it, and with the versions among its agents.

    Who shares a role there shows in the rows, since here not all agents are known.
    """
    found = {**before, **games}
    for label, game in games.items():
        versions = {**before.get(label, game).get("versions", {}), **game["versions"]}
        found[label] = Game({**game, "versions": versions})
        found[label].pop("leagues", None)
    return found


def _of_one_run(entrants: Sequence[Entrant], game: Environment) -> str:
    """What must be said of checkpoints of a single trained run."""
    single = [of.label for of in entrants if of.agent.kept_runs(game) == 1]
    said = "one trained run was kept: what is said holds for it, not for others of its learner"
    return f"of {', '.join(single)} {said}" if single else ""


def _sources(plan: Plan) -> dict[str, dict[str, str]]:
    """Who published what, by label, of the environments and agents of a plan."""
    return {
        "environments": {each.label: type(each.game).source for each in plan.settings},
        "agents": {each.label: type(each.agent).source for each in plan.entrants},
    }


def versions_of(entrants: Sequence[Entrant]) -> dict[str, str]:
    """Label -> name, of agents that are there more than once: checkpoints of one learner, or other parameters."""
    names = {of.label: of.agent.version_of or of.definition.name for of in entrants}
    count = Counter(names.values())
    return {label: name for label, name in names.items() if count[name] > 1}


def summary(thing: type) -> str:
    """The first line of a class's docstring."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def batches(store: Store, plan: Plan, shard: Shard | None = None) -> Iterator[Work]:
    """What the schedule asks for, less what is settled, until there is nothing left of it; or a shard's share."""
    history = Told(store, plan, shard=shard)
    requests = plan.schedule.ask(plan, history)
    if not requests:
        return
    yield (left := history.left(requests))
    while left and plan.schedule.asks_again:
        history.settle(left)
        if left := history.left(plan.schedule.ask(plan, history)):
            yield left


class Told:
    """What a schedule is told of a run so far: the `History` of its run folder."""

    def __init__(self, store: Store, plan: Plan, *, over: bool = False, shard: Shard | None = None):
        self._plan = plan
        self._shard = shard
        self._store = store
        self._over = over
        """Whether everything has been played: what has no rows has failed."""
        self._done = store.finished()
        self._rows: pd.DataFrame | None = None
        self._known: dict[tuple[int, float], set[tuple[int, int]]] = {}

    @cached_property
    def _asked(self) -> RunFolder:
        return self._store.asked_by(self._plan)

    @property
    def rows(self) -> pd.DataFrame:
        if self._rows is None:
            self._rows = self._asked.seats()
        return self._rows

    def left(self, requests: Sequence[Request]) -> Work:
        """What is left to play of these."""
        return work(self._plan, requests, self._done, self._shard)

    def settle(self, left: Work) -> None:
        """These have been played, or have failed."""
        self._done = Stretches.union([self._done, left.stretches()])
        self._rows = None

    def settled(self, requests: Sequence[Request]) -> bool:
        return self._over or not self.left(requests)

    def unresolved(self, repetitions: int, level: float) -> set[tuple[int, int]]:
        if (repetitions, level) not in self._known:
            self._known[repetitions, level] = self._unresolved(repetitions, level)
        return self._known[repetitions, level]

    def _unresolved(self, repetitions: int, level: float) -> set[tuple[int, int]]:
        plan, rows = self._plan, self.rows
        background = plan.schedule.background
        settings = {setting.label: index for index, setting in enumerate(plan.settings)}
        entrants = {entrant.label: index for index, entrant in enumerate(plan.entrants)}
        found = set()
        for cells in cells_by_league(rivals(rows[rows["repetition"] < repetitions], background), games_of(plan)):
            unclear = unresolved(cells, level=level, margin=plan.analysis.margin or 0.0)
            labels = [label for label in cells.agents[cells.roster[unclear]] if label not in background]
            found |= {(settings[cells.environment], entrants[label]) for label in labels}
        return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
