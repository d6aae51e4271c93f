"""Who draws from the process's global generators, or keeps something between matches, never does so in silence."""

import random

import numpy as np
import pandas as pd
import pytest
import torch

from dilemma import Tournament
from dilemma.agents.plain import PlainAgent
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.play import play_into
from dilemma.results import stored
from dilemma.testing import check_agent
from dilemma.tournament.config import parse
from dilemma.tournament.store import Store

PLAIN = '''
import random
import numpy as np
import torch


def python(history):
    return int(random.random() < 0.5)


def numpys(history):
    return int(np.random.rand() < 0.5)


def tensors(history):
    return int(torch.rand(1) < 0.5)


def late(history):
    return int(len(history) > 5 and random.random() < 0.5)


def reseeds(history):
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    return 0


class Builds:
    """Draws when it is made."""

    def __init__(self):
        self.moves = [random.getrandbits(1) for _ in range(20)]

    def act(self, history):
        return self.moves[len(history) % 20]


class Honest:
    def __init__(self):
        self.anger = 0

    def act(self, history):
        self.anger += bool(history and history[-1][1])
        return int(self.anger > 2)


class Counts(Honest):
    """Counts matches on its class, and defects once by how many there were."""

    matches = 0

    def __init__(self):
        super().__init__()
        Counts.matches += 1

    def act(self, history):
        return int(len(history) == Counts.matches % 8)


seen = []


def remembers(history):
    """Keeps a list in its module."""
    seen.append(len(history))
    return int(len(seen) % 7 < 3)
'''
TENSORS = '''
import random
import numpy as np
import torch
from dilemma.agents.agent import Agent, Player


class Draws(Agent):
    """Draws where it is told to."""

    where: str
    what: str = "torch"

    def refuses(self, game):
        return None

    def sit(self, chairs):
        self.draw("sit")
        return DrawsPlayer(self, chairs)

    def draw(self, where):
        if where == self.where:
            {"torch": lambda: torch.rand(1), "numpy": np.random.rand, "random": random.random}[self.what]()


class DrawsPlayer(Player):
    def __init__(self, agent, chairs):
        self.agent, self.chairs = agent, chairs

    def begin(self):
        self.agent.draw("begin")

    def act(self, observation):
        self.agent.draw("act")
        return torch.zeros(self.chairs.shape, dtype=torch.int64)

    def observe(self, round):
        self.agent.draw("observe")
'''


@pytest.fixture
def make(tmp_path):
    (tmp_path / "plain.py").write_text(PLAIN)
    (tmp_path / "tensors.py").write_text(TENSORS)

    def config(*agents, repetitions=6, **execution):
        entries = [{"name": name} if isinstance(name, str) else name for name in agents]
        entries = [
            entry | {"name": f"{tmp_path}/{entry['name']}", "label": entry["name"]}
            if ".py" in entry["name"]
            else entry
            for entry in entries
        ]
        return parse(
            {
                "environments": [{"name": "prisoners_dilemma", "rounds": 8}],
                "agents": entries,
                "schedule": {"repetitions": repetitions, "self_play": True},
                "evaluation": {"mode": "played"},
                "execution": execution,
            }
        )

    return config


def run(folder, config):
    store = Store.open(folder, config)
    play_into(store, config, lambda done, total: None)
    return stored(store)


def table(results):
    seats = results.seats[["match", "seat", "agent", "opponent", "payoff", "cooperation", "cc", "cd", "dc"]]
    return seats.astype({"agent": str, "opponent": str}).sort_values(["match", "seat"], ignore_index=True)


def ambient():
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


DRAWING = ["plain.py:python", "plain.py:numpys", "plain.py:tensors", "plain.py:late", "plain.py:Builds"]


