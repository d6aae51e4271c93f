"""Who leaves whom: closed forms, and pairs drawn alike. Keys are fixed; bounds are exceeded once in 10^4."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dilemma.agents.fixed_action import FixedAction
from dilemma.agents.leavers import Hazing, HitAndRun
from dilemma.agents.random_agent import Random
from dilemma.agents.selectors import AvoidDefectors, OutForTat
from dilemma.agents.tremble import Tremble
from dilemma.envs.chance import Chance, Purpose, derive
from dilemma.envs.leave_or_stay import LeaveOrStay, paired
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.testing import check_environment
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

torch.set_num_threads(1)
ERROR = 1e-4
STAYS = FixedAction(action=0)
DEFECTS = FixedAction(action=1)


class Actions:
    """A recorder of the executed actions [match, seat, table] of each round."""

    def __init__(self):
        self.all = []

    def record(self, played):
        self.all.append(played.step.action.clone())


def played(agents, cast=None, tables=1, recorders=(), **parameters):
    """Sums over rounds of payoff and measures, of each seat."""
    cast = list(range(len(agents))) if cast is None else cast
    game = LeaveOrStay(players=len(cast), **parameters)
    return play(
        game,
        agents,
        torch.tensor([cast]),
        derive(torch.arange(1), 0),
        Protocol(tables=tables),
        recorders=recorders,
    )


def moves(agents, rounds, **parameters):
    """The actions of two players round by round: small letters leave."""
    watch = Actions()
    played(agents, rounds=rounds, recorders=[watch], **parameters)
    return ["".join("CDcd"[actions[0, seat, 0]] for actions in watch.all) for seat in range(2)]


@pytest.mark.parametrize(
    ("agents", "first", "second"),
    [
        ((OutForTat(), STAYS), "CCCCCC", "CCCCCC"),
        ((OutForTat(), DEFECTS), "CcCcCc", "DDDDDD"),
        ((AvoidDefectors(rounds=5), DEFECTS), "CcCcCc", "DDDDDD"),  # the next partner is another one
        ((HitAndRun(), STAYS), "DdDdDd", "CCCCCC"),
        ((HitAndRun(rounds=2), STAYS), "DDdDDd", "CCCCCC"),
        ((Hazing(rounds=2), Hazing(rounds=2)), "DDCCCC", "DDCCCC"),
        ((Hazing(), DEFECTS), "DCcDCc", "DDDDDD"),
        ((Hazing(rounds=2), OutForTat()), "DDDDDD", "CcCcCc"),
        ((Hazing(rounds=0), DEFECTS), "CcCcCc", "DDDDDD"),
    ],
    ids=str,
)
def test_scripts(agents, first, second):
    assert moves(agents, 6) == [first, second]


@pytest.mark.parametrize(
    ("agents", "parameters", "paid"),
    [
        ((STAYS, DEFECTS), {}, (0, 50)),
        ((OutForTat(), DEFECTS), {}, (0, 25)),  # every other round
        ((OutForTat(), DEFECTS), {"alone": 2.0}, (10, 35)),
        ((OutForTat(), DEFECTS), {"alone": 2.0, "after_leaving": "alone"}, (18, 23)),
        ((Hazing(rounds=3), Hazing(rounds=3)), {}, (3 + 7 * 3,) * 2),
        ((HitAndRun(), HitAndRun()), {"alone": 0.5}, (7.5, 7.5)),
    ],
    ids=str,
)
def test_ten_rounds_pay(agents, parameters, paid):
    assert played(agents, rounds=10, **parameters).payoff.flatten().tolist() == pytest.approx(paid)


def test_partnerships_last_geometrically_if_leaving_has_a_constant_probability():
    """Each stays with probability 1 - rate / 2, so a pair with s = its square plays n rounds with s^n (1 - s).

    Whoever is alone in a round has a partner in the next, so s is also the share of rounds that are played.
    """
    rate, rounds, tables = 0.3, 60, 500
    s = (1 - rate / 2) ** 2
    found = played([Tremble(of=STAYS, rate=rate)], cast=[0] * 4, rounds=rounds, tables=tables)
    total = {name: value.sum().item() for name, value in found.measures.items()}
    pairs = 4 * tables * rounds // 2
    assert stats.binomtest(round(total["played"] / 2), pairs, s).pvalue > ERROR
    # An ended partnership is seen from both sides, and one of n rounds if it begins n + 1 rounds before the match
    # ends: in round 0 for sure, and in each later one with probability 1 - s.
    assert total["ended"] == total["alone"]
    for name, lengths in (("lasted_0", [0]), ("lasted_1", [1]), ("lasted_2", [2]), ("lasted_8", range(8, rounds))):
        expected = 2 * tables * sum((1 + (1 - s) * (rounds - 1 - n)) * s**n * (1 - s) for n in lengths)
        assert total[name] / 2 == pytest.approx(expected, abs=4 * expected**0.5), name


def test_left_for_good_they_are_alone_to_the_end():
    """A round t is played with probability s^(t + 1)."""
    rate, rounds, tables = 0.2, 20, 4000
    s = (1 - rate / 2) ** 2
    agents = [Tremble(of=STAYS, rate=rate)]
    found = played(agents, cast=[0, 0], rounds=rounds, tables=tables, after_leaving="alone")
    shares = found.measures["played"][0, 0] / rounds
    expected = sum(s ** (t + 1) for t in range(rounds)) / rounds
    assert abs(shares.mean() - expected) < stats.norm.isf(ERROR / 2) * shares.std() / tables**0.5
    assert torch.equal(found.measures["played"][0, 0], found.measures["played"][0, 1])
    assert found.measures["ended"].max() == 1


@settings(max_examples=50, deadline=None)
@given(
    free=st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=1, max_size=5),
    key=st.integers(0, 2**31),
)
def test_all_who_are_free_are_paired_but_one_of_an_odd_number(free, key):
    here = torch.tensor(free).T[None]
    lots = Chance.at_tables(derive(torch.arange(1), key), len(free)).parts(7).bits(Purpose.START, 0, 0)
    partner = paired(here, lots)[0].T
    for row, is_free in zip(partner.tolist(), free, strict=True):
        met = {seat: other for seat, other in enumerate(row) if other >= 0}
        assert all(is_free[seat] and met[other] == seat != other for seat, other in met.items())
        assert len(met) == sum(is_free) // 2 * 2


def test_any_two_meet_alike():
    tables = 30000
    state = LeaveOrStay(players=6).reset(1, tables, Chance.at_tables(derive(torch.arange(1), 0), tables))
    partner = state.tensors["partner"][0]
    for seat in range(6):
        counts = partner[seat].bincount(minlength=6)
        assert counts[seat] == 0
        others = [count for other, count in enumerate(counts.tolist()) if other != seat]
        assert stats.chisquare(others).pvalue > ERROR / 6


def test_what_a_player_sees():
    game = LeaveOrStay(players=2)
    chance = Chance.at_tables(derive(torch.arange(1), 0), 1)
    state, seen = game.reset(1, 1, chance), []
    for actions in ([1, 0], [1, 1], [0, 3], [1, 1]):
        seen.append(state.observation[0, 0, 0].tolist())
        state, step = game.step(state, torch.tensor(actions)[None, :, None], chance)
    assert seen == [[1, 0, 0, 0], [1, 1, 0, 0.5], [1, 1, 1, pytest.approx(2 / 3)], [1, 0, 0, 0]]
    assert step.seen.flatten().tolist() == [1, 1]
    _, step = game.step(state, torch.tensor([0, 2])[None, :, None], chance)
    assert step.seen.flatten().tolist() == [2, 2]


def test_cooperation_by_age_tells_hazing():
    found = played([Hazing(rounds=2)], cast=[0] * 6, rounds=10).measures
    total = {name: value.sum().item() for name, value in found.items()}
    ages = ("first", "second", "third", "later")
    assert [total[f"{age}_cooperations"] / total[f"{age}_rounds"] for age in ages] == [0, 0, 1, 1]


def test_noise_changes_moves_and_sends_nobody_away():
    """A sum of 4 seats' 400 tables in 50 rounds."""
    found = played([STAYS], cast=[0] * 4, rounds=50, tables=400, noise=0.1).measures
    assert found["alone"].sum() == 0
    cooperations = round(found["cooperations"].sum().item())
    assert stats.binomtest(cooperations, 4 * 400 * 50, 0.9).pvalue > ERROR


@pytest.mark.parametrize(
    "game", [LeaveOrStay(players=5), LeaveOrStay(players=2, after_leaving="alone"), LeaveOrStay(noise=0.2)]
)
def test_the_contract(game):
    check_environment(game)


def test_where_leavers_do_not_play():
    assert Hazing().refuses(PrisonersDilemma()) == "stays or leaves, which is for leave_or_stay"
    assert OutForTat().refuses(PrisonersDilemma()) is not None
    assert Random().refuses(LeaveOrStay()) is None
