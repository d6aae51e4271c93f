"""Partner choice: who stays with whom follows from what was played, by rules that are known."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, binomtest

from dilemma import Tournament, open_run
from dilemma.agents.automata import AllD
from dilemma.agents.memory_one import MemoryOne
from dilemma.envs.chance import Purpose
from dilemma.envs.environment import Discrete, Environment, State, Step
from dilemma.envs.errors import DilemmaError
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.tournament.choosing.logistic import Logistic
from dilemma.tournament.choosing.meetings import Meetings
from dilemma.tournament.choosing.paths import Alone, by_table, walked
from dilemma.tournament.config import parse
from dilemma.tournament.plan import Plan

R, S, T, P = 3.0, 0.0, 5.0, 1.0
FEW = ["all_c", "all_d", "random"]
CHOICE = {"kind": "partner_choice", "alone": 1.5, "repetitions": 30}


class Solitaire(Environment):
    """A game for one: each round pays 0 or 2, by chance."""

    @property
    def seats(self):
        return 1

    def actions(self, seat):
        return Discrete(2)

    def observation(self, seat):
        return None

    def begin(self, matches, tables, chance, episode):
        return State(episode, 0)

    def play(self, state, action, chance):
        lucky = chance.happens(0.5, Purpose.SPAWN, state.episode, state.round)
        return state, Step(action, 2.0 * lucky[:, None].double(), cooperation=action == 0)


class Sociable(AllD):
    """Defects with others, and can't be alone."""

    def refuses(self, game):
        return "can't be alone" if game.seats == 1 else None


def played(agents=FEW, rounds=5, folder=None, seed=0, execution=None, **schedule):
    raw = {
        "seed": seed,
        "environments": [{"name": "prisoners_dilemma", "rounds": rounds}],
        "agents": [each if isinstance(each, dict) else {"name": each} for each in agents],
        "evaluation": {"mode": "played"},
        "schedule": {**CHOICE, **schedule},
        "execution": execution or {},
    }
    return Tournament.of(parse(raw, folder=folder)).run(folder and folder / "run")


def chosen(results):
    table = results.choices
    return table.astype(dict.fromkeys(("agent", "opponent", "first", "environment"), str))


def kept(results, agent, opponent, rule="own_return"):
    table = chosen(results)
    return table[(table["agent"] == agent) & (table["opponent"] == opponent) & (table["rule"] == rule)]["kept"]


@pytest.mark.parametrize("p", [0.3, 0.6])
def test_a_cooperator_stays_with_a_random_partner_as_often_as_a_binomial_says(p):
    """Of 5 rounds it needs 3 to earn 1.5 a round. The test fails by chance once in 1000."""
    partner = {"name": "random", "label": "partner", "p": p}
    results = played(["all_c", partner], choosers=["all_c"], candidates=["partner"], repetitions=2000)
    stays = kept(results, "all_c", "partner")
    assert len(stays) == 2000
    assert binomtest(int(stays.sum()), 2000, binom.sf(2, 5, p)).pvalue > 0.001


def probability_of_staying(chooser, partner, rounds, alone):
    """By all histories of two players of memory one: probabilities of C at first, and after CC, CD, DC, DD."""
    total = 0.0
    for history in product([(0, 0), (0, 1), (1, 0), (1, 1)], repeat=rounds):
        chance, before = 1.0, None
        for own, other in history:
            ours = chooser[0] if before is None else chooser[1 + 2 * before[0] + before[1]]
            theirs = partner[0] if before is None else partner[1 + 2 * before[1] + before[0]]
            chance *= (ours, 1 - ours)[own] * (theirs, 1 - theirs)[other]
            before = own, other
        if np.mean([((R, S), (T, P))[own][other] for own, other in history]) >= alone:
            total += chance
    return total


def test_players_of_memory_one_stay_as_often_as_all_their_histories_say():
    """The two tests together fail by chance once in 1000."""
    chooser, partner = (0.8, 0.9, 0.2, 0.7, 0.4), (0.5, 0.6, 0.3, 0.9, 0.1)
    agents = {"chooser": MemoryOne(p=chooser), "partner": MemoryOne(p=partner)}
    schedule = {**CHOICE, "repetitions": 3000, "alone": 2.0}
    results = Tournament({"pd": PrisonersDilemma(rounds=4)}, agents, mode="played", schedule=schedule).run()
    for one, other, own, theirs in (
        ("chooser", "partner", chooser, partner),
        ("partner", "chooser", partner, chooser),
    ):
        stays = kept(results, one, other)
        expected = probability_of_staying(own, theirs, 4, 2.0)
        assert binomtest(int(stays.sum()), len(stays), expected).pvalue > 0.0005


