"""Exact learners against published gradients and figures.

Figures are means over 256 tables, each an independent pair; tolerances are the published ones, at least four
standard errors here. Sources: Foerster et al. 2018, Letcher et al. 2019, Lu et al. 2022, Zhao et al. 2022 and Zhou
et al. 2024, as re-run with 1,000 pairs from the formulas.
"""

import pytest
import torch

from dilemma.agents.agent import Chairs, Observation, Round
from dilemma.agents.learners.exact.cgd_exact import CgdExact
from dilemma.agents.learners.exact.consensus_exact import ConsensusExact
from dilemma.agents.learners.exact.exact_learner import Point
from dilemma.agents.learners.exact.extragradient_exact import ExtragradientExact
from dilemma.agents.learners.exact.lola_exact import LolaExact
from dilemma.agents.learners.exact.lookahead_exact import LookaheadExact
from dilemma.agents.learners.exact.naive_exact import NaiveExact
from dilemma.agents.learners.exact.pola_exact import PolaExact
from dilemma.agents.learners.exact.sos_exact import SosExact
from dilemma.agents.learners.exact.symplectic_exact import SymplecticExact
from dilemma.agents.learners.reciprocity.reciprocator_exact import ReciprocatorExact
from dilemma.envs.chance import Chance, derive
from dilemma.envs.environment import Step
from dilemma.envs.matrix_game import bimatrix
from dilemma.envs.one_shot_game import OneShotGame, Tandem
from dilemma.envs.policy_game import PolicyGame
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

torch.set_num_threads(1)

TABLES = 256
UNEQUAL = (((3, 0), (5, 1)), ((2, 7), (-1, 4)))
PENNIES = (((-1, 1), (1, -1)), ((1, -1), (-1, 1)))
STATIC = NaiveExact(learning_rate=0)
LEARNERS = [
    NaiveExact(),
    LolaExact(),
    LolaExact(full=False),
    LookaheadExact(),
    SosExact(),
    CgdExact(),
    ConsensusExact(),
    SymplecticExact(),
    ExtragradientExact(),
    PolaExact(iterations=20),
    ReciprocatorExact(refresh=3),
]
NAMES = [type(agent).__name__ for agent in LEARNERS]


@pytest.mark.parametrize(
    ("agent", "descent"),
    [
        (NaiveExact(), (0.25, 1.5, 1.5, 1.5, 1.5)),
        (LookaheadExact(), (0.25, 0.4125, 2.5875, 0.4125, 2.5875)),
        (LolaExact(full=False), (0.25, -2.85, 5.85, -2.85, 5.85)),
        (LolaExact(), (0.25, -3.9375, 6.9375, -3.9375, 6.9375)),
        (SosExact(), (0.25, -3.9375, 6.9375, -3.9375, 6.9375)),
        (CgdExact(), (0.1223, 0.2018, 1.2659, 0.2018, 1.2659)),
        (ConsensusExact(), (0.25, 0.4125, 4.7625, -1.7625, 2.5875)),
        (SymplecticExact(), (0.25, -0.1312, 3.1313, -0.1312, 3.1313)),
    ],
)
def test_directions_where_everybody_tosses_coins(agent, descent):
    game, half = PolicyGame(), torch.full((5, 1, 1), 0.5, dtype=torch.float64)
    found = agent.ascent(Point(game, game.rewards(torch.tensor([0])), half, half))
    assert (-found).flatten().tolist() == pytest.approx(descent, abs=1e-4)


def shapes(points=3):
    generator = torch.Generator().manual_seed(5)
    return torch.rand(2, 5, 1, points, generator=generator, dtype=torch.float64)


