"""What is left to play, counted without a list of it."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dilemma import Tournament
from dilemma.play import Told
from dilemma.tournament import runner
from dilemma.tournament.casts import match_keys
from dilemma.tournament.runner import Waiting
from dilemma.tournament.shard import Shard
from dilemma.tournament.store import Store
from dilemma.tournament.stretches import Stretches
from dilemma.tournament.work import work

MATCHES = st.lists(st.tuples(st.integers(-3, 3), st.integers(-1, 6)), max_size=30)


def stretches(matches):
    casts, repetitions = np.array(list(matches), dtype=np.int64).reshape(-1, 2).T
    return Stretches.of(casts, repetitions)


def matches(found):
    each = zip(found.casts.tolist(), found.first.tolist(), found.stop.tolist(), strict=True)
    return [(cast, repetition) for cast, first, stop in each for repetition in range(first, stop)]


@given(MATCHES, MATCHES)
def test_stretches_are_the_matches_that_they_were_made_of(some, others):
    union = Stretches.union([stretches(some), stretches(others)])
    assert matches(union) == sorted({*some, *others})
    assert union.matches == len({*some, *others})
    apart = (np.diff(union.casts) > 0) | (union.first[1:] > union.stop[:-1])
    assert apart.all()


PLANS = [
    (["tit_for_tat", "gradual", "all_d"], {}),
    (["tit_for_tat", "gradual", "all_d", "q_learning"], {"learning": {"block": 2, "episodes": 1}}),
    (["gradual", "fictitious_play", "random"], {"self_play": True, "chunk": 5}),
]


@pytest.mark.parametrize(("agents", "options"), PLANS)
@settings(max_examples=25, deadline=None)
@given(done=st.sets(st.integers(0, 79)), shard=st.none() | st.integers(1, 3))
def test_what_is_left_is_what_was_asked_for_and_is_not_done(agents, options, done, shard):
    plan = Tournament(["prisoners_dilemma"], agents, repetitions=6, **options).plan
    share = shard and Shard(shard, 3)
    whole = sorted(itertools.chain.from_iterable(map(asked, work(plan, plan.schedule.most(plan)))))
    over = {whole[index % len(whole)] for index in done}
    left = work(plan, plan.schedule.most(plan), stretches(over), share)
    found = list(itertools.chain.from_iterable(map(asked, left)))
    expected = [match for match in whole if match not in over and (not share or mine(share, match, plan))]
    assert sorted(found) == expected
    assert len(left) == len(found)
    assert matches(left.stretches()) == expected
    assert not len(left.less(stretches(whole)))


def asked(chunk):
    """(cast, repetition) of the matches whose rows are kept."""
    kept = np.isin(chunk.keys, chunk.asked)
    return zip(chunk.casts[kept].tolist(), chunk.repetition[kept].tolist(), strict=True)


def mine(shard, match, plan):
    cast, repetition = match
    learned = plan.learning.block > 1 and cast in learners_of(plan)
    first = repetition // plan.learning.block * plan.learning.block if learned else repetition
    return shard.has(match_keys(np.array([cast]), np.array([first]))).item()


def learners_of(plan):
    chunks = work(plan, plan.schedule.most(plan))
    return {cast for chunk in chunks if chunk.how == "learned" for cast in chunk.casts.tolist()}


def test_matches_are_counted_before_any_is_made():
    agents = {f"random {number}": "random" for number in range(100)}
    plan = Tournament(["prisoners_dilemma"], agents, repetitions=1_000_000, mode="played").plan
    left = work(plan, plan.schedule.most(plan))
    assert len(left) == 4_950_000_000
    first = next(iter(left))
    assert len(first) <= 65_536
    assert len(left.less(Stretches(first.casts[:1], first.repetition[:1], np.array([1000])))) == len(left) - 1000


def test_chunks_are_taken_no_faster_than_outcomes_are_fetched():
    waiting = Waiting("abc")
    assert list(waiting.taken(2)) == [(0, "a"), (1, "b")]
    assert list(waiting.taken(2)) == []
    assert waiting.finished(0) == "a"
    assert list(waiting.taken(2)) == [(2, "c")]
    waiting.finished(1)
    assert not waiting.over
    assert list(waiting.taken(2)) == []
    assert waiting.over


def test_where_workers_have_to_pause_everything_is_played(monkeypatch):
    monkeypatch.setattr(runner, "BEHIND", 0)
    options = {"repetitions": 12, "chunk": 1, "jobs": 2, "backend": "threading"}
    plan = Tournament(["prisoners_dilemma"], ["gradual", "random"], **options).plan
    left = work(plan, plan.schedule.most(plan))
    outcomes = list(runner.carry_out(left, plan.execution))
    played = sorted(rows["match"][0] for outcome in outcomes for rows in outcome.rows)
    assert played == sorted(chunk.keys[0] for chunk in left)


def test_what_a_run_holds_is_told_by_its_files(tmp_path):
    tournament = Tournament(["prisoners_dilemma"], ["tit_for_tat", "gradual", "all_d"], repetitions=3)
    tournament.run(tmp_path / "run")
    store = Store.existing(tmp_path / "run")
    assert store.finished().matches == len(store.done())
    plan = store.continued(tournament.plan)
    assert not Told(store, plan).left(plan.schedule.most(plan))
