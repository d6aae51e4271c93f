"""Value influence in games without features: the effect of one player's action on another's reward.

    VI_{p->q}(s, a) = R_q(a) - sum_b baseline_p(b | s) R_q(b, a_-p)
R are the game's payoffs; baseline_p is the recent policy of p in state s. The others' later reactions are left
out, as in the source (Zhou, Hong and Kao 2024).

Players are counted from the chair: 0 is its own, 1 the next seat, and so on around. A joint action is one number;
its digits in base (number of actions) are the players' actions, the chair's first.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from ....envs.chance import Chance
from ....envs.environment import Discrete, Environment
from ....envs.repeated import SimultaneousGame
from ...agent import Chairs
from ..nets.encoding import actions_by_seat, feature_count

MOST_OUTCOMES = 4096


def refuses_all_but_small_tables(game: Environment) -> str | None:
    """Why a learner that needs a small payoff table, and the last outcome as a state, can't play `game`."""
    if not isinstance(game, SimultaneousGame) or feature_count(game) is not None:
        return "knows the influence of actions only in games that pay by the actions of the round"
    if any(not isinstance(game.actions(seat), Discrete) for seat in range(game.seats)):
        return "chooses among actions, not a point of a box"
    outcomes = max(actions_by_seat(game)) ** game.seats
    if outcomes > MOST_OUTCOMES:
        return f"needs what each joint action pays, and can't list more than {MOST_OUTCOMES}: there are {outcomes}"
    return None


def joint_actions(players: int, actions: int, device: torch.device | None = None) -> Tensor:
    """All joint actions, in order of their number [joint, player]."""
    return torch.tensor(list(product(range(actions), repeat=players)), device=device)


def payoffs(chairs: Chairs) -> Tensor:
    """The payoff of each joint action to each player, from the chair's view, float64 [chair, player, joint]."""
    game = chairs.game
    assert isinstance(game, SimultaneousGame)
    sizes = torch.tensor(actions_by_seat(game), device=chairs.device)
    state = game.reset(1, 1, Chance.at_tables(torch.zeros(1, dtype=torch.int64, device=chairs.device), 1))
    joint = joint_actions(game.seats, int(sizes.max()), chairs.device).T
    views = []
    for seat in range(game.seats):
        # Actions that a seat lacks are listed as its last action; they never occur.
        done = torch.minimum(joint.roll(seat, 0), sizes[:, None] - 1)
        views.append(game.rewards(done[None], state)[0].roll(-seat, 0))
    return torch.stack(views)[chairs.seat]


def value_influence(payoff: Tensor, baseline: Tensor, influencer: int) -> Tensor:
    """VI [chair, state, joint] of a player on the one with payoffs `payoff` [chair, joint].

    `baseline` [chair, state, action] is the influencer's baseline.
    """
    chairs, outcomes = payoff.shape
    actions = baseline.shape[-1]
    # The influencer's digit, between those before and those after it.
    before = actions**influencer
    after = outcomes // (before * actions)
    table = payoff.view(chairs, 1, before, actions, after)
    # Beside the first action's: where all pay the same, influence is 0 and not what rounding leaves.
    table = table - table[:, :, :, :1]
    expected = torch.einsum("csa,cxbay->csby", baseline, table)
    return (table - expected[:, :, :, None]).flatten(2)


def influence_of_random_actions(payoff: Tensor, play: Tensor, influencer: int) -> Tensor:
    """Root mean square VI [chair] of a player on the one with payoffs `payoff` [chair, joint] in random play.

    `play` [chair, player, action] are the probabilities of all players' actions, and the baseline.
    """
    probability = torch.ones_like(payoff[:, :1])
    for player in range(play.shape[1]):
        probability = (probability[:, :, None] * play[:, player, None]).flatten(1)
    influence = value_influence(payoff, play[:, influencer, None], influencer)[:, 0]
    return (probability * influence.square()).sum(1).sqrt()
