"""Mixtures of partners: who plays where and how often, and that each plays and learns as if alone there."""

from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError

from dilemma import Tournament
from dilemma.agents.agent import Chairs, Observation
from dilemma.agents.automata import AllC, AllD, TitForTat
from dilemma.agents.checkpoint import Checkpoint
from dilemma.agents.fixed_action import FixedAction
from dilemma.agents.learners.exact.naive_exact import NaiveExact
from dilemma.agents.learners.policy_gradient.reinforce import Reinforce
from dilemma.agents.learners.tabular.q_learning import QLearning
from dilemma.agents.memory_one import MemoryOne, Reactive
from dilemma.agents.mixture import Mixture
from dilemma.agents.past_selves import PastSelves
from dilemma.agents.random_memory_one import RandomMemoryOne
from dilemma.agents.strategies.gradual import Gradual
from dilemma.envs.chance import Chance, derive
from dilemma.envs.coins import Coins
from dilemma.envs.environment import State
from dilemma.envs.matrix_game import PrisonersDilemma, RockPaperScissors
from dilemma.envs.policy_game import PolicyGame
from dilemma.tournament.arena import play
from dilemma.tournament.config import as_config, load, parse
from dilemma.tournament.config_file import ConfigError
from dilemma.tournament.protocol import Protocol
from dilemma.tournament.recorders import PlayedRound

torch.set_num_threads(1)

FIXED = tuple(FixedAction(action=action) for action in range(3))


def dealt(shares, chairs, tables, over=(0,), **options):
    """Who plays [episode, chair, table]."""
    seats = Chairs(
        RockPaperScissors(),
        torch.zeros(chairs, dtype=torch.int64),
        Chance.at_tables(derive(torch.arange(chairs), 1), tables),
    )
    player = Mixture(of=FIXED, shares=shares, **options).sit(seats)
    found = []
    for episode in over:
        player.begin()
        found.append(player.act(Observation(State(episode, 0), None)))
    return torch.stack(found)


def counts(who):
    return torch.stack([(who == agent).sum(-1) for agent in range(3)], -1)


def test_each_has_its_share_of_every_chairs_tables():
    assert counts(dealt((1, 2, 1), 5, 8)).unique(dim=1).tolist() == [[[2, 4, 2]]]


@pytest.mark.parametrize("tables", [1, 3, 7])
def test_where_that_is_no_whole_number_it_is_one_of_the_two_next_to_it(tables):
    """A share of n draws has a standard error of at most .5 / sqrt(n); 4 of them are exceeded once in 16,000."""
    found = counts(dealt((1, 2, 1), 20_000, tables))[0].double()
    due = torch.tensor([0.25, 0.5, 0.25]) * tables
    assert ((found >= due.floor()) & (found <= due.ceil())).all()
    assert found.mean(0).tolist() == pytest.approx(due.tolist(), abs=4 * 0.5 / 20_000**0.5)


def test_every_table_has_everybody_and_chairs_are_dealt_apart():
    who = dealt((1, 2, 1), 20_000, 4)[0]
    assert (who == 1).double().mean(0).tolist() == pytest.approx([0.5] * 4, abs=0.015)
    both = ((who[0::2] == 1) & (who[1::2] == 1)).double().mean().item()
    assert both == pytest.approx(0.25, abs=0.015)


def test_tables_are_dealt_anew_every_so_many_episodes():
    who = dealt((1, 1, 1), 4, 30, range(6), episodes=3)
    assert torch.equal(who[0], who[1])
    assert torch.equal(who[0], who[2])
    assert torch.equal(who[3], who[5])
    assert not torch.equal(who[2], who[3])


class Moves:
    """A recorder of moves [round, match, seat, table]."""

    def __init__(self):
        self.actions = []

    def record(self, played: PlayedRound):
        self.actions.append(played.step.action.clone())


