"""The methods of a run in words."""

import shutil

import pytest

from dilemma import Tournament, open_run
from dilemma.analysis.report.design import in_words
from dilemma.analysis.report.methods import methods
from dilemma.analysis.report.words import lasting, listed


def said(results, chapters=()):
    return methods(results.facts, results.games, results.rows, results.options, chapters)


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """A run of six agents, one of them learning, one a partner only."""
    folder = tmp_path_factory.mktemp("methods") / "run"
    return Tournament(
        {"pd": "prisoners_dilemma"},
        ["tit_for_tat", "all_d", "random", "joss", "reinforce", "alternator"],
        repetitions=2,
        self_play=True,
        background=["alternator"],
        seed=7,
        learning={"episodes": 3, "tables": 4, "window": 2},
        analysis={"ratings": ["elo"], "comparisons": "holm"},
    ).run(folder)


def test_the_design_names_agents_games_and_how_often_they_met(played):
    [design, learning, *_] = said(played).paragraphs
    assert "6 agents (tit_for_tat, all_d, random, joss, reinforce and alternator) played pd (" in design
    assert "Every agent met every other and itself in a round robin, 2 times each" in design
    assert "alternator was a partner only" in design
    counts = played.rows.groupby("how", observed=True)["match"].nunique()
    assert f"The payoffs of {counts['exact']} matches between finite automata are exact" in design
    assert f"{counts['learned']} matches were played out" in design
    assert learning.startswith("reinforce learned, anew in each match, from 3 episodes at 4 parallel tables")
    assert "the last 2 episodes" in learning


def test_the_analysis_names_what_was_done_and_nothing_else(played):
    [_, _, analysis, _] = said(played, ("ratings", "comparisons")).paragraphs
    assert "Holm's method (Holm 1979)." in analysis
    assert "max-T" not in analysis
    assert "Further ratings are elo (Bradley and Terry 1952; Davidson 1970; Elo 1978)" in analysis
    assert "Student's over repetitions" in analysis
    assert "Friedman" not in analysis
    assert "Friedman" in said(played, ("friedman",)).paragraphs[2]


def test_the_computation_names_seed_versions_machine_and_duration(played):
    computation = said(played).paragraphs[-1]
    call = played.facts["calls"][0]
    assert "from the seed 7:" in computation
    assert f"torch {call['versions']['torch']}" in computation
    assert call["machine"]["processor"] in computation
    assert f"Playing took {lasting(call['seconds'])}, on" in computation
    assert "Command" not in computation
    facts = {**played.facts, "calls": [{**call, "command": "dilemma run 'a b'"}, {**call, "seconds": None}]}
    told = methods(facts, played.games, played.rows, played.options).paragraphs[-1]
    assert "in 2 calls (without 1 that did not end by itself), on" in told
    assert told.endswith("Command: dilemma run 'a b'")


def test_what_is_cited_is_in_the_bibliography_and_in_the_folder(played, tmp_path):
    played.report(tmp_path)
    latex, references = ((tmp_path / name).read_text() for name in ("methods.tex", "references.bib"))
    for key in ("dilemma", "tucker1950", "holm1979", "mogstad2024"):
        assert key in latex
        assert f"{{{key}," in references
    assert "{williams1992," in references  # the source of an agent
    page = (tmp_path / "index.html").read_text()
    assert 'id="methods"' in page
    assert "@article{mogstad2024," in page


def test_what_an_older_run_does_not_know_is_left_out(played, tmp_path):
    folder = shutil.copytree(played.run, tmp_path / "run")
    (folder / "calls.json").unlink()
    old = open_run(folder)
    facts = {name: fact for name, fact in old.facts.items() if name not in ("sources", "learners", "calls")}
    paragraphs = methods(facts, old.games, old.rows, old.options).paragraphs
    assert len(paragraphs) == 3
    assert "None" not in " ".join(paragraphs)


def test_where_nothing_was_played_there_is_little_to_say():
    results = Tournament(["prisoners_dilemma"], ["all_d", "tit_for_tat"]).run()
    empty = results.rows.head(0)
    assert "exact" not in methods(results.facts, results.games, empty, results.options).paragraphs[0]
    assert methods({}, {}, empty, results.options).paragraphs == []


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (
            {"name": "a", "rounds": 200.0, "noise": 0.01, "payoffs": [3.0, 0.0]},
            "200 rounds, noise 0.01, payoffs (3, 0)",
        ),
        ({"rounds": float("inf"), "discount": 0.96, "noise": 0.0}, "infinitely many rounds, discount 0.96"),
        ({"rounds": 1}, "1 round"),
        ({"rounds": 50, "continuation": 0.9}, "each round followed by another with probability 0.9, at most 50"),
        ({"map": "x" * 100, "can_pass": True}, "can pass yes"),
    ],
)
def test_the_rules_of_a_game_in_words(parameters, words):
    assert in_words(parameters) == words


def test_games_of_whole_policies_are_learned_from_round_to_round(played):
    def learned(*names):
        environments = {name: {"name": name} for name in names}
        return methods({**played.facts, "environments": environments}, {}, played.rows, played.options).paragraphs[
            1
        ]

    assert "from 3 episodes at 4 parallel tables. " in learned("prisoners_dilemma", "coins")
    assert "the last 2 rounds" in learned("policy_game")
    assert "from round to round at 4 independent tables. " in learned("policy_game")
    assert "in games of whole policies from round to round" in learned("policy_game", "coins")


def test_of_few_partners_nothing_is_said_of_others(played):
    few = played.rows[played.rows["agent"].isin(["all_d", "random"])]
    assert "Intervals for other partners" in said(played).paragraphs[2]
    assert "other partners" not in methods({}, {}, few, played.options).paragraphs[0]


def test_evolution_and_searches_name_their_process(played):
    def design(**schedule):
        facts = {**played.facts, "schedule": schedule}
        return methods(facts, played.games, played.rows, played.options).paragraphs[0]

    moran = design(kind="moran", size=50, graph={"kind": "lattice"}, selection=0.1, generations=10, replicates=3)
    assert "Populations of 50 individuals evolved on a graph (lattice) by a Moran process (Moran 1958" in moran
    assert "for up to 10 generations in 3 independent replicates (intensity of selection 0.1)." in moran
    walk = design(kind="evolve", agent="memory_one", method={"kind": "cma_es"}, generations=5, replicates=1)
    assert "The parameters of memory_one evolved by CMA-ES (Hansen 2016), for up to 5 generations" in walk
    assert "The schedule is mine:auction." in design(kind="mine:auction")


def test_lists_and_durations_in_words():
    assert [listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert [lasting(seconds) for seconds in (0.04, 119, 600, 9000)] == ["0.0 s", "119.0 s", "10 min", "2.5 h"]