def test_functions_that_draw_from_global_generators_give_the_same_bits_in_any_chunks_and_company(tmp_path, make):
    everybody = [*DRAWING, "plain.py:reseeds", "tit_for_tat", "random"]
    random.seed(1)
    before = ambient()
    first = run(tmp_path / "a", make(*everybody, repetitions=2, chunk=1))
    assert ambient() == before
    random.seed(2)
    second = run(tmp_path / "b", make(*everybody, repetitions=2, chunk=37))
    third = run(tmp_path / "c", make(*everybody, repetitions=2, chunk=20, jobs=2))
    for results in (first, second, third):
        assert not results.failures
        assert not results.faults
    pd.testing.assert_frame_equal(table(first), table(second), check_exact=True)
    pd.testing.assert_frame_equal(table(first), table(third), check_exact=True)
    fewer = table(run(tmp_path / "d", make(*DRAWING[:2], "tit_for_tat", repetitions=2)))
    part = table(first)
    part = part[part["match"].isin(fewer["match"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(fewer, part, check_exact=True)


@pytest.mark.parametrize("name", DRAWING[:3])
def test_they_draw_evenly_and_seats_and_matches_apart(tmp_path, make, name):
    # 2 x 6 seats of self-play of 8 rounds and 6 against tit for tat: 144 even draws of standard deviation .5
    # are within 4 standard errors, .167, of a half; and no two seats or matches draw alike.
    results = run(tmp_path / "run", make(name, "tit_for_tat"))
    rows = table(results)
    mine = rows[rows["agent"] == name]
    assert len(mine) == 18
    assert abs(mine["cooperation"].mean() - 0.5) < 0.167
    against = mine[mine["opponent"] == name].groupby("match")["cooperation"].agg(list)
    assert any(one != other for one, other in against)
    assert mine["cooperation"].nunique() > 3


@pytest.mark.parametrize("where", ["sit", "begin", "act", "observe"])
@pytest.mark.parametrize("what", ["torch", "numpy", "random"])
def test_agents_on_tensors_that_draw_from_them_fail_with_a_sentence(tmp_path, make, where, what):
    agent = {"name": "tensors.py:Draws", "where": where, "what": what}
    results = run(tmp_path / "run", make(agent, "plain.py:python", "gradual"))
    said = f"Draws: it changed {what}'s global generator, on which others' draws depend: take randomness from"
    reasons = {failure["reason"].partition(" (not played")[0] for failure in results.failures}
    assert reasons == {f"{said} `chance`"}
    assert len(results.failures) == 3 * 6
    assert all("tensors.py:Draws" in failure["cast"] for failure in results.failures)
    others = table(run(tmp_path / "others", make("plain.py:python", "gradual")))
    pd.testing.assert_frame_equal(table(results), others, check_exact=True)


@pytest.mark.parametrize("execution", [{}, {"chunk": 5}])  # in one process: several may count alike by chance
@pytest.mark.parametrize("name", ["plain.py:Counts", "plain.py:remembers"])
def test_what_is_kept_between_matches_is_found_and_said(tmp_path, make, name, execution):
    results = run(tmp_path / "run", make(name, "plain.py:Honest", "tit_for_tat", **execution))
    [fault] = results.faults
    assert fault.startswith(f"{name}: match ")
    assert "it keeps something between matches" in fault
    assert fault in results.facts["notes"]
    assert not results.failures
    again = run(tmp_path / "run", make(name, "plain.py:Honest", "tit_for_tat", **execution))
    assert again.faults == [fault]  # what is stored is still what it was


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Counts", "two plays with the same seed differ|second episode depends on the first"),
        ("remembers", "two plays with the same seed differ|second episode depends on the first"),
        ("python", None),
        ("Builds", None),
        ("Honest", None),
    ],
)
def test_the_suite_finds_it_too(tmp_path, make, name, says):
    make("tit_for_tat", "all_d")
    agent = PlainAgent(function=f"{tmp_path}/plain.py:{name}")
    if says is None:
        check_agent(agent)
    else:
        with pytest.raises(AssertionError, match=says):
            check_agent(agent)


def test_threads_are_not_blamed_for_each_others_draws(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import random, time\n"
        "from dilemma.agents.strategy import Strategy\n"
        "def draws(history):\n"
        "    time.sleep(0.002)\n"
        "    return random.randrange(2)\n"
        "class Pauses(Strategy):\n"
        "    'Cooperates, after a while.'\n"
        "    def cooperate(self, me, own, other):\n"
        "        time.sleep(0.002)\n"
        "        return ~me.no()\n"
    )
    agents = {"draws": f"{tmp_path}/mine.py:draws", "pauses": f"{tmp_path}/mine.py:Pauses", "all_d": "all_d"}
    rows = []
    for execution in ({"backend": "threading", "jobs": 2, "chunk": 1}, {}):
        tournament = Tournament([PrisonersDilemma(rounds=6)], agents, repetitions=4, mode="played", **execution)
        results = tournament.run()
        assert not results.failures
        rows.append(results.rows.set_index(["match", "seat"])["payoff"].sort_index())
    assert rows[0].equals(rows[1])
