"""Parallel environments of PettingZoo, when it is installed; one table at a time, and slowly."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, PlainSerializer, model_validator
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from . import CATALOGUE
from .catalogue import is_file
from .chance import Chance, Purpose, sealed
from .environment import Box, Discrete, Environment, Rounds, State, Step
from .errors import DilemmaError

if TYPE_CHECKING:
    from gymnasium import spaces
    from pettingzoo import ParallelEnv

MASKED = {"observation", "action_mask"}
"""The keys of observations that carry an action mask."""


def _as_json(given: object) -> object:
    """A mapping as JSON, which hashes."""
    try:
        known = json.loads(given) if isinstance(given, str) else given
        text = json.dumps(known, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise ValueError(f"must be keywords and JSON values ({error})") from None
    if not isinstance(known, Mapping):
        raise ValueError("must be keywords and their values")
    return text


Parameters: TypeAlias = Annotated[str, BeforeValidator(_as_json), PlainSerializer(json.loads)]
"""Keyword arguments of something that is not ours: given as a mapping, stored as JSON."""


class ParallelEnvironment(Environment):
    """An environment of PettingZoo: its agents are the seats, in the order of `possible_agents`.

    Each table is an object of its own, in this process. An episode begins with `reset(seed=...)`, where the seed
    is `seed_of(match, table, episode)`: 32 bits that follow from the match's key (in the seats table), the table
    and the episode alone. An environment that also draws from elsewhere gives other results each time. An
    episode ends when all agents are terminated or truncated, or after `rounds`. An agent that ends earlier stops
    playing, and its payoff is per round that it played.

    Observations keep their shape if it is the same for all agents; else they are flattened (discrete ones
    one-hot) and padded with zeros. Masks come from observations {"observation", "action_mask"}, or from infos.
    Where real actions have several bounds, each component runs from 0 to 1, the share of its range. Each seat
    has its own role. What is not supported raises DilemmaError: agents that join later or again, actions neither
    Discrete nor Box, infinite bounds, observations of no fixed length.
    """

    source: ClassVar[str] = "Terry et al. 2021, PettingZoo"
    slow: ClassVar[bool] = True
    note: ClassVar[str] = (
        "slow, each table is an object of PettingZoo. Its episodes begin with reset(seed=s), where s is "
        "32 bits that follow from the match, the table and the episode alone "
        "(dilemma.envs.parallel_environment.seed_of). What it draws from elsewhere differs in each play."
    )

    factory: str = Field(
        description="package.module with a `parallel_env`, package.module:Class, path/to/file.py:function, "
        "or an entry point"
    )
    parameters: Parameters = Field("{}", description="keyword arguments of that function")
    rounds: Rounds = Field(1000, description="the most rounds of an episode that doesn't end by itself")

    @model_validator(mode="after")
    def _can_be_carried(self) -> Self:
        _ = self.parts
        return self

    @property
    def foreign_code(self) -> object:
        """The function or the class that makes it."""
        return _factory(self.factory)

    @property
    def parts(self) -> tuple[SeatSpec, ...]:
        """What each seat does and sees."""
        return _parts(self.factory, self.parameters)

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(part.name for part in self.parts)

    @property
    def seats(self) -> int:
        return len(self.parts)

    def actions(self, seat: int) -> Discrete | Box:
        return self.parts[seat].actions

    def observation(self, seat: int) -> tuple[int, ...]:
        return self.parts[seat].shape

    def begin(self, matches: int, tables: int, chance: Chance, episode: int) -> State:
        seeds = _seeds(chance, episode)
        live = Tables(self, seeds.tolist())
        action = self.actions(0)
        shape = (matches, len(self.parts), tables, *(action.shape if isinstance(action, Box) else ()))
        kind = torch.float64 if isinstance(action, Box) else torch.int64
        history = torch.empty((0, *shape), dtype=kind, device=seeds.device)
        return live.state(episode, history, live.playing(seeds.device))

    def play(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        history, playing = state.tensors["history"], state.playing
        assert playing is not None
        live: Tables = _LIVE_TABLES.pop(history, None) or self._replayed(state, chance)  # type: ignore[no-untyped-call]
        reward = live.step(action.cpu().numpy(), playing.cpu().numpy(), state.round)
        after = live.state(state.episode, torch.cat((history, action[None])), live.playing(action.device))
        return after, Step(action, torch.from_numpy(reward).to(action.device))

    def _replayed(self, state: State, chance: Chance) -> Tables:
        """The tables in `state`, replayed from the actions so far: their objects have moved on, or were copied."""
        matches, tables = chance.keys.shape
        again = self.reset(matches, tables, chance, state.episode)
        for action in state.tensors["history"]:
            again, _ = self.step(again, action, chance)
        live: Tables = _LIVE_TABLES.pop(again.tensors["history"])  # type: ignore[no-untyped-call]
        return live


_LIVE_TABLES = WeakTensorKeyDictionary()
"""The live tables of a state, by its history of actions. A state is only its history; this saves the replay."""


@dataclass(frozen=True, eq=False)
class SeatSpec:
    """How an agent of a PettingZoo environment is described as a seat."""

    name: str
    actions: Discrete | Box
    shape: tuple[int, ...]
    """The shape of its observation."""
    observation_space: spaces.Space[Any]
    """The space of its observations, without their mask."""
    action_space: spaces.Space[Any]
    masked: bool

    def act(self, action: Any) -> Any:
        """One of our actions as one of PettingZoo's."""
        from gymnasium import spaces

        if isinstance(self.actions, Discrete):
            assert isinstance(self.action_space, spaces.Discrete)
            return self.action_space.start + action
        assert isinstance(self.action_space, spaces.Box)
        share = (action - self.actions.low) / (self.actions.high - self.actions.low)
        low, high = self.action_space.low.astype(float), self.action_space.high.astype(float)
        return np.clip(low + (high - low) * share, low, high).astype(self.action_space.dtype)

    def see(self, given: Any) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
        """The observation in our shape, and the action mask if there is one."""
        from gymnasium import spaces

        mask = None
        if self.masked:
            mask, given = np.asarray(given["action_mask"], bool), given["observation"]
        if not isinstance(self.observation_space, spaces.Box):
            given = spaces.flatten(self.observation_space, given)
        seen = np.asarray(given, np.float32)
        if seen.shape != self.shape:
            short, seen = seen.ravel(), np.zeros(self.shape, np.float32)
            seen[: len(short)] = short
        return seen, mask


