"""Matches in which somebody learns: curves, window, freezing, blocks, and a learner that breaks."""

import json
import math
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from dilemma import Tournament
from dilemma.agents import CATALOGUE
from dilemma.agents.checkpoint import Checkpoint
from dilemma.envs.errors import DilemmaError
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.play import play_into
from dilemma.replay import replayed
from dilemma.results import stored
from dilemma.tournament.chunk import play_chunk
from dilemma.tournament.config import as_config, parse
from dilemma.tournament.config_file import ConfigError, Execution
from dilemma.tournament.pulse import Pulse, PulseRecorder, pulsing
from dilemma.tournament.store import Store
from dilemma.tournament.work import work

DRIFTER = '''
import torch
from dilemma.agents.agent import Agent, Player, refuses_all_but_two_by_two
from dilemma.envs.chance import Purpose


class Drifter(Agent):
    """Cooperates with probability 0; after each episode, with `step` more."""

    learns = True
    step: float = 0.1
    breaks: bool = False

    def refuses(self, game):
        return refuses_all_but_two_by_two(game)

    def sit(self, chairs):
        return DrifterPlayer(self, chairs)


class DrifterPlayer(Player):
    def __init__(self, agent, chairs):
        self.learning = True
        self._agent, self._chairs = agent, chairs
        self._p = torch.zeros(chairs.shape[0], dtype=torch.float64)
        self._odd = chairs.chance.keys[:, 0] % 2 == 1

    def act(self, observation):
        address = (Purpose.ACTION, observation.episode, observation.round)
        return (~self._chairs.chance.happens(self._p[:, None], *address)).long()

    def learn(self):
        self._p = self._p + self._agent.step

    def state_dict(self):
        return {"p": self._p}

    def load_state_dict(self, state):
        self._p = state["p"]

    def measures(self):
        broken = self._odd & (self._p > 0.25) & self._agent.breaks
        return {"p": torch.where(broken, torch.nan, self._p)}
'''


@pytest.fixture
def config(tmp_path):
    (tmp_path / "drifter.py").write_text(DRIFTER)
    drifter = {"name": f"{tmp_path}/drifter.py:Drifter"}

    def make(learning, repetitions=4, **parameters):
        return parse(
            {
                "environments": [{"name": "prisoners_dilemma", "rounds": 5}],
                "agents": [{**drifter, "label": "drifter", **parameters}, {"name": "all_c"}, {"name": "random"}],
                "schedule": {"repetitions": repetitions},
                "learning": {"tables": 200, "episodes": 6, "block": 2, **learning},
            }
        )

    return make


def run(folder, config):
    store = Store.open(folder, config)
    play_into(store, config, lambda done, total: None)
    return stored(store)


def test_the_result_is_the_mean_of_the_window_and_the_curve_has_the_rest(tmp_path, config):
    results = run(tmp_path / "run", config({"window": 2}))
    learned = results.seats[results.seats["agent"] == "drifter"]
    assert set(learned["how"]) == {"learned"}
    assert learned["cooperation"].to_numpy() == pytest.approx(0.45, abs=5 * 0.5 / np.sqrt(2000))
    curve = results.curves[(results.curves["agent"] == "drifter") & (results.curves["opponent"] == "all_c")]
    by_point = curve.groupby("point")["cooperation"].mean()
    assert by_point.to_numpy() == pytest.approx(np.arange(6) / 10, abs=5 * 0.5 / np.sqrt(4000))
    assert curve.groupby("point")["p"].max().to_numpy() == pytest.approx(np.arange(1, 7) / 10)
    others = results.curves[results.curves["agent"] == "all_c"]
    assert others["p"].isna().all()
    assert (others["cooperation"] == 1).all()


def test_matches_in_which_nobody_learns_are_played_as_always(tmp_path, config):
    results = run(tmp_path / "run", config({}))
    others = results.seats[~results.seats["match"].isin(results.curves["match"])]
    assert set(others["agent"]) == {"all_c", "random"}
    assert set(others["how"]) == {"exact"}


def test_a_frozen_learner_stays_as_it_is(tmp_path, config):
    results = run(tmp_path / "run", config({"freeze_after": {"drifter": 3}}))
    curve = results.curves[results.curves["agent"] == "drifter"].groupby("point")["p"].max()
    assert curve.to_numpy() == pytest.approx([0.1, 0.2, 0.3, 0.3, 0.3, 0.3])


