"""Players of a common pool: rules by hand, and learners that take the same seats."""

import numpy as np
import pytest
import torch
from torch import Tensor

from dilemma.agents import CATALOGUE
from dilemma.agents.agent import Agent
from dilemma.agents.fitted_players import FittedPlayers
from dilemma.agents.mechanisms import EqualMechanism, ProportionalMechanism
from dilemma.agents.pool_players import ConditionalCooperator, ConstantReturner
from dilemma.envs.chance import derive
from dilemma.envs.common_pool_trust import CommonPoolTrust
from dilemma.envs.environment import Environment
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.pool_players_fit import MECHANISMS, People, simulated, vector_of
from dilemma.testing import check_agent
from dilemma.tournament.arena import Played, play
from dilemma.tournament.protocol import Protocol
from dilemma.tournament.recorders import PlayedRound

torch.set_num_threads(1)


class Returns:
    """A recorder of what players return: shares of the allocation [round, match, player, table]."""

    def __init__(self) -> None:
        self.shares: list[Tensor] = []

    def record(self, played: PlayedRound) -> None:
        if played.before.round % 2 == 0:
            self.shares.append(played.step.action[:, :-1, :, 0])


def returned(*players: Agent, mechanism: Agent | None = None, tables: int = 1, **game: object) -> Tensor:
    """What players return, one on each seat [round, player, table]."""
    recorder = Returns()
    agents = [*players, mechanism or EqualMechanism()]
    everybody = torch.arange(len(agents))[None]
    environment = CommonPoolTrust(players=len(players), **game)
    play(
        environment, agents, everybody, derive(torch.tensor([1]), 0), Protocol(tables=tables), recorders=[recorder]
    )
    return torch.stack(recorder.shares)[:, 0]


def exact(**values: float) -> ConditionalCooperator:
    """A conditional cooperator whose coefficients don't vary."""
    means = {"share": 0.5, "others": 0.0, "allocation": 0.0, "pool": 0.0, **values}
    return ConditionalCooperator(**{name: (mean, 0.0) for name, mean in means.items()}, noise=0.0)


def test_a_conditional_cooperator_moves_to_what_the_others_returned():
    shares = returned(exact(share=0.4, others=0.5), ConstantReturner(share=0.8), ConstantReturner(share=0.6))
    assert shares[:, 0, 0].tolist() == pytest.approx([0.4] + [0.4 + 0.5 * (0.7 - 0.4)] * 39)


def test_it_returns_more_of_more_where_its_coefficient_says_so():
    # All of a full pool comes back: the pool stays full, and everybody gets a third.
    shares = returned(exact(share=0.6, allocation=0.2), *[ConstantReturner(share=1.0)] * 2, rounds=3)
    assert shares[0, 0, 0] == pytest.approx(0.6)
    given = 0.6 / 2.6  # the proportional mechanism's share after the first round
    shares = returned(
        exact(share=0.6, allocation=0.2),
        *[ConstantReturner(share=1.0)] * 2,
        mechanism=ProportionalMechanism(),
        rounds=2,
    )
    assert shares[1, 0, 0] == pytest.approx(0.6 + 0.2 * (3 * given - 1))


def test_it_returns_less_of_a_low_pool_where_its_coefficient_says_so():
    shares = returned(exact(share=0.5, pool=0.5), exact(share=0.5), start=100.0, rounds=2)
    # 50 each of a half-full pool; a quarter and a half of it come back, 37.5 in all, which grow to 52.5.
    assert shares[:, 0, 0].tolist() == pytest.approx([0.5 + 0.5 * (0.5 - 1), 0.5 + 0.5 * (52.5 / 200 - 1)])


def test_shares_are_cut_off_at_nothing_and_all():
    shares = returned(exact(share=1.5), exact(share=-0.5))
    assert shares[:, 0, 0].unique().tolist() == [1.0]
    assert shares[:, 1, 0].unique().tolist() == [0.0]


def test_others_that_got_nothing_say_nothing():
    shares = returned(
        exact(share=0.4, others=1.0), ConstantReturner(share=0.0), mechanism=ProportionalMechanism(), rounds=4
    )
    # After the first round the other gets nothing: 0.0 is followed once, and then there is nobody to follow.
    assert shares[:, 0, 0].tolist() == pytest.approx([0.4, 0.0, 0.4, 0.4])


def test_players_are_drawn_for_each_table_and_are_normal():
    players = ConditionalCooperator(share=(0.5, 0.1), others=(0.0, 0.0), noise=0.0)
    shares = returned(*[players] * 4, tables=2000, rounds=2)
    assert torch.equal(shares[0], shares[1])
    # Standard errors are 0.0011 and 0.0008: exceeded by five of them once in a million.
    assert float(shares[0].mean()) == pytest.approx(0.5, abs=0.0056)
    assert float(shares[0].std()) == pytest.approx(0.1, abs=0.004)


