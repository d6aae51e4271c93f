"""A share of a run's matches, for one of several processes that need not know of each other.

The hash of a match says in which share it is, so that more agents or repetitions move no match to another share. A
block of learners is in the share of its first match.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..envs.errors import DilemmaError


@dataclass(frozen=True)
class Shard:
    """One of `of` shares, counted from 1."""

    number: int
    of: int

    def has(self, keys: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether matches are in this share [match]."""
        return np.asarray(keys.view(np.uint64) % np.uint64(self.of) == self.number - 1)

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @property
    def in_file_names(self) -> str:
        return f"{self.number}-of-{self.of}"

    @staticmethod
    def read(text: str, variables: Mapping[str, str] = os.environ) -> Shard:
        """The share that "3/16" means; "auto" takes it from Slurm's variables of an array or of parallel tasks.

        Raises DilemmaError where it means none.
        """
        if text == "auto":
            return _of_slurm(variables)
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise DilemmaError(f"--shard: found {text!r}; allowed: K/N with K from 1 to N, such as 3/16, or auto")
        return Shard(int(found[1]), int(found[2]))


def _of_slurm(variables: Mapping[str, str]) -> Shard:
    """The share of this task of a Slurm array, or else of this task of `srun`."""
    try:
        if "SLURM_ARRAY_TASK_ID" in variables:
            first, step = int(variables["SLURM_ARRAY_TASK_MIN"]), int(variables.get("SLURM_ARRAY_TASK_STEP", 1))
            place = (int(variables["SLURM_ARRAY_TASK_ID"]) - first) // step
            return Shard(1 + place, int(variables["SLURM_ARRAY_TASK_COUNT"]))
        return Shard(1 + int(variables["SLURM_PROCID"]), int(variables["SLURM_NTASKS"]))
    except (KeyError, ValueError, ZeroDivisionError):
        raise DilemmaError(
            "--shard auto: found none of Slurm's variables SLURM_ARRAY_TASK_ID, _MIN and _COUNT, nor SLURM_PROCID "
            "and SLURM_NTASKS; outside of Slurm say --shard K/N"
        ) from None