def test_a_learner_that_loses_its_numbers_fails_its_own_match(tmp_path, config):
    results = run(tmp_path / "run", config({}, repetitions=10, breaks=True))
    failed = {failure["match"] for failure in results.failures}
    assert 0 < len(failed) < 20
    assert all("p is not a finite number at point 2" in failure["reason"] for failure in results.failures)
    assert len(set(results.seats["match"]) & failed) == 0
    assert results.seats.loc[results.seats["agent"] == "drifter", "match"].nunique() == 20 - len(failed)


def test_more_repetitions_keep_the_blocks_that_were_there(tmp_path, config):
    few = run(tmp_path / "run", config({})).seats
    more = run(tmp_path / "run", config({}, repetitions=6)).seats
    fresh = run(tmp_path / "fresh", config({}, repetitions=6)).seats
    key = ["match", "seat"]
    assert len(more) > len(few)
    assert np.array_equal(more.sort_values(key)["payoff"], fresh.sort_values(key)["payoff"])


@pytest.mark.parametrize(
    ("learning", "repetitions", "said"),
    [
        ({"freeze_after": {"drifta": 2}}, 4, "there is no learner 'drifta'; the learners are drifter"),
        ({}, 3, "found 3; allowed: multiples of 2"),
        ({"device": "cuda"}, 4, "torch sees no CUDA device")
        if not torch.cuda.is_available()
        else ({"window": 0}, 4, "found 0"),
        ({"window": 0}, 4, "found 0; allowed: greater than or equal to 1"),
    ],
)
def test_mistakes_in_the_learning_section(config, learning, repetitions, said):
    with pytest.raises(ConfigError, match=said):
        config(learning, repetitions)


def test_the_learning_section_is_part_of_what_was_asked(config):
    given = config({"window": 2, "freeze_after": {"drifter": 3}})
    assert parse(as_config(given)) == given


def test_other_episodes_are_another_run(tmp_path, config):
    run(tmp_path / "run", config({}))
    with pytest.raises(Exception, match=r"learning\.episodes is 7, was 6"):
        run(tmp_path / "run", config({"episodes": 7}))


def test_learning_leaves_the_thread_count_alone(tmp_path, config):
    before = torch.get_num_threads()
    run(tmp_path / "run", config({}))
    assert torch.get_num_threads() == before


@pytest.fixture
def registered(tmp_path, monkeypatch):
    """Have the drifter come with an installed package."""
    point = EntryPoint("drifter", "drifter:Drifter", "dilemma.agents")
    monkeypatch.setitem(vars(CATALOGUE), "plugins", {"drifter": point})
    monkeypatch.syspath_prepend(tmp_path)
    yield "drifter"
    sys.modules.pop("drifter", None)


def test_a_kept_learner_enters_another_run_frozen(tmp_path, config, registered):
    run(tmp_path / "first", config({"keep": ["drifter"]}, name=registered))
    frozen = Checkpoint(run=f"{tmp_path}/first", learner="drifter")
    league = Tournament([PrisonersDilemma(rounds=5)], {"old": frozen, "all_c": "all_c"}, repetitions=300)
    seats = league.run().seats
    cooperation = seats.loc[seats["agent"] == "old", "cooperation"]
    assert cooperation.mean() == pytest.approx(0.6, abs=5 * 0.5 / np.sqrt(1500))
    assert set(seats["how"]) == {"played"}
    with pytest.raises(ValueError, match="keeps no checkpoints of 'other'; it has drifter"):
        Checkpoint(run=f"{tmp_path}/first", learner="other")
    with pytest.raises(ValueError, match="no longer what it was"):
        Checkpoint(run=f"{tmp_path}/first", learner="drifter", content="0")


def test_what_was_learned_is_the_same_wherever_and_in_whatever_chunks(tmp_path, config, registered):
    given = config({"keep": ["drifter"]}, name=registered)
    run(tmp_path / "first", given)
    run(tmp_path / "again", replace(given, execution=Execution(chunk=1)))
    other = config({"keep": ["drifter"]}, name=registered, step=0.2)
    run(tmp_path / "other", other)
    first, again, other = (
        Checkpoint(run=f"{tmp_path}/{name}", learner="drifter") for name in ("first", "again", "other")
    )
    assert first.content == again.content != other.content
    game = PrisonersDilemma(rounds=5)
    leagues = [
        Tournament([game], {"old": old, "all_c": "all_c"}, repetitions=20).run().seats for old in (first, again)
    ]
    pd.testing.assert_frame_equal(*leagues)


