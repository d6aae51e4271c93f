"""Whatever an agent gives back, raises or changes: its own matches fail, with a short reason, and no others."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import torch

from dilemma.agents.agent import Agent, Player
from dilemma.agents.automata import AllC, TitForTat
from dilemma.agents.automaton import Automaton
from dilemma.agents.gridworld_players import Harvester
from dilemma.envs.chance import derive
from dilemma.envs.cleanup import Cleanup
from dilemma.envs.errors import DilemmaError
from dilemma.envs.matrix_game import MatrixGame, PrisonersDilemma
from dilemma.play import play_into
from dilemma.results import stored
from dilemma.tournament.arena import AgentError, play
from dilemma.tournament.chunk import Failure, Outcome, play_chunk
from dilemma.tournament.config import parse
from dilemma.tournament.protocol import Protocol
from dilemma.tournament.reasons import LONGEST, LONGEST_TRACE, clean, reason, trace
from dilemma.tournament.store import Store
from dilemma.tournament.work import lost, work

HOSTILE = '''
import os, signal, sys, warnings
import numpy as np
import torch
from dilemma.agents.agent import Agent, Player
from dilemma.agents.strategy import Strategy


class Unreadable(Exception):
    def __str__(self):
        raise ValueError("no")

    def __len__(self):
        raise ValueError("no")


def cyclic():
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    raise one


def forks():
    if os.fork():
        return
    sys.exit(0)


def changes():
    """Everything of the process that is cheap to change."""
    os.chdir("/")
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(3)
    np.seterr(all="raise")
    warnings.simplefilter("error")
    sys.setrecursionlimit(5000)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)


def raises(error):
    raise error


DEEDS = {
    "exits": lambda: sys.exit(0),
    "presses Ctrl-C": lambda: raises(KeyboardInterrupt),
    "closes": lambda: raises(GeneratorExit),
    "shouts": lambda: raises(ValueError("a" * 5_000_000)),
    "rings": lambda: raises(ValueError("bell\\a and\\x1b[31m red\\nsecond line")),
    "unreadable": lambda: raises(Unreadable()),
    "cyclic": cyclic,
    "forks": forks,
    "changes": changes,
}
GIFTS = {
    "minus one": lambda right: right - 1,
    "two": lambda right: right + 2,
    "list": lambda right: right.tolist(),
    "nothing": lambda right: None,
    "bool": lambda right: right.bool(),
    "floats": lambda right: right.double(),
    "not a number": lambda right: right * torch.nan,
    "flat": lambda right: right.flatten(),
    "one": lambda right: right[:1, 0],
    "meta": lambda right: right.to("meta"),
}


class Hostile(Agent):
    """Cooperates until round 2, then does what it is made for."""

    kind: str

    def refuses(self, game):
        return None

    def sit(self, chairs):
        return HostilePlayer(self.kind, chairs)


class HostilePlayer(Player):
    def __init__(self, kind, chairs):
        self.kind, self.chairs = kind, chairs

    def act(self, observation):
        right = torch.zeros(self.chairs.shape, dtype=torch.int64)
        if observation.round < 2:
            return right
        if self.kind in DEEDS:
            DEEDS[self.kind]()
            return right
        return GIFTS[self.kind](right)


class Tampers(Hostile):
    """Changes in place all that it is shown."""

    needs = frozenset({"others_actions", "others_rewards", "game_model"})

    def sit(self, chairs):
        return TampersPlayer(self.kind, chairs)


class TampersPlayer(HostilePlayer):
    def act(self, observation):
        game = self.chairs.game
        game.matrices[:] += 100
        game.__dict__["noise"] = 1.0
        self.chairs.seat.fill_(0)
        for known in (observation.features, observation.playing):
            if known is not None:
                known.zero_()
        return torch.zeros(self.chairs.shape, dtype=torch.int64)

    def observe(self, round):
        for known in (round.own, round.others, round.reward, round.others_reward):
            known.fill_(1)


class Unlikely(Strategy):
    """Cooperates with what is no probability."""

    kind: str

    def cooperate(self, me, own, other):
        return {
            "nan": me.number(float("nan")),
            "two": me.number(2.0),
            "less": me.number(-0.5),
            "whole": me.zeros(),
            "flat": own.flatten(),
            "word": "yes",
        }[self.kind]
'''
GOOD = ["tit_for_tat", "random", "gradual", "tullock"]


@pytest.fixture
def plan(tmp_path):
    """A config of four good agents and a hostile one."""
    (tmp_path / "hostile.py").write_text(HOSTILE)

    def make(which, kind, self_play=False, **execution):
        agent = {"name": f"{tmp_path}/hostile.py:{which}", "label": "hostile", "kind": kind}
        return parse(
            {
                "environments": [{"name": "prisoners_dilemma", "rounds": 6, "noise": 0.1, "continuation": 0.9}],
                "agents": [*({"name": name} for name in GOOD), agent],
                "schedule": {"repetitions": 2, "self_play": self_play},
                "evaluation": {"mode": "played"},
                "execution": execution,
            }
        )

    return make


def run(folder, config):
    store = Store.open(folder, config)
    play_into(store, config, lambda done, total: None)
    return stored(store)


def table(results):
    seats = results.seats[["match", "seat", "agent", "opponent", "payoff", "cooperation"]]
    return seats.astype({"agent": str, "opponent": str}).sort_values(["match", "seat"], ignore_index=True)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The rows of the good agents among themselves."""
    config = parse(
        {
            "environments": [{"name": "prisoners_dilemma", "rounds": 6, "noise": 0.1, "continuation": 0.9}],
            "agents": [{"name": name} for name in GOOD],
            "schedule": {"repetitions": 2},
            "evaluation": {"mode": "played"},
        }
    )
    return table(run(tmp_path_factory.mktemp("good") / "run", config))


