"""Who only looks changes nothing and runs nobody's code; what plays takes from a config only what it may name."""

import json
import shutil
from pathlib import Path

import pytest
import tomli_w
from click.testing import CliRunner

from dilemma import Tournament
from dilemma.agents import CATALOGUE as AGENTS
from dilemma.cli import main
from dilemma.envs import CATALOGUE as ENVIRONMENTS
from dilemma.envs.errors import DilemmaError
from dilemma.results import stored
from dilemma.tournament.config import parse
from dilemma.tournament.config_file import ConfigError
from dilemma.tournament.store import Store

CONFIG = {
    "name": "here",
    "environments": [{"name": "coins", "rounds": 8}, {"name": "prisoners_dilemma", "rounds": 5}],
    "agents": [{"name": "random"}, {"name": "random", "label": "other"}],
    "schedule": {"self_play": True},
    "evaluation": {"mode": "played"},
}
OWN = '''
from pathlib import Path
from dilemma.agents.random_agent import Random

if (Path(__file__).parent / "trap").exists():
    (Path(__file__).parent / "executed").touch()


class Mine(Random):
    """Mine."""
'''


def dilemma(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


def contents(folder, *, but=()):
    """Every file with its bytes and time of change, less some folders."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in but
    }


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """A project with a strategy of its own, and its run."""
    project = tmp_path_factory.mktemp("project")
    (project / "mine.py").write_text(OWN)
    config = {**CONFIG, "agents": [*CONFIG["agents"], {"name": "mine.py:Mine", "label": "mine"}]}
    (project / "c.toml").write_text(tomli_w.dumps(config))
    assert dilemma("run", project / "c.toml", "--out", project / "run").exit_code == 0
    return project


@pytest.fixture
def project(played, tmp_path):
    return shutil.copytree(played, tmp_path / "project")


LOOKING = {
    "dry run": ("run", "{project}/c.toml", "--out", "{run}", "--dry-run"),
    "larger dry run": (
        "run",
        "{project}/c.toml",
        "--out",
        "{run}",
        "--dry-run",
        "--set",
        "schedule.repetitions=9",
    ),
    "report": ("report", "{run}", "--out", "{project}/elsewhere"),
    "replay": ("replay", "{run}", "random:mine", "--env", "prisoners_dilemma"),
    "replay to a file": ("replay", "{run}", "random:mine", "--env", "coins", "--out", "{project}/x.gif"),
}


@pytest.mark.parametrize("command", LOOKING.values(), ids=LOOKING)
def test_looking_changes_nothing_in_a_run(project, command):
    run = project / "run"
    before = contents(run)
    done = dilemma(*(part.format(project=project, run=run) for part in command))
    assert done.exit_code == 0, done.output
    assert contents(run) == before
    assert dilemma("run", project / "c.toml", "--out", run).stderr == "Nothing left to play\n"


def test_a_report_in_its_place_changes_nothing_else(project):
    run = project / "run"
    before = contents(run, but=("report",))
    assert dilemma("report", run).exit_code == 0
    assert contents(run, but=("report",)) == before


def test_a_run_that_cannot_be_written_is_read_all_the_same(project, monkeypatch):
    run = project / "run"

    def read_only(path, *_, **__):
        if Path(path).is_relative_to(run):
            raise PermissionError(13, "Permission denied", str(path))

    for name in ("write_text", "write_bytes", "mkdir", "unlink", "touch"):
        own = getattr(Path, name)
        monkeypatch.setattr(
            Path, name, lambda path, *args, _own=own, **options: read_only(path) or _own(path, *args, **options)
        )
    refused = dilemma("report", run)
    assert refused.exit_code == 2
    assert "Permission denied" in refused.stderr
    assert f"dilemma report {run} --out DIR" in refused.stderr
    assert refused.stderr.count("\n") == 1
    for command in LOOKING.values():
        assert dilemma(*(part.format(project=project, run=run) for part in command)).exit_code == 0
    refused = dilemma("replay", run, "random:mine", "--env", "coins")
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "--out" in refused.stderr


def test_a_report_builds_nothing_but_what_comes_with_the_package(project):
    (project / "trap").touch()
    (project / "mine.py").write_text(OWN + "\n")
    run = project / "run"
    done = dilemma("report", run)
    assert done.exit_code == 0
    assert not (project / "executed").exists()
    page = (run / "report" / "index.html").read_text()
    assert "mine" in page
    assert "a report runs nobody&#39;s code" in page
    scenes = stored(Store.existing(run)).replays()["coins"].scenes
    assert scenes
    assert not any("mine" in scene.title for scene in scenes)
    (project / "run" / "config.toml").write_text(
        (run / "config.toml").read_text().replace("../mine.py:Mine", "subprocess:Popen")
    )
    assert dilemma("report", run).exit_code == 0


def test_who_has_played_sees_their_own_agents_in_the_report(project):
    (project / "run" / "report" / "index.html").unlink()
    assert dilemma("run", project / "c.toml", "--out", project / "run").exit_code == 0
    assert "nobody&#39;s code" not in (project / "run" / "report" / "index.html").read_text()


def never(*_, **__):
    raise AssertionError("it was called")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"name": "subprocess:Popen"}, "subprocess:Popen is not derived from Agent"),
        ({"name": "os:system"}, "os:system is not derived from Agent"),
        ({"name": "dilemma.envs.coins:Coins"}, "is not derived from Agent"),
        (
            {"name": "dilemma.agents.plain:PlainAgent", "function": "subprocess:Popen"},
            "is an adapter: name what it adapts",
        ),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else "",
)
def test_a_config_names_no_function_of_a_module(entry, said, monkeypatch):
    monkeypatch.setattr("subprocess.Popen.__init__", never)
    monkeypatch.setattr("os.system", never)
    asked = {"environments": [{"name": "prisoners_dilemma"}], "agents": [entry, {"name": "all_d"}]}
    with pytest.raises(ConfigError, match=said):
        parse(asked)
    if "function" not in entry:
        with pytest.raises(DilemmaError, match=said):
            Tournament(["prisoners_dilemma"], [entry["name"], "all_d"])


@pytest.mark.parametrize("name", ["subprocess:Popen", "pettingzoo:subprocess:Popen", "pettingzoo:os:system"])
def test_nor_for_an_environment(name, monkeypatch):
    pytest.importorskip("pettingzoo")
    monkeypatch.setattr("subprocess.Popen.__init__", never)
    monkeypatch.setattr("os.system", never)
    with pytest.raises(ConfigError, match="is not derived from"):
        parse({"environments": [{"name": name, "args": "ls"}], "agents": [{"name": "all_c"}, {"name": "all_d"}]})


def test_a_config_names_classes_of_modules_and_anything_in_a_file(played):
    assert AGENTS.named("dilemma.agents.automata:AllD", {}, Path())[1] == AGENTS.build("all_d", {})
    (played / "functions.py").write_text("def act(history):\n    return 0\n\n\nclass Act:\n    act = act\n")
    for name in ("act", "Act"):
        full, agent = AGENTS.named(f"functions.py:{name}", {}, played)
        assert agent.function == full == f"{played.resolve()}/functions.py:{name}"
    assert ENVIRONMENTS.named("dilemma.envs.coins:Coins", {}, Path())[1] == ENVIRONMENTS.build("coins", {})


@pytest.mark.parametrize("command", ["run", "exploit", "replay"])
def test_commands_that_play_say_that_they_run_code(command):
    said = " ".join(dilemma(command, "--help").stdout.split())
    assert "A config is code" in said or "runs the code that the folder's config names" in said


LABEL = "../../../escaped"


def test_no_label_and_no_name_becomes_a_path(tmp_path, monkeypatch):
    absolute = "/tmp/absolute-escaped"  # a label has at most 80 characters
    below = tmp_path / "a" / "b" / "c"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    config = {
        "name": "../outside",
        "environments": [{"name": "prisoners_dilemma", "rounds": 5, "label": LABEL}],
        "agents": [
            {"name": "q_learning", "label": LABEL},
            {"name": "q_learning", "label": absolute, "epsilon": 0.3},
            {"name": "tit_for_tat", "label": "q (α=0.1) / run 1"},
        ],
        "learning": {"tables": 2, "episodes": 2, "keep": [LABEL, absolute]},
        "analysis": {"exploitability": ["exact"]},
    }
    (below / "c.toml").write_text(tomli_w.dumps(config))
    done = dilemma("run", "c.toml")
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in below.iterdir()) == ["c.toml", "runs"]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert not Path(absolute).exists()
    [run] = (below / "runs").iterdir()
    assert run.name.startswith("outside-")
    assert "<title>../outside" in (run / "report" / "index.html").read_text().replace("&#x2F;", "/")
    kept = sorted((run / "checkpoints").iterdir())
    assert [json.loads((folder / "learner.json").read_text())["label"] for folder in kept] == sorted(
        config["learning"]["keep"], key=lambda label: label != LABEL
    )
    checkpoint = AGENTS.build("checkpoint", {"run": str(run), "learner": LABEL})
    assert checkpoint.content


def test_plain_names_are_what_they_were(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text(tomli_w.dumps(CONFIG))
    assert dilemma("run", "c.toml").exit_code == 0
    figures = {path.name for path in (tmp_path / "runs" / "here" / "report" / "figures").iterdir()}
    assert {"1-coins-ranking.svg", "2-prisoners-dilemma-ranking.svg"} <= figures
