"""`dilemma fit FILE --strategies`: what a stranger with a table sees, and that what it writes can be played."""

import tomllib

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from dilemma import Tournament, open_run
from dilemma.cli import main
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.tournament.config import load, parse

HEAD = "subject,match,round,action,other_action"
GOOD = f"{HEAD}\nann,1,1,C,D\nann,1,2,D,C\nben,1,1,D,C\nben,1,2,D,D\n"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def fit(text, *options, strategies="all_d,tit_for_tat"):
    with open("data.csv", "w", encoding="utf-8") as file:
        file.write(text)
    return CliRunner().invoke(main, ["fit", "data.csv", "--strategies", strategies, "--draws", "100", *options])


def test_a_table_becomes_shares_and_subjects():
    done = fit(GOOD)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("2 subjects, 2 matches, 4 decisions, of which 25.0% cooperate\n")
    assert done.stdout.splitlines()[-3:] == [
        "data_population_shares.csv",
        "data_population_subjects.csv",
        "data_population.toml",
    ]
    shares = pd.read_csv("data_population_shares.csv", index_col="parameter")
    assert shares["estimate"].to_list() == pytest.approx([0.5, 0.5, 0], abs=1e-6)
    assert shares.loc["all_d", ["low", "high"]].to_list() == pytest.approx([0, 1], abs=1e-6)
    subjects = pd.read_csv("data_population_subjects.csv", index_col="subject")
    assert subjects["strategy"].to_dict() == {"ann": "tit_for_tat", "ben": "all_d"}
    assert subjects[["p_all_d", "p_tit_for_tat"]].sum(axis=1).to_list() == pytest.approx([1, 1])


