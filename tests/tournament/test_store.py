"""Run folders: what is there is whole, is never played again, and grows only by what was added."""

import copy
import json
import shutil
import subprocess
import sys
import tomllib

import pandas as pd
import pytest

from dilemma import Tournament
from dilemma.envs.errors import DilemmaError
from dilemma.play import play_into
from dilemma.replay import replayed
from dilemma.results import stored
from dilemma.tournament.config import parse
from dilemma.tournament.identity import SCHEMA
from dilemma.tournament.store import Store

ASKED = {
    "seed": 3,
    "environments": [{"name": "prisoners_dilemma", "label": "noisy", "rounds": 10, "noise": 0.1}],
    "agents": [
        {"name": "generous_tit_for_tat", "label": "generous"},
        {"name": "random", "label": "one"},
        {"name": "random", "label": "two"},
        {"name": "tullock"},
        {"name": "random", "label": "often", "p": 0.8},
    ],
    "schedule": {"repetitions": 2},
    "execution": {"chunk": 3},
}


def asked(change=lambda config: None):
    config = copy.deepcopy(ASKED)
    change(config)
    return config


def run(folder, config, watch=lambda done, total: None):
    """Play what is missing; returns how many matches that was."""
    given = parse(config)
    told = []
    store = Store.open(folder, given)
    play_into(store, given, lambda done, total: (told.append(total), watch(done, total)))
    return told[0]


def rows(folder):
    seats = stored(Store.existing(folder)).rows
    return seats.astype({"environment": str, "agent": str, "opponent": str, "how": str}).sort_values(
        ["match", "seat"], ignore_index=True
    )


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of ASKED, finished; to be read only."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    # Exact: the six pairs of automata. Played: tullock with the four others, twice.
    assert run(folder, asked()) == 6 + 8
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    """A copy of the finished run."""
    return shutil.copytree(finished, tmp_path / "run")


def test_a_second_run_plays_nothing(folder):
    before = rows(folder)
    assert run(folder, asked()) == 0
    pd.testing.assert_frame_equal(rows(folder), before, check_exact=True)


def more_of_everything(config):
    config["environments"].insert(0, {"name": "chicken", "rounds": 5})
    config["agents"].insert(0, {"name": "grudger"})
    config["agents"].append({"name": "random", "label": "three"})
    config["agents"].append({"name": "fictitious_play"})
    config["schedule"] |= {"repetitions": 5, "self_play": True}
    config["name"] = "larger"
    config["execution"] = {"chunk": 50, "jobs": 1}