def moves(game, agents, tables, episodes=1):
    seen, cast, keys = Moves(), torch.tensor([[0, 1]]), derive(torch.arange(1), 3)
    play(game, agents, cast, keys, Protocol(tables=tables, episodes=episodes), recorders=[seen])
    return torch.stack(seen.actions)[:, 0]


def test_at_its_tables_each_plays_as_alone():
    """Strategies without chance, against one that draws by its table: bit for bit."""
    game, other, tables = PrisonersDilemma(rounds=12), MemoryOne(p=(0.5, 0.8, 0.3, 0.6, 0.2)), 9
    partners = (TitForTat(), Gradual(), AllD())
    alone = torch.stack([moves(game, [other, partner], tables) for partner in partners])
    mixed = moves(game, [other, Mixture(of=partners)], tables)
    matches = (mixed == alone).all(1).all(1)  # [partner, table]
    assert matches.any(0).all()
    assert (matches.sum(1) >= 3).all()


def test_one_alone_learns_as_without_the_mixture():
    """Against all_d both come to earn 1; their spread over matches after 60 episodes is below .01."""
    game, cast, keys = PrisonersDilemma(rounds=10), torch.tensor([[0, 1]] * 8), derive(torch.arange(8), 3)
    protocol = Protocol(tables=32, episodes=60, window=10)
    alone, mixed = (
        play(game, [learner, AllD()], cast, keys, protocol).payoff[:, 0].mean() / (10 * 10)
        for learner in (Reinforce(), Mixture(of=(Reinforce(),)))
    )
    assert mixed.item() == pytest.approx(alone.item(), abs=0.03)


def test_a_learner_in_it_learns_from_its_own_tables_alone():
    """Where nothing weighs on the future and alpha is 1, its table holds what each action earned, and no more."""
    learner = QLearning(
        learning_rate=1.0, learning_rate_decay=0.0, discount=0.0, spread=0.0, initial=9.0, epsilon=1
    )
    game, cast, keys = PrisonersDilemma(rounds=50), torch.tensor([[0, 1]]), derive(torch.arange(1), 3)
    protocol = Protocol(tables=4, episodes=3, keep=("it",))
    played = play(game, [Mixture(of=(AllD(), learner)), TitForTat()], cast, keys, protocol, ("it", "other"))
    [learned] = played.learned
    values = learned.state["1.values"][0, 0]
    # Against tit for tat after CC, CD, DC, DD: the other does what one did. All_d's tables would give 1 after DC.
    assert values[1:].tolist() == [[3, 5], [3, 5], [0, 1], [0, 1]]


def test_whoever_meets_it_earns_the_mean_by_its_shares():
    game, cast, keys = PrisonersDilemma(rounds=5), torch.tensor([[0, 1]]), derive(torch.arange(1), 3)
    mixture = Mixture(of=(TitForTat(), AllD()), shares=(3, 1))
    played = play(game, [AllC(), mixture], cast, keys, Protocol(tables=8))
    assert played.payoff.mean(2).tolist() == [[5 * (3 * 3 + 0) / 4, 5 * (3 * 3 + 5) / 4]]


def test_its_measures_tell_what_each_agent_earns():
    """Against tit for tat all_c has 3 in each of 4 rounds, and all_d 5 and then 1."""
    game, cast, keys = PrisonersDilemma(rounds=4), torch.tensor([[0, 1]] * 2), derive(torch.arange(2), 3)

    def curves(shares, tables):
        mixture = Mixture(of=(AllC(), AllD(), QLearning()), shares=shares)
        return play(game, [mixture, TitForTat()], cast, keys, Protocol(tables=tables, episodes=3)).curves

    even = curves(None, 9)
    of_each = [even[f"payoff_{part}"][..., 0] for part in (1, 2, 3)]  # [episode, match]
    assert [earned.unique().tolist() for earned in of_each[:2]] == [[3], [2]]
    assert torch.allclose(sum(of_each) / 3, even["payoff"][..., 0])
    assert even["payoff_1"][..., 1].isnan().all()
    in_some_episodes = curves((1, 2, 13), 8)
    assert "payoff_1" not in in_some_episodes
    assert in_some_episodes["payoff_2"][..., 0].unique().tolist() == [2]


