"""Games of three or more whose seats differ: everybody takes every seat equally often."""

import itertools
import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dilemma import Tournament
from dilemma.agents.fixed_action import FixedAction
from dilemma.envs.parallel_environment import from_name
from dilemma.tournament.seating import order, rotations

UNEQUAL = """
from gymnasium import spaces
from pettingzoo import ParallelEnv


class Unequal(ParallelEnv):
    metadata = {"name": "unequal"}
    possible_agents = ["leader", "first worker", "second worker"]

    def observation_space(self, agent):
        return spaces.Discrete(2)

    action_space = observation_space

    def reset(self, seed=None, options=None):
        self.agents = list(self.possible_agents)
        return dict.fromkeys(self.agents, 0), {agent: {} for agent in self.agents}

    def step(self, actions):
        agents, self.agents = self.agents, []
        paid = {"leader": 9.0, "first worker": 0.0, "second worker": 0.0}
        return (
            dict.fromkeys(agents, 0), paid, dict.fromkeys(agents, True), dict.fromkeys(agents, False),
            {agent: {} for agent in agents},
        )
"""


def seatings(cast, repetition):
    return [tuple(turned[place] for place in order(len(cast), repetition)) for turned in rotations(cast)]


@pytest.mark.parametrize("seats", [3, 4, 5])
def test_so_many_repetitions_hold_every_order_equally_often(seats):
    held = Counter(
        seated
        for repetition in range(math.factorial(seats - 1))
        for seated in seatings(tuple(range(seats)), repetition)
    )
    assert held == Counter(itertools.permutations(range(seats)))


@given(st.integers(3, 30), st.integers(0, 10**6), st.data())
def test_in_every_repetition_everybody_takes_every_seat_equally_often(seats, repetition, data):
    rare = data.draw(st.integers(1, seats - 1))
    cast = (0,) * rare + (1,) * (seats - rare)
    assert {sum(seated) for seated in seatings(cast, repetition)} == {seats - rare}
    by_seat = [sum(column) for column in zip(*seatings(cast, repetition), strict=True)]
    assert set(by_seat) == {seats - rare}


def test_the_first_repetition_leaves_the_cast_as_it_is():
    assert order(7, 0).tolist() == list(range(7))


@pytest.mark.parametrize("repetitions", [1, 2, 3])
def test_where_the_seats_alone_decide_everybody_earns_the_same(tmp_path, repetitions):
    pytest.importorskip("pettingzoo")
    (tmp_path / "unequal.py").write_text(UNEQUAL)
    game = from_name(f"{tmp_path}/unequal.py:Unequal", {})
    agents = {"zero": FixedAction(action=0), "one": FixedAction(action=1), "random": "random"}
    results = Tournament({"unequal": game}, agents, repetitions=repetitions, seed=repetitions).run()
    assert results.ranking["payoff"].tolist() == pytest.approx([3, 3, 3])
    seats = results.seats.groupby(["agent", "opponent", "k", "seat"], observed=True).size()
    assert seats.groupby(["agent", "opponent", "k"], observed=True).nunique().eq(1).all()
