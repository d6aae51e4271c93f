"""The command line: what it prints, what it leaves behind, how it says no."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from dilemma.agents import BUILTIN as AGENTS
from dilemma.cli import main

CONFIG = """
[[environments]]
name = "prisoners_dilemma"
rounds = 5

[[agents]]
name = "tit_for_tat"

[[agents]]
name = "all_d"

[[agents]]
name = "tullock"

[schedule]
repetitions = 4
"""

STUBBORN = '''
from pathlib import Path
from dilemma.agents.strategy import Strategy


class Stubborn(Strategy):
    """Cooperates, once its file is gone."""

    marker: str

    def cooperate(self, me, own, other):
        if Path(self.marker).exists():
            raise RuntimeError("not today")
        return ~me.no()
'''


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(CONFIG)
    return path


def dilemma(*arguments):
    """Run a command in this process: exit code, stdout and stderr."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert isinstance(result.exception, SystemExit | None), result.exception
    assert "Traceback" not in result.output
    return result


def python(code, *arguments):
    """Run code in a process of its own; returns its stdout."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_quickstart():
    done = dilemma("run", "quickstart")
    assert done.exit_code == 0
    *_, last = done.stdout.splitlines()
    assert last == "runs/quickstart/report/index.html"
    ranking, payoffs = (pd.read_csv(f"runs/quickstart/report/{name}.csv") for name in ("ranking", "payoffs"))
    for row in ranking.itertuples():
        [printed] = [line.split() for line in done.stdout.splitlines() if row.agent in line]
        # Two automata: their order is certain, and two partners tell nothing of others.
        assert printed[:4] == [str(row.fixed_rank_low), row.agent, f"{row.payoff:.3f}", "exact"]
    wanted = {"environment", "rank", "agent", "payoff", "low", "high", "cooperation"}
    assert wanted <= set(ranking.columns)
    wanted = {"environment", "agent", "opponent", "payoff", "standard_error", "cooperation", "matches", "how"}
    assert wanted <= set(payoffs.columns)
    assert len(ranking) == 2
    assert len(payoffs) == 4
    page = Path(last).read_text(encoding="utf-8")
    assert "tit_for_tat" in page
    assert "<html" in page


def test_the_same_command_again_plays_nothing_and_says_so(config):
    assert "10 matches" not in dilemma("run", config).stderr
    again = dilemma("run", config)
    assert (again.exit_code, again.stderr) == (0, "Nothing left to play\n")


def test_a_dry_run_counts_and_creates_nothing(config, tmp_path):
    done = dilemma("run", config, "--dry-run")
    assert done.exit_code == 0
    assert done.stdout.startswith("8 matches to play and 1 payoffs to compute: ")
    assert list(tmp_path.iterdir()) == [config]
    dilemma("run", config, "--out", "here")
    assert dilemma("run", config, "--out", "here", "--dry-run").stdout.startswith("0 matches")
    larger = dilemma("run", config, "--out", "here", "--dry-run", "--set", "schedule.repetitions=6")
    assert larger.stdout.startswith("4 matches")


def test_options_change_the_config(config, tmp_path):
    done = dilemma("run", config, "--set", "schedule.repetitions=2", "--set", "name=two", "--jobs", "2")
    assert done.exit_code == 0
    payoffs = pd.read_csv("runs/two/report/payoffs.csv")
    assert set(payoffs["matches"]) == {0, 2}
    assert "jobs = 2" in (tmp_path / "runs/two/config.toml").read_text()


def test_a_report_is_written_again_without_playing(config):
    page = dilemma("run", config, "--out", "here").stdout.splitlines()[-1]
    before = Path("here/report/ranking.csv").read_bytes()
    for path in Path("here/report").glob("*.*"):
        path.unlink()
    config.unlink()
    again = dilemma("report", "here")
    assert (again.exit_code, again.stdout.splitlines()[-1]) == (0, page)
    assert Path("here/report/ranking.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "nowhere.toml"], "there is no config file nowhere.toml"),
        (["run", "quickstrat"], "did you mean quickstart?"),
        (["run", "small.toml", "--set", "schedule.repetitions"], "--set takes KEY=VALUE"),
        (["run", "small.toml", "--set", "schedule.repetitions=0"], "found 0; allowed: a whole number from 1"),
        (["run", "small.toml", "--set", "agents.7.p=1"], "the config has nothing at agents.7.p"),
        (["run", "small.toml", "--jobs", "0"], "execution.jobs: found 0"),
        (["run", "small.toml", "--jobs", "many"], "not a valid integer"),
        (["run", "utf16.toml"], "utf16.toml is text in UTF-16; allowed: UTF-8"),
        (["run", "latin.toml"], "latin.toml is not text in UTF-8, in line 2; allowed: UTF-8"),
        (["run", "small.toml", "--jobs", "2", "--set", "execution.backend=lucky"], "joblib can't use 'lucky'"),
        (["run", "small.toml", "--out", "."], "is not empty and holds no run"),
        (["run"], "Missing argument 'CONFIG'"),
        (["report", "."], "is not a run folder"),
        (["agents", "tft"], "did you mean tit_for_tat"),
        (["agents", "--kind", "bots"], "found 'bots'; allowed: automata, memory_one"),
        (["agents", "--where", "smart"], "found 'smart'; allowed: learns, game, memory"),
        (["envs", "prisoners"], "there is no environment 'prisoners'"),
        (["league"], "No such command 'league'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_a_sentence_and_exit_code_2(config, tmp_path, arguments, said):
    (tmp_path / "utf16.toml").write_text(CONFIG, encoding="utf-16")
    (tmp_path / "latin.toml").write_text("# one\n# zw\xf6lf\n", encoding="latin-1")
    done = dilemma(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_a_byte_order_mark_is_no_mistake(config):
    config.write_text(CONFIG, encoding="utf-8-sig")
    assert dilemma("run", config, "--dry-run").exit_code == 0


def test_a_report_that_cannot_be_written_is_a_sentence_and_keeps_the_results(config):
    Path("here").mkdir()
    dilemma("run", config, "--out", "here/run")
    shutil.rmtree("here/run/report")
    Path("here/run/report").touch()
    for command in (["report", "here/run"], ["run", config, "--out", "here/run"]):
        done = dilemma(*command)
        assert done.exit_code == 2
        assert "Error: the report can't be written to here/run/report (Not a directory)" in done.stderr
        assert "All results are kept" in done.stderr
    Path("here/run/report").unlink()
    assert dilemma("report", "here/run").exit_code == 0


def test_ctrl_c_before_anything_is_played_is_told_in_a_line(config, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("dilemma.tournament.config.load", interrupted)
    done = dilemma("run", config)
    assert (done.exit_code, done.stderr.count("Interrupted."), "Traceback" in done.stderr) == (130, 1, False)


def test_a_report_that_is_interrupted_leaves_the_one_before(config, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    dilemma("run", config, "--out", "here")
    before = {path: path.read_bytes() for path in Path("here/report").rglob("*") if path.is_file()}
    monkeypatch.setattr("dilemma.analysis.report.report.page_html", interrupted)
    for arguments in ([], ["--out", "elsewhere"]):
        done = dilemma("report", "here", *arguments)
        again = " ".join(["dilemma report here", *arguments])
        assert done.exit_code == 130
        assert done.stderr.splitlines()[-1] == f"Interrupted. 9 finished matches are kept; to go on: {again}"
    assert {path: path.read_bytes() for path in Path("here/report").rglob("*") if path.is_file()} == before
    assert not Path("elsewhere").exists()


def test_what_is_wrong_with_the_analysis_is_blamed_on_what_says_it(config):
    dilemma("run", config, "--out", "here")
    wrong = dilemma("report", "here", "--set", "analysis.top=0")
    assert (wrong.exit_code, wrong.stderr.splitlines()[0]) == (2, "Error: --set has 1 mistake:")
    stored = Path("here/config.toml")
    stored.write_text(stored.read_text().replace("top = 3", "top = 0"))
    for changes in ([], ["--set", "analysis.draws=300"]):
        wrong = dilemma("report", "here", *changes)
        assert (wrong.exit_code, wrong.stderr.splitlines()[0]) == (2, "Error: here/config.toml has 1 mistake:")
    assert dilemma("report", "here", "--set", "analysis.top=1").exit_code == 0


@pytest.mark.parametrize("charset", ["ascii", "utf-8"])
def test_a_console_that_lacks_characters_ends_no_command(config, tmp_path, charset):
    label = "しっぺ返し – ± …"
    odd = tmp_path / "odd.toml"
    odd.write_text(CONFIG.replace('"tit_for_tat"', f'"tit_for_tat"\nlabel = "{label}"'), encoding="utf-8")
    (tmp_path / "fails.py").write_text("def act(history):\n    raise ValueError('しっぺ返し')\n")
    run = CliRunner(charset=charset)
    for arguments, code in (
        (["run", "odd.toml", "--out", "here"], 0),
        (["report", "here"], 0),
        (["exploit", "here"], 0),
        (["replay", "here", f"{label}:all_d"], 0),
        (["run", "odd.toml", "--out", "fails", "--set", "agents.0.name=fails.py:act"], 1),
        (["agents"], 0),
        (["agents", "memory_one"], 0),
        (["envs"], 0),
        (["envs", "coins"], 0),
        (["schema"], 0),
        (["report", "しっぺ返し"], 2),
    ):
        done = run.invoke(main, arguments)
        assert isinstance(done.exception, SystemExit | None), (arguments, done.exception)
        assert done.exit_code == code, (arguments, done.output)
        if arguments[0] == "run" and code == 0:
            assert (label in done.stdout) == (charset == "utf-8")


def test_another_config_into_the_same_folder_is_a_mistake(config):
    dilemma("run", config, "--out", "here")
    done = dilemma("run", config, "--out", "here", "--set", "seed=9")
    assert done.exit_code == 2
    assert "seed is 9, was 0" in done.stderr


def test_what_was_set_once_does_not_lock_the_next_run(config):
    def matches():
        return pd.read_csv("runs/tournament/report/payoffs.csv")["matches"].max()

    dilemma("run", config, "--set", "schedule.repetitions=6")
    assert matches() == 6
    plain = dilemma("run", config)
    assert (plain.exit_code, matches()) == (0, 4)
    said = "runs/tournament has more than this config asks for, and keeps it"
    assert plain.stderr.splitlines()[0] == "Nothing left to play"
    assert plain.stderr.splitlines()[1].startswith(said)
    dilemma("report", "runs/tournament")
    assert matches() == 6


def test_a_fresh_run_moves_the_old_one_aside(config):
    dilemma("run", config)
    for number in (1, 2):
        before = Path("runs/tournament/config.toml").read_bytes()
        assert dilemma("run", config, "--fresh", "--dry-run").stdout.startswith("8 matches to play")
        done = dilemma("run", config, "--fresh", "--set", f"seed={number}")
        assert done.stderr.splitlines()[0] == f"The run that was there is now runs/tournament.{number}"
        assert Path(f"runs/tournament.{number}/config.toml").read_bytes() == before
    assert dilemma("report", "runs/tournament.1").exit_code == 0
    assert dilemma("run", config, "--fresh", "--out", ".").exit_code == 2  # no run of ours
    assert config.exists()


def test_failed_matches_are_counted_and_the_same_command_plays_them_again(config, tmp_path):
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    (tmp_path / "marker").touch()
    agent = f'\n[[agents]]\nname = "stubborn.py:Stubborn"\nlabel = "stubborn"\nmarker = "{tmp_path}/marker"\n'
    config.write_text(CONFIG + agent)
    failed = dilemma("run", config)
    assert failed.exit_code == 1
    assert "12 matches failed" in failed.stderr
    assert "RuntimeError: not today" in failed.stderr
    command = f"dilemma run {config} --out runs/tournament"
    assert f"To play them again: {command}" in failed.stderr
    assert failed.stdout.splitlines()[-1] == "runs/tournament/report/index.html"
    assert dilemma("report", "runs/tournament").exit_code == 1
    (tmp_path / "marker").unlink()
    again = dilemma(*command.split()[1:])
    assert (again.exit_code, again.stderr) == (0, "12 matches to play, 9 kept\n")


def test_agents_are_listed_by_group_in_80_columns():
    listed = dilemma("agents").stdout.splitlines()
    assert max(map(len, listed)) <= 80 < len(" ".join(listed))
    assert listed[0] == "automata"
    assert "memory_one" in listed
    assert {name for line in listed if line[0] == " " for name in line.split()} > set(AGENTS)
    assert len(listed) < 90  # an agent a line would take more than twice as many


def test_listings_are_narrowed_down():
    lookup = dilemma("agents", "--search", "HARPER ET AL. 2017", "--kind", "memory_n").stdout
    assert re.findall(r"^  (\w+)", lookup, re.MULTILINE) == ["evolved_lookup_1", "evolved_lookup_2"]
    plain = dilemma("agents", "--kind", "automata", "--where", "nice", "--where", "memory<=1").stdout
    assert re.findall(r"^  (\w+)", plain, re.MULTILINE) == ["all_c", "tit_for_tat"]
    assert dilemma("envs", "--search", "tags the other").stdout.startswith("gridworlds\n  gathering  ")
    assert dilemma("envs", "--search", "nothing like it").stdout == "Nothing fits.\n"


def test_agents_and_environments_are_described():
    described = dilemma("agents", "memory_one").stdout
    assert "Nowak and Sigmund 1990" in described
    assert "P(C) in the first round and after CC, CD, DC, DD" in described
    assert "Properties with p = (1, 0.9, 0.1, 0.8, 0.2): learns=no, game=no, memory=1, stochastic=yes" in described
    described = dilemma("envs", "prisoners_dilemma").stdout
    assert "noise" in described
    assert "misperception" in described


def test_the_schema_is_json():
    assert json.loads(dilemma("schema").stdout)["title"] == "dilemma config"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--help"], "Usage: "),
        (["agents"], "automata\n"),
        (["agents", "--where", "nice"], "automata\n  all_c  "),
        (["envs", "--search", "tags"], "gridworlds\n"),
    ],
)
def test_help_and_listings_import_nothing_heavy(arguments, said):
    code = f"""
