"""Our environments in PettingZoo, by its own tests; and its environments here, against itself."""

import itertools
import re
import warnings
from importlib.metadata import EntryPoint

import numpy as np
import pytest
import tomli_w
import torch
from pydantic import ValidationError

from dilemma import Tournament
from dilemma.agents.automata import AllC, AllD
from dilemma.agents.random_agent import Random
from dilemma.envs import BUILTIN, CATALOGUE
from dilemma.envs.chance import Chance, derive, sealed
from dilemma.envs.coins import Coins
from dilemma.envs.environment import Box, Discrete
from dilemma.envs.errors import DilemmaError
from dilemma.envs.matrix_game import BattleOfTheSexes, PrisonersDilemma
from dilemma.envs.public_goods import PublicGoods
from dilemma.testing import check_environment, examples
from dilemma.tournament.arena import play
from dilemma.tournament.config import as_config, parse

pytest.importorskip("pettingzoo")
from gymnasium import spaces
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test
from pettingzoo.utils import parallel_to_aec

from dilemma.envs.parallel_environment import ParallelEnvironment, seed_of
from dilemma.envs.pettingzoo import parallel_env

torch.set_num_threads(1)


# Ours in PettingZoo.


@pytest.mark.parametrize("name", BUILTIN)
def test_every_environment_of_ours_passes_the_tests_of_pettingzoo(name):
    for game in examples(CATALOGUE.model(name)):

        def make(game=game):
            return parallel_env(game, rounds=16)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parallel_api_test(make(), num_cycles=20)
            parallel_seed_test(make, num_cycles=20)
            api_test(parallel_to_aec(make()), num_cycles=20)


def test_a_seat_observes_its_own_action_and_then_the_others():
    env = parallel_env(PublicGoods(players=3, levels=3))
    seen, infos = env.reset(seed=0)
    assert {name: what.tolist() for name, what in seen.items()} == dict.fromkeys(env.agents, [0.0] * 9)
    assert infos == {"seat_0": {}, "seat_1": {}, "seat_2": {}}
    seen, *_ = env.step({"seat_0": 0, "seat_1": 1, "seat_2": 2})
    zero, one, two = [1, 0, 0], [0, 1, 0], [0, 0, 1]
    assert seen["seat_0"].tolist() == zero + one + two
    assert seen["seat_1"].tolist() == one + two + zero
    assert seen["seat_2"].tolist() == two + zero + one


def test_real_actions_are_observed_as_they_are():
    env = parallel_env("policy_game")
    env.reset(seed=0)
    seen, *_ = env.step({"seat_0": np.full(5, 0.25), "seat_1": np.ones(5)})
    assert seen["seat_0"].tolist() == [0.25] * 5 + [1] * 5
    assert seen["seat_0"] in env.observation_space("seat_0")


def test_a_seed_is_the_key_of_a_match_and_reset_begins_its_next_episode():
    game, key = PrisonersDilemma(rounds=100, noise=0.3), -1234567890123456789
    played = play(game, [AllC(), AllD()], torch.tensor([[0, 1]]), torch.tensor([key]))
    env = parallel_env(game)

    def total(seed):
        env.reset(seed=seed)
        rewards = [env.step({"seat_0": 0, "seat_1": 1})[1] for _ in range(100)]
        return [sum(reward[name] for reward in rewards) for name in env.possible_agents]

    assert total(key) == played.payoff.flatten().tolist()
    second = total(None)
    assert second != total(key)
    assert second == total(None)


def test_everybody_is_truncated_at_the_last_round():
    env = parallel_env("rock_paper_scissors", rounds=2)
    env.reset(seed=0)
    actions = {"seat_0": 1, "seat_1": 0}
    assert env.step(actions)[2:4] == (dict.fromkeys(actions, False),) * 2
    assert env.step(actions)[2:4] == (dict.fromkeys(actions, False), dict.fromkeys(actions, True))
    assert env.agents == []
    assert env.step({}) == ({}, {}, {}, {}, {})