def test_choices_are_those_that_follow_from_the_matches():
    rules = [{"kind": "own_return"}, {"kind": "fairness", "at_least": 0.6}]
    results = played(rules=rules, matches=4)
    rows = results.rows.astype({"agent": str, "opponent": str})
    for choice in chosen(results).itertuples():
        own, other = rows[rows["match"] == choice.match].sort_values("seat").to_dict("records")
        if own["agent"] != choice.agent:
            own, other = other, own
        assert (own["agent"], other["agent"]) == (choice.agent, choice.opponent)
        assert own["repetition"] == 4 * choice.repetition + choice.encounter
        assert (own["payoff"], other["payoff"]) == (choice.payoff, choice.partner_payoff)
        fair = choice.rule == "own_return" or other["cooperation"] >= 0.6
        assert choice.kept == (own["payoff"] >= 1.5 and fair)


def test_who_leaves_plays_alone_to_the_end_of_the_path():
    table = chosen(played(rounds=2, matches=6))
    paths = table.groupby(["agent", "first", "repetition"])
    assert table["kept"].nunique() == 2
    assert (paths["kept"].apply(lambda stays: stays.iloc[:-1].all())).all()  # only the last may be a leaving
    assert (table["opponent"] == table["first"]).all()
    left = table[~table["kept"]]
    assert (left["next_payoff"] == 1.5).all()
    assert (left["partner_next_payoff"] == 1.5).all()
    after = table.assign(encounter=table["encounter"] + 1)
    both = table.merge(after, on=["agent", "first", "repetition", "encounter"], suffixes=("", "_before"))
    assert (both["payoff"] == both["next_payoff_before"]).all()


def test_who_is_rematched_meets_each_of_the_others_as_often():
    """Fails by chance once in 1000."""
    table = chosen(
        played(
            ["all_d", *FEW[:1], "random", {"name": "all_d", "label": "d2"}],
            rounds=1,
            matches=3,
            repetitions=400,
            refusal="rematched",
        )
    )
    paths = table.groupby(["agent", "first", "repetition"])
    assert (paths.size() == 2).all()
    first, second = (
        table[table["encounter"] == number].sort_values(["agent", "first", "repetition"]) for number in (0, 1)
    )
    stays = first["kept"].to_numpy()
    same = first["opponent"].to_numpy() == second["opponent"].to_numpy()
    assert (same == stays).all()
    met = second[~stays & (first["opponent"] == "d2").to_numpy()]["opponent"].value_counts()
    assert set(met.index) == {"all_d", "all_c", "random"}
    for count in met:
        assert binomtest(int(count), int(met.sum()), 1 / 3).pvalue > 0.0003


def test_an_environment_of_one_seat_is_where_agents_play_alone():
    environments = [
        {"name": "prisoners_dilemma", "rounds": 5},
        {"name": f"{__file__}:Solitaire", "label": "alone"},
    ]
    raw = {
        "environments": environments,
        "agents": [*({"name": name} for name in FEW), {"name": f"{__file__}:Sociable", "label": "sociable"}],
        "evaluation": {"mode": "played"},
        "schedule": {
            **CHOICE,
            "alone": "alone",
            "choosers": ["all_c", "random"],
            "candidates": ["all_d", "random", "sociable"],
        },
    }
    results = Tournament.of(parse(raw)).run()
    rows, table = results.rows.astype({"agent": str, "environment": str}), chosen(results)
    solo = rows[rows["environment"] == "alone"]
    assert set(solo["agent"]) == set(FEW)  # who only is chosen need not be able to
    assert len(solo) == 3 * 60
    own = solo[solo["agent"] == "random"].set_index("repetition")["payoff"]
    mine = table[(table["agent"] == "random") & (table["rule"] == "own_return")]
    assert (mine["alone_payoff"].to_numpy() == own[2 * mine["repetition"] + 1].to_numpy()).all()
    assert (mine["kept"] == (mine["payoff"] >= own.mean())).all()
    left = table[~table["kept"]].groupby("opponent")["partner_next_payoff"]
    assert left.apply(lambda payoff: payoff.isna().mean()).to_dict() == {"all_d": 0, "random": 0, "sociable": 1}


