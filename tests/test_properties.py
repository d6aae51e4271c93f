"""Properties of agents: by hand, as the Axelrod library classifies them, and as conditions of a listing."""

import math
from pathlib import Path

import pytest
import torch

from dilemma import Tournament
from dilemma.agents import CATALOGUE, GROUPS
from dilemma.agents.automaton import Automaton
from dilemma.agents.automaton_properties import is_nice, memory, size
from dilemma.agents.memory_one import MemoryOne
from dilemma.classification import properties, properties_of, table
from dilemma.envs.errors import DilemmaError
from dilemma.properties import Properties, condition, shipped

torch.set_num_threads(1)


def of(name: str, **parameters: object) -> Properties:
    return properties(CATALOGUE.build(name, parameters))


@pytest.mark.parametrize(
    ("name", "rounds", "states", "nice"),
    [
        ("all_c", 0, 1, True),
        ("tit_for_tat", 1, 2, True),
        ("suspicious_tit_for_tat", 1, 2, False),
        ("win_stay_lose_shift", 1, 2, True),
        ("tit_for_two_tats", 2, 3, True),
        ("grudger", math.inf, 2, True),
        ("cycler", math.inf, 3, False),  # an error of its own doesn't tell where in the cycle it is
        ("generous_tit_for_tat", 1, 2, True),
        ("joss", 1, 3, False),
        ("capri", 3, 14, True),
    ],
)
def test_the_table_of_an_automaton_says(name, rounds, states, nice):
    found = of(name)
    assert (found.memory, found.states, found.nice) == (rounds, states, nice)


def test_states_that_nothing_tells_apart_or_reaches_count_once():
    twins = Automaton.of([1, 1, 0, 0], [[1, 2], [0, 2], [0, 2], [3]])
    assert (size(twins), memory(twins), is_nice(twins)) == (2, 1, True)


def test_memory_is_that_of_a_table_of_rounds():
    last_but_one = Automaton.unfold("CC", lambda past: past[0] == "C", lambda past, own, other: past[1] + other)
    assert memory(last_but_one) == 2
    assert properties(MemoryOne(p=(1, 0.5, 0.5, 0.5, 0.5))).memory == 1
    assert properties(MemoryOne(p=(0.5, 0.5, 0.5, 0.5, 0.5))).memory == 0


def test_the_nice_programs_of_the_first_tournament_are_those_that_axelrod_names():
    """Axelrod 1980: the eight top entries are nice, and no other is."""
    field = ("davis", "downing", "feld", "graaskamp", "grofman", "joss", "nydegger", "random", "shubik", "unnamed")
    field += ("stein_and_rapoport", "tideman_and_chieruzzi", "tit_for_tat", "tullock", "grudger")
    nice = {name for name in field if of(name).nice}
    rest = {"davis", "grofman", "nydegger", "shubik", "stein_and_rapoport", "tideman_and_chieruzzi", "grudger"}
    assert nice == {"tit_for_tat"} | rest


def test_what_chance_decides_rarely_is_found():
    assert of("remorseful_prober", probability=0.01).stochastic
    assert not of("remorseful_prober", probability=0.0).stochastic


