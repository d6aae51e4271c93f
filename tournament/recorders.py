"""Recorders receive each round that the arena plays, and count, sum up or store it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..envs.environment import State, Step


@dataclass(frozen=True, slots=True)
class PlayedRound:
    """A round: the states before and after, and the step."""

    before: State
    step: Step
    after: State
    weight: float
    """Its weight in the payoff per round."""

    @property
    def opens(self) -> bool:
        """Whether it is the first of an episode."""
        return self.before.round == 0


class Recorder(Protocol):
    """Receives each round."""

    def record(self, played: PlayedRound) -> None: ...


class Tally:
    """Weighted sums over rounds."""

    def __init__(self, shape: tuple[int, int, int], device: torch.device):
        self._zeros = torch.zeros(shape, dtype=torch.float64, device=device)
        # While everybody plays, weights and rounds are the same at all tables.
        self._weight, self._rounds = 0.0, 0
        self.weight: Tensor | None = None
        self.rounds: Tensor | None = None
        self.payoff = self._zeros.clone()
        self.cooperation = self._zeros.clone()
        self.mutual = self._zeros[:, :1].clone()
        self._decided: Tensor | None = None
        """Weights of the rounds in which cooperation counts, where those aren't all."""
        self.measures: dict[str, Tensor] = {}

    def record(self, played: PlayedRound) -> None:
        self.add(played.step, played.before.playing, played.weight)

    def add(self, step: Step, playing: Tensor | None, weight: float) -> None:
        """Add a round of this weight; `playing` are the seats that took part (None: all)."""
        cooperation, mutual = step.cooperation, step.mutual
        if playing is None:
            self._weight += weight
            self._rounds += 1
        else:
            cooperation = None if cooperation is None else cooperation * playing
            mutual = None if mutual is None else mutual * playing.all(1, keepdim=True)
            self.weight = (self._zeros if self.weight is None else self.weight).add(playing, alpha=weight)
            self.rounds = (self._zeros if self.rounds is None else self.rounds) + playing
        if step.decided is not None:
            decided = step.decided if playing is None else step.decided & playing
            cooperation = None if cooperation is None else cooperation * decided
            self._decided = (self._zeros if self._decided is None else self._decided).add(decided, alpha=weight)
        self.payoff.add_(step.reward, alpha=weight)
        for total, value in ((self.cooperation, cooperation), (self.mutual, mutual)):
            if value is None:
                total.fill_(torch.nan)
            else:
                total.add_(value, alpha=weight)
        known = [name for name in step.measures if name in self.measures]
        if known:
            sums, values = ([named[name] for name in known] for named in (self.measures, step.measures))
            torch._foreach_add_(sums, values, alpha=weight)
        self.measures |= {
            name: value * weight for name, value in step.measures.items() if name not in self.measures
        }

    def sums(self) -> dict[str, Tensor]:
        """All sums by name [match, seat, table]."""
        steady_weight, steady_rounds = self._zeros + self._weight, self._zeros + self._rounds
        weight = steady_weight if self.weight is None else self.weight + steady_weight
        cooperation = self.cooperation
        if self._decided is not None:  # readers divide by the weight of all rounds
            cooperation = cooperation / self._decided * weight
        return {
            "weight": weight,
            "rounds": steady_rounds if self.rounds is None else self.rounds + steady_rounds,
            "payoff": self.payoff,
            "cooperation": cooperation,
            "mutual": self.mutual.expand_as(self._zeros),
        }

    def means(self) -> dict[str, Tensor]:
        """Payoff, cooperation and measures per round, mean over tables [match, seat]."""
        sums = self.sums()
        weight = sums["weight"].sum(2)
        named = {"payoff": sums["payoff"], "cooperation": sums["cooperation"], **self.measures}
        return {name: value.sum(2) / weight for name, value in named.items()}


class Curve:
    """The learning curve: a point for each episode, or for each round."""

    def __init__(self, shape: tuple[int, int, int], device: torch.device, *, by_round: bool):
        self._shape, self._device, self._by_round = shape, device, by_round
        self._now = Tally(shape, device)
        self.points: list[dict[str, Tensor]] = []
        """Means over tables [match, seat], by name."""

    def record(self, played: PlayedRound) -> None:
        self._now.add(played.step, played.before.playing, 1.0 if self._by_round else played.weight)

    def means(self) -> dict[str, Tensor]:
        """The means of the current point so far."""
        return self._now.means()

    def close(self, point: dict[str, Tensor]) -> None:
        """End the current point with these values, and begin another."""
        self.points.append(point)
        self._now = Tally(self._shape, self._device)

    def columns(self) -> Mapping[str, Tensor]:
        """[point, match, seat], by the names of the last point."""
        last = self.points[-1] if self.points else {}
        return {name: torch.stack([point[name] for point in self.points]) for name in last}


class Selections:
    """How often each seat chose to meet each other, where seats choose."""

    def __init__(self) -> None:
        self.count: Tensor | None = None
        """Over rounds and tables, float64 [match, chooser, chosen]; None where nobody chose."""

    def record(self, played: PlayedRound) -> None:
        chosen = played.step.chosen
        if chosen is None:
            return
        if self.count is None:
            matches, seats, _ = chosen.shape
            self.count = torch.zeros((matches, seats, seats), dtype=torch.float64, device=chosen.device)
        playing = played.before.playing
        took_part = torch.ones_like(chosen) if playing is None else playing
        self.count = self.count.scatter_add(2, chosen, took_part.double())


class Rounds:
    """Rounds played by a table, averaged over chairs and tables."""

    def __init__(self) -> None:
        self._played: float | Tensor = 0.0

    def record(self, played: PlayedRound) -> None:
        playing = played.before.playing
        self._played = self._played + (1 if playing is None else playing.double().mean())

    @property
    def played(self) -> float:
        return float(self._played)