def test_a_damaged_checkpoint_is_told_in_a_sentence(tmp_path, config, registered):
    run(tmp_path / "first", config({"keep": ["drifter"]}, name=registered))
    file = next((tmp_path / "first").rglob("*.pt"))
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(
        ValueError, match=rf"{file.name}, a checkpoint of 'drifter', can't be read \(.*trains it again"
    ):
        Checkpoint(run=f"{tmp_path}/first", learner="drifter")


def test_matches_tell_which_trained_run_sat_there(tmp_path, config, registered):
    given = as_config(config({"keep": ["drifter"]}, name=registered))
    given["schedule"]["self_play"] = True
    run(tmp_path / "first", parse(given))
    frozen = {"name": "checkpoint", "label": "old", "run": f"{tmp_path}/first", "learner": "drifter"}
    agents = [frozen, {"name": "all_c"}, {"name": "random"}]
    games = [{"name": "prisoners_dilemma", "rounds": 5}]
    schedule = {"repetitions": 200, "self_play": True}
    league = parse({"environments": games, "agents": agents, "schedule": schedule})
    seats = run(tmp_path / "league", league).seats
    old, others = (seats[which] for which in (seats["agent"] == "old", seats["agent"] != "old"))
    # With itself, all_c and random four matches each; both seats of a match with itself learn in one run.
    assert set(old["run"]) == set(range(12))
    assert set(others["run"]) == {-1}
    both = old[old["k"] == 2].groupby("match")["run"].nunique()
    assert set(both) == {1, 2}
    again = run(tmp_path / "again", replace(league, execution=Execution(chunk=7))).seats
    key = ["match", "seat"]
    assert np.array_equal(seats.sort_values(key)["run"], again.sort_values(key)["run"])
    some = int(old["match"].iloc[0])
    course, stored_payoffs = replayed(Store.existing(tmp_path / "league"), str(some))
    assert course.payoff == tuple(stored_payoffs)


@pytest.mark.parametrize(("partners", "said"), [(3, False), (2, True)])
def test_of_a_single_run_nothing_is_said_of_others(tmp_path, config, registered, partners, said):
    given = as_config(config({"keep": ["drifter"], "block": 1}, repetitions=1, name=registered))
    given["agents"] = given["agents"][:partners]
    run(tmp_path / "first", parse(given))
    frozen = Checkpoint(run=f"{tmp_path}/first", learner="drifter")
    games = Tournament([PrisonersDilemma(rounds=5)], {"old": frozen, "all_c": "all_c"}).run().games
    [game] = games.values()
    assert ("of old one trained run was kept" in game.get("note", "")) == said


def test_no_code_is_run_for_a_checkpoint_but_what_is_installed(tmp_path, config):
    run(tmp_path / "first", config({"keep": ["drifter"]}))
    entry = {"name": "checkpoint", "run": f"{tmp_path}/first", "learner": "drifter"}
    asked = {"environments": [{"name": "prisoners_dilemma"}], "agents": [entry, {"name": "all_c"}]}
    with pytest.raises(DilemmaError, match="has kept drifter, which is "):
        parse(asked)


def test_a_learner_keeps_its_checkpoints_under_any_label(tmp_path, config, registered):
    """Labels as in files of names, of others, and swapped; its opponents' labels follow too."""

    def asked(drifter, all_c):
        labels = {"drifter": drifter, "all_c": all_c}
        given = as_config(config({"keep": ["drifter"]}, name=registered))
        for entry in given["agents"]:
            entry["label"] = labels.get(entry["label"], entry["label"])
            del entry["known"]
        given["learning"]["keep"] = [drifter]
        return parse(given)

    folder = tmp_path / "run"
    run(folder, asked("../../escaped", "all_c"))
    [kept] = (folder / "checkpoints").iterdir()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir() and path != folder) in (
        [],
        ["__pycache__"],
    )
    content = Checkpoint(run=str(folder), learner="../../escaped").content
    for drifter, all_c in (("mine", "all_c"), ("all_c", "mine"), ("random 2", "x")):
        run(folder, asked(drifter, all_c))
        assert Checkpoint(run=str(folder), learner=drifter).content == content
        frozen = {
            opponent: Checkpoint(run=str(folder), learner=drifter, opponent=opponent) for opponent in (all_c, "?")
        }
        league = Tournament([PrisonersDilemma(rounds=5)], {**frozen, "all_d": "all_d"}).run()
        assert set(league.seats["agent"]) == {all_c, "all_d"}  # nobody trained against "?"
        with pytest.raises(ValueError, match=f"keeps no checkpoints of '{all_c}'; it has {drifter}"):
            Checkpoint(run=str(folder), learner=all_c)
    assert list((folder / "checkpoints").iterdir()) == [kept]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_cuda_device_gives_the_same_curves(tmp_path, config):
    here, there = (run(tmp_path / device, config({"device": device})).curves for device in ("cpu", "cuda"))
    key = ["match", "seat", "point"]
    payoffs = [curves.sort_values(key)["payoff"].to_numpy() for curves in (here, there)]
    assert payoffs[1] == pytest.approx(payoffs[0], abs=1e-5)


