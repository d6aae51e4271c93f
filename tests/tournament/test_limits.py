"""What can't fit is refused with the numbers, before anything is written; learners are measured in short plays."""

import math
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from dilemma import Tournament
from dilemma.cli import main
from dilemma.envs.errors import DilemmaError
from dilemma.envs.reputation.reputation_dilemma import ReputationDilemma
from dilemma.tournament import limits, tensor_memory
from dilemma.tournament.chunk import play_chunk
from dilemma.tournament.config import parse
from dilemma.tournament.engine import workers_of
from dilemma.tournament.exploit.card import exact_card
from dilemma.tournament.forecast import shortened
from dilemma.tournament.limits import memory_free, refuse_too_much
from dilemma.tournament.schedules.schedule import NOTHING_YET
from dilemma.tournament.sections import Execution
from dilemma.tournament.shard import Shard
from dilemma.tournament.tensor_memory import LiveTensors, peak
from dilemma.tournament.work import work

GAME, MANY = ["prisoners_dilemma"], {f"random {number}": "random" for number in range(100)}
LEARNERS = ["reinforce", "all_d"]


@pytest.fixture(autouse=True)
def room(monkeypatch):
    """Sets how much memory and disk are free, where a busy machine is no reason to measure less."""
    monkeypatch.setattr(tensor_memory, "SOON", math.inf)
    monkeypatch.setattr(tensor_memory, "LATE", math.inf)

    def free(memory=1e12, disk=1e15):
        monkeypatch.setattr(limits, "memory_free", lambda: memory)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=disk))

    free()
    return free


@pytest.mark.parametrize(
    ("agents", "options", "free", "said"),
    [
        (
            MANY,
            {"repetitions": 1_000_000, "mode": "played"},
            {"disk": 5e10},
            "at least 99 GB on disk, of which 50 GB",
        ),
        (
            MANY,
            {"repetitions": 1_000_000, "mode": "played"},
            {},
            "9,900,000,000 rows takes about 3.96 TB of memory",
        ),
        (
            MANY,
            {},
            {"memory": 4e5},
            "to plan it takes 0.495 MB of memory, of which 0.4 MB are free: give fewer agents",
        ),
        (
            MANY,
            {"repetitions": 1000, "mode": "played", "chunk": 4_000_000},
            {"memory": 7e9},
            "a chunk of 4,000,000 matches in prisoners_dilemma takes about 8 GB of memory, of which 7 GB are "
            "free: lower execution.chunk",
        ),
        (
            LEARNERS,
            {"learning": {"tables": 10**9, "episodes": 10}},
            {},
            "at 1,000,000,000 tables takes about 14.8 TB of memory, of which 1 TB are free: lower learning.tables",
        ),
        (
            LEARNERS,
            {"learning": {"episodes": 10**8}},
            {"disk": 1e9},
            "at least 1.6 GB on disk, of which 1 GB are free",
        ),
        (
            ["gradual", "all_d"],
            {"jobs": 8, "mode": "played", "repetitions": 50_000},
            {"memory": 1e9},
            "8 workers take about 2.1 GB of memory, of which 1 GB are free: lower execution.jobs to 3 or less",
        ),
    ],
    ids=["disk", "report", "casts", "chunk", "tables", "curves", "workers"],
)
def test_what_can_t_fit_is_refused(agents, options, free, said, room, tmp_path):
    plan = Tournament(GAME, agents, **options).plan
    room(**free)
    with pytest.raises(DilemmaError) as refused:
        refuse_too_much(plan, tmp_path / "run", 0)
    assert said in str(refused.value)


def test_what_fits_is_not_refused(room, tmp_path):
    plan = Tournament(GAME, MANY, repetitions=1_000_000, mode="played").plan
    room(memory=1e13)
    refuse_too_much(plan, tmp_path / "run", 0)
    room(disk=5e10)
    refuse_too_much(plan, tmp_path / "run", 0, Shard(1, 2))
    room(memory=1e13, disk=5e10)
    refuse_too_much(plan, tmp_path / "run", 3_000_000_000)