def test_the_noise_is_drawn_for_each_round():
    players = ConditionalCooperator(share=(0.5, 0.0), others=(0.0, 0.0), noise=0.1)
    shares = returned(*[players] * 2, tables=2000, rounds=2)
    assert float((shares[0] - shares[1]).std()) == pytest.approx(0.1 * 2**0.5, abs=0.008)


def test_among_levels_it_takes_the_nearest():
    shares = returned(exact(share=0.7), ConstantReturner(share=0.2), levels=5, rounds=3)
    assert shares[:, 0, 0].tolist() == [1, 1, 1]  # 0 is all, 1 three quarters
    assert shares[:, 1, 0].tolist() == [3, 3, 3]


@pytest.mark.parametrize("name", ["constant_returner", "conditional_cooperator", "fitted_players"])
@pytest.mark.parametrize(
    "game", [CommonPoolTrust(levels=5, rounds=8), CommonPoolTrust(players=2, continuation=0.8)]
)
def test_players_keep_the_contract_in_other_pools(name, game):
    check_agent(CATALOGUE.build(name, {}), game)


def test_players_and_mechanisms_keep_to_their_role_and_game():
    player, mechanism, game = ConstantReturner(), EqualMechanism(), CommonPoolTrust()
    assert player.refuses_role(game, "player") is None
    assert mechanism.refuses_role(game, "mechanism") is None
    assert player.refuses_role(game, "mechanism") == "returns as a player, and is no mechanism"
    assert mechanism.refuses_role(game, "player") == "allocates as a mechanism, and is no player"
    other: Environment = PrisonersDilemma()
    assert player.refuses(other) == mechanism.refuses(other) == "knows common_pool_trust alone"


@pytest.mark.parametrize("mechanism", ["equal", "mixed", "proportional", "interpolating"])
def test_the_fit_simulates_what_is_played(mechanism):
    """Means of 4,000 groups; a difference of five standard errors comes once in 10^5."""
    players = FittedPlayers()
    people, vector = People.drawn(4000, 5), vector_of(players)[None]
    simulated_ = simulated(vector, people, mechanism == "interpolating")[0]
    found = simulated_[0 if mechanism == "interpolating" else list(MECHANISMS).index(mechanism)]
    agents = [players, CATALOGUE.build(f"{mechanism}_mechanism", {})]
    cast = torch.tensor([[0, 0, 0, 0, 1]])
    played = play(CommonPoolTrust(), agents, cast, derive(torch.tensor([9]), 0), Protocol(tables=4000))
    for each, name in zip(found, ("surplus", "gini", "survived"), strict=True):
        values = (played.measures[name] / played.weight)[0, 0].numpy()
        error = np.sqrt((each.var() + values.var()) / 4000)
        assert abs(each.mean() - values.mean()) < 5 * error + 1e-12, name


def test_constant_players_are_simulated_as_the_rules_say():
    vector = np.array([[0.8, 0, 0, 0, 0, 0, 0, 0, 0.0]])
    surplus, gini, survival = simulated(vector, People.drawn(1, 0))[0, 0, :, 0]
    assert (surplus, survival) == pytest.approx((10.0, 1.0))
    assert gini == pytest.approx(0, abs=1e-12)


def learned(*players: Agent, episodes: int = 40) -> Played:
    """Players on all seats of a short game with three levels, under the equal mechanism, at 16 tables."""
    agents = [*dict.fromkeys(players), EqualMechanism()]
    cast = torch.tensor([[*(agents.index(player) for player in players), len(agents) - 1]])
    game = CommonPoolTrust(rounds=8, levels=3)
    return play(game, agents, cast, torch.tensor([3]), Protocol(tables=16, episodes=episodes))


@pytest.mark.parametrize("name", ["ppo", "reciprocator"])
def test_a_learner_learns_to_live_off_those_who_always_return(name):
    learner = CATALOGUE.build(name, {"policy": "mlp"})
    payoff = learned(learner, *[ConstantReturner(share=1.0)] * 3).curves["payoff"][:, 0, 0]
    assert payoff[:2].mean() < 30
    assert payoff[-5:].mean() > 45  # nearly all of the 50 that it gets: the others fill the pool again


@pytest.mark.parametrize("name", ["ppo", "reciprocator", "inequity_averse", "svo"])
def test_selfish_and_social_learners_take_the_players_seats(name):
    learner = CATALOGUE.build(name, {"policy": "mlp"})
    curve = learned(*[learner] * 4, episodes=3).curves["payoff"]
    assert curve.shape == (3, 1, 5)
    assert bool(curve.isfinite().all())
    assert torch.allclose(curve[..., :4].mean(-1), curve[..., 4])


def test_prosocial_learners_learn_to_keep_the_pool():
    learner = CATALOGUE.build("prosocial", {"policy": "mlp"})
    surplus = learned(*[learner] * 4).curves["surplus"][:, 0, 0]
    assert surplus[-5:].mean() > surplus[:5].mean()
