"""Agents that raise, hang, or take their worker down: the others' matches are played all the same."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dilemma import Tournament
from dilemma.play import play_into
from dilemma.results import stored
from dilemma.tournament import runner
from dilemma.tournament.config import parse
from dilemma.tournament.patience import FEW, Patience
from dilemma.tournament.schedules.round_robin import RoundRobin
from dilemma.tournament.schedules.schedule import NOTHING_YET
from dilemma.tournament.store import Store
from dilemma.tournament.work import work
from dilemma.tournament.worker import obey

BAD = '''
import itertools, os, signal, time
import numpy as np
from pathlib import Path

import torch

from dilemma.agents.strategy import Strategy


class Bad(Strategy):
    """Cooperates, unless a file is there that makes it misbehave."""

    marker: str
    kind: str

    def cooperate(self, me, own, other):
        if Path(self.marker).exists() and me.turn == 3:
            if self.kind == "raises":
                raise ZeroDivisionError("by zero")
            if self.kind == "raises once it is defected against" and me.other_defections.any():
                raise ZeroDivisionError("by zero")
            if self.kind == "hangs":
                time.sleep(60)
            if self.kind == "hangs in native code":
                sum(itertools.repeat(0, 10**12))
            if self.kind == "hangs and catches everything":
                end = time.monotonic() + 60
                while time.monotonic() < end:
                    try:
                        time.sleep(60)
                    except BaseException:
                        pass
            if self.kind == "blocks the signal":
                signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
                time.sleep(60)
            if self.kind == "forks" and os.fork() == 0:
                return own[:, :0]
            if self.kind == "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.kind == "closes its files":
                os.closerange(3, 256)
            if self.kind == "breaks numpy":
                np.unique = lambda *_, **__: 1 / 0
            if self.kind == "shapes":
                return own[:, :0]
        return ~me.no()
'''

GOOD = ["tit_for_tat", "all_d", "gradual", "tullock"]


@pytest.fixture
def config(tmp_path):
    """A config of four good agents and a bad one of some kind."""
    (tmp_path / "bad.py").write_text(BAD)
    (tmp_path / "marker").touch()

    def make(kind, **execution):
        bad = {"name": f"{tmp_path}/bad.py:Bad", "label": "bad", "marker": f"{tmp_path}/marker", "kind": kind}
        return parse(
            {
                "environments": [{"name": "prisoners_dilemma", "rounds": 6}],
                "agents": [*({"name": name} for name in GOOD), bad],
                "schedule": {"repetitions": 2},
                "evaluation": {"mode": "played"},
                "execution": execution,
            }
        )

    return make


def expected():
    """The rows of the good agents among themselves."""
    return Tournament([game()], GOOD, repetitions=2, mode="played").run().seats


def game():
    from dilemma.envs.matrix_game import PrisonersDilemma

    return PrisonersDilemma(rounds=6)


def by_match(seats):
    seats = seats.astype({"agent": str, "opponent": str})
    return seats[["match", "seat", "agent", "payoff"]].sort_values(["match", "seat"], ignore_index=True)


@pytest.mark.parametrize(
    ("kind", "execution", "reason", "lost"),
    [
        ("raises", {}, "ZeroDivisionError: by zero", 8),
        ("raises", {"jobs": 2, "chunk": 4}, "ZeroDivisionError: by zero", 8),
        ("raises once it is defected against", {}, "ZeroDivisionError: by zero", None),
        ("shapes", {}, "Bad: ", 8),
        ("hangs", {"timeout": 1, "chunk": 4}, "took longer than the time limit of 1 s", 8),
    ],
)
def test_only_the_guilty_matches_fail_and_the_same_command_plays_them_again(
    tmp_path, config, kind, execution, reason, lost
):
    given = config(kind, **execution)
    store = Store.open(tmp_path / "run", given)
    play_into(store, given, lambda done, total: None)
    results = stored(store)
    assert all("bad" in failure["cast"] and reason in failure["reason"] for failure in results.failures)
    assert lost in (None, len(results.failures))
    assert results.failures
    assert all(failure["traceback"] or "not played" in failure["reason"] for failure in results.failures)
    good = results.seats[(results.seats["agent"] != "bad") & (results.seats["opponent"] != "bad")]
    pd.testing.assert_frame_equal(by_match(good), by_match(expected()))

    (tmp_path / "marker").unlink()
    play_into(store, given, lambda done, total: None)
    results = stored(store)
    assert not results.failures
    assert not store.failures_path.exists()
    assert len(results.seats) == 2 * 2 * 10
    assert np.isfinite(results.seats["payoff"]).all()


def test_a_match_whose_payoff_is_no_number_fails(tmp_path):
    (tmp_path / "lava.py").write_text(
        "import torch\n"
        "from dilemma.envs.matrix_game import PrisonersDilemma\n"
        "class Lava(PrisonersDilemma):\n"
        "    'Mutual defection is not a number.'\n"
        "    def rewards(self, done, state):\n"
        "        return super().rewards(done, state) / (1 - done.prod(1, keepdim=True))\n"
    )
    config = parse(
        {
            "environments": [{"name": f"{tmp_path}/lava.py:Lava", "label": "lava", "rounds": 5}],
            "agents": [{"name": "all_c"}, {"name": "tit_for_tat"}, {"name": "all_d"}],
            "evaluation": {"mode": "played"},
        }
    )
    store = Store.open(tmp_path / "run", config)
    play_into(store, config, lambda done, total: None)
    assert [sorted(failure["cast"]) for failure in store.failures()] == [["all_d", "tit_for_tat"]]
    assert "not a finite number" in store.failures()[0]["reason"]
    assert len(store.done()) == 2


def test_who_kills_its_worker_takes_no_other_match_along(tmp_path, config):
    given = config("dies", jobs=2, chunk=3)
    given = replace(given, schedule=RoundRobin(repetitions=1), entrants=given.entrants[-3:])
    store = Store.open(tmp_path / "run", given)
    play_into(store, given, lambda done, total: None)
    assert len(store.done()) == 1
    assert ["the system killed the worker" in failure["reason"] for failure in store.failures()] == [True, True]


def test_who_breaks_what_all_need_takes_no_other_match_along(tmp_path, config, capfd):
    given = config("breaks numpy", jobs=2, chunk=3)
    given = replace(given, schedule=RoundRobin(repetitions=1), entrants=given.entrants[-3:])
    store = Store.open(tmp_path / "run", given)
    play_into(store, given, lambda done, total: None)
    assert len(store.done()) == 1
    assert {failure["reason"] for failure in store.failures()} == {
        "changed the process that played it, which could play no more"
    }
    assert "Traceback" not in "".join(capfd.readouterr())


def test_who_closes_its_workers_files_is_told_of_without_a_traceback(tmp_path, config, capfd):
    given = config("closes its files", jobs=2, chunk=3)
    given = replace(given, schedule=RoundRobin(repetitions=1), entrants=given.entrants[-3:])
    store = Store.open(tmp_path / "run", given)
    play_into(store, given, lambda done, total: None)
    assert len(store.done()) == 1
    assert {failure["reason"] for failure in store.failures()} == {"closed the files of the worker that played it"}
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_worker_watches_its_parent_before_it_imports_the_rest():
    asked = "import sys, dilemma.tournament.worker; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", asked], check=True)
    assert obey.__module__ == "dilemma.tournament.worker"


def test_after_a_deadly_cast_the_rest_of_its_chunk_is_tried(config, monkeypatch):
    plan = config("raises")
    [chunk] = work(plan, plan.schedule.ask(plan, NOTHING_YET))
    hope, cast = Patience(), int(chunk.casts[0])
    for _ in range(FEW):
        hope.failed([], cast, "dead")
    tried = list[int]()

    def played(waiting, *_):
        tried.extend(cast for _, part in waiting.taken() for cast in part.casts)
        return iter(())

    monkeypatch.setattr(runner, "_in_one_worker", played)
    lost = [failure for each in runner._alone(chunk, plan.execution, None, {0: hope}) for failure in each.failures]
    assert len(lost) == (chunk.casts == cast).sum()
    assert tried == chunk.casts[chunk.casts != cast].tolist()


@pytest.mark.parametrize("kind", ["hangs in native code", "hangs and catches everything", "blocks the signal"])
def test_a_deadline_holds_where_no_signal_is_heeded(tmp_path, config, kind):
    given = config(kind, timeout=1, chunk=20)
    given = replace(given, schedule=RoundRobin(repetitions=1), entrants=given.entrants[-2:])
    store = Store.open(tmp_path / "run", given)
    play_into(store, given, lambda done, total: None)
    [failure] = store.failures()
    assert "time limit of 1 s, and did not heed it" in failure["reason"]


def test_who_forks_is_played_once(tmp_path, config):
    given = config("forks", jobs=2, chunk=5)
    store = Store.open(tmp_path / "run", given)
    play_into(store, given, lambda done, total: None)
    assert not store.failures()
    assert not stored(store).seats.duplicated(["match", "seat"]).any()


def test_what_always_fails_alike_is_given_up(tmp_path):
    (tmp_path / "bad.py").write_text(
        "from pathlib import Path\n"
        "from dilemma.agents.strategy import Strategy\n"
        "class Bad(Strategy):\n"
        "    'Can not sit.'\n"
        "    marker: str\n"
        "    def sit(self, chairs):\n"
        "        with Path(self.marker).open('a') as file:\n"
        "            file.write('x')\n"
        "        raise ValueError('no chair')\n"
        "    def cooperate(self, me, own, other):\n"
        "        return ~me.no()\n"
    )
    bad = {"name": f"{tmp_path}/bad.py:Bad", "label": "bad", "marker": f"{tmp_path}/tries"}
    given = parse(
        {
            "environments": [{"name": "prisoners_dilemma", "rounds": 6}],
            "agents": [bad, *({"name": "random", "label": f"{number}", "p": number / 20} for number in range(12))],
            "schedule": {"repetitions": 100},
            "evaluation": {"mode": "played"},
            "execution": {"chunk": 400},
        }
    )
    store = Store.open(tmp_path / "run", given)
    play_into(store, given, lambda done, total: None)
    assert len(store.failures()) == 1200
    reasons = {failure["reason"].partition(" (not played")[0] for failure in store.failures()}
    assert reasons == {"Bad: ValueError: no chair (bad.py, line 9, in sit)"}
    assert len(store.done()) == 100 * 66
    assert len((tmp_path / "tries").read_text()) < 60


def test_a_module_of_the_working_folder_breaks_no_worker(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("random", "torch", "queue"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not this one')\n")
    played = Tournament(
        ["prisoners_dilemma"], ["random", "gradual"], repetitions=4, jobs=2, chunk=1, mode="played"
    )
    assert not played.run().failures
