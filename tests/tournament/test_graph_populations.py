"""Populations on graphs: against published lattices, exact fixation on small graphs, and other simulations."""

import math

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from dilemma import Tournament, open_run
from dilemma.analysis.behaviour.generations import final_shares, fixation
from dilemma.analysis.evolution import (
    fixation_probabilities,
    graph_fixation,
    graph_fixation_probabilities,
    network_game,
)
from dilemma.envs.errors import DilemmaError
from dilemma.envs.graphs import Lattice, RandomRegular, Ring, ScaleFree, SmallWorld
from dilemma.envs.matrix_game import MatrixGame
from dilemma.tournament.config import as_config, parse
from dilemma.tournament.schedules.graphs import network

C, D = "all_c", "all_d"


def evolved(kind, graph, payoffs, agents=(C, D), seed=5, mode="auto", **schedule):
    """The generations table of populations on a graph."""
    schedule = {"kind": kind, "graph": graph, "generations": 100_000, "every": 100_000, **schedule}
    game = payoffs if isinstance(payoffs, MatrixGame) else MatrixGame(payoffs=payoffs)
    return Tournament({"game": game}, list(agents), schedule=schedule, seed=seed, mode=mode).run().generations


def one_mutant(kind, graph, payoffs, replicates=3000, **schedule):
    """How often a cooperator takes over from defectors, and the standard error of that."""
    population = {C: 1, D: len(graph) - 1}
    found = evolved(kind, graph, payoffs, population=population, replicates=replicates, **schedule)
    last = found[found["fixed"]]
    assert len(last) == replicates
    share = (last["agent"] == C).mean()
    return share, math.sqrt(max(share * (1 - share), 1e-4) / replicates)


# Lattices.


@pytest.mark.parametrize(
    ("b", "alone", "defectors"),
    [
        (
            1.85,
            True,
            "1 9 25 41 81 81 109 185 289 257 253 297 325 369 557 817 1089 993 925 905 869 849 973 1169 1237 1121 "
            "1161 1353 1453 1713 2437 3489 4177 4001 3805 3657 3493 3345 3341 3409 3349",
        ),
        (
            1.63,
            False,
            "1 9 25 41 81 81 113 169 265 241 257 281 329 369 513 705 865 717 601 697 825 1049 1177 1521 1865 1917 "
            "1905 2057 2177 2433 2573",
        ),
    ],
)
def test_nowak_and_mays_defector_in_the_middle(b, alone, defectors):
    found = evolved(
        "imitation",
        {"kind": "lattice", "rows": 99, "columns": 99, "neighbours": "moore", "edges": "fixed"},
        (1, 0, b, 0),
        population={C: 9800, D: 1},
        placement="centre",
        update="best",
        order="all_at_once",
        payoff="accumulated",
        self_interaction=alone,
        generations=len(defectors.split()) - 1,
        every=1,
        replicates=1,
    )
    assert found[found["agent"] == D]["count"].astype(int).tolist() == [int(count) for count in defectors.split()]


def test_the_weak_dilemma_on_a_lattice_by_the_fermi_rule():
    """Between b = .94 and 1.04 cooperation falls from nearly all to none; .64 at b = 1."""
    found = evolved(
        "imitation",
        {"kind": "lattice", "rows": 60, "columns": 60},
        (1, 0, 1.0, 0),
        population={C: 0.5, D: 0.5},
        selection=10.0,
        payoff="accumulated",
        replicates=2,
        generations=600,
        every=10,
    )
    late = found[(found["generation"] > 300) & (found["agent"] == C)]
    assert late["share"].mean() == pytest.approx(0.636, abs=0.03)


# Small graphs, on which fixation is known exactly.

GRAPHS = {"cycle": nx.cycle_graph(6), "star": nx.star_graph(5), "lollipop": nx.lollipop_graph(4, 2)}


@pytest.mark.parametrize("update", ["birth_death", "death_birth"])
@pytest.mark.parametrize("name", GRAPHS)
def test_a_constant_advantage_on_small_graphs(name, update):
    share, error = one_mutant("moran", GRAPHS[name], (1.5, 1.5, 1, 1), fitness="linear", update=update)
    assert share == pytest.approx(graph_fixation(GRAPHS[name], 1.5, update=update), abs=3.3 * error)