def seed_of(match: int, table: int = 0, episode: int = 0) -> int:
    """The seed with which an episode begins, from 0 to 2^32 - 1: `env.reset(seed=seed_of(match))` is the same."""
    chance = Chance.at_tables(sealed(torch.tensor([match]), 0), table + 1)
    return int(_seeds(chance, episode)[0, table])


def _seeds(chance: Chance, episode: int) -> Tensor:
    """Of all matches at all tables [match, table]."""
    return chance.integers(Purpose.GENERATOR, episode, 0) + 2**31


class Tables:
    """Objects of PettingZoo in play, one for each match and table, and their present observations."""

    def __init__(self, game: ParallelEnvironment, seeds: Sequence[Sequence[int]]):
        self._game, self._parts = game, game.parts
        shape = (len(seeds), len(self._parts), len(seeds[0]))
        self._alive = np.ones(shape, bool)
        self._seen = np.zeros((*shape, *self._parts[0].shape), np.float32)
        self._masked = False
        counts = [part.actions.n if isinstance(part.actions, Discrete) else 0 for part in self._parts]
        self._mask = np.ones((*shape, max(counts)), bool)
        self._tables = [[_make(game.factory, game.parameters) for _ in row] for row in seeds]
        for match, row in enumerate(seeds):
            for table, seed in enumerate(row):
                env = self._tables[match][table]
                seen, infos = env.reset(seed=seed)
                self._observe(match, table, env, seen, infos, 0)

    def playing(self, device: torch.device) -> Tensor:
        """Which agents are alive, bool [match, seat, table]."""
        return torch.tensor(self._alive, device=device)

    def state(self, episode: int, history: Tensor, playing: Tensor) -> State:
        """The state of the tables after `history` [round, match, seat, table, ...]."""
        device = history.device
        mask = torch.tensor(self._mask, device=device) if self._masked else None
        _LIVE_TABLES[history] = self
        seen = torch.tensor(self._seen, device=device)
        return State(episode, len(history), playing, {"history": history}, seen, mask)

    def step(self, action: NDArray[Any], playing: NDArray[np.bool_], round: int) -> NDArray[np.float64]:
        """Play a round at the tables where a seat is `playing`; the rewards [match, seat, table]."""
        reward = np.zeros(self._alive.shape)
        for match, row in enumerate(self._tables):
            for table, env in enumerate(row):
                here = playing[match, :, table].nonzero()[0]
                if not len(here):
                    continue
                parts = [self._parts[seat] for seat in here]
                acts = {
                    part.name: part.act(action[match, seat, table]) for seat, part in zip(here, parts, strict=True)
                }
                seen, rewards, terminated, truncated, infos = env.step(acts)
                for seat, part in zip(here, parts, strict=True):
                    reward[match, seat, table] = rewards.get(part.name, 0.0)
                    gone = terminated.get(part.name, True) or truncated.get(part.name, True)
                    self._alive[match, seat, table] = not gone and part.name in env.agents
                self._observe(match, table, env, seen, infos, round + 1)
        return reward

    def _observe(
        self,
        match: int,
        table: int,
        env: ParallelEnv,
        seen: Mapping[str, Any],
        infos: Mapping[str, Any],
        round: int,
    ) -> None:
        """Keep the observations of the agents that are alive."""
        alive = self._alive[match, :, table]
        names = [part.name for part, lives in zip(self._parts, alive, strict=True) if lives]
        if names and set(env.agents) != set(names):
            raise DilemmaError(
                f"{self._game.factory}: after {round} rounds its agents are {', '.join(map(str, env.agents))}, "
                f"expected {', '.join(names)}; allowed: agents that are there from the start until their end"
            )
        for seat in alive.nonzero()[0]:
            part = self._parts[seat]
            self._seen[match, seat, table], mask = part.see(seen[part.name])
            if mask is None:
                mask = infos.get(part.name, {}).get("action_mask")
            if mask is not None:
                self._masked = True
                self._mask[match, seat, table, : len(mask)] = mask