def test_a_random_end_terminates():
    game = PrisonersDilemma(rounds=50, continuation=0.8)
    env = parallel_env(game)
    for key in range(20):
        rounds = play(game, [AllC()], torch.tensor([[0, 0]]), torch.tensor([key])).rounds[0, 0, 0].item()
        env.reset(seed=key)
        steps = [env.step({"seat_0": 0, "seat_1": 0}) for _ in range(int(rounds))]
        assert [step[2]["seat_0"] for step in steps] == [False] * (len(steps) - 1) + [rounds < 50]
        assert steps[-1][3]["seat_0"] == (rounds == 50)
        assert not env.agents


def test_masks_stand_beside_observations_and_measures_in_infos():
    env = parallel_env("cleanup", rounds=5, players=2)
    seen, _ = env.reset(seed=0)
    assert seen["seat_0"]["action_mask"].tolist() == [1] * 9
    seen, _, _, _, infos = env.step({"seat_0": 7, "seat_1": 0})  # zaps, and its beam must rest
    assert seen["seat_0"]["action_mask"].tolist() == [1] * 7 + [0, 1]
    assert seen["seat_0"] in env.observation_space("seat_0")
    assert infos["seat_1"]["peace"] == 1


def test_a_board_is_rendered():
    env = parallel_env(Coins(), render_mode="rgb_array")
    env.reset(seed=0)
    assert env.render().shape == (48, 48, 3)
    assert parallel_env("chicken").render_mode is None


@pytest.mark.parametrize(
    ("actions", "says"),
    [
        ({"seat_0": 1}, "seat_1 has no action"),
        ({"seat_0": 1, "seat_1": 2}, r"seat_1 can't do 2; allowed: Discrete\(2\)"),
    ],
)
def test_wrong_actions_are_refused_with_a_sentence(actions, says):
    env = parallel_env("chicken")
    env.reset()
    with pytest.raises(DilemmaError, match=says):
        env.step(actions)


def test_wrong_names_and_parameters_are_refused():
    with pytest.raises(DilemmaError, match="did you mean chicken"):
        parallel_env("chickn")
    with pytest.raises(ValidationError, match="noise"):
        parallel_env("chicken", noise=2.0)
    with pytest.raises(DilemmaError, match="allowed: 'rgb_array' or None"):
        parallel_env("chicken", render_mode="human")


# PettingZoo's here.


class Duel(ParallelEnv):
    """Seats that differ in what they see and do; the dove may die in its third round."""

    metadata = {"name": "duel"}  # noqa: RUF012

    def __init__(self, length=10, deadly=False, fault=None):
        self.possible_agents = ["hawk"] if fault == "alone" else ["hawk", "dove"]
        self.length, self.deadly, self.fault = length, deadly, fault
        self.acts = {"hawk": spaces.Discrete(2), "dove": spaces.Discrete(3, start=1)}
        self.looks = {"hawk": spaces.Box(0, 1, (2, 2)), "dove": spaces.Discrete(3)}
        if fault == "vector":
            self.acts["dove"] = spaces.MultiDiscrete([2, 2])
        if fault == "endless":
            self.acts = dict.fromkeys(self.acts, spaces.Box(-np.inf, np.inf, (1,)))
        if fault == "mixed":
            self.acts["dove"] = spaces.Box(0, 1, (1,))
        if fault == "text":
            self.looks["dove"] = spaces.Sequence(spaces.Discrete(2))

    def action_space(self, agent):
        return self.acts[agent]

    def observation_space(self, agent):
        return self.looks[agent]

    def reset(self, seed=None, options=None):
        self.rng, self.round = np.random.default_rng(seed), 0
        self.agents = ["hawk"] if self.fault == "late" else list(self.possible_agents)
        return self.look(), {name: {} for name in self.agents}

    def look(self):
        seen = {"hawk": self.rng.random((2, 2), dtype=np.float32), "dove": int(self.rng.integers(3))}
        return {name: seen[name] for name in self.agents}

    def step(self, actions):
        assert set(actions) == set(self.agents)
        assert all(actions[name] in self.acts[name] for name in actions)
        self.round += 1
        acted = self.agents
        rewards = {name: float(actions[name] + self.rng.random()) for name in acted}
        dead = {name: self.deadly and name == "dove" and self.round == 3 for name in acted}
        over = dict.fromkeys(acted, self.round == self.length)
        self.agents = [name for name in acted if not (dead[name] or over[name])]
        if self.fault == "revived" and self.round == 5:
            self.agents = ["hawk", "dove"]
        return self.look(), rewards, dead, over, {name: {} for name in acted}


