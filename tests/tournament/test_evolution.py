"""Populations that evolve by what they earn: against closed forms, against a plain loop, resumed, and refused."""

import hashlib
import math
from collections import defaultdict

import pandas as pd
import pytest
import torch
from scipy import stats

from dilemma import Tournament, open_run
from dilemma.cli import main
from dilemma.envs.chance import Chance, Purpose, derive
from dilemma.envs.errors import DilemmaError
from dilemma.envs.matrix_game import MatrixGame, PrisonersDilemma
from dilemma.tournament.config import parse
from dilemma.tournament.identity import canonical

PD = [[3, 0], [5, 1]]  # cooperate, defect


def evolved(kind, agents=("all_c", "all_d"), game=None, mode="auto", **schedule):
    """The generations table of a run."""
    games = {"game": "prisoners_dilemma"} if game is None else {"game": game}
    schedule = {"kind": kind, "generations": 100_000, "every": 100_000, **schedule}
    return Tournament(games, list(agents), schedule=schedule, mode=mode, seed=11).run().generations


def one_among(mutant, resident, size):
    return {"population": {mutant: 1, resident: size - 1}, "replicates": 4000}


def taken_over(table, agent):
    """The share of populations that were taken over, and its standard error."""
    last = table[table["fixed"]]
    share = (last["agent"] == agent).mean()
    return share, math.sqrt(max(share * (1 - share), 1e-4) / len(last))


def fixation_probability(payoffs, size, fitness):
    """Of one of the first type among others: 1 / (1 + sum over k of the product over j <= k of g_j / f_j)."""
    (a, b), (c, d) = payoffs
    ratios = [
        fitness((c * j + d * (size - j - 1)) / (size - 1)) / fitness((a * (j - 1) + b * (size - j)) / (size - 1))
        for j in range(1, size)
    ]
    return 1 / (1 + sum(math.prod(ratios[:k]) for k in range(1, size)))


@pytest.mark.parametrize(
    ("fitness", "selection", "of"),
    [
        ("linear", 1.0, lambda payoff: payoff),
        ("linear", 0.1, lambda payoff: 0.9 + 0.1 * payoff),
        ("exponential", 0.1, lambda payoff: math.exp(0.1 * payoff)),
    ],
)
@pytest.mark.parametrize(("mutant", "size"), [("all_d", 10), ("all_c", 6)])
def test_moran_takes_over_as_often_as_the_product_formula_says(fitness, selection, of, mutant, size):
    resident = {"all_d": "all_c", "all_c": "all_d"}[mutant]
    found = evolved("moran", fitness=fitness, selection=selection, **one_among(mutant, resident, size))
    payoffs = PD if mutant == "all_c" else [row[::-1] for row in PD[::-1]]
    share, error = taken_over(found, mutant)
    if mutant == "all_c" and selection == 1:
        assert share == 0  # a lone cooperator earns nothing
    else:
        assert share == pytest.approx(fixation_probability(payoffs, size, of), abs=3 * error)


def test_moran_with_a_constant_advantage():
    r, size = 1.5, 10
    found = evolved(
        "moran", game=MatrixGame(payoffs=(r, r, 1.0, 1.0)), fitness="linear", **one_among("all_c", "all_d", size)
    )
    share, error = taken_over(found, "all_c")
    assert share == pytest.approx((1 - 1 / r) / (1 - 1 / r**size), abs=3 * error)


def test_neutral_fixation_takes_size_times_size_less_one_births():
    found = evolved("moran", selection=0, **one_among("all_c", "all_d", 10))
    mine = found[found["fixed"] & (found["agent"] == "all_c")]["step"]
    assert mine.mean() == pytest.approx(90, abs=3 * mine.std() / math.sqrt(len(mine)))


def test_imitation_takes_its_time_and_pairs_are_of_two_individuals():
    found = evolved("imitation", selection=0.1, **one_among("all_d", "all_c", 20))
    share, error = taken_over(found, "all_d")
    assert share == pytest.approx(0.18113924, abs=3 * error)
    steps = found[found["fixed"]]["step"]
    assert steps.mean() == pytest.approx(191.358025, abs=3 * steps.std() / math.sqrt(len(steps)))


def test_wright_fisher_by_a_linear_solve():
    found = evolved("wright_fisher", selection=0.1, **one_among("all_d", "all_c", 20))
    share, error = taken_over(found, "all_d")
    assert share == pytest.approx(0.343894724, abs=3 * error)


@pytest.mark.parametrize(("mutates_to", "share"), [("any", 0.117551679875), ("others", 0.173836877015)])
def test_imitation_with_mutation_of_either_convention(mutates_to, share):
    found = evolved(
        "imitation",
        selection=0.1,
        mutation=0.01,
        mutates_to=mutates_to,
        population={"all_c": 2, "all_d": 18},
        replicates=800,
        generations=100,
    )
    last = found[found["generation"] == 100].pivot(index="replicate", columns="agent", values="share")["all_c"]
    last = last.fillna(0.0)
    assert last.mean() == pytest.approx(share, abs=3 * last.std() / math.sqrt(len(last)))


