"""`dilemma export`: what other tools are given is what was played, and they read it."""

import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from dilemma import Tournament, open_run
from dilemma.cli import main
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.replay import replayed
from dilemma.tournament.run_folder import RunFolder

AGENTS = ["tit_for_tat", "random", "gradual"]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "run"
    games = {
        "pd": PrisonersDilemma(rounds=20, noise=0.1),
        "ending": PrisonersDilemma(rounds=30, continuation=0.9),
        "sexes": "battle_of_the_sexes",
    }
    agents = {"t": "tit_for_tat", "r": "random", "again": "random"}
    Tournament(games, agents, repetitions=3, mode="played", self_play=True).run(folder)
    return folder


@pytest.fixture(scope="module")
def moves(played):
    done = CliRunner().invoke(main, ["export", str(played), "--moves"])
    assert (done.exit_code, done.stderr) == (0, "")
    written = [f"{played}/export/{name}" for name in ("moves.parquet", "interactions_pd.csv")]
    assert [line for line in done.stdout.splitlines() if "ending" not in line and "sexes" not in line] == written
    return pd.read_parquet(played / "export" / "moves.parquet")


def test_the_moves_are_those_of_a_replay_and_earn_what_is_stored(played, moves):
    seats = open_run(played).rows
    both = moves.merge(seats, on=["match", "seat"], validate="1:1")
    assert len(both) == len(seats) == len(moves)
    assert (both["agent_x"] == both["agent_y"]).all()
    assert (both["actions"].map(len) == both["rounds"]).all()
    np.testing.assert_allclose(both["rewards"].map(np.mean), both["payoff"], atol=1e-12)
    for match, rows in list(moves.groupby("match"))[::7]:
        record, _ = replayed(RunFolder(played), str(match))
        for row in rows.itertuples():
            assert row.actions.tolist() == record.action[:, row.seat].tolist()
            assert row.rewards.tolist() == record.reward[:, row.seat].tolist()


def test_the_axelrod_library_reads_its_csv(played, moves, axelrod):
    results = axelrod.ResultSet(
        str(played / "export" / "interactions_pd.csv"), ["t", "r", "again"], repetitions=3, progress_bar=False
    )
    seats = open_run(played).rows
    own = seats[seats["environment"] == "pd"]
    for i, agent in enumerate(["t", "r", "again"]):
        for j, opponent in enumerate(["t", "r", "again"]):
            rows = own[(own["agent"] == agent) & (own["opponent"] == opponent)]
            ours = rows.groupby("repetition")["payoff"].mean()
            assert results.payoffs[i][j] == pytest.approx(ours.tolist())
            if i != j:
                assert results.cooperation[i][j] == pytest.approx((rows["cooperation"] * rows["rounds"]).sum())
                state = results.state_distribution[i][j]
                total = rows["rounds"].sum()
                theirs = [
                    state[tuple(axelrod.Action.from_char(letter) for letter in pair)] for pair in ("CC", "CD")
                ]
                assert theirs == pytest.approx([(rows[name] * rows["rounds"]).sum() for name in ("cc", "cd")])
                assert sum(state.values()) == total


def test_the_rows_are_those_that_the_axelrod_library_writes(tmp_path, axelrod):
    """Of matches without chance, all columns and all rows, but for their order."""
    game = PrisonersDilemma(rounds=7)
    agents = {"Cooperator": "all_c", "Tit For Tat": "tit_for_tat", "Alternator": "alternator"}
    Tournament([game], agents, repetitions=2, mode="played", self_play=True).run(tmp_path / "run")
    assert CliRunner().invoke(main, ["export", str(tmp_path / "run"), "--moves"]).exit_code == 0
    players = [axelrod.Cooperator(), axelrod.TitForTat(), axelrod.Alternator()]
    tournament = axelrod.Tournament(players, turns=7, repetitions=2)
    tournament.play(filename=str(tmp_path / "theirs.csv"), progress_bar=False)
    files = [tmp_path / "run" / "export" / "interactions_prisoners_dilemma.csv", tmp_path / "theirs.csv"]
    key = ["Player index", "Opponent index", "Repetition", "Actions"]
    ours, theirs = (pd.read_csv(file).sort_values(key, ignore_index=True) for file in files)
    assert list(ours) == list(theirs)
    pd.testing.assert_frame_equal(
        *(x.drop(columns="Interaction index") for x in (ours, theirs)), check_dtype=False
    )


