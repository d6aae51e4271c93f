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
from .norms import BAD, GOOD, Norm
from .rules import UNKNOWN, Rules, rules_of
from .turns import Stage, Turn
from .variants import VARIANTS, Variant
from .view import View

Amount = Annotated[float, Field(allow_inf_nan=False)]
Shown = Annotated[tuple[Literal["moves", "last_moves", "reputations"], ...], Field(strict=False)]
Listed = Annotated[tuple[Literal["moves", "reputations"], ...], Field(strict=False)]

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
        if isinstance(given, Mapping):
            preset = next((values for name, values in VARIANTS.items() if name == given.get("variant")), {})
            return {**preset, **given}
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
        return rules_of(self, device).turns

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
        device, seats, rules = chance.keys.device, self.seats, rules_of(self, chance.keys.device)
        holders = seats if self.opinions == "individual" else 1
        first = GOOD if self.reputation in ("norm", "assigned") else 0.0
        did = torch.full((matches, 2 * seats, tables), UNKNOWN, dtype=torch.int64, device=device)
        opinions = torch.full((matches, holders * seats, tables), first, dtype=torch.float64, device=device)
        start = State(episode, 0)
        now = {
            "did": did,
            "opinions": opinions,
            "next_opinions": opinions,
            "last": did[:, :seats],
            "next_last": did[:, :seats],
            "stopped": torch.zeros((matches, seats, tables), dtype=torch.bool, device=device),
            **self._lots(start, chance),
            **self._dyads(rules, start, chance),
        }
        return self._shown(rules, start, now | self._third_parties(rules, now))

    def play(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        rules = rules_of(self, action.device)
        index = state.round % len(rules.turns)
        turn, now = rules.turns[index], dict(state.tensors)
        asked = now["asked"]
        if turn.stage == Stage.SELECT:
            action = action * (action < rules.links.degree[:, None])
            picked = rules.links.neighbours.expand(len(action), -1, -1).gather(2, action)
            now |= _paired(now["chooser"], picked.gather(1, now["chooser"]))
            now |= self._third_parties(rules, now)
            nothing = torch.zeros(action.shape, dtype=torch.float64, device=action.device)
            step = Step(action, nothing, chosen=picked)
        else:
            action = (action == 1) & asked
            if turn.stage == Stage.PLAY and self.noise:
                flips = chance.parts(self.seats).happens(self.noise, Purpose.NOISE, state.episode, state.round)
                action = action ^ (asked & flips)
            action = action.long()
            if turn.stage == Stage.PLAY:
                step = self._played(rules, state, turn, now, action, chance)
            elif turn.stage == Stage.PUNISH:
                step = self._punished(rules, turn, now, action)
            else:
                step = self._assessed(state, turn, now, action, chance)
        if turn.closes:
            now |= {"opinions": now["next_opinions"], "last": now["next_last"], **self._lots(state, chance)}
        if index + 1 == len(rules.turns):
            now["did"] = torch.full_like(now["did"], UNKNOWN)
            now["stopped"] = torch.zeros_like(now["stopped"])
            now |= self._dyads(rules, state, chance)
        if turn.closes:
            now |= self._third_parties(rules, now)
        measures = {"net": step.reward * rules.per_round, **step.measures}
        if turn.closes:
            measures |= self._standing(rules, now["opinions"].view(len(action), -1, *action.shape[1:]))
        if turn.stage == Stage.PLAY:
            decided, cooperation = asked, (action == 0) & asked
        else:
            decided = cooperation = torch.zeros_like(asked)
        after = self._shown(rules, State(state.episode, state.round + 1, state.playing), now)
        return after, replace(step, cooperation=cooperation, measures=measures, decided=decided)

    def ends_by_chance(self, state: State, chance: Chance) -> Tensor:
        """Only after an encounter."""
        last = (state.round + 1) % len(rules_of(self, chance.keys.device).turns) == 0
        return super().ends_by_chance(state, chance) & last

    def _standing(self, rules: Rules, opinions: Tensor) -> dict[str, Tensor]:
        """Each member's reputation, and the standard deviation among members; `opinions` [match, holder, ...]."""
        holders, members = opinions.shape[1:3]
        total = opinions.sum(1)  # of whole numbers, so that sums are exact in any order
        squares, square = members * (total**2).sum(1, keepdim=True), total.sum(1, keepdim=True) ** 2
        spread = (squares - square).sqrt() / (members * holders)
        return {
            "reputation": total / holders * rules.per_round,
            "reputation_spread": spread.expand_as(total) * rules.per_round,
        }

    # What happens in a turn. `who` decides [match, side, table]; nobody does twice in a turn.

    def _played(
        self, rules: Rules, state: State, turn: Turn, now: dict[str, Tensor], action: Tensor, chance: Chance
    ) -> Step:
        """Both members of some dyads play."""
        who, moves, whom = now["who"], now["decides"], now["members"].index_select(1, turn.opposite)
        one, other = action.gather(1, who), action.gather(1, whom)
        half = len(turn.sides) // 2
        if self.game == "matrix":
            now["did"] = now["did"].index_copy(1, turn.sides, one)
            now["next_last"] = now["next_last"].scatter(1, who, one)
            paid = rules.payoffs.take(2 * one + other)
        else:
            now["did"] = now["did"].index_copy(1, turn.sides, torch.where(moves, one, UNKNOWN))
            cost, gift = self.centipede
            answers = now["asked"].gather(1, whom)
            paid = gift * (answers & (other == 0)) - cost * (moves & (one == 0)).double()
            stops = (moves & (one == 1))[:, :half] | (moves & (one == 1))[:, half:]
            now["stopped"] = now["stopped"].index_copy(
                1, turn.sides[:half], stops | now["stopped"].index_select(1, turn.sides[:half])
            )
            before = now["next_last"].gather(1, who)
            now["next_last"] = now["next_last"].scatter(1, who, torch.where(moves, one, before))
        if self.reputation in ("play", "both"):
            self._add(now, whom, who, (1 - 2 * one) * moves)
        elif self.reputation == "norm":
            bad = (now["opinions"].gather(1, whom) < 0).long()
            judged = rules.judgements.take(2 * one + bad)
            if self.assessment_error:
                wrong = chance.part(ERRORS).parts(self.seats)
                wrongly = wrong.happens(self.assessment_error, Purpose.NOISE, state.episode, state.round)
                judged = torch.where(wrongly.gather(1, who), -judged, judged)
            now["next_opinions"] = now["next_opinions"].scatter(1, who, judged)
        nothing = torch.zeros(action.shape, dtype=torch.float64, device=action.device)
        reward, scale = nothing.scatter(1, who, paid), rules.per_round
        measures = {"gross": reward * scale, "picked": nothing.scatter(1, who[:, half:], scale)}
        if self.game == "matrix":
            kinds = (2 * one[:, :half] + one[:, half:]) == rules.kinds  # CC, CD, DC, DD; the chooser's move first
            each = nothing.expand(4, *nothing.shape)
            found = each.scatter(2, who[:, :half].expand_as(kinds), kinds * rules.scale)
            mutual, deception, exploitation, defection = found.unbind()
            measures |= {
                "mutual_cooperation": mutual,
                "mutual_defection": defection,
                "exploitation": exploitation,
                "deception": deception,
                "cooperates_as_chooser": mutual + deception,
                "defects_as_chooser": defection + exploitation,
            }
        return Step(action, reward, measures=measures)

    def _punished(self, rules: Rules, turn: Turn, now: dict[str, Tensor], action: Tensor) -> Step:
        """Members of some dyads, or third parties, punish or don't."""
        judged_sides = turn.sides if turn.third_party else turn.opposite
        who, decides, whom = now["who"], now["decides"], now["members"].index_select(1, judged_sides)
        bad = now["did"].index_select(1, judged_sides) == 1
        punishes = action.gather(1, who) == 1
        nothing = torch.zeros(action.shape, dtype=torch.float64, device=action.device)
        hit = nothing.scatter_add(1, whom, punishes.double())
        which = bad.long()
        pays = rules.pays.take(which) * punishes
        reward = nothing.scatter(1, who, pays).sub_(hit, alpha=self.fine)
        if self.reputation in ("punishment", "both"):
            self._add(now, whom, who, rules.judges.take(which) * punishes)
        good = ~bad
        kinds = torch.stack((punishes & bad, punishes & good, decides & bad, decides & good)) * rules.scale
        found = nothing.expand(4, *nothing.shape).scatter(2, who.expand_as(kinds), kinds)
        just, unjust, defections, cooperations = found.unbind()
        measures = {
            "punished": hit * rules.per_round,
            "just": just,
            "unjust": unjust,
            "defections_judged": defections,
            "cooperations_judged": cooperations,
        }
        return Step(action, reward, measures=measures)

    def _assessed(self, state: State, turn: Turn, now: dict[str, Tensor], action: Tensor, chance: Chance) -> Step:
        """Third parties say what is to be thought of one side of some dyads."""
        whom = now["members"].index_select(1, turn.sides)
        found = torch.where(action.gather(1, now["who"]) == 0, GOOD, BAD).double()
        if self.assessment_error:
            wrong = chance.part(ERRORS).parts(self.seats)
            wrongly = wrong.happens(self.assessment_error, Purpose.NOISE, state.episode, state.round)
            found = torch.where(wrongly.gather(1, whom), -found, found)
        before = now["next_opinions"].gather(1, whom)
        now["next_opinions"] = now["next_opinions"].scatter(1, whom, torch.where(now["decides"], found, before))
        return Step(action, torch.zeros(action.shape, dtype=torch.float64, device=action.device))

    def _add(self, now: dict[str, Tensor], holder: Tensor, about: Tensor, change: Tensor) -> None:
        """Add to what `holder` thinks of `about`, or all do, once the round is over; each [match, side, table]."""
        where = about if self.opinions == "public" else holder * self.seats + about
        now["next_opinions"] = now["next_opinions"].scatter_add(1, where, change.double())

    # Who meets whom.

    def _dyads(self, rules: Rules, state: State, chance: Chance) -> dict[str, Tensor]:
        """Whose each dyad is, and with whom [match, dyad, table]; with a neighbour by lot until members choose.

        Where all can meet all, lots say who takes the first turn.
        """
        device, (matches, tables) = chance.keys.device, chance.keys.shape
        here, address = rules.links, (state.episode, state.round)
        if self.graph is None:
            chooser = chance.part(ORDER).parts(self.seats).bits(Purpose.SELECTION, *address).argsort(1)
        else:
            chooser = torch.arange(self.seats, device=device)[:, None].expand(matches, -1, tables)
        draw = chance.part(CHOICE).parts(self.seats).integers(Purpose.SELECTION, *address)
        slot = uniform_below(here.degree[:, None], draw)
        partner = here.neighbours.expand(matches, -1, -1).gather(2, slot)
        return _paired(chooser, partner.gather(1, chooser))

    def _lots(self, state: State, chance: Chance) -> dict[str, Tensor]:
        """By which the third party of each side of each dyad is drawn [match, 2 seats, table]."""
        if not self.third_parties:
            return {}
        drawn = chance.part(THIRD_PARTIES).parts(2 * self.seats)
        return {"lots": drawn.integers(Purpose.SELECTION, state.episode, state.round)}

    def _third_parties(self, rules: Rules, now: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A neighbour of the member on each side, but not the one that it plays with [match, side, table]."""
        if not self.third_parties:
            return {}
        seats, most = rules.links.neighbours.shape
        member, other = now["members"], now["members"].roll(seats, 1)
        draw = uniform_below(rules.links.degree.take(member) - 1, now["lots"])
        draw = draw + (draw >= rules.slots.take(member * seats + other))
        return {"third_parties": rules.links.neighbours.take(member * most + draw)}

    # What is seen.

    def _shown(self, rules: Rules, state: State, now: dict[str, Tensor]) -> State:
        """The state with what members see and may do in its turn, and `who` decides in it, where not all do."""
        partner = now["partner"]
        turn = rules.turns[state.round % len(rules.turns)]
        seen = torch.zeros((*partner.shape, rules.view.size), device=partner.device)
        if turn.stage == Stage.SELECT:
            self._show_neighbours(rules, seen, now)
            mask = rules.may_select.expand(*partner.shape, -1)
            now["asked"] = mask[..., 1:].any(-1)
        else:
            rows = self._decisions(rules, turn, now)
            who, decides = now["who"], now["decides"]
            if self.game == "centipede":  # in a matrix game everybody has moved
                rows = rows * decides[..., None]
            seen[..., : rows.shape[-1]].scatter_(1, who[..., None].expand_as(rows), rows)
            asked = torch.zeros(partner.shape, dtype=torch.bool, device=partner.device).scatter_(1, who, decides)
            now["asked"], mask = asked, rules.first | (rules.second & asked[..., None])
        return State(state.episode, state.round, state.playing, now, seen, mask)

    def _decisions(self, rules: Rules, turn: Turn, now: dict[str, Tensor]) -> Tensor:
        """What is seen [match, side, table, entry] by `who` decides, and whether something is to be decided.

        Only the first entries of a view; nothing of these is shown beyond them.
        """
        member = now["members"].index_select(1, turn.sides)
        opposite = now["members"].index_select(1, turn.opposite)
        shown: tuple[str, ...] = self.punishment_shows
        if turn.third_party:
            who, whom, beside = now["third_parties"].index_select(1, turn.sides), member, opposite
        else:
            who, whom, beside = member, opposite, member
        if turn.stage == Stage.PLAY:
            shown = self.play_shows
        elif turn.stage == Stage.ASSESS:
            shown = ("moves", "reputations")
        if "last_moves" in shown and turn.stage == Stage.PLAY:
            theirs, own = now["last"].gather(1, whom), now["last"].gather(1, who)
        else:
            theirs, own = now["did"].index_select(1, turn.opposite), now["did"].index_select(1, turn.sides)
            if turn.third_party:
                theirs, own = own, theirs
        now["who"] = who
        if self.game == "matrix":
            now["decides"] = rules.yes.expand(who.shape)
        elif turn.stage == Stage.PLAY:
            first = torch.arange(len(turn.sides), device=who.device) < len(turn.sides) // 2
            turn_of = first if turn.round % 2 == 0 else ~first
            now["decides"] = turn_of[:, None] & ~now["stopped"].index_select(1, turn.sides % self.seats)
        else:
            now["decides"] = theirs != UNKNOWN
        if "moves" in shown or "last_moves" in shown:
            rows = rules.moves[turn.stage].index_select(0, (3 * theirs + own).flatten()).view(*who.shape, 8)
        else:
            rows = rules.moves[turn.stage][-1].expand(*who.shape, 8)
        if "reputations" not in shown:
            return rows
        return torch.cat((rows, self._opinions(rules, now, who, torch.stack((whom, beside), -1))), -1)

    def _show_neighbours(self, rules: Rules, seen: Tensor, now: Mapping[str, Tensor]) -> None:
        """What is seen of all neighbours, written into observations [match, seat, table, entry]."""
        here, view = rules.links, rules.view
        seen[..., Stage.SELECT] = 1
        seats, most = here.neighbours.shape
        whom = here.neighbours.clamp(min=0)[:, None].expand(*seen.shape[:3], most)
        who = torch.arange(seats, device=seen.device)[:, None].expand(seen.shape[:3])
        if view.shows_reputations:
            seen[..., view.own_reputation] = self._opinions(rules, now, who, who[..., None])
            seen[..., view.reputations] = self._opinions(rules, now, who, whom) * here.there[:, None]
        if view.shows_moves:
            last = now["last"][..., None].expand(*now["last"].shape, most).gather(1, whom)
            moves = (last[..., None] == torch.arange(2, device=seen.device)) & here.there[:, None, :, None]
            seen[..., view.moves] = moves.flatten(-2).float()

    def _opinions(self, rules: Rules, now: Mapping[str, Tensor], holder: Tensor, about: Tensor) -> Tensor:
        """What `holder` [match, ..., table] thinks of `about` [match, ..., table, whom], in the units shown."""
        where = about if self.opinions == "public" else holder[..., None] * self.seats + about
        found = now["opinions"][..., None].expand(*now["opinions"].shape, about.shape[-1]).gather(1, where)
        return (found / rules.unit).float()


@lru_cache(maxsize=16)
def _complete(members: int) -> OwnEdges:
    """Everybody can meet everybody."""
    return OwnEdges(edges=tuple((float(one), float(other)) for one in range(members) for other in range(one)))


def _paired(chooser: Tensor, partner: Tensor) -> dict[str, Tensor]:
    """Dyads of `chooser` and `partner` [match, dyad, table], and the member on each side [match, side, table]."""
    return {"chooser": chooser, "partner": partner, "members": torch.cat((chooser, partner), 1)}