def test_neutral_mutation_gives_the_beta_binomial():
    found = evolved("moran", selection=0, mutation=0.1, size=10, replicates=4000, generations=30)
    last = found[found["generation"] == 30].pivot(index="replicate", columns="agent", values="share")
    none, square = (last["all_c"].isna()).mean(), (last["all_c"].fillna(0) ** 2).mean()
    assert none == pytest.approx(0.161617304732, abs=3 * math.sqrt(0.1616 * 0.8384 / 4000))
    assert square == pytest.approx(0.381578947368, abs=0.02)


def test_an_ecology_of_three_shares_exactly():
    """The prisoner's dilemma of ten rounds among ALLC, ALLD and TFT, from thirds."""
    agents = ("all_c", "all_d", "tit_for_tat")
    found = evolved("ecological", agents, PrisonersDilemma(rounds=10), generations=500, every=1)
    wide = found.pivot(index="generation", columns="agent", values="share").fillna(0.0)[list(agents)]
    for generation, shares in {
        1: (0.2955665025, 0.3645320197, 0.3399014778),
        5: (0.177490813, 0.4063672871, 0.4161418999),
        10: (0.1345062325, 0.2055503273, 0.6599434401),
        500: (0.1385237988, 0, 0.8614762012),
    }.items():
        assert wide.loc[generation].to_numpy() == pytest.approx(shares, abs=1e-9)


NOISY = {
    "seed": 8,
    "environments": [{"name": "prisoners_dilemma", "rounds": 6, "noise": 0.1, "label": "pd"}],
    "agents": [{"name": name} for name in ("tit_for_tat", "all_d", "gradual")],
    "schedule": {
        "kind": "moran",
        "population": {"tit_for_tat": 2, "all_d": 2, "gradual": 2},
        "generations": 6,
        "replicates": 4,
        "selection": 0.5,
        "at_most": 100_000,
    },
    "evaluation": {"mode": "played"},
}


def noisy(**schedule):
    return {**NOISY, "schedule": {**NOISY["schedule"], **schedule}}


def table(folder):
    return open_run(folder).generations


def play(folder, raw, watch=None):
    Tournament.of(parse(raw)).run(folder, watch)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evolution") / "whole"
    play(folder, NOISY)
    return folder


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_cut_short_and_resumed_it_gives_the_same_bits(whole, tmp_path, kept):
    finished = []

    def cut(done, total):
        finished.extend([done] if done else [])
        if len(finished) == kept:
            raise KeyboardInterrupt

    raw = {**NOISY, "execution": {"chunk": 400}}
    with pytest.raises(KeyboardInterrupt):
        play(tmp_path / "cut", raw, cut)
    assert table(tmp_path / "cut") is None
    play(tmp_path / "cut", raw)
    pd.testing.assert_frame_equal(table(tmp_path / "cut"), table(whole), check_exact=True)


def test_two_workers_give_the_same_bits(whole, tmp_path):
    play(tmp_path / "two", {**NOISY, "execution": {"jobs": 2, "chunk": 500}})
    pd.testing.assert_frame_equal(table(tmp_path / "two"), table(whole), check_exact=True)


def test_it_is_asked_for_a_few_times_and_plays_little_more_than_it_needs(tmp_path):
    asked = []
    play(tmp_path / "run", NOISY, lambda done, total: asked.append(total) if done == 0 else None)
    assert 2 <= len(asked) <= 6
    needed = 4 * 6 * 6 * 15  # replicates, generations, births and pairs
    assert sum(asked) <= 4 * needed


