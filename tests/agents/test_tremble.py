"""A trembling hand: how often it changes an action and to which, and that what trembles stays what it is."""

import shutil

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from dilemma import Tournament
from dilemma.agents.agent import Chairs, Observation
from dilemma.agents.automata import AllC, TitForTat
from dilemma.agents.checkpoint import Checkpoint
from dilemma.agents.fixed_action import FixedAction
from dilemma.agents.learners.policy_gradient.reinforce import Reinforce
from dilemma.agents.learners.tabular.q_learning import QLearning
from dilemma.agents.memory_one import Reactive
from dilemma.agents.strategies.gradual import Gradual
from dilemma.agents.tremble import Tremble
from dilemma.envs.chance import Chance, derive
from dilemma.envs.environment import State
from dilemma.envs.matrix_game import PrisonersDilemma, RockPaperScissors
from dilemma.envs.policy_game import PolicyGame
from dilemma.envs.public_goods import PublicGoods
from dilemma.tournament.arena import play
from dilemma.tournament.config import as_config, builtin_plan, load, parse
from dilemma.tournament.config_file import ConfigError
from dilemma.tournament.protocol import Protocol

torch.set_num_threads(1)

TABLES = 40_000
WITHIN = 4 * 0.5 / TABLES**0.5
"""Four standard errors of a share of the tables, at most: one share is outside in 16,000."""


def shares(agent, game, actions, mask=None):
    """How often a single chair takes each action in the first round."""
    player = agent.sit(
        Chairs(game, torch.zeros(1, dtype=torch.int64), Chance.at_tables(torch.ones(1).long(), TABLES))
    )
    player.begin()
    taken = player.act(Observation(State(0, 0, action_mask=mask), None))
    return [(taken == action).double().mean().item() for action in range(actions)]


def test_an_action_gives_way_to_a_uniformly_random_one():
    assert shares(Tremble(of=FixedAction(action=2), rate=0.3), RockPaperScissors(), 3) == pytest.approx(
        [0.1, 0.1, 0.8], abs=WITHIN
    )


def test_to_one_that_is_allowed():
    mask = torch.tensor([True, False, True, False, True]).expand(1, TABLES, 5)
    found = shares(Tremble(of=FixedAction(action=4), rate=0.6), PublicGoods(levels=5), 5, mask)
    assert found == pytest.approx([0.2, 0, 0.2, 0, 0.6], abs=WITHIN)
    assert found[1] == found[3] == 0


def test_an_automaton_that_trembles_is_one():
    automaton = Tremble(of=Reactive(y=1, p=1, q=0.25), rate=0.2).as_automaton(PrisonersDilemma())
    assert sorted(set(automaton.cooperation.tolist())) == pytest.approx([0.3, 0.9])
    assert np.array_equal(
        automaton.transitions, Reactive(y=1, p=1, q=0.25).as_automaton(PrisonersDilemma()).transitions
    )


def payoffs(game, agents, **options):
    table = Tournament([game], agents, self_play=True, **options).run().payoffs
    return table.set_index(["agent", "opponent"])["payoff"]


def test_where_both_tremble_the_game_has_noise_of_half_the_rate():
    agents = {"tft": TitForTat(), "c": AllC()}
    noisy = payoffs(PrisonersDilemma(noise=0.1), agents)
    trembling = payoffs(
        PrisonersDilemma(), {label: Tremble(of=agent, rate=0.2) for label, agent in agents.items()}
    )
    assert trembling.to_dict() == pytest.approx(noisy.to_dict(), abs=1e-12)


def test_exact_and_played_agree():
    """At most 4 standard errors apart: in one of 16,000 cells more by chance."""
    agents = {"tft": Tremble(of=TitForTat()), "c": Tremble(of=AllC(), rate=0.4)}
    game = PrisonersDilemma(rounds=30)
    exact = Tournament([game], agents).run().payoffs
    played = Tournament([game], agents, mode="played", repetitions=500).run().payoffs
    assert ((played["payoff"] - exact["payoff"]).abs() < 4 * played["standard_error"]).all()


@pytest.mark.parametrize("agent", [Gradual(), QLearning(), Reinforce()], ids=lambda agent: type(agent).__name__)
def test_with_a_steady_hand_it_is_the_agent_bit_for_bit(agent):
    game, cast, keys = PrisonersDilemma(rounds=20), torch.tensor([[0, 1]]), derive(torch.arange(1), 3)
    protocol = Protocol(tables=4, episodes=3, keep=("it",), freeze_after=(("it", 2),))
    alone, wrapped = (
        play(game, [one, TitForTat()], cast, keys, protocol, ("it", "other"))
        for one in (agent, Tremble(of=agent, rate=0))
    )
    assert torch.equal(alone.payoff, wrapped.payoff)
    for before, after in zip(alone.learned, wrapped.learned, strict=True):
        assert before.state.keys() == after.state.keys()
        assert all(torch.equal(before.state[name], after.state[name]) for name in before.state)


