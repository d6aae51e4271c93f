"""Staged learners: what a decision is charged with, what follows on it, what they learn where that is known."""

import pytest
import torch
from torch.nn.functional import smooth_l1_loss

from dilemma.agents.agent import Chairs, Observation, Round
from dilemma.agents.learners.deep_q.q_network import QNetwork
from dilemma.agents.learners.deep_q.uniform_replay import Transitions, UniformReplay
from dilemma.agents.learners.nets.adam import Adam
from dilemma.agents.learners.policy_gradient.ppo import PPO
from dilemma.agents.learners.preferences.introspection import Introspection
from dilemma.agents.learners.staged.staged_dqn import StagedDQN
from dilemma.agents.learners.staged.staged_learner import StagedPlayer, StageValues
from dilemma.agents.learners.staged.staged_q_learning import StagedQLearning
from dilemma.agents.population_members import PopulationMember
from dilemma.envs.chance import Chance, derive
from dilemma.envs.matrix_game import MatchingPennies, PrisonersDilemma
from dilemma.envs.reputation.reputation_dilemma import ReputationDilemma
from dilemma.envs.reputation.turns import Stage
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

torch.set_num_threads(1)
KEYS = derive(torch.arange(4), 0)
LEARNERS = [StagedQLearning(explored=60, discount=0.0), StagedDQN(explored=60, discount=0.0)]


class Noted(StageValues):
    """Decides by a table [chair] and notes what it should learn."""

    def __init__(self, decisions):
        self.decisions, self.noted = decisions, []

    def best(self, view):
        return self.decisions[:, None].expand(view.shape[:2])

    def learn(self, new, there):
        for chair, table in there.nonzero().tolist():
            view, after = (part[chair, table, :4].int().tolist() for part in (new.view, new.after))
            follows = after if new.goes_on[chair, table] else None
            self.noted.append(
                (
                    chair,
                    view,
                    int(new.action[chair, table]),
                    round(float(new.reward[chair, table]), 4) + 0.0,
                    follows,
                )
            )

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


class NotedPlayer(StagedPlayer):
    """The first cooperates and punishes, the second does neither; all others are 0 in all stages."""

    def make_values(self, stage, entries, allowed):
        decisions = torch.zeros(self.chairs.shape[0], dtype=torch.int64)
        decisions[:2] = torch.tensor({Stage.PLAY: (0, 1), Stage.PUNISH: (1, 0)}.get(stage, (0, 0)))
        return Noted(decisions)


def run(player, game):
    state, chance = game.reset(1, 1, Chance.at_tables(KEYS[:1], 1)), Chance.at_tables(KEYS[:1], 1)
    player.begin()
    for _ in range(game.horizon):
        action = player.act(Observation(state, None))
        state, step = game.step(state, action[None], chance)
        player.observe(Round(step, None))
    player.learn()


def chairs_of(game, agent):
    return Chairs(game, torch.arange(game.seats), Chance.at_tables(KEYS[: game.seats], 1), agent)


def test_what_a_decision_is_charged_with_and_what_follows():
    """A cooperator that punishes and a defector that doesn't, for two rounds: each dyad is followed on its own."""
    game = ReputationDilemma(variant="dp", population=2, rounds=2, encounters=1)
    agent = StagedQLearning(epsilon=0, explored=0)
    player = NotedPlayer(agent, chairs_of(game, agent))
    run(player, game)
    start, seen_by_c, seen_by_d = [0, 0, 0, 0], [0, 1, 1, 0], [1, 0, 0, 1]  # theirs C, D; own C, D
    expected = [
        (0, start, 0, 0.0, seen_by_c),
        (1, start, 1, 4.0 - 3.0, seen_by_d),
        (0, seen_by_c, 0, 0.0, None),
        (1, seen_by_d, 1, 4.0 - 3.0, None),
    ]
    assert sorted(map(str, player.values[Stage.PLAY].noted)) == sorted(map(str, 2 * expected))
    expected = [
        (0, seen_by_c, 1, 2.0, seen_by_c),
        (1, seen_by_d, 0, 0.0, seen_by_d),
        (0, seen_by_c, 1, 2.0, None),
        (1, seen_by_d, 0, 0.0, None),
    ]
    assert sorted(map(str, player.values[Stage.PUNISH].noted)) == sorted(map(str, 2 * expected))


def test_after_a_single_round_what_follows_is_the_next_one_with_anybody():
    game = ReputationDilemma(variant="none", population=2, rounds=1, encounters=2, play_shows=("last_moves",))
    agent = StagedQLearning(epsilon=0, explored=0)
    player = NotedPlayer(agent, chairs_of(game, agent))
    run(player, game)
    noted = [
        (chair, view, follows) for chair, view, _, _, follows in player.values[Stage.PLAY].noted if chair == 0
    ]
    start, seen = [0, 0, 0, 0], [0, 1, 1, 0]
    assert noted == [(0, start, start), (0, start, seen), (0, seen, seen), (0, seen, None)]


