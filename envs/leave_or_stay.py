"""A repeated game of two that either side may leave: whoever is free meets somebody new, or stays alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from .chance import Chance, Purpose
from .environment import Environment, Probability, Rounds, SelectiveMove, State, Step
from .spatial_dilemma import Payoff, Payoffs

NOBODY = 2
"""What a player without a partner sees in the place of its partner's move."""


class LeaveOrStay(Environment):
    """Players in pairs play a symmetric two-player game; before each round either side may leave its partner.

    An action is a move, 0 for C and 1 for D, and whether it refuses its partner:
        move + 2 * (1 if it leaves, else 0)
    A pair plays a round if both stay. If one leaves, both are alone in this round and earn `alone`, as does
    whoever has no partner. With `after_leaving` "rematched", all who are alone at the end of a round are paired at
    random, and play together from the next round on; of an odd number one stays alone. With "alone" they stay so
    to the end. At the start all are paired at random.

    A player sees [whether it has a partner, its last move, its partner's last move, n / (n + 1)] after n rounds
    with that partner, float32, zeros before the first; not who it is. What it sees the others do is its partner's
    move, or 2 in rounds alone. Cooperation is C in a round that was played. Measures: `played`, `alone`;
    partnerships by the rounds that they lasted (`ended`, `ended_rounds`, `lasted_0`, ... `lasted_8`), and
    cooperation by age (`first_rounds`, `first_cooperations`, ...). The rules in full: docs/environments.md.
    """

    source: ClassVar[str] = "Schuessler 1989; Hayashi 1993 (OUT-for-TAT); Fujiwara-Greve and Okuno-Fujiwara 2009"
    shares: ClassVar[Mapping[str, tuple[str, str]]] = {
        "cooperation_with_partners": ("cooperations", "played"),
        "cooperation_in_first_rounds": ("first_cooperations", "first_rounds"),
        "cooperation_in_second_rounds": ("second_cooperations", "second_rounds"),
        "cooperation_in_third_rounds": ("third_cooperations", "third_rounds"),
        "cooperation_in_later_rounds": ("later_cooperations", "later_rounds"),
        "share_lasted_0": ("lasted_0", "ended"),
        "share_lasted_1": ("lasted_1", "ended"),
        "share_lasted_2": ("lasted_2", "ended"),
        "share_lasted_3_to_7": ("lasted_3_to_7", "ended"),
        "share_lasted_8": ("lasted_8", "ended"),
    }

    rounds: Rounds = Field(100, description="rounds of a match, or the most there can be with `continuation`")
    players: int = Field(8, ge=2, le=1000, description="how many play")
    payoffs: Payoffs = Field((3.0, 0.0, 5.0, 1.0), description="[R, S, T, P], after CC, CD, DC, DD")
    alone: Payoff = Field(0.0, description="payoff of a round without a partner")
    after_leaving: Literal["rematched", "alone"] = Field(
        "rematched", description="whether those who are alone meet somebody new for the next round, or stay alone"
    )
    noise: Probability = Field(0.0, description="probability that a player does the other move than it chose")

    @property
    def seats(self) -> int:
        return self.players

    @property
    def neighbours(self) -> Tensor:
        # One each: its partner, whoever that is. `Step.seen` tells what it did; the next seat stands for it here.
        return (torch.arange(self.seats)[:, None] + 1) % self.seats

    @property
    def grants(self) -> frozenset[str]:
        return super().grants - {"others_rewards"}  # nobody sees who earns what elsewhere

    @property
    def extremes(self) -> tuple[float, float]:
        every = (*self.payoffs, self.alone)
        return min(every), max(every)

    def actions(self, seat: int) -> SelectiveMove:
        return SelectiveMove.among(1)

    def observation(self, seat: int) -> tuple[int, ...]:
        return (4,)

    def begin(self, matches: int, tables: int, chance: Chance, episode: int) -> State:
        lots = chance.parts(self.seats).bits(Purpose.START, episode, 0)
        partner = paired(torch.ones_like(lots, dtype=torch.bool), lots)
        nothing = torch.zeros_like(partner)
        return self._state(State(episode, 0), partner, nothing, nothing, nothing)

    def play(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        partner, age = state.tensors["partner"], state.tensors["age"]
        leaves, move = action >> 1, action & 1
        if self.noise:
            move = move ^ chance.parts(self.seats).happens(self.noise, Purpose.NOISE, state.episode, state.round)
        has_partner, who = partner >= 0, partner.clamp(min=0)
        theirs = move.gather(1, who)
        plays = has_partner & (leaves + leaves.gather(1, who) == 0)
        payoffs = torch.tensor(self.payoffs, dtype=torch.float64, device=action.device)
        reward = torch.where(plays, payoffs[move * 2 + theirs], self.alone)
        cooperation = plays & (move == 0)
        measures = self._measures(plays, has_partner & ~plays, cooperation, age)

        partner = partner.masked_fill(~plays, -1)
        if self.after_leaving == "rematched":
            lots = chance.parts(self.seats).bits(Purpose.SELECTION, state.episode, state.round)
            partner = torch.where(plays, partner, paired(~plays, lots))
        after = self._state(state, partner, (age + 1) * plays, move * plays, theirs * plays)
        seen = torch.where(plays, theirs, NOBODY)[:, :, None]
        mutual = cooperation.all(1, keepdim=True)
        return after, Step(move + 2 * leaves, reward, seen, cooperation, mutual, measures)

    def _state(self, state: State, partner: Tensor, age: Tensor, own: Tensor, theirs: Tensor) -> State:
        known = torch.stack((partner >= 0, own, theirs, age / (age + 1)), -1).float()
        return State(state.episode, state.round, state.playing, {"partner": partner, "age": age}, known)

    def _measures(self, plays: Tensor, ends: Tensor, cooperates: Tensor, age: Tensor) -> Mapping[str, Tensor]:
        found = {
            "played": plays,
            "alone": ~plays,
            "cooperations": cooperates,
            "ended": ends,
            "ended_rounds": ends * age,
            "lasted_0": ends & (age == 0),
            "lasted_1": ends & (age == 1),
            "lasted_2": ends & (age == 2),
            "lasted_3_to_7": ends & (age >= 3) & (age < 8),
            "lasted_8": ends & (age >= 8),
        }
        ages = {"first": age == 0, "second": age == 1, "third": age == 2, "later": age >= 3}
        for name, which in ages.items():
            found |= {f"{name}_rounds": plays & which, f"{name}_cooperations": cooperates & which}
        return {name: value.double() for name, value in found.items()}


def paired(free: Tensor, lots: Tensor) -> Tensor:
    """The partner of each seat, int64 [match, seat, table], if those who are `free` are paired at random.

    -1 where a seat is not free, and for one of an odd number. `lots` are 64 random bits [match, seat, table].
    """
    order = torch.where(free, lots >> 1, 2**63 - 1).argsort(1)  # the free seats come first, in any order
    rank = torch.arange(free.shape[1], device=free.device)[None, :, None]
    beside, count = rank ^ 1, free.sum(1, keepdim=True)
    met = order.gather(1, beside.clamp(max=free.shape[1] - 1).expand_as(order))
    met = torch.where((rank < count) & (beside < count), met, -1)
    return torch.empty_like(order).scatter_(1, order, met)