def test_a_learner_remembers_what_was_played():
    """With alpha = 1, no future and R = 3, P = 1: its table has what each played action earned against all_c."""
    learner = QLearning(
        learning_rate=1.0, learning_rate_decay=0.0, discount=0.0, epsilon=0.0, spread=0.0, initial=9.0
    )
    game, cast, keys = PrisonersDilemma(rounds=50), torch.tensor([[0, 1]]), derive(torch.arange(1), 3)
    protocol = Protocol(tables=1, episodes=1, keep=("it",))
    played = play(game, [Tremble(of=learner, rate=1.0), AllC()], cast, keys, protocol, ("it", "c"))
    [learned] = played.learned
    assert learned.state["values"][0, 0, 1].tolist() == [3, 5]  # after CC


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
name = "tremble"
label = "shaky"
of = "kind"
[[agents]]
name = "tremble"
label = "shakier"
of = "shaky"
[[agents]]
name = "tremble"
label = "own"
of = "mine.py:coin"
"""
MINE = """def coin(history, rng):
    return rng.randrange(2)
"""


@pytest.fixture
def config(tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "mine.py").write_text(MINE)
    (folder / "config.toml").write_text(CONFIG)
    return folder / "config.toml"


def test_a_config_names_what_trembles_by_its_label(config):
    agents = {entrant.label: entrant.agent for entrant in load(str(config)).entrants}
    kind = Reactive(y=1, p=1, q=0.25)
    assert agents["shaky"] == Tremble(of=kind)
    assert agents["shakier"] == Tremble(of=Tremble(of=kind))
    assert agents["own"].slow


def test_what_trembles_is_known_by_what_it_is_and_not_by_where_it_lies(config):
    before = load(str(config))
    config.parent.rename(config.parent.with_name("there"))
    moved = config.parent.with_name("there")
    after = load(str(moved / "config.toml"))
    keys = [entrant.definition.key for entrant in after.entrants]
    assert keys == [entrant.definition.key for entrant in before.entrants]
    assert len(set(keys)) == 4
    written = as_config(after, moved)
    assert written["agents"][3]["of"] == {"name": "mine.py:coin"}
    assert parse(written, folder=moved) == after
    (moved / "mine.py").write_text(MINE.replace("2", "1"))
    changed = load(str(moved / "config.toml"))
    assert [entrant.definition.key == key for entrant, key in zip(changed.entrants, keys, strict=True)] == [
        True
    ] * 3 + [False]


def test_reading_a_run_of_others_imports_nothing_that_trembles(config):
    given = as_config(load(str(config)))
    assert [entrant.label for entrant in builtin_plan(given, config.parent).entrants] == [
        "kind",
        "shaky",
        "shakier",
    ]


def test_a_checkpoint_trembles_wherever_its_run_lies(tmp_path):
    learning = {"tables": 2, "episodes": 2, "keep": ["q_learning"]}
    Tournament([PrisonersDilemma(rounds=5)], ["q_learning", "all_c"], learning=learning, repetitions=8).run(
        tmp_path / "first"
    )
    config = """
        [[environments]]
        name = "prisoners_dilemma"
        rounds = 5
        [[agents]]
        name = "all_c"
        [[agents]]
        name = "tremble"
        of = { name = "checkpoint", run = "first", learner = "q_learning" }
    """
    (tmp_path / "config.toml").write_text(config)
    plan = load(str(tmp_path / "config.toml"))
    trembling = plan.entrants[1]
    assert trembling.agent.of == Checkpoint(run=str(tmp_path / "first"), learner="q_learning")
    assert trembling.agent.version_of == "q_learning"
    assert not trembling.agent.learns
    shutil.move(tmp_path / "first", tmp_path / "second")
    (tmp_path / "config.toml").write_text(config.replace('"first"', '"second"'))
    assert load(str(tmp_path / "config.toml")).entrants[1].definition.key == trembling.definition.key


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('of = "tit_for_tatt"', "there is no agent 'tit_for_tatt'; did you mean"),
        (
            'of = { name = "reactive", y = 1.0, p = 2.0, q = 0.0 }',
            r"agents\[0\]\.of\.p: found 2\.0; allowed: less than or equal to 1",
        ),
        ("of = 3", "found 3; allowed: "),
        ('of = "trembling"', "there is no agent 'trembling'"),  # itself
        ("", "'of' is missing"),
        ('of = "all_c"\nrate = 1.5', r"rate: found 1\.5; allowed: less than or equal to 1"),
    ],
)
def test_mistakes(tmp_path, line, says):
    path = tmp_path / "config.toml"
    start = CONFIG.partition("[[agents]]")[0]
    path.write_text(f'{start}[[agents]]\nname = "tremble"\nlabel = "trembling"\n{line}\n')
    with pytest.raises(ConfigError, match=says):
        load(str(path))


def test_where_nothing_can_be_replaced():
    assert Tremble(of="naive_exact").refuses(PolicyGame()) == "trembles among actions that can be counted"
    assert Tremble(of="coins_cooperator").refuses(PrisonersDilemma()) is not None
    with pytest.raises(ValidationError, match="a function, or a class"):
        Tremble(of=3)