@pytest.mark.parametrize(
    ("which", "kind", "says"),
    [
        ("Hostile", "exits", "SystemExit: 0"),
        ("Hostile", "presses Ctrl-C", "KeyboardInterrupt"),
        ("Hostile", "closes", "GeneratorExit"),
        ("Hostile", "shouts", "ValueError: aaa"),
        ("Hostile", "rings", "ValueError: bell  and [31m red second line"),
        ("Hostile", "unreadable", "Unreadable: its message can't be read"),
        ("Hostile", "cyclic", "ValueError: one"),
        ("Hostile", "minus one", "act returned -1; allowed are 0 to 1"),
        ("Hostile", "two", "act returned 2; allowed are 0 to 1"),
        ("Hostile", "list", "act returned an object of type list; allowed is a tensor of int64, ["),
        ("Hostile", "nothing", "act returned nothing; allowed is"),
        ("Hostile", "bool", "act returned a tensor of bool, ["),
        ("Hostile", "floats", "act returned a tensor of float64, ["),
        ("Hostile", "not a number", "act returned a tensor of float32, ["),
        ("Hostile", "flat", "act returned a tensor of int64, ["),
        ("Hostile", "one", "act returned a tensor of int64, [1]"),
        ("Hostile", "meta", "act returned a tensor of int64, [1, 1] on meta; allowed is"),
        ("Unlikely", "nan", "cooperate returned the probability nan; allowed are 0 to 1"),
        ("Unlikely", "two", "cooperate returned the probability 2; allowed are 0 to 1"),
        ("Unlikely", "less", "cooperate returned the probability -0.5; allowed are 0 to 1"),
        ("Unlikely", "whole", "cooperate returned a tensor of int64, ["),
        ("Unlikely", "flat", "cooperate returned a tensor of bool, ["),
        ("Unlikely", "word", "cooperate returned an object of type str"),
    ],
)
def test_only_its_own_matches_fail_and_the_reason_is_one_short_line(tmp_path, plan, good, which, kind, says):
    results = run(tmp_path / "run", plan(which, kind))
    failed = {(*failure["cast"], failure["repetition"]) for failure in results.failures}
    assert all("hostile" in cast for cast in failed)
    by_chance_over = set(results.seats[results.seats["agent"] == "hostile"]["match"])  # before the third round
    assert len(failed) + len(by_chance_over) == 2 * len(GOOD)
    assert failed
    for failure in results.failures:
        assert failure["reason"].startswith(f"{which}: {says}")
        assert len(failure["reason"]) < LONGEST + 60
        assert failure["reason"].isprintable()
        assert len(failure["traceback"]) < LONGEST_TRACE + 60
    rows = table(results)
    rows = rows[~rows["match"].isin(by_chance_over)].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, good, check_exact=True)


