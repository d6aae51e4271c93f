"""What counts as the same run: definitions, not labels nor where code lies; and changed code is told."""

import copy
import json
import os
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from dilemma import Tournament
from dilemma.envs.errors import DilemmaError
from dilemma.play import exploit_into, play_into
from dilemma.results import stored
from dilemma.tournament.config import load, parse
from dilemma.tournament.store import Store

ASKED = {
    "environments": [{"name": "prisoners_dilemma", "label": "pd", "rounds": 10, "noise": 0.1}],
    "agents": [
        {"name": "gradual", "label": "a"},
        {"name": "tullock", "label": "b"},
        {"name": "random", "label": "c"},
        {"name": "random", "label": "d"},
    ],
    "schedule": {"repetitions": 2, "self_play": True},
    "analysis": {"exploitability": ["exact"]},
}


def labelled(labels, pd="pd"):
    config = copy.deepcopy(ASKED)
    config["environments"][0]["label"] = pd
    for entry, label in zip(config["agents"], labels, strict=True):
        entry["label"] = label
    return config


def run(folder, asked, **options):
    """Play what is missing; returns how many matches that was."""
    config, told = parse(asked), []
    store = Store.open(folder, config, **options)
    play_into(store, config, lambda done, total: told.append(total))
    exploit_into(store, config, (), None)
    return told[0]


def rows(folder, labels=None):
    """All rows, under other labels if told so."""
    seats = stored(Store.existing(folder)).seats.astype({"environment": str, "agent": str, "opponent": str})
    seats = seats.drop(columns=["how", "mean_weight"]).sort_values(["match", "seat"], ignore_index=True)
    return seats.replace({"agent": labels, "opponent": labels}) if labels else seats


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "run"
    # Played: five pairs and two agents with themselves, twice; exact: those of the two that are automata.
    assert run(folder, ASKED) == 2 * (5 + 2) + 3
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


@settings(max_examples=8, deadline=None)
@given(st.lists(st.permutations(["a", "b", "Gradual (1997)", "d"]), min_size=1, max_size=3))
def test_any_relabelling_plays_nothing_and_the_tables_follow(finished, tmp_path_factory, steps):
    folder = shutil.copytree(finished, tmp_path_factory.mktemp("relabelled") / "run")
    for labels in steps:
        assert run(folder, labelled(labels, "game")) == 0
    # Agents that are alike may have changed places: then nothing but their labels tells which is which.
    now = rows(folder)
    exact = now["match"].isin(rows(finished)["match"])
    assert exact.all()
    names = dict(zip("ab", steps[-1], strict=False))
    for old, new in names.items():
        own = now[now["agent"] == new]
        expected = rows(finished)[rows(finished)["agent"] == old]
        pd.testing.assert_series_equal(own["payoff"], expected["payoff"])
    assert set(now["environment"]) == {"game"}
    raw = pd.concat(map(pd.read_parquet, (folder / "seats").glob("*.parquet")))
    assert set(raw["agent"]) == set(steps[-1])  # also for who reads the files themselves
    cards = Store.existing(folder).exploits().values()
    assert {(card["environment"], card["agent"]) for card in cards} == {("game", label) for label in steps[-1]}


def test_swapped_labels_are_swapped_rows(folder, finished):
    assert run(folder, labelled("bacd")) == 0
    pd.testing.assert_frame_equal(rows(folder), rows(finished, {"a": "b", "b": "a"}), check_exact=True)
    assert run(folder, labelled("abcd")) == 0
    pd.testing.assert_frame_equal(rows(folder), rows(finished), check_exact=True)


def test_tables_follow_labels_also_where_the_files_could_not_be_written_anew(folder, finished, monkeypatch):
    monkeypatch.setattr(Store, "_relabel", lambda store: None)
    run(folder, labelled("bacd"))
    monkeypatch.undo()
    pd.testing.assert_frame_equal(rows(folder), rows(finished, {"a": "b", "b": "a"}), check_exact=True)