def test_costs_count_chairs_rounds_and_updates(tmp_path, config):
    given = config({"window": 2})
    run(tmp_path / "run", given)
    costs = Store.existing(tmp_path / "run").costs().groupby("agent", observed=True).sum(numeric_only=True)
    plan = given
    episodes, tables, rounds = plan.learning.episodes, plan.learning.tables, plan.settings[0].game.rounds
    drifter = costs.loc["drifter"]
    assert drifter["updates"] == drifter["chairs"] * episodes
    assert drifter["rounds"] == drifter["chairs"] * episodes * tables * rounds
    others = costs.drop("drifter")
    assert (others["updates"] == 0).all()
    assert costs["seconds"].notna().all()


@pytest.mark.parametrize("jobs", [1, 2])
def test_learners_tell_how_far_they_are_and_play_the_same(config, tmp_path, monkeypatch, jobs):
    monkeypatch.setattr("dilemma.tournament.pulse.EVERY", 0.01)  # workers keep their own
    plan = replace(config({"episodes": 400}), execution=Execution(jobs=jobs))
    heard = list[Pulse]()
    told, untold = (Store.open(tmp_path / name, plan) for name in ("told", "untold"))
    play_into(told, plan, lambda done, total: None, heard.extend)
    play_into(untold, plan, lambda done, total: None)
    assert not told.signs_path.exists()
    for table in ("seats", "curves"):
        pd.testing.assert_frame_equal(getattr(told, table)(), getattr(untold, table)())
    if jobs == 1:
        first, *_, last = [pulse for pulse in heard if pulse.agents == ("drifter", "all_c")]
        assert (last.matches, last.points, last.unit) == (2, 400, "episode")
        assert 0 < first.share < last.share <= 1
        assert first.point <= last.point == math.ceil(last.share * 400)
        assert last.rewards[0] == 3.0  # by then both cooperate


def test_a_single_long_episode_is_told_of_by_its_rounds(tmp_path):
    learns = {"environments": [{"name": "policy_game", "rounds": 9}], "learning": {"tables": 4, "episodes": 1}}
    plan = parse({**learns, "agents": [{"name": "naive_exact"}], "schedule": {"self_play": True}})
    [chunk] = work(plan, plan.schedule.ask(plan, None))
    recorder = PulseRecorder(chunk, tmp_path / "sign.json")
    recorder._last = -math.inf
    play_chunk(chunk, recorders=[recorder])
    pulse = Pulse.read(json.loads((tmp_path / "sign.json").read_text()))
    assert (pulse.agents, pulse.point, pulse.points, pulse.unit) == (("naive_exact",), 1, 10, "round")
    assert pulse.share == 0.1


def test_rewards_are_told_of_all_rounds_since_the_last_sign(config, tmp_path):
    *_, chunk = work(config({}), config({}).schedule.ask(config({}), None))
    recorder = PulseRecorder(chunk, tmp_path / "sign.json")
    told = []
    for round, (reward, is_due) in enumerate([(1.0, False), (2.0, False), (6.0, True), (5.0, True)]):
        recorder._last = -math.inf if is_due else math.inf
        step = SimpleNamespace(reward=torch.full((*chunk.cast.shape, 4), reward))
        recorder.record(SimpleNamespace(step=step, before=SimpleNamespace(episode=0, round=round)))
        if is_due:
            told.append(json.loads((tmp_path / "sign.json").read_text())["rewards"][0])
    assert told == [3.0, 5.0]


def test_signs_of_life_that_can_t_be_written_fail_no_match(config, tmp_path, monkeypatch):
    monkeypatch.setattr("dilemma.tournament.pulse.EVERY", 0.0)
    *_, chunk = work(config({}), config({}).schedule.ask(config({}), None))
    with pulsing(chunk, tmp_path / "gone" / "progress") as recorders:
        assert not play_chunk(chunk, recorders=recorders).failures
