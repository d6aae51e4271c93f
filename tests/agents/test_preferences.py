"""Preferences as values: any policy-gradient learner takes them, from a config, with what they keep."""

from __future__ import annotations

import pytest
import torch

from dilemma import Tournament
from dilemma.agents import CATALOGUE
from dilemma.agents.agent import Chairs, Observation, Round
from dilemma.agents.learners.policy_gradient.actor_critic import ActorCritic
from dilemma.agents.learners.policy_gradient.inequity_averse import InequityAverse
from dilemma.agents.learners.policy_gradient.ppo import PPO
from dilemma.agents.learners.policy_gradient.prosocial import Prosocial
from dilemma.agents.learners.policy_gradient.reinforce import Reinforce
from dilemma.agents.learners.policy_gradient.reward_transfer import RewardTransfer
from dilemma.agents.learners.policy_gradient.social_influence import SocialInfluence
from dilemma.agents.learners.policy_gradient.svo import SVO
from dilemma.agents.learners.preferences.inequity_aversion import InequityAversion
from dilemma.agents.learners.preferences.influence_seeking import InfluenceSeeking
from dilemma.agents.learners.preferences.preference import Selfish
from dilemma.agents.learners.preferences.prosociality import Prosociality
from dilemma.agents.learners.preferences.reciprocity import Reciprocity
from dilemma.agents.learners.preferences.social_value_orientation import SocialValueOrientation
from dilemma.agents.learners.preferences.transfer_commitment import TransferCommitment
from dilemma.agents.learners.preferences.welfare import Welfare
from dilemma.agents.learners.reciprocity.reciprocator import Reciprocator
from dilemma.agents.learners.shaping.advantage_alignment import AdvantageAlignment
from dilemma.agents.learners.shaping.loqa import Loqa
from dilemma.envs.chance import Chance, derive
from dilemma.envs.coins import Coins
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.envs.n_player_ipd import NPlayerIPD
from dilemma.listing import describe
from dilemma.testing import check_agent
from dilemma.tournament.arena import play
from dilemma.tournament.config import as_config, load, parse
from dilemma.tournament.config_file import ConfigError
from dilemma.tournament.protocol import Protocol
from dilemma.tournament.schema import schema

torch.set_num_threads(1)

GAME = PrisonersDilemma(payoffs=(-1, -3, 0, -2), rounds=6)
COINS = Coins(rounds=6)
PREFERENCES = [
    InequityAversion(),
    SocialValueOrientation(),
    Prosociality(share=0.5),
    TransferCommitment(),
    Welfare(),
    InfluenceSeeking(),
    Reciprocity(refresh=1, model_units=8),
]
GRU = {"policy": "gru", "hidden": (4,)}
every_preference = pytest.mark.parametrize("preference", PREFERENCES, ids=lambda each: each.kind)


def matches(agent, game=GAME, episodes=4):
    cast = torch.zeros(2, game.seats, dtype=torch.int64)
    return play(
        game, [agent], cast, derive(torch.arange(2), 0), Protocol(8, episodes, keep=("it",)), labels=["it"]
    )


@every_preference
@pytest.mark.parametrize("learner", [Reinforce, ActorCritic])
def test_the_contract(learner, preference):
    agent = learner(preference=preference)
    for game in (GAME, NPlayerIPD(rounds=6, continuation=0.8)):
        check_agent(agent, game)
        learned, selfish = (matches(each, game).learned[0].state["theta"] for each in (agent, learner()))
        assert not torch.equal(learned, selfish)


@pytest.mark.parametrize(
    ("agent", "preference"),
    [
        (InequityAverse(alpha=2.0), InequityAversion(alpha=2.0)),
        (SVO(angle=70.0, origin=-1.0), SocialValueOrientation(angle=70.0, origin=-1.0)),
        (Prosocial(share=0.5), Prosociality(share=0.5)),
        (RewardTransfer(kept=0.4), TransferCommitment(kept=0.4)),
        (SocialInfluence(memory=0.5), InfluenceSeeking(memory=0.5)),
        (Reciprocator(refresh=1), Reciprocity(refresh=1)),
    ],
    ids=lambda each: type(each).__name__,
)
def test_the_registered_agents_are_ppo_with_their_preference(agent, preference):
    assert agent.social_preference == preference
    ours, ppo = matches(agent), matches(PPO(preference=preference))
    assert torch.equal(ours.payoff, ppo.payoff)
    assert ours.curves.keys() == ppo.curves.keys()
    assert all(torch.equal(value, ppo.learned[0].state[name]) for name, value in ours.learned[0].state.items())
    assert "preference" not in CATALOGUE.parameters(CATALOGUE.name_of(agent), agent)