def test_learners_sit_in_policy_games():
    game, cast, keys = PolicyGame(), torch.tensor([[0, 1]] * 2), derive(torch.arange(2), 3)
    played = play(game, [NaiveExact(), Mixture(of=(NaiveExact(), TitForTat()))], cast, keys, Protocol(tables=4))
    assert played.payoff.isfinite().all()


def test_learners_sit_among_features_and_are_kept_and_frozen():
    game, cast, keys = Coins(rounds=8), torch.tensor([[0, 1]] * 2), derive(torch.arange(2), 3)
    mixture = Mixture(
        of=(Reinforce(policy="mlp", learning_rate=0.01), Reinforce(policy="gru", learning_rate=0.01))
    )
    protocol, against = Protocol(tables=4, episodes=2, keep=("it",)), FixedAction(action=0)
    played = play(game, [mixture, against], cast, keys, protocol, ("it", "other"))
    [learned] = played.learned
    assert {"0.theta", "1.theta"} <= learned.state.keys()
    assert {"entropy_1", "entropy_2"} <= played.curves.keys()
    frozen = replace(protocol, freeze_after=(("it", 0),))
    again = play(game, [mixture, against], cast, keys, frozen, ("it", "other"), start={0: learned.state})
    [kept] = again.learned
    assert all(torch.equal(kept.state[name], value) for name, value in learned.state.items())


def test_a_learner_needs_a_table():
    mixture = Mixture(of=(AllC(), Reinforce()), shares=(9, 1))
    learning = {"tables": 4, "episodes": 2}
    result = Tournament([PrisonersDilemma(rounds=2)], [mixture, AllC()], learning=learning).run()
    [failure] = result.failures
    assert "Reinforce learns in a mixture and has 0.4 of a table: it needs one or more" in str(failure)


def test_who_of_it_refuses_a_game_is_named():
    assert Mixture(of=(AllC(), TitForTat())).refuses(Coins()) == (
        "holds all_c, which knows two actions, cooperate and defect"
    )


def test_a_random_strategy_of_memory_one_answers_with_its_own_probabilities():
    """Shares of C of 40,000 tables in the first two rounds: 4 standard errors are .01."""
    game = PrisonersDilemma(rounds=3)
    done = moves(game, [RandomMemoryOne(), AllC()], 40_000)[:, 0] == 0
    assert done.double().mean(1).tolist() == pytest.approx([0.5] * 3, abs=0.01)
    # P(C after CC) is drawn once for the episode, so that E[p^2] / E[p] do it twice who did it once.
    stayed = done[2][done[0] & done[1]].double().mean().item()
    assert stayed == pytest.approx(2 / 3, abs=0.02)


def test_past_selves_are_what_the_learner_was():
    """A copy every two episodes, of which two are kept, the oldest making room."""
    agents, game = [PastSelves(of=Reinforce(), kept=2, every=2), TitForTat()], PrisonersDilemma(rounds=5)
    cast, keys = torch.tensor([[0, 1]]), derive(torch.arange(1), 3)

    def after(episodes, **options):
        protocol = Protocol(tables=8, episodes=episodes, keep=("it",), **options)
        [found] = play(game, agents, cast, keys, protocol, ("it", "other")).learned
        return [found.state[f"{part}.theta"] for part in range(3)]

    at_first = after(1, freeze_after=(("it", 0),))[0]
    two, four, six = (after(episodes)[0] for episodes in (2, 4, 6))
    expected = {2: (at_first, at_first), 4: (two, at_first), 6: (two, four), 8: (six, four)}
    for episodes, past in expected.items():
        now, *found = after(episodes)
        assert all(torch.equal(one, other) for one, other in zip(found, past, strict=True)), episodes
        assert not torch.equal(now, found[0])