ONE_WAY = nx.DiGraph([(0, 1), (1, 2), (2, 0), (2, 3), (3, 0)])
WEIGHTED = nx.Graph()
WEIGHTED.add_weighted_edges_from([(0, 1, 2.0), (1, 2, 0.5), (2, 3, 1.0), (3, 0, 1.0), (3, 4, 3.0)])
PAIRS = {
    "an undirected graph": (nx.path_graph(5), None),
    "a directed graph": (ONE_WAY, None),
    "weights": (WEIGHTED, None),
    "two graphs": (nx.cycle_graph(5), WEIGHTED),
}


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("payoff", ["average", "accumulated"])
@pytest.mark.parametrize(
    ("kind", "update", "process"),
    [
        ("moran", "birth_death", "birth_death"),
        ("moran", "death_birth", "death_birth"),
        ("imitation", "fermi", "pairwise_comparison"),
    ],
)
def test_games_on_small_graphs(pair, payoff, kind, update, process):
    graph, interaction = PAIRS[pair]
    share, error = one_mutant(
        kind,
        graph,
        (2, -1, 3, 0),
        update=update,
        selection=0.3,
        payoff=payoff,
        interaction=interaction,
        replicates=1500,
    )
    exact = graph_fixation_probabilities(
        graph, [[2, -1], [3, 0]], 0.3, process, fitness="exponential", payoff=payoff, interaction=interaction
    )[0, 1]
    assert share == pytest.approx(exact, abs=3.5 * error)


@pytest.mark.parametrize(("order", "steps"), [("one_by_one", 16), ("all_at_once", 1)])
@pytest.mark.parametrize("payoff", ["average", "accumulated"])
def test_the_rule_of_santos_and_pacheco(payoff, order, steps):
    """After one generation, against our other simulation where all are updated at once."""
    graph = nx.barabasi_albert_graph(16, 2, seed=3)
    game = {"population": {C: 8, D: 8}, "replicates": 2000, "generations": 1, "every": 1, "payoff": payoff}
    found = evolved("imitation", graph, (1, 0, 1.3, 0), update="proportional", order=order, **game)
    last = found[(found["generation"] == 1) & (found["agent"] == C)]
    assert last["step"].max() == steps
    random = np.random.default_rng(1)
    start = random.permuted(np.tile(np.repeat([0, 1], 8), (2000, 1)), axis=1)
    other = network_game(graph, [[1, 0], [1.3, 0]], start, 1, "santos_pacheco", random=random, payoff=payoff)
    mean, theirs = last["share"].mean(), other.shares[:, -1, 0]
    error = math.hypot(last["share"].std(), theirs.std()) / math.sqrt(2000)
    if order == "all_at_once":
        assert mean == pytest.approx(theirs.mean(), abs=3.5 * error)
    else:
        assert mean == pytest.approx(theirs.mean(), abs=0.05)


# Matches that are played.


def test_payoffs_that_are_played_and_exact_lead_to_the_same():
    rules = [("moran", {"update": "birth_death"}), ("moran", {"update": "death_birth"})]
    rules += [
        ("imitation", {"update": update, "order": "all_at_once"}) for update in ("fermi", "best", "proportional")
    ]
    rules += [("imitation", {"update": "fermi"})]
    for kind, rule in rules:
        exact, played = (
            evolved(
                kind,
                nx.cycle_graph(8),
                MatrixGame(payoffs=(2, -1, 3, 0), rounds=4),
                agents=("tit_for_tat", D),
                mode=mode,
                population={"tit_for_tat": 4, D: 4},
                replicates=5,
                generations=8,
                every=1,
                at_most=100_000,
                **rule,
            )
            for mode in ("exact", "played")
        )
        pd.testing.assert_frame_equal(exact, played)


def test_one_match_pays_both_neighbours():
    """Two who meet once: their comparison is by that very match, in which one earns what the other loses."""
    game = MatrixGame(payoffs=(0, 1, -1, 0), rounds=1, noise=0.5)
    found = evolved(
        "imitation",
        nx.path_graph(2),
        game,
        mode="played",
        population={C: 1, D: 1},
        update="best",
        order="all_at_once",
        generations=1,
        every=1,
        replicates=400,
        at_most=100_000,
    )
    # One of both wins in half of the matches and is imitated, else both keep what they are.
    fixed = found[(found["generation"] == 1) & found["fixed"]]
    assert len(fixed) / 400 == pytest.approx(0.5, abs=3.5 * 0.5 / math.sqrt(400))


