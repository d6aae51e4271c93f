"""Ray: the chunks of a tournament are played by actors of a cluster, one for each of its processors."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import joblib
import ray
from ray.exceptions import RayError
from ray.util.joblib.ray_backend import RayBackend
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ..envs.errors import DilemmaError
from .engine import Lost
from .sections import Execution
from .versions import difference, versions

RESTARTED = {"max_restarts": -1, "max_task_retries": 1}
"""An actor that dies is started again, and has its calls once more."""


class Backend(RayBackend):  # type: ignore[misc]  # Ray's has no types
    """joblib's Ray backend, which hands results back as they finish, also where an actor dies.

    Ray's own backend gives only lists, and no part of a list if one actor dies, though its pool tells the callback
    of each call. Here a call that took its actor down, or waited there, has a `Lost` in the place of its result.
    """

    supports_return_generator = True

    def effective_n_jobs(self, n_jobs: int) -> int:
        return int(ray.cluster_resources().get("CPU", 0))

    def submit(self, func: Any, callback: Callable[[object], None]) -> object:
        def told(result: object) -> None:
            if isinstance(result, RayError):
                result = Lost.of(func, result)
            callback(result)

        return super().submit(func, told)


@contextmanager
def cluster(execution: Execution) -> Iterator[Backend]:
    """joblib's backend for the cluster of a config. Raises DilemmaError where it can't be reached."""
    if not ray.is_initialized():
        _connect(execution)
    yield Backend(ray_remote_args=RESTARTED)


def close() -> None:
    """Let go of the cluster; one on this machine ends."""
    ray.shutdown()


def _connect(execution: Execution) -> None:
    address, jobs = execution.address, execution.jobs
    if address is None:
        raise DilemmaError(
            'execution.address: ray needs to know where its cluster is; allowed: "host:6379", "auto" on one of '
            'its machines, or "local" for a cluster on this machine'
        )
    options: dict[str, Any] = {"address": address}
    if address == "local":
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options |= {"num_cpus": max(2, joblib.cpu_count() if jobs == -1 else jobs), "include_dashboard": False}
    try:
        ray.init(**options, log_to_driver=False, configure_logging=False, logging_level=logging.CRITICAL)
    except (OSError, RuntimeError, ValueError, RayError) as error:
        raise DilemmaError(f"execution.address: no Ray cluster answers at {address}: {error}") from error
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    _check()


def _check() -> None:
    """Raises DilemmaError where the cluster can't play what this process plays."""
    expected = versions()
    if (found := ray.cluster_resources().get("CPU", 0)) < 2:
        raise DilemmaError(f"execution.address: the Ray cluster has {found:g} processors; allowed: two or more")
    for node in ray.nodes():
        where = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        if not node["Alive"]:
            continue
        try:
            wrong = ray.get(ray.remote(difference).options(scheduling_strategy=where, num_cpus=0).remote(expected))
        except RayError as error:
            wrong = str(error).strip().splitlines()[-1]
        if wrong is not None:
            raise DilemmaError(
                f"execution.address: the Ray node {node['NodeManagerAddress']} can't play this: it has {wrong}"
            )
