"""Two-player strategies on a graph: one memory for each neighbour."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ..envs.chance import Chance
from ..envs.environment import Environment, State, Step
from ..envs.errors import DilemmaError
from ..envs.matrix_game import MatrixGame
from ..envs.spatial_dilemma import SpatialDilemma
from .agent import Agent, Chairs, Observation, Player, Round
from .plain import Parameters


class ByLink(Agent):
    """A two-player strategy that answers each neighbour on a graph by a memory of its own.

    A site has one move for all of its links: what it answers to most of its neighbours, C in a tie. Where it may
    choose, it refuses the neighbours to whom it would defect while its move is C; while its move is D it refuses
    nobody. A memory holds the executed moves of the site and of one neighbour, whether or not the link was played.
    """

    source: ClassVar[str] = "dilemma, for strategies of two players on graphs"
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "game_model"})

    strategy: str = Field("tit_for_tat", description="the registered name of a strategy of two players")
    parameters: Parameters = Field((), description="its parameters")

    @model_validator(mode="after")
    def _is_a_strategy(self) -> Self:
        try:
            strategy = self.answers
        except DilemmaError as error:
            raise ValueError(str(error)) from None
        if strategy.learns or strategy.slow or not strategy.needs <= self.needs:
            why = "learns" if strategy.learns else "is no strategy on tensors"
            raise ValueError(
                f"a strategy of two players and two moves; {self.strategy} {why}, and can't hold a memory for "
                "each neighbour"
            )
        return self

    @property
    def answers(self) -> Agent:
        """The strategy. Raises DilemmaError if there is none of this name."""
        return _built(self.strategy, self.parameters)

    @property
    def in_words(self) -> str:
        return self.answers.in_words

    def refuses(self, game: Environment) -> str | None:
        if not isinstance(game, SpatialDilemma):
            return "plays the links of spatial_dilemma alone"
        return self.answers.refuses(link_game(game))

    def sit(self, chairs: Chairs) -> Player:
        game = chairs.game
        assert isinstance(game, SpatialDilemma)
        return ByLinkPlayer(self.answers, game, chairs)


@lru_cache(maxsize=256)
def _built(name: str, parameters: Parameters) -> Agent:
    from . import CATALOGUE

    if name not in CATALOGUE.names:
        raise DilemmaError(f"there is no agent {name!r}; `dilemma agents` lists them")
    return CATALOGUE.build(name, dict(parameters))


def link_game(game: SpatialDilemma) -> MatrixGame:
    """The two-player game of a single link."""
    return MatrixGame(
        payoffs=game.payoffs, rounds=game.rounds, continuation=game.continuation, discount=game.discount
    )


class ByLinkPlayer(Player):
    """A strategy on every link of its chairs: rows are [chair * neighbour]."""

    def __init__(self, strategy: Agent, game: SpatialDilemma, chairs: Chairs):
        device, neighbours = chairs.device, game.links.neighbours.shape[1]
        self._shape = (chairs.shape[0], neighbours, chairs.shape[1])
        here = game.links.to(device)
        self._there, self._selects = here.there[chairs.seat][..., None], game.selection
        self._bits, self._degree = here.bits, here.degree[chairs.seat][:, None]
        self._payoffs = torch.tensor(game.payoffs, dtype=torch.float64, device=device)
        # Each link is a match of two; the site has the first seat.
        count = chairs.shape[0] * neighbours
        keys = chairs.chance.parts(neighbours).keys.flatten(0, 1)
        seat = torch.zeros(count, dtype=torch.int64, device=device)
        self._first = torch.arange(0, 2 * count, 2, device=device)
        self._strategy = strategy
        self._player = strategy.sit(Chairs(link_game(game), seat, Chance(keys), strategy))

    def begin(self) -> None:
        self._player.begin()

    def act(self, observation: Observation) -> Tensor:
        inner = Observation(State(observation.episode, observation.round), None)
        answers = self._player.act(inner).view(self._shape)
        refuses = (answers == 1) & self._there
        move = (2 * refuses.sum(1) > self._degree).long()
        if not self._selects:
            return move
        return move + ((refuses & (move == 0)[:, None]) * self._bits).sum(1)

    def observe(self, round: Round) -> None:
        own = (round.own & 1)[:, None].expand(self._shape)
        both = torch.stack((own, round.others), 2).flatten(0, 1)
        reward = self._payoffs[both * 2 + both.flip(1)]
        self._player.observe(Round(Step(both, reward), self._first, None, self._strategy))
