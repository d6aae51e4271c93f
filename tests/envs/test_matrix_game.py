"""Matrix games against closed forms. Statistical tests use fixed keys; each bound is exceeded once in 10^4."""

import pytest
import torch
from pydantic import ValidationError
from scipy import stats

from dilemma.agents.agent import Round
from dilemma.envs.chance import Chance, derive
from dilemma.envs.matrix_game import (
    BattleOfTheSexes,
    Chicken,
    Deadlock,
    Harmony,
    MatchingPennies,
    MatrixGame,
    PrisonersDilemma,
    PureCoordination,
    RockPaperScissors,
    StagHunt,
    STPlane,
    bimatrix,
)

ERROR = 1e-4
KEYS = derive(torch.arange(2000), 3)
CHANCE = Chance.at_tables(KEYS, 10)
UNEQUAL = (((0, 1, 2), (3, 4, 5)), ((10, 11, 12), (13, 14, 15)))  # 2 actions against 3


def rewards(game, actions):
    """What joint actions earn, one match for each."""
    action = torch.tensor(actions)[:, :, None]
    chance = Chance.at_tables(torch.arange(len(actions)), 1)
    _, step = game.step(game.reset(len(actions), 1, chance), action, chance)
    return step.reward[:, :, 0].tolist()


def all_play(game, *actions):
    """One round in which everybody does the same, at many matches and tables."""
    action = torch.tensor(actions)[:, None].expand(len(KEYS), 2, 10).contiguous()
    state = game.reset(len(KEYS), 10, CHANCE)
    return action, *game.step(state, action, CHANCE)


def is_rate(events, probability):
    return stats.binomtest(int(events.sum()), events.numel(), probability).pvalue > ERROR


@pytest.mark.parametrize(
    ("game", "r", "s", "t", "p"),
    [
        (PrisonersDilemma(), 3, 0, 5, 1),
        (StagHunt(), 4, 0, 3, 2),
        (Chicken(), 3, 2, 5, 0),
        (Harmony(), 4, 3, 2, 1),
        (Deadlock(), 1, 0, 3, 2),
        (PureCoordination(), 1, 0, 0, 1),
        (STPlane(s=-0.25, t=1.25), 1, -0.25, 1.25, 0),
        (MatrixGame(payoffs=(-1, -3, 0, -2)), -1, -3, 0, -2),
    ],
)
def test_two_by_two(game, r, s, t, p):
    assert rewards(game, [(0, 0), (0, 1), (1, 0), (1, 1)]) == [[r, r], [s, t], [t, s], [p, p]]
    assert len(set(game.roles)) == 1


@pytest.mark.parametrize(
    ("game", "paid"),
    [
        (BattleOfTheSexes(), [[3, 2], [0, 0], [0, 0], [2, 3]]),
        (MatchingPennies(), [[1, -1], [-1, 1], [-1, 1], [1, -1]]),
    ],
)
def test_asymmetric_games(game, paid):
    assert rewards(game, [(0, 0), (0, 1), (1, 0), (1, 1)]) == paid
    assert len(set(game.roles)) == 2


def test_each_action_of_rock_paper_scissors_beats_one():
    joint = [(row, column) for row in range(3) for column in range(3)]
    paid = rewards(RockPaperScissors(), joint)
    assert all(row + column == 0 for row, column in paid)
    assert [row for row, _ in paid] == [0, -1, 1, 1, 0, -1, -1, 1, 0]


def test_seats_may_have_different_actions():
    game = MatrixGame(payoffs=UNEQUAL)
    assert [game.actions(seat).n for seat in (0, 1)] == [2, 3]
    joint = [(row, column) for row in range(2) for column in range(3)]
    assert rewards(game, joint) == [[index, 10 + index] for index in range(6)]
    assert len(set(game.roles)) == 2


def test_travellers_dilemma():
    """Claims from 2 to 100: both get the lower one, and 2 pass from the higher to the lower claimant."""
    claims = range(2, 101)
    game = MatrixGame(payoffs=tuple(tuple(min(a, b) + 2 * ((a < b) - (a > b)) for b in claims) for a in claims))
    assert rewards(game, [(98, 97), (0, 0)]) == [[97, 101], [2, 2]]
    row, column = bimatrix(game.payoffs)
    best = (row == row.max(0)) & (column == column.max(1, keepdims=True))
    assert best.nonzero()[0].tolist() == best.nonzero()[1].tolist() == [0]  # nothing but (2, 2) is an equilibrium


def test_cournot_duopoly():
    """Price 100 - total, cost 10: each earns 900 in equilibrium and 1012.5 at the joint optimum."""
    amounts = (0.0, 22.5, 30.0, 33.75, 60.0)
    game = MatrixGame(payoffs=tuple(tuple((90 - own - other) * own for other in amounts) for own in amounts))
    assert rewards(game, [(2, 2), (1, 1)]) == [[900, 900], [1012.5, 1012.5]]
    row, _ = bimatrix(game.payoffs)
    assert row[:, 2].argmax() == 2
    assert row[:, 1].argmax() == 3  # whoever keeps to the optimum is undercut
    assert game.optimum == 1012.5


def test_the_optimum_may_need_alternation():
    assert PrisonersDilemma().optimum == 3
    assert Chicken().optimum == 3.5


def test_two_different_games_are_never_equal():
    row, column = ((3, 0), (5, 1)), ((3, 5), (0, 1))
    games = [
        MatrixGame(payoffs=(3, 0, 5, 1)),
        MatrixGame(payoffs=(3, 0, 5, 2)),
        MatrixGame(payoffs=(row, column)),
        MatrixGame(payoffs=(column, row)),
        MatrixGame(payoffs=(row, ((3, 5), (0, 2)))),
        MatrixGame(payoffs=(3, 0, 5, 1), rounds=100),
        MatrixGame(payoffs=(3, 0, 5, 1), noise=0.1),
        PrisonersDilemma(),
        StagHunt(),
    ]
    assert all((one == other) == (one is other) for one in games for other in games)
    assert len(set(games)) == len(games)


