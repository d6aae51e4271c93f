"""M-FOS in sampled games: an episode scales the last hidden layer of the next, at the tables of one co-player."""

import pytest
import torch
from pydantic import ValidationError

from dilemma.agents.agent import Chairs
from dilemma.agents.inner_learner import InnerLearner
from dilemma.agents.learners.meta.m_fos_sampled import MFOSSampled, lengths_of_episodes
from dilemma.agents.learners.policy_gradient.ppo import PPO
from dilemma.envs.chance import Chance, derive
from dilemma.envs.coins import Coins
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.testing import check_agent
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

torch.set_num_threads(1)

COINS = Coins(rounds=4, variant="coin_per_player")
TABLES, BATCH = 4, 2


def player(game=COINS, chairs=2, **parameters):
    keys = derive(torch.arange(chairs), 0)
    agent = MFOSSampled(**{"batch": BATCH, "trial": 3, **parameters})
    return agent.sit(Chairs(game, torch.zeros(chairs, dtype=torch.int64), Chance.at_tables(keys, TABLES)))


def trial(inputs, lengths=(3, 2, 4), chairs=2):
    """What is seen in a trial with episodes of these lengths."""
    seen = torch.rand(sum(lengths), chairs, TABLES, inputs, generator=torch.Generator().manual_seed(0))
    seen[..., -1] = 0
    seen[[sum(lengths[:k]) for k in range(len(lengths))], ..., -1] = 1
    return seen


@pytest.fixture(params=["gru", "mlp"])
def seated(request):
    found = player(policy=request.param)
    found.seen = trial(found.encoder.inputs)
    return found


def test_an_episode_starts_where_the_last_input_says_so():
    assert lengths_of_episodes(trial(5)) == [3, 2, 4]


def test_in_the_first_episode_of_a_trial_nothing_is_scaled(seated):
    form = seated.policy.actor
    body, _, head = form.by_part(seated.theta)
    plain = form._head.unroll(head, form._body.unroll(body, seated.seen[:3]).tanh())
    assert torch.allclose(form.unroll(seated.theta, seated.seen)[:3], plain, atol=1e-6)


def test_later_ones_are_scaled_by_what_the_one_before_came_to(seated):
    """By hand, for the second episode: the mean over the two tables of a co-player, through a sigmoid."""
    form = seated.policy.actor
    body, summary, head = form.by_part(seated.theta)
    said = form._summary.unroll(summary, seated.seen[:3])[-1]
    first, second = (said[:, part].mean(1, keepdim=True).sigmoid() for part in (slice(0, 2), slice(2, 4)))
    scale = torch.cat((first, first, second, second), 1)
    plain = form._head.unroll(head, form._body.unroll(body, seated.seen[3:5]).tanh() * scale)
    assert torch.allclose(form.unroll(seated.theta, seated.seen)[3:5], plain, atol=1e-6)


def test_round_by_round_it_is_the_same(seated):
    memory, outputs = None, []
    for encoded in seated.seen:
        out, memory = seated.policy.actor.step(seated.theta, encoded, memory)
        outputs.append(out)
    assert torch.allclose(torch.stack(outputs), seated.policy.actor.unroll(seated.theta, seated.seen), atol=1e-6)


@pytest.mark.parametrize("chair", [0, 1])
@pytest.mark.parametrize("table", range(TABLES))
def test_it_depends_on_the_tables_of_its_co_player_alone(seated, chair, table):
    changed = seated.seen.clone()
    changed[:3, chair, table, 0] += 1
    before, after = (seated.policy.actor.unroll(seated.theta, seen)[3:5] for seen in (seated.seen, changed))
    differs = (before != after).any(-1).any(0)
    expected = torch.zeros(2, TABLES, dtype=torch.bool)
    expected[chair, table // BATCH * BATCH :][:BATCH] = True
    assert torch.equal(differs, expected)


def test_the_summary_is_learned_from_all_episodes_but_the_first(seated):
    form = seated.policy.actor
    theta = seated.theta.clone().requires_grad_()
    outputs = form.unroll(theta, seated.seen)
    for rounds, reached in ((slice(0, 3), False), (slice(3, 5), True)):
        (gradient,) = torch.autograd.grad(outputs[rounds, 0].square().sum(), theta, retain_graph=False)
        _, summary, _ = form.by_part(gradient)
        assert [bool((each != 0).any()) for each in summary] == [reached, False]
        outputs = form.unroll(theta, seated.seen)


@pytest.mark.parametrize(
    ("credit", "expected"),
    [
        # Two episodes of two rounds and one; rewards of tables 0 and 1 by round: 1 10, 2 20, 4 40.
        ("mean", [[3 + 22, 30 + 22], [2 + 22, 20 + 22], [4, 40]]),
        ("sum", [[3 + 44, 30 + 44], [2 + 44, 20 + 44], [4, 40]]),
    ],
)
def test_later_rewards_are_a_mean_or_a_sum_over_the_tables_of_the_co_player(credit, expected):
    found = player(credit=credit, discount=1.0, chairs=1)
    found._starts = [0, 2]
    reward = torch.tensor([[[1, 10, 0, 0]], [[2, 20, 0, 0]], [[4, 40, 0, 0]]], dtype=torch.float64)
    assert found.credited(reward)[:, 0, :2].tolist() == expected


def test_it_sees_the_last_rewards_and_whether_an_episode_starts():
    found = player(game=PrisonersDilemma(), chairs=1)
    assert found.encoder.inputs == 5 + 2 + 1
    found.encoder.begin()
    assert found.encoder.encode(None)[0, 0].tolist() == [1, 0, 0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("policy", ["gru", "mlp"])
def test_in_coins_it_keeps_the_contract(policy):
    check_agent(MFOSSampled(policy=policy, trial=2, batch=2), COINS)


def test_body_summary_and_head_move_at_the_end_of_a_trial():
    inner = InnerLearner(of=PPO(policy="mlp"), episodes=2, tables=2)
    cast, keys = torch.tensor([[0, 1]] * 2), derive(torch.arange(2), 3)
    thetas = []
    for episodes in (1, 2):
        protocol = Protocol(tables=TABLES, episodes=episodes, keep=("one",))
        [found] = play(COINS, [MFOSSampled(trial=2, batch=2), inner], cast, keys, protocol, ("one", "two")).learned
        thetas.append(found.state["theta"])
    parts = player().policy.actor.by_part(thetas[0] != thetas[1])
    assert all((part.double().mean(1) > 0.7).all() for part in parts)  # some cells are never seen


@pytest.mark.parametrize("wrong", [{"policy": "tabular"}, {"minibatches": 2}, {"credit": "none"}])
def test_what_it_can_not_be(wrong):
    with pytest.raises(ValidationError):
        MFOSSampled(**wrong)
