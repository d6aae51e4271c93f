"""`dilemma compare`: runs are put side by side under the same labels, and what one lacks is told."""

import shutil

import pandas as pd
import pytest
from click.testing import CliRunner

from dilemma import Tournament
from dilemma.cli import main
from dilemma.envs.matrix_game import PrisonersDilemma


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    game = PrisonersDilemma(rounds=10)
    first = {"t": "tit_for_tat", "same": "tullock", "d": "all_d", "gone": "gradual"}
    second = {"T\n<b>": "tit_for_tat", "same": "tullock", "d": "all_c", "new": "random"}
    for name, (label, agents) in {"one": ("pd", first), "two": ("dilemma", second)}.items():
        Tournament({label: game}, agents, repetitions=4).run(folder / name)
    return folder


def test_agents_are_matched_by_label_then_by_definition(shelf):
    done = CliRunner().invoke(
        main, ["compare", *(str(shelf / name) for name in ("one", "two")), "--out", str(shelf)]
    )
    assert done.exit_code == 0
    said = done.stdout.replace("\n", " ")
    for sentence in (
        *("dilemma of two is pd of one.", "T <b> of two is t of one.", "d is not defined alike in one and two."),
        *("Only in one: agents gone.", "Only in two: agents new."),
    ):
        assert sentence in said
    assert max(map(len, done.stdout.splitlines()[:-1])) <= 80
    table = pd.read_csv(shelf / "compare.csv")
    assert set(table["environment"]) == {"pd"}
    payoffs = table[table["measure"] == "payoff with the same partners"].set_index("agent")
    assert set(payoffs.index) == {"t", "same", "d"}
    assert (table["low"] <= table["difference"] + 1e-9).all()
    assert set(table["run"]) == {"one"}
    written = (shelf / "compare.md").read_text()
    assert written.startswith("# two beside one\n")
    assert "## pd, payoff\n\n| Agent | one | two | Difference |" in written


def test_a_run_beside_itself_differs_in_nothing(shelf):
    out = shelf / "itself"
    done = CliRunner().invoke(main, ["compare", *[str(shelf / "one")] * 2, "--out", str(out)])
    assert done.exit_code == 0
    table = pd.read_csv(out / "compare.csv")
    assert (table["difference"] == 0).all()
    assert "| Agent | one (1) | one (2) | Difference |" in (out / "compare.md").read_text()
    assert set(table.loc[~table["measure"].str.startswith("exploiter"), "how"]) == {"equal"}


def test_names_of_runs_are_no_markup(shelf, tmp_path):
    runs = [str(shelf / "one"), str(tmp_path / "[red]b|c")]
    shutil.copytree(*runs)
    done = CliRunner().invoke(main, ["compare", *runs, "--out", str(tmp_path)])
    assert "[red]b|c" in done.stdout
    assert "| Agent | one | [red]b/c |" in (tmp_path / "compare.md").read_text()
    (tmp_path / "[red]b|c" / "manifest.json").unlink()
    nothing = CliRunner().invoke(main, ["compare", *runs])
    assert (nothing.exit_code, nothing.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("names", "said"), [(["one"], "allowed: two or more"), (["one", "nothing"], "no config.toml")]
)
def test_mistakes_are_sentences(shelf, names, said):
    done = CliRunner().invoke(main, ["compare", *(str(shelf / name) for name in names)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