def test_an_assessment_is_paid_what_is_earned_until_the_next_one():
    game = ReputationDilemma(variant="reputation_2021", population=3, encounters=2)
    agent = StagedQLearning(epsilon=0, explored=0)
    player = NotedPlayer(agent, chairs_of(game, agent))
    state, chance = game.reset(1, 1, Chance.at_tables(KEYS[:1], 1)), Chance.at_tables(KEYS[:1], 1)
    earned, assessed = torch.zeros(3).double(), torch.zeros(3, dtype=torch.bool)
    player.begin()
    for turn in game.turns(torch.device("cpu")) * 2:
        action = player.act(Observation(state, None))
        if turn.stage == Stage.ASSESS:
            assessed |= state.action_mask[0, :, 0, 1]
        state, step = game.step(state, action[None], chance)
        earned += step.reward[0, :, 0] * assessed
        player.observe(Round(step, None))
    player.learn()
    for chair in range(3):
        paid = sum(reward for who, _, _, reward, _ in player.values[Stage.ASSESS].noted if who == chair)
        assert paid == pytest.approx(float(earned[chair]))


def test_the_choice_of_a_partner_is_paid_what_a_round_with_it_brings():
    game = ReputationDilemma(variant="none", partners="chosen", population=2, rounds=3, encounters=2)
    agent = StagedQLearning(epsilon=0, explored=0)
    player = NotedPlayer(agent, chairs_of(game, agent))
    run(player, game)
    paid = [
        (chair, round(reward, 4), follows is not None)
        for chair, _, _, reward, follows in player.values[Stage.SELECT].noted
    ]
    assert sorted(paid) == [(0, 0.0, False)] * 2 + [(1, 8.0, False)] * 2


def learned(agent, others, game, episodes, **protocol):
    """Curves of a learner on the first seat among `others`, means over matches [name][episode]."""
    cast = torch.tensor([[0, *range(1, 1 + len(others))]] * len(KEYS))
    keep = Protocol(tables=8, episodes=episodes, **protocol)
    played = play(game, [agent, *others], cast, KEYS, keep, labels=["us", *map(str, range(len(others)))])
    return {name: curve[:, :, 0] for name, curve in played.curves.items()}


@pytest.mark.parametrize("agent", LEARNERS, ids=["table", "net"])
def test_they_defect_on_who_never_punishes_and_cooperate_with_who_does(agent):
    game = ReputationDilemma(variant="dp", population=3, rounds=3, encounters=5)
    bold = learned(agent, [PopulationMember(play="all_c")] * 2, game, 7)
    assert not bold["p_start"][-1].any()
    assert not bold["p_dc"][-1].any()
    wary = learned(agent, [PopulationMember(play="all_c", punish="just")] * 2, game, 7)
    assert wary["p_start"][-1].all()
    assert wary["p_cc"][-1].all()


@pytest.mark.parametrize("agent", LEARNERS, ids=["table", "net"])
def test_they_punish_defectors_if_that_pays_and_not_if_it_costs(agent):
    others = [PopulationMember(play="all_d"), PopulationMember(play="all_c")]
    for just, does in ((2.0, 1), (-3.0, 0)):
        game = ReputationDilemma(variant="tpp", population=3, rounds=2, encounters=6, just=just)
        found = learned(agent, others, game, 6)
        assert (found["punishes_defectors"][-1] == does).all()
        assert found["unjust"][-1].mean() < 0.1


@pytest.mark.parametrize("agent", LEARNERS, ids=["table", "net"])
def test_they_pick_the_one_that_cooperates(agent):
    others = [PopulationMember(play="all_d"), PopulationMember(play="all_c"), PopulationMember(play="all_d")]
    game = ReputationDilemma(
        variant="dp_s", punishment="none", reputation="play", population=4, rounds=1, encounters=12
    )
    found = learned(agent, others, game, 7, freeze_after=(("us", 6),))
    met = found["exploitation"][-1] + found["mutual_cooperation"][-1]
    assert (met > 0.9).all()


def test_frozen_they_explore_no_more():
    game = ReputationDilemma(variant="none", population=3, rounds=4, encounters=3)
    others = [PopulationMember(play="all_c")] * 2
    frozen = (("us", 0),)
    still, lively = (
        learned(
            StagedQLearning(epsilon=0.5, explored=0, explores_frozen=explores),
            others,
            game,
            2,
            freeze_after=frozen,
        )
        for explores in (False, True)
    )
    assert torch.equal(*still["cooperation"])
    assert not torch.equal(*lively["cooperation"])


