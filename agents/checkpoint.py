"""Checkpoints: frozen learners from the end of another run, for leagues."""

from __future__ import annotations

import hashlib
import json
import pickle
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import torch
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator
from torch import Tensor

from ..envs.catalogue import Whereabouts
from ..envs.chance import Purpose
from ..envs.environment import Environment
from ..envs.errors import DilemmaError
from ..file_names import MARK, file_name
from .agent import Agent, Chairs, Player


class Checkpoint(Agent):
    """A learner that another run has trained and stored; it plays as at the end of that run, frozen.

    Each match draws one of the trained players, in games with several roles one of the seat's role. Memory within
    an episode works as before. The learner is a registered agent: a run folder has only its name, and no other
    code is run for it. Its identity is the hash of the learned parameters, not the folder's path.
    """

    source: ClassVar[str] = (
        "Lanctot et al. 2017, a unified game-theoretic approach to multiagent RL (frozen leagues)"
    )

    run: Annotated[str, Whereabouts(path=True)] = Field(
        description="the run folder, in a config relative to the config's folder"
    )
    learner: Annotated[str, Whereabouts()] = Field(
        description="the learner's label in that run, one of learning.keep"
    )
    opponent: str | None = Field(None, description="only players trained against this label; by default any")
    content: str | None = Field(
        None, description="hash of the learned parameters; filled in, and checked if given"
    )
    part: int | None = Field(
        None, description="of a mixture or past selves, which of its agents; 0 is the first", ge=0
    )

    @model_validator(mode="before")
    @classmethod
    def _knows_its_content(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not isinstance(given.get("run"), str):
            return given
        found = _content(given["run"], str(given.get("learner")))
        if given.get("content") not in (None, found):
            raise ValueError(f"what {given['run']} has kept of {given.get('learner')} is no longer what it was")
        return {**given, "content": found}

    @model_validator(mode="after")
    def _has_its_part(self) -> Self:
        if self.part is not None:
            self._trained()
        return self

    @model_serializer(mode="wrap")
    def _without_default(self, written: SerializerFunctionWrapHandler) -> dict[str, object]:
        # Left out where it is None, so that matches from before there were parts keep their identity.
        kept = dict(written(self))
        if self.part is None:
            kept.pop("part", None)
        return kept

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        return self._trained().agent.needs

    def refuses(self, game: Environment) -> str | None:
        return self._trained().agent.refuses(game)

    def refuses_role(self, game: Environment, role: str) -> str | None:
        return self._trained().agent.refuses_role(game, role)

    def sit(self, chairs: Chairs) -> Player:
        trained = self._trained()
        rows = self._draw(trained, chairs)
        player = trained.agent.sit(chairs.of(trained.agent))
        state = {name: tensor[rows] for name, tensor in trained.state.items()}
        player.load_state_dict(state)
        player.learning = False
        return player

    def trained_runs(self, chairs: Chairs) -> Tensor:
        trained = self._trained()
        return torch.tensor(trained.runs, device=chairs.device)[self._draw(trained, chairs)]

    @property
    def version_of(self) -> str:
        return self.learner

    def kept_runs(self, game: Environment) -> int:
        """The number of stored training runs that fit a seat, at the seat with the fewest that it can take."""
        trained = self._trained()
        roles = [role for role in dict.fromkeys(game.roles) if self.refuses_role(game, role) is None]
        return min(
            (len({trained.runs[row] for row in self._fits(trained, game.roles, role)}) for role in roles),
            default=0,
        )

    def _draw(self, trained: Trained, chairs: Chairs) -> Tensor:
        """Draw a trained player for each chair."""
        lot = chairs.chance.uniform(Purpose.START, 0, 0)[:, 0]
        rows = torch.zeros_like(chairs.seat)
        for seat, role in enumerate(chairs.spec.roles):
            fits = self._fits(trained, chairs.spec.roles, role)
            here = chairs.seat == seat
            if here.any() and not fits:
                raise DilemmaError(
                    f"{self.run} has kept no {self.learner} that was trained so (opponent, seat {seat})"
                )
            if fits:
                rows[here] = torch.tensor(fits)[(lot[here] * len(fits)).long()]
        return rows

    def _fits(self, trained: Trained, roles: tuple[str, ...], role: str) -> list[int]:
        """The trained players that fit seats of a role."""
        wanted = None if self.opponent is None else _labels(self.run).get(self.opponent, self.opponent)
        return [
            row
            for row, (opponent, place) in enumerate(zip(trained.opponents, trained.seats, strict=True))
            if wanted in (None, opponent) and (set(roles) == {role} or roles[place : place + 1] == (role,))
        ]

    def _trained(self) -> Trained:
        assert self.content
        trained = _load(self.run, self.learner, self.content)
        return trained if self.part is None else _part_of(trained, self.part, self.learner)


@dataclass(frozen=True)
class Trained:
    """What a run has stored of one learner: the agent, and a row for each trained player."""

    agent: Agent
    opponents: Sequence[str]
    """The run's identities of the opponents it was trained against."""
    seats: Sequence[int]
    runs: Sequence[int]
    """The training run (match) of each player: two players of one match belong to one run."""
    state: Mapping[str, Tensor]
    """Each tensor starts with [row]."""


def _part_of(trained: Trained, part: int, label: str) -> Trained:
    """One of the agents of a mixture. Raises ValueError if there is none."""
    own = f"{part}."
    state = {name.removeprefix(own): value for name, value in trained.state.items() if name.startswith(own)}
    within: object = getattr(trained.agent, "of", None)
    agent = within[part] if isinstance(within, tuple) and part < len(within) else within
    if not state or not isinstance(agent, Agent):
        raise ValueError(f"{label} has no part {part} that has learned something")
    return replace(trained, agent=agent, state=state)


def files_of(run: str, label: str) -> list[Path]:
    """The checkpoint files of a learner in a run. Raises ValueError if there are none."""
    folder = Path(run) / "checkpoints"
    folders = sorted(entry for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []
    wanted = _labels(run).get(label)
    marks = {entry: _mark(entry) for entry in folders}
    own = [entry for entry, mark in marks.items() if mark and mark == wanted]
    own = own or [entry for entry, mark in marks.items() if not mark and entry.name in (label, file_name(label))]
    files = sorted(file for entry in own for file in entry.glob("*.pt") if file.is_file())
    if not files:
        names = {identity: name for name, identity in _labels(run).items()}
        kept = sorted(names.get(mark, entry.name) for entry, mark in marks.items())
        has = f"it has {', '.join(kept)}" if kept else "it has none (learning.keep says whose to keep)"
        raise ValueError(f"{run} keeps no checkpoints of {label!r}; {has}")
    return files


def _mark(folder: Path) -> str:
    """The identity of the learner in a checkpoint folder; empty if it has none."""
    try:
        return str(json.loads((folder / MARK).read_text(encoding="utf-8"))["identity"])
    except (OSError, ValueError, TypeError, KeyError):  # none, or damaged
        return ""


def _labels(run: str) -> dict[str, str]:
    """The identities of a run's agents, by their current labels."""
    path = Path(run) / "config.toml"
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("agents", []) if path.is_file() else []
    return {entry["label"]: entry["known"]["identity"] for entry in entries if "known" in entry}


def _content(run: str, label: str) -> str:
    return _read(label, _as_it_is(run, label)).content


@lru_cache(maxsize=64)
def _load(run: str, label: str, content: str) -> Trained:
    from . import CATALOGUE

    kept = _read(label, _as_it_is(run, label))
    name, parameters = kept.name, json.loads(kept.parameters)
    if not set(CATALOGUE.names_in(name, parameters)) <= set(CATALOGUE.names):
        raise DilemmaError(
            f"{run} has kept {label}, which is {name}: what it has learned can be met again only where that is "
            "one of `dilemma agents`, ours or an installed package's (by an entry point)"
        )
    agent = CATALOGUE.build(name, parameters)
    assert isinstance(agent, Agent)
    number = {match: run for run, match in enumerate(dict.fromkeys(match for match, *_ in kept.rows))}
    return Trained(
        agent,
        [opponent for _, _, opponent in kept.rows],
        [seat for _, seat, _ in kept.rows],
        [number[match] for match, *_ in kept.rows],
        kept.state,
    )


@dataclass(frozen=True)
class _Kept:
    """The trained players in the files of a learner, in order of match and seat, each once."""

    name: str
    parameters: str
    rows: Sequence[tuple[int, int, str]]
    """Match, seat, and the opponent's identity."""
    state: Mapping[str, Tensor]

    @cached_property
    def content(self) -> str:
        """A hash of what was learned: the same however the matches were spread over files."""
        digest = hashlib.blake2b(json.dumps([self.name, self.parameters, self.rows]).encode(), digest_size=8)
        for name, tensor in sorted(self.state.items()):
            digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
            digest.update(tensor.contiguous().view(torch.uint8).numpy().data)
        return digest.hexdigest()


def _as_it_is(run: str, label: str) -> tuple[tuple[Path, int, int], ...]:
    """The checkpoint files of a learner, each with its size and when it was written, to know them again."""
    return tuple((file, (was := file.stat()).st_size, was.st_mtime_ns) for file in files_of(run, label))


@lru_cache(maxsize=8)
def _read(label: str, files: tuple[tuple[Path, int, int], ...]) -> _Kept:
    kept = [_loaded(label, file) for file, *_ in files]
    name, parameters = kept[0]["name"], kept[0]["parameters"]
    rows = [
        row
        for part in kept
        for row in zip(part["match"], part["seat"], part.get("opponents_known", part["opponent"]), strict=True)
    ]
    where = {row[:2]: index for index, row in enumerate(rows)}
    order = [where[place] for place in sorted(where)]
    state = {name: torch.cat([part["state"][name] for part in kept])[order] for name in kept[0]["state"]}
    return _Kept(name, parameters, [rows[index] for index in order], state)


def _loaded(label: str, file: Path) -> dict[str, Any]:
    """A checkpoint file. Raises ValueError if it is none."""
    try:
        return dict(torch.load(file, weights_only=True))
    except (RuntimeError, EOFError, pickle.UnpicklingError, TypeError, ValueError) as error:
        what = str(error).splitlines()[0][:80]
        raise ValueError(
            f"{file}, a checkpoint of {label!r}, can't be read ({what}); `dilemma run` sets it aside "
            "and trains it again"
        ) from error
