"""Runs of agents that evolve: cut short and resumed, on two workers, written down, and refused."""

import io
import math
import tomllib

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from dilemma import Tournament, open_run
from dilemma.cli import main
from dilemma.envs.errors import DilemmaError
from dilemma.play import evolve_into, play_into
from dilemma.tournament.config import parse
from dilemma.tournament.evolving.evolution import evolution
from dilemma.tournament.store import Store

PD = {"name": "prisoners_dilemma", "rounds": 10}
ENDLESS = {"name": "prisoners_dilemma", "rounds": math.inf, "noise": 0.01}
HALF = {"name": "memory_one", "p": [0.5] * 5}
TFT = {"name": "tit_for_tat"}
LEARNER = {"name": "q_learning"}


def config(method, game=PD, agents=(HALF, TFT), **schedule):
    schedule = {"generations": 6, "replicates": 2, **schedule}
    return {
        "seed": 3,
        "environments": [game],
        "agents": list(agents),
        "learning": {"tables": 2, "episodes": 1},
        "schedule": {"kind": "evolve", "agent": agents[0]["name"], "method": method, **schedule},
    }


GENETIC = {"kind": "genetic", "population": 6, "elites": 2}
CASES = {
    "walk": config({"kind": "adaptive_walk", "size": 5}, ENDLESS, generations=60, every=10),
    "local walk": config(
        {"kind": "adaptive_walk", "size": 5, "mutation_size": 0.1, "start": "entry"}, ENDLESS, generations=24
    ),
    "ecology": config({"kind": "ecology", "random": 3, "mutants_every": 4}, ENDLESS, generations=40),
    "genetic": config({**GENETIC, "against": "population"}),
    "genetic, played": config({**GENETIC, "truncation": 0.5}, agents=(HALF, {"name": "gradual"})),
    "machines": config(GENETIC, agents=({"name": "finite_state_machine", "table": ["1: 1C 2D", "2: 1C 2D"]}, TFT)),
    "cma_es": config({"kind": "cma_es", "population": 6}),
    "population_based": config(
        {"kind": "population_based", "population": 3, "quantile": 0.34},
        {**PD, "rounds": 3},
        (LEARNER, TFT, {**LEARNER, "label": "partner"}),
        generations=3,
    ),
}


def states(raw, kept=None):
    return evolution(parse(raw), 0, kept)


