"""Clones of players in a common pool: the likelihood by hand, and a fit to a file of which it is known."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from dilemma.cli import main
from dilemma.envs.errors import DilemmaError
from dilemma.pool_clone import Split, fit, log_probability
from dilemma.pool_games import COLUMNS, read

torch.set_num_threads(1)
NAMES = {of: of for of in COLUMNS}


@given(
    outputs=st.lists(st.floats(-5, 5), min_size=5, max_size=5),
    allocated=st.integers(1, 60),
)
@settings(deadline=None)
def test_probabilities_add_up_to_1(outputs, allocated):
    returned = torch.arange(allocated + 1)
    each = log_probability(torch.tensor(outputs).expand(allocated + 1, 5), returned, torch.tensor(allocated)).exp()
    assert float(each.sum()) == pytest.approx(1, abs=2e-4)


def table(games: int, rounds: int, decide) -> pd.DataFrame:
    """Two players that get 10 of a pool of 20 in every round, and return what `decide` says."""
    game, round, player = np.indices((games, rounds, 2)).reshape(3, -1)
    returned = decide(game, round, player)
    values = {
        "game": game,
        "round": round,
        "player": player,
        "pool": 20.0,
        "allocated": 10.0,
        "returned": returned,
    }
    return pd.DataFrame(values)


@pytest.fixture
def written(tmp_path):
    def write(rows: pd.DataFrame):
        path = tmp_path / "games.csv"
        rows.to_csv(path, index=False)
        return path

    return write


def test_views_are_as_in_the_environment(written):
    rows = table(1, 2, lambda game, round, player: 1 + 2 * round + 4 * player)
    games = read(written(rows.sample(frac=1, random_state=1)), NAMES, {}, 20.0)
    assert games.features.shape == (2, 2, 5)
    assert torch.allclose(games.features[0], torch.tensor([1, 0.5, 0.5, 0, 0]).expand(2, 5))
    assert torch.allclose(games.features[1, :, 3:] * 20, torch.tensor([[1.0, 5.0], [5.0, 1.0]]))
    assert games.returned.tolist() == [[1, 5], [3, 7]]


def test_uniform_players_are_as_uncertain_as_can_be(written):
    random = np.random.default_rng(1)
    rows = table(60, 8, lambda game, round, player: random.integers(0, 11, len(game)))
    found, _ = fit(read(written(rows), NAMES, {}, 20.0), 8, 90, 0, lambda line: None)
    loss = {each.model: each.loss for each in found}
    assert loss["uniform"] == pytest.approx(math.log(11))
    for kind in ("constant", "linear", "gru"):  # 192 decisions are held out; what was learned of noise costs
        assert loss[kind] == pytest.approx(math.log(11), abs=0.08)


def test_only_a_memory_knows_players_that_go_on_as_they_began(written):
    """Half of the players return all, half nothing: one bit a player, which its first decision tells."""
    random = np.random.default_rng(2)
    kind = random.integers(0, 2, (60, 2))
    rows = table(60, 8, lambda game, round, player: 10 * kind[game, player])
    found, _ = fit(read(written(rows), NAMES, {}, 20.0), 8, 90, 0, lambda line: None)
    loss = {each.model: each.loss for each in found}
    assert loss["constant"] == pytest.approx(math.log(2), abs=0.08)
    assert loss["gru"] < 0.3  # at best log(2) / 8 = 0.087, and 0.693 without a memory


def test_no_game_is_both_trained_on_and_held_out(written):
    rows = table(30, 2, lambda game, round, player: 0 * game)
    split = Split.of(read(written(rows), NAMES, {}, 20.0), 0)
    parts = [set(part.game.tolist()) for part in (split.trained, split.watched, split.held_out)]
    assert [len(part) for part in parts] == [21, 3, 6]
    assert len(set.union(*parts)) == 30


def test_the_command_says_what_is_held_out_and_keeps_the_model(written, tmp_path):
    rows = table(20, 5, lambda game, round, player: (game + player) % 11)
    rows = rows.rename(columns={"game": "group", "returned": "gave"}).assign(source="human")
    other = rows.assign(source="clone", gave=0)
    path = written(pd.concat([rows, other]))
    columns = ["--column", "game=group", "--column", "returned=gave", "--only", "source=human", "--capacity", "20"]
    result = CliRunner().invoke(main, ["fit", "common_pool", str(path), *columns, "--epochs", "2", "--units", "4"])
    assert result.exit_code == 0, result.output
    assert "20 games, 200 decisions; 20% of the games held out" in result.output
    assert "uniform" in result.output
    assert "2.959" in result.output
    kept = torch.load(tmp_path / "games.clone.pt", weights_only=True)
    assert (kept["inputs"], kept["units"], kept["capacity"]) == (5, 4, 20.0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows.drop(columns="pool"), "has no column pool; it has game, round, player"),
        (lambda rows: rows.assign(returned=11), "returned in line 2 is 11; allowed is 0 to 10"),
        (lambda rows: rows.assign(allocated="some"), "allocated in line 2 is not a number"),
        (
            lambda rows: rows[1:].reset_index(drop=True).query("not (game == 0 and player == 0)"),
            "games of 1, 2 players",
        ),
        (lambda rows: pd.concat([rows, rows]), "several rows for a player in a round"),
    ],
)
def test_a_file_that_is_something_else_is_refused_with_a_sentence(written, change, says):
    with pytest.raises(DilemmaError, match=says):
        read(written(change(table(3, 2, lambda game, round, player: 0 * game))), NAMES, {}, 200.0)


def test_too_few_games_and_unknown_options_are_refused(written):
    path = written(table(3, 2, lambda game, round, player: 0 * game))
    for arguments, says in (
        ([], "there are 3 games; allowed: 10 or more"),
        (["--column", "gave=returned"], "allowed: KEY=VALUE, where KEY is one of game, round"),
        (["--only", "game"], "found 'game'; allowed: KEY=VALUE"),
        (["--only", "game=77"], "no row with game = 77"),
    ):
        result = CliRunner().invoke(main, ["fit", "common_pool", str(path), *arguments])
        assert result.exit_code == 2
        assert says in result.output
