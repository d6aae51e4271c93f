"""The games: what an environment is, chance, and the environments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .catalogue import Catalogue

if TYPE_CHECKING:
    from .environment import Environment

GROUPS: Mapping[str, Mapping[str, str]] = {
    "matrix_games": {
        "prisoners_dilemma": "dilemma.envs.matrix_game:PrisonersDilemma",
        "stag_hunt": "dilemma.envs.matrix_game:StagHunt",
        "chicken": "dilemma.envs.matrix_game:Chicken",
        "harmony": "dilemma.envs.matrix_game:Harmony",
        "deadlock": "dilemma.envs.matrix_game:Deadlock",
        "battle_of_the_sexes": "dilemma.envs.matrix_game:BattleOfTheSexes",
        "matching_pennies": "dilemma.envs.matrix_game:MatchingPennies",
        "pure_coordination": "dilemma.envs.matrix_game:PureCoordination",
        "rock_paper_scissors": "dilemma.envs.matrix_game:RockPaperScissors",
        "st_plane": "dilemma.envs.matrix_game:STPlane",
        "matrix_game": "dilemma.envs.matrix_game:MatrixGame",
    },
    "one_shot_games": {
        "one_shot_game": "dilemma.envs.one_shot_game:OneShotGame",
        "tandem": "dilemma.envs.one_shot_game:Tandem",
        "policy_game": "dilemma.envs.policy_game:PolicyGame",
    },
    "public_goods": {
        "n_player_ipd": "dilemma.envs.n_player_ipd:NPlayerIPD",
        "public_goods": "dilemma.envs.public_goods:PublicGoods",
        "optional_public_goods": "dilemma.envs.optional_public_goods:OptionalPublicGoods",
        "public_goods_with_punishment": "dilemma.envs.public_goods_with_punishment:PublicGoodsWithPunishment",
        "common_pool_trust": "dilemma.envs.common_pool_trust:CommonPoolTrust",
    },
    "partners": {
        "leave_or_stay": "dilemma.envs.leave_or_stay:LeaveOrStay",
    },
    "lattices": {
        "spatial_dilemma": "dilemma.envs.spatial_dilemma:SpatialDilemma",
    },
    "reputation": {
        "reputation_dilemma": "dilemma.envs.reputation.reputation_dilemma:ReputationDilemma",
    },
    "gridworlds": {
        "cleanup": "dilemma.envs.cleanup:Cleanup",
        "coins": "dilemma.envs.coins:Coins",
        "coins_room": "dilemma.envs.coins_room:CoinsRoom",
        "gathering": "dilemma.envs.gathering:Gathering",
        "harvest": "dilemma.envs.harvest:Harvest",
        "in_the_matrix": "dilemma.envs.in_the_matrix:InTheMatrix",
        "monster_hunt": "dilemma.envs.monster_hunt:MonsterHunt",
        "stag_hunt_gridworld": "dilemma.envs.stag_hunt_grid:StagHuntGridworld",
    },
}
"""Names and import paths, by group as `dilemma envs` lists them."""

BUILTIN = {name: path for group in GROUPS.values() for name, path in group.items()}

ADAPTERS = {
    "pettingzoo": "dilemma.envs.parallel_environment:from_name",
    "": "dilemma.envs.parallel_environment:from_name",
}

CATALOGUE: Catalogue[Environment] = Catalogue(
    "environment", "dilemma.envs.environment:Environment", BUILTIN, "dilemma.envs", ADAPTERS
)