class Vectors(ParallelEnv):
    """Real actions; everybody is paid the first component of its own, and one needn't have the other's bounds."""

    metadata = {"name": "vectors"}  # noqa: RUF012
    possible_agents = ("a", "b")

    def __init__(self, low=(-1.0, 0.0), high=(1.0, 10.0)):
        self.space = spaces.Box(np.float32(low), np.float32(high))

    def action_space(self, agent):
        return self.space

    def observation_space(self, agent):
        return self.space

    def reset(self, seed=None, options=None):
        self.agents = list(self.possible_agents)
        return dict.fromkeys(self.agents, self.space.low), {name: {} for name in self.agents}

    def step(self, actions):
        assert all(action in self.space for action in actions.values())
        no = dict.fromkeys(actions, False)
        return actions, {name: float(action.sum()) for name, action in actions.items()}, no, no, {}


class Masked(Duel):
    """Only the action `round % 2` is allowed; the mask is where PettingZoo knows it to be."""

    def __init__(self, where="observation"):
        super().__init__()
        self.where = where
        self.acts["dove"] = spaces.Discrete(2)
        if where == "observation":
            mask = spaces.Box(0, 1, (2,), np.int8)
            self.looks = {
                name: spaces.Dict({"observation": look, "action_mask": mask}) for name, look in self.looks.items()
            }

    def mask(self):
        return np.array([self.round % 2 == 0, self.round % 2 == 1], np.int8)

    def reset(self, seed=None, options=None):
        seen, _ = super().reset(seed, options)
        return seen, {name: {"action_mask": self.mask()} for name in self.agents}

    def look(self):
        seen = super().look()
        if self.where == "infos":
            return seen
        return {name: {"observation": what, "action_mask": self.mask()} for name, what in seen.items()}

    def step(self, actions):
        assert set(actions.values()) == {self.round % 2}
        *rest, infos = super().step(actions)
        return *rest, {name: {"action_mask": self.mask()} for name in infos}


class TurnBased(AECEnv):
    """Not a parallel environment."""


def here(name, **parameters):
    """An environment of this file."""
    return ParallelEnvironment(factory=f"{__file__}:{name}", parameters=parameters)


@pytest.mark.parametrize(
    "game",
    [here("Duel"), here("Duel", deadly=True), here("Vectors"), here("Masked"), here("Masked", where="infos")],
    ids=["duel", "deadly", "vectors", "masked", "masked in infos"],
)
def test_they_keep_the_contract_of_environments(game):
    check_environment(game)


def test_seats_have_spaces_of_their_own():
    game = here("Duel")
    assert [game.actions(0), game.actions(1)] == [Discrete(2), Discrete(3)]
    assert game.observation(0) == game.observation(1) == (4,)
    state = game.reset(3, 2, Chance.at_tables(derive(torch.arange(3), 0), 2))
    hawk, dove = state.observation.unbind(1)
    assert (hawk > 0).all()
    assert torch.equal(dove.sum(-1), torch.ones(3, 2))
    assert (dove[..., 3] == 0).all()


