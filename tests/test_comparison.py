"""`dilemma compare`: runs are put side by side under the same labels, and what one lacks is told."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from dilemma import Tournament
from dilemma.analysis.report.difference_figures import difference_plot
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
    assert done.stdout.splitlines()[-1] == str(shelf / "compare.html")
    assert "## pd, payoff\n\n| Agent | one | two | Difference |" in written


def test_a_run_beside_itself_differs_in_nothing(shelf):
    out = shelf / "itself"
    done = CliRunner().invoke(main, ["compare", *[str(shelf / "one")] * 2, "--out", str(out)])
    assert done.exit_code == 0
    table = pd.read_csv(out / "compare.csv")
    assert (table["difference"] == 0).all()
    assert "| Agent | one (1) | one (2) | Difference |" in (out / "compare.md").read_text()
    assert set(table.loc[~table["measure"].str.startswith("exploiter"), "how"]) == {"equal"}
    assert "<svg" not in (out / "compare.html").read_text()


def test_the_page_has_tables_figures_and_what_is_in_one_run_alone(shelf, tmp_path):
    runs = [str(shelf / name) for name in ("one", "two", "one")]
    done = CliRunner().invoke(main, ["compare", *runs, "--out", str(tmp_path)])
    page = (tmp_path / "compare.html").read_text()
    assert done.exit_code == 0
    beside = ["two beside one (1)", "one (2) beside one (1)"]
    assert re.findall("<h2>(.*?)</h2>", page) == [*beside, "How to read this"]
    assert "<li>Only in two: agents new.</li>" in page
    assert page.count("<h3>pd, payoff</h3>") == 2
    assert page.count('aria-label="Differences in pd, payoff"') == 1  # a run doesn't differ from itself
    _, tables = page.split('aria-label="pd, payoff"', 1)
    table = pd.read_csv(tmp_path / "compare.csv")
    agents = table.loc[(table["measure"] == "payoff") & (table["other"] == "two"), "agent"]
    assert re.findall('<tr><td class="text">(.*?)</td>', tables)[: len(agents)] == list(agents)
    assert not re.findall(r'(?:src|href)="(?!#|compare\.)', page)


def test_a_figure_has_every_difference_with_its_interval():
    rows = {"agent": ["a", "b"], "difference": [0.5, -0.25], "low": [0.25, np.nan], "high": [0.75, np.nan]}
    [axes] = difference_plot(pd.DataFrame(rows), "less").axes
    zero, known, unknown = axes.lines
    assert list(zero.get_xdata()) == [0, 0]
    assert [list(line.get_xdata()) for line in (known, unknown)] == [[0.5], [-0.25]]
    assert unknown.get_fillstyle() == "none"
    [intervals] = axes.collections
    assert [[point[0] for point in line] for line in intervals.get_segments()] == [[0.25, 0.75]]


def test_names_of_runs_are_no_markup(shelf, tmp_path):
    runs = [str(shelf / "one"), str(tmp_path / "[red]<b>b|c")]
    shutil.copytree(*runs)
    done = CliRunner().invoke(main, ["compare", *runs, "--out", str(tmp_path)])
    assert "[red]<b>b" in done.stdout
    assert "| Agent | one | [red]&lt;b&gt;b/c |" in (tmp_path / "compare.md").read_text()
    page = (tmp_path / "compare.html").read_text()
    assert "<b>" not in page
    assert "[red]&lt;b&gt;b|c beside one" in page
    (tmp_path / "[red]<b>b|c" / "manifest.json").unlink()
    nothing = CliRunner().invoke(main, ["compare", *runs])
    assert (nothing.exit_code, nothing.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("names", "said"), [(["one"], "allowed: two or more"), (["one", "nothing"], "there is no run folder")]
)
def test_mistakes_are_sentences(shelf, names, said):
    done = CliRunner().invoke(main, ["compare", *(str(shelf / name) for name in names)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