CONFIG = """
[[environments]]
name = "prisoners_dilemma"
[[agents]]
name = "reactive"
label = "kind"
y = 1.0
p = 1.0
q = 0.25
[[agents]]
name = "mixture"
of = ["kind", "all_d", { name = "checkpoint", run = "first", learner = "q_learning" }, "mine.py:coin"]
shares = [2, 1, 1, 1]
"""


def test_a_config_names_its_agents_and_knows_them_wherever_they_lie(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    learning = {"tables": 2, "episodes": 2, "keep": ["q_learning"]}
    Tournament([PrisonersDilemma(rounds=5)], ["q_learning", "all_c"], learning=learning).run(here / "first")
    (here / "mine.py").write_text("def coin(history, rng):\n    return rng.randrange(2)\n")
    (here / "config.toml").write_text(CONFIG)
    before = load(str(here / "config.toml"))
    mixture = before.entrants[1].agent
    assert mixture.of[:2] == (Reactive(y=1, p=1, q=0.25), AllD())
    assert mixture.of[2] == Checkpoint(run=str(here / "first"), learner="q_learning")
    assert mixture.slow
    here.rename(there)
    after = load(str(there / "config.toml"))
    assert after.entrants[1].definition.key == before.entrants[1].definition.key
    written = as_config(after, there)
    assert written["agents"][1]["of"][2]["run"] == "first"
    assert written["agents"][1]["of"][3] == {"name": "mine.py:coin"}
    assert parse(written, folder=there) == after


def test_a_checkpoint_may_be_one_of_a_mixtures_agents(tmp_path):
    learning = {"tables": 6, "episodes": 2, "keep": ["both"]}
    both = Mixture(of=(AllD(), QLearning(epsilon=0)))
    Tournament([PrisonersDilemma(rounds=5)], {"both": both, "c": AllC()}, learning=learning).run(tmp_path)
    one = Checkpoint(run=str(tmp_path), learner="both", part=1)
    assert one == Checkpoint.model_validate_json(one.model_dump_json())
    assert "part" not in Checkpoint(run=str(tmp_path), learner="both").model_dump()
    game, chance = PrisonersDilemma(rounds=5), Chance.at_tables(torch.ones(1).long(), 3)
    player = one.sit(Chairs(game, torch.zeros(1, dtype=torch.int64), chance))
    assert player.state_dict()["values"].shape == (1, 1, 5, 2)
    assert Mixture(of=(AllC(), one)).kept_runs(game) == 1
    assert Mixture(of=(AllC(), AllD())).kept_runs(game) is None
    whole = Tournament([game], {"it": Checkpoint(run=str(tmp_path), learner="both"), "c": AllC()}, repetitions=9)
    assert not whole.run().failures  # at one table each, where nobody needs to learn
    for part in (0, 2):  # all_d has learned nothing
        with pytest.raises(ValidationError, match=f"both has no part {part} that has learned something"):
            Checkpoint(run=str(tmp_path), learner="both", part=part)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('of = ["tit_for_tat", "all_x"]', "there is no agent 'all_x'; did you mean"),
        ('of = ["tit_for_tat"]\nshares = [1, 2]', "one share for each agent; found 2 of 1"),
        ('of = ["tit_for_tat", "all_d"]\nshares = [1, 0]', "allowed: greater than 0"),
        ("of = []", "of: found an empty list; allowed: one or more"),
        (
            'of = [{ name = "ppo", epochs = 0 }]',
            r"\[0\]\.of\[0\]\.epochs: found 0; allowed: greater than or equal to 1$",
        ),
        (
            'of = [{ name = "tremble", rate = 0.1, of = { name = "reactive", x = 1 } }]',
            r"of\[0\]\.of\.x: .* allowed: (?!.*label).*y",
        ),
    ],
)
def test_mistakes(tmp_path, line, says):
    path = tmp_path / "config.toml"
    path.write_text(f'[[environments]]\nname = "prisoners_dilemma"\n[[agents]]\nname = "mixture"\n{line}\n')
    with pytest.raises(ConfigError, match=says):
        load(str(path))
