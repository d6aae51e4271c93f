"""The columns that docs/columns.md describes are those that the tables have."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from dilemma import Tournament
from dilemma.columns import REPORTED, STORED, page

POPULATION = {"kind": "moran", "generations": 3, "population": {"all_d": 4, "random": 5}, "replicates": 2}
GRAPH = {**POPULATION, "graph": {"kind": "lattice", "rows": 3, "columns": 3}, "update": "death_birth"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Runs with every kind of table, and a report."""
    runs = tmp_path_factory.mktemp("runs")
    games = ["prisoners_dilemma", "chicken"]
    learners = ["tit_for_tat", "all_d", "random", "q_learning"]
    played = Tournament(games, learners, repetitions=2, self_play=True, learning={"episodes": 2, "tables": 2})
    played.run(runs / "learned").report(runs / "learned" / "report")
    Tournament(games[:1], ["all_d", "random"], schedule=GRAPH).run(runs / "graph")
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


@pytest.mark.parametrize("name", REPORTED)
def test_tables_of_a_report_have_the_columns_that_are_described(folder, name):
    described = REPORTED[name].names
    found = pd.read_csv(folder / "learned" / "report" / f"{name}.csv")
    assert list(found) == [column for column in described if column != "company"]  # which games of three have


def test_the_page_is_what_the_schema_says():
    path = Path(__file__).parents[1] / "docs" / "columns.md"
    assert path.read_text(encoding="utf-8") == page(), "python -m dilemma.columns > docs/columns.md"