def saved(state):
    """As it is read from a file."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **state.arrays())
    file.seek(0)
    return dict(np.load(file))


def same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].dtype == other[name].dtype, name
        assert np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f"), name


@pytest.mark.parametrize("case", CASES)
def test_resumed_from_any_generation_it_gives_the_same_bits(case):
    *_, last = states(CASES[case])
    whole = saved(last)
    assert int(whole["generation"]) == CASES[case]["schedule"]["generations"]
    for cut, state in enumerate(states(CASES[case])):
        if cut % 2 == 0:
            *_, last = states(CASES[case], saved(state))
            same(saved(last), whole)


@pytest.mark.parametrize("case", ["genetic, played", "population_based"])
def test_two_workers_give_the_same_bits(case):
    *_, one = states(CASES[case])
    *_, two = states({**CASES[case], "execution": {"jobs": 2, "chunk": 5}})
    same(saved(one), saved(two))


@pytest.mark.parametrize("case", ["genetic, played", "ecology"])
def test_a_longer_run_goes_on_from_a_shorter_one(case):
    raw = CASES[case]
    shorter = {**raw, "schedule": {**raw["schedule"], "generations": raw["schedule"]["generations"] // 2}}
    *_, half = states(shorter)
    *_, on = states(raw, saved(half))
    *_, whole = states(raw)
    same(saved(on), saved(whole))


def test_what_is_kept_of_another_evolution_is_not_gone_on_from():
    *_, other = states({**CASES["genetic"], "seed": 4})
    first = next(iter(states(CASES["genetic"], saved(other))))
    assert first.generation == 0


@pytest.mark.parametrize("case", CASES)
def test_everybody_is_within_bounds_and_has_ancestors(case):
    *_, last = states({**CASES[case]})
    genes, genome = last.search.population.genes, last.genome
    assert ((genes >= genome.low) & (genes <= genome.high)).all()
    kept = saved(last)
    known = set(kept["genealogy.id"].tolist())
    living = kept["population.line"][kept["population.share"] > 0]
    assert set(living.tolist()) <= known
    for name in ("parent", "other"):
        assert set(kept[f"genealogy.{name}"].tolist()) <= known | {-1}
    row = {number: place for place, number in enumerate(kept["genealogy.id"].tolist())}
    mine = kept["genealogy.genes"][[row[number] for number in living.tolist()]]
    if case != "population_based":  # whose members change as they go on from others, and are born again
        assert (mine == genes[kept["population.share"] > 0]).all()


@pytest.fixture
def cut():
    """A watch that interrupts at a generation."""

    def at(generation):
        def watch(done, total):
            if done >= generation:
                raise KeyboardInterrupt

        return watch

    return at


def test_an_interrupted_run_goes_on_and_writes_the_same_tables(tmp_path, cut, monkeypatch):
    monkeypatch.setattr("dilemma.play.SECONDS", 0.0)
    monkeypatch.setattr("dilemma.play.PATIENCE", 0.0)
    plan = parse(CASES["genetic, played"])
    Tournament.of(plan).run(tmp_path / "whole")
    for generation in (0, 1, 4):
        store = Store.open(tmp_path / "cut", plan)
        play_into(store, plan, lambda done, total: None)
        with pytest.raises(KeyboardInterrupt):
            evolve_into(store, plan, cut(generation))
    assert int(store.evolution(store.continued(plan).settings[0].definition.key)["generation"]) == 3
    Tournament.of(plan).run(tmp_path / "cut")
    one, other = open_run(tmp_path / "whole"), open_run(tmp_path / "cut")
    pd.testing.assert_frame_equal(one.histories, other.histories, check_exact=True)
    pd.testing.assert_frame_equal(one.genealogies, other.genealogies, check_exact=True)
    entries = [(tmp_path / run / "evolved.toml").read_text() for run in ("whole", "cut")]
    assert entries[0] == entries[1]


def test_what_evolved_is_an_entry_that_plays_as_it_did(tmp_path):
    results = Tournament.of(parse(CASES["genetic"])).run(tmp_path / "run")
    entries = tomllib.loads((tmp_path / "run" / "evolved.toml").read_text())["agents"]
    assert [entry["label"] for entry in entries] == [
        "memory_one prisoners_dilemma 0",
        "memory_one prisoners_dilemma 1",
    ]
    alive = results.genealogies[results.genealogies["share"] > 0]
    for replicate, entry in enumerate(entries):
        mine = alive[alive["replicate"] == replicate]
        assert (mine[[f"p[{place}]" for place in range(5)]] == entry["p"]).all(axis=1).any()
    parse({**CASES["genetic"], "agents": [*entries, TFT], "schedule": {}})


def test_what_learners_learned_can_be_met_again(tmp_path):
    Tournament.of(parse(CASES["population_based"])).run(tmp_path / "run")
    frozen = {
        "name": "checkpoint",
        "run": str(tmp_path / "run"),
        "learner": "q_learning",
        "opponent": "tit_for_tat",
    }
    raw = {"environments": [PD], "agents": [frozen, TFT], "schedule": {"repetitions": 8}}
    rows = Tournament.of(parse(raw)).run().rows
    runs = rows[rows["agent"] == "checkpoint"]["run"]
    assert len(set(runs)) == 2  # a leader of either replicate


def test_the_command_says_generations_and_writes_tables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = """
name = "small"
[[environments]]
name = "prisoners_dilemma"
rounds = inf
noise = 0.01
[[agents]]
name = "reactive"
p = 0.5
q = 0.5
[schedule]
kind = "evolve"
agent = "reactive"
generations = 400
every = 100
replicates = 3
[schedule.method]
kind = "adaptive_walk"
size = 10
"""
    (tmp_path / "small.toml").write_text(text)
    done = CliRunner().invoke(main, ["run", "small.toml"])
    assert done.exit_code == 0, done.output
    assert "400 generations to play" in done.output
    assert "3 populations, 400 generations." in done.output
    report = tmp_path / "runs/small/report"
    history = pd.read_csv(report / "evolved.csv")
    assert history["generation"].tolist() == [each for each in range(0, 401, 100) for _ in range(3)]
    table = pd.read_csv(report / "parameters.csv").set_index("measure")
    last = history[history["generation"] == 400]
    assert table.loc["q", "end"] == pytest.approx(last["q"].mean(), rel=1e-5)
    assert table.loc["q", "median"] == pytest.approx(last["q"].median(), rel=1e-5)
    genealogy = pd.read_csv(report / "genealogy.csv")
    assert (genealogy.groupby("replicate")["share"].sum() == 1).all()
    assert "By generation: medians over replicates" in (report / "index.html").read_text()

    done = CliRunner().invoke(main, ["run", "small.toml", "--set", "schedule.method.size=20"])
    assert done.exit_code == 2
    assert "schedule.method is" in done.output


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (
            config(GENETIC, agent="none"),
            "schedule.agent: there is no agent 'none'; there is memory_one, tit_for_tat",
        ),
        (config(GENETIC, agents=(TFT, HALF)), "TitForTat has no parameter that can evolve"),
        (config(GENETIC, parameters=["q"]), "schedule.parameters: found 'q'; allowed: p"),
        (config(GENETIC, bounds={"p": [0, 2]}), "schedule.bounds: found p[0] from 0 to 2; allowed: within 0 to 1"),
        (config({"kind": "genetics"}), "schedule.method: found 'genetics'; allowed: method.kind"),
        (config({**GENETIC, "sigma": 1.0}), "there is no key 'sigma' here; allowed: "),
        (config({**GENETIC, "population": 1}), "population: found 1; allowed: "),
        (config({**GENETIC, "elites": 6}), "schedule.method.elites: found 6; allowed: fewer than the 6 members"),
        (config(GENETIC, agents=(HALF,)), "one agent alone has no field to meet; allowed: two agents or more"),
        (config(GENETIC, generations=7, every=2), "found 7; allowed: multiples of every = 2"),
        (config(GENETIC, background=["tit_for_tat"]), "agents that evolve have no background; allowed: none"),
        (
            config({"kind": "cma_es"}, agents=({"name": "n_tits_for_m_tats"}, TFT)),
            "found tits, which is a whole number or a choice; allowed with cma_es: real numbers",
        ),
        (
            config({"kind": "population_based"}),
            "found 'memory_one', which doesn't learn; allowed with population_based: learners",
        ),
        (
            config({"kind": "adaptive_walk"}, agents=(LEARNER, TFT)),
            "adaptive_walk needs exact payoffs, and QLearning is not a finite automaton",
        ),
        (
            {**config({"kind": "ecology"}), "evaluation": {"mode": "played"}},
            "ecology needs exact payoffs, and evaluation.mode is 'played'; allowed: 'auto' or 'exact'",
        ),
        (
            config({"kind": "ecology"}, {"name": "matrix_game", "payoffs": [2, -1, 3, 0], "rounds": 9}),
            "matrix_game pays as little as -1, and shares can't be multiplied by negative payoffs",
        ),
        (
            config(GENETIC, {"name": "public_goods"}, ({"name": "cycler"}, {"name": "all_d"})),
            "agents that evolve meet in pairs: found public_goods with 4 seats",
        ),
    ],
)
def test_what_is_wrong_is_said(raw, said):
    with pytest.raises(DilemmaError) as refused:
        parse(raw)
    assert said in str(refused.value)


FAILING = '''
from pydantic import Field

from dilemma.agents.strategy import Strategy

class Moody(Strategy):
    """Cooperates, and raises in its worse moods."""
    mood: float = Field(0.5, ge=0, le=1)

    def cooperate(self, me, own, other):
        if self.mood > 0.8:
            raise ZeroDivisionError("by zero")
        return ~me.no()
'''


def test_a_failing_match_ends_it_with_a_sentence_and_what_was_kept_stays(tmp_path):
    (tmp_path / "moody.py").write_text(FAILING)
    moody = {"name": f"{tmp_path}/moody.py:Moody", "label": "moody"}
    raw = config(
        {**GENETIC, "start": "entry", "mutation": 1.0, "mutation_size": 0.3}, agents=(moody, TFT), agent="moody"
    )
    with pytest.raises(DilemmaError, match=r"evolution can't go on: the match of .*moody.* failed, .*by zero"):
        Tournament.of(parse(raw)).run(tmp_path / "run")
    assert (tmp_path / "run" / "config.toml").exists()
