"""Responses: automata given by their rows, with an ending."""

import math

import pytest
from pydantic import ValidationError

from dilemma.agents import CATALOGUE
from dilemma.agents.memory_one import WinStayLoseShift
from dilemma.agents.response import Response
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.testing import check_agent

STAY = ((0, 0, 0, 0),)
TIT_FOR_TAT = {"cooperation": (1, 0), "transitions": ((0, 1, 0, 1), (0, 1, 0, 1))}


def test_rows_are_an_automaton(moves):
    assert moves(Response(**TIT_FOR_TAT), against="CDDCC") == "CCDDC"
    stay = Response(cooperation=(1, 0), transitions=((0, 1, 1, 0), (0, 1, 1, 0)))
    for script in ("CCDDCDC", "DDDD", "CDCDCD"):
        assert moves(stay, against=script) == moves(WinStayLoseShift(), against=script)


@pytest.mark.parametrize(
    ("ending", "rounds", "played"),
    [
        (((0,),), 5, "CCCCD"),
        (((0,), (0,)), 5, "CCCDD"),
        (((0,), (1,), (0,)), 5, "CCDCD"),
        (((0,), (1,), (0,)), 2, "CD"),  # a match shorter than the ending has its last rounds
        ((), 5, "CCCCC"),
    ],
)
def test_the_ending_is_what_the_last_rounds_are(moves, ending, rounds, played):
    response = Response(cooperation=(1,), transitions=STAY, ending=ending)
    assert moves(response, against="C" * rounds) == played
    assert CATALOGUE.build("response", response.model_dump(mode="json")) == response


def test_a_response_with_an_ending_keeps_the_contract():
    check_agent(Response(**TIT_FOR_TAT, ending=((0, 0), (0.5, 0))), PrisonersDilemma(rounds=9, noise=0.1))


def test_an_ending_needs_a_last_round():
    response = Response(cooperation=(1,), transitions=STAY, ending=((0,),))
    assert "counts down to the last round" in response.refuses(PrisonersDilemma(rounds=math.inf))
    assert response.as_automaton(PrisonersDilemma(rounds=math.inf)) is None


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"cooperation": (1, 0), "transitions": STAY}, "2 states need as many rows of transitions, found 1"),
        ({"cooperation": (1,), "transitions": ((0, 0, 1, 0),)}, "row 0 of transitions leads to state 1"),
        ({"cooperation": (1,), "transitions": STAY, "ending": ((1, 0),)}, "row 0 of ending needs 1 prob"),
    ],
)
def test_what_is_no_automaton(parameters, words):
    with pytest.raises(ValidationError, match=words):
        Response(**parameters)