def process():
    return {
        "folder": os.getcwd(),
        "dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "recursion": sys.getrecursionlimit(),
        "interrupts": signal.getsignal(signal.SIGINT),
    }


@pytest.mark.parametrize(("which", "kind"), [("Tampers", ""), ("Hostile", "changes"), ("Hostile", "forks")])
def test_what_an_agent_changes_is_its_own(tmp_path, plan, good, which, kind):
    before = process()
    results = run(tmp_path / "run", plan(which, kind, self_play=True, chunk=3))
    assert process() == before
    assert not results.failures
    rows = table(results)
    theirs = (rows[["agent", "opponent"]] == "hostile").any(axis=1)
    alone = rows["agent"] == rows["opponent"]
    pd.testing.assert_frame_equal(rows[~theirs & ~alone].reset_index(drop=True), good, check_exact=True)
    assert theirs.sum() == 2 * 2 * len(GOOD) + 2 * 2  # a forked run would have written more, or other files
    assert rows["payoff"].between(0, 5).all()


class Scribbles(Agent):
    """Always does the same; if it `writes`, it blots out all that it is shown, first its own seat."""

    needs = frozenset({"others_actions", "others_rewards", "game_model"})
    writes: bool
    action: int = 0

    def refuses(self, game):
        return None

    def sit(self, chairs):
        if self.writes:
            chairs.seat.fill_(1)
            chairs.game.__dict__["rounds"] = 1
        return ScribblesPlayer(self, chairs)


class ScribblesPlayer(Player):
    def __init__(self, agent, chairs):
        self.agent, self.chairs = agent, chairs

    def act(self, observation):
        self.blot(observation.features, observation.action_mask, observation.playing)
        return torch.full(self.chairs.shape, self.agent.action)

    def observe(self, round):
        self.blot(round.own, round.others, round.reward, round.others_reward)

    def blot(self, *shown):
        for tensor in shown:
            if self.agent.writes and tensor is not None:
                tensor.zero_()


@pytest.mark.parametrize("cast", [[[0, 1], [1, 0]], [[0, 0]]])
def test_what_a_player_writes_into_what_it_is_shown_nobody_else_sees(cast):
    game = Cleanup(players=2, layout="S.~W\n.AW~\nSA.S", rounds=12, continuation=0.9)
    keys = derive(torch.arange(len(cast)), 0)
    honest, scribbled = (
        play(game, [Scribbles(writes=writes), Harvester()], torch.tensor(cast), keys) for writes in (False, True)
    )
    for name in ("payoff", "rounds", "weight"):
        assert torch.equal(getattr(honest, name), getattr(scribbled, name))


def test_who_rewrites_its_seat_gets_no_other_actions():
    game = MatrixGame(payoffs=(((1, 2, 3), (4, 5, 6)), ((1, 2, 3), (4, 5, 6))), rounds=2)
    with pytest.raises(AgentError) as caught:
        play(game, [Scribbles(writes=True, action=2), AllC()], torch.tensor([[0, 1]]), derive(torch.arange(1), 0))
    assert "act returned 2 in seat 0; allowed are 0 to 1" in str(caught.value.__cause__)


