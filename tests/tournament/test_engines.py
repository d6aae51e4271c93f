"""Whoever plays a tournament, one process or many, by whatever engine: the bits are the same."""

import json
import subprocess
import sys

import pandas as pd
import pytest

from dilemma import Tournament, open_run
from dilemma.merging import merge
from dilemma.tournament.config import parse
from dilemma.tournament.shard import Shard

COMMON = {"seed": 5, "analysis": {"exploitability": ["population"]}, "evaluation": {"mode": "played"}}
NOISY = {"name": "prisoners_dilemma", "rounds": 8, "noise": 0.1}
CONFIGS = {
    "strategies and learners": {
        **COMMON,
        "environments": [NOISY],
        "agents": [{"name": name} for name in ("tit_for_tat", "random", "reinforce")],
        "schedule": {"repetitions": 8},
        "learning": {"tables": 2, "episodes": 3, "block": 2},
    },
    "evolution": {
        **COMMON,
        "environments": [NOISY],
        "agents": [{"name": name} for name in ("tit_for_tat", "all_d", "all_c")],
        "schedule": {
            "kind": "moran",
            "population": {"tit_for_tat": 2, "all_d": 2, "all_c": 2},
            "replicates": 2,
            "generations": 2,
        },
    },
}
HERE = {
    "2 jobs": {"jobs": 2},
    "4 jobs": {"jobs": 4},
    "threading": {"jobs": 2, "backend": "threading"},
}


@pytest.fixture(scope="module", autouse=True)
def no_cluster_is_left():
    """The clusters of this module go with it."""
    yield
    for name in ("dask_engine", "ray_engine"):
        if engine := sys.modules.get(f"dilemma.tournament.{name}"):
            engine.close()


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The tables of each config, played in one process, one chunk after the other."""
    folder = tmp_path_factory.mktemp("alone")
    return {name: played(folder / name, config) for name, config in CONFIGS.items()}


def played(folder, config, **execution):
    Tournament.of(parse({**config, "execution": {"chunk": 7, **execution}})).run(folder)
    return tables(folder)


def tables(folder):
    """All that a run has found, in an order of its own."""
    found = open_run(folder)
    every = {"rows": found.rows.drop(columns="how"), "curves": found.curves, "generations": found.generations}
    return {name: in_order(table) for name, table in every.items() if table is not None}


def in_order(table):
    named = [name for name in table if table[name].dtype == "category"]
    return table.astype(dict.fromkeys(named, str)).sort_values(list(table), ignore_index=True)


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, table in expected.items():
        pd.testing.assert_frame_equal(found[name], table, check_exact=True)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("engine", HERE)
def test_any_number_of_jobs_gives_the_same_bits(engine, config, expected, tmp_path):
    assert_same(played(tmp_path / "run", CONFIGS[config], **HERE[engine]), expected[config])


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("engine", [("distributed", "dask"), ("ray", "ray")], ids=lambda each: each[1])
def test_a_cluster_of_two_processes_gives_the_same_bits(engine, config, expected, tmp_path):
    library, backend = engine
    pytest.importorskip(library)
    found = played(tmp_path / "run", CONFIGS[config], backend=backend, address="local", jobs=2)
    assert_same(found, expected[config])


SHARE = """
import json, sys
from pathlib import Path
from dilemma.play import play_into
from dilemma.tournament.config import parse
from dilemma.tournament.shard import Shard
from dilemma.tournament.store import Store
config, folder, shares = json.loads(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
for share in shares:
    plan, shard = parse(config), Shard.read(share)
    play_into(Store.open(folder / shard.in_file_names, plan), plan, lambda done, total: None, shard=shard)
"""


def test_five_shards_in_two_processes_give_the_same_bits(expected, tmp_path):
    config, shares = CONFIGS["strategies and learners"], [f"{number}/5" for number in range(1, 6)]
    call = [sys.executable, "-c", SHARE, json.dumps({**config, "execution": {"chunk": 3}}), tmp_path]
    for process in [subprocess.Popen([*call, *some]) for some in (shares[:3], shares[3:])]:
        assert process.wait() == 0
    merge([tmp_path / Shard.read(share).in_file_names for share in shares], tmp_path / "whole")
    Tournament.of(parse(config)).run(tmp_path / "whole")
    assert_same(tables(tmp_path / "whole"), expected["strategies and learners"])
