"""Hostile agents on every backend: only their own matches suffer, each leaves a row, and the exit code is 1.

An agent cooperates until the third round, or until some call, and then does one of the deeds below. Two good
agents play beside it, whose rows have to be those of a tournament without it.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random

import pandas as pd

from .attack import Case, command, main
from .runs import rows

AGENT = '''
import ctypes, gc, itertools, os, random, resource, signal, sys, threading, time, warnings
import numpy as np
import torch
from dilemma.agents.agent import Agent, Player


def forever():
    while True:
        pass


def catches_all():
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            time.sleep(60)
        except BaseException:
            pass


def blocks_signals():
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    time.sleep(60)


def ignores_signals():
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(60)


def raises(error):
    raise error


def recurses():
    return recurses()


def deep():
    sys.setrecursionlimit(10**9)
    return recurses()


def closes_files():
    os.closerange(3, 256)


def closes_everything():
    os.closerange(0, 256)


def forks_a_bit():
    if os.fork() == 0:
        os._exit(0)


def forks_and_stays():
    if os.fork() == 0:
        time.sleep(30)
        os._exit(0)


def forks_and_goes_on():
    os.fork()


def threads():
    for _ in range(20):
        threading.Thread(target=time.sleep, args=(600,)).start()


def busy_thread():
    threading.Thread(target=forever, daemon=True).start()


def hogs():
    resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
    return [bytearray(2**28) for _ in range(64)]


def hogs_tensors():
    return torch.zeros(2**44)


def raises_in_the_main_thread():
    main = ctypes.c_ulong(threading.main_thread().ident)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(main, ctypes.py_object(ValueError))


class Unpicklable(Exception):
    def __reduce__(self):
        raise TypeError("no")


class NeedsArguments(Exception):
    def __init__(self, one, two):
        super().__init__("it needs two")


class LiesAboutItself(Exception):
    def __str__(self):
        os._exit(3)


def patches_torch():
    torch.zeros = lambda *_, **__: raises(ValueError("patched"))


def patches_json():
    import json
    json.dumps = lambda *_, **__: raises(ValueError("patched"))


def patches_numpy():
    np.unique = lambda *_, **__: raises(ValueError("patched"))


def changes_environment():
    os.environ.clear()


def in_a_folder_that_is_gone():
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)


DEEDS = {
    "exits at once": lambda: os._exit(0),
    "exits at once with 7": lambda: os._exit(7),
    "aborts": os.abort,
    "reads address 0": lambda: ctypes.string_at(0),
    "writes address 0": lambda: ctypes.memset(0, 1, 8),
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "SIGSEGV": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "SIGTERM": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "SIGINT": lambda: os.kill(os.getpid(), signal.SIGINT),
    "SIGALRM": lambda: os.kill(os.getpid(), signal.SIGALRM),
    "SIGPIPE": lambda: os.kill(os.getpid(), signal.SIGPIPE),
    "SIGUSR1": lambda: os.kill(os.getpid(), signal.SIGUSR1),
    "SIGXCPU": lambda: os.kill(os.getpid(), signal.SIGXCPU),
    "loops in Python": forever,
    "loops in native code": lambda: sum(itertools.repeat(0, 10**13)),
    "sleeps": lambda: time.sleep(3600),
    "waits for a lock": lambda: threading.Lock().acquire() and threading.Event().wait(),
    "catches all": catches_all,
    "blocks signals": blocks_signals,
    "ignores signals": ignores_signals,
    "sys.exit": lambda: sys.exit(0),
    "sys.exit with a text": lambda: sys.exit("bye"),
    "KeyboardInterrupt": lambda: raises(KeyboardInterrupt),
    "GeneratorExit": lambda: raises(GeneratorExit),
    "StopIteration": lambda: raises(StopIteration),
    "MemoryError": lambda: raises(MemoryError),
    "RecursionError": recurses,
    "recursion without limit": deep,
    "AssertionError": lambda: raises(AssertionError),
    "OSError": lambda: raises(OSError(28, "No space left on device", "/x")),
    "BrokenPipeError": lambda: raises(BrokenPipeError()),
    "ExceptionGroup": lambda: raises(ExceptionGroup("several", [ValueError("a"), TypeError("b")])),
    "an error that can't be pickled": lambda: raises(Unpicklable("x")),
    "an error that can't be made again": lambda: raises(NeedsArguments(1, 2)),
    "an error that exits when it is read": lambda: raises(LiesAboutItself()),
    "a long error": lambda: raises(ValueError("a" * 10_000_000)),
    "surrogates in an error": lambda: raises(ValueError("\\udcff\\udcfe")),
    "escapes in an error": lambda: raises(ValueError("\\x1b[2J\\x07\\r\\n[bold]")),
    "out of memory": hogs,
    "out of memory for tensors": hogs_tensors,
    "closes its files": closes_files,
    "closes everything": closes_everything,
    "forks a bit": forks_a_bit,
    "forks and stays": forks_and_stays,
    "forks and goes on": forks_and_goes_on,
    "threads": threads,
    "a busy thread": busy_thread,
    "an error in the main thread": raises_in_the_main_thread,
    "changes the folder": lambda: os.chdir("/"),
    "a folder that is gone": in_a_folder_that_is_gone,
    "changes the environment": changes_environment,
    "seeds random": lambda: (random.seed(1), np.random.seed(1), torch.manual_seed(1)),
    "draws at random": lambda: (random.random(), np.random.rand(), torch.rand(1)),
    "another dtype": lambda: torch.set_default_dtype(torch.float64),
    "no gradients": lambda: torch.set_grad_enabled(False),
    "many threads of torch": lambda: torch.set_num_threads(8),
    "strict numpy": lambda: np.seterr(all="raise"),
    "warnings are errors": lambda: warnings.simplefilter("error"),
    "warns": lambda: warnings.warn("look"),
    "no collection": gc.disable,
    "prints": lambda: print("x" * 100_000),
    "prints to stderr": lambda: print("x" * 100_000, file=sys.stderr),
    "closes stdout": sys.stdout.close,
    "stdout is None": lambda: setattr(sys, "stdout", None),
    "patches torch": patches_torch,
    "patches json": patches_json,
    "patches numpy": patches_numpy,
    "traces": lambda: sys.settrace(lambda *_: raises(ValueError("traced"))),
    "an exit handler": lambda: __import__("atexit").register(lambda: time.sleep(600)),
}
GIFTS = {
    "nothing": lambda right: None,
    "a list": lambda right: right.tolist(),
    "minus one": lambda right: right - 1,
    "two": lambda right: right + 2,
    "NaN": lambda right: right * torch.nan,
    "a wrong shape": lambda right: right.flatten()[:1],
    "far too much": lambda right: right.expand(10**9, *right.shape),
    "meta": lambda right: right.to("meta"),
    "a huge number": lambda right: right + 2**62,
    "sparse": lambda right: right.to_sparse(),
    "itself": lambda right: HostilePlayer,
}


class Hostile(Agent):
    """Cooperates, and then does its deed: in `act`, or where else it is told to."""

    deed: str
    where: str = "act"
    marker: str = ""

    def refuses(self, game):
        return None

    def sit(self, chairs):
        if self.where == "sit":
            DEEDS[self.deed]()
        return HostilePlayer(self.deed, self.where, chairs)


class HostilePlayer(Player):
    def __init__(self, deed, where, chairs):
        self.deed, self.where, self.chairs = deed, where, chairs

    def begin(self):
        self.do("begin")

    def act(self, observation):
        right = torch.zeros(self.chairs.shape, dtype=torch.int64)
        if observation.round == 2:
            self.do("act")
            if self.where == "act" and self.deed in GIFTS:
                return GIFTS[self.deed](right)
        return right

    def observe(self, round):
        self.do("observe")

    def do(self, where):
        if self.where == where and self.deed in DEEDS:
            DEEDS[self.deed]()
'''
BACKENDS = ("loky", "threading", "dask")
HARMLESS = {
    *("SIGUSR1", "SIGPIPE", "forks a bit", "forks and stays", "forks and goes on", "threads", "a busy thread"),
    *("changes the folder", "a folder that is gone", "changes the environment", "another dtype", "no gradients"),
    *("many threads of torch", "strict numpy", "warnings are errors", "no collection", "prints", "warns"),
    *("prints to stderr", "closes stdout", "stdout is None", "an exit handler", "closes its files", "SIGALRM"),
    *("seeds random", "closes everything", "patches torch", "patches json", "patches numpy", "traces", "SIGINT"),
}
"""Deeds after which its matches may be played to the end."""
ENDS = {
    *(
        "exits at once",
        "exits at once with 7",
        "aborts",
        "reads address 0",
        "writes address 0",
        "SIGKILL",
        "SIGSEGV",
    ),
    *("SIGTERM", "SIGINT", "SIGALRM", "SIGUSR1", "SIGXCPU", "loops in Python", "loops in native code", "sleeps"),
    *("waits for a lock", "catches all", "blocks signals", "ignores signals", "recursion without limit", "traces"),
    *("an error that exits when it is read", "out of memory", "closes its files", "closes everything"),
    *("patches torch", "patches json", "patches numpy", "changes the environment", "forks and goes on"),
    *("closes stdout", "stdout is None", "an error in the main thread", "an exit handler"),
}
"""Deeds that only another process contains: threads share one with whoever started them."""
HANGS = {
    *("loops in Python", "loops in native code", "sleeps", "waits for a lock"),
    *("catches all", "blocks signals", "ignores signals", "recursion without limit"),
}
"""Deeds that only a time limit ends, which Dask can't have."""
NOT_ON = {"loky": set[str](), "threading": ENDS, "dask": HANGS}


