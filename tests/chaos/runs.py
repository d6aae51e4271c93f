"""Small run folders of every kind, made once, to be attacked as copies."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pandas as pd

from .attack import command

PD = "[[environments]]\nname = 'prisoners_dilemma'\nrounds = 6\n"
CONFIGS = {
    "league": f"""
        {PD}
        [[agents]]
        name = 'tit_for_tat'
        [[agents]]
        name = 'all_d'
        [[agents]]
        name = 'tullock'
        [[agents]]
        name = 'q_learning'
        [schedule]
        repetitions = 2
        [learning]
        tables = 2
        episodes = 3
        keep = ['q_learning']
        [execution]
        chunk = 3
        """,
    "moran": f"""
        {PD}
        [[agents]]
        name = 'all_c'
        [[agents]]
        name = 'tullock'
        [schedule]
        kind = 'moran'
        population = {{all_c = 3, tullock = 3}}
        generations = 5
        replicates = 2
        """,
    "lattice": f"""
        {PD}
        [[agents]]
        name = 'all_c'
        [[agents]]
        name = 'all_d'
        [schedule]
        kind = 'imitation'
        graph = {{kind = 'lattice', rows = 4, columns = 4}}
        population = {{all_c = 0.5, all_d = 0.5}}
        generations = 4
        every = 2
        """,
    "evolve": f"""
        {PD}
        [[agents]]
        name = 'memory_one'
        p = [0.5, 0.5, 0.5, 0.5, 0.5]
        [schedule]
        kind = 'evolve'
        agent = 'memory_one'
        generations = 20
        every = 5
        replicates = 2
        [schedule.method]
        kind = 'adaptive_walk'
        size = 10
        """,
    "choice": """
        [[environments]]
        name = 'coins_room'
        rounds = 20
        [[environments]]
        name = 'coins_room'
        label = 'alone'
        rounds = 20
        absent = 1
        [[agents]]
        name = 'coin_collector'
        label = 'own'
        takes = 'own'
        [[agents]]
        name = 'coin_collector'
        label = 'any'
        takes = 'any'
        [schedule]
        kind = 'partner_choice'
        choosers = ['own']
        alone = 'alone'
        repetitions = 3
        rules = [{kind = 'own_return'}]
        """,
    "pool": """
        [[environments]]
        name = 'common_pool_trust'
        rounds = 5
        [[agents]]
        name = 'interpolating_mechanism'
        label = 'middle'
        [[agents]]
        name = 'equal_mechanism'
        label = 'equal'
        [[agents]]
        name = 'constant_returner'
        label = 'returner'
        [schedule]
        repetitions = 2
        """,
}
_MADE = Path(tempfile.mkdtemp(prefix="chaos-runs-"))
atexit.register(shutil.rmtree, _MADE, ignore_errors=True)


def text(kind: str) -> str:
    """The config of a kind of run."""
    return "\n".join(line.strip() for line in CONFIGS[kind].splitlines())


def make_all() -> None:
    """Play a run of every kind."""
    for kind in CONFIGS:
        made(kind)


@cache
def made(kind: str) -> Path:
    """A run folder of a kind, which is played once; not to be changed."""
    config, folder = _MADE / f"{kind}.toml", _MADE / kind
    config.write_text(text(kind))
    ending = command("run", str(config), "--out", str(folder))
    assert ending.code == 0, ending.stderr
    return folder


def copied(kind: str, folder: Path) -> Path:
    """A copy of a run folder of a kind."""
    shutil.copytree(made(kind), folder, symlinks=True)
    return folder


def rows(folder: Path) -> pd.DataFrame:
    """All rows of a run folder, in an order of their own."""
    from dilemma import open_run

    seats = open_run(folder).rows
    seats = seats.astype({name: str for name in seats if isinstance(seats[name].dtype, pd.CategoricalDtype)})
    return seats.sort_values(["match", "seat"], ignore_index=True).sort_index(axis=1)
