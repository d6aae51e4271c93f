"""No seat is worth more than another: who acts how decides, for every environment with a single role.

Matches seat one player that likes low actions among others that like high ones, at each seat in turn. Keys are
fixed; over all of the file a bound is exceeded once in 10^4.
"""

import pytest
import torch
from scipy import stats

from dilemma.envs import BUILTIN, CATALOGUE
from dilemma.envs.chance import Chance, derive
from dilemma.envs.cleanup import Cleanup
from dilemma.envs.coins import Coins
from dilemma.envs.environment import Discrete, Environment
from dilemma.envs.gathering import Gathering
from dilemma.envs.graphs import Lattice
from dilemma.envs.harvest import Harvest
from dilemma.envs.in_the_matrix import InTheMatrix
from dilemma.envs.optional_public_goods import OptionalPublicGoods
from dilemma.envs.public_goods_with_punishment import PublicGoodsWithPunishment
from dilemma.envs.reputation.reputation_dilemma import ReputationDilemma
from dilemma.envs.spatial_dilemma import SpatialDilemma
from dilemma.envs.stag_hunt_grid import StagHuntGridworld
from dilemma.testing import examples

torch.set_num_threads(1)
CROWD = "SAWA\nA~AS\nSAAA"
"""A map so small that players meet at every turn."""
BUSY = {
    "cleanup": [
        Cleanup(variant=variant, players=3, layout=CROWD, growth=0.5, depletion=1.0, delay=0)
        for variant in ("melting_pot", "socialjax", "ssd")
    ],
    "coins": [Coins(), Coins(variant="coin_per_player", players=3), Coins(ties="random")],
    "gathering": [Gathering(players=3, layout=CROWD.replace("W", "A").replace("~", "A"), regrowth=2, away=3)],
    "harvest": [
        Harvest(variant=variant, players=3, layout=CROWD.replace("W", "A").replace("~", "A"), growth=(0.5,))
        for variant in ("melting_pot", "socialjax", "ssd")
    ],
    "in_the_matrix": [InTheMatrix(size=4, coins=2, freeze=1)],
    "optional_public_goods": [OptionalPublicGoods(rounds=10, punishers=True)],
    "public_goods_with_punishment": [PublicGoodsWithPunishment(players=3)],
    "reputation_dilemma": [
        ReputationDilemma(variant=variant, population=3, rounds=2, encounters=2) for variant in ("dp", "tpp_s")
    ],
    "spatial_dilemma": [
        SpatialDilemma(graph=Lattice(rows=3, columns=3), payoffs=(3, 0, 5, 1), selection=selection)
        for selection in (False, True)
    ],
    "stag_hunt_gridworld": [StagHuntGridworld(size=2, betrayal=0.1)],
}
GAMES = [
    game
    for name in BUILTIN
    for game in BUSY.get(name, examples(CATALOGUE.model(name)))
    if len(set(game.roles)) == 1 and game.rounds > 1
]
ERROR = 1e-4 / (6 * len(GAMES))
TABLES, ROUNDS = 1500, 40


def liking(game: Environment, low: torch.Tensor, mask: torch.Tensor | None, generator: torch.Generator):
    """Actions [match, seat, table] that are allowed; `low` [match, seat, 1] is who likes the first ones."""
    space, shape = game.actions(0), (game.seats, game.seats, TABLES)
    if isinstance(space, Discrete):
        taste = torch.arange(space.n) + 1.0
        weight = torch.where(low[..., None], taste.flip(0), taste).expand(*shape, space.n)
        weight = weight if mask is None else weight * mask
        return torch.multinomial(weight.flatten(0, -2), 1, generator=generator).view(shape)
    drawn = torch.rand(2, *shape, *space.shape, generator=generator, dtype=torch.float64)
    low = low.view(*low.shape, *[1] * len(space.shape))
    low_bound, high_bound = max(space.low, -2.0), min(space.high, 2.0)
    return low_bound + (high_bound - low_bound) * torch.where(low, drawn.amin(0), drawn.amax(0))


@pytest.mark.parametrize("game", GAMES, ids=[f"{type(game).__name__}-{index}" for index, game in enumerate(GAMES)])
def test_who_sits_where_does_not_matter(game):
    seats = game.seats
    low = torch.eye(seats, dtype=torch.bool)[..., None]
    chance = Chance.at_tables(derive(torch.arange(seats), 8), TABLES)
    generator = torch.Generator().manual_seed(8)
    state = game.reset(seats, TABLES, chance)
    total = torch.zeros(seats, seats, TABLES, dtype=torch.float64)
    for _ in range(int(min(ROUNDS, game.horizon))):
        state, step = game.step(state, liking(game, low, state.action_mask, generator), chance)
        total += step.reward
    assert total.std() > 0
    one = total.diagonal(dim1=0, dim2=1).T  # [seat, table]
    others = (total.sum(1) - one) / (seats - 1)
    for paid in (one, others):
        for seat in range(1, seats):
            assert stats.ttest_ind(paid[0], paid[seat], equal_var=False).pvalue > ERROR
    each = total.sum(0)  # [seat, table]: over all matches everybody has sat on every seat
    for seat in range(1, seats):
        assert torch.equal(each[0], each[seat]) or stats.ttest_rel(each[0], each[seat]).pvalue > ERROR


def test_a_seat_that_wins_all_ties_is_caught():
    with pytest.raises(AssertionError):
        test_who_sits_where_does_not_matter(Coins(ties="first"))


def test_all_kinds_of_games_are_there():
    """Those with one role, that is: one with several has to differ somewhere."""
    kinds = {type(game) for game in GAMES}
    left = {CATALOGUE.model(name) for name in BUILTIN} - kinds
    assert all(len(set(game.roles)) > 1 for kind in left for game in examples(kind))


@pytest.mark.parametrize(
    "name", [name for name in BUILTIN if examples(CATALOGUE.model(name))[0].colour_of(0) is not None]
)
def test_every_seat_is_drawn_in_its_colour(name):
    [game, *_] = examples(CATALOGUE.model(name))
    chance = Chance.at_tables(derive(torch.arange(1), 0), 20)
    state = game.reset(1, 20, chance)
    drawn = [set(map(tuple, game.picture(state, 0, table).flatten(0, 1).tolist())) for table in range(20)]
    colours = [game.colour_of(seat) for seat in range(game.seats)]
    assert len(set(colours)) == game.seats
    assert any(set(colours) <= pixels for pixels in drawn)  # where no two share a cell