@cache
def deeds() -> tuple[tuple[str, str], ...]:
    """Every deed, and where it is done: in `act`, and some elsewhere too."""
    names: dict[str, dict[str, object]] = {}
    exec(AGENT, names)
    found = [(deed, "act") for kind in ("DEEDS", "GIFTS") for deed in names[kind]]
    elsewhere = ("exits at once", "MemoryError", "sys.exit", "sleeps", "loops in native code")
    return (*found, *((deed, where) for where in ("sit", "begin", "observe") for deed in elsewhere))


def config(backend: str, deed: str = "", where: str = "act") -> str:
    """Two good agents, and a hostile one where there is a deed."""
    text = f"""
[[environments]]
name = "prisoners_dilemma"
rounds = 6
noise = 0.1
[[agents]]
name = "tullock"
[[agents]]
name = "gradual"
[evaluation]
mode = "played"
[analysis]
exploitability = []
[execution]
backend = "{backend}"
jobs = 2
chunk = 2
"""
    text += {"loky": "timeout = 2.0\n", "dask": 'address = "local"\n'}.get(backend, "")
    if deed:
        name = json.dumps(deed)
        text += f'[[agents]]\nname = "hostile.py:Hostile"\nlabel = "hostile"\ndeed = {name}\nwhere = "{where}"\n'
    return text


