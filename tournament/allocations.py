"""Allocations: what a mechanism handed out in stored matches, which are played again for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..envs.common_pool_trust import CommonPoolTrust, allocates
from ..envs.errors import DilemmaError
from .chunk import Failure
from .moves import played_again
from .plan import Plan
from .recorders import PlayedRound

Shares = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Allocations:
    """A mechanism's allocations in one environment; every array starts with [sample]."""

    environment: str
    match: NDArray[np.int64]
    run: NDArray[np.int64]
    """The training run of the mechanism; -1 for one that isn't trained."""
    pool: Shares
    """The pool before, as a share of the capacity."""
    got: Shares
    """What each player got in the round before, as a share of the capacity [sample, player]."""
    returned: Shares
    """What each of them returned of it [sample, player]."""
    shares: Shares
    """The share of the pool that each gets now [sample, player]."""


def allocations(
    plan: Plan, seats: pd.DataFrame, label: str, environment: str, tell: Callable[[Failure], None]
) -> Allocations:
    """All allocations of the mechanism `label` in an environment, without those of an empty pool.

    Matches with learners are left out. Raises DilemmaError where there are none.
    """
    index = [setting.label for setting in plan.settings].index(environment)
    game = plan.settings[index].game
    if not isinstance(game, CommonPoolTrust):
        raise DilemmaError(f"{environment} has no mechanism to explain; common_pool_trust has one")
    here = seats[seats["environment"] == environment]
    mine = here[(here["agent"].astype(str) == label) & (here["seat"] == game.players)]
    if mine.empty:
        raise DilemmaError(f"{label} is the mechanism of no match in {environment}")
    played = here[here["match"].isin(mine.loc[mine["how"] == "played", "match"])]
    if played.empty:
        raise DilemmaError(
            f"all matches of {label} in {environment} have learners: enter it frozen, as a checkpoint, "
            "among players that don't learn"
        )
    runs = mine.set_index("match")["run"] if "run" in mine else pd.Series(dtype=np.float64)
    parts = list[tuple[NDArray[np.int64], Tensor]]()
    for rows, record in played_again(plan, index, played, AllocationRecorder, tell):
        match = rows.loc[rows["seat"] == 0, "match"].to_numpy(np.int64)
        seen, playing = torch.stack(record.seen), torch.stack(record.playing)
        used = playing & (seen[..., 1] > 1e-6)
        number = torch.arange(len(match))[:, None].expand_as(used[0]).expand_as(used)
        parts.append((match[number[used].numpy()], seen[used]))
    match = np.concatenate([each for each, _ in parts])
    numbers = torch.cat([each for _, each in parts]).double().numpy()
    pool, count = numbers[:, 1], game.players
    got, returned, given = (numbers[:, 2 + count * part : 2 + count * (part + 1)] for part in range(3))
    run = runs.reindex(match).fillna(-1).to_numpy(np.int64)
    return Allocations(environment, match, run, pool, got, returned, given / pool[:, None])


class AllocationRecorder:
    """Records what the mechanism sees before it allocates, and what it then gives to each player."""

    def __init__(self) -> None:
        self.seen: list[Tensor] = []
        """[match, table, 2 + 3 N]."""
        self.playing: list[Tensor] = []
        """Bool [match, table]."""

    def record(self, played: PlayedRound) -> None:
        before, after = played.before, played.after
        if played.opens:
            self.seen, self.playing = [], []
        if not allocates(before.round):
            return
        assert before.observation is not None
        assert after.observation is not None
        seen, then = before.observation[:, -1], after.observation[:, -1]
        count = (seen.shape[-1] - 2) // 2
        self.seen.append(torch.cat((seen, then[..., 2 : 2 + count]), -1).cpu())
        everywhere = torch.ones(seen.shape[:-1], dtype=torch.bool)
        self.playing.append(everywhere if before.playing is None else before.playing[:, -1].cpu())
