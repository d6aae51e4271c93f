"""Dask: the chunks of a tournament are played by the workers of a cluster, one thread each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from dask import config
from distributed import Client, KilledWorker, LocalCluster, default_client
from distributed.comm import CommClosedError
from joblib import cpu_count
from joblib._dask import DaskDistributedBackend

from ..envs.errors import DilemmaError
from .engine import Lost
from .sections import Execution
from .versions import difference, versions
from .worker import dask_setup

PATIENCE, ARRIVAL = 5.0, 30.0
"""Seconds within which a scheduler has to answer, and within which it has to have a worker."""
STEADFAST = {"distributed.deploy.lost-worker-timeout": "1 day"}
"""A cluster on this machine keeps workers that die again and again; by default it lets go of them after 15 s."""
_OPEN = dict[tuple[str, int], Client]()
"""The clients of this process, by address and jobs: to connect takes time, and evolution plays often."""


def _is_told(record: logging.LogRecord) -> bool:
    """Whether tornado should say something itself: `cluster` tells of lost connections in a sentence."""
    return not (record.exc_info and isinstance(record.exc_info[1], CommClosedError))


logging.getLogger("tornado.application").addFilter(_is_told)


class Backend(DaskDistributedBackend):  # type: ignore[misc]  # joblib has no types
    """joblib's Dask backend, which also comes to an end where Dask gives a task up.

    joblib learns of a task's end by a callback. Its own backend (joblib 1.6) leaves that out for tasks that end in
    an error, as those do that took down worker after worker, and then waits for them forever. Here the callback
    hears of the error; and of a call that took its workers down there is a `Lost` in the place of its result, so
    that the others go on.
    """

    def configure(self, n_jobs: int = 1, parallel: object = None, **rest: object) -> int:
        return max(2, int(super().configure(n_jobs, parallel, **rest)))  # with one, joblib would play here

    def submit(self, func: Any, callback: Callable[[object], None]) -> Future[object]:
        def told(result: object) -> None:
            if isinstance(result, KilledWorker):
                result = Lost.of(func, result)
            callback(result)

        handed_over: Future[object] = super().submit(func, told)
        return handed_over

    async def _collect(self) -> None:
        while self._continue:
            async for future, result in self.waiting_futures:
                handed_over, callback = self._results.pop(future), self._callbacks.pop(future)
                if future.status == "error":
                    _, result, _ = result
                handed_over.set_result(result)
                callback(result)
            await asyncio.sleep(0.01)


@contextmanager
def cluster(execution: Execution) -> Iterator[Backend]:
    """joblib's backend for the cluster of a config. Raises DilemmaError where it can't be reached, or is lost."""
    client = _connected(execution)
    try:
        with config.set(STEADFAST):
            yield Backend(client=client, wait_for_workers_timeout=ARRIVAL)
    except CancelledError as error:
        raise DilemmaError(
            f"the connection to the Dask scheduler at {_name(client)} is lost. What was finished before is kept; "
            "with a scheduler, the same command goes on"
        ) from error
    except TimeoutError as error:
        raise _without_workers(client) from error


def close() -> None:
    """Let go of all clusters; those on this machine end."""
    while _OPEN:
        _, client = _OPEN.popitem()
        client.close()
        if client.cluster is not None:
            client.cluster.close()


def _connected(execution: Execution) -> Client:
    address, jobs = execution.address, execution.jobs
    if address is None:
        with suppress(ValueError):
            return _checked(default_client())
        raise DilemmaError(
            'execution.address: dask needs to know where its scheduler is; allowed: "tcp://host:8786", '
            'a scheduler file that ends in .json, or "local" for a cluster on this machine'
        )
    if (client := _OPEN.get((address, jobs))) is None or client.status != "running":
        client = _OPEN[address, jobs] = _checked(_local(jobs) if address == "local" else _found(address))
    return client


def _local(jobs: int) -> Client:
    """A cluster on this machine, which ends with this process."""
    cluster = LocalCluster(
        n_workers=cpu_count() if jobs == -1 else jobs,
        threads_per_worker=1,
        memory_limit=0,  # none, as with other engines
        scheduler_kwargs={"allowed_failures": 0},  # what took its worker down is tried again by itself
        dashboard_address=":0",
        preload=[dask_setup.__module__],
        silence_logs=logging.CRITICAL,
    )
    return Client(cluster, set_as_default=False)


def _found(address: str) -> Client:
    if address.endswith(".json") and not Path(address).is_file():
        raise DilemmaError(f"execution.address: there is no scheduler file {address}")
    where = {"scheduler_file": address} if address.endswith(".json") else {"address": address}
    try:
        return Client(**where, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise DilemmaError(
            f"execution.address: no Dask scheduler answers at {address} within {PATIENCE:g} s: start one with "
            "`dask scheduler`, or say where it is"
        ) from error


def _checked(client: Client) -> Client:
    """A client whose workers can play the tournament."""
    try:
        client.wait_for_workers(1, timeout=ARRIVAL)
    except TimeoutError as error:
        raise _without_workers(client) from error
    for worker, threads in client.nthreads().items():
        if threads > 1:
            raise DilemmaError(
                f"execution.address: the Dask worker {worker} has {threads} threads; allowed: one (`dask worker "
                "--nthreads 1 --nworkers N`)"
            )
    for worker, found in client.run(partial(difference, versions()), on_error="return").items():
        if found is not None:
            raise DilemmaError(
                f"execution.address: the Dask worker {worker} can't play what this process plays: {found}"
            )
    return client


def _without_workers(client: Client) -> DilemmaError:
    return DilemmaError(
        f"execution.address: the Dask scheduler at {_name(client)} has no worker, also after {ARRIVAL:g} s: start "
        "some with `dask worker`"
    )


def _name(client: Client) -> str:
    return str(client.scheduler.address) if client.scheduler else "an unknown address"