ECONOMISTS = "id,supergame,round,coop,ocoop\n1,1,1,1,0\n1,1,2,0,1\n2,1,1,0,1.0\n2,1,2,0,0\n"
TREATED = f"{HEAD},treatment\nann,1,1,C,D,a\nann,1,2,D,C,a\neve,1,1,C,C,b\nben,1,1,D,C,a\nben,1,2,D,D,a\n"
NAMED = (
    *("--column", "subject=id", "--column", "match=supergame"),
    *("--column", "cooperated=coop", "--column", "other_cooperated=ocoop"),
)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (GOOD.replace(",", ";").replace("C", "c"), ()),
        (GOOD.replace("C", "0").replace("D", "1"), ()),  # as in moves of a run
        (f"{HEAD}\n" + "".join(sorted(GOOD.splitlines(keepends=True)[1:], reverse=True)), ()),
        (ECONOMISTS, NAMED),
        (TREATED, ("--only", "treatment=a")),
    ],
    ids=["semicolons", "numbers", "any order", "economists' names", "a treatment"],
)
def test_other_tables_of_the_same_choices_give_the_same(text, options):
    done = fit(text, *options)
    assert (done.exit_code, done.stderr) == (0, "")
    assert pd.read_csv("data_population_subjects.csv")["strategy"].sort_values().to_list() == [
        "all_d",
        "tit_for_tat",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD.replace("ann,1,2,D,C", "ann,1,2,X,C"), "line 3: found 'X' as action; allowed: C or D, or 0 (C)"),
        (GOOD.replace("ann,1,2", "ann,1,3"), "line 3: subject ann, match 1 has round 3 and no round 2"),
        (GOOD.replace("ann,1,2", "ann,1,1"), "line 3: subject ann, match 1 has round 1 in line 2 already"),
        (GOOD.replace("ann,1,2", "ann,1,two"), "line 3: found 'two' as round; allowed: a whole number"),
        (GOOD.replace("ann,1,1", ",1,1"), "line 2: subject is empty"),
        (GOOD.replace("ann,1,1,C,D", "ann,1,1,C"), "line 2 has 4 cells, the header 5"),
        (GOOD.replace("other_action", "others"), "there is no column other_action; there is subject, match"),
        (f"{HEAD}\n", "it has no rows below its header"),
        ("", "there is no column subject, match, round, action, other_action; there is none"),
        (GOOD.replace(",1,1,", ",1,5,").replace(",1,2,", ",1,6,"), "its first round is 5; allowed: 0 or 1"),
    ],
)
def test_a_mistake_in_the_table_is_one_sentence_with_its_line(text, says):
    done = fit(text)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"Error: data.csv: {says}" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "strategies", "says"),
    [
        ((), "all_d,tit_for_tats", "there is no agent 'tit_for_tats'; did you mean tit_for_tat"),
        ((), "all_d,gradual", "gradual is no finite automaton of two actions"),
        ((), "all_d,all_d", "found all_d twice; allowed: once"),
        ((), "all_d,", "found 'all_d,'; allowed: names with commas between them"),
        ((), "memory_one", "memory_one needs a value for p"),
        (("--only", "treatment=x"), "all_d", "there is no column treatment"),
        (("--only", "match=7"), "all_d", "it has no row with match = 7"),
        (("--column", "who=ann"), "all_d", "--column: found 'who=ann'; allowed: KEY=VALUE, where KEY"),
        (("--column", "cooperated=action"), "all_d", "there is no column other_cooperated"),
        (("--out", "people.csv"), "all_d", "--out: found people.csv; allowed: a name that ends in .toml"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence(options, strategies, says, tmp_path):
    done = fit(GOOD, *options, strategies=strategies)
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]


def test_what_cannot_be_known_is_said():
    done = fit(f"{HEAD}\nann,1,1,C,C\nann,1,2,C,C\n", strategies="tit_for_tat,grudger")
    assert done.exit_code == 0
    assert "tit_for_tat and grudger would have done alike in all of these matches" in done.stderr
    assert "There is one subject" in done.stderr
    assert pd.read_csv("data_population_shares.csv")["error"].isna().all()


MINE = """
name = "mine"

[[environments]]
name = "prisoners_dilemma"
rounds = 20

[[agents]]
name = "gradual"

[[agents]]
name = "tit_for_tat"

[schedule]
repetitions = 30
"""


def test_the_population_can_be_appended_to_a_config_and_weights_its_partners(tmp_path):
    lines = [f"s{subject},1,{round},C,C\n" for subject in range(3) for round in (1, 2)]
    defectors = [f"t,1,{round},D,C\n" for round in (1, 2)]
    assert fit("".join([f"{HEAD}\n", *lines, *defectors]), strategies="all_c,all_d").exit_code == 0
    config = tomllib.loads(MINE + (tmp_path / "data_population.toml").read_text())
    assert config["schedule"]["background"] == {"fitted_all_c": 0.75, "fitted_all_d": 0.25}
    (tmp_path / "mine.toml").write_text(MINE + (tmp_path / "data_population.toml").read_text())
    done = CliRunner().invoke(main, ["run", "mine.toml"])
    assert done.exit_code == 0, done.stderr
    run = open_run("runs/mine")
    rows = run.rows[run.rows["agent"] == "tit_for_tat"]
    with_c, with_d = (rows[rows["opponent"] == f"fitted_{name}"]["payoff"].mean() for name in ("all_c", "all_d"))
    held = pd.read_csv("runs/mine/report/held_out.csv").set_index("agent")
    assert (with_c, with_d) == (3, pytest.approx(19 / 20))
    assert held.loc["tit_for_tat", "held_out"] == pytest.approx(0.75 * with_c + 0.25 * with_d)


def test_an_automaton_of_ones_own_is_fitted_and_plays(tmp_path):
    lines = ["from dilemma.agents.automata import AllD", "class Never(AllD):", "    'Never cooperates.'"]
    (tmp_path / "mine.py").write_text("\n".join(lines))
    assert fit(GOOD, strategies="tit_for_tat,mine.py:Never").exit_code == 0
    (tmp_path / "mine.toml").write_text(MINE + (tmp_path / "data_population.toml").read_text())
    done = CliRunner().invoke(main, ["run", "mine.toml", "--dry-run"])
    assert done.exit_code == 0, done.stderr
    assert load("mine.toml").schedule.background == {"fitted_tit_for_tat": 0.5, "fitted_Never": 0.5}


@pytest.mark.parametrize("schedule", [{"kind": "ecological"}, {"kind": "moran", "size": 20}])
def test_the_shares_are_a_population_that_evolves(tmp_path, schedule):
    assert fit(GOOD).exit_code == 0
    config = tomllib.loads((tmp_path / "data_population.toml").read_text())
    schedule = {**schedule, "population": config["schedule"]["background"]}
    plan = parse({**config, "environments": [{"name": "prisoners_dilemma"}], "schedule": schedule})
    assert plan.schedule.shares(plan).tolist() == [0.5, 0.5]


@pytest.fixture
def played():
    games = {"pd": PrisonersDilemma(rounds=20, noise=0.1), "short": PrisonersDilemma(rounds=3)}
    agents = ["all_d", "tit_for_tat", "win_stay_lose_shift", "all_c"]
    Tournament(games, agents, repetitions=5, mode="played", self_play=True).run("run")


@pytest.mark.usefixtures("played")
def test_a_run_s_own_moves_are_fitted_as_they_are():
    names = "all_d,tit_for_tat,win_stay_lose_shift,all_c"
    asked = ["fit", "run", "--strategies", names, "--only", "environment=pd", "--draws", "100"]
    before = CliRunner().invoke(main, asked)
    assert before.exit_code == 2
    assert "`dilemma export run --moves` writes them" in before.stderr
    CliRunner().invoke(main, ["export", "run", "--moves"])
    done = CliRunner().invoke(main, asked)
    assert (done.exit_code, done.stderr) == (0, "")
    subjects = pd.read_csv("run_population_subjects.csv")
    assert (subjects["subject"] == subjects["strategy"]).all()
    shares = pd.read_csv("run_population_shares.csv")
    assert shares["estimate"].to_list() == pytest.approx([0.25] * 4 + [0.1], abs=0.03)  # noise is a tremble

    chairs = CliRunner().invoke(main, [*asked, "--column", "subject=chair"])
    assert chairs.stdout.startswith("100 subjects, 100 matches, 2,000 decisions")
    both = CliRunner().invoke(main, ["fit", "run/export/moves.parquet", "--strategies", names])
    assert "it has moves of pd, short; --only environment=NAME says of which" in both.stderr
    only = CliRunner().invoke(main, [*asked, "--only", "agent=all_d"])
    assert only.stdout.startswith("1 subject, 25 matches, 500 decisions")


@pytest.mark.usefixtures("played")
def test_the_moves_of_a_run_are_those_of_a_table_with_the_same_choices():
    CliRunner().invoke(main, ["export", "run", "--moves"])
    moves = pd.read_parquet("run/export/moves.parquet").query("environment == 'short'")
    sides = moves.set_index(["match", "seat"])
    rows = [HEAD]
    for (match, seat), row in sides.iterrows():
        other = sides.loc[(match, 1 - seat), "actions"]
        rows += [
            f"{row['agent']},{match}/{seat},{round},{own},{theirs}"
            for round, (own, theirs) in enumerate(zip(row["actions"], other, strict=True))
        ]
    assert fit("\n".join(rows), strategies="all_d,all_c,tit_for_tat").exit_code == 0
    asked = ["--strategies", "all_d,all_c,tit_for_tat", "--draws", "100", "--only", "environment=short"]
    assert CliRunner().invoke(main, ["fit", "run", *asked]).exit_code == 0
    ours, theirs = (
        pd.read_csv(f"{name}_population_subjects.csv", index_col="subject").sort_index()
        for name in ("run", "data")
    )
    assert np.allclose(ours.filter(like="p_"), theirs.filter(like="p_"), atol=1e-6)


def test_games_of_three_are_refused():
    Tournament(["n_player_ipd"], ["all_d", "all_c"], mode="played").run("three")
    CliRunner().invoke(main, ["export", "three", "--moves"])
    done = CliRunner().invoke(main, ["fit", "three", "--strategies", "all_d"])
    assert done.exit_code == 2
    assert "seats; allowed: two" in done.stderr