def test_a_plain_loop_over_individuals_and_their_matches(whole):
    """Births one after the other; each pair of individuals takes the next match of its two agents."""
    plan, rows = parse(NOISY), open_run(whole).rows
    labels = [plan.entrants[index].label for index in plan.order]
    pools = defaultdict(list)
    for _, match in rows.astype({"agent": str, "opponent": str}).sort_values("seat").groupby("match"):
        places = [labels.index(agent) for agent in match["agent"]]
        (first, one), (second, other) = sorted(zip(places, match["payoff"], strict=True), key=lambda seat: seat[0])
        pools[first, second].append((match["repetition"].iloc[0], one, other))
    pools = {pair: iter(sorted(matches)) for pair, matches in pools.items()}

    schedule, size = plan.schedule, 6
    text = f"[{plan.seed},{canonical(plan.settings[0].definition.text)},evolution]"
    key = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), signed=True)
    chance = Chance.at_tables(derive(torch.tensor(key), torch.arange(schedule.replicates)), size)
    populations = [[place for place in range(3) for _ in range(2)] for _ in range(schedule.replicates)]
    over = [False] * schedule.replicates
    found = []

    def earned(population):
        total = [0.0] * size
        for i in range(size):
            for j in range(i + 1, size):
                _, one, other = next(pools[population[i], population[j]])
                total[i] += one
                total[j] += other
        return [each / (size - 1) for each in total]

    def drawn(weights, uniform):
        aim, along = uniform * sum(weights), 0.0
        for place, weight in enumerate(weights):
            along += weight
            if along > aim:
                return place
        raise AssertionError

    for generation in range(schedule.generations + 1):
        payoffs = {}
        for replicate, population in enumerate(populations):
            if over[replicate]:
                continue
            payoffs[replicate] = earned(population)
            for place in sorted(set(population)):
                mine = [pay for pay, who in zip(payoffs[replicate], population, strict=True) if who == place]
                found.append((replicate, generation, labels[place], len(mine), sum(mine) / len(mine)))
            over[replicate] = len(set(population)) == 1
        if generation == schedule.generations:
            break
        uniform = [chance.uniform(Purpose.SELECTION, generation, kind) for kind in (0, 1)]
        for birth in range(size):
            if birth:
                open_ = [r for r in range(len(populations)) if not over[r] and len(set(populations[r])) > 1]
                payoffs = {replicate: earned(populations[replicate]) for replicate in open_}
            for replicate, pays in payoffs.items():
                if over[replicate]:
                    continue
                population = populations[replicate]
                parent = drawn([math.exp(0.5 * pay) for pay in pays], float(uniform[0][replicate, birth]))
                dead = drawn([1.0] * size, float(uniform[1][replicate, birth]))
                population[dead] = population[parent]
                population.sort()

    theirs = table(whole).astype({"agent": str})
    columns = ["replicate", "generation", "agent", "count", "payoff"]
    mine = pd.DataFrame(found, columns=columns).sort_values(columns[:3], ignore_index=True)
    theirs = theirs[columns].sort_values(columns[:3], ignore_index=True)
    pd.testing.assert_frame_equal(theirs, mine, check_dtype=False, rtol=1e-12)


def test_payoffs_that_are_played_and_exact_lead_to_the_same():
    exact, played = (
        evolved("moran", mode=mode, selection=0.2, population={"all_c": 5, "all_d": 5}, replicates=50, every=1)
        for mode in ("exact", "played")
    )
    pd.testing.assert_frame_equal(exact[["agent", "count", "step"]], played[["agent", "count", "step"]])
    assert exact["payoff"].to_numpy() == pytest.approx(played["payoff"].to_numpy())


def test_axelrods_programs_take_over_as_often_as_in_the_axelrod_library(axelrod):
    """Three programs that are no automata; chance makes it fail once in 10,000 seeds."""
    programs = {"First by Tullock": "tullock", "Gradual": "gradual", "First by Feld: 1.0, 0.5, 200": "feld"}
    players = [axelrod.FirstByTullock, axelrod.Gradual, axelrod.FirstByFeld]
    theirs = dict.fromkeys(programs.values(), 0)
    for seed in range(60):
        cast = [player() for player in players for _ in range(2 if player is axelrod.Gradual else 1)]
        process = axelrod.MoranProcess(cast, turns=3, noise=0.1, seed=seed)
        process.play()
        theirs[programs[process.winning_strategy_name]] += 1
    found = evolved(
        "moran",
        tuple(programs.values()),
        PrisonersDilemma(rounds=3, noise=0.1),
        "played",
        population={"tullock": 1, "gradual": 2, "feld": 1},
        replicates=300,
        fitness="linear",
        selection=1.0,
        at_most=100_000,
    )
    ours = found[found["fixed"]]["agent"].value_counts()
    table = [[ours[name] for name in theirs], list(theirs.values())]
    assert stats.chi2_contingency(table).pvalue > 1e-4


def test_with_self_interaction_one_also_meets_its_copy():
    found = {}
    for alone in (False, True):
        rows = evolved("moran", size=4, self_interaction=alone, generations=1, replicates=1, every=1)
        found[alone] = rows[rows["generation"] == 0].set_index("agent")["payoff"].to_dict()
    assert found[False] == pytest.approx({"all_c": 3 / 3, "all_d": (2 * 5 + 1) / 3})
    assert found[True] == pytest.approx({"all_c": 6 / 4, "all_d": (2 * 5 + 2) / 4})


def test_matches_that_are_used_up_are_drawn_again_and_that_is_said(tmp_path):
    play(tmp_path / "run", noisy(at_most=30))
    results = open_run(tmp_path / "run")
    assert results.rows.groupby(["agent", "opponent"], observed=True)["repetition"].max().max() == 29
    [note] = [note for note in results.facts["notes"] if "drew from the same" in note]
    assert "schedule.at_most is 30" in note