NOISY = {
    "seed": 8,
    "environments": [{"name": "prisoners_dilemma", "rounds": 6, "noise": 0.1, "label": "pd"}],
    "agents": [{"name": name} for name in ("tit_for_tat", "all_d", "gradual")],
    "schedule": {
        "kind": "imitation",
        "graph": {"kind": "small_world", "size": 12, "neighbours": 4},
        "population": {"tit_for_tat": 4, "all_d": 4, "gradual": 4},
        "generations": 5,
        "replicates": 3,
        "mutation": 0.02,
        "at_most": 100_000,
    },
    "evaluation": {"mode": "played"},
}


def play(folder, watch=None, **execution):
    Tournament.of(parse({**NOISY, "execution": execution})).run(folder, watch)
    return open_run(folder)


@pytest.mark.parametrize("kept", [1, 3])
def test_cut_short_and_resumed_or_on_two_workers_it_gives_the_same_bits(tmp_path, kept):
    whole, finished = play(tmp_path / "whole"), []

    def cut(done, total):
        finished.extend([done] if done else [])
        if len(finished) == kept:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play(tmp_path / "cut", cut, chunk=400)
    for again in (play(tmp_path / "cut", chunk=400), play(tmp_path / "two", jobs=2, chunk=500)):
        pd.testing.assert_frame_equal(again.generations, whole.generations, check_exact=True)


def test_matches_are_drawn_again_once_a_pool_is_used_up(tmp_path):
    raw = {**NOISY, "schedule": {**NOISY["schedule"], "at_most": 20}}
    Tournament.of(parse(raw)).run(tmp_path / "run")
    results = open_run(tmp_path / "run")
    assert results.rows["repetition"].max() == 19
    assert any("drew from the same" in note for note in results.facts["notes"])


def test_neutral_mutants_on_a_graph_are_of_all_agents_alike():
    found = evolved(
        "moran",
        nx.cycle_graph(6),
        (1, 1, 1, 1),
        population={C: 6},
        agents=(C, D, "tit_for_tat"),
        mutation=0.3,
        replicates=1000,
        generations=12,
        every=12,
    )
    shares = found[found["generation"] == 12].groupby("agent", observed=False)["share"].sum() / 1000
    assert shares.to_numpy() == pytest.approx(1 / 3, abs=0.05)


# Invasions.


def test_each_agent_invades_each_other_one():
    found = evolved("moran", None, (3, 0, 5, 1), (C, D), size=8, invasions=True, replicates=2000, selection=0.1)
    first, last = found[found["generation"] == 0], found[found["fixed"]]
    assert len(last) == 4000
    assert first[first["count"] == 1]["agent"].value_counts().to_dict() == {C: 2000, D: 2000}
    table = fixation(found).table.set_index(["mutant", "resident"])
    exact = fixation_probabilities([[3, 0], [5, 1]], 8, 0.1)
    for (mutant, resident), probability in {(C, D): exact[0, 1], (D, C): exact[1, 0]}.items():
        row = table.loc[(mutant, resident)]
        assert row["replicates"] == 2000
        assert row["probability"] == pytest.approx(probability, abs=3.3 * math.sqrt(0.25 / 2000))
    assert final_shares(found) is None


# Graphs.


@pytest.mark.parametrize(
    ("graph", "degrees"),
    [
        (Lattice(rows=4, columns=5), {4}),
        (Lattice(rows=4, columns=5, neighbours="moore"), {8}),
        (Lattice(rows=4, columns=5, edges="fixed"), {2, 3, 4}),
        (Lattice(rows=4, columns=5, neighbours="moore", edges="fixed"), {3, 5, 8}),
        (Ring(size=12, neighbours=4), {4}),
        (RandomRegular(size=12, degree=3), {3}),
    ],
)
def test_graphs_have_the_degrees_that_they_should(graph, degrees):
    weights = network(graph, None, False, np.random.default_rng(0)).replacement
    assert set(weights.sum(axis=1)) == degrees
    assert (abs(weights - weights.T)).sum() == 0


def test_lattices_are_networkx_lattices():
    for edges, periodic in (("periodic", True), ("fixed", False)):
        ours = network(Lattice(rows=4, columns=6, edges=edges), None, False, np.random.default_rng(0)).replacement
        theirs = nx.to_scipy_sparse_array(nx.grid_2d_graph(4, 6, periodic=periodic), dtype=float)
        assert (ours != theirs).nnz == 0


@pytest.mark.parametrize("graph", [SmallWorld(size=30, neighbours=2, rewired=0.6), ScaleFree(size=30)])
def test_random_graphs_are_connected_and_of_each_replicate_its_own(graph):
    one, other = (network(graph, None, False, np.random.default_rng(seed)).replacement for seed in (0, 1))
    assert nx.is_connected(nx.from_scipy_sparse_array(one))
    assert (one != other).nnz


