"""A common pool that a mechanism shares out, and that lives on what players give back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from .chance import Chance
from .environment import Box, Discrete, Environment, State, Step

Stock = Annotated[float, Field(gt=0, allow_inf_nan=False)]
DEPLETED = 1.0
"""A pool of less than this is depleted."""


class CommonPoolTrust(Environment):
    """A trust game of many rounds: a mechanism hands out a common pool, and what players return to it grows.

    In round t the mechanism allocates e_i of the pool R to each player i, with e_1 + ... + e_N <= R, in the first
    round R / N. The player returns c_i of it, 0 <= c_i <= e_i, and keeps the rest as its reward. Then
        R <- min(capacity, R - sum e_i + (1 + growth) sum c_i),    and no less than `floor`.
    The mechanism's reward is the mean of the players': welfare is its aim.

    A round has two moves: the mechanism's (but for the first round), and the players', who see what they got.
    Who does not move does nothing, whatever it chooses, and rewards and measures are per round.

    The mechanism sits on the last seat. Its action is the share of the pool for each player [N], and the rest
    stays in the pool; shares that add up to more than 1 are scaled down to 1. A player's action is the share of
    its allocation that it returns; with `levels`, one of so many: 0 is all of it, `levels` - 1 nothing.

    Observations are float32 [2 + 2 N]: whether players move now, the pool, the last allocation of each player, and
    what each returned last, all as shares of the capacity. A player sees itself first, then the next seat, and so
    on around; the mechanism sees players by seat. Neighbours of a player are the other players, those of the
    mechanism all players. Measures, of the mechanism means over players: `allocated`, `returned`; `excluded`, how
    often a player got less than a unit of a pool that had one for each; `surplus`, the mean of what players keep;
    `gini` of what each kept over the episode; `pool` after the round, `final_pool` after the last; `alive`, the
    share of rounds before the pool fell below 1, and `survived`, whether the last pool is above 1.
    """

    source: ClassVar[str] = "Koster et al. 2025"
    shares: ClassVar[Mapping[str, tuple[str, str]]] = {"return_rate": ("returned", "allocated")}

    rounds: int = Field(
        40, ge=1, description="rounds of an episode, each of the mechanism's move and the players'"
    )
    players: int = Field(4, ge=2, le=64, description="how many share the pool, beside the mechanism")
    capacity: Stock = Field(200.0, description="the most that the pool holds")
    start: Stock | None = Field(None, description="the pool at the start; by default the capacity")
    growth: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        0.4, description="what a unit that is returned adds to the pool, beside itself"
    )
    floor: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        0.0, description="the least that the pool holds"
    )
    whole_units: bool = Field(
        False, description="whether only whole units are allocated (rounded down) and returned (to the nearest)"
    )
    levels: Annotated[int, Field(ge=2)] | None = Field(
        None, description="how many shares players choose among, from all to nothing; by default any share"
    )

    @model_validator(mode="after")
    def _within_capacity(self) -> Self:
        for name, value in (("start", self.start or 0.0), ("floor", self.floor)):
            if value > self.capacity:
                raise ValueError(f"{name}: found {value:g}; allowed are at most the capacity, {self.capacity:g}")
        return self

    @property
    def seats(self) -> int:
        return self.players + 1

    @property
    def horizon(self) -> int:
        """Moves: the first round has no move of the mechanism."""
        return 2 * self.rounds - 1

    def weight(self, round: int) -> float:
        """That of the players' moves: 0 while the mechanism allocates."""
        return 0.0 if allocates(round) else self.discount ** (round // 2)

    @property
    def roles(self) -> tuple[str, ...]:
        return ("player",) * self.players + ("mechanism",)

    @property
    def neighbours(self) -> Tensor:
        return _neighbours(self.players)

    @property
    def extremes(self) -> tuple[float, float]:
        return 0.0, self.capacity

    @property
    def first_pool(self) -> float:
        """The pool at the start."""
        return self.capacity if self.start is None else self.start

    @property
    def optimum(self) -> float:
        """The largest mean reward of a player in a round, without discount and without a random end.

        The pool is filled as fast as it grows, then held at capacity, and in the last round all is kept.
        """
        pool, kept = self.first_pool, 0.0
        for _ in range(self.rounds - 1):
            returned = min(pool, self.capacity / (1 + self.growth))
            kept += pool - returned
            pool = returned * (1 + self.growth)
        return (kept + pool) / (self.players * self.rounds)

    def actions(self, seat: int) -> Discrete | Box:
        if seat == self.players:
            return Box(0.0, 1.0, (self.players,))
        return Box(0.0, 1.0) if self.levels is None else Discrete(self.levels)

    def observation(self, seat: int) -> tuple[int, ...]:
        return (2 + 2 * self.players,)

    def begin(self, matches: int, tables: int, chance: Chance, episode: int) -> State:
        nothing = torch.zeros((matches, self.players, tables), dtype=torch.float64, device=chance.keys.device)
        pool = nothing[:, :1] + self.first_pool
        given = (pool / self.players).expand_as(nothing)
        if self.whole_units:
            given = given.floor()
        now = {"pool": pool, "allocated": given, "returned": nothing, "kept": nothing, "alive": nothing[:, :1]}
        return self._seen(State(episode, 0), now, allocating=False)

    def play(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        if allocates(state.round):
            return self._allocate(state, action)
        return self._return(state, action, chance)

    def ends_by_chance(self, state: State, chance: Chance) -> Tensor:
        """Only after the players' move."""
        return super().ends_by_chance(state, chance) & (not allocates(state.round))

    def _allocate(self, state: State, action: Tensor) -> tuple[State, Step]:
        """The mechanism's move."""
        executed = torch.zeros_like(action)
        executed[:, -1] = action[:, -1]
        shares = action[:, -1].mT  # [match, player, table]
        given = state.tensors["pool"] / shares.sum(1, keepdim=True).clamp_(min=1) * shares
        if self.whole_units:
            given = given.floor()
        reward = given.new_zeros((len(given), self.seats, given.shape[2]))
        after = self._seen(state, {**state.tensors, "allocated": given}, allocating=False)
        return after, Step(executed, reward)

    def _return(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        """The players' move."""
        executed = torch.zeros_like(action)
        executed[:, :-1] = action[:, :-1]
        share = action[:, :-1, :, 0]
        if self.levels is not None:
            share = 1 - share / (self.levels - 1)
        now = state.tensors
        pool, given = now["pool"], now["allocated"]
        returned = share * given
        if self.whole_units:
            returned = (returned + 0.5).floor()
        kept = given - returned
        total = given.sum(1, keepdim=True)
        # Given out in full, nothing stays: rounding must not leave less.
        staying = (pool - total).clamp_(min=0)
        left = staying + (1 + self.growth) * returned.sum(1, keepdim=True)
        left = left.clamp(self.floor, self.capacity)
        so_far, begun = now["kept"] + kept, state.round // 2
        # The rounds before the first in which the pool is depleted.
        alive = torch.where((left >= DEPLETED) & (now["alive"] == begun), now["alive"] + 1, now["alive"])
        surplus = kept.mean(1, keepdim=True)
        measures = {
            "allocated": _with_mean(given),
            "returned": _with_mean(returned),
            "excluded": _with_mean(((given < 1) & (pool >= self.players)).double()),
            "surplus": surplus,
            "pool": left,
            "alive": (alive > begun).double(),
            **self._at_the_end(state, chance, so_far, left),
        }
        everybody = (len(kept), self.seats, kept.shape[2])
        measures = {name: value.expand(everybody) for name, value in measures.items()}
        following = {"pool": left, "allocated": given, "returned": returned, "kept": so_far, "alive": alive}
        after = self._seen(state, following, allocating=True)
        return after, Step(executed, torch.cat((kept, surplus), 1), measures=measures)

    def _at_the_end(self, state: State, chance: Chance, kept: Tensor, pool: Tensor) -> dict[str, Tensor]:
        """What is known of an episode after its last round [match, 1, table], 0 before.

        It is multiplied by the number of rounds, so that the mean over rounds is the episode's.
        """
        last = state.round == self.horizon - 1
        if not last and self.continuation == 1:
            nothing = pool.new_zeros(1, 1, 1)
            return {"gini": nothing, "survived": nothing, "final_pool": nothing}
        whole = kept.new_full((1, 1, 1), self.played(state.round // 2 + 1))
        if not last:
            whole = whole * self.ends_by_chance(state, chance)[:, None]
        return {"gini": gini(kept) * whole, "survived": (pool > DEPLETED) * whole, "final_pool": pool * whole}

    def played(self, rounds: int) -> float:
        """So many rounds by their weight, over the weight of the last of them."""
        return sum(self.discount**before for before in range(rounds)) / self.discount ** (rounds - 1)

    def _seen(self, state: State, now: dict[str, Tensor], *, allocating: bool) -> State:
        """The state with what seats see; `allocating` is whether the mechanism moves next."""
        given, returned = (now[name].float() / self.capacity for name in ("allocated", "returned"))
        matches, players, tables = given.shape
        seen = given.new_empty((matches, self.seats, 2 + 2 * players, tables))
        seen[:, :, 0] = not allocating
        seen[:, :, 1] = now["pool"].float() / self.capacity
        order = _around(players).to(given.device)
        for first, values in ((2, given), (2 + players, returned)):
            seen[:, :, first : first + players] = values[:, order]
        mask = None
        if self.levels is not None:
            allowed = torch.ones(self.levels, dtype=torch.bool, device=given.device)
            if allocating:
                allowed[1:] = False
            mask = allowed.expand(matches, self.seats, tables, -1)
        return replace(state, tensors=now, observation=seen.mT, action_mask=mask)


def allocates(move: int) -> bool:
    """Whether a move, counted from 0, is the mechanism's."""
    return move % 2 == 1


def gini(incomes: Tensor) -> Tensor:
    """The Gini coefficient of a population's incomes [match, 1, table], from [match, player, table].

    sum_i sum_j |x_i - x_j| / (2 N sum_i x_i),    at most 1 - 1 / N; 0 where nobody has anything
    """
    count, ordered = incomes.shape[1], incomes.sort(1).values
    rank = torch.arange(1 - count, count, 2, dtype=incomes.dtype, device=incomes.device)[:, None]
    total = incomes.sum(1, keepdim=True)
    return (ordered * rank).sum(1, keepdim=True) / (count * total).masked_fill(total == 0, 1.0)


def _with_mean(values: Tensor) -> Tensor:
    """Values of players [match, player, table], and their mean for the mechanism."""
    return torch.cat((values, values.mean(1, keepdim=True)), 1)


@lru_cache(maxsize=64)
def _around(players: int) -> Tensor:
    """Which player each seat sees at each place [seat, place]: itself first; the mechanism sees them by seat."""
    with torch.inference_mode(False):  # cached tensors must also serve learners
        place = torch.arange(players)[None]
        return torch.cat(((place.T + place) % players, place))


@lru_cache(maxsize=64)
def _neighbours(players: int) -> Tensor:
    """The other players of each, the next seat first, and of the mechanism all [seat, neighbour]."""
    with torch.inference_mode(False):
        around = torch.cat((_around(players)[:-1, 1:], torch.full((players, 1), -1)), 1)
        return torch.cat((around, torch.arange(players)[None]))