# The library's memory depths, where ours differ. It counts rounds of play without errors (cycler, fortress_*,
# n_tits_for_m_tats, ripoff, solution_b1, contrite_tit_for_tat), or those of a penalty, which may have begun at any
# time (soft_grudger, forgetful_grudger, once_bitten). random_tit_for_tat alternates, whatever happens; appeaser's
# move follows from its last one and the answer to it; remorseful_prober remembers what it meant to do, which noise
# may have changed.
ELSEWHERE = {
    "cycler": 2,
    "n_tits_for_m_tats": 3,
    "fortress_3": 2,
    "fortress_4": 3,
    "ripoff": 3,
    "solution_b1": 2,
    "contrite_tit_for_tat": 3,
    "soft_grudger": 6,
    "forgetful_grudger": 10,
    "once_bitten": 12,
    "random_tit_for_tat": 1,
    "appeaser": math.inf,
    "remorseful_prober": 2,
}
NAMES = {
    "all_c": "Cooperator",
    "all_d": "Defector",
    "cycler": "CyclerCCD",
    "hard_tit_for_two_tats": "HardTitFor2Tats",
    "tit_for_two_tats": "TitFor2Tats",
    "two_tits_for_tat": "TwoTitsForTat",
    "n_tits_for_m_tats": "NTitsForMTats",
    "slow_tit_for_two_tats": "SlowTitForTwoTats2",
    "generous_tit_for_tat": "GTFT",
    "joss": "FirstByJoss",
    "extortion": "ZDExtort2",
    "zd_generous": "ZDGTFT2",
    "zd_set": "ZDSet2",
    "all_or_none": "AON2",
    "delayed_all_or_none": "DelayedAON1",
    "evolved_fsm_16": "EvolvedFSM16",
    "evolved_lookup_1": "EvolvedLookerUp1_1_1",
    "adaptive_pavlov_2006": "APavlov2006",
    "borufsen": "SecondByBorufsen",
    "gladstein": "SecondByGladstein",
    "hard_majority": "HardGoByMajority",
    "soft_majority": "GoByMajority",
    "omega_tit_for_tat": "OmegaTFT",
    "tester": "SecondByTester",
    "black": "SecondByBlack",
    "cave": "SecondByCave",
    "champion": "SecondByChampion",
    "eatherley": "SecondByEatherley",
    "tranquilizer": "SecondByTranquilizer",
    "nydegger": "FirstByNydegger",
    "davis": "FirstByDavis",
    "feld": "FirstByFeld",
    "graaskamp": "FirstByGraaskamp",
    "grofman": "FirstByGrofman",
    "shubik": "FirstByShubik",
    "stein_and_rapoport": "FirstBySteinAndRapoport",
    "tideman_and_chieruzzi": "FirstByTidemanAndChieruzzi",
    "tullock": "FirstByTullock",
    "unnamed": "FirstByAnonymous",
    "stochastic_win_stay_lose_shift": "StochasticWSLS",
    "all_c_or_all_d": "ALLCorALLD",
}


def test_the_axelrod_library_classifies_alike(axelrod):
    known = {player.__name__.casefold(): player for player in axelrod.all_strategies}
    compared = 0
    for name in [name for group in GROUPS.values() for name in group]:
        theirs = known.get(NAMES.get(name, name.replace("_", "")).casefold())
        ours = shipped()[name].properties if name in shipped() else None
        if theirs is None or ours is None or ours.stochastic is None:
            continue
        classified = theirs().classifier
        depth = ELSEWHERE.get(name, ours.memory)
        assert (name, ours.stochastic, depth) == (name, classified["stochastic"], classified["memory_depth"])
        compared += 1
    assert compared > 90


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("nice", True),
        ("nice=no", False),
        ("memory<=1", True),
        ("memory>=2", False),
        ("states = 2", True),
        ("year>=1981", False),
        ("stochastic", False),
    ],
)
def test_conditions_on_tit_for_tat(text, holds):
    assert condition(text)(of("tit_for_tat")) is holds


@pytest.mark.parametrize("text", ["kind", "nice=maybe", "nice>1", "", "memory<=two"])
def test_other_conditions_are_refused_with_a_sentence(text):
    with pytest.raises(DilemmaError, match=r"allowed: learns, game, memory, stochastic, nice, states, year"):
        condition(text)


def test_what_is_unknown_fulfils_no_condition():
    assert of("coins_cooperator").nice is None
    assert not condition("nice=no")(of("coins_cooperator"))


def test_the_table_of_the_shipped_agents_is_what_they_are():
    path = Path(__file__).parents[1] / "src" / "dilemma" / "properties.csv"
    assert path.read_text(encoding="utf-8") == table(), (
        "python -m dilemma.classification > src/dilemma/properties.csv"
    )


def test_properties_in_words_are_read_back():
    for each in shipped().values():
        assert Properties.of(each.properties.words) == each.properties


def test_agents_of_a_tournament_have_the_properties_of_their_parameters():
    agents = {"one": ("prober", {}), "twin": ("prober", {}), "never": ("remorseful_prober", {"probability": 0.0})}
    built = {label: CATALOGUE.build(*given) for label, given in agents.items()}
    plan = Tournament(["prisoners_dilemma"], {**built, "mine": lambda history: 0}).plan
    one, twin, never, mine = map(properties_of, plan.entrants)
    assert one == twin == shipped()["prober"].properties
    assert (shipped()["remorseful_prober"].properties.stochastic, never.stochastic) == (True, False)
    assert (mine.learns, mine.stochastic, mine.memory) == (False, None, math.inf)