import sys
import dilemma
from dilemma.cli import main
try:
    main({arguments})
except SystemExit as left:
    assert left.code == 0
heavy = "torch pandas pydantic numpy scipy matplotlib joblib rich jinja2 pyarrow dilemma.agents.agent".split()
print(sorted(sys.modules.keys() & heavy))
"""
    printed = python(code)
    assert printed.startswith(said)
    assert printed.splitlines()[-1] == "[]"


BY_COMMAND = """
from dilemma.cli import main
try:
    main(["report", "run"])
except SystemExit as left:
    assert left.code == 0
"""
FROM_PYTHON = """
import dilemma
assert len(dilemma.open_run("run").ranking) == 3
"""


@pytest.mark.parametrize("read", [BY_COMMAND, FROM_PYTHON])
def test_stored_tables_are_read_without_what_plays(config, read):
    dilemma("run", config, "--out", "run")
    plays = "import sys; print(sorted({'torch', 'joblib', 'dilemma.agents'} & sys.modules.keys()))"
    assert python(read + plays).splitlines()[-1] == "[]"


def test_importing_changes_nothing_in_the_process_that_imports():
    code = """
import importlib, multiprocessing, os, pickle, pkgutil, random, signal, sys, warnings
# What these change by themselves is theirs: rich draws from random, scipy loads a BLAS and filters warnings.
import numpy, scipy.linalg, scipy.sparse.linalg, scipy.stats, pandas, matplotlib, joblib, torch
import rich.console, threadpoolctl

