"""The hand-written players of the gridworlds: what they do where it is plain, and what they earn."""

from dataclasses import replace

import pytest
import torch

from dilemma.agents.agent import Chairs, Observation
from dilemma.agents.gridworld_players import Cleaner, Harvester
from dilemma.agents.random_agent import Random
from dilemma.envs.chance import Chance, derive
from dilemma.envs.cleanup import Cleanup
from dilemma.envs.gridworld import BACKWARD, FIRE_TWO, FORWARD, LEFT, RIGHT, STAY
from dilemma.envs.harvest import Harvest
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.tournament.arena import play

torch.set_num_threads(1)


def chooses(agent, game, tables=1, key=1, **changes):
    """What seat 0 does at the start of a match in which some of the tensors are replaced by what follows."""
    chance = Chance.at_tables(derive(torch.arange(1), 0), tables)
    state = game.reset(1, tables, chance)
    state = replace(state, tensors={**state.tensors, **changes})
    state, _ = game.step(state, torch.zeros(1, game.seats, tables, dtype=torch.int64), chance)
    player = agent.sit(Chairs(game, torch.tensor([0]), Chance.at_tables(derive(torch.arange(1), key), tables)))
    player.begin()
    return player.act(Observation(state, torch.tensor([0])))


@pytest.mark.parametrize(("heading", "action"), [(0, RIGHT), (1, FORWARD), (2, LEFT), (3, BACKWARD)])
def test_the_harvester_goes_to_the_nearest_apple(heading, action):
    game = Harvest(players=2, layout="SA..A..\n#######\nS######", growth=(0.0,), away=0)
    chance = Chance.at_tables(derive(torch.arange(1), 0), 1)
    cells = game.reset(1, 1, chance).tensors["cell"].sort(-1).values  # seat 0 in the corridor
    turned = torch.full_like(cells, heading)
    assert chooses(Harvester(wander=0.0), game, cell=cells, heading=turned).item() == action


def test_the_sparing_harvester_leaves_what_stands_alone():
    game = Harvest(players=2, layout="SA....AAA\n#########\nS########", growth=(0.0,))
    cells = game.reset(1, 1, Chance.at_tables(derive(torch.arange(1), 0), 1)).tensors["cell"].sort(-1).values
    north = torch.zeros_like(cells)
    sees = {"cell": cells, "heading": north}
    assert chooses(Harvester(wander=0.0), game, **sees).item() == RIGHT
    choices = {chooses(Harvester(wander=0.0, leaves=3), game, key=key, **sees).item() for key in range(30)}
    assert len(choices) == 5  # lost: it steps and turns at random


def test_the_cleaner_fires_at_waste_and_waits_while_its_beam_rests():
    game = Cleanup(players=2, layout="WA\nS.\n..\nS.")
    cells = game.reset(1, 1, Chance.at_tables(derive(torch.arange(1), 0), 1)).tensors["cell"].sort(-1).values
    ready = {"cell": cells, "heading": torch.zeros_like(cells)}
    assert chooses(Cleaner(wander=0.0), game, **ready).item() == FIRE_TWO
    assert chooses(Cleaner(wander=0.0), game, **ready, cleaning_rest=torch.full_like(cells, 2)).item() == STAY


def returns(game, agents, cast):
    cast = torch.tensor([cast] * 2)
    return play(game, agents, cast, derive(torch.arange(2), 3)).payoff.mean((0, 2)).tolist()


def test_a_cleaner_and_a_harvester_earn_more_than_two_harvesters():
    game = Cleanup(players=2, layout="~WWWWW~~\n~WWWWW~~\nS......S\nAAAAAAAA\nAAAAAAAA", pollution=0.2, rounds=300)
    agents = [Harvester(), Cleaner()]
    assert returns(game, agents, [0, 0]) == [0, 0]
    harvester, cleaner = returns(game, agents, [0, 1])
    assert harvester > 20
    assert harvester > cleaner


def test_two_of_seven_must_clean():
    game, agents = Cleanup(rounds=400), [Harvester(), Cleaner()]
    assert sum(returns(game, agents, [0] * 7)) == 0
    some = returns(game, agents, [0] * 5 + [1] * 2)
    assert sum(some) > 100
    assert min(some[:5]) > max(some[5:])  # who cleans is worse off: the dilemma


def test_sparing_harvesters_earn_more_and_one_greedy_one_among_them_most():
    game, agents = Harvest(rounds=600), [Harvester(), Harvester(leaves=4)]
    greedy, sparing = (sum(returns(game, agents, [kind] * 7)) for kind in (0, 1))
    assert sparing > 1.5 * greedy
    mixed = returns(game, agents, [0] + [1] * 6)
    assert mixed[0] > max(mixed[1:])


def test_who_can_not_play_says_so():
    assert "apples" in Harvester().refuses(PrisonersDilemma())
    assert "rivers" in Cleaner().refuses(Harvest())
    assert Harvester().refuses(Cleanup()) is None


def test_who_is_away_stays_in_the_match():
    game = Harvest(players=3, layout="S.A\n.SA\nAS.", away=3, zap_cooldown=0, rounds=60)
    played = play(game, [Random()], torch.zeros(5, 3, dtype=torch.int64), derive(torch.arange(5), 0))
    assert (played.rounds == 60).all()
    assert 0.1 < float(played.measures["peace"].mean() / 60) < 0.9