def test_curvature_in_logits_is_autograds():
    game, (own, other) = PolicyGame(payoffs=UNEQUAL), shapes(1)
    rewards = game.rewards(torch.tensor([1]))
    point = Point(game, rewards, own, other)
    for whose, policy in ((1, own), (2, other)):

        def value(logit, whose=whose):
            pair = (logit.sigmoid(), other[:, 0, 0]) if whose == 1 else (own[:, 0, 0], logit.sigmoid())
            return game.values(*pair, rewards[..., 0, 0])[whose - 1]

        hessian = torch.func.hessian(value)(policy[:, 0, 0].logit())
        for step, expected in zip(torch.eye(5).double(), hessian, strict=True):
            found = point.hvp(whose, whose, whose, step[:, None, None])
            assert torch.allclose(found[:, 0, 0], expected)


# Every learner, on both seats.


class Bench:
    """Players of two agents, one on each seat, whose rounds are stepped by hand."""

    def __init__(self, game, agents, start=None, tables=4):
        self.game, self.round = game, 0
        self.players = []
        for seat, agent in enumerate(agents):
            keys = derive(torch.tensor([7]), seat + 1)
            player = agent.sit(Chairs(game, torch.tensor([seat]), Chance.at_tables(keys, tables)))
            if start is not None:
                player.load_state_dict({**player.state_dict(), "parameters": start[seat][None]})
            self.players.append(player)

    def shown(self):
        state = self.game.reset(1, 1, Chance.at_tables(torch.tensor([0]), 1))
        state = type(state)(0, self.round, None, state.tensors)
        return [player.act(Observation(state, None)) for player in self.players]

    def tell(self, seat, own, other):
        step = Step(own[:, None], torch.zeros(1, 1, own.shape[1]), other[:, None, None])
        with torch.no_grad():
            self.players[seat].observe(Round(step, None))

    def play(self, rounds):
        for _ in range(rounds):
            one, other = self.shown()
            self.tell(0, one, other)
            self.tell(1, other, one)
            self.round += 1
        return [player.state_dict()["parameters"][0] for player in self.players]


