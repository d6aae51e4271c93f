"""Golden playthroughs: what a board game does at a fixed seed, as text that a reader can check."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from dilemma.envs.chance import Chance, Purpose, derive
from dilemma.envs.environment import Discrete, Environment, State
from dilemma.envs.gridworld import GROUND, PLAYERS, STONE, draws


def text(game: Environment, state: State) -> str:
    """The board: `.` ground, `#` wall, 0, 1, ... players, a, b, ... the game's own things."""
    picture = game.picture(state, 0, 0)
    assert picture is not None
    letters = {GROUND: ".", STONE: "#"}
    letters |= {colour: "abc"[index] for index, colour in enumerate(getattr(game, "colours", ()))}
    letters |= {colour: str(index) for index, colour in enumerate(PLAYERS)}
    return "\n".join("".join(letters[tuple(pixel)] for pixel in row) for row in picture.tolist())


def transcript(game: Environment, rounds: int, key: int) -> str:
    """Rounds of random play."""
    chance = Chance.at_tables(derive(torch.arange(1), key), 1)
    state = game.reset(1, 1, chance)
    lines = [repr(game), "", text(game, state)]
    space = game.actions(0)
    assert isinstance(space, Discrete)
    for round in range(rounds):
        drawn = draws(Chance(derive(chance.keys, 9)), game.seats, Purpose.ACTION, 0, round)
        action = ((drawn + 2**31) * space.n >> 32).transpose(1, 2)
        state, step = game.step(state, action, chance)
        done, reward = step.action.flatten().tolist(), step.reward.flatten().tolist()
        measures = {name: [round_(value) for value in values.flatten()] for name, values in step.measures.items()}
        lines += ["", f"round {round}: did {done}, earned {reward}"]
        lines += [f"{name} {values}" for name, values in measures.items() if any(values)]
        lines += [text(game, state)]
    return "\n".join(lines) + "\n"


def round_(value: torch.Tensor) -> float:
    return round(float(value), 4)


@pytest.fixture
def playthrough() -> Callable[..., None]:
    def check(game: Environment, test: Path, rounds: int = 8, key: int = 0) -> None:
        path = test.parent / "playthroughs" / f"{test.stem.removeprefix('test_')}.txt"
        played = transcript(game, rounds, key)
        if not path.exists():
            path.write_text(played, encoding="utf-8")
            pytest.fail(f"{path.name} was not there: it is written now, read it and keep it")
        assert played == path.read_text(encoding="utf-8")

    return check
