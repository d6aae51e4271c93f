"""Scripted members of a population with reputations: a rule for each stage."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ..envs.chance import Purpose
from ..envs.environment import Environment
from ..envs.errors import DilemmaError
from ..envs.matrix_game import PrisonersDilemma
from ..envs.reputation.norms import NORMS, Norm
from ..envs.reputation.reputation_dilemma import ReputationDilemma
from ..envs.reputation.turns import Stage
from .agent import Agent, Chairs, Observation, Player
from .constant_policy import memory_one_policy

Punishes = Literal["never", "always", "just", "antisocial"]
PUNISHES: dict[Punishes, tuple[float, float]] = {
    "never": (0, 0),
    "always": (1, 1),
    "just": (0, 1),
    "antisocial": (1, 0),
}
"""Whether to punish after C and after D."""


class PopulationMember(Agent):
    """Follows a rule in each stage of a population with reputations.

    `play` is a strategy of memory one, which answers what the two of a dyad did in its last round, as far as that
    is shown; or "discriminator", which defects on others of a bad reputation, below 0, alone. `select`
    "best" picks by lot among the neighbours of the best reputation and, where those are equal or not shown, who
    cooperated last. As a third party it assigns reputations by `norm`.
    """

    source: ClassVar[str] = "dilemma, for populations with reputations"
    needs: ClassVar[frozenset[str]] = frozenset({"game_model"})

    play: str = Field(
        "tit_for_tat", description='the registered name of a strategy of memory one, or "discriminator"'
    )
    punish: Punishes = Field("never", description="whom it punishes: nobody, all, defectors, or cooperators")
    select: Literal["any", "best"] = Field("any", description="whom it picks: anybody, or the best")
    norm: Norm = Field("stern_judging", description="by what it assigns reputations")

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        if self.play != "discriminator":
            try:
                _memory_one(self.play)
            except DilemmaError as error:
                raise ValueError(str(error)) from None
        return self

    def refuses(self, game: Environment) -> str | None:
        return None if isinstance(game, ReputationDilemma) else "lives in populations with reputations alone"

    def sit(self, chairs: Chairs) -> Player:
        return MemberPlayer(self, chairs)


class JustPunisher(PopulationMember):
    """Plays tit for tat and punishes defectors."""

    punish: Punishes = Field("just", description="whom it punishes: nobody, all, defectors, or cooperators")


class AntisocialPunisher(PopulationMember):
    """Defects, and punishes cooperators."""

    source: ClassVar[str] = "Herrmann, Thöni and Gächter 2008"

    play: str = Field("all_d", description='the registered name of a strategy of memory one, or "discriminator"')
    punish: Punishes = Field("antisocial", description="whom it punishes: nobody, all, defectors, or cooperators")


class Discriminator(PopulationMember):
    """Picks who has the best reputation, and defects on whoever has a bad one."""

    source: ClassVar[str] = "Nowak and Sigmund 1998"

    play: str = Field(
        "discriminator", description='the registered name of a strategy of memory one, or "discriminator"'
    )
    select: Literal["any", "best"] = Field("best", description="whom it picks: anybody, or the best")


class ChoosyTitForTat(PopulationMember):
    """Plays tit for tat, and picks partners of whom it is known that they cooperate."""

    source: ClassVar[str] = "Anastassacos et al. 2020"

    select: Literal["any", "best"] = Field("best", description="whom it picks: anybody, or the best")


@lru_cache(maxsize=64)
def _memory_one(name: str) -> tuple[float, ...]:
    """P(C) at the start and after CC, CD, DC, DD. Raises DilemmaError where a strategy has no such."""
    from . import CATALOGUE

    if name not in CATALOGUE.names:
        raise DilemmaError(f'there is no agent {name!r}: allowed are "discriminator" and agents of memory one')
    automaton = CATALOGUE.build(name, {}).as_automaton(PrisonersDilemma())
    policy = memory_one_policy(automaton) if automaton else None
    if policy is None:
        raise DilemmaError(f"{name} remembers more than the last round; allowed are strategies of memory one")
    return policy


class MemberPlayer(Player):
    """A scripted member on its chairs."""

    def __init__(self, agent: PopulationMember, chairs: Chairs):
        game = chairs.game
        assert isinstance(game, ReputationDilemma)
        self._agent, self._chairs, self._view = agent, chairs, game.view
        policy = None if agent.play == "discriminator" else _memory_one(agent.play)
        device = chairs.device
        self._policy = None if policy is None else torch.tensor(policy, dtype=torch.float64, device=device)
        self._punishes = torch.tensor(PUNISHES[agent.punish], device=device)
        self._norm = torch.tensor(NORMS[agent.norm], device=device)

    def act(self, observation: Observation) -> Tensor:
        seen, mask, view = observation.features, observation.action_mask, self._view
        assert seen is not None
        assert mask is not None
        stage = seen[..., view.stage]
        address = (observation.episode, observation.round)
        if bool(stage[..., Stage.SELECT].any()):
            return self._select(seen, mask, address)
        theirs, own = (seen[..., part] for part in (view.theirs, view.own))
        defected = theirs[..., 1] > 0
        if bool(stage[..., Stage.PLAY].any()):
            action = self._plays(theirs, own, seen[..., view.their_reputation][..., 0], address)
        elif bool(stage[..., Stage.PUNISH].any()):
            action = self._punishes[defected.long()] > 0
        else:
            bad = seen[..., view.own_reputation][..., 0] < 0
            action = self._norm[defected.long(), bad.long()] < 0
        return (action & mask[..., 1]).long()

    def _plays(self, theirs: Tensor, own: Tensor, reputation: Tensor, address: tuple[int, int]) -> Tensor:
        """Whether it defects [chair, table]."""
        if self._policy is None:
            return reputation < 0
        outcome = 1 + 2 * own[..., 1] + theirs[..., 1]  # unless nothing is known
        known = (theirs.sum(-1) > 0) & (own.sum(-1) > 0)
        cooperates = self._policy[torch.where(known, outcome, 0).long()]
        return ~self._chairs.chance.happens(cooperates, Purpose.ACTION, *address)

    def _select(self, seen: Tensor, mask: Tensor, address: tuple[int, int]) -> Tensor:
        """The neighbour that it picks [chair, table]; ties are broken by lot."""
        view = self._view
        score = torch.zeros(mask.shape, dtype=torch.float64, device=mask.device)
        most = view.neighbours
        if self._agent.select == "best":
            if view.shows_reputations:
                score[..., :most] += 1000.0 * seen[..., view.reputations]  # before moves
            if view.shows_moves:
                moves = seen[..., view.moves].view(*mask.shape[:2], most, 2)
                score[..., :most] += moves[..., 0] - moves[..., 1]
        best = torch.where(mask, score, -torch.inf)
        best = best == best.amax(-1, keepdim=True)
        draw = self._chairs.chance.uniform(Purpose.ACTION, *address)
        place = (draw * best.sum(-1)).long()
        return (best.cumsum(-1) <= place[..., None]).sum(-1)
