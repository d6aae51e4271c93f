"""Our environments for PettingZoo: one table of any of them as a parallel environment.

>>> env = parallel_env("prisoners_dilemma", rounds=2)
>>> observations, infos = env.reset(seed=1)
>>> observations, rewards, terminations, truncations, infos = env.step({"seat_0": 0, "seat_1": 1})
>>> rewards
{'seat_0': 0.0, 'seat_1': 5.0}
>>> observations["seat_0"]  # what it did, C or D, then what the other did
array([1., 0., 0., 1.], dtype=float32)

`pettingzoo.utils.parallel_to_aec` makes a turn-based environment of it.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor

try:
    from pettingzoo import ParallelEnv
except ModuleNotFoundError as error:
    needs = "pip install 'dilemma-tournaments[pettingzoo]'"
    raise ModuleNotFoundError(f"PettingZoo is not installed: {needs}") from error

from . import CATALOGUE, joint_action
from .chance import Chance, sealed
from .environment import Box, Discrete, Environment, State, Step
from .errors import DilemmaError
from .joint_action import Form, forms
from .neighbourhood import all_others

Array: TypeAlias = NDArray[np.generic]
Observed: TypeAlias = Array | dict[str, Array]
"""With an action mask: {"observation": ..., "action_mask": ...}."""
Space: TypeAlias = spaces.Space[Any]
Infos: TypeAlias = dict[str, dict[str, float]]
StepResult: TypeAlias = tuple[
    dict[str, Observed], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, float]]
]

PIXELS = 16
"""Height and width of a cell in a rendered picture."""


def parallel_env(
    environment: str | Environment, *, render_mode: Literal["rgb_array"] | None = None, **parameters: object
) -> OneTable:
    """One table of an environment: its name as in a config, or the thing itself, with parameters.

    Raises DilemmaError where there is none of that name, pydantic's ValidationError where parameters are wrong.
    """
    if isinstance(environment, str):
        made = CATALOGUE.build(environment, parameters)
    elif parameters:
        made = type(environment).model_validate({**environment.model_dump(), **parameters})
    else:
        made = environment
    if not isinstance(made, Environment):
        raise DilemmaError(f"{environment} is not an environment: found {type(made).__name__}")
    return OneTable(made, render_mode)


class OneTable(ParallelEnv):  # type: ignore[misc] # PettingZoo has no types
    """One of our environments at one table; its agents are `seat_0`, `seat_1` and so on.

    Where the others' actions are all there is to see, a seat observes the last round: its own action one-hot,
    then what it saw the others do, the next seat first (on a graph, its neighbours); zeros at the start, and
    real actions as they are. Where the environment masks actions, observations are {"observation",
    "action_mask"}. At the last of the `rounds` all agents are truncated; an agent that stops earlier, at a
    random end, is terminated. Infos hold the measures.

    `reset(seed=key)` begins the match with that key: a tournament's match of this key draws the same numbers at
    table 0. `reset()` begins its next episode; without any seed, that of a match with a random key.
    """

    def __init__(self, game: Environment, render_mode: Literal["rgb_array"] | None = None):
        if render_mode not in (None, "rgb_array"):
            raise DilemmaError(f"render_mode: found {render_mode!r}; allowed: 'rgb_array' or None")
        self.game = game
        self.render_mode = render_mode
        self.metadata = {
            "name": type(game).__name__,
            "render_modes": ["rgb_array"],
            "is_parallelizable": True,
        }
        self.possible_agents = [f"seat_{seat}" for seat in range(game.seats)]
        self.agents: list[str] = []
        graph = all_others(game.seats, torch.device("cpu")) if game.neighbours is None else game.neighbours
        self._sees = [[other for other in row if other >= 0] for row in graph.tolist()]
        self._actions = [game.actions(seat) for seat in range(game.seats)]
        start = game.reset(1, 1, Chance.at_tables(torch.zeros(1, dtype=torch.int64), 1))
        self._forms = forms(game)
        self._joint_form = Form.joint(self._forms)
        self._masked = [start.action_mask is not None and isinstance(space, Discrete) for space in self._actions]
        self.action_spaces = {
            name: _action_space(space) for name, space in zip(self.possible_agents, self._actions, strict=True)
        }
        self.observation_spaces = {
            name: self._observation_space(seat, start) for seat, name in enumerate(self.possible_agents)
        }
        self._chance: Chance | None = None
        self._episode = 0

    def observation_space(self, agent: str) -> Space:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Space:
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: Mapping[str, object] | None = None
    ) -> tuple[dict[str, Observed], Infos]:
        if seed is None and self._chance is not None:
            self._episode += 1
        else:
            key = secrets.randbits(63) if seed is None else int(seed)
            self._chance = Chance.at_tables(sealed(torch.tensor([key]), 0), 1)
            self._episode = 0
        assert self._chance is not None
        self.agents = list(self.possible_agents)
        with torch.inference_mode():
            self._state = self.game.reset(1, 1, self._chance, self._episode)
            return self._observe(self._state, None), {name: {} for name in self.agents}

    def step(self, actions: Mapping[str, int | Array]) -> StepResult:
        """One round; raises DilemmaError where an action is missing or is none."""
        if not self.agents:
            return {}, {}, {}, {}, {}
        assert self._chance is not None
        with torch.inference_mode():
            self._state, step = self.game.step(self._state, self._joint(actions), self._chance)
            observations = self._observe(self._state, step)
            rewards = dict(zip(self.possible_agents, step.reward[0, :, 0].tolist(), strict=True))
            counted = {name: value[0, :, 0].tolist() for name, value in step.measures.items()}
        playing = self._state.playing
        on = [True] * len(self.possible_agents) if playing is None else playing[0, :, 0].tolist()
        terminated = {name: not goes_on for name, goes_on in zip(self.possible_agents, on, strict=True)}
        last = self._state.round >= self.game.horizon
        infos = {
            name: {what: values[seat] for what, values in counted.items()}
            for seat, name in enumerate(self.possible_agents)
        }
        acting, self.agents = self.agents, [name for name in self.agents if not (last or terminated[name])]
        return (
            {name: observations[name] for name in acting},
            {name: rewards[name] for name in acting},
            {name: terminated[name] for name in acting},
            {name: last and not terminated[name] for name in acting},
            {name: infos[name] for name in acting},
        )

    def render(self) -> NDArray[np.uint8] | None:
        """The board, each cell 16 x 16 pixels; None where there is no board, or without `render_mode`."""
        image = self.game.picture(self._state, 0, 0) if self.render_mode else None
        if image is None:
            return None
        pixels: NDArray[np.uint8] = image.numpy().repeat(PIXELS, 0).repeat(PIXELS, 1)
        return pixels

    def close(self) -> None:
        """There is nothing to close."""

    def _joint(self, actions: Mapping[str, int | Array]) -> Tensor:
        """The actions of all seats [1, seat, 1, ...]; zeros for seats that have stopped."""
        joint = joint_action.empty(self.game, (1, self.game.seats, 1), torch.device("cpu")).zero_()
        for seat, name in enumerate(self.possible_agents):
            if name not in self.agents:
                continue
            if name not in actions:
                raise DilemmaError(f"{name} has no action; allowed: one for each of {', '.join(self.agents)}")
            if not self.action_spaces[name].contains(actions[name]):
                raise DilemmaError(f"{name} can't do {actions[name]!r}; allowed: {self.action_spaces[name]}")
            form = self._forms[seat]
            action = torch.as_tensor(actions[name], dtype=form.dtype)
            joint[0, seat, 0] = form.packed(action[None, None], self._joint_form)[0, 0]
        return joint

    def _observe(self, state: State, step: Step | None) -> dict[str, Observed]:
        """What each seat observes, after `step` or at the start."""
        if state.observation is not None:
            seen = [_as_array(value) for value in state.observation[0, :, 0]]
        else:
            seen = [self._last_round(seat, step) for seat in range(self.game.seats)]
        return {
            name: {"observation": what, "action_mask": self._mask(seat, state)} if self._masked[seat] else what
            for seat, (name, what) in enumerate(zip(self.possible_agents, seen, strict=True))
        }

    def _mask(self, seat: int, state: State) -> NDArray[np.int8]:
        """The actions that a seat may do, ones and zeros."""
        space = self._actions[seat]
        assert isinstance(space, Discrete)
        if state.action_mask is None:
            return np.ones(space.n, np.int8)
        allowed: NDArray[np.int8] = state.action_mask[0, seat, 0, : space.n].numpy().astype(np.int8)
        return allowed

    def _last_round(self, seat: int, step: Step | None) -> NDArray[np.float32]:
        order = self._spaces_seen(seat)
        if step is None:
            return np.zeros(sum(map(_length, order)), np.float32)
        sees = self._sees[seat]
        others = step.action[0, sees, 0] if step.seen is None else step.seen[0, seat, : len(sees), 0]
        done = [step.action[0, seat, 0], *others]
        return np.concatenate(
            [
                _encode(space, Form.of(space).unpacked(action, self._joint_form))
                for space, action in zip(order, done, strict=True)
            ]
        )

    def _spaces_seen(self, seat: int) -> list[Discrete | Box]:
        """The action spaces of `seat` and of those that it sees."""
        return [self._actions[seat], *(self._actions[other] for other in self._sees[seat])]

    def _observation_space(self, seat: int, start: State) -> Space:
        space: Space
        if start.observation is None:
            low, high = np.concatenate([_bounds(action) for action in self._spaces_seen(seat)]).T
            space = spaces.Box(low, high, dtype=np.float32)
        else:
            array = _as_array(start.observation[0, seat, 0])
            kind: Any = array.dtype.type
            real = issubclass(kind, np.floating)
            low, high = (-math.inf, math.inf) if real else (np.iinfo(kind).min, np.iinfo(kind).max)
            space = spaces.Box(low, high, array.shape, kind)
        if not self._masked[seat]:
            return space
        own = self._actions[seat]
        assert isinstance(own, Discrete)
        return spaces.Dict({"observation": space, "action_mask": spaces.Box(0, 1, (own.n,), np.int8)})


def _action_space(space: Discrete | Box) -> Space:
    if isinstance(space, Discrete):
        return spaces.Discrete(space.n)
    return spaces.Box(space.low, space.high, space.shape, np.float64)


def _bounds(space: Discrete | Box) -> NDArray[np.float32]:
    """Bounds of an encoded action [number, low or high]; zeros stand for what has not been played yet."""
    bounds = (0, 1) if isinstance(space, Discrete) else (min(space.low, 0), max(space.high, 0))
    return np.tile(np.array(bounds, np.float32), (_length(space), 1))


def _length(space: Discrete | Box) -> int:
    return space.n if isinstance(space, Discrete) else math.prod(space.shape)


def _encode(space: Discrete | Box, action: Tensor) -> NDArray[np.float32]:
    """An action as numbers: one-hot, or as it is."""
    if isinstance(space, Box):
        return action.numpy().astype(np.float32).ravel()
    code = np.zeros(space.n, np.float32)
    code[int(action)] = 1
    return code


def _as_array(seen: Tensor) -> Array:
    """A copy that its owner may write to; booleans become 0 and 1."""
    return (seen.to(torch.uint8) if seen.dtype == torch.bool else seen).numpy().copy()
