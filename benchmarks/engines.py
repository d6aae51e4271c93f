"""What an engine costs: matches a second on one and two workers and shards, and the price of a chunk.

Columns: matches a second of strategies in chunks of 2,000, from start to end without the start of the workers;
and milliseconds that a chunk of a single short match takes beyond what it takes in this process. From the latter
follows how many chunks a second one process can hand out, and with W workers how long a chunk has to take at least
so that nobody waits: W times the milliseconds.

    OMP_NUM_THREADS=1 python benchmarks/engines.py [loky threading dask ray shards]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from joblib import Parallel, delayed

from dilemma.play import play_into
from dilemma.tournament.config import parse
from dilemma.tournament.plan import Plan
from dilemma.tournament.runner import carry_out
from dilemma.tournament.schedules.schedule import NOTHING_YET
from dilemma.tournament.shard import Shard
from dilemma.tournament.store import Store
from dilemma.tournament.work import work

AGENTS = ("tit_for_tat", "all_d", "random", "gradual", "win_stay_lose_shift", "grudger")
MATCHES, CHUNK, TINY = 60_000, 2000, 200
CLUSTERS = ("dask", "ray")


def plan_of(matches: int, rounds: int, **execution: object) -> Plan:
    """A round robin of strategies, all of it played."""
    pairs = len(AGENTS) * (len(AGENTS) - 1) // 2
    return parse(
        {
            "environments": [{"name": "prisoners_dilemma", "rounds": rounds}],
            "agents": [{"name": name} for name in AGENTS],
            "schedule": {"repetitions": max(1, matches // pairs)},
            "evaluation": {"mode": "played"},
            "execution": execution,
        }
    )


def seconds(plan: Plan) -> float:
    """To play a plan; the workers are there before."""
    chunks = list(work(plan, plan.schedule.ask(plan, NOTHING_YET)))
    list(carry_out(chunks[:8], plan.execution))
    began = time.perf_counter()
    list(carry_out(chunks, plan.execution))
    return time.perf_counter() - began


def shard(number: int, of: int, folder: Path) -> float:
    """Play a share into a folder of its own; seconds."""
    plan = plan_of(MATCHES, 200, chunk=CHUNK)
    began = time.perf_counter()
    play_into(Store.open(folder / str(number), plan), plan, lambda done, total: None, shard=Shard(number, of))
    return time.perf_counter() - began


def main(names: list[str]) -> None:
    alone = seconds(plan_of(MATCHES, 200, chunk=CHUNK))
    tiny = seconds(plan_of(TINY, 2, chunk=1))
    print(f"{'one process':16} {MATCHES / alone:10,.0f} matches/s {tiny / TINY * 1e3:8.2f} ms a chunk", flush=True)
    for name in names:
        if name == "shards":
            continue
        for jobs in (1, 2):
            if jobs == 1 and name != "dask":
                continue  # with one job, loky and threading play in this process, and Ray has two at the least
            where = {"backend": name, "jobs": jobs} | ({"address": "local"} if name in CLUSTERS else {})
            took = seconds(plan_of(MATCHES, 200, chunk=CHUNK, **where))
            price = (seconds(plan_of(TINY, 2, chunk=1, **where)) - tiny / jobs) / TINY
            label = f"{name}, {jobs} worker{'s' * (jobs > 1)}"
            print(f"{label:16} {MATCHES / took:10,.0f} matches/s {price * 1e3:8.2f} ms a chunk", flush=True)
    if "shards" in names:
        for of in (1, 2):
            with TemporaryDirectory() as folder, Parallel(of) as parallel:
                parallel(delayed(time.sleep)(0.1) for _ in range(of))
                took = max(parallel(delayed(shard)(number + 1, of, Path(folder)) for number in range(of)))
            print(f"{f'{of} shards':16} {MATCHES / took:10,.0f} matches/s, stored", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or ["loky", "threading", "dask", "ray", "shards"])