def test_failures_follow_labels(folder):
    store = Store.existing(folder)
    [file] = [
        file for file in store.seats_path.glob("*.parquet") if (pd.read_parquet(file)["how"] == "played").any()
    ]
    table = pd.read_parquet(file)
    match = int(table.loc[table["agent"] == "b", "match"].iloc[0])
    file.unlink()
    identities = {entry["label"]: entry["known"]["identity"] for entry in store.asked()["agents"]}
    game = store.asked()["environments"][0]["known"]["identity"]
    failure = {"match": match, "setting": "pd", "cast": ["a", "b"], "repetition": 0, "reason": "it fell"}
    failure["known"] = {"setting": game, "cast": [identities["a"], identities["b"]]}
    store.failures_path.write_text(json.dumps(failure) + "\n")
    Store.open(folder, parse(labelled(["x", "a", "c", "d"])))
    assert [failure["cast"] for failure in store.failures()] == [["x", "a"]]


def test_agents_that_are_alike_keep_their_rows_in_any_order_and_company(folder, finished):
    config = copy.deepcopy(ASKED)
    a, b, c, d = config["agents"]
    config["agents"] = [{"name": "random", "label": "first"}, d, c, b, a]
    assert run(folder, config) > 0
    old = rows(folder)
    old = old[old["match"].isin(rows(finished)["match"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(old, rows(finished), check_exact=True)
    again = load(str(folder / "config.toml"))
    assert [entrant.definition.clone for entrant in again.entrants[:3]] == [2, 1, 0]


def test_frozen_learners_may_have_other_labels(tmp_path):
    def asked(label):
        return {
            "environments": [{"name": "prisoners_dilemma", "rounds": 5}],
            "agents": [{"name": "q_learning", "label": label}, {"name": "all_c"}],
            "learning": {"tables": 2, "episodes": 3, "freeze_after": {label: 2}},
        }

    assert run(tmp_path / "run", asked("old")) == 1
    assert run(tmp_path / "run", asked("new")) == 0
    with pytest.raises(DilemmaError, match="freeze_after is"):
        run(tmp_path / "run", {**asked("new"), "learning": {"tables": 2, "episodes": 3}})


# Code.


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A strategy of one's own in a project: writes it, and gives the config that names it."""
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)

    def write(action, label="mine", name="mine.py:act"):
        (project / "mine.py").write_text(f"def act(history):\n    return {action}\n")
        return {
            "environments": [{"name": "prisoners_dilemma", "rounds": 10}],
            "agents": [{"name": name, "label": label}, {"name": "all_c"}, {"name": "tit_for_tat"}],
            "analysis": {"exploitability": []},
        }

    return write


def earned(folder, label="mine"):
    seats = stored(Store.existing(folder)).seats
    return seats.loc[(seats["agent"] == label) & (seats["opponent"] == "all_c"), "payoff"].tolist()


@pytest.mark.parametrize(
    ("before", "now", "union"),
    [
        ({"b": 0.2, "c": 0.8}, {"b": 0.5}, {"b": 0.5, "c": 0.8}),
        (["c"], {"b": 0.5}, ["b", "c"]),
        ({"c": 0.8}, ["b"], ["b", "c"]),
        (["b"], {"b": 0.5}, {"b": 0.5}),
    ],
)
def test_who_is_gone_stays_in_the_background(folder, before, now, union):
    asked = copy.deepcopy(ASKED)
    asked["schedule"] = {**asked.get("schedule", {}), "background": before}
    run(folder, asked)
    asked["agents"] = [entry for entry in asked["agents"] if entry["label"] != "c"]
    asked["schedule"]["background"] = now
    run(folder, asked)
    assert Store.existing(folder).asked()["schedule"]["background"] == union


def test_changed_code_is_refused_with_both_digests_and_the_ways_out(mine):
    run(Path("run"), mine(1))
    before, known = contents(project := Path.cwd()), _known("run")
    with pytest.raises(DilemmaError) as caught:
        run(Path("run"), mine(0))
    changed = parse(mine(0)).entrants[0].definition.digest
    for part in (f"is {changed}, was {known['digest']}", "'mine'", "another label", "--out", "--accept-changes"):
        assert part in str(caught.value)
    mine(1)
    assert contents(project) == before
    assert run(Path("run"), mine(1)) == 0
    assert earned(Path("run")) == [5.0]  # T: it defects


def _known(folder, index=0):
    return Store.existing(Path(folder)).asked()["agents"][index]["known"]


def test_changed_code_plays_under_a_new_label_and_the_old_rows_stay_for_the_old_code(mine):
    run(Path("run"), mine(1))
    assert run(Path("run"), mine(0, "mended")) == 2
    assert (earned(Path("run"), "mended"), earned(Path("run"))) == ([3.0], [])  # R: it cooperates
    assert set(stored(Store.existing(Path("run"))).seats["opponent"]) == {"mended", "all_c", "tit_for_tat"}
    both = mine(1)
    both["agents"].append({"name": "other.py:act", "label": "mended"})
    shutil.copy("mine.py", "other.py")
    (Path.cwd() / "other.py").write_text("def act(history):\n    return 0\n")
    assert run(Path("run"), both) == 1  # the two of them
    assert (earned(Path("run"), "mended"), earned(Path("run"))) == ([3.0], [5.0])


def test_accepted_changes_keep_the_old_rows_and_are_told(mine):
    run(Path("run"), mine(1))
    old = _known("run")["digest"]
    asked = mine(0)
    asked["agents"].append({"name": "all_d"})
    assert run(Path("run"), asked, accept_changes=True) == 1 + 2
    assert earned(Path("run")) == [5.0]
    new = _known("run")
    assert (new["digest"], new["code"]) == (old, parse(asked).entrants[0].definition.digest)
    assert run(Path("run"), asked) == 0
    results = stored(Store.existing(Path("run")))
    assert any(old in note and new["code"] in note and "mine" in note for note in results.facts["notes"])
    assert Store.existing(Path("run")).manifest()["accepted_changes"] == [new]
    with pytest.raises(DilemmaError, match=f"was {new['code']}"):
        run(Path("run"), mine(1))


def test_changed_code_is_not_taken_for_what_a_stored_config_names(mine):
    run(Path("run"), mine(1))
    mine(0)
    with pytest.raises(DilemmaError, match=r"agents\[0\]\.known: the code of mine has changed: its digest is"):
        load("run/config.toml")


def test_code_that_changes_while_it_is_played_fails_its_matches(mine):
    config = parse(mine(1))
    mine(0)
    store = Store.open(Path("run"), config)
    play_into(store, config, lambda done, total: None)
    failures = store.failures()
    assert [sorted(failure["cast"]) for failure in failures] == [["all_c", "mine"], ["mine", "tit_for_tat"]]
    assert all("has changed while the tournament was played" in str(failure["reason"]) for failure in failures)
    assert set(stored(store).seats["agent"]) == {"all_c", "tit_for_tat"}


def test_a_class_that_is_defined_anew_is_refused_from_python_too(tmp_path, monkeypatch):
    def tournament(threshold):
        main = {"__name__": "__main__"}
        exec(
            "from dilemma.agents.strategy import Strategy\n"
            "class Mine(Strategy):\n"
            "    'Mine.'\n"
            "    def cooperate(self, me, own, other):\n"
            f"        return me.other_defections < {threshold}\n",
            main,
        )
        monkeypatch.setattr(sys.modules["__main__"], "Mine", main["Mine"], raising=False)
        return Tournament(["prisoners_dilemma"], {"mine": main["Mine"](), "all_d": "all_d"})

    first = tournament(1).run(tmp_path / "run").ranking
    pd.testing.assert_frame_equal(tournament(1).run(tmp_path / "run").ranking, first)
    with pytest.raises(DilemmaError, match=r"the code of 'mine' has changed"):
        tournament(2).run(tmp_path / "run")
    tournament(2).run(tmp_path / "run", accept_changes=True)


def test_changed_environments_are_refused_too(tmp_path):
    def asked(first):
        (tmp_path / "game.py").write_text(
            "from dilemma.envs.matrix_game import PrisonersDilemma\n"
            f"class Mine(PrisonersDilemma):\n    'Mine, {first}.'\n"
        )
        game = {"name": f"{tmp_path}/game.py:Mine", "label": "mine"}
        return {"environments": [game], "agents": [{"name": "all_c"}, {"name": "all_d"}]}

    run(tmp_path / "run", asked("1"))
    with pytest.raises(DilemmaError, match="the code of 'mine' has changed"):
        run(tmp_path / "run", asked("2"))


# Where code lies.


@pytest.mark.parametrize(
    "name",
    ["mine.py:act", "./mine.py:act", "{project}/mine.py:act", "../link.py:act", "../project/../copy.py:act"],
)
def test_a_files_agent_is_the_same_however_its_path_is_written(mine, name):
    run(Path("run"), mine(1))
    shutil.copy("mine.py", "../copy.py")
    os.symlink("project/mine.py", "../link.py")
    assert run(Path("run"), mine(1, name=name.format(project=Path.cwd()))) == 0


def test_a_module_and_its_file_are_the_same_agent(mine, tmp_path, monkeypatch):
    (tmp_path / "a_strategy_of_mine.py").write_text(
        'from dilemma.agents.automata import TitForTat\n\nclass Mine(TitForTat):\n    "Mine."\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    keys = set()
    for name in ("a_strategy_of_mine:Mine", "../a_strategy_of_mine.py:Mine"):
        keys.add(parse(mine(1, name=name)).entrants[0].definition.key)
    assert len(keys) == 1


def test_paths_are_relative_to_the_configs_own_folder_and_a_project_can_move(mine, tmp_path, monkeypatch):
    (tmp_path / "project" / "c.toml").write_text(tomli_w.dumps(mine(1)))
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    run_folder = tmp_path / "project" / "runs" / "r"
    Tournament.from_config("../project/c.toml").run(run_folder)
    assert Store.existing(run_folder).asked()["agents"][0]["name"] == "../../mine.py:act"
    (tmp_path / "project").rename(tmp_path / "moved")
    moved = tmp_path / "moved" / "runs" / "r"
    assert load(str(moved / "config.toml")).entrants[0].definition.name == f"{tmp_path}/moved/mine.py:act"
    linked = other / "link"
    linked.symlink_to(moved)
    assert load("link/config.toml").entrants[0].definition.name == f"{tmp_path}/moved/mine.py:act"
    config, told = Tournament.from_config("../moved/c.toml").plan, []
    play_into(Store.open(moved, config), config, lambda done, total: told.append(total))
    assert told == [0]


def test_a_checkpoint_is_what_was_learned_wherever_its_run_lies(tmp_path, monkeypatch):
    trained = {
        "environments": [{"name": "prisoners_dilemma", "rounds": 5}],
        "agents": [{"name": "q_learning", "label": "q"}, {"name": "all_c"}],
        "learning": {"tables": 2, "episodes": 3, "keep": ["q"]},
    }
    run(tmp_path / "runs" / "trained", trained)
    monkeypatch.chdir(tmp_path)

    def league(path):
        entry = {"name": "checkpoint", "label": "q", "run": path, "learner": "q"}
        return {"environments": [{"name": "prisoners_dilemma"}], "agents": [entry, {"name": "all_c"}]}

    assert run(tmp_path / "runs" / "league", league("runs/trained")) > 0
    assert Store.existing(tmp_path / "runs" / "league").asked()["agents"][0]["run"] == "../trained"
    assert run(tmp_path / "runs" / "league", league("./runs/../runs/trained")) == 0
    (tmp_path / "runs").rename(tmp_path / "moved")
    monkeypatch.chdir("/")
    assert load(str(tmp_path / "moved" / "league" / "config.toml")).entrants
    assert run(tmp_path / "moved" / "league", league(str(tmp_path / "moved" / "trained"))) == 0
