"""`dilemma rate`: payoff tables of one's own are read as they are meant, and rated as a run's are."""

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from dilemma import Tournament
from dilemma.analysis.cells import cells_by_league
from dilemma.analysis.ranking.payoffs import cell_table
from dilemma.analysis.ratings.own_table import cells_of
from dilemma.analysis.ratings.ratings import RATINGS, rate, rate_cells
from dilemma.analysis.statistics.influence_functions import payoff_matrix
from dilemma.cli import main

SQUARE = "own,c,d\nc,3,0\nd,5,1\n"


@pytest.mark.parametrize(
    "text",
    [
        SQUARE,
        "own;d;c\n\nc;0;3\nd;1;5\n",
        ' \tc\td\n"c"\t3.0\t0\nd\t5\t1\n',
        "agent,opponent,payoff\nc,c,3\nc,d,0\nd,c,5\nd,d,1\n",
        "note,Opponent,Payoff,Agent\n,d,0,c\n,c,3,c\nx,c,5,d\n,d,1,d\n",
    ],
)
def test_every_form_of_a_table_is_the_same_game(text):
    cells = cells_of(text)
    names = list(cells.agents[cells.roster])
    matrix = pd.DataFrame(payoff_matrix(cells, cell_table(cells)), names, names)
    assert matrix.loc[["c", "d"], ["c", "d"]].to_numpy().tolist() == [[3, 0], [5, 1]]
    found = rate_cells(cells, cell_table(cells)).table.set_index("agent")
    expected = rate([[3, 0], [5, 1]], names=["c", "d"]).table.set_index("agent")
    pd.testing.assert_frame_equal(found.loc[["c", "d"]].astype(float), expected.astype(float), check_names=False)
    assert {f"{name}_low" for name in RATINGS if name != "elo"} <= set(found.columns)
    assert found.filter(like="_low").isna().all(axis=None)


def test_with_repetitions_a_table_is_rated_as_the_run_that_it_comes_from():
    agents = ["random", "tullock", "gradual", "all_d"]
    run = Tournament(["prisoners_dilemma"], agents, repetitions=6, mode="played", self_play=True).run()
    [own] = cells_by_league(run.rows, run.games)
    written = run.rows.groupby(["agent", "opponent", "repetition"], observed=True)["payoff"].mean().reset_index()
    cells = cells_of(written.to_csv(index=False))
    a, b = (rate_cells(each, cell_table(each)).table.set_index("agent").sort_index() for each in (own, cells))
    scores = list(RATINGS)
    np.testing.assert_allclose(a[scores].astype(float), b[scores].astype(float), atol=1e-9)
    # Draws differ by the name of the environment: ends of intervals agree within their sampling error.
    for name in ("payoff_low", "payoff_high"):
        np.testing.assert_allclose(a[name].astype(float), b[name].astype(float), atol=0.05)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it has no rows below its header"),
        ("agent,opponent,payoff\n", "it has no rows below its header"),
        ("own,c,d\nc,3,0\n", "'d' is the label of a column only; allowed: a square matrix"),
        ("own,c\nc,3\nd,4\n", "'d' is the label of a row only"),
        ("own,c,c\nc,3,0\nd,5,1\n", "there are two columns 'c'"),
        ("own,c,d\nc,3,0\nc,5,1\n", "there are two rows 'c'"),
        ("own,c,d\nc,3,0\nd,5\n", "line 3 has 2 cells, the header 3"),
        ("own,c,d\nc,3,x\nd,5,1\n", "line 2: found 'x'; allowed: a number"),
        ("own,c,d\nc,3,inf\nd,5,1\n", "line 2: found 'inf'; allowed: a number"),
        ("own,c,\nc,3,0\n,5,1\n", "line 1: found an agent without a label"),
        ("own,c\nc,\n", "there are no payoffs in it"),
        (
            "agent,opponent,payoff\na,b,1\na,b,2\n",
            "line 3: 'a' with 'b' is there already, in line 2; allowed: once, or",
        ),
        ("agent,opponent,payoff,repetition\na,b,1,1\na,b,2,1\n", "'a' with 'b' in repetition 1 is there already"),
        ("environment,agent,opponent,payoff\nx,a,b,1\ny,b,a,2\n", "it has 2 environments (x, y); allowed: one"),
        ('own,c\n"c', "line 2"),
    ],
)
def test_what_is_wrong_with_a_table_is_a_sentence(text, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.csv").write_text(text)
    done = CliRunner().invoke(main, ["rate", "my.csv"])
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: my.csv: ")
    assert said in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["my.csv"]


def test_the_command_prints_and_writes_every_rating(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.csv").write_text(SQUARE)
    done = CliRunner().invoke(main, ["rate", "my.csv"])
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "my_ratings.csv")
    written = pd.read_csv("my_ratings.csv").set_index("agent")
    assert written.loc["d", "payoff"] == 3
    assert written["alpha_rank"].tolist() == pytest.approx([0, 1], abs=1e-6)
    assert "elo: not computed" in done.stderr  # who always earns more has no finite strength
    for name in RATINGS.keys() - {"elo"}:
        assert name in written
        assert name.replace("_", " ") in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    refused = CliRunner().invoke(main, ["rate", "my.csv", "--out", "./my.csv"])
    assert refused.exit_code == 2
    assert CliRunner().invoke(main, ["rate", "my.csv", "--out", "my.csv/here.csv"]).exit_code == 2
    assert CliRunner().invoke(main, ["rate", "none.csv"]).exit_code == 2
