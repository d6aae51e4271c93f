"""Whom to trust and whom to punish: members choose partners, play, punish, and are judged by what they did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ..board import uniform_below
from ..chance import Chance, Purpose
from ..environment import Discrete, Environment, MoveOrPartner, Probability, State, Step
from ..graphs import AsEdges, GraphKind, OwnEdges
from ..spatial_dilemma import Links, Payoffs, links
from .norms import BAD, GOOD, NORMS, Norm
from .turns import Stage, Turn, turns
from .variants import VARIANTS, Variant
from .view import View

Amount = Annotated[float, Field(allow_inf_nan=False)]
Shown = Annotated[tuple[Literal["moves", "last_moves", "reputations"], ...], Field(strict=False)]
Listed = Annotated[tuple[Literal["moves", "reputations"], ...], Field(strict=False)]

UNKNOWN = 2
"""No move yet."""
CHOICE, THIRD_PARTIES, ERRORS, ORDER = range(4)
"""The parts of the environment's chance: partners, third parties, errors of assessment, who takes which turn."""


class ReputationDilemma(Environment):
    """A population whose members pair up, play, punish each other, and are known for what they did.

    An episode is a number of encounters. In each every member i picks a partner, or gets one by lot, and so there
    is a dyad for each member; who is picked often is in many. Every dyad plays `rounds` rounds of a game. Each
    round goes in turns, a few dyads at a time, so that a member has one thing to decide at once:
        select    whom to pick: the number of a neighbour (only at the start of an encounter)
        play      0 cooperate, 1 defect
        punish    1 punish, 0 not: the other of the own dyad (direct), or a player of another one (third party,
                  drawn by lot among the other neighbours of each player)
        assess    0 good, 1 bad: a third party says what is to be thought of a player
    Who has nothing to decide waits; the mask says so. A dyad's two moves are made in the same turn.

    A punishment costs its victim `fine` and pays the punisher `just` after a defection, `unjust` after
    cooperation. Reputations start anew in each episode, at 0, and add up, for play +1 (C) or -1 (D), for
    punishing +2 (just) or -3 (unjust); they are shown in units of `rounds`. By a norm, or assigned by third
    parties, they are +1 (good) or -1 (bad), and good at first. They change at the end of a round.

    In the centipede a dyad's members move by turns, in every round one: to go on costs `centipede`[0] and gives
    the other `centipede`[1]; to stop ends the dyad's game. Only who moved can be punished.

    Observations are described by `view`. Cooperation counts moves alone. A payoff per round is a mean over all
    turns, waiting included; the measures `gross` (of the game alone) and `net` are per round of the game, in
    which a member is in two dyads on average. The rules in full: docs/environments.md.
    """

    source: ClassVar[str] = "Dasgupta and Musolesi 2025; Anastassacos et al. 2020; Anastassacos et al. 2021"
    shares: ClassVar[Mapping[str, tuple[str, str]]] = {
        "just_punishment": ("just", "defections_judged"),
        "unjust_punishment": ("unjust", "cooperations_judged"),
        "cooperators_meet_cooperators": ("mutual_cooperation", "cooperates_as_chooser"),
        "defectors_meet_cooperators": ("exploitation", "defects_as_chooser"),
    }

    rounds: Annotated[int, Field(ge=1, le=1000)] = Field(10, description="rounds of the game in an encounter")
    variant: Variant | None = Field(
        None, description="published settings, on top of which go those given beside it"
    )
    encounters: int = Field(10, ge=1, le=10_000, description="encounters of an episode")
    population: int = Field(5, description="members, who can all meet each other; without `graph`")
    graph: Annotated[GraphKind | None, AsEdges] = Field(
        None, description="whom members can meet: a `kind` (connected_caveman, ring, lattice, ...) with parameters"
    )
    draw: int = Field(0, ge=0, description="which one, of graphs that are drawn by chance")
    game: Literal["matrix", "centipede"] = Field("matrix", description="what dyads play")
    payoffs: Payoffs = Field((3.0, 0.0, 4.0, 1.0), description="[R, S, T, P] of a round, after CC, CD, DC, DD")
    centipede: Annotated[tuple[Amount, Amount], Field(strict=False)] = Field(
        (1.0, 5.0), description="what going on costs, and what it gives the other"
    )
    partners: Literal["random", "chosen"] = Field("random", description="whether members choose whom to meet")
    punishment: Literal["none", "direct", "third_party", "both"] = Field(
        "direct", description="who may punish a player: the other, drawn third parties, or both"
    )
    fine: Amount = Field(3.0, description="what a punishment costs its victim")
    just: Amount = Field(2.0, description="what it pays to punish a defection; below 0 it costs")
    unjust: Amount = Field(-10.0, description="what it pays to punish cooperation")
    reputation: Literal["none", "play", "punishment", "both", "norm", "assigned"] = Field(
        "both", description="what reputations are made of"
    )
    opinions: Literal["public", "individual"] = Field(
        "public", description="whether all know of everything, or each only of what was done to it"
    )
    norm: Norm = Field("stern_judging", description='by what deeds are judged, with reputation = "norm"')
    assessment_error: Probability = Field(0.0, description="probability that good is taken for bad or the reverse")
    noise: Probability = Field(0.0, description="probability that the other move is made than the chosen one")
    selection_shows: Listed = Field(
        ("reputations",), description="what is seen of all neighbours: reputations, moves (the last with anybody)"
    )
    play_shows: Shown = Field(
        ("moves",), description="moves (last in this dyad), last_moves (the other's with anybody), reputations"
    )
    punishment_shows: Listed = Field(("moves",), description="what is seen of a dyad: moves, reputations")

    @model_validator(mode="before")
    @classmethod
    def _of_a_variant(cls, given: object) -> object:
        if isinstance(given, Mapping) and given.get("variant") in VARIANTS:
            return {**VARIANTS[given["variant"]], **given}
        return given

    @model_validator(mode="after")
    def _has_somebody_for_every_turn(self) -> Self:
        if self.graph is None and self.population < 2:
            raise ValueError("a population of 2 or more")
        if self.graph is None and self.population > 200:
            raise ValueError("a population of at most 200, or a graph")
        least, seat = self.links.degree.min(0)
        for wanted, why in (
            (self.punishment in ("third_party", "both"), "punishment by third parties"),
            (self.reputation == "assigned", "reputations assigned by third parties"),
        ):
            if wanted and least < 2:
                raise ValueError(
                    f"{why} with a third member beside every dyad; member {int(seat)} has one neighbour alone"
                )
        if self.reputation in ("norm", "assigned") and self.opinions == "individual":
            raise ValueError(f'opinions = "public" with reputation = "{self.reputation}"')
        if self.reputation == "norm" and self.game != "matrix":
            raise ValueError('game = "matrix" with a norm, which judges moves of both')
        if self.reputation == "punishment" and self.punishment == "none":
            raise ValueError("reputations from punishing only where somebody punishes")
        return self

    @property
    def links(self) -> Links:
        """Who can meet whom."""
        return links(_complete(self.population) if self.graph is None else self.graph, self.draw)

    @property
    def seats(self) -> int:
        return len(self.links.neighbours)

    @property
    def neighbours(self) -> Tensor | None:
        return None if self.graph is None else self.links.neighbours

    @property
    def third_parties(self) -> bool:
        """Whether third parties are drawn."""
        return self.punishment in ("third_party", "both") or self.reputation == "assigned"

    @property
    def view(self) -> View:
        """Where each part of an observation stands."""
        chosen, shown = self.partners == "chosen", self.selection_shows
        return View(self.links.neighbours.shape[1], chosen and "reputations" in shown, chosen and "moves" in shown)

    def turns(self, device: torch.device) -> tuple[Turn, ...]:
        """The turns of an encounter."""
        return turns(
            self.links,
            self.rounds,
            self.partners == "chosen",
            self.punishment in ("direct", "both"),
            self.punishment in ("third_party", "both"),
            self.reputation == "assigned",
            device,
        )

    @property
    def horizon(self) -> int:
        return len(self.turns(torch.device("cpu"))) * self.encounters

    @property
    def extremes(self) -> tuple[float, float]:
        cost, gift = self.centipede
        paid = self.payoffs if self.game == "matrix" else (-cost, gift, 0.0)
        sanctions = [judged + fined for judged in (0.0, self.just, self.unjust) for fined in (0.0, -self.fine)] * (
            self.punishment != "none"
        )
        return min(0.0, *paid, *sanctions), max(0.0, *paid, *sanctions)

    def actions(self, seat: int) -> Discrete:
        most = self.links.neighbours.shape[1] if self.partners == "chosen" else 0
        return MoveOrPartner(max(2, most), 2)

    def observation(self, seat: int) -> tuple[int, ...]:
        return (self.view.size,)

    def begin(self, matches: int, tables: int, chance: Chance, episode: int) -> State:
        device, seats = chance.keys.device, self.seats
        holders = seats if self.opinions == "individual" else 1
        first = GOOD if self.reputation in ("norm", "assigned") else 0.0
        did = torch.full((matches, 2 * seats, tables), UNKNOWN, dtype=torch.int64, device=device)
        opinions = torch.full((matches, holders * seats, tables), first, dtype=torch.float64, device=device)
        now = {
            "did": did,
            "opinions": opinions,
            "next_opinions": opinions,
            "last": did[:, :seats],
            "next_last": did[:, :seats],
            "stopped": torch.zeros((matches, seats, tables), dtype=torch.bool, device=device),
            "lots": self._lots(State(episode, 0), chance),
            **self._dyads(State(episode, 0), chance),
        }
        return self._shown(State(episode, 0), now)

    def play(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        assert state.action_mask is not None
        programme = self.turns(action.device)
        turn = programme[state.round % len(programme)]
        action = action * state.action_mask.gather(-1, action[..., None])[..., 0]
        asked = state.action_mask[..., 1:].any(-1)
        now = dict(state.tensors)
        if turn.stage == Stage.SELECT:
            here = self.links.to(action.device)
            picked = here.neighbours.expand(len(action), -1, -1).gather(2, action)
            now["partner"] = picked.gather(1, now["chooser"])
            step = Step(action, torch.zeros_like(now["opinions"][:, :1]).expand(action.shape), chosen=picked)
        elif turn.stage == Stage.PLAY:
            if self.noise:
                flips = chance.parts(self.seats).happens(self.noise, Purpose.NOISE, state.episode, state.round)
                action = torch.where(asked & flips, 1 - action, action)
            step = self._played(state, turn, now, action, asked, chance)
        elif turn.stage == Stage.PUNISH:
            step = self._punished(turn, now, action, asked)
        else:
            step = self._assessed(state, turn, now, action, chance)
        if turn.closes:
            now |= {"opinions": now["next_opinions"], "last": now["next_last"]}
            now["lots"] = self._lots(state, chance)
        if (state.round + 1) % len(programme) == 0:
            now["did"] = torch.full_like(now["did"], UNKNOWN)
            now["stopped"] = torch.zeros_like(now["stopped"])
            now |= self._dyads(state, chance)
        measures = {"net": step.reward * self._per_round, **step.measures}
        if turn.closes:
            measures |= self._standing(now["opinions"].view(len(action), -1, *action.shape[1:]))
        decided = asked if turn.stage == Stage.PLAY else torch.zeros_like(asked)
        after = self._shown(State(state.episode, state.round + 1, state.playing), now)
        cooperation = (action == 0) & decided
        return after, replace(step, cooperation=cooperation, measures=measures, decided=decided)

    def ends_by_chance(self, state: State, chance: Chance) -> Tensor:
        """Only after an encounter."""
        last = (state.round + 1) % len(self.turns(chance.keys.device)) == 0
        return super().ends_by_chance(state, chance) & last

    @property
    def _per_round(self) -> float:
        """What turns a mean over turns into a mean per round of the game."""
        return self.horizon / (self.encounters * self.rounds)

    def _standing(self, opinions: Tensor) -> dict[str, Tensor]:
        """Each member's reputation, and the standard deviation among members; `opinions` [match, holder, ...]."""
        holders, members = opinions.shape[1:3]
        total = opinions.sum(1)  # of whole numbers, so that sums are exact in any order
        squares, square = members * (total**2).sum(1, keepdim=True), total.sum(1, keepdim=True) ** 2
        spread = (squares - square).sqrt() / (members * holders)
        return {
            "reputation": total / holders * self._per_round,
            "reputation_spread": spread.expand_as(total) * self._per_round,
        }

    # What happens in a turn.

    def _played(
        self, state: State, turn: Turn, now: dict[str, Tensor], action: Tensor, asked: Tensor, chance: Chance
    ) -> Step:
        """Both members of some dyads play."""
        who, whom = self._members(turn, now)
        one, moves = action.gather(1, who), asked.gather(1, who)
        other, answers = action.gather(1, whom), asked.gather(1, whom)
        did = torch.where(moves, one, UNKNOWN)
        now["did"] = now["did"].index_copy(1, turn.sides, did)
        if self.game == "matrix":
            paid = _row(self.payoffs, action.device)[2 * one + other] * moves
        else:
            cost, gift = self.centipede
            paid = gift * (answers & (other == 0)) - cost * (moves & (one == 0)).double()
            half = len(turn.sides) // 2
            stops = (moves & (one == 1))[:, :half] | (moves & (one == 1))[:, half:]
            now["stopped"] = now["stopped"].index_copy(
                1, turn.sides[:half], stops | now["stopped"].index_select(1, turn.sides[:half])
            )
        before = now["next_last"].gather(1, who)
        now["next_last"] = now["next_last"].scatter(1, who, torch.where(moves, one, before))
        if self.reputation in ("play", "both"):
            self._add(now, whom, who, moves * (1.0 - 2.0 * one))
        elif self.reputation == "norm":
            bad = (now["opinions"].gather(1, whom) < 0).long()
            judged = _row(sum(NORMS[self.norm], ()), action.device)[2 * one + bad]
            if self.assessment_error:
                wrong = chance.part(ERRORS).parts(self.seats)
                wrongly = wrong.happens(self.assessment_error, Purpose.NOISE, state.episode, state.round)
                judged = torch.where(wrongly.gather(1, who), -judged, judged)
            now["next_opinions"] = now["next_opinions"].scatter(1, who, judged)
        nothing = torch.zeros_like(now["opinions"][:, :1]).expand(action.shape)
        reward = nothing.scatter(1, who, paid)
        half, scale = len(turn.sides) // 2, self._per_round
        chooser, first, second = who[:, :half], did[:, :half], did[:, half:]

        def seen(what: Tensor) -> Tensor:
            return nothing.scatter(1, chooser, scale * what.double())

        measures = {"gross": reward * scale, "picked": nothing.scatter(1, who[:, half:], scale)}
        if self.game == "matrix":
            measures |= {
                "mutual_cooperation": seen((first == 0) & (second == 0)),
                "mutual_defection": seen((first == 1) & (second == 1)),
                "exploitation": seen((first == 1) & (second == 0)),
                "deception": seen((first == 0) & (second == 1)),
                "cooperates_as_chooser": seen(first == 0),
                "defects_as_chooser": seen(first == 1),
            }
        return Step(action, reward, measures=measures)

    def _punished(self, turn: Turn, now: dict[str, Tensor], action: Tensor, asked: Tensor) -> Step:
        """Members of some dyads, or third parties, punish or don't."""
        if turn.third_party:
            who, (whom, _) = self._third_parties(turn, now), self._members(turn, now)
            judged = now["did"].index_select(1, turn.sides)
        else:
            who, whom = self._members(turn, now)
            judged = now["did"].index_select(1, turn.opposite)
        decides = asked.gather(1, who)
        punishes = decides & (action.gather(1, who) == 1)
        bad = judged == 1
        pays = torch.where(bad, self.just, self.unjust).double() * punishes
        nothing = torch.zeros_like(now["opinions"][:, :1]).expand(action.shape)
        hit = nothing.scatter_add(1, whom, punishes.double())
        reward = nothing.scatter_add(1, who, pays) - self.fine * hit
        if self.reputation in ("punishment", "both"):
            self._add(now, whom, who, torch.where(bad, 2.0, -3.0).double() * punishes)
        scale = self._per_round
        measures = {
            "punished": hit * scale,
            "just": nothing.scatter(1, who, scale * (punishes & bad).double()),
            "unjust": nothing.scatter(1, who, scale * (punishes & ~bad).double()),
            "defections_judged": nothing.scatter(1, who, scale * (decides & bad).double()),
            "cooperations_judged": nothing.scatter(1, who, scale * (decides & ~bad).double()),
        }
        return Step(action, reward, measures=measures)

    def _assessed(self, state: State, turn: Turn, now: dict[str, Tensor], action: Tensor, chance: Chance) -> Step:
        """Third parties say what is to be thought of one side of some dyads."""
        who, (whom, _) = self._third_parties(turn, now), self._members(turn, now)
        found = torch.where(action.gather(1, who) == 0, GOOD, BAD).double()
        if self.assessment_error:
            wrong = chance.part(ERRORS).parts(self.seats)
            wrongly = wrong.happens(self.assessment_error, Purpose.NOISE, state.episode, state.round)
            found = torch.where(wrongly.gather(1, whom), -found, found)
        there = now["did"].index_select(1, turn.sides) != UNKNOWN
        before = now["next_opinions"].gather(1, whom)
        now["next_opinions"] = now["next_opinions"].scatter(1, whom, torch.where(there, found, before))
        return Step(action, torch.zeros_like(now["opinions"][:, :1]).expand(action.shape))

    def _add(self, now: dict[str, Tensor], holder: Tensor, about: Tensor, change: Tensor) -> None:
        """Add to what `holder` thinks of `about`, or all do, once the round is over; each [match, side, table]."""
        where = about if self.opinions == "public" else holder * self.seats + about
        now["next_opinions"] = now["next_opinions"].scatter_add(1, where, change.double())

    # Who meets whom.

    def _members(self, turn: Turn, now: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The members on the sides of a turn and on the opposite ones, both [match, side, table]."""
        both = torch.cat((now["chooser"], now["partner"]), 1)
        return both.index_select(1, turn.sides), both.index_select(1, turn.opposite)

    def _dyads(self, state: State, chance: Chance) -> dict[str, Tensor]:
        """Whose each dyad is, and with whom [match, dyad, table]; with a neighbour by lot until members choose.

        Where all can meet all, lots say who takes the first turn.
        """
        device, (matches, tables) = chance.keys.device, chance.keys.shape
        here, address = self.links.to(device), (state.episode, state.round)
        if self.graph is None:
            chooser = chance.part(ORDER).parts(self.seats).bits(Purpose.SELECTION, *address).argsort(1)
        else:
            chooser = torch.arange(self.seats, device=device)[:, None].expand(matches, -1, tables)
        draw = chance.part(CHOICE).parts(self.seats).integers(Purpose.SELECTION, *address)
        slot = uniform_below(here.degree[:, None], draw)
        partner = here.neighbours.expand(matches, -1, -1).gather(2, slot)
        return {"chooser": chooser, "partner": partner.gather(1, chooser)}

    def _lots(self, state: State, chance: Chance) -> Tensor:
        """By which the third party of each side of each dyad is drawn [match, 2 seats, table]."""
        sides = 2 * self.seats * self.third_parties
        return chance.part(THIRD_PARTIES).parts(sides).integers(Purpose.SELECTION, state.episode, state.round)

    def _third_parties(self, turn: Turn, now: Mapping[str, Tensor]) -> Tensor:
        """A neighbour of each side's member, but not the one that it plays with [match, side, table]."""
        here = self.links.to(now["partner"].device)
        member, other = self._members(turn, now)
        beside = here.neighbours[member]  # [match, side, table, slot]
        draw = uniform_below(here.degree[member] - 1, now["lots"].index_select(1, turn.sides))
        draw = draw + (draw >= (beside == other[..., None]).long().argmax(-1))
        return beside.gather(-1, draw[..., None])[..., 0]

    # What is seen.

    def _shown(self, state: State, now: dict[str, Tensor]) -> State:
        """The state with what members see and may do in its turn."""
        device, view, partner = now["partner"].device, self.view, now["partner"]
        programme = self.turns(device)
        turn = programme[state.round % len(programme)]
        seen = torch.zeros((*partner.shape, view.size), device=device)
        actions = torch.arange(self.actions(0).n, device=device)
        mask = (actions == 0).expand(*partner.shape, -1)
        if turn.stage == Stage.SELECT:
            self._show_neighbours(seen, now)
            mask = (actions < self.links.to(device).degree[:, None, None]).expand_as(mask)
        else:
            who, asked, rows = self._decisions(turn, now)
            seen.scatter_(1, who[..., None].expand_as(rows), rows * asked[..., None])
            may = torch.zeros(partner.shape, dtype=torch.bool, device=device).scatter(1, who, asked)
            mask = mask | ((actions == 1) & may[..., None])
        return State(state.episode, state.round, state.playing, now, seen, mask)

    def _decisions(self, turn: Turn, now: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Who decides, whether something is to be decided [match, side, table], and what is seen [..., entry]."""
        member, opposite = self._members(turn, now)
        theirs, own = (now["did"].index_select(1, sides) for sides in (turn.opposite, turn.sides))
        whom, beside = opposite, member
        asked = torch.ones_like(member, dtype=torch.bool)
        shown: tuple[str, ...] = self.punishment_shows
        if turn.third_party:
            who, whom, beside, theirs, own = self._third_parties(turn, now), member, opposite, own, theirs
        else:
            who = member
        if turn.stage == Stage.PLAY:
            shown = self.play_shows
            if "last_moves" in shown:
                theirs, own = now["last"].gather(1, whom), now["last"].gather(1, who)
            if self.game == "centipede":
                half = len(turn.sides) // 2
                first = torch.arange(2 * half, device=member.device) < half
                turn_of = first if turn.round % 2 == 0 else ~first
                asked = turn_of[:, None] & ~now["stopped"].index_select(1, turn.sides % self.seats)
        else:
            asked = theirs != UNKNOWN
        if turn.stage == Stage.ASSESS:
            shown = ("moves", "reputations")
        stage = torch.zeros((*member.shape, 4), device=member.device)
        stage[..., turn.stage] = 1
        entries = torch.zeros((*member.shape, self.view.size - 4), device=member.device)
        if "moves" in shown or "last_moves" in shown:
            did = torch.stack((theirs, own), -1)[..., None]
            entries[..., :4] = (did == torch.arange(2, device=member.device)).flatten(-2).float()
        if "reputations" in shown:
            entries[..., 4] = self._opinion(now, who, whom)
            entries[..., 5] = self._opinion(now, who, beside)
        return who, asked, torch.cat((stage, entries), -1)

    def _show_neighbours(self, seen: Tensor, now: Mapping[str, Tensor]) -> None:
        """What is seen of all neighbours, written into observations [match, seat, table, entry]."""
        here, view = self.links.to(seen.device), self.view
        seen[..., Stage.SELECT] = 1
        seats, most = here.neighbours.shape
        shape = (len(seen), seats * most, seen.shape[2])
        who = torch.arange(seats, device=seen.device).repeat_interleave(most)[:, None].expand(shape)
        whom = here.neighbours.clamp(min=0).flatten()[:, None].expand(shape)
        if view.shows_reputations:
            own = who[:, ::most]
            seen[..., view.own_reputation] = self._opinion(now, own, own)[..., None]
            found = self._opinion(now, who, whom).view(len(seen), seats, most, -1) * here.there[:, :, None]
            seen[..., view.reputations] = found.transpose(2, 3)
        if view.shows_moves:
            last = now["last"].gather(1, whom).view(len(seen), seats, most, -1).transpose(2, 3)
            there = here.there[:, None, :, None]
            moves = (last[..., None] == torch.arange(2, device=seen.device)) & there
            seen[..., view.moves] = moves.flatten(-2).float()

    def _opinion(self, now: Mapping[str, Tensor], holder: Tensor, about: Tensor) -> Tensor:
        """What `holder` thinks of `about`, float32 [match, ..., table], in units of what it is shown in."""
        where = about if self.opinions == "public" else holder * self.seats + about
        unit = 1.0 if self.reputation in ("norm", "assigned") else float(self.rounds)
        return (now["opinions"].gather(1, where) / unit).float()


@lru_cache(maxsize=16)
def _complete(members: int) -> OwnEdges:
    """Everybody can meet everybody."""
    return OwnEdges(edges=tuple((float(one), float(other)) for one in range(members) for other in range(one)))


@lru_cache(maxsize=64)
def _row(numbers: tuple[float, ...], device: torch.device) -> Tensor:
    """Numbers as a tensor, float64."""
    with torch.inference_mode(False):  # cached tensors must also serve learners
        return torch.tensor(numbers, dtype=torch.float64, device=device)
