"""Random plays every environment: any number of players and actions, masks, and real numbers."""

import pytest
import torch

from dilemma.agents.agent import Chairs, Observation
from dilemma.agents.random_agent import Random
from dilemma.envs.chance import Chance, derive
from dilemma.envs.environment import Box, Discrete, Environment, State
from dilemma.envs.matrix_game import BattleOfTheSexes, MatrixGame, PrisonersDilemma, RockPaperScissors

TABLES = 40_000
THREE_BY_TWO = MatrixGame(payoffs=[[[1, 2], [3, 4], [5, 6]], [[1, 2], [3, 4], [5, 6]]])


class Spaces(Environment):
    """Only says what each seat can do."""

    spaces: tuple[Discrete | Box, ...]

    @property
    def seats(self):
        return len(self.spaces)

    def actions(self, seat):
        return self.spaces[seat]

    def begin(self, matches, tables, chance, episode):
        return State(episode, 0)

    def play(self, state, action, chance):
        raise NotImplementedError


def drawn(agent: Random, game: Environment, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Actions of one match, one chair in each seat [seat, table, ...]."""
    assert agent.refuses(game) is None
    seat = torch.arange(game.seats)
    player = agent.sit(Chairs(game, seat, Chance.at_tables(derive(seat, 0), TABLES)))
    player.begin()
    return player.act(Observation(State(0, 0, action_mask=mask), None))


def rates(actions: torch.Tensor, count: int) -> list[float]:
    return [(actions == action).double().mean().item() for action in range(count)]


@pytest.mark.parametrize(
    ("agent", "game", "expected"),
    [
        (Random(), PrisonersDilemma(), [[0.5, 0.5], [0.5, 0.5]]),
        (Random(p=0.3), PrisonersDilemma(), [[0.3, 0.7], [0.3, 0.7]]),
        (Random(), BattleOfTheSexes(), [[0.5, 0.5], [0.5, 0.5]]),
        (Random(), RockPaperScissors(), [[1 / 3] * 3, [1 / 3] * 3]),
        (Random(), THREE_BY_TWO, [[1 / 3] * 3, [0.5, 0.5, 0]]),
        (Random(), Spaces(spaces=(Discrete(4),) * 3), [[0.25] * 4] * 3),
        (Random(p=0.2), Spaces(spaces=(Discrete(2),) * 3), [[0.2, 0.8]] * 3),
    ],
    ids=str,
)
def test_actions_come_as_often_as_they_should(agent, game, expected):
    actions = drawn(agent, game)
    for seat, rate in enumerate(expected):
        assert rates(actions[seat], len(rate)) == pytest.approx(rate, abs=0.015)


def test_forbidden_actions_are_never_taken():
    game = Spaces(spaces=(Discrete(3),) * 2)
    mask = torch.ones(1, 2, TABLES, 3, dtype=torch.bool)
    mask[0, 0, :, 0] = False
    mask[0, 1, :, 1:] = False
    actions = drawn(Random(), game, mask)
    assert rates(actions[0], 3) == pytest.approx([0, 0.5, 0.5], abs=0.015)
    assert (actions[1] == 0).all()


def test_real_numbers_fill_their_box():
    actions = drawn(Random(), Spaces(spaces=(Box(-1, 3, (2,)),) * 2))
    assert actions.shape == (2, TABLES, 2)
    assert actions.min() >= -1
    assert actions.max() < 3
    assert actions.mean((0, 1)).tolist() == pytest.approx([1, 1], abs=0.03)
    assert abs(torch.corrcoef(actions[0].T)[0, 1]) < 0.03


@pytest.mark.parametrize("p", [0, 1])
def test_certain_actions_are_certain(p):
    for game in (PrisonersDilemma(), Spaces(spaces=(Discrete(2),) * 3)):
        assert (drawn(Random(p=p), game) == 1 - p).all()


def test_it_is_an_automaton_in_games_of_two_actions_only():
    assert Random(p=0.3).as_automaton(PrisonersDilemma()).cooperation == [0.3]
    assert Random().as_automaton(RockPaperScissors()) is None


def test_p_needs_two_actions():
    assert "needs two actions" in Random(p=0.3).refuses(RockPaperScissors())
