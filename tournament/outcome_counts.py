"""Outcome counts: how often each outcome was followed by a round, and by cooperation in it.

The outcome of a round is CC, CD, DC or DD, the own action first. These counts, with the share of cooperative
openings, are the sufficient statistics of a memory-one player's behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..envs.environment import Environment
from ..envs.matrix_game import two_by_two
from .recorders import PlayedRound

STATES = ("cc", "cd", "dc", "dd")
COLUMNS = ("opening", *(f"after_{state}" for state in STATES), *(f"c_after_{state}" for state in STATES))
"""Columns of the seats table: share of openings with C; per round, how often each outcome was followed by a round,
and by C."""

_MIRRORED = [0, 2, 1, 3]  # an outcome from the other seat's view
_FLUSH = 64  # rounds that are kept before they are counted
_CODES = 17  # 16 pairs of consecutive outcomes, and one for rounds that are not played


@dataclass(frozen=True)
class Conduct:
    """Sums of weights; divide by those of all rounds."""

    opening: NDArray[np.float64]
    """Cooperative openings, as a share of all [match, seat]."""
    after: NDArray[np.float64]
    """Rounds after CC, CD, DC, DD, own action first [match, seat, state]."""
    cooperation_after: NDArray[np.float64]
    """Those of them with cooperation [match, seat, state]."""

    @staticmethod
    def of(pairs: NDArray[np.float64], opening: NDArray[np.float64]) -> Conduct:
        """From the weight of each two consecutive outcomes [match, before, after], in the view of seat 0."""
        after = pairs.sum(2)
        by_first, by_second = pairs[..., :2].sum(2), pairs[..., ::2].sum(2)
        return Conduct(
            opening,
            np.stack((after, after[:, _MIRRORED]), 1),
            np.stack((by_first, by_second[:, _MIRRORED]), 1),
        )

    def columns(self, weight: NDArray[np.float64]) -> dict[str, NDArray[np.float32]]:
        """The columns of the seats table, rows [match, seat]; `weight` [match, seat] is of all rounds."""
        shares = np.concatenate((self.after, self.cooperation_after), 2) / weight[..., None]
        values = np.concatenate((self.opening[..., None], shares), 2).reshape(-1, len(COLUMNS))
        return dict(zip(COLUMNS, values.astype(np.float32).T, strict=True))


class ConductRecorder:
    """Counts outcomes of a repeated game of two players with two actions."""

    @staticmethod
    def watching(game: Environment, shape: tuple[int, int, int], device: torch.device) -> ConductRecorder | None:
        """A recorder of [match, seat, table] tables; None if the game has no such outcomes."""
        return ConductRecorder(shape[0], shape[2], device) if two_by_two(game) else None

    def __init__(self, matches: int, tables: int, device: torch.device):
        self._pairs = torch.zeros(matches * _CODES, dtype=torch.float64, device=device)
        self._match = torch.arange(matches, device=device)[:, None] * _CODES
        self._openings = torch.zeros((matches, 2), dtype=torch.float64, device=device)
        self._tables = tables
        self._episodes = 0
        self._kept: list[Tensor] = []
        self._weights: list[float] = []

    def record(self, played: PlayedRound) -> None:
        action, playing = played.step.action, played.before.playing
        if played.opens:
            self._count()
            self._kept, self._weights = [], []
            self._episodes += 1
            self._openings = self._openings + (action == 0).sum(2)
        outcome = (action[:, 0] * 2 + action[:, 1]).byte()
        if playing is not None:
            outcome.masked_fill_(~playing[:, 0], 16)  # then the code of the pair is 16 or more
        self._kept.append(outcome)
        self._weights.append(played.weight)
        if len(self._kept) > _FLUSH:
            self._count()

    def _count(self) -> None:
        """Count the kept outcomes, except the last, whose successor is not known yet."""
        if len(self._kept) < 2:
            return
        outcomes = torch.stack(self._kept)
        codes = (outcomes[:-1] * 4 + outcomes[1:]).clamp_(max=16) + self._match
        weights = None
        if any(weight != 1 for weight in self._weights):
            weight = torch.tensor(self._weights[1:], dtype=torch.float64, device=codes.device)
            weights = weight[:, None, None].expand(codes.shape).reshape(-1)
        self._pairs = self._pairs + torch.bincount(codes.view(-1), weights, len(self._pairs))
        self._kept, self._weights = self._kept[-1:], self._weights[-1:]

    def conduct(self) -> Conduct:
        """The counts of all rounds so far, summed over tables."""
        self._count()
        pairs = self._pairs.view(-1, _CODES)[:, :16].view(-1, 4, 4)
        openings = self._openings / (self._episodes * self._tables or torch.nan)
        return Conduct.of(pairs.cpu().numpy(), openings.cpu().numpy())
