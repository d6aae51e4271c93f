"""A mixture of partners: several agents on one chair, each at a share of its tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Annotated, ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ..envs.catalogue import Nested
from ..envs.chance import Chance, Purpose, derive
from ..envs.environment import Environment
from ..envs.errors import DilemmaError
from .agent import Agent, Chairs, Observation, Player, Round
from .any_agent import AnyAgent
from .at_tables import ObservationAt, RoundAt, Tables

Share = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Mixture(Agent):
    """Several agents in one: at each table another one of them plays, so that whoever it meets meets them all.

    Each has its share of a chair's tables, rounded up or down by chance where that is no whole number; which these
    are is drawn anew every so many episodes. The agents are strategies, learners, which learn from what happens at
    their own tables alone, or checkpoints of other runs. What the seat earns and how often it cooperates is the
    mean over all tables. Its measures are `payoff_1` and so on, what each agent of `of` with a table in every
    episode has earned per round since the last point of the curve, and those of its learners, numbered likewise
    where there are several.
    """

    source: ClassVar[str] = (
        "Lanctot et al. 2017 (training against mixtures); Weis et al. 2026 (of strategies and learners)"
    )

    of: Annotated[tuple[AnyAgent, ...], Nested()] = Field(
        strict=False,
        min_length=1,
        description="the agents, each a label of the config, a registered name, or a table as of its entry",
        examples=[("tit_for_tat", "all_d"), ("gradual", "reinforce")],
    )
    shares: Annotated[tuple[Share, ...], Field(strict=False)] | None = Field(
        None, description="their shares, which need not sum to 1; by default all are equal"
    )
    episodes: int = Field(1, description="after how many episodes tables are dealt anew", ge=1)

    @model_validator(mode="after")
    def _has_a_share_for_each(self) -> Self:
        if self.shares is not None and len(self.shares) != len(self.of):
            raise ValueError(f"one share for each agent; found {len(self.shares)} of {len(self.of)}")
        return self

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        return frozenset().union(*(agent.needs for agent in self.of))

    @property
    def learns(self) -> bool:  # type: ignore[override]
        return any(agent.learns for agent in self.of)

    @property
    def slow(self) -> bool:  # type: ignore[override]
        return any(agent.slow for agent in self.of)

    def refuses(self, game: Environment) -> str | None:
        return next((_of(agent, why) for agent in self.of if (why := agent.refuses(game))), None)

    def refuses_role(self, game: Environment, role: str) -> str | None:
        return next((_of(agent, why) for agent in self.of if (why := agent.refuses_role(game, role))), None)

    def kept_runs(self, game: Environment) -> int | None:
        kept = [runs for agent in self.of if (runs := agent.kept_runs(game)) is not None]
        return min(kept, default=None)

    def sit(self, chairs: Chairs) -> Player:
        deal = Deal(self.shares or (1.0,) * len(self.of), self.episodes, chairs)
        players = [agent.sit(seat) for agent, seat in zip(self.of, deal.seats(self.of), strict=True)]
        return MixturePlayer(self.of, players, deal)


def _of(agent: Agent, why: str) -> str:
    """Why an agent in a mixture can't play, as the end of a sentence on the mixture."""
    from . import CATALOGUE

    return f"holds {CATALOGUE.name_of(agent)}, which {why}"


class Deal:
    """Who plays at which tables of each chair: each of several agents at its share of them.

    In random order, tables are laid along the shares from a random point on (systematic sampling): each has every
    agent with the probability of its share, and an agent has its share of their number, rounded up or down.
    """

    def __init__(self, shares: Sequence[float], episodes: int, chairs: Chairs):
        self._chairs, self._episodes, self._number = chairs, episodes, -1
        tables = chairs.shape[1]
        ends = [round(tables * total / sum(shares), 6) for total in accumulate(shares)]
        self.due = [round(end - start, 6) for start, end in pairwise([0.0, *ends])]
        """The mean number of tables of each agent."""
        self._ends = torch.tensor(ends[:-1], dtype=torch.float64, device=chairs.device)
        self.places = [torch.arange(math.ceil(due), device=chairs.device) for due in self.due]
        """The most that each can have."""

    def seats(self, agents: Sequence[Agent]) -> list[Chairs]:
        """The chairs of each agent, with as many tables as it can have, and chance of its own."""
        keys = self._chairs.chance.keys
        return [
            self._chairs.of(agent, Chance(derive(keys[:, : len(places)], part)))
            for part, (agent, places) in enumerate(zip(agents, self.places, strict=True))
        ]

    def draw(self, episode: int) -> None:
        """Deal the tables for an episode."""
        if episode // self._episodes == self._number:
            return
        self._number = episode // self._episodes
        chance = self._chairs.chance
        order = chance.bits(Purpose.SELECTION, self._number, 0).argsort(1)
        start = chance.uniform(Purpose.SELECTION, self._number, 1)[:, :1]
        rank = torch.arange(order.shape[1], device=order.device)
        along = torch.searchsorted(self._ends, rank + start, right=True)
        count = torch.stack([(along == part).sum(1) for part in range(len(self.due))], 1)
        first = count.cumsum(1) - count
        self.who = torch.empty_like(order).scatter_(1, order, along)
        """The agent at each table [chair, table]."""
        self.place = torch.empty_like(order).scatter_(1, order, rank - first.gather(1, along))
        """And which of its tables that is."""
        self.tables = []
        for part, places in enumerate(self.places):
            index = order.gather(1, (first[:, part, None] + places).clamp(max=order.shape[1] - 1))
            taken = places < count[:, part, None]
            self.tables.append(Tables(index, None if taken.all() else taken))


