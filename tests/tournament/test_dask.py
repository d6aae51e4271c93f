"""Dask: what it gives up comes back as lost, and who can't be reached is said."""

import logging
import random
import subprocess
import sys

import pytest

from dilemma import Tournament
from dilemma.agents.global_generators import generators_kept
from dilemma.envs.errors import DilemmaError
from dilemma.tournament.sections import Execution

dask_engine = pytest.importorskip("dilemma.tournament.dask_engine", exc_type=ImportError)

DEADLY = """
import os, threading
import joblib
from distributed import Client, LocalCluster
from joblib._dask import DaskDistributedBackend
from dilemma.tournament.dask_engine import Backend

def play(number):
    if number == 1:
        os._exit(3)
    return number

def played(backend):
    with joblib.parallel_config(backend=backend(client=client)):
        calls = (joblib.delayed(play)(number) for number in range(3))
        for found in joblib.Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch=1)(calls):
            print(backend.__name__, getattr(found, "arguments", found), flush=True)
    print(backend.__name__, "ends", flush=True)

if __name__ == "__main__":
    cluster = LocalCluster(
        2, threads_per_worker=1, dashboard_address=":0", silence_logs=50, scheduler_kwargs={"allowed_failures": 0}
    )
    client = Client(cluster)
    played(Backend)
    client.wait_for_workers(2)  # with one, joblib's own would play in this process
    stock = threading.Thread(target=played, args=(DaskDistributedBackend,), daemon=True)
    stock.start()
    stock.join(20)
    print("waits" if stock.is_alive() else "over", flush=True)
    os._exit(0)
"""


def test_a_call_that_ends_its_worker_is_lost_and_the_others_go_on(tmp_path):
    (tmp_path / "deadly.py").write_text(DEADLY)
    done = subprocess.run(
        [sys.executable, "deadly.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True
    )
    lines = done.stdout.splitlines()
    assert sorted(lines[:3]) == ["Backend (1,)", "Backend 0", "Backend 2"]
    assert lines[3] == "Backend ends"
    # joblib's own backend (1.6) waits for it for ever: where this fails, ours may have become needless.
    assert lines[-1] == "waits"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (None, "dask needs to know where its scheduler is"),
        ("tcp://127.0.0.1:9", "no Dask scheduler answers at tcp://127.0.0.1:9"),
        ("nowhere.json", "there is no scheduler file .*nowhere.json"),
    ],
)
def test_what_cannot_be_reached_is_said_before_anything_is_written(tmp_path, address, said):
    tournament = Tournament(["prisoners_dilemma"], ["all_c", "all_d"], backend="dask", address=address)
    with pytest.raises(DilemmaError, match=said):
        tournament.run(tmp_path / "run")
    assert not (tmp_path / "run").exists()


class Client:
    """Says what a cluster says that is as it should not be."""

    def __init__(self, threads, found):
        self._threads, self._found = threads, found

    def wait_for_workers(self, number, timeout):
        pass

    def nthreads(self):
        return {"tcp://worker:1": self._threads}

    def run(self, function, on_error):
        return {"tcp://worker:1": self._found}


@pytest.mark.parametrize(
    ("client", "said"),
    [
        (Client(4, None), "has 4 threads; allowed: one"),
        (Client(1, "torch 2.4 instead of 2.13"), "can't play what this process plays: torch 2.4 instead of 2.13"),
    ],
)
def test_workers_that_would_play_something_else_are_refused(client, said):
    with pytest.raises(DilemmaError, match=said):
        dask_engine._checked(client)


def test_a_time_limit_is_refused():
    with pytest.raises(ValueError, match="no timeout with the backend dask"):
        Execution(backend="dask", timeout=1.0)


def test_a_lost_connection_is_told_of_once(caplog):
    from distributed.comm import CommClosedError

    for error in (CommClosedError("gone"), ValueError("another")):
        logging.getLogger("tornado.application").error("in a callback", exc_info=error)
    assert [record.exc_info[1].args for record in caplog.records] == [("another",)]


def test_what_dask_draws_in_its_threads_is_no_agents_doing():
    import distributed.protocol.compression
    import distributed.worker
    import tornado.ioloop

    with generators_kept() as generators:
        distributed.worker.random.random()
        distributed.protocol.compression.randint(0, 9)
        tornado.ioloop.random.random()
        assert not generators.moved()
        random.random()
        assert generators.moved() == ["random's global generator"]