@pytest.mark.parametrize("suffix", [".graphml", ".gml", ".edges"])
def test_graphs_from_files(tmp_path, suffix):
    path = tmp_path / f"graph{suffix}"
    graph = nx.relabel_nodes(nx.path_graph(4), {0: "anna", 1: "ben", 2: "cleo", 3: "dan"})
    {".graphml": nx.write_graphml, ".gml": nx.write_gml, ".edges": nx.write_edgelist}[suffix](graph, path)
    raw = {**NOISY, "schedule": {"kind": "moran", "graph": path.name, "population": {"all_d": 3, "gradual": 1}}}
    plan = parse(raw, folder=tmp_path)
    assert plan.schedule.members == 4
    assert parse(as_config(plan)) == plan


# What is wrong.

SPLIT = nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3))


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ({"graph": {"kind": "edges", "edges": [[0, 1], [3, 1]]}}, "needs a neighbour; 2 has none (1 such)"),
        ({"graph": SPLIT}, "schedule.graph: The graph must be connected; it falls into 2 parts"),
        ({"graph": nx.DiGraph([(0, 1), (1, 2), (2, 1)])}, "connected, along the directions of its edges"),
        ({"graph": {"kind": "ring", "size": 6, "neighbours": 6}}, "found 6 neighbours among 6"),
        ({"graph": {"kind": "random_regular", "size": 5, "degree": 3}}, "an even product of both"),
        ({"graph": {"kind": "lattice", "rows": 2, "columns": 9}}, "allowed with periodic edges: 3 x 3"),
        ({"graph": {"kind": "lattice", "rows": 3}}, "'columns' is missing"),
        ({"graph": {"kind": "ring", "size": 12, "neighbors": 4}}, "allowed: kind, neighbours, size; did you mean"),
        ({"graph": {"kind": "latice", "rows": 3}}, "did you mean 'lattice'"),
        ({"graph": {"kind": "edges", "edges": [[0, 0.5]]}}, "found an edge [0.0, 0.5]; allowed: two vertices"),
        ({"graph": "nowhere.graphml"}, "nowhere.graphml can't be read: No such file"),
        (
            {"graph": nx.cycle_graph(12), "interaction": nx.cycle_graph(5)},
            "found 5 vertices of the interaction graph",
        ),
        ({"population": {"all_d": 2}}, "found 2 individuals; allowed: 12 in all, or shares"),
        ({"population": {}, "size": 9}, "found 9; allowed with a `graph`: none, it has 12 vertices"),
        ({"placement": "centre"}, "found 'centre' of a small_world; allowed: of a lattice"),
        ({"update": "birth_death"}, "found 'birth_death'; allowed: 'fermi', 'best' or 'proportional'"),
        ({"graph": None, "update": "best"}, "schedule.update: found 'best'; allowed: only with a `graph`"),
        ({"kind": "wright_fisher"}, "there is no key 'graph' here"),
        ({"invasions": True}, "schedule.population: found agents; allowed with `invasions`: none"),
        ({"invasions": True, "population": {}}, "schedule.mutation: found 0.02; allowed with `invasions`: 0"),
    ],
)
def test_what_is_wrong_with_a_graph_is_said(schedule, said):
    raw = {**NOISY["schedule"], **schedule}
    with pytest.raises(DilemmaError) as refused:
        parse({**NOISY, "schedule": {key: value for key, value in raw.items() if value is not None}})
    assert said in str(refused.value)


def test_accumulated_payoffs_make_negative_fitness_sooner():
    raw = {
        **NOISY,
        "environments": [{"name": "matrix_game", "payoffs": [2, -1, 3, 0]}],
        "schedule": {
            "kind": "moran",
            "graph": {"kind": "ring", "size": 12, "neighbours": 4},
            "population": {"all_d": 12},
            "fitness": "linear",
            "selection": 0.3,
        },
    }
    parse(raw)
    raw["schedule"]["payoff"] = "accumulated"
    with pytest.raises(DilemmaError, match=r"up to 0.2, for a payoff of -4"):
        parse(raw)
    raw["schedule"]["graph"] = {"kind": "lattice", "rows": 12, "columns": 1}
    with pytest.raises(DilemmaError, match=r"has 1 mistake:\n.*found 12 x 1"):
        parse(raw)
