"""Dual Q-networks: what they remember, what they are paid, and what they learn."""

import pytest
import torch

from dilemma.agents.agent import Chairs, Observation, Round
from dilemma.agents.learners.deep_q.bits import packed, unpacked
from dilemma.agents.learners.deep_q.dual_dqn import DualDQN
from dilemma.agents.learners.deep_q.prioritised_replay import Priorities
from dilemma.agents.learners.preferences.social_value_orientation import SocialValueOrientation
from dilemma.agents.learners.preferences.welfare import Welfare
from dilemma.envs.chance import Chance, Purpose, derive, sealed
from dilemma.envs.graphs import Lattice, Ring, ScaleFree
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.envs.neighbourhood import Neighbours
from dilemma.envs.spatial_dilemma import SpatialDilemma
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

torch.set_num_threads(1)
QUICK = {"training": 800, "start": 20, "every": 4, "capacity": 2000}


def test_bits():
    bits = torch.rand(3, 2, 130, generator=torch.Generator().manual_seed(0)) < 0.5
    words = packed(bits.to(torch.uint8))
    assert words.shape == (3, 2, 3)
    assert torch.equal(unpacked(words, 130), bits.float())


def test_priorities():
    """P(i) is proportional to p_i^0.5; 40,000 draws, bound: 5 standard errors."""
    priorities = Priorities(1, 8, 0.5, torch.device("cpu"))
    priorities.add(0, torch.tensor([[True, True, False, True]]))
    priorities.update(torch.tensor([[0, 1]]), torch.tensor([[4.0, 0.25]]))  # powers 2 and 0.5; the fourth has 1
    uniform = torch.rand(1, 40_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sample = priorities.draw(uniform, 0.5)
    drawn = torch.bincount(sample.slot[0], minlength=8) / 40_000
    assert drawn.tolist() == pytest.approx([2 / 3.5, 0.5 / 3.5, 0, 1 / 3.5, 0, 0, 0, 0], abs=0.0125)
    # (P_min / P)^0.5, relative to the rarest of the sample.
    for slot, weight in ((0, 0.5), (1, 1.0), (3, 0.5**0.5)):
        assert sample.weight[sample.slot == slot].mean() == pytest.approx(weight, rel=1e-4)


def at_play(agent, game, matches=2, tables=3):
    """A player on all chairs, and everything that it needs."""
    keys = derive(torch.arange(matches), 0)
    seat = torch.arange(game.seats).repeat(matches)
    own = Chance.at_tables(sealed(keys.repeat_interleave(game.seats), seat + 1), tables)
    player = agent.sit(Chairs(game, seat, own, agent))
    return player, Chance.at_tables(keys, tables), Neighbours.of_chairs(game, matches, None, keys.device)


@pytest.mark.parametrize(
    ("agent", "game"),
    [
        (DualDQN(), SpatialDilemma(graph=Lattice(rows=3, columns=3), selection=True, memory=4, noise=0.1)),
        (
            DualDQN(pattern="together", alpha=0.3),
            SpatialDilemma(graph=ScaleFree(size=9, links=1), selection=True, memory=2),
        ),
        (DualDQN(pattern="strategy", alpha=0), SpatialDilemma(graph=Ring(size=5), memory=3)),
    ],
)
def test_what_is_remembered_is_what_was_seen_and_done(agent, game):
    player, chance, neighbours = at_play(agent, game)
    state = game.reset(2, 3, chance)
    player.begin()
    for round in range(4):
        action = player.act(Observation(state, None))
        before, (state, step) = state, game.step(state, action.view(2, -1, 3), chance)
        player.observe(Round(step, None, neighbours, agent))
        slots = slice(3 * round, 3 * round + 3)
        for kept, seen in ((player._view, before), (player._after, state)):
            newest = (
                seen.observation.flatten(0, 1).unflatten(2, (-1, game.memory))[..., : player._memory].flatten(2)
            )
            assert torch.equal(unpacked(kept[slots], player._size).transpose(0, 1), newest)
        done = sum(
            head.action[slots].T.long() * (2 if name == "selection" else 1) for name, head in player.heads.items()
        )
        assert torch.equal(done, step.action.flatten(0, 1))


def test_comparison_with_neighbours_that_made_the_other_move():
    game = SpatialDilemma(graph=Ring(size=4), payoffs=(1, 0, 1.5, 0))
    agent = DualDQN(pattern="strategy", alpha=0, comparison="neighbours")
    player, chance, neighbours = at_play(agent, game, matches=1, tables=1)
    _, step = game.step(game.reset(1, 1, chance), torch.tensor([[[1], [0], [0], [0]]]), chance)
    experience, compared = player._rewards(Round(step, None, neighbours, agent))
    assert experience.flatten().tolist() == [3, 1, 2, 1]
    # The defector is alone among three, and its neighbours earn 1; each of them has a cooperator beside it.
    assert compared.flatten().tolist() == pytest.approx(
        [3 / 3 - 1 * 2 / 3, 1 * 2 / 3 - 3 / 3, 2, 1 * 2 / 3 - 3 / 3]
    )


def test_comparison_with_those_of_the_population_that_made_the_other_move():
    """The others' experience is the mean of what the learner would have in their place."""
    game = SpatialDilemma(graph=Lattice(rows=3, columns=4), payoffs=(1, 0, 1.5, 0), selection=True, memory=4)
    agent = DualDQN()
    player, chance, neighbours = at_play(agent, game)
    state = game.reset(2, 3, chance)
    player.begin()
    for round in range(7):
        player.act(Observation(state, None))
        action = (32 * chance.parts(game.seats).uniform(Purpose.ACTION, 0, round)).long()
        state, step = game.step(state, action, chance)
        own, compared = (value.view(2, 12, 3) for value in player._rewards(Round(step, None, neighbours, agent)))
        defects = action & 1
        mean = [(own * (defects == move)).sum(1) / (defects == move).sum(1).clamp(min=1) for move in (0, 1)]
        other = (step.seen != defects[:, :, None]).sum(2)
        theirs = torch.where(defects == 0, mean[1][:, None], mean[0][:, None])
        assert torch.allclose(compared, (own * (5 - other) - theirs * other) / 5)


def test_others_rewards_count_by_the_selfishness_level():
    """At b = 1.5 it is (b - 1) / (2 - b) = 1: everybody is paid what it and its neighbours earn."""
    game = SpatialDilemma(graph=Ring(size=4), payoffs=(1, 0, 1.5, 0))
    agent = DualDQN(pattern="strategy", alpha=0, comparison="none", preference=Welfare(level=1.0))
    player, chance, neighbours = at_play(agent, game, matches=1, tables=1)
    _, step = game.step(game.reset(1, 1, chance), torch.tensor([[[1], [0], [0], [0]]]), chance)
    paid, _ = player._rewards(Round(step, None, neighbours, agent))
    assert paid.flatten().tolist() == [3 + 1 + 1, 1 + 3 + 2, 2 + 1 + 1, 1 + 3 + 2]


def test_the_dilemma_network_alone_is_compared():
    game = SpatialDilemma(graph=Ring(size=4), payoffs=(1, 0, 1.5, 0), selection=True)
    player, chance, neighbours = at_play(
        agent := DualDQN(alpha=0, comparison="neighbours"), game, matches=1, tables=1
    )
    player.begin()
    state = game.reset(1, 1, chance)
    player.act(Observation(state, None))
    _, step = game.step(state, torch.tensor([[[1], [0], [0], [0]]]), chance)
    player.observe(Round(step, None, neighbours, agent))
    assert player.heads["selection"].reward[0].tolist() == [3, 1, 2, 1]
    assert player.heads["dilemma"].reward[0].tolist() == pytest.approx([1 / 3, -1 / 3, 2, -1 / 3])


def learned(agent, game, matches=1, tables=4):
    """Means of the last quarter of learning, by measure."""
    episodes = int(agent.training // game.rounds)
    cast = torch.zeros(matches, game.seats, dtype=torch.int64)
    played = play(
        game, [agent], cast, derive(torch.arange(matches), 3), Protocol(tables=tables, episodes=episodes)
    )
    return {name: float(values[-episodes // 4 :].mean()) for name, values in played.curves.items()}


@pytest.mark.parametrize(
    ("payoffs", "low", "high"),
    [((1, 0, 2, 0.5), 0.0, 0.15), ((2, 1, 1, 0), 0.85, 1.0)],
    ids=["defection dominates", "cooperation dominates"],
)
def test_what_dominates_is_learned(payoffs, low, high):
    game = SpatialDilemma(graph=Ring(size=6), payoffs=payoffs, memory=2, rounds=10)
    agent = DualDQN(pattern="strategy", alpha=0, **QUICK)
    assert low <= learned(agent, game)["cooperation"] <= high


def test_links_that_cost_are_refused_and_others_wanted():
    """Of random moves a link pays -1 or +1 on average."""
    for pays, low, high in ((-1, 0.0, 0.05), (1, 0.6, 1.0)):
        game = SpatialDilemma(graph=Ring(size=6), payoffs=(pays,) * 4, selection=True, rounds=10)
        found = learned(DualDQN(alpha=0, **QUICK), game)
        assert low <= found["links_of_cooperators"] + found["links_of_defectors"] <= high


def test_the_end_of_an_episode_is_worth_nothing():
    """A reward of 2 in a single round is worth 2, and not 2 / (1 - 0.5)."""
    game = SpatialDilemma(graph=Ring(size=3), payoffs=(1, 1, 1, 1), rounds=1)
    agent = DualDQN(pattern="strategy", alpha=0, discount=0.5, tau=0.3, comparison="none", **QUICK)
    player, chance, neighbours = at_play(agent, game, matches=1)
    for episode in range(800):
        state = game.reset(1, 3, chance, episode)
        player.begin()
        action = player.act(Observation(state, None))
        _, step = game.step(state, action.view(1, -1, 3), chance)
        player.observe(Round(step, None, neighbours, agent))
    head = player.heads["dilemma"]
    values = head.net.values(player._features.float(), head.net.theta)
    assert values.flatten().tolist() == pytest.approx([2.0] * values.numel(), abs=0.1)


def test_learned_state_goes_on():
    game = SpatialDilemma(graph=Ring(size=4), selection=True)
    agent = DualDQN(**QUICK)
    one, *_ = at_play(agent, game)
    other, *_ = at_play(agent, game)
    with torch.no_grad():
        one.heads["dilemma"].net.theta += 1.0
    one.rounds += 7
    other.load_state_dict(one.state_dict())
    assert all(torch.equal(value, one.state_dict()[name]) for name, value in other.state_dict().items())


@pytest.mark.parametrize(
    ("agent", "game", "words"),
    [
        (DualDQN(), PrisonersDilemma(), "in spatial_dilemma alone"),
        (DualDQN(), SpatialDilemma(), "here nobody can; with pattern = 'strategy'"),
        (
            DualDQN(),
            SpatialDilemma(graph=Ring(size=15, neighbours=10), selection=True),
            "up to 8 of them; here are 10",
        ),
        (DualDQN(), SpatialDilemma(selection=True), "looks back 4 rounds, and all are told of 1"),
        (DualDQN(memory="published"), SpatialDilemma(selection=True, memory=4), "give it memory = 'clean'"),
        (DualDQN(alpha=0), SpatialDilemma(selection=True), None),
        (DualDQN(comparison="none"), SpatialDilemma(selection=True), None),
        (
            DualDQN(pattern="strategy", preference=SocialValueOrientation(), comparison="none"),
            SpatialDilemma(),
            None,
        ),
    ],
)
def test_where_it_plays(agent, game, words):
    reason = agent.refuses(game)
    assert reason is None if words is None else words in reason
