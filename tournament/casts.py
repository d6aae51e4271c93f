"""Keys of casts and of their repetitions: the identities of matches."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from ..envs.chance import derive
from .how import How
from .identity import SCHEMA, canonical

if TYPE_CHECKING:
    from .plan import Plan

Indices: TypeAlias = NDArray[np.int64]


def cast_keys(plan: Plan, setting: int, casts: Indices, how: How) -> Indices:
    """The keys [cast] of casts [cast, seat] of the plan's entrants, for this way of evaluation."""
    texts = [canonical(entrant.definition.text) for entrant in plan.entrants]
    begin = f"[{SCHEMA},{canonical(plan.settings[setting].definition.text)},["
    keys = np.empty(len(casts), dtype=np.int64)
    for index, cast in enumerate(casts.tolist()):
        learning = _learning(plan, cast) if how == "learned" else "null"
        text = f"{begin}{','.join([texts[entrant] for entrant in cast])}],{plan.seed},{learning}]"
        keys[index] = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), signed=True)
    return keys


def _learning(plan: Plan, cast: list[int]) -> str:
    """The learning options that affect this match."""
    learning = plan.learning
    freezing = [learning.freeze_after.get(plan.entrants[entrant].label) for entrant in cast]
    return canonical([learning.tables, learning.episodes, learning.window, freezing, learning.block])


def match_keys(casts: Indices, repetitions: Indices) -> Indices:
    """The keys of repetitions of casts; both [match]. An exact payoff, repetition -1, has the key of its cast."""
    played = derive(torch.from_numpy(casts), torch.from_numpy(repetitions)).numpy()
    keys: Indices = np.where(repetitions < 0, casts, played)
    return keys
