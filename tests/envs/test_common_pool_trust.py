"""The common pool: figures of an independent script, what is conserved, and who sees what."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dilemma.agents.agent import Agent
from dilemma.agents.interpolating_mechanism import InterpolatingMechanism, fitted_exponent
from dilemma.agents.mechanisms import EqualMechanism, MixedMechanism, ProportionalMechanism, mixture
from dilemma.agents.pool_players import ConstantReturner
from dilemma.agents.random_agent import Random
from dilemma.envs.chance import Chance, derive
from dilemma.envs.common_pool_trust import CommonPoolTrust, gini
from dilemma.envs.environment import State
from dilemma.tournament.arena import play

torch.set_num_threads(1)

EQUAL, MIXED, PROPORTIONAL, INTERPOLATING = (
    EqualMechanism(),
    MixedMechanism(),
    ProportionalMechanism(),
    InterpolatingMechanism(),
)
STATIONARY = 5 / 7
"""The share that keeps a full pool full."""


def episode(shares: tuple[float, ...], mechanism: Agent, game: CommonPoolTrust | None = None) -> dict[str, Tensor]:
    """What players with constant shares earn, and measures per round [seat]."""
    agents = [*(ConstantReturner(share=share) for share in shares), mechanism]
    played = play(game or CommonPoolTrust(), agents, torch.arange(len(agents))[None], torch.tensor([1]))
    means = {"payoff": played.payoff, **played.measures}
    return {name: (total / played.weight)[0, :, 0] for name, total in means.items()}


def start(game: CommonPoolTrust, matches: int = 1, tables: int = 1) -> tuple[State, Chance]:
    chance = Chance.at_tables(derive(torch.arange(matches), 0), tables)
    return game.reset(matches, tables, chance), chance


@pytest.mark.parametrize(
    ("shares", "mechanism", "means", "surplus", "inequality", "final"),
    [
        ((STATIONARY,) * 3 + (0,), EQUAL, (1.43, 1.43, 1.43, 5.00), 2.321, 0.288, 0.0),
        ((STATIONARY,) * 3 + (0,), MIXED, (2.84, 2.84, 2.84, 4.98), 3.377, 0.119, 0.8),
        ((STATIONARY,) * 3 + (0,), PROPORTIONAL, (14.29, 14.29, 14.29, 1.25), 11.027, 0.222, 150.0),
        ((STATIONARY,) * 3 + (0,), INTERPOLATING, (14.18, 14.18, 14.18, 1.31), 10.958, 0.220, 147.8),
        ((0.8, 0.8, 0.8, 0), EQUAL, (1.56, 1.56, 1.56, 7.81), 3.122, 0.375, 0.2),
        ((0.8, 0.8, 0.8, 0), MIXED, (6.93, 6.93, 6.93, 15.56), 9.087, 0.178, 76.4),
        ((0.8, 0.8, 0.8, 0), PROPORTIONAL, (13.18, 13.18, 13.18, 1.25), 10.195, 0.219, 200.0),
        ((0.8, 0.8, 0.8, 0), INTERPOLATING, (11.23, 11.23, 11.23, 20.75), 13.608, 0.131, 178.1),
        ((0.9, 0.8, 0.7, 0.6), EQUAL, (5, 10, 15, 20), 12.5, 0.250, 200.0),
        ((0.9, 0.8, 0.7, 0.6), MIXED, (6.00, 10.45, 13.88, 16.59), 11.730, 0.188, 200.0),
        ((0.9, 0.8, 0.7, 0.6), PROPORTIONAL, (16.08, 4.93, 2.80, 2.10), 6.477, 0.425, 200.0),
        ((0.9, 0.8, 0.7, 0.6), INTERPOLATING, (5, 10, 15, 20), 12.5, 0.250, 200.0),
    ],
)
def test_constant_returners_earn_what_an_independent_script_says(
    shares, mechanism, means, surplus, inequality, final
):
    found = episode(shares, mechanism)
    assert found["payoff"].tolist() == pytest.approx([*means, surplus], abs=0.0055)
    assert found["surplus"].tolist() == pytest.approx([surplus] * 5, abs=0.00055)
    assert found["gini"].tolist() == pytest.approx([inequality] * 5, abs=0.00055)
    assert found["final_pool"].tolist() == pytest.approx([final] * 5, abs=0.055)
    assert found["survived"].tolist() == [final > 1] * 5


@pytest.mark.parametrize(
    ("share", "surplus", "final"),
    [
        (0.8, 10.0, 200.0),
        (0.6, 3.122, 0.2),
        (0.5, 2.083, 0.0),
        (STATIONARY, 14.286, 200.0),
        (0, 1.25, 0),
        (1, 0, 200),
    ],
)
def test_players_that_are_alike_earn_the_same_under_every_mechanism(share, surplus, final):
    for mechanism in (EQUAL, MIXED, PROPORTIONAL, INTERPOLATING):
        found = episode((share,) * 4, mechanism)
        assert found["payoff"].tolist() == pytest.approx([surplus] * 5, abs=0.0005)
        assert found["final_pool"][0] == pytest.approx(final, abs=0.05)
        assert found["gini"][0] == pytest.approx(0, abs=1e-12)


def test_the_pool_is_alive_until_it_first_falls_below_1():
    # 200, then 0.84 of it each time: below 1 after round 31, the first with 200 * 0.84^k < 1.
    found = episode((0.6,) * 4, EQUAL)
    assert found["alive"].tolist() == pytest.approx([30 / 40] * 5)


def test_who_returns_nothing_is_excluded_by_proportion():
    found = episode((STATIONARY,) * 3 + (0,), PROPORTIONAL)
    assert found["excluded"].tolist() == pytest.approx([0, 0, 0, 39 / 40, 39 / 160])


def test_the_optimum_is_to_hold_the_pool_full_and_keep_all_at_the_end():
    assert CommonPoolTrust().optimum == pytest.approx(15.1786, abs=5e-5)
    assert CommonPoolTrust().optimum * 160 == pytest.approx(2428.57, abs=0.005)


@pytest.mark.parametrize(
    ("start", "growth", "rounds"), [(20.0, 0.4, 5), (200.0, 0.4, 5), (90.0, 1.0, 4), (200.0, 0.0, 3)]
)
def test_no_plan_of_shares_in_steps_of_a_twentieth_does_better_than_the_optimum(start, growth, rounds):
    game = CommonPoolTrust(start=start, growth=growth, rounds=rounds)
    pools, kept = torch.tensor([start]), torch.tensor([0.0])
    for last in [*([False] * (rounds - 1)), True]:
        steps = torch.zeros(1) if last else torch.linspace(0, 1, 21)
        kept = (kept[:, None] + pools[:, None] * (1 - steps)).flatten()
        pools = (pools[:, None] * (1 + growth) * steps).clamp(max=200).flatten()
    best = float(kept.max()) / (4 * rounds)
    assert game.optimum * 0.97 <= best <= game.optimum + 1e-4


@given(
    shares=st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=10, max_size=10),
    floor=st.sampled_from([0.0, 0.01, 3.0]),
    whole=st.booleans(),
    first=st.floats(1, 200),
)
@settings(max_examples=100, deadline=None)
def test_the_pool_and_the_budget_balance(shares, floor, whole, first):
    game = CommonPoolTrust(start=max(first, floor), floor=floor, whole_units=whole, rounds=5)
    state, chance = start(game)
    for move, action in enumerate(shares[: int(game.horizon)]):
        joint = torch.zeros(1, 5, 1, 4, dtype=torch.float64)
        joint[0, :4, 0, 0] = joint[0, 4, 0] = torch.tensor(action, dtype=torch.float64)
        before, (state, step) = state.tensors, game.step(state, joint, chance)
        now = state.tensors
        pool, given_out = float(before["pool"]), now["allocated"]
        assert float(given_out.sum()) <= pool * (1 + 1e-12)
        if move % 2:
            assert float(now["pool"]) == pool
            assert not step.reward.any()
            continue
        returned, kept = now["returned"], step.reward[:, :4]
        assert bool((returned >= 0).all() and (returned <= given_out).all())
        assert torch.allclose(kept + returned, given_out, rtol=0, atol=1e-9)
        assert step.reward[0, 4, 0] == pytest.approx(float(kept.mean()))
        expected = pool - float(given_out.sum()) + 1.4 * float(returned.sum())
        assert float(now["pool"]) == pytest.approx(max(floor, min(200.0, expected)), abs=1e-9)
        if whole:
            assert bool((given_out == given_out.round()).all() and (returned == returned.round()).all())


def test_shares_that_add_up_to_more_than_1_are_scaled_down_and_less_stays_in_the_pool():
    game = CommonPoolTrust()
    state, chance = start(game, matches=2)
    joint = torch.ones(2, 5, 1, 4, dtype=torch.float64)
    state, _ = game.step(state, joint, chance)  # all return all: the pool is full
    joint[0, 4], joint[1, 4] = torch.tensor([1.0, 1.0, 1.0, 0.0]), torch.tensor([0.1, 0.2, 0.0, 0.0])
    state, _ = game.step(state, joint, chance)
    assert state.tensors["allocated"][:, :, 0].tolist() == [
        pytest.approx([200 / 3, 200 / 3, 200 / 3, 0]),
        pytest.approx([20, 40, 0, 0]),
    ]
    joint[:, :4] = 0
    state, _ = game.step(state, joint, chance)
    assert state.tensors["pool"].flatten().tolist() == pytest.approx([0, 140])


@pytest.mark.parametrize(
    ("incomes", "found"), [((1, 1, 1, 1), 0), ((0, 0, 0, 4), 0.75), ((5, 10, 15, 20), 0.25), ((0, 0, 0, 0), 0)]
)
def test_gini(incomes, found):
    assert float(gini(torch.tensor(incomes, dtype=torch.float64)[None, :, None])) == pytest.approx(found)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=6))
def test_gini_is_the_mean_difference_over_twice_the_mean(incomes):
    values = torch.tensor(incomes, dtype=torch.float64)
    mean = float(values.mean())
    difference = float((values[:, None] - values).abs().mean())
    found = float(gini(values[None, :, None]))
    assert found == pytest.approx(difference / (2 * mean) if values.any() else 0, abs=1e-9)


def test_players_see_themselves_first_and_the_mechanism_sees_them_by_seat():
    game = CommonPoolTrust(players=3, start=120.0)
    state, chance = start(game)
    joint = torch.zeros(1, 4, 1, 3, dtype=torch.float64)
    joint[0, :3, 0, 0] = torch.tensor([0.5, 0.25, 1.0])
    state, _ = game.step(state, joint, chance)
    pool = (1.4 * 70 + 0) / 200
    given_out, returned = [0.2] * 3, [0.1, 0.05, 0.2]
    expected = [[0, pool, *given_out, *(returned[seat:] + returned[:seat])] for seat in range(3)]
    expected.append([0, pool, *given_out, *returned])
    assert torch.allclose(state.observation[0, :, 0], torch.tensor(expected))


def test_with_levels_0_is_all_and_the_last_is_nothing_and_nobody_chooses_while_the_mechanism_moves():
    game = CommonPoolTrust(levels=3)
    state, chance = start(game)
    assert bool(state.action_mask.all())
    joint = torch.zeros(1, 5, 1, 4, dtype=torch.float64)
    joint[0, :4, 0, 0] = torch.tensor([0, 1, 2, 2])
    state, step = game.step(state, joint, chance)
    assert state.tensors["returned"].flatten().tolist() == [50, 25, 0, 0]
    assert state.action_mask[0, 0, 0].tolist() == [True, False, False]
    state, step = game.step(state, joint, chance)
    assert not step.action[0, :4].any()


def test_a_random_end_gives_the_same_measures_as_episodes_of_that_length():
    game = CommonPoolTrust(continuation=0.8)
    agents = [*(ConstantReturner(share=share) for share in (0.9, 0.7, 0.6, 0.2)), MIXED]
    played = play(game, agents, torch.arange(5)[None].repeat(50, 1), torch.arange(50))
    lengths = played.weight[:, 0, 0]
    assert len(lengths.unique()) > 5
    for length in lengths.unique().tolist():
        alone = episode((0.9, 0.7, 0.6, 0.2), MIXED, CommonPoolTrust(rounds=int(length)))
        for name, total in {"payoff": played.payoff, **played.measures}.items():
            of_that_length = (total / played.weight)[lengths == length, :, 0]
            assert torch.allclose(of_that_length, alone[name].expand_as(of_that_length), atol=1e-9), name


def test_one_agent_may_play_and_allocate_and_is_charged_for_both():
    played = play(CommonPoolTrust(rounds=4), [Random()], torch.zeros(2, 5, dtype=torch.int64), torch.arange(2))
    assert sorted(cost.chairs for cost in played.costs) == [2, 8]


def test_no_return_at_all_is_shared_equally():
    nothing = torch.zeros(1, 4)
    for part in (0.0, 0.5, 1.0):
        assert mixture(nothing, part).tolist() == [[0.25] * 4]


@pytest.mark.parametrize("exponent", [0.5, 3.0, 22.0, 150.0])
def test_the_exponent_is_found_again(exponent):
    generator = torch.Generator().manual_seed(1)
    pool = 0.8 + 0.2 * torch.rand(200, generator=generator, dtype=torch.float64)
    returned = torch.rand(200, 4, generator=generator, dtype=torch.float64)
    returned[0] = 0
    shares = mixture(returned, InterpolatingMechanism(exponent=exponent).equal_part(pool))
    assert fitted_exponent(pool, returned, 0.7 * shares) == pytest.approx(exponent, rel=1e-5)


@pytest.mark.parametrize(
    ("returned", "says"), [([[0, 0]], "nobody returned anything"), ([[3, 3]], "everybody returned the same")]
)
def test_samples_that_say_nothing_have_no_exponent(returned, says):
    with pytest.raises(ValueError, match=says):
        fitted_exponent([0.9], returned, [[0.5, 0.5]])


@pytest.mark.parametrize(
    ("given_", "says"), [({"start": 300.0}, "start: found 300"), ({"floor": 201.0}, "at most the capacity, 200")]
)
def test_a_pool_beyond_its_capacity_is_refused(given_, says):
    with pytest.raises(ValueError, match=says):
        CommonPoolTrust(**given_)