class Undeclared(Scribbles):
    """Declares nothing, and reads it all the same."""

    needs = frozenset()

    def sit(self, chairs):
        return ScribblesPlayer(self, chairs)

    def as_automaton(self, game):
        return TitForTat().as_automaton(game) if self.action else None


@pytest.mark.parametrize("action", [0, 1])  # by play, and as an automaton
def test_what_is_not_declared_is_refused(action):
    cast = torch.tensor([[0, 1]])
    with pytest.raises(AgentError) as caught:
        play(
            PrisonersDilemma(rounds=2),
            [Undeclared(writes=False, action=action), AllC()],
            cast,
            derive(cast[0, :1], 0),
        )
    says = 'Undeclared reads others\' actions and does not declare it: needs = frozenset({"others_actions"})'
    assert str(caught.value.__cause__) == says


def test_the_payoffs_of_a_game_and_the_table_of_an_automaton_are_nobody_elses():
    game = PrisonersDilemma()
    game.matrices[:] += 100
    assert game.matrices[0].tolist() == PrisonersDilemma().matrices[0].tolist() == [[3, 0], [5, 1]]
    known = TitForTat().as_automaton(game)
    with pytest.raises(ValueError, match="read-only"):
        known.cooperation[:] = 0


@pytest.mark.parametrize(
    ("cooperation", "transitions", "says"),
    [
        ([0.5], [[1]], "next state: found 1; allowed are 0 to 0"),
        ([1.5], [[0]], r"P\(C\): found 1.5; allowed are 0 to 1"),
        ([float("nan")], [[0]], r"P\(C\): found nan"),
        ([1.0, 0.0], [[0]], r"found \[2\] and \[1, 2, 2\]"),
        ([], [], "found"),
    ],
)
def test_an_automaton_is_checked_when_it_is_made(cooperation, transitions, says):
    with pytest.raises(DilemmaError, match=says):
        Automaton.of(cooperation, transitions)


class Student(Agent):
    """A learner that gives back something wrong."""

    learns = True
    gives: str = ""

    def refuses(self, game):
        return None

    def sit(self, chairs):
        from dilemma.agents.agent import Player

        shape, gives = chairs.shape, self.gives

        class StudentPlayer(Player):
            learning = True

            def act(self, observation):
                return torch.zeros(shape, dtype=torch.int64)

            def measures(self):
                return {
                    "list": [1.0],
                    "payoff": {"payoff": torch.full(shape[:1], 9.0)},
                    "counted": {"cooperation": torch.zeros(shape[0])},
                    "short": {"p": torch.zeros(shape[0] + 1)},
                    "number": {"p": 0.5},
                }.get(gives, {"p": torch.zeros(shape)})

            def state_dict(self):
                return {"state": {"p": torch.zeros(1)}, "words": {"p": "p"}}.get(gives, {"p": torch.zeros(shape)})

        return StudentPlayer()


@pytest.mark.parametrize(
    ("gives", "says"),
    [
        ("list", "measures returned an object of type list; allowed are tensors by name"),
        ("payoff", "measures has the name 'payoff', which is taken"),
        ("counted", "measures has the name 'cooperation', which is taken"),
        ("short", r"measures returned \[7\] by the name 'p'; allowed are tensors by name, each \[6, ...\]"),
        ("number", "measures returned an object of type float by the name 'p'"),
        ("state", r"state_dict returned \[1\] by the name 'p'"),
        ("words", "state_dict returned an object of type str"),
    ],
)
def test_what_a_learner_tells_of_itself_is_checked(gives, says):
    cast, keys = torch.zeros(3, 2, dtype=torch.int64), derive(torch.arange(3), 0)
    with pytest.raises(AgentError) as caught:
        play(PrisonersDilemma(rounds=3), [Student(gives=gives)], cast, keys, Protocol(2, 2, keep=("s",)), ["s"])
    assert isinstance(caught.value.__cause__, DilemmaError)
    assert re.search(says, str(caught.value.__cause__))