FAILING = '''
from dilemma.agents.strategy import Strategy

class Moody(Strategy):
    """Cooperates, and raises in its worse moods."""
    always: bool = False

    def cooperate(self, me, own, other):
        if self.always or (me.turn == 2 and me.other_defections.any()):
            raise ZeroDivisionError("by zero")
        return ~me.no()
'''


def test_matches_that_fail_are_skipped_and_that_is_said(tmp_path):
    (tmp_path / "moody.py").write_text(FAILING)
    agents = [{"name": "tit_for_tat"}, {"name": f"{tmp_path}/moody.py:Moody"}]
    raw = {**noisy(population={}, size=4, at_most=20), "agents": agents}
    play(tmp_path / "run", raw)
    results = open_run(tmp_path / "run")
    assert len(results.failures)
    assert results.generations["generation"].max() >= 1
    assert any("failed and were skipped" in note for note in results.facts["notes"])

    raw["agents"][1]["always"] = True
    play(tmp_path / "none", raw)
    results = open_run(tmp_path / "none")
    assert any("could be played" in note for note in results.facts["notes"])


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (
            {"population": {"tit_for_two": 3}},
            "there is no agent 'tit_for_two'; there is tit_for_tat, all_d, gradual",
        ),
        ({"population": {}}, "schedule.size: missing"),
        ({"population": {}, "size": 2}, "schedule.size: found 2; allowed: at least one of each of 3 agents"),
        (
            {"population": {"all_d": 0.5, "gradual": 0.6}, "size": 9},
            "shares that add up to 1.1; allowed with `size`",
        ),
        ({"population": {"all_d": 0.5, "gradual": 0.5}}, "found shares; allowed: whole numbers"),
        ({"population": {"all_d": 1}}, "found 1 individuals; allowed: two or more"),
        ({"population": {"all_d": -1}}, "schedule.population.all_d: found -1"),
        ({"fitness": "linear", "selection": 2.0}, "found 2; allowed with fitness = 'linear': from 0 to 1"),
        ({"background": ["all_d"]}, "a population has no background"),
        ({"mutates_to": "all"}, "allowed: 'any' or 'others'"),
    ],
)
def test_what_is_wrong_with_a_population_is_said(schedule, said):
    with pytest.raises(DilemmaError) as refused:
        parse(noisy(**schedule))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("game", "schedule", "said"),
    [
        ({"name": "public_goods"}, {}, "a population meets in pairs: found public_goods with"),
        (
            {"name": "battle_of_the_sexes"},
            {},
            "a population meets in pairs: found battle_of_the_sexes with 2 seats",
        ),
        (
            {"name": "matrix_game", "payoffs": [2, -1, 3, 0]},
            {"fitness": "linear", "selection": 1.0},
            "allowed in matrix_game with fitness = 'linear': up to 0.5, for a payoff of -1 must not",
        ),
    ],
)
def test_games_that_a_population_can_t_play_are_refused(game, schedule, said):
    with pytest.raises(DilemmaError) as refused:
        parse({**noisy(**schedule), "environments": [game]})
    assert said in str(refused.value)


def test_the_command_plays_writes_and_says_generations(tmp_path, monkeypatch):
    from click.testing import CliRunner

    monkeypatch.chdir(tmp_path)
    config = """
name = "small"
[[environments]]
name = "prisoners_dilemma"
[[agents]]
name = "all_c"
[[agents]]
name = "all_d"
[schedule]
kind = "moran"
population = { all_c = 9, all_d = 1 }
replicates = 200
selection = 0.1
"""
    (tmp_path / "small.toml").write_text(config)
    done = CliRunner().invoke(main, ["run", "small.toml"])
    assert done.exit_code == 0, done.output
    assert "1,000 generations to play" in done.output
    assert "prisoners_dilemma, shares of the population" in done.output
    fixation = pd.read_csv("runs/small/report/fixation.csv").set_index("mutant").loc["all_d"]
    assert (fixation["process"], fixation["resident"], fixation["replicates"]) == ("moran", "all_c", 200)
    assert fixation["low"] < 0.2155439906 < fixation["high"]
    curves = pd.read_csv("runs/small/report/generations.csv")
    assert curves.groupby("generation")["share"].sum().to_numpy() == pytest.approx(1, abs=1e-5)
    page = (tmp_path / "runs/small/report/index.html").read_text()
    assert "Share of each agent in the population" in page
    assert "Selection favours" in page

    (tmp_path / "bad.toml").write_text(config.replace("all_c = 9", "all_e = 9").replace("small", "bad"))
    done = CliRunner().invoke(main, ["run", "bad.toml"])
    assert done.exit_code == 2
    assert "line 11, schedule.population: there is no agent 'all_e'" in done.output
    assert not (tmp_path / "runs/bad").exists()