@cache
def good() -> pd.DataFrame:
    """The rows of the good agents among themselves."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "good.toml"
        path.write_text(config("sequential"))
        ending = command("run", str(path), "--out", f"{folder}/run")
        assert ending.code == 0, ending.stderr
        return rows(Path(folder) / "run")


def prepare() -> None:
    """Play without anybody hostile."""
    good()


def case(number: int, random: Random, folder: Path) -> Case:
    """One deed on one backend; numbers go through all of them."""
    every = [(*deed, backend) for backend in BACKENDS for deed in deeds() if deed[0] not in NOT_ON[backend]]
    deed, where, backend = every[number % len(every)]
    found, before = Case([f"{deed} in {where}, {backend}"]), good()
    (folder / "hostile.py").write_text(AGENT)
    (folder / "my.toml").write_text(config(backend, deed, where))
    ending = command("run", "my.toml", "--out", "run", seconds=60, room=None)
    found.add(ending, (0, 1) if deed in HARMLESS else (1,), seconds=60, room=2**40)  # an agent may take much
    if ending.overdue or not (folder / "run" / "manifest.json").exists():
        return found
    there = rows(folder / "run")
    of_it = (there["agent"] == "hostile") | (there["opponent"] == "hostile")
    columns = [name for name in before if name in there]  # conduct is counted where it can be
    others = there[~of_it][columns].reset_index(drop=True)
    found.expect(others.equals(before[columns]), f"{found.deeds[0]}: the rows of others are not what they were")
    played, failures = set(there[of_it]["match"]), folder / "run" / "failures.jsonl"
    lines = failures.read_text().splitlines() if failures.exists() else []
    failed = {json.loads(line)["match"] for line in lines}
    found.expect(len(failed | played) == 2, f"{found.deeds[0]}: {len(failed)} failures, {len(played)} played")
    found.expect(deed in HARMLESS or not played, f"{found.deeds[0]}: {len(played)} of its matches were played")
    return found


if __name__ == "__main__":
    main("hostile", case, 147, prepare)
