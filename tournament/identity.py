"""Identity: what makes a match this match. Its rows are stored under it, and its chance follows from it.

A cell is an environment and a cast; a match is a repetition of a cell. The identity is a hash of the canonical
JSON of the environment with its parameters, the agents by seat with theirs and a clone index, the seed,
and where somebody learns, for how long. Labels, jobs, chunks, paths and versions are not in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..envs.chance import derive

SCHEMA = 2
"""The number of the identity's form: it changes when old rows can no longer be matched with new ones.

1: chance of chairs could be traced back to the match's key. 2: it is sealed.
"""


@dataclass(frozen=True)
class Definition:
    """An agent or an environment: its registered name or import path, and every parameter, as JSON."""

    name: str
    parameters: str
    clone: int = 0
    """Counts agents of one tournament that are defined alike."""

    @staticmethod
    def of(name: str, parameters: Mapping[str, object], clone: int = 0) -> Definition:
        return Definition(name, canonical(parameters), clone)

    @property
    def text(self) -> str:
        return canonical([self.name, json.loads(self.parameters), self.clone])


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values have equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def cell_key(environment: Definition, cast: Sequence[Definition], seed: int, learning: object = None) -> int:
    """The key of a cell, a signed 64-bit number: the cast by seat, and how its learners learn, if it has any."""
    text = canonical([SCHEMA, environment.text, [agent.text for agent in cast], seed, learning])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), signed=True)


def match_keys(cells: NDArray[np.int64], repetitions: NDArray[np.int64]) -> NDArray[np.int64]:
    """The keys of repetitions of cells; both [match]."""
    keys: NDArray[np.int64] = derive(torch.from_numpy(cells), torch.from_numpy(repetitions)).numpy()
    return keys