def test_published_exploration_is_at_its_floor_after_a_few_updates():
    game = ReputationDilemma(variant="dp_s", population=3, rounds=4, encounters=1)
    agent = StagedDQN(published=True)
    player = agent.sit(chairs_of(game, agent))
    assert {float(player.exploration(stage)[0]) for stage in player.stages} == {0.8889}
    run(player, game)
    floors = {stage: round(float(player.exploration(stage)[0]), 4) for stage in player.stages}
    assert floors[Stage.PLAY] == 0.01
    assert floors[Stage.PUNISH] == 0.2


def test_replay_keeps_the_last_transitions_of_each_chair():
    memory, kept = UniformReplay(2, 300, torch.device("cpu")), [[], []]
    generator = torch.Generator().manual_seed(0)
    for number in range(200):
        there = torch.rand(2, 3, generator=generator) < 0.7
        value = torch.arange(6).view(2, 3) + 6.0 * number
        memory.add(Transitions(value[..., None], value.long(), value, value[..., None] + 1, value * 0 + 1), there)
        for chair, table in there.nonzero().tolist():
            kept[chair].append(float(value[chair, table]))
    assert memory.count.tolist() == [len(row) for row in kept]
    uniform = torch.rand(2, 5000, generator=generator)
    drawn, some = memory.draw(uniform)
    assert some.all()
    for chair in range(2):
        assert set(drawn.reward[chair].tolist()) == set(kept[chair][-300:])
    assert torch.equal(drawn.after[..., 0], drawn.reward + 1)
    assert torch.equal(drawn.action.float(), drawn.reward)


def test_introspection_is_a_mean_with_what_the_move_earns_on_itself():
    game = PrisonersDilemma(rounds=3)
    pays = Introspection(weight=0.25)
    agent = PPO(preference=pays)
    reward = pays.subjective_reward(Chairs(game, torch.tensor([0]), Chance.at_tables(KEYS[:1], 1), agent), 0.9)
    reward.begin()
    chance = Chance.at_tables(KEYS[:1], 1)
    state, found = game.reset(1, 1, chance), []
    for action in ((0, 1), (1, 1), (1, 0)):
        before, (state, step) = state, game.step(state, torch.tensor(action)[None, :, None], chance)
        found.append(
            float(reward.of_round(Observation(before, torch.tensor([0])), Round(step, torch.tensor([0]))))
        )
    assert found == [0.75 * 0 + 0.25 * 3, 1.0, 0.75 * 5 + 0.25 * 1]
    assert pays.refuses(MatchingPennies())
    assert pays.refuses(ReputationDilemma(game="centipede"))


def test_who_looks_into_itself_cooperates_with_defectors():
    agent = StagedQLearning(preference=Introspection(weight=0.9), explored=60)
    game = ReputationDilemma(variant="none", population=3, rounds=4, encounters=5)
    found = learned(agent, [PopulationMember(play="all_d")] * 2, game, 6)
    assert found["p_cd"][-1].all()


def test_they_play_only_populations():
    for agent in LEARNERS:
        assert agent.refuses(PrisonersDilemma())
        assert not agent.refuses(ReputationDilemma())


def test_what_was_learned_can_be_loaded():
    game = ReputationDilemma(variant="dp_s", population=3, rounds=2, encounters=2)
    for agent in LEARNERS:
        cast, keep = torch.zeros(1, 3, dtype=torch.int64), Protocol(tables=1, episodes=2, keep=("us",))
        played = play(game, [agent], cast, KEYS[:1], keep, labels=["us"])
        [stored] = played.learned
        player = agent.sit(chairs_of(game, agent))
        player.load_state_dict(stored.state)
        assert all(torch.equal(value, stored.state[name]) for name, value in player.state_dict().items())


@pytest.mark.parametrize("hidden", [(), (8,), (16, 8)])
def test_the_step_of_a_q_network_is_that_of_autograd(hidden):
    chairs = Chairs(PrisonersDilemma(), torch.zeros(4, dtype=torch.int64), Chance.at_tables(KEYS, 1))
    net = QNetwork(chairs, 5, hidden, torch.ones(4, 3, dtype=torch.bool), 0, None)
    draws = torch.Generator().manual_seed(1)
    features, goal = torch.randn(4, 20, 5, generator=draws), 3 * torch.randn(4, 20, generator=draws)
    action = torch.randint(3, (4, 20), generator=draws)
    weight = (torch.rand(4, 20, generator=draws) > 0.3).float()
    theta = net.theta.clone().requires_grad_()
    value = net.values(features, theta).gather(-1, action[..., None])[..., 0]
    (weight * smooth_l1_loss(value, goal, reduction="none")).mean(1).sum().backward()
    expected = Adam(0.1, epsilon=1e-5)
    moved = expected.step(net.theta, theta.grad)
    net.update(features, action, goal, features, weight, discount=0.0, rate=0.1)
    torch.testing.assert_close(net.theta, moved)