def start(tables=4, components=5):
    generator = torch.Generator().manual_seed(9)
    return torch.randn(2, tables, components, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("agent", LEARNERS, ids=NAMES)
@pytest.mark.parametrize("payoffs", [(-1, -3, 0, -2), UNEQUAL])
def test_swapping_seats_mirrors_what_is_learned(agent, payoffs):
    row, column = bimatrix(payoffs)
    mirrored = (tuple(map(tuple, column.T)), tuple(map(tuple, row.T)))
    begin, other = start(), LolaExact(learning_rate=0.5)
    first = Bench(PolicyGame(payoffs=payoffs), [agent, other], begin).play(5)
    second = Bench(PolicyGame(payoffs=mirrored), [other, agent], begin.flip(0)).play(5)
    assert torch.allclose(first[0], second[1], atol=1e-9)
    assert torch.allclose(first[1], second[0], atol=1e-9)
    assert not torch.allclose(first[0], begin[0], atol=1e-2)


@pytest.mark.parametrize("agent", LEARNERS, ids=NAMES)
def test_a_frozen_learner_shows_what_it_showed(agent):
    bench = Bench(PolicyGame(), [agent, NaiveExact()])
    bench.play(2)
    bench.players[0].learning = False
    before, there = bench.shown()
    state = bench.players[0].state_dict()
    bench.play(2)
    after, moved = bench.shown()
    assert torch.equal(before, after)
    assert not torch.equal(there, moved)
    assert all(torch.equal(state[name], value) for name, value in bench.players[0].state_dict().items())


@pytest.mark.parametrize("agent", LEARNERS, ids=NAMES)
def test_a_loaded_learner_goes_on_bit_for_bit(agent):
    bench, again = (Bench(PolicyGame(), [agent, NaiveExact()]) for _ in range(2))
    bench.play(4)
    for player, other in zip(bench.players, again.players, strict=True):
        state = {name: value.clone() for name, value in player.state_dict().items()}
        assert all(len(value) == 1 for value in state.values())
        other.load_state_dict(state)
    again.round = bench.round
    for one, other in zip(bench.play(4), again.play(4), strict=True):
        assert torch.equal(one, other)


def test_nothing_is_learned_from_the_last_round():
    bench = Bench(PolicyGame(rounds=2), [NaiveExact(), NaiveExact()])
    assert torch.equal(bench.play(2)[0], bench.play(1)[0])


def test_policies_at_the_bounds_give_finite_steps():
    begin = start()
    begin[1] = 1e6 * torch.tensor([1.0, 1, -1, 1, -1])
    for agent in LEARNERS:
        assert torch.isfinite(torch.stack(Bench(PolicyGame(), [agent, STATIC], begin).play(3))).all()


# The Reciprocator.


def objective(agent, game, rewards, own, other, usual):
    """What a Reciprocator ascends, summed over three outcomes in a row [table]; everything in its own view."""
    discount, states, outcomes = game.discount, range(5), range(4)
    rewards = rewards[..., 0, 0]
    other, others_usual = other[[0, 1, 3, 2, 4]], usual[1]
    move = torch.stack((own * other, own * (1 - other), (1 - own) * other, (1 - own) * (1 - other)), 1)
    read = [0, 0, 2, 1, 3] if agent.published else states

    def received(state, outcome):
        own_action = 2 * (outcome // 2)
        usually = others_usual[read[state]] * rewards[own_action, 0]
        return rewards[outcome, 0] - usually - (1 - others_usual[read[state]]) * rewards[own_action + 1, 0]

    def given(state, outcome):
        other_action = outcome % 2
        usually = usual[0][read[state]] * rewards[other_action, 1]
        return rewards[outcome, 1] - usually - (1 - usual[0][read[state]]) * rewards[other_action + 2, 1]

    inverse = torch.linalg.inv(torch.eye(4) - discount * move[1:].permute(2, 0, 1))
    visits = torch.einsum("ot,tok->kt", move[0], inverse)
    total = (visits.T @ rewards[:, 0]) if not agent.published else 0
    weight = agent.weight
    for last in states if not agent.published else states[1:]:
        often = torch.ones_like(own[0]) * discount if last == 0 else visits[last - 1] * discount**2
        often = often / discount**2 if agent.published else often
        for now in outcomes:
            for then in outcomes:
                probability = often * move[last, now] * move[now + 1, then]
                pay = weight * received(last, now) * given(now + 1, then)
                total = total + probability * (pay + (rewards[then, 0] if agent.published else 0))
    return total


@pytest.mark.parametrize("published", [False, True])
def test_the_reciprocators_direction_is_the_gradient_of_its_objective(published):
    agent, game = ReciprocatorExact(published=published, refresh=2, buffer=3), PolicyGame(payoffs=UNEQUAL)
    bench = Bench(game, [NaiveExact(), agent])
    player, rewards = bench.players[1], game.rewards(torch.tensor([1]))
    seen = []
    for round in range(4):
        seen.append([policy[0].T for policy in reversed(bench.shown())])
        before, after = player.state_dict()["parameters"][0], bench.play(1)[1]
        usual = torch.full((2, 5, 4), 0.5, dtype=torch.float64)
        if round >= 2:
            usual = torch.stack([torch.stack(policies) for policies in seen[:2]]).mean(0)
        usual[1] = usual[1][[0, 1, 3, 2, 4]]
        logits = before.T.clone().requires_grad_()
        objective(agent, game, rewards, logits.sigmoid(), seen[-1][1], usual).sum().backward()
        assert torch.allclose((after - before).T, logits.grad, atol=1e-9)


def test_a_reciprocator_of_weight_0_is_a_naive_learner():
    for other in (NaiveExact(), LolaExact()):
        one, naive = (
            Bench(PolicyGame(), [agent, other], start()).play(5)
            for agent in (ReciprocatorExact(weight=0), NaiveExact())
        )
        assert torch.allclose(one[0], naive[0], atol=1e-12)


def test_the_reciprocators_measures():
    game = PolicyGame()
    bench = Bench(game, [ReciprocatorExact(), ReciprocatorExact()])
    bench.play(1)
    one, other = (player.measures() for player in bench.players)
    # Baselines are 1/2, and with the other's action fixed one's own is worth 2 to it: influence is 2 P(C) - 1.
    outcome = game.outcome(*(p.movedim(-1, 0) for p in bench.shown()), game.rewards(torch.tensor([0])))
    assert torch.allclose(one["influence_received"], other["influence_given"])
    again = Bench(game, [ReciprocatorExact(), ReciprocatorExact()])
    outcome = game.outcome(*(p.movedim(-1, 0) for p in again.shown()), game.rewards(torch.tensor([0])))
    assert torch.allclose(one["influence_given"], 2 * outcome.cooperation[0] - 1)
    assert torch.allclose(one["balance"], 0.96 * one["influence_received"])
    assert bool((one["reciprocal_reward"].abs() <= 1).all())


def test_the_authors_order_of_updates_gives_their_figure():
    """There the second moves on what the first has become; where both move at once, 1,024 pairs give -1.04."""
    bench, game = Bench(PolicyGame(), [ReciprocatorExact(published=True)] * 2, tables=TABLES), PolicyGame()
    total = 0
    for _ in range(100):
        one, other = bench.shown()
        bench.tell(0, one, other)
        first, _ = bench.shown()
        bench.tell(1, other, first)
        bench.round += 1
        both = [policy.movedim(-1, 0) for policy in bench.shown()]
        total += game.outcome(*both, game.rewards(torch.tensor([0]))).reward.mean((1, 2))
    assert (total / 100).tolist() == pytest.approx([-1.063, -1.071], abs=0.02)


# Published figures.


def tournament(game, pairs, tables=TABLES, seed=0):
    """The mean over steps, and the last point of the curve, of each pair [pair, seat]."""
    agents = list({agent: None for pair in pairs for agent in pair})
    cast = torch.tensor([[agents.index(agent) for agent in pair] for pair in pairs])
    keys = derive(torch.arange(len(pairs)), seed)
    played = play(game, agents, cast, keys, Protocol(tables=tables))
    return (played.payoff / played.weight).mean(2), played.curves["payoff"][-1]


def test_self_play_after_100_steps():
    published = [
        (NaiveExact(), -1.987, 0.02),
        (ExtragradientExact(), -1.973, 0.03),
        (CgdExact(), -1.955, 0.03),
        (LookaheadExact(), -1.927, 0.03),
        (SymplecticExact(), -1.878, 0.05),
        (ConsensusExact(), -1.68, 0.05),
        (LolaExact(full=False), -1.047, 0.03),
        (LolaExact(), -1.052, 0.03),
        (SosExact(), -1.06, 0.03),
    ]
    _, last = tournament(PolicyGame(), [(agent, agent) for agent, *_ in published])
    for (agent, value, error), found in zip(published, last.mean(1).tolist(), strict=True):
        assert found == pytest.approx(value, abs=error), agent


def test_means_over_100_steps():
    own, reciprocator = ReciprocatorExact(), ReciprocatorExact(published=True)
    published = [
        (NaiveExact(), NaiveExact(), -1.983, -1.983, 0.01),
        (NaiveExact(), LolaExact(), -1.525, -1.31, 0.03),
        (LolaExact(), LolaExact(), -1.10, -1.10, 0.02),
        (NaiveExact(), STATIC, -1.004, -2.457, 0.03),
        (LolaExact(), STATIC, -1.357, -1.758, 0.06),
        (STATIC, STATIC, -1.502, -1.502, 0.06),
        (reciprocator, NaiveExact(), -1.03, -1.06, 0.02),
        (reciprocator, LolaExact(), -1.062, -1.09, 0.03),
    ]
    mean, last = tournament(PolicyGame(), [*(row[:2] for row in published), (own, own), (own, NaiveExact())])
    for (one, other, first, second, error), found in zip(published, mean[:-2].tolist(), strict=True):
        assert found == pytest.approx([first, second], abs=error), (one, other)
    assert (last[-2:] > -1.15).all()
    assert mean[-2].tolist() == pytest.approx([-1.02, -1.02], abs=0.02)


def test_matching_pennies_for_100_steps():
    pairs = [(NaiveExact(), LolaExact()), (NaiveExact(), STATIC), (LolaExact(), STATIC)]
    mean, _ = tournament(PolicyGame(payoffs=PENNIES), pairs)
    assert mean[:, 0].tolist() == pytest.approx([0.187, 0.371, 0.095], abs=0.06)
    assert torch.allclose(mean.sum(1), torch.zeros(3, dtype=torch.float64), atol=1e-12)


def test_lola_finds_the_equilibrium_of_matching_pennies_and_naive_learners_do_not():
    game = PolicyGame(payoffs=PENNIES, discount=0.9, rounds=1000)
    agents = [LolaExact(learning_rate=0.1), NaiveExact(learning_rate=0.1)]
    cast, keys = torch.tensor([[0, 0], [1, 1]]), derive(torch.arange(2), 0)
    names = ("lola", "naive")
    learned = play(game, agents, cast, keys, Protocol(tables=100, keep=names), names).learned
    near = [(learned[index].state["parameters"].sigmoid() - 0.5).abs().amax((0, 2)) < 0.05 for index in (0, 1)]
    assert near[0].double().mean() >= 0.97
    assert near[1].double().mean() == 0


def test_one_shot_chicken():
    game = OneShotGame(payoffs=(0, -1, 1, -100))
    mean, _ = tournament(
        game, [(NaiveExact(), LolaExact()), (NaiveExact(), NaiveExact()), (LolaExact(), LolaExact())]
    )
    assert mean[0].tolist() == pytest.approx([-0.966, 0.933], abs=0.06)
    assert mean[1].tolist() == pytest.approx([0, 0], abs=0.25)
    assert (mean[2] < -75).all()  # both expect the other to yield


@pytest.mark.parametrize(
    ("kind", "total"),
    [
        (NaiveExact, 1),
        (LookaheadExact, 1),
        (CgdExact, 1),
        (SosExact, 1),
        (LolaExact, 4 / 3),
        (lambda **given: LolaExact(full=False, **given), 5 / 4),
    ],
)
def test_tandem(kind, total):
    given = {"learning_rate": 0.1, "initial_std": 0.1}
    agent = kind(**given) if kind is NaiveExact else kind(lookahead=0.1, **given)
    protocol, cast = Protocol(tables=8, keep=("one",)), torch.tensor([[0, 0]])
    (learned,) = play(Tandem(), [agent], cast, derive(torch.arange(1), 0), protocol, ("one",)).learned
    assert torch.allclose(learned.state["parameters"].sum(0), torch.tensor(total, dtype=torch.float64), atol=1e-3)


def test_pola_finds_tit_for_tat_in_two_steps():
    cooperation = 0.33
    game = PolicyGame(payoffs=(cooperation, -0.335, 0.665, 0), rounds=2)
    agent = PolaExact(initial_std=0.1)
    protocol, cast = Protocol(tables=40, window=1, keep=("one",)), torch.tensor([[0, 0]])
    played = play(game, [agent], cast, derive(torch.arange(1), 0), protocol, ("one",))
    p = played.learned[0].state["parameters"].sigmoid()
    reciprocal = (p[..., [2, 4]] < 0.65).all(2).all(0) & (played.payoff.mean(1)[0] > 0.8 * cooperation)
    assert reciprocal.double().mean() >= 0.95
    assert played.payoff.mean().item() / cooperation == pytest.approx(0.958, abs=0.02)
