"""Games of a common pool, read from a table of who got and returned what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from .envs.errors import DilemmaError

COLUMNS = {
    "game": "the game that a row belongs to",
    "round": "the round, in order",
    "player": "the player",
    "pool": "the pool before the round",
    "allocated": "what the player got",
    "returned": "what it returned",
}
"""The columns that are read, by what they hold."""


@dataclass(frozen=True, eq=False)
class PoolGames:
    """Games of equally many players, each player's view of them; whole units."""

    game: Tensor
    """The number of the game of each row, int64 [row]; a row is a player in a game."""
    features: Tensor
    """What the player sees when it decides, float32 [round, row, input], as in `common_pool_trust`: the pool, what
    everybody got in this round, and what they returned in the one before, itself first, as shares of `capacity`.
    """
    allocated: Tensor
    """What it got, rounded to whole units, int64 [round, row]; 0 after the game's last round."""
    returned: Tensor
    """What it returned, rounded, int64 [round, row]."""
    capacity: float

    @property
    def decides(self) -> Tensor:
        """Where a player had something to return, bool [round, row]."""
        return self.allocated > 0

    def among(self, games: Tensor) -> PoolGames:
        """Only these games."""
        keep = torch.isin(self.game, games)
        rows = (self.features[:, keep], self.allocated[:, keep], self.returned[:, keep])
        return PoolGames(self.game[keep], *rows, self.capacity)


def read(path: Path, names: Mapping[str, str], only: Mapping[str, str], capacity: float) -> PoolGames:
    """The games in a CSV file, from the columns of these `names`; rows where `only` says otherwise are left out.

    Raises DilemmaError where the file is something else.
    """
    try:
        table = pd.read_csv(path, low_memory=False)
    except (OSError, ValueError) as error:
        raise DilemmaError(f"{path}: not a CSV file that can be read ({error})") from None
    missing = [name for name in (*names.values(), *only) if name not in table]
    if missing:
        raise DilemmaError(
            f"{path} has no column {', '.join(missing)}; it has {', '.join(map(str, table))}. Say with --column "
            f"which it is, of {', '.join(COLUMNS)}"
        )
    for name, value in only.items():
        table = table[table[name].astype(str) == value]
        if table.empty:
            raise DilemmaError(f"{path} has no row with {name} = {value}")
    table = pd.DataFrame({of: table[name] for of, name in names.items()})
    for of in ("round", "pool", "allocated", "returned"):
        table[of] = pd.to_numeric(table[of], errors="coerce")
        bad = table[of].isna().to_numpy()
        if bad.any():
            raise DilemmaError(f"{path}: {names[of]} in line {table.index[bad][0] + 2} is not a number")
    wrong = ((table["returned"] < 0) | (table["returned"] > table["allocated"] + 0.5)).to_numpy()
    if wrong.any():
        first = table[wrong].iloc[0]
        raise DilemmaError(
            f"{path}: {names['returned']} in line {table.index[wrong][0] + 2} is {first['returned']:g}; "
            f"allowed is 0 to {first['allocated']:g}, what was allocated"
        )
    return _views(path, table, capacity)


def _views(path: Path, table: pd.DataFrame, capacity: float) -> PoolGames:
    """The games as each of their players sees them."""
    sizes = table.groupby("game")["player"].nunique()
    players = int(sizes.iloc[0])
    if players < 2 or (sizes != players).any():
        found = ", ".join(map(str, sorted(sizes.unique())))
        raise DilemmaError(f"{path} has games of {found} players; allowed: as many in all games, two or more")
    game, labels = pd.factorize(table["game"])
    round = table.groupby("game")["round"].rank(method="dense").to_numpy(np.int64) - 1
    player = (
        table.groupby("game")["player"].transform(lambda column: pd.factorize(column, sort=True)[0]).to_numpy()
    )
    if table.assign(player=player).duplicated(["game", "round", "player"]).any():
        raise DilemmaError(f"{path} has several rows for a player in a round of one game")
    cube = np.zeros((3, round.max() + 1, len(labels), players))
    for index, of in enumerate(("pool", "allocated", "returned")):
        cube[index, round, game, player] = table[of].to_numpy(np.float64)
    pool, allocated, returned = cube
    before = np.concatenate([np.zeros_like(returned[:1]), returned[:-1]])
    around = (np.arange(players)[:, None] + np.arange(players)) % players
    seen = np.concatenate(
        [pool.max(2)[..., None, None].repeat(players, 2), allocated[..., around], before[..., around]], 3
    )
    rounds = len(pool)
    units = np.floor(allocated + 0.5).astype(np.int64).reshape(rounds, -1)
    given = np.minimum(np.floor(returned + 0.5).astype(np.int64).reshape(rounds, -1), units)
    return PoolGames(
        torch.arange(len(labels)).repeat_interleave(players),
        torch.from_numpy(seen.reshape(rounds, -1, seen.shape[3]) / capacity).float(),
        torch.from_numpy(units),
        torch.from_numpy(given),
        capacity,
    )