def test_an_episode_is_that_of_pettingzoo_with_the_addressed_seed():
    game = here("Duel", deadly=True)
    chance = Chance.at_tables(sealed(torch.arange(3), 0), 2)
    state = game.reset(3, 2, chance, 4)
    theirs = Duel(deadly=True)
    theirs.reset(seed=seed_of(2, table=1, episode=4))
    for round in range(10):
        action = torch.tensor([round % 2, round % 3])
        names = list(theirs.agents)
        given = dict(zip(theirs.possible_agents, (action + torch.tensor([0, 1])).tolist(), strict=True))
        seen, paid, *_ = theirs.step({name: given[name] for name in names})
        before = state.playing[2, :, 1].tolist()
        assert before == [name in names for name in theirs.possible_agents]
        state, step = game.step(state, action[None, :, None].expand(3, 2, 2), chance)
        assert step.reward[2, :, 1].tolist() == [paid.get(name, 0.0) for name in theirs.possible_agents]
        if theirs.agents:
            assert state.observation[2, 0, 1].tolist() == seen["hawk"].ravel().tolist()
    assert not state.playing.any()


def test_a_seed_follows_from_match_table_and_episode():
    assert (seed_of(5), seed_of(-7, table=2, episode=3)) == (1695307738, 1600772693)
    seeds = [seed_of(*address) for address in itertools.product(range(-5, 5), range(3), range(4))]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_the_report_says_how_matches_are_seeded(tmp_path):
    games = {"duel": here("Duel"), "ours": BattleOfTheSexes(rounds=3)}
    page = Tournament(games, ["random"], self_play=True, mode="played").run().report(tmp_path).read_text()
    said = re.findall("<p>(.*reset.seed=s.*)</p>", page)
    assert len(said) == 1
    assert said[0].startswith("duel: slow, each table is an object of PettingZoo")


def test_a_state_may_be_left_and_taken_up_again():
    game, chance = here("Duel"), Chance.at_tables(derive(torch.arange(2), 0), 1)
    start = game.reset(2, 1, chance)
    zeros, ones = torch.zeros(2, 2, 1, dtype=torch.int64), torch.ones(2, 2, 1, dtype=torch.int64)
    one, _ = game.step(start, zeros, chance)
    two, first = game.step(one, ones, chance)
    _, third = game.step(two, zeros, chance)
    game.step(start, ones, chance)
    again, second = game.step(one, ones, chance)
    assert torch.equal(first.reward, second.reward)
    assert torch.equal(third.reward, game.step(again, zeros, chance)[1].reward)


def test_who_dies_plays_no_more_and_is_paid_per_round_that_it_lived():
    played = play(here("Duel", deadly=True), [Random()], torch.tensor([[0, 0]]), torch.tensor([5]))
    assert played.rounds.flatten().tolist() == [10, 3]
    assert played.weight.flatten().tolist() == [10, 3]
    assert 3 <= played.payoff[0, 1, 0] < 12


def test_real_actions_are_shares_of_their_range_where_bounds_differ():
    game, chance = here("Vectors"), Chance.at_tables(torch.arange(1), 1)
    assert game.actions(0) == Box(0.0, 1.0, (2,))
    action = torch.tensor([[0.0, 0.5], [1.0, 0.25]], dtype=torch.float64)[None, :, None]
    _, step = game.step(game.reset(1, 1, chance), action, chance)
    assert step.reward.flatten().tolist() == [-1 + 5, 1 + 2.5]
    same = here("Vectors", low=(-3.0, -3.0), high=(5.0, 5.0))
    assert same.actions(0) == Box(-3.0, 5.0, (2,))
    _, step = same.step(same.reset(1, 1, chance), action, chance)
    assert step.reward.flatten().tolist() == [0.5, 1.25]


def test_ours_comes_back_unchanged_through_pettingzoo():
    ours = BattleOfTheSexes(rounds=12)
    there = ParallelEnvironment(
        factory="dilemma.envs.pettingzoo", parameters={"environment": "battle_of_the_sexes"}, rounds=12
    )
    tables = []
    for game in (ours, there):
        seats = (
            Tournament({"game": game}, ["tit_for_tat", "all_d", "davis", "alternator"], mode="played").run().seats
        )
        tables.append(seats.sort_values(["agent", "opponent", "seat"])["payoff"].tolist())
    assert len(tables[0]) == 24
    assert tables[0] == tables[1]