def test_matrices_are_the_payoff_table_in_both_seats(played):
    done = CliRunner().invoke(main, ["export", str(played)])
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 6)
    payoffs = open_run(played).payoffs
    for label in ("pd", "sexes"):
        with np.load(played / "export" / f"payoffs_{label}.npz") as file:
            a, b, rows, columns = (file[name] for name in ("A", "B", "rows", "columns"))
        part = payoffs[payoffs["environment"] == label]
        for row in part.itertuples():
            if row.seat in ("any", "0"):
                assert a[list(rows).index(row.agent), list(columns).index(row.opponent)] == row.payoff
            if row.seat in ("any", "1"):
                assert b[list(rows).index(row.opponent), list(columns).index(row.agent)] == row.payoff
        assert np.isfinite(a).all()
        assert np.isfinite(b).all()
        assert np.array_equal(b, a.T) == (label == "pd")
        written = pd.read_csv(played / "export" / f"payoffs_{label}.csv", index_col=0)
        assert np.array_equal(written.to_numpy(), a)
        assert (written.index.tolist(), written.columns.tolist()) == (rows.tolist(), columns.tolist())


def test_other_tools_take_the_matrices(played):
    nashpy, pyspiel = pytest.importorskip("nashpy"), pytest.importorskip("pyspiel")
    CliRunner().invoke(main, ["export", str(played)])
    with np.load(played / "export" / "payoffs_pd.npz") as file:
        a, b = file["A"], file["B"]
    pure = np.eye(len(a))
    assert nashpy.Game(a, b)[pure[0], pure[1]].tolist() == [a[0, 1], b[0, 1]]
    game = pyspiel.create_matrix_game(a, b)
    assert [game.row_utility(0, 1), game.col_utility(0, 1)] == [a[0, 1], b[0, 1]]


def test_what_has_no_moves_is_said(tmp_path):
    game = PrisonersDilemma(rounds=5)
    Tournament([game], ["tit_for_tat", "all_d"]).run(tmp_path / "exact")
    Tournament([game], ["tit_for_tat", "q_learning", "tullock"], learning={"tables": 2, "episodes": 1}).run(
        tmp_path / "mixed"
    )
    none = CliRunner().invoke(main, ["export", str(tmp_path / "exact"), "--moves"])
    assert none.exit_code == 2
    assert "has no moves to export: 1 payoffs are exact: they have no match" in none.stderr
    assert not (tmp_path / "exact" / "export").exists()
    some = CliRunner().invoke(main, ["export", str(tmp_path / "mixed"), "--moves"])
    assert (some.exit_code, some.stderr.count("\n")) == (0, 1)
    assert some.stderr.startswith("2 matches are of learners")
    assert set(pd.read_parquet(tmp_path / "mixed" / "export" / "moves.parquet")["agent"]) == {
        "tit_for_tat",
        "tullock",
    }


def test_a_match_that_is_not_the_stored_one_is_told(played, tmp_path):
    folder = shutil.copytree(played, tmp_path / "run")
    for file in (folder / "seats").glob("*.parquet"):
        table = pq.read_table(file)
        payoff = table["payoff"].to_numpy().copy()
        payoff[0] += 1
        pq.write_table(table.set_column(table.column_names.index("payoff"), "payoff", [payoff]), file)
    done = CliRunner().invoke(main, ["export", str(folder), "--moves"])
    assert done.exit_code == 1
    assert "3 matches earn other payoffs than the stored ones" in done.stderr


FRAIL = '''
from pathlib import Path

from dilemma.agents.strategy import Strategy


class Frail(Strategy):
    """Cooperates, until there is a mark beside its file: then it breaks in the company of defectors."""

    def cooperate(self, me, own, other):
        if (Path(__file__).parent / "mark").exists() and me.other_defections.any():
            raise RuntimeError("broken")
        return me.other_defections >= 0
'''


def test_what_fails_when_played_again_is_named_and_the_rest_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "frail.py").write_text(FRAIL)
    cast = {"frail": f"{tmp_path / 'frail.py'}:Frail", "c": "all_c", "d": "all_d"}
    folder = tmp_path / "run"
    Tournament([PrisonersDilemma(rounds=5)], cast, repetitions=3, mode="played").run(folder)
    (tmp_path / "mark").touch()
    done = CliRunner().invoke(main, ["export", str(folder), "--moves"])
    assert done.exit_code == 1
    told = done.stderr.splitlines()
    said = "fails now: Frail: RuntimeError: broken (frail.py, line 12, in cooperate)"
    assert sorted(line.partition(" of ")[2] for line in told[:3]) == [
        f"frail and d (prisoners_dilemma, repetition {repetition}) {said}" for repetition in (0, 1, 2)
    ]
    assert told[3:] == ["3 matches are left out, the others are written"]
    written = pd.read_parquet(folder / "export" / "moves.parquet")
    assert written.groupby("agent").size().to_dict() == {"frail": 3, "c": 6, "d": 3}
    assert (written["actions"].map(len) == 5).all()
