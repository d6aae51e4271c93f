"""Public goods with punishment: first all contribute, then all see who did, and may pay to fine others."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from .chance import Chance
from .environment import Discrete, Environment, State, Step
from .public_goods import Amount


class PublicGoodsWithPunishment(Environment):
    """A public goods game in periods of two rounds, contributing and punishing.

    In the first round of a period a player that contributes c_i of its endowment earns
        endowment - c_i + multiplier / N * (c_1 + ... + c_N).
    In the second it assigns p_ij points to each other player j, and earns
        - fee * (points it assigned) - fine * (points it received).
    So a payoff per round is half of a period's income.

    Actions: in a contribution round 0 is all of the endowment and `levels` - 1 nothing. In a punishment round
    the digits in base `points` + 1 are the points for the next seat, the one after it and so on; 0 punishes no
    player. The mask says which round it is. Observations are float32 [3 N]: which round it is, the shares
    contributed, the points received, and those from each other player. Cooperation is the share contributed,
    counted in both rounds. Measures: `contribution`; `punishes` and `punished`, points; `perverse`, points to
    players that contributed at least as much; `efficiency`, earnings over those if all contribute everything.
    The rules in full: docs/environments.md.
    """

    source: ClassVar[str] = "Fehr and Gächter 2000; a fee of 1 and a fine of 3 a point as in Fehr and Gächter 2002"

    rounds: Annotated[int, Field(ge=2, multiple_of=2)] = Field(
        20, description="rounds of an episode, two for each period"
    )
    players: int = Field(4, ge=2, le=8, description="how many play")
    endowment: Amount = Field(20.0, description="endowment of each player in a period")
    multiplier: Amount = Field(1.6, description="factor by which the pot is multiplied before it is shared")
    levels: int = Field(2, ge=2, description="number of possible contributions, from all to nothing")
    points: int = Field(1, ge=1, le=10, description="largest number of points for each other player")
    fee: float = Field(1.0, ge=0, description="cost of a point for the player that assigns it")
    fine: float = Field(3.0, ge=0, description="cost of a point for the player that receives it")

    @model_validator(mode="after")
    def _countable(self) -> Self:
        if self.actions(0).n > 4096:
            raise ValueError(f"points: {self.actions(0).n} ways to punish are too many, at most 4096")
        return self

    @property
    def seats(self) -> int:
        return self.players

    @property
    def optimum(self) -> float:
        """The largest mean payoff of a player in a period."""
        return self.endowment * max(1.0, self.multiplier)

    def actions(self, seat: int) -> Discrete:
        return Discrete(max(self.levels, (self.points + 1) ** (self.players - 1)))

    def observation(self, seat: int) -> tuple[int, ...]:
        return (3 * self.players,)

    def begin(self, matches: int, tables: int, chance: Chance, episode: int) -> State:
        device = chance.keys.device
        shape = (matches, self.seats, tables)
        given = torch.zeros(shape, dtype=torch.int64, device=device)
        got = torch.zeros((matches, self.seats, self.seats - 1, tables), dtype=torch.int64, device=device)
        return self._with_observation(State(episode, 0), {"given": given, "got": got}, punishing=False)

    def play(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        assert state.action_mask is not None
        executed = action * state.action_mask.gather(-1, action[..., None])[..., 0]
        now = dict(state.tensors)
        none = torch.zeros_like(executed)
        punishes, punished, perverse = none, none, none
        if state.round % 2 == 0:
            now["given"] = self.levels - 1 - executed
            given = self._share(now["given"])
            reward = self.endowment * (1 - given + self.multiplier * given.mean(1, keepdim=True))
        else:
            given = self._share(now["given"])
            digits = [
                (executed // (self.points + 1) ** ahead) % (self.points + 1) for ahead in range(self.seats - 1)
            ]
            assigned = torch.stack(digits, 2)  # [match, seat, ahead, table]
            got = [digit.roll(ahead, 1) for ahead, digit in enumerate(digits, 1)]
            now["got"] = torch.stack(got[::-1], 2)  # by the next seat first
            punishes, punished = assigned.sum(2), torch.stack(got).sum(0)
            theirs = torch.stack([given.roll(-ahead, 1) for ahead in range(1, self.seats)], 2)
            perverse = (assigned * (theirs >= given[:, :, None])).sum(2)
            reward = -self.fee * punishes.double() - self.fine * punished
        measures = {
            "contribution": given,
            "punishes": punishes.double(),
            "punished": punished.double(),
            "perverse": perverse.double(),
            "efficiency": (reward.mean(1, keepdim=True) * 2 / self.optimum).expand_as(reward),
        }
        after = self._with_observation(state, now, punishing=state.round % 2 == 0)
        return after, Step(
            executed, reward, cooperation=given, mutual=given.amin(1, keepdim=True), measures=measures
        )

    def ends_by_chance(self, state: State, chance: Chance) -> Tensor:
        """Only after a punishment round: a period is never cut in two."""
        return super().ends_by_chance(state, chance) & (state.round % 2 == 1)

    def _share(self, given: Tensor) -> Tensor:
        """Steps of the endowment as a share of it."""
        return given.double() / (self.levels - 1)

    def _with_observation(self, state: State, now: dict[str, Tensor], punishing: bool) -> State:
        """The state with what players see and may do; `punishing` is whether a punishment round comes next."""
        given, got = self._share(now["given"]).float(), now["got"].float()
        around = [given.roll(-ahead, 1) for ahead in range(self.seats)]
        total = got.sum(2)
        received = [total.roll(-ahead, 1) for ahead in range(self.seats)]
        parts = [torch.full_like(given, punishing), *around, *received, *got.unbind(2)]
        ways = (self.points + 1) ** (self.seats - 1) if punishing else self.levels
        allowed = torch.arange(self.actions(0).n, device=given.device) < ways
        mask = allowed.expand(*given.shape, -1)
        return replace(state, tensors=now, observation=torch.stack(parts, -1), action_mask=mask)