@pytest.mark.parametrize("option", [[], ["--dry-run"]])
def test_nothing_is_written_of_what_is_refused(option, room, tmp_path):
    (tmp_path / "big.toml").write_text(
        "[[environments]]\nname = 'prisoners_dilemma'\n[schedule]\nrepetitions = 1_000_000\n"
        "[[agents]]\nname = 'gradual'\n[[agents]]\nname = 'random'\n"
    )
    room(disk=1e6)
    done = CliRunner().invoke(main, ["run", str(tmp_path / "big.toml"), "--out", str(tmp_path / "run"), *option])
    assert done.exit_code == 2
    assert "lower schedule.repetitions" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("rounds", "agents", "learning", "said"),
    [
        (1e30, LEARNERS, {"episodes": 1}, "found 1e+30 rounds, and reinforce has to be played"),
        (200, LEARNERS, {"episodes": 10**18}, "found 200 rounds in each of 1,000,000,000,000,000,000 episodes"),
        (
            1e12,
            ["gradual", "all_d"],
            {},
            "found 1,000,000,000,000 rounds, and gradual has to be played; allowed: 100,",
        ),
        (1e12, ["tit_for_tat", "all_d"], {}, None),
    ],
)
def test_what_nobody_would_see_the_end_of_is_refused(rounds, agents, learning, said):
    config = {
        "environments": [{"name": "prisoners_dilemma", "rounds": rounds}],
        "agents": [{"name": name} for name in agents],
        "learning": learning,
    }
    if said is None:
        assert parse(config)
        return
    with pytest.raises(DilemmaError) as refused:
        parse(config)
    assert said in str(refused.value)


def test_a_best_response_to_too_many_rounds_is_no_card():
    plan = Tournament(GAME, ["tit_for_tat", "all_d"]).plan
    [setting] = plan.settings
    long = replace(setting, game=setting.game.model_copy(update={"rounds": 1e12}))
    assert "for at most 1,000,000 rounds against 2 states, and not for 1e+12" in exact_card(long, plan.entrants[0])
    assert not isinstance(exact_card(replace(long, game=setting.game), plan.entrants[0]), str)


def test_no_more_workers_than_are_of_use():
    assert workers_of(Execution(jobs=1_000_000)) <= max(8, 2 * (limits.os.cpu_count() or 1))
    assert workers_of(Execution(jobs=3)) == 3


@pytest.mark.parametrize("learner", ["reinforce", "ppo"])
def test_memory_of_learners_is_that_of_a_longer_play(learner):
    learning = {"tables": 24, "episodes": 2}
    plan = Tournament(GAME, [learner, "all_d"], learning=learning).plan
    [block] = work(plan, plan.schedule.ask(plan, NOTHING_YET))
    block = shortened(block, 60, 1)
    with LiveTensors() as live:
        assert not play_chunk(block).failures
    assert peak(block) == pytest.approx(live.peak, rel=0.3)


def test_memory_of_rounds_that_take_many_turns_is_that_of_a_longer_play():
    game = ReputationDilemma(variant="dp", rounds=12, encounters=3)
    options = {"schedule": {"kind": "shares", "repetitions": 1}, "learning": {"episodes": 1, "tables": 8}}
    plan = Tournament([game], ["staged_q_learning"], **options).plan
    [block] = work(plan, plan.schedule.ask(plan, NOTHING_YET))
    with LiveTensors() as live:
        assert not play_chunk(block).failures
    assert 0.2 * live.peak < peak(block) < 1.3 * live.peak


def test_a_control_groups_limit_counts(tmp_path, monkeypatch):
    monkeypatch.undo()
    (tmp_path / "most").write_text("3000000\n")
    (tmp_path / "now").write_text("2500000\n")
    (tmp_path / "memory.stat").write_text("anon 2\ninactive_file 1000\n")
    assert math.isfinite(memory_free())
    monkeypatch.setattr(limits, "GROUPS", ((str(tmp_path), "most", "now"),))
    assert memory_free() == 501_000
    (tmp_path / "most").write_text("max\n")
    assert memory_free() > 501_000