@pytest.mark.parametrize("method", ["refuses", "as_automaton", "sit"])
def test_an_agent_that_exits_when_it_is_asked_is_a_sentence(tmp_path, method):
    (tmp_path / "exits.py").write_text(
        "import sys\n"
        "from dilemma.agents.strategy import Strategy\n"
        "class Exits(Strategy):\n"
        "    'Exits.'\n"
        "    def cooperate(self, me, own, other):\n"
        "        return own\n"
        f"    def {method}(self, what):\n"
        "        sys.exit(0)\n"
    )
    config = {
        "environments": [{"name": "prisoners_dilemma", "rounds": 3}],
        "agents": [{"name": f"{tmp_path}/exits.py:Exits"}, {"name": "all_d"}],
        "evaluation": {"mode": "played"},
    }
    if method == "sit":
        [failure] = run(tmp_path / "run", parse(config)).failures
        assert failure["reason"] == "Exits: SystemExit: 0 (exits.py, line 8, in sit)"
    else:
        with pytest.raises(DilemmaError, match="asked about it, it raised SystemExit: 0"):
            parse(config)


def test_a_match_of_which_nothing_came_is_a_failure(tmp_path, plan, monkeypatch):
    """The run counts what it planned: rows that get lost on the way don't pass for a finished run."""
    config = plan("Hostile", "changes")
    [chunk] = work(config, config.schedule.most(config))
    whole = play_chunk(chunk)
    gone = whole.rows[0]["match"][0]
    kept = [{name: column[rows["match"] != gone] for name, column in rows.items()} for rows in whole.rows]
    monkeypatch.setattr("dilemma.play.carry_out", lambda chunks, execution, signs=None: [Outcome(kept)])
    [failure] = run(tmp_path / "run", config).failures
    assert failure["match"] == gone
    assert "nothing came of it" in failure["reason"]


def test_of_a_clean_run_nothing_is_missed(tmp_path, plan, monkeypatch):
    missed = list[Failure]()
    monkeypatch.setattr("dilemma.play.lost", lambda *given: missed.extend(lost(*given)) or missed)
    assert not run(tmp_path / "run", plan("Hostile", "changes")).failures
    assert not missed  # not even to be forgotten again, as the matches have rows


def test_ctrl_c_stops_a_run_even_where_an_agent_swallows_it(tmp_path):
    (tmp_path / "deaf.py").write_text(
        "import time\n"
        "def act(history):\n"
        "    try:\n"
        "        open('started', 'w').close()\n"
        "        time.sleep(0.2)\n"
        "    except BaseException:\n"
        "        pass\n"
        "    return 0\n"
    )
    (tmp_path / "config.toml").write_text(
        "[[environments]]\nname = 'prisoners_dilemma'\nrounds = 10\n"
        "[[agents]]\nname = 'deaf.py:act'\n[[agents]]\nname = 'all_d'\n"
        "[schedule]\nrepetitions = 100\n[execution]\nchunk = 1\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-m", "dilemma", "run", "config.toml", "--out", "run"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # as in a terminal
    )
    while not (tmp_path / "started").exists() and running.poll() is None:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "to go on: dilemma run" in said
    assert not (tmp_path / "run" / "failures.jsonl").exists()


def test_reasons_and_traces_are_cut_in_the_middle_and_say_how_much_is_missing():
    assert clean("a" * 1000).startswith("a" * 150 + " ... 700 characters more ... ")
    assert reason(ValueError()) == "ValueError"
    assert reason(DilemmaError("a sentence")) == "a sentence"
    assert len(trace(ValueError("b" * 10**6))) < LONGEST_TRACE + 60
    assert json.loads(json.dumps(reason(ValueError("\ud800 lone")))) == "ValueError: lone"
