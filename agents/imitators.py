"""Imitators: sites of a graph that take over the moves of neighbours who do better."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ..envs.chance import Purpose
from ..envs.environment import Environment
from ..envs.spatial_dilemma import SpatialDilemma
from .agent import Agent, Chairs, Observation, Player, Round
from .experience import Experience, Kind


class Imitator(Agent):
    """Starts with the move that the environment has given its site, and imitates neighbours by what they earn.

    It compares what was earned in the last round, or, with `alpha`, over a memory of past rounds
    (`dilemma.agents.experience`). It plays with everybody.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "others_rewards"})

    alpha: float = Field(0.0, ge=0, lt=1, description="weight of a round in memory, relative to the next one")
    memory: Kind = Field(
        "clean", description="the formula as written, or the queue of the published code, in which rounds recur"
    )

    def refuses(self, game: Environment) -> str | None:
        return None if isinstance(game, SpatialDilemma) else "imitates neighbours in spatial_dilemma alone"

    def sit(self, chairs: Chairs) -> Player:
        return ImitatorPlayer(self, chairs)

    @abstractmethod
    def imitates(self, beside: Neighbourhood) -> Tensor:
        """The next move [chair, table]."""


class Fermi(Imitator):
    """Draws a neighbour j, and takes over its move with probability 1 / (1 + exp((f_i - f_j) / temperature))."""

    source: ClassVar[str] = "Szabó and Tőke 1998; with memory as in Ren and Zeng 2024"

    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        0.1, description="K, in payoffs: the smaller, the surer the better one is imitated"
    )

    def imitates(self, beside: Neighbourhood) -> Tensor:
        move, ahead = beside.drawn()
        return beside.taken(move, torch.sigmoid(ahead / self.temperature))


class Proportional(Imitator):
    """Draws a neighbour j, and takes over its move with probability max(0, f_j - f_i) / D.

    D is the largest difference of payoffs that two sites can have in a round.
    """

    source: ClassVar[str] = "Schlag 1998, why imitate, and if so, how?"
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "others_rewards", "game_model"})

    def imitates(self, beside: Neighbourhood) -> Tensor:
        move, ahead = beside.drawn()
        extremes = beside.chairs.game.extremes
        assert extremes is not None
        low, high = extremes
        return beside.taken(move, (ahead / (high - low) if high > low else ahead).clamp(min=0))


class BestNeighbour(Imitator):
    """Takes over the move of the neighbour that has earned most, by lot among equals, if it did better."""

    source: ClassVar[str] = "Nowak and May 1992"

    def imitates(self, beside: Neighbourhood) -> Tensor:
        success = beside.success_of_neighbours.masked_fill(~beside.there, -torch.inf)
        best = success.amax(1)
        lot = beside.lots(success.shape[1]).masked_fill(success < best[:, None], -1.0)
        move = beside.moves.gather(1, lot.argmax(1, keepdim=True))[:, 0]
        return torch.where(best > beside.success, move, beside.own)


class Neighbourhood:
    """What an imitator goes by: moves and success of its own and of its neighbours."""

    def __init__(self, chairs: Chairs, round: Round, success: Tensor, success_of_neighbours: Tensor):
        self.chairs = chairs
        self.own = round.own & 1
        """Own last move [chair, table]."""
        self.moves = round.others
        """The neighbours' last moves [chair, neighbour, table]."""
        self.success, self.success_of_neighbours = success, success_of_neighbours
        self._degree = round.degree
        self._address = (0, 0)

    def at(self, episode: int, round: int) -> Neighbourhood:
        """The same, to draw lots in this round."""
        self._address = (episode, round)
        return self

    @property
    def there(self) -> Tensor:
        """Whether there is such a neighbour, bool [chair, neighbour, 1]."""
        count = self.moves.shape[1]
        slots = torch.arange(count, device=self.moves.device)
        there = slots < (count if self._degree is None else self._degree[:, None])
        return there.expand(len(self.moves), -1)[..., None]

    def drawn(self) -> tuple[Tensor, Tensor]:
        """The move of a neighbour that is drawn by lot, and how much better it did; both [chair, table]."""
        degree = self.moves.shape[1] if self._degree is None else self._degree[:, None]
        which, self._lot = self.chairs.chance.pair(Purpose.SELECTION, *self._address).unbind(1)
        slot = ((which + 2**31) * degree >> 32)[:, None]
        ahead = self.success_of_neighbours.gather(1, slot)[:, 0] - self.success
        return self.moves.gather(1, slot)[:, 0], ahead

    def taken(self, move: Tensor, probability: Tensor) -> Tensor:
        """The move of the neighbour that was drawn, taken over with some probability, else the own one."""
        uniform = (self._lot + 2**31).double() * 2.0**-32
        return torch.where(uniform < probability, move, self.own)

    def lots(self, count: int) -> Tensor:
        """Uniform [0, 1) for each neighbour [chair, neighbour, table]."""
        return self.chairs.chance.parts(count).uniform(Purpose.SELECTION, *self._address)


class ImitatorPlayer(Player):
    """An imitator on its chairs."""

    def __init__(self, agent: Imitator, chairs: Chairs):
        self._agent, self._chairs = agent, chairs
        self._own, self._others = (Experience(agent.alpha, agent.memory) for _ in range(2))

    def begin(self) -> None:
        self._own.begin()
        self._others.begin()
        self._beside: Neighbourhood | None = None

    def act(self, observation: Observation) -> Tensor:
        if self._beside is None:
            assert observation.features is not None
            return observation.features[..., 0].long()
        return self._agent.imitates(self._beside.at(observation.episode, observation.round))

    def observe(self, round: Round) -> None:
        own, others = self._own.add(round.reward), self._others.add(round.others_reward)
        self._beside = Neighbourhood(self._chairs, round, own, others)