def test_a_selfish_learner_is_the_one_it_was_before_there_were_preferences():
    for agent in (PPO(), Reinforce(preference=Selfish()), Loqa(), AdvantageAlignment()):
        assert "preference" not in CATALOGUE.parameters(CATALOGUE.name_of(agent), agent)
    asked = CATALOGUE.parameters("actor_critic", ActorCritic(preference=SocialValueOrientation()))
    assert asked["preference"] == {"kind": "svo", "angle": 45.0, "weight": 0.2}


@every_preference
@pytest.mark.parametrize("game", [GAME, COINS], ids=["table", "features"])
def test_what_a_preference_keeps_goes_on(game, preference):
    agent = ActorCritic(preference=preference, **GRU)
    if agent.refuses(game):
        pytest.skip("it can't be had there")
    one, two = (
        agent.sit(Chairs(game, torch.arange(2), Chance.at_tables(derive(torch.arange(2), 3), 4))) for _ in range(2)
    )
    episode(one, game, 0)
    two.load_state_dict({name: value.clone() for name, value in one.state_dict().items()})
    for player in (one, two):
        episode(player, game, 1)
    again = two.state_dict()
    assert all(torch.equal(value, again[name]) for name, value in one.state_dict().items())


def episode(player, game, number):
    """Play and learn from an episode, on both seats of one match."""
    there = Chance.at_tables(derive(torch.arange(1), 1), 4)
    state = game.reset(1, 4, there, number)
    player.begin()
    for _ in range(game.rounds):
        action = player.act(Observation(state, None))
        state, step = game.step(state, action[None], there)
        player.observe(Round(step, None))
    player.learn()


def test_shapers_have_preferences_too():
    seen = Reciprocity(refresh=1, model_units=8)
    check_agent(AdvantageAlignment(preference=seen, critic_hidden=(8,), **GRU), COINS)
    agent = Loqa(preference=InfluenceSeeking())
    check_agent(agent, GAME)
    assert {"influence", "preference_influence"} <= matches(agent).curves.keys()


def test_a_preference_has_needs_and_refusals():
    assert Reinforce().needs == {"others_actions"}
    assert Reinforce(preference=InfluenceSeeking()).needs == {"others_actions"}
    assert Loqa(preference=Reciprocity()).needs == {"others_actions", "others_rewards", "game_model"}
    assert "features" in ActorCritic(preference=InfluenceSeeking(), policy="gru").refuses(COINS)


CONFIG = """
[[environments]]
name = "prisoners_dilemma"
rounds = 8

[[agents]]
name = "actor_critic"

[[agents]]
name = "actor_critic"
label = "envious"
preference = { kind = "inequity_aversion", alpha = 5.0, beta = 0.05 }

[[agents]]
name = "all_c"

[schedule]
repetitions = 2

[learning]
tables = 8
episodes = 6
window = 2
"""


def test_an_inequity_averse_actor_critic_from_a_config(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    config = load(str(path))
    assert parse(as_config(config)).entrants == config.entrants
    seats = Tournament.from_config(path).run().seats
    met = seats[seats["opponent"] == "all_c"].groupby("agent")["payoff"].mean()
    assert met["envious"] != met["actor_critic"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("alpha", "there is no key 'alhpa' here; allowed: alpha, beta, kind, smoothing; did you mean 'alpha'?"),
        ("inequity_aversion", "found 'inequity_avresion'"),
        ("inequity_aversion", "did you mean 'inequity_aversion'?"),
        ('kind = "inequity_aversion", ', "allowed: a table with a `kind`"),
    ],
)
def test_a_mistake_in_a_preference_is_explained(tmp_path, change, said):
    wrong = {"alpha": "alhpa", "inequity_aversion": "inequity_avresion"}.get(change, "")
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.replace(change, wrong))
    with pytest.raises(ConfigError) as caught:
        load(str(path))
    assert said in str(caught.value)


def test_the_schema_knows_what_a_preference_has():
    whole = schema()
    agents = whole["properties"]["agents"]["items"]["anyOf"]
    [preference] = [entry["properties"]["preference"] for entry in agents if entry.get("title") == "reinforce"]
    kinds = {option["$ref"].rpartition("/")[2] for option in preference["oneOf"]}
    assert kinds <= whole["$defs"].keys()
    assert "alpha" in whole["$defs"]["InequityAversion"]["properties"]


def test_the_listing_says_what_a_preference_has():
    assert 'kind = "inequity_aversion": as in `inequity_averse`; alpha, beta, smoothing' in describe(
        CATALOGUE, "actor_critic"
    )


@pytest.mark.parametrize(
    "preference",
    [InequityAversion(), Prosociality(), Reciprocity(), SocialValueOrientation(), Welfare()],
    ids=lambda preference: preference.kind,
)
def test_alone_only_the_own_reward_counts(preference):
    coins, keys = Coins(absent=1, rounds=8), derive(torch.arange(2), 0)
    paid, selfish = (
        play(coins, [PPO(policy="mlp", preference=by)], keys[:, None] * 0, keys, Protocol(8, 3)).curves["payoff"]
        for by in (preference, Selfish())
    )
    assert torch.equal(paid, selfish)
