"""Every documented variant of a board game keeps the contract, and passes the tests of PettingZoo."""

import warnings

import pytest
import torch

from dilemma.envs.cleanup import Cleanup
from dilemma.envs.coins import Coins
from dilemma.envs.gathering import Gathering
from dilemma.envs.harvest import Harvest
from dilemma.envs.in_the_matrix import InTheMatrix
from dilemma.envs.monster_hunt import MonsterHunt
from dilemma.envs.stag_hunt_grid import StagHuntGridworld
from dilemma.testing import check_environment

torch.set_num_threads(1)
MELTING_POT_BACH_OR_STRAVINSKY = (((3, 0), (0, 2)), ((2, 0), (0, 3)))
GAMES = {
    "cleanup, socialjax": Cleanup(variant="socialjax"),
    "cleanup, ssd": Cleanup(variant="ssd"),
    "harvest, socialjax": Harvest(variant="socialjax"),
    "harvest, ssd": Harvest(variant="ssd"),
    "harvest, closed": Harvest(growth=(0.0, 0.001, 0.005, 0.025), zap_length=4, zap_cooldown=1, away=100),
    "gathering, wide beam": Gathering(zap_length=20, zap_radius=2, hits=1),
    "coins, two": Coins(variant="coin_per_player"),
    "coins, three, walls": Coins(variant="coin_per_player", players=3, torus=False, size=4),
    "coins, first takes": Coins(ties="first"),
    "in the matrix, storm": InTheMatrix(variant="storm"),
    "monster hunt, rpg": MonsterHunt(variant="rpg"),
    "escalation, rpg": StagHuntGridworld(variant="rpg"),
    "in the matrix, two roles": InTheMatrix(payoffs=MELTING_POT_BACH_OR_STRAVINSKY, initial=1),
}


@pytest.mark.parametrize("name", GAMES)
def test_variants_keep_the_contract(name):
    check_environment(GAMES[name])


@pytest.mark.parametrize("name", GAMES)
def test_variants_pass_the_tests_of_pettingzoo(name):
    tests = pytest.importorskip("pettingzoo.test")
    from pettingzoo.utils import parallel_to_aec

    from dilemma.envs.pettingzoo import parallel_env

    def make():
        return parallel_env(GAMES[name], rounds=16)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tests.parallel_api_test(make(), num_cycles=20)
        tests.parallel_seed_test(make, num_cycles=20)
        tests.api_test(parallel_to_aec(make()), num_cycles=20)