def state():
    return {
        "start method": multiprocessing.get_start_method(allow_none=True),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "blas": sorted((pool["filepath"], pool["num_threads"]) for pool in threadpoolctl.threadpool_info()),
        "random states": (random.getstate(), pickle.dumps(numpy.random.get_state()), torch.initial_seed()),
        "torch's random state": torch.get_rng_state().tolist(),
        "dtype": (torch.get_default_dtype(), torch.is_grad_enabled()),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "floating point errors": numpy.geterr(),
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)],
        "warnings": list(warnings.filters),
        "folder and paths": (os.getcwd(), list(sys.path), dict(os.environ)),
        "pandas": pandas.get_option("display.max_rows"),
        "drawing": dict(matplotlib.rcParams),
        "hooks": (sys.excepthook, sys.breakpointhook),
    }

before = state()
import dilemma
count = 0
for module in pkgutil.walk_packages(dilemma.__path__, "dilemma."):
    # Some import libraries that need not be there: PettingZoo, which sets variables for pygame, Dask, Ray.
    if not module.name.endswith(("__main__", "envs.pettingzoo", "dask_engine", "ray_engine")):
        importlib.import_module(module.name)
        count += 1
after = state()
print(count, [name for name in before if before[name] != after[name]])
"""
    count, changed = python(code).split(maxsplit=1)
    assert int(count) > 50
    assert changed.strip() == "[]"


def test_one_job_takes_no_other_process(config, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("started another process")

    monkeypatch.setattr("joblib.Parallel.__init__", refuse)
    monkeypatch.setattr("subprocess.Popen.__init__", refuse)
    monkeypatch.setattr("os.fork", refuse)
    assert dilemma("run", config, "--jobs", "1", "--set", "execution.chunk=2").exit_code == 0


def test_the_report_of_a_run_that_is_not_done_says_what_is_left(config):
    dilemma("run", config, "--out", "here", "--jobs", "1")
    path = Path("here/manifest.json")
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "finished": None, "asked": manifest["asked"] + 1234}))
    said = "1,234 matches are still to be played"
    assert said in dilemma("report", "here").stderr
    assert said in Path("here/report/index.html").read_text()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(tmp_path, config, ending):
    command = [sys.executable, "-m", "dilemma", "run", str(config), "--out", "here", "--jobs", "2"]
    many = ["--set", "schedule.repetitions=100000", "--set", "execution.chunk=500"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    heeds = {"preexec_fn": lambda: signal.signal(ending, signal.SIG_DFL)}  # as in a terminal, whoever tests
    with subprocess.Popen([*command, *many], **pipes, **heeds) as process:
        while process.poll() is None and len(list(Path("here/seats").glob("*.parquet"))) < 2:
            time.sleep(0.05)
        if ending == signal.SIGINT:  # a terminal sends it to the workers too
            os.killpg(process.pid, ending)
        else:
            process.send_signal(ending)
        stdout, stderr = process.communicate()
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert stdout == ""
    *_, last = stderr.splitlines()
    kept = len(pd.concat(map(pd.read_parquet, Path("here/seats").glob("*.parquet")))["match"].unique())
    again = shlex.join(["dilemma", *command[3:], *many])
    assert last == f"Interrupted. {kept:,} finished matches are kept; to go on: {again}"
    rows = sum(len(pd.read_parquet(path)) for path in Path("here/seats").glob("*.parquet"))
    assert 500 < rows < 400_000


@pytest.mark.parametrize("where", ["in a destructor", "where it becomes another error"])
def test_ctrl_c_is_heeded(where):
    code = f"""