FUNCTIONS = """
def patient(history):
    '''Leaves after two matches that paid less than 1.'''
    return [each.payoff < 1 for each in history].count(True) < 2

def says_yes(history):
    return "yes"

def breaks(history):
    return history[7]

class Generous:
    '''Cooperates, and stays for three matches.'''
    def __init__(self, matches=3):
        self.matches = matches
    def act(self, history):
        return 0
    def choose_partner(self, history):
        assert all(each.measures["cooperation"] == 1 for each in history)
        return len(history) < self.matches
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "choosers.py").write_text(FUNCTIONS)
    return tmp_path


def test_a_plain_function_decides_by_all_that_the_chooser_has_met(folder):
    table = chosen(played(folder=folder, function="choosers.py:patient", rules=[], matches=5))
    with_defector = table[(table["agent"] == "all_c") & (table["opponent"] == "all_d")]
    assert with_defector.groupby("encounter")["kept"].unique().map(list).to_dict() == {0: [True], 1: [False]}
    assert set(table["rule"]) == {"patient"}


def test_an_agent_may_choose_for_itself(folder):
    generous = {"name": "choosers.py:Generous", "label": "generous", "matches": 2}
    table = chosen(played(["all_d", generous], folder=folder, matches=6))
    own = table[table["agent"] == "generous"]
    assert set(own["rule"]) == {"own"}
    assert own.groupby("encounter")["kept"].unique().map(list).to_dict() == {0: [True], 1: [False]}
    assert set(table[table["agent"] == "all_d"]["rule"]) == {"own_return"}


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ({"choosers": ["nobody"]}, "schedule.choosers: there is no agent 'nobody'; there is all_c, all_d, random"),
        ({"candidates": ["x"]}, "schedule.candidates: there is no agent 'x'"),
        (
            {"alone": "x"},
            "schedule.alone: there is no environment 'x'; there is prisoners_dilemma; a number will do",
        ),
        (
            {"alone": "prisoners_dilemma"},
            "schedule.alone: found prisoners_dilemma, which has 2 seats; allowed: an environment with one",
        ),
        ({"alone": [1]}, "schedule.alone: found [1]; allowed: a payoff per round, or the label of an environment"),
        ({"matches": 1}, "schedule.matches: found 1"),
        ({"rules": []}, "schedule.rules: found none; allowed: one rule or more, or a `function`"),
        (
            {"rules": [{"kind": "fairness"}, {"kind": "fairness"}]},
            "schedule.rules: the name 'fairness' is taken; give a rule another with `label`",
        ),
        ({"function": "choosers.py:nothing"}, "has no 'nothing'"),
        ({"function": "elsewhere.py:nothing"}, "there is no file"),
        (
            {"function": "choosers.py:says_yes"},
            "says_yes returned 'yes'; allowed: True, to stay with the partner, or False",
        ),
        (
            {"function": "choosers.py:breaks"},
            "breaks fails: IndexError: tuple index out of range (choosers.py, line",
        ),
        (
            {"rules": [{"kind": "fairness", "measure": "coins"}]},
            "schedule.rules: fairness judges by 'coins', which this game doesn't measure; allowed: payoff, coop",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(folder, schedule, said):
    with pytest.raises(DilemmaError) as refused:
        played(folder=folder, **schedule)
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) <= 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"evaluation": {}},
            "evaluation.mode: found 'auto', by which payoffs of all_c with all_c are exact; allowed: 'played'",
        ),
        (
            {"environments": [{"name": "public_goods"}]},
            "partners are chosen in pairs: found public_goods with 4 seats (player); allowed: games of two seats",
        ),
    ],
)
def test_games_that_are_no_meeting_of_two_are_refused(changes, said):
    raw = {"environments": [{"name": "prisoners_dilemma"}], "agents": [{"name": "all_c"}, {"name": "all_d"}]}
    raw |= {"evaluation": {"mode": "played"}, "schedule": CHOICE, **changes}
    with pytest.raises(DilemmaError) as refused:
        parse(raw)
    assert said in str(refused.value)


RULES = [{"kind": "own_return"}, {"kind": "fairness"}, {"kind": "logistic"}]


@pytest.mark.parametrize("execution", [{"chunk": 7}, {"jobs": 2, "chunk": 50}])
def test_choices_don_t_depend_on_chunks_and_workers(execution):
    one, other = (chosen(played(rules=RULES, matches=3, execution=each)) for each in ({}, execution))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_a_run_that_was_cut_short_goes_on_to_the_same_choices(tmp_path):
    raw = {
        "environments": [{"name": "prisoners_dilemma", "rounds": 3}],
        "agents": [{"name": name} for name in FEW],
        "evaluation": {"mode": "played"},
        "schedule": {**CHOICE, "rules": RULES},
        "execution": {"chunk": 40},
    }
    whole = chosen(Tournament.of(parse(raw)).run(tmp_path / "whole"))

    def cut(done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Tournament.of(parse(raw)).run(tmp_path / "cut", cut)
    assert open_run(tmp_path / "cut").choices is None
    Tournament.of(parse(raw)).run(tmp_path / "cut")
    pd.testing.assert_frame_equal(chosen(open_run(tmp_path / "cut")), whole, check_exact=True)


def test_more_paths_leave_those_that_were_there(tmp_path):
    few = chosen(played(folder=tmp_path, matches=3))
    more = chosen(played(folder=tmp_path, matches=3, repetitions=50))
    pd.testing.assert_frame_equal(more[more["repetition"] < 30].reset_index(drop=True), few)


def met(payoffs, run=-1):
    """Meetings with these payoffs [path, match] and nothing else to be seen."""
    payoffs = np.asarray(payoffs, dtype=np.float64)
    nothing = {name: np.full(payoffs.shape, np.nan) for name in ("payoff", "cooperation")}
    own = {"payoff": payoffs, "cooperation": nothing["cooperation"]}
    key = np.arange(payoffs.size).reshape(payoffs.shape)
    return Meetings(0, 1, key, np.full(payoffs.shape, run), own, nothing, payoffs)


def test_the_logistic_rule_learns_nothing_from_what_it_decides():
    random = np.random.default_rng(0)
    payoffs = random.normal(size=(40, 2))
    changed = payoffs.copy()
    changed[::2, 1] *= -1  # what comes after the choices of even paths
    game = PrisonersDilemma()
    [one], [other] = (Logistic().keeps(game, [met(each)], 0.0) for each in (payoffs, changed))
    np.testing.assert_array_equal(one[::2, 0], other[::2, 0])
    assert (one[1::2, 0] != other[1::2, 0]).any()


def test_the_logistic_rule_finds_partners_who_turn_out_to_pay():
    """One candidate always pays after little, and the other never after much."""
    good, bad = np.tile([0.2, 1.0], (20, 1)), np.tile([0.9, 0.0], (20, 1))
    [stays, leaves] = Logistic().keeps(PrisonersDilemma(), [met(good), met(bad)], 0.5)
    assert stays[:, 0].all()
    assert not leaves[:, 0].any()


def test_a_path_ends_where_a_match_failed():
    payoffs = [[2.0, 2.0, 2.0], [2.0, np.nan, 2.0], [np.nan, 2.0, 2.0]]
    meeting = met(payoffs)
    solo = np.ones((3, 3))
    rows = walked([meeting], by_table([np.ones((3, 3), dtype=bool)]), Alone(solo, [solo]), rematched=False)
    assert list(zip(rows["repetition"], rows["encounter"], strict=True)) == [(0, 0), (1, 0), (0, 1)]
    assert np.isnan(rows["next_payoff"][1])


def test_matches_are_those_of_a_round_robin():
    """So a run knows them by the same identities."""
    agents = [{"name": name} for name in FEW]
    raw = {"environments": [{"name": "prisoners_dilemma"}], "agents": agents, "evaluation": {"mode": "played"}}
    robin = parse({**raw, "schedule": {"self_play": True}})
    choice = parse({**raw, "schedule": CHOICE})

    def casts(plan: Plan):
        [request] = plan.schedule.most(plan)
        return sorted(map(tuple, request.casts.tolist()))

    assert casts(choice) == casts(robin)
