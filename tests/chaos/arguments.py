"""Hostile command lines: none may give a traceback, take more than 20 s, or more than a gibibyte."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

from .attack import Case, command, main
from .runs import copied, make_all

OPTIONS = {
    "run": ["--out", "--jobs", "--set", "--dry-run", "--accept-changes", "--fresh", "--shard"],
    "report": ["--set", "--out"],
    "exploit": ["--agent", "--kind", "--jobs", "--set"],
    "explain": ["--env"],
    "fit": ["--out", "--column", "--only", "--capacity", "--units", "--epochs", "--seed"],
    "replay": ["--env", "--table", "--episode", "--out"],
    "agents": ["--search", "--kind", "--where"],
    "envs": ["--search", "--kind"],
    "schema": [],
    "compare": ["--out"],
    "runs": [],
    "status": [],
    "merge": ["--out"],
    "view": ["--port"],
    "rate": ["--out"],
    "export": ["--moves", "--out"],
}
PROPER = {
    "run": ["small.toml"],
    "report": ["run"],
    "exploit": ["run"],
    "explain": ["run", "tit_for_tat"],
    "fit": ["common_pool", "pool.csv", "--epochs", "1"],
    "replay": ["run", "tit_for_tat:all_d"],
    "compare": ["run", "run"],
    "status": ["run"],
    "merge": ["run", "run", "--out", "merged"],
    "rate": ["table.csv"],
    "export": ["run"],
}
FLAGS = {"--dry-run", "--accept-changes", "--fresh", "--moves", "--help", "--version"}
PLACES = [
    *(
        "run",
        "small.toml",
        "quickstart",
        ".",
        "..",
        "/",
        "/dev/null",
        "/dev/full",
        "/proc/self/mem",
        "/proc/self/fd",
    ),
    *(
        "loop",
        "fifo",
        "empty",
        "folder",
        "nowhere/at/all",
        "x" * 300,
        "a/" * 3000,
        "~",
        "~nobody/x",
        "-",
        "--",
        "",
    ),
    *(
        "table.csv",
        "pool.csv",
        "binary",
        "\udcff\udcfe",
        "名前",
        "a\nb",
        "run/seats",
        "run/config.toml",
        "/proc/1",
    ),
    *(
        "run/manifest.json",
        "run/report",
        "run/../run",
        "./run/",
        "run\\",
        "file://run",
        "http://127.0.0.1:1/x",
        "*",
    ),
]
WORDS = [
    *("", " ", "0", "-1", "1", "2", "9" * 30, "1e999", "nan", "inf", "-inf", "0x10", "1_000", "½", "٣", "True"),
    *(
        "None",
        "null",
        "{}",
        "[]",
        "[",
        '"',
        "'",
        "\\",
        "\x1b[31m",
        "\u202e",
        "%s%n%d",
        "$(id)",
        "`id`",
        ";ls",
        "|",
    ),
    *("a=b", "=", "==", "a=", "=b", "seed=3", "seed=nan", "schedule.repetitions=2", "schedule.repetitions=-1"),
    *("agents.0.name=all_c", "agents.99.name=all_c", "agents.-1.name=all_c", "agents=1", "agents.0=[]", "a.b.c=1"),
    *("execution.jobs=999999", "analysis.top=0", "analysis=3", "learning.tables=99999999999", "x\ny=1", "é=1"),
    *(
        "environments.0.rounds=1e9",
        "environments.0.noise=nan",
        "name=../../x",
        f"seed={'9' * 5000}",
        "seed=2" * 99,
    ),
    *("1/2", "0/2", "3/2", "auto", "1/0", "1/999999999999", "-1/2", "1/1/1", "½/2", "all_d", "tit_for_tat"),
    *("tit_for_tat:all_d", "tit_for_tat:all_d:0", "tit_for_tat:all_d:99999999999999999999", "::", "a:b:c:d"),
    *(
        "population",
        "exact",
        "learned",
        "inferred",
        "common_pool",
        "prisoners_dilemma",
        "automata",
        "nice",
        "memory<=1",
    ),
    *(
        "memory<=",
        "<=1",
        "year>=9999",
        "nice=maybe",
        "game=g",
        "out.gif",
        "out.svg",
        "out.txt",
        "out.exe",
        "65536",
    ),
]


def case(number: int, random: Random, folder: Path) -> Case:
    """One command line."""
    prepare(folder)
    arguments = line(random)
    found = Case()
    serves = "view" in arguments
    found.add(
        command(*arguments, interrupt_after=3.0 if serves else None), (0, 1, 2, 130) if serves else (0, 1, 2)
    )
    return found


def line(random: Random) -> list[str]:
    """Words that a shell could hand over: proper ones, and then others."""
    name = random.choice(list(OPTIONS))
    words = [name, *PROPER.get(name, [])] if random.random() < 0.7 else [name]
    for _ in range(random.choice([0, 0, 0, 1, 1, 4])):
        words.insert(random.randint(1, len(words)), hostile(random))
    for _ in range(random.choice([0, 1, 1, 2, 4])):
        option = random.choice([*OPTIONS[name], "--help"]) if random.random() < 0.9 else random.choice(WORDS)
        words.append(option)
        if option not in FLAGS and random.random() < 0.95:
            words.append(hostile(random))
    if name == "run" and random.random() < 0.6:
        words.append("--dry-run")
    if random.random() < 0.03:
        words[0] = hostile(random)
    return words


def hostile(random: Random) -> str:
    """A word."""
    return random.choice(PLACES if random.random() < 0.4 else WORDS)


def prepare(folder: Path) -> None:
    """What the words speak of."""
    copied("league", folder / "run")
    (folder / "small.toml").write_text(
        "[[environments]]\nname = 'prisoners_dilemma'\nrounds = 5\n"
        "[[agents]]\nname = 'tit_for_tat'\n[[agents]]\nname = 'all_d'\n"
    )
    (folder / "table.csv").write_text(",a,b\na,1,2\nb,3,4\n")
    (folder / "pool.csv").write_text(
        "game,round,player,pool,allocated,returned\n1,0,0,200,50,10\n1,0,1,200,50,20\n"
    )
    (folder / "binary").write_bytes(bytes(range(256)) * 20)
    (folder / "empty").touch()
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "fifo")


if __name__ == "__main__":
    main("arguments", case, 700, make_all)