import os, signal, time
import dilemma.cli
from dilemma.__main__ import main

class Gone:
    def __del__(self):
        raise KeyboardInterrupt

def command():
    if {where == "in a destructor"}:
        Gone()
        time.sleep(60)
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
    except KeyboardInterrupt:
        raise TypeError

dilemma.cli.main = command
main()
"""
    heeds = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, **heeds)
    assert (done.returncode, done.stderr) == (130, "")


def test_nobody_outlives_a_killed_run(config):
    command = [sys.executable, "-m", "dilemma", "run", str(config), "--out", "here", "--jobs", "2"]
    many = ["--set", "schedule.repetitions=100000", "--set", "execution.chunk=500"]
    with subprocess.Popen([*command, *many], stderr=subprocess.DEVNULL, start_new_session=True) as process:
        while process.poll() is None and len(list(Path("here/seats").glob("*.parquet"))) < 2:
            time.sleep(0.05)
        process.kill()
    gone = time.monotonic() + 60
    while (left := members(process.pid)) and time.monotonic() < gone:
        time.sleep(0.1)
    assert left == []


def test_a_thread_that_an_agent_leaves_behind_does_not_keep_the_command(tmp_path):
    Path("agent.py").write_text(
        "import threading, time\n"
        "def agent(history):\n"
        "    threading.Thread(target=time.sleep, args=(600,)).start()\n"
        "    return 0\n"
    )
    Path("my.toml").write_text(
        "[[environments]]\nname = 'prisoners_dilemma'\nrounds = 3\n"
        "[[agents]]\nname = 'agent.py:agent'\n[[agents]]\nname = 'all_d'\n"
    )
    done = subprocess.run([sys.executable, "-m", "dilemma", "run", "my.toml"], timeout=300, capture_output=True)
    assert done.returncode == 0, done.stderr


def members(session):
    """The processes of a session."""
    return [
        int(stat.parent.name)
        for stat in Path("/proc").glob("[0-9]*/stat")
        if (said := read(stat)) and int(said.rpartition(")")[2].split()[3]) == session
    ]


def read(path):
    try:
        return path.read_text()
    except OSError:  # it has just ended
        return ""