def test_a_larger_config_plays_only_what_it_adds_and_moves_nobody_elses_result(folder):
    before = rows(folder)
    new = run(folder, asked(more_of_everything))
    after = rows(folder)
    assert after["match"].nunique() == new + before["match"].nunique()
    old = after[after["match"].isin(before["match"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(old, before, check_exact=True)
    assert set(after["agent"]) - set(before["agent"]) == {"grudger", "three", "fictitious_play"}
    assert run(folder, asked(more_of_everything)) == 0


def test_a_larger_config_gives_what_it_gives_in_a_new_folder(folder, tmp_path):
    run(folder, asked(more_of_everything))
    run(tmp_path / "new", asked(more_of_everything))
    pd.testing.assert_frame_equal(rows(folder), rows(tmp_path / "new"), check_exact=True)


def other_seed(config):
    config["seed"] = 4


def other_mode(config):
    config["evaluation"] = {"mode": "played"}


def other_parameter(config):
    config["agents"][4]["p"] = 0.7


def other_rules(config):
    config["environments"][0]["noise"] = 0.2


def other_agent(config):
    config["agents"][0] = {"name": "all_d", "label": "generous"}


def agent_gone(config):
    del config["agents"][3]


def other_rounds(config):
    config["environments"][0]["rounds"] = 7


def environment_gone(config):
    config["environments"][0] = {"name": "chicken"}


def fewer_repetitions(config):
    config["schedule"]["repetitions"] = 1


def without_self_play(config):
    more_of_everything(config)
    config["schedule"]["self_play"] = False


def another_environment(config):
    config["environments"].append({"name": "chicken", "rounds": 5})
    del config["environments"][0]


def less_of_everything(config):
    agent_gone(config)
    fewer_repetitions(config)
    config["agents"][0]["label"] = "renamed"
    config["agents"][3] = {"name": "fictitious_play"}  # instead of 'often'


def everything_at_once(config):
    other_seed(config)
    other_parameter(config)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_seed, ["seed is 4, was 3"]),
        (other_mode, ["evaluation.mode is 'played', was 'auto'"]),
        (other_parameter, ["agents: 'often' has p = 0.7, was 0.8"]),
        (other_rules, ["environments: 'noisy' has noise = 0.2, was 0.1"]),
        (other_agent, ["agents: 'generous' has name = 'all_d', was 'generous_tit_for_tat'"]),
        (environment_gone, ["environments: 'noisy' is gone"]),
        (other_rounds, ["has rounds = 7, was 10"]),
        (everything_at_once, ["seed is 4", "'often' has p = 0.7"]),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_would_not_continue_a_run_is_refused_and_changes_nothing(finished, change, said):
    before = contents(finished)
    with pytest.raises(DilemmaError) as caught:
        Store.open(finished, parse(asked(change)))
    for sentence in [f"{finished} holds another run", *said, "--out", "--fresh"]:
        assert sentence in str(caught.value)
    assert contents(finished) == before


def test_a_run_of_another_schema_is_read_and_never_played_on(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest.pop("schema") == SCHEMA
    (folder / "manifest.json").write_text(json.dumps(manifest))  # as the first schema's versions wrote it
    before = contents(folder)
    assert len(rows(folder)) == 2 * 14
    for play in (lambda: run(folder, asked()), lambda: replayed(Store.existing(folder), "tullock:one")):
        with pytest.raises(DilemmaError, match=f"are of schema 1, here they are of schema {SCHEMA}"):
            play()
    assert contents(folder) == before


@pytest.mark.parametrize(
    "change",
    [agent_gone, fewer_repetitions, without_self_play, another_environment, less_of_everything],
    ids=lambda change: change.__name__,
)
def test_a_smaller_config_reports_on_its_part_as_in_a_new_folder_and_nothing_is_lost(tmp_path, change):
    run(tmp_path / "run", asked(more_of_everything))
    whole, files = rows(tmp_path / "run"), contents(tmp_path / "run" / "seats")
    part, alone = (Tournament.of(parse(asked(change))).run(tmp_path / name) for name in ("run", "alone"))
    key = ["match", "seat"]
    pd.testing.assert_frame_equal(
        *(one.rows.sort_values(key, ignore_index=True) for one in (part, alone)), check_exact=True, check_like=True
    )
    pd.testing.assert_frame_equal(part.ranking, alone.ranking, check_exact=True)
    assert json.loads(json.dumps([part.facts["counts"], part.games])) == [alone.facts["counts"], alone.games]
    assert contents(tmp_path / "run" / "seats").keys() == files.keys()  # nothing was played
    assert run(tmp_path / "run", asked(more_of_everything)) == 0
    pd.testing.assert_frame_equal(rows(tmp_path / "run"), whole, check_exact=True)


def test_another_order_is_the_same_run_also_of_agents_that_are_alike(folder):
    before = rows(folder)
    assert run(folder, asked(lambda config: config["agents"].reverse())) == 0
    pd.testing.assert_frame_equal(rows(folder), before, check_exact=True)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("chapter")
    with pytest.raises(DilemmaError, match="is not empty and holds no run"):
        Store.open(tmp_path, parse(asked()))
    assert contents(tmp_path) == {(tmp_path / "thesis.tex").relative_to(tmp_path): b"chapter"}
    with pytest.raises(DilemmaError, match="is not a run folder"):
        Store.existing(tmp_path)


def test_a_file_where_the_folder_should_be_is_a_mistake(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(DilemmaError, match="file"):
            Store.open(path, parse(asked()))


def test_a_half_written_leftover_is_ignored(folder):
    before = rows(folder)
    whole = next((folder / "seats").glob("*.parquet"))
    (folder / "seats" / "0123.99.tmp").write_bytes(whole.read_bytes()[:100])
    pd.testing.assert_frame_equal(rows(folder), before, check_exact=True)
    assert run(folder, asked()) == 0
    assert not list(folder.rglob("*.tmp"))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_run_goes_on_and_gives_the_same_table(finished, tmp_path, jobs):
    def in_workers(config):
        config["execution"]["jobs"] = jobs

    def interrupt(done, total):
        if done >= 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", asked(in_workers), interrupt)
    assert Store.existing(tmp_path / "run").manifest()["finished"] is None
    kept = Store.existing(tmp_path / "run").done()
    assert 5 <= len(kept) < 14
    assert run(tmp_path / "run", asked(in_workers)) == 14 - len(kept)
    pd.testing.assert_frame_equal(rows(tmp_path / "run"), rows(finished), check_exact=True)


def test_the_folder_says_what_was_asked_with_every_default(finished):
    written = tomllib.loads((finished / "config.toml").read_text())
    assert written["environments"][0]["payoffs"] == [3, 0, 5, 1]
    assert written["environments"][0]["misperception"] == 0
    known = written["agents"][0].pop("known")
    assert known.keys() == {"identity"}
    assert written["agents"][0] == {"name": "generous_tit_for_tat", "label": "generous", "generosity": 1 / 3}
    assert written["evaluation"] == {"mode": "auto"}
    assert written["schedule"] == {
        **{
            "kind": "round_robin",
            "self_play": False,
            "compositions": "pairs",
            "repetitions": 2,
            "at_most": 1000,
            "background": [],
        }
    }
    assert written["analysis"]["draws"] == 2000
    assert parse(written) == parse(asked())
    manifest = Store.existing(finished).manifest()
    assert manifest["counts"] == {"failed": 0, "matches": 14}
    assert manifest["versions"].keys() >= {"python", "dilemma", "torch"}
    assert manifest["started"] <= manifest["finished"]


def test_results_outlive_the_file_of_an_agent(tmp_path):
    source = "from dilemma.agents.automata import TitForTat\nclass Mine(TitForTat):\n    'Mine.'\n"
    (tmp_path / "mine.py").write_text(source)

    def with_mine(config):
        config["agents"].append({"name": f"{tmp_path}/mine.py:Mine", "label": "mine"})

    run(tmp_path / "run", asked(with_mine))
    (tmp_path / "mine.py").unlink()
    # In another process, which has not imported the file before.
    code = (
        "import sys; from pathlib import Path; from dilemma.results import stored;"
        "from dilemma.tournament.store import Store; results = stored(Store.existing(Path(sys.argv[1])));"
        "assert 'mine' in set(results.ranking['agent']);"
        "assert not [name for name in sys.modules if name.startswith('dilemma.agents.strategies')]"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "run"], check=True)