class MixturePlayer(Player):
    """The players of several agents on the same chairs, each at some of their tables."""

    def __init__(self, agents: Sequence[Agent], players: Sequence[Player], deal: Deal):
        self.players = players
        self._agents, self._deal = agents, deal
        self._learners = [part for part, player in enumerate(players) if player.learning]
        self._earned: Tensor | None = None
        """Since measures were last told: the sum of rewards of each agent, and its rounds [2, chair, agent]."""
        self._playing: Tensor | None = None

    @property
    def learning(self) -> bool:
        return any(self.players[part].learning for part in self._learners)

    @learning.setter
    def learning(self, learning: bool) -> None:
        for part in self._learners:
            self.players[part].learning = learning

    @property
    def midway(self) -> bool:
        return any(player.midway for player in self.players)

    def begin(self) -> None:
        for agent, player, due in zip(self._agents, self.players, self._deal.due, strict=True):
            if player.learning and due < 1:  # frozen, it needs none
                raise DilemmaError(
                    f"{type(agent).__name__} learns in a mixture and has {due:g} of a table: it needs one or more"
                )
            player.begin()

    def act(self, observation: Observation) -> Tensor:
        if observation.round == 0:
            self._deal.draw(observation.episode)
        actions = [
            player.act(ObservationAt(observation, tables, agent))
            for agent, player, tables in zip(self._agents, self.players, self._deal.tables, strict=True)
        ]
        self._playing = observation.playing
        who, place = self._deal.who, self._deal.place
        inner = (*who.shape, *actions[0].shape[2:])
        who, place = (dealt.view(*dealt.shape, *[1] * (len(inner) - 2)).expand(inner) for dealt in (who, place))
        chosen = actions[0].gather(1, place.clamp(max=actions[0].shape[1] - 1))
        for part, action in enumerate(actions[1:], 1):
            chosen = torch.where(who == part, action.gather(1, place.clamp(max=action.shape[1] - 1)), chosen)
        return chosen

    def observe(self, round: Round) -> None:
        if len(self.players) > 1:
            self._count(round.reward.double())
        for agent, player, tables in zip(self._agents, self.players, self._deal.tables, strict=True):
            player.observe(RoundAt(round, tables, agent))

    def learn(self) -> None:
        for part in self._learners:
            if self.players[part].learning:
                self.players[part].learn()

    def _count(self, reward: Tensor) -> None:
        """Add a round's rewards [chair, table] to those of who has earned them."""
        rounds = torch.ones_like(reward) if self._playing is None else self._playing.to(reward.dtype)
        if self._earned is None:
            self._earned = reward.new_zeros(2, len(reward), len(self.players))
        added = torch.stack((reward, rounds))
        self._earned.scatter_add_(2, self._deal.who.expand_as(added), added)

    def measures(self) -> Mapping[str, Tensor]:
        several = len(self._learners) > 1
        of_learners = {
            f"{name}_{part + 1}" if several else name: value
            for part in self._learners
            for name, value in self.players[part].measures().items()
        }
        if self._earned is None:
            return of_learners
        earned, rounds = self._earned
        self._earned = None
        payoffs = (earned / rounds.clamp(min=1)).unbind(1)
        due = self._deal.due
        return {f"payoff_{part + 1}": payoffs[part] for part in range(len(due)) if due[part] >= 1} | of_learners

    def state_dict(self) -> dict[str, Tensor]:
        return {
            f"{part}.{name}": value
            for part, player in enumerate(self.players)
            for name, value in player.state_dict().items()
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        for part, player in enumerate(self.players):
            own = f"{part}."
            player.load_state_dict({name[len(own) :]: state[name] for name in state if name.startswith(own)})