def test_a_tournament_plays_them_by_name(tmp_path):
    config = {
        "environments": [{"name": f"pettingzoo:{__file__}:Duel", "label": "duel", "deadly": True, "rounds": 8}],
        "agents": [{"name": "random"}, {"name": "ppo", "policy": "mlp"}],
        "schedule": {"self_play": True, "repetitions": 3},
        "learning": {"tables": 2, "episodes": 2},
    }
    given = parse(config)
    assert parse(as_config(given)) == given
    [setting] = given.settings
    assert setting.game == ParallelEnvironment(factory=f"{__file__}:Duel", parameters={"deadly": True}, rounds=8)
    (tmp_path / "duel.toml").write_text(tomli_w.dumps(config))
    results = Tournament.from_config(tmp_path / "duel.toml").run()
    assert not results.failures
    assert len(results.seats) == 3 * 4 * 2
    assert set(results.seats["how"]) == {"played", "learned"}


def test_an_entry_point_may_be_a_factory(monkeypatch):
    point = EntryPoint("sexes", "dilemma.envs.pettingzoo:parallel_env", "dilemma.envs")
    monkeypatch.setitem(CATALOGUE.__dict__, "plugins", {"sexes": point})
    game = CATALOGUE.build("sexes", {"environment": "battle_of_the_sexes", "rounds": 3})
    assert game == ParallelEnvironment(
        factory="sexes", parameters={"environment": "battle_of_the_sexes"}, rounds=3
    )
    assert CATALOGUE.build("sexes", CATALOGUE.parameters("sexes", game)) == game


@pytest.mark.parametrize(
    ("name", "parameters", "says"),
    [
        ("Duel", {"fault": "alone"}, "names 1 possible agents; allowed: 2 or more"),
        ("Duel", {"fault": "vector"}, r"dove acts in MultiDiscrete\(\[2 2\]\); allowed: Discrete, or Box"),
        ("Duel", {"fault": "endless"}, "allowed: Discrete, or Box of floats with bounds"),
        ("Duel", {"fault": "mixed"}, "real actions of one shape for all agents, or none"),
        ("Duel", {"fault": "text"}, "dove observes Sequence.*; allowed: what has always the same length"),
        ("Duel", {"colour": "red"}, r"can't be made with the parameters .*unexpected keyword argument 'colour'"),
        ("TurnBased", {}, "makes a TurnBased; allowed: a parallel environment of PettingZoo"),
        ("ERROR", {}, "has no 'ERROR'"),
    ],
)
def test_what_cannot_be_carried_is_refused_with_a_sentence(name, parameters, says):
    with pytest.raises(DilemmaError, match=says):
        here(name, **parameters)


def test_names_that_are_not_there_are_refused_with_a_sentence():
    with pytest.raises(DilemmaError, match=r"fails to import: ModuleNotFoundError: No module named 'nowhere'"):
        CATALOGUE.build("pettingzoo:nowhere", {})
    with pytest.raises(DilemmaError, match="math has no 'parallel_env'"):
        CATALOGUE.build("pettingzoo:math", {})


@pytest.mark.parametrize(("fault", "round"), [("late", 0), ("revived", 5)])
def test_agents_that_come_later_are_refused_with_a_sentence(fault, round):
    game, chance = here("Duel", fault=fault, deadly=True), Chance.at_tables(torch.arange(1), 1)

    def course():
        state = game.reset(1, 1, chance)
        for _ in range(6):
            state, _ = game.step(state, torch.zeros(1, 2, 1, dtype=torch.int64), chance)

    with pytest.raises(DilemmaError, match=f"after {round} rounds its agents are .*there from the start"):
        course()


def test_rock_paper_scissors_of_pettingzoo():
    pytest.importorskip("pygame")
    game = CATALOGUE.build("pettingzoo:pettingzoo.classic.rps.rps", {"max_cycles": 7})
    check_environment(game)
    played = play(game, [Random()], torch.tensor([[0, 0]]).expand(20, 2), derive(torch.arange(20), 0))
    assert played.payoff.sum(1).abs().max() == 0
    assert played.rounds.unique().tolist() == [7]