@lru_cache(maxsize=256)
def _parts(factory: str, parameters: str) -> tuple[SeatSpec, ...]:
    """The seats of an environment.

    Raises DilemmaError where it is no parallel environment, or is not supported.
    """
    from gymnasium import spaces

    env = _make(factory, parameters)
    names = list(getattr(env, "possible_agents", ()))
    if len(names) < 2:
        raise DilemmaError(f"{factory} names {len(names)} possible agents; allowed: 2 or more, known beforehand")
    acts = [env.action_space(name) for name in names]
    actions = [_actions(factory, name, space) for name, space in zip(names, acts, strict=True)]
    boxes = [action for action in actions if isinstance(action, Box)]
    if boxes and (len(boxes) < len(names) or len({box.shape for box in boxes}) > 1):
        raise DilemmaError(f"{factory}: found {acts}; allowed: real actions of one shape for all agents, or none")
    if len(set(boxes)) > 1:
        actions = [Box(0.0, 1.0, box.shape) for box in boxes]
    looks, masked = [], []
    for name in names:
        space = env.observation_space(name)
        masked.append(isinstance(space, spaces.Dict) and set(space.spaces) == MASKED)
        look = space["observation"] if masked[-1] else space
        if not look.is_np_flattenable:
            raise DilemmaError(f"{factory}: {name} observes {look}; allowed: what has always the same length")
        looks.append(look)
    shapes = {look.shape if isinstance(look, spaces.Box) else (spaces.flatdim(look),) for look in looks}
    shape = shapes.pop() if len(shapes) == 1 else (max(map(spaces.flatdim, looks)),)
    return tuple(
        SeatSpec(name, action, shape, look, act, mask)
        for name, action, look, act, mask in zip(names, actions, looks, acts, masked, strict=True)
    )


def _actions(factory: str, name: str, space: spaces.Space[Any]) -> Discrete | Box:
    from gymnasium import spaces

    if isinstance(space, spaces.Discrete):
        return Discrete(int(space.n))
    if isinstance(space, spaces.Box) and space.is_bounded() and np.issubdtype(space.dtype, np.floating):
        low, high = np.unique(space.low).tolist(), np.unique(space.high).tolist()
        one = len(low) == len(high) == 1
        return Box(low[0] if one else 0.0, high[0] if one else 1.0, space.shape)
    raise DilemmaError(f"{factory}: {name} acts in {space}; allowed: Discrete, or Box of floats with bounds")


def _make(factory: str, parameters: str) -> ParallelEnv:
    """An environment of PettingZoo. Raises DilemmaError where it can not be made."""
    found = _factory(factory)
    try:
        made = found(**json.loads(parameters))
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise DilemmaError(f"{factory} can't be made with the parameters {parameters} ({reason})") from error
    if not isinstance(made, _library().ParallelEnv):
        raise DilemmaError(
            f"{factory} makes a {type(made).__name__}; allowed: a parallel environment of PettingZoo"
        )
    return made


def _factory(factory: str) -> Callable[..., object]:
    """What makes an environment of PettingZoo. Raises DilemmaError where there is none, or it may not be named."""
    library = _library()
    registered = factory in CATALOGUE.plugins
    name = factory if registered or ":" in factory else f"{factory}:parallel_env"
    found = CATALOGUE.find(name)
    if isinstance(found, ModuleType):
        found = getattr(found, "parallel_env", found)
    if not callable(found):
        raise DilemmaError(f"{factory} is neither a function nor a module with a `parallel_env`")
    derived = isinstance(found, type) and issubclass(found, library.ParallelEnv)
    if not (registered or derived or is_file(name) or name.endswith(":parallel_env")):
        raise DilemmaError(
            f"{factory} is not derived from ParallelEnv, as all that is named package.module:Class must be; a "
            f"function is named by its file, path/to/file.py:{name.rpartition(':')[2]}"
        )
    return found


def _library() -> ModuleType:
    try:
        return importlib.import_module("pettingzoo")
    except ModuleNotFoundError as error:
        if error.name != "pettingzoo":
            raise
        raise DilemmaError("PettingZoo is not installed: pip install 'dilemma-tournaments[pettingzoo]'") from None


def from_name(name: str, parameters: Mapping[str, object]) -> ParallelEnvironment:
    """The environment `pettingzoo:NAME` of a config; parameters that are not ours go to PettingZoo's."""
    ours = {key: value for key, value in parameters.items() if key in Environment.model_fields}
    theirs = {key: value for key, value in parameters.items() if key not in ours}
    return ParallelEnvironment.model_validate({"factory": name, "parameters": theirs, **ours})