def test_a_game_equals_its_copy_after_both_were_used():
    one, other = PrisonersDilemma(), PrisonersDilemma()
    assert (one.matrices == other.matrices).all()
    assert one == other
    assert one.model_copy(update={"payoffs": (2, 0, 3, 1)}).optimum == 2


@pytest.mark.parametrize("noise", [0.01, 0.3])
def test_noise_replaces_what_is_done_and_all_follow_it(noise):
    action, _, step = all_play(PrisonersDilemma(noise=noise), 0, 1)
    flipped = step.action != action
    for seat in (0, 1):
        assert is_rate(flipped[:, seat], noise)
    assert is_rate(flipped.all(1), noise**2)
    assert torch.equal(Round(step, None).others[:, 0], step.action.flip(1).flatten(0, 1))
    paid = torch.tensor([[3.0, 0.0], [5.0, 1.0]], dtype=torch.float64)
    assert torch.equal(step.reward, paid[step.action, step.action.flip(1)])


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_misperception_changes_only_what_is_seen(noise):
    game = PrisonersDilemma(noise=noise, misperception=0.2)
    _, _, step = all_play(game, 0, 1)
    wrong = step.seen[:, :, 0] != step.action.flip(1)
    for seat in (0, 1):
        assert is_rate(wrong[:, seat], 0.2)
    assert is_rate(wrong.all(1), 0.04)
    assert torch.equal(step.reward, all_play(PrisonersDilemma(noise=noise), 0, 1)[2].reward)
    assert "others_rewards" not in game.grants
    assert "others_rewards" in PrisonersDilemma().grants


@pytest.mark.parametrize(
    ("game", "counts"),
    [(PureCoordination(payoffs=torch.eye(5).tolist()), (5, 5)), (MatrixGame(payoffs=UNEQUAL), (2, 3))],
)
def test_noise_is_uniform_among_the_other_actions(game, counts):
    noise = 0.4
    for mine in range(2):
        noisy = type(game).model_validate({**game.model_dump(), "noise": noise})
        _, _, step = all_play(noisy, mine, mine)
        for seat, count in enumerate(counts):
            seen = torch.bincount(step.action[:, seat].flatten(), minlength=count)
            expected = torch.full((count,), noise / (count - 1), dtype=torch.float64)
            expected[mine] = 1 - noise
            expected *= seen.sum() / expected.sum()
            assert stats.chisquare(seen, expected).pvalue > ERROR


def lengths(game):
    """Rounds played at each match and table, once both seats agree."""
    state = game.reset(len(KEYS), 10, CHANCE)
    action = torch.zeros(len(KEYS), 2, 10, dtype=torch.int64)
    played = torch.zeros(len(KEYS), 2, 10)
    while state.round < game.rounds and state.playing.any():
        played += state.playing
        before = state.playing
        state, step = game.step(state, action, CHANCE)
        assert torch.equal(step.reward, 3.0 * before)
    assert torch.equal(played[:, 0], played[:, 1])
    return played[:, 0].flatten().long()


def test_a_random_end_is_geometric():
    played = lengths(PrisonersDilemma(continuation=0.8, rounds=1000))
    law = stats.geom(0.2)
    seen = torch.bincount(played.clamp(max=25))[1:].double()
    expected = [law.pmf(length) for length in range(1, 25)] + [law.sf(24)]
    assert stats.chisquare(seen, torch.tensor(expected) * len(played)).pvalue > ERROR


def test_rounds_cap_a_random_end():
    played = lengths(PrisonersDilemma(continuation=0.8, rounds=3))
    assert played.max() == 3
    assert is_rate(played == 3, 0.8**2)


@pytest.mark.parametrize(
    ("payoffs", "says"),
    [
        (((1, 2, 3), (4, 5)), "the rows of a matrix must have one length"),
        (((1, 2, 3), (4, 5, 6)), "one matrix alone must be square, found 2x3"),
        ((((1, 2), (3, 4)), ((1, 2, 3), (4, 5, 6))), "two matrices one shape"),
        ((1, 2, float("nan"), 4), "must be finite numbers"),
        ((1, 2, 3), "must be \\[R, S, T, P\\], or a matrix, or"),
        ("3051", "must be \\[R, S, T, P\\], or a matrix, or"),
    ],
)
def test_payoffs_that_make_no_game_are_refused_with_a_sentence(payoffs, says):
    with pytest.raises(ValidationError, match=says) as raised:
        MatrixGame(payoffs=payoffs)
    assert raised.value.error_count() == 1


@pytest.mark.parametrize("payoffs", [(3, 0, 2, 1), (1, 0, 5, 3), ((3, 0), (5, 1))])
def test_a_dilemma_must_be_one(payoffs):
    with pytest.raises(ValidationError, match="`matrix_game` takes any payoffs"):
        PrisonersDilemma(payoffs=payoffs)


def test_one_matrix_is_the_row_players():
    assert bimatrix((1, 2, 3, 4)).tolist() == [[[1, 2], [3, 4]], [[1, 3], [2, 4]]]


@pytest.mark.parametrize("rounds", [0, -1, 2.5, float("nan")])
def test_rounds_are_whole_numbers(rounds):
    with pytest.raises(ValidationError, match=r"rounds"):
        PrisonersDilemma(rounds=rounds)
