"""What a dry run says: how many matches there are, and what they take."""

import json

import numpy as np
import pytest

from dilemma import Tournament
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.envs.reputation.reputation_dilemma import ReputationDilemma
from dilemma.tournament import forecast as forecasts
from dilemma.tournament.chunk import Outcome, play_chunk
from dilemma.tournament.forecast import BOOKKEEPING, forecast
from dilemma.tournament.stretches import Stretches
from dilemma.tournament.work import work

AUTOMATA, PLAYED, LEARNER = ["tit_for_tat", "all_d", "grudger"], ["gradual", "fictitious_play"], "q_learning"


def plans():
    """Environments, agents and options of tournaments that know payoffs in every way."""
    ipd, three, once = ["prisoners_dilemma"], ["public_goods"], {"episodes": 1}
    return [
        (ipd, AUTOMATA, {}),
        (ipd, AUTOMATA + PLAYED, {"repetitions": 3, "self_play": True}),
        (ipd, AUTOMATA + PLAYED, {"repetitions": 3, "mode": "played", "background": ["all_d", "grudger"]}),
        (ipd, [*AUTOMATA, LEARNER], {"repetitions": 2, "self_play": True, "learning": once}),
        (ipd, dict.fromkeys("abcdefg", LEARNER), {"repetitions": 4, "self_play": True, "learning": once}),
        (["battle_of_the_sexes", "stag_hunt"], AUTOMATA, {"self_play": True}),
        (three, ["random", "fixed_action"], {"repetitions": 2, "self_play": True}),
    ]


def counts(plan, *done):
    chunks = work(plan, plan.schedule.most(plan), *done)
    exact = sum(len(chunk) for chunk in chunks if chunk.how == "exact")
    return sum(map(len, chunks)) - exact, exact


@pytest.fixture
def no_play(monkeypatch):
    monkeypatch.setattr(forecasts, "play_chunk", lambda chunk, timeout: Outcome())


@pytest.mark.parametrize(("games", "agents", "options"), plans())
def test_matches_are_counted_as_they_will_be_made(games, agents, options, no_play):
    plan = Tournament(games, agents, **options).plan
    found = forecast(plan)
    assert (found.played, found.exact) == counts(plan)
    chunks = list(work(plan, plan.schedule.most(plan)))
    casts, repetitions = (
        np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in ("casts", "repetition")
    )
    for done in (Stretches.of(casts[::2], repetitions[::2]), Stretches.of(casts, repetitions)):
        left = forecast(plan, done)
        assert (left.played, left.exact) == counts(plan, done)


START, EACH, ROUND, MOVE = 0.03, 0.001, 0.0002, 0.00005
"""Seconds of a chunk, of each of its matches, of a round, and of a round of a match."""


@pytest.fixture
def clock(monkeypatch):
    """A clock that only plays of known length move."""
    now = [0.0]

    def play(chunk, timeout):
        rounds = json.loads(chunk.game.parameters)["rounds"] * chunk.learning.episodes
        rounds = 0 if chunk.how == "exact" else rounds
        now[0] += START + len(chunk) * EACH + rounds * (ROUND + len(chunk) * MOVE)
        return Outcome()

    monkeypatch.setattr(forecasts, "play_chunk", play)
    monkeypatch.setattr(forecasts.time, "perf_counter", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("agents", "chunks", "matches", "rounds"),
    [(AUTOMATA, 1, 3, 0), ([*PLAYED, "random"], 1, 3 * 40, 200), (["gradual", LEARNER], 40, 40, 200)],
    ids=["exact", "played", "learned"],
)
def test_time_is_extrapolated_in_matches_and_rounds(agents, chunks, matches, rounds, clock):
    options = {"analysis": {"exploitability": []}, "learning": {"episodes": 1}}
    config = Tournament(["prisoners_dilemma"], agents, repetitions=40, **options).plan
    expected = chunks * (START + rounds * ROUND) + matches * (EACH + rounds * MOVE)
    assert forecast(config).seconds == pytest.approx(expected + BOOKKEEPING * matches, rel=1e-6)
    assert clock[0] < 10


def test_a_round_of_a_game_may_take_several_of_the_arena(clock):
    """An encounter of two rounds takes many turns."""
    game = ReputationDilemma(variant="dp", rounds=2, encounters=3)
    options = {"schedule": {"kind": "shares", "repetitions": 1}, "learning": {"episodes": 1}}
    config = Tournament([game], ["staged_q_learning"], **options).plan
    expected = START + EACH + 2 * (ROUND + MOVE)
    assert forecast(config).seconds == pytest.approx(expected + BOOKKEEPING, rel=1e-6)


def test_who_thinks_for_long_is_not_waited_for(tmp_path, clock, monkeypatch):
    """Ten seconds a move: of 15 matches of 200 rounds, a few moves are tried."""
    (tmp_path / "sloth.py").write_text("def act(history):\n    return 0\n")
    monkeypatch.setattr(f"{__name__}.MOVE", 10.0)
    agents = {"sloth": f"{tmp_path}/sloth.py:act", "random": "random", "all_d": "all_d"}
    config = Tournament(
        ["prisoners_dilemma"], agents, repetitions=5, mode="played", analysis={"exploitability": []}
    ).plan
    assert forecast(config).seconds == pytest.approx(15 * 200 * 10, rel=0.05)
    assert clock[0] < 200


def test_many_slow_learners_are_not_all_timed(clock, monkeypatch):
    """Half a second a round: of 20 pairs of blocks, a few are timed, and the others take as long."""
    monkeypatch.setattr(f"{__name__}.ROUND", 0.5)
    learners = {f"learner {number}": LEARNER for number in range(6)}
    options = {"analysis": {"exploitability": []}, "learning": {"episodes": 2}}
    config = Tournament([PrisonersDilemma(rounds=100)], learners, **options).plan
    assert forecast(config).seconds == pytest.approx(15 * 100 * 2 * 0.5, rel=0.05)
    assert clock[0] < 20


def test_bytes_grow_with_the_matches():
    def size(repetitions):
        return forecast(Tournament(["prisoners_dilemma"], PLAYED, repetitions=repetitions).plan).bytes

    fixed = forecasts.FILE * 2
    assert size(2000) - fixed == pytest.approx(10 * (size(200) - fixed), rel=0.02)


def test_a_forecast_keeps_nothing_and_plays_what_the_arena_plays(monkeypatch):
    played = []

    def play(chunk, timeout):
        outcome = play_chunk(chunk, timeout)
        played.append(len(outcome.failures))
        return outcome

    monkeypatch.setattr(forecasts, "play_chunk", play)
    assert forecast(Tournament(["prisoners_dilemma"], [*AUTOMATA, *PLAYED], repetitions=2).plan).seconds > 0
    assert played
    assert not any(played)
