"""The columns that docs/columns.md describes are those that the tables have."""

from pathlib import Path
from typing import get_args

import pandas as pd
import pyarrow.parquet as pq
import pytest

from dilemma import Tournament
from dilemma.agents.memory_one import Reactive
from dilemma.chapter_columns import CHAPTERS
from dilemma.columns import REPORTED, STORED, page
from dilemma.envs.matrix_game import Chicken, PrisonersDilemma
from dilemma.envs.reputation.reputation_dilemma import ReputationDilemma
from dilemma.explain import explained, keep
from dilemma.results import stored
from dilemma.tournament.run_folder import RunFolder
from dilemma.tournament.sections import Rating

POPULATION = {"kind": "moran", "generations": 10, "population": {"all_d": 4, "random": 5}, "replicates": 2}
GRAPH = {**POPULATION, "graph": {"kind": "lattice", "rows": 3, "columns": 3}, "update": "death_birth"}


ANALYSIS = {
    "ratings": list(get_args(Rating)),
    "evolution": ["moran", "replicator"],
    "population": {"size": 6, "mutation": 0.01},
    "exploitability": ["population", "exact", "inferred"],
    "anchors": {"prisoners_dilemma": [1, 3], "chicken": [0, 3]},
    "draws": 100,
}
METHOD = {"kind": "genetic", "population": 6, "elites": 2}
EVOLVING = {"kind": "evolve", "agent": "one", "method": METHOD, "generations": 2, "every": 1, "replicates": 2}
POOLING = ["equal_mechanism", "proportional_mechanism", "constant_returner", "conditional_cooperator"]
SELECTING = ReputationDilemma(variant="dp_s", population=4, rounds=2, encounters=2)
TAUGHT = {"episodes": 3, "tables": 2, "window": 1, "freeze_after": {"staged_q_learning": 2}, "block": 2}
CHOOSING = {"kind": "partner_choice", "alone": 2, "repetitions": 4, "rules": [{"kind": "own_return"}]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Runs with every kind of table, and their reports."""
    runs = tmp_path_factory.mktemp("runs")
    games = {"prisoners_dilemma": PrisonersDilemma(rounds=20), "chicken": Chicken(rounds=20)}
    one = {"prisoners_dilemma": games["prisoners_dilemma"]}
    learners = ["tit_for_tat", "all_d", "sarsa", "q_learning"]
    strategies = ["tit_for_tat", "all_d", "gradual", "all_c"]
    many = {"learning": {"episodes": 2, "tables": 2}, "background": ["all_d"], "analysis": {"draws": 100}}
    for name, tournament in {
        "learned": Tournament(games, learners, repetitions=2, self_play=True, **many),
        "rated": Tournament(games, strategies, self_play=True, analysis=ANALYSIS),
        "groups": Tournament(["public_goods"], ["all_c", "all_d"], repetitions=2, self_play=True),
        "pool": Tournament(["common_pool_trust"], POOLING, repetitions=3, self_play=True),
        "graph": Tournament(one, ["all_d", "random"], schedule=GRAPH),
        "evolving": Tournament(one, {"one": Reactive(p=0.9, q=0.1), "field": "all_d"}, schedule=EVOLVING),
        "selecting": Tournament(
            [SELECTING],
            ["staged_q_learning", "discriminator"],
            schedule={"kind": "shares", "repetitions": 2},
            learning=TAUGHT,
        ),
        "choosing": Tournament(one, strategies, schedule=CHOOSING, mode="played", analysis={"draws": 100}),
    }.items():
        tournament.run(runs / name).report(runs / name / "report")
    store = RunFolder.existing(runs / "pool")
    keep(store, explained(store, "proportional_mechanism", None, print))
    stored(store).report(store.report_path)
    return runs


@pytest.mark.parametrize("name", STORED)
def test_stored_tables_have_the_columns_and_types_that_are_described(folder, name):
    described = {column.name: column.kind for column in STORED[name].columns}
    files = [pq.read_schema(file) for file in folder.glob(f"*/{name}/*.parquet")]
    assert files
    found = {field.name: field.type for file in files for field in file}
    assert described.keys() - {"run"} <= found.keys()  # which checkpoints have
    for column, kind in found.items():
        if described.get(column) == "label":
            assert str(kind).startswith("dictionary<values=string")
        else:
            assert kind.to_pandas_dtype() == pd.Series(dtype=described.get(column, "float64")).dtype, column
    assert bool(found.keys() - described.keys()) <= bool(STORED[name].further)


@pytest.mark.parametrize("name", CHAPTERS)
def test_tables_of_chapters_have_the_columns_and_types_that_are_described(folder, name):
    described = {column.name: column.kind for column in CHAPTERS[name].columns}
    written = [pd.read_csv(file) for file in folder.glob(f"*/report/{name}.csv")]
    assert described.keys() <= {column for table in written for column in table}
    for column, values in ((column, table[column].dropna()) for table in written for column in table):
        assert column in described or CHAPTERS[name].further, column
        kind = described.get(column, "float64")
        if kind in ("label", "text"):
            assert not len(values) or values.dtype == "str" or column == "seat", column
        elif kind == "int64":
            assert (values == values.round()).all(), column
        else:
            assert not len(values) or (values.dtype.kind == "b") == (kind == "bool"), column


def test_every_table_of_a_report_is_described(folder):
    written = {file.stem for file in folder.glob("*/report/*.csv")}
    assert written == REPORTED.keys() | CHAPTERS.keys()


@pytest.mark.parametrize("name", REPORTED)
def test_tables_of_a_report_have_the_columns_that_are_described(folder, name):
    described = REPORTED[name].names
    found = pd.read_csv(folder / "learned" / "report" / f"{name}.csv")
    assert list(found) == [column for column in described if column != "company"]  # which games of three have


def test_the_page_is_what_the_schema_says():
    path = Path(__file__).parents[1] / "docs" / "columns.md"
    assert path.read_text(encoding="utf-8") == page(), "python -m dilemma.columns > docs/columns.md"
