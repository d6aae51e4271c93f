"""LOLA with DiCE: a learner that climbs its return after the other will have learned from imagined play."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Generic, TypeVar

import torch
from pydantic import Field
from torch import Tensor

from ....envs.chance import Purpose
from ....envs.environment import Environment
from ....envs.matrix_game import RepeatedGame
from ...agent import Agent, Chairs, Observation, Player, Round
from ..nets.adam import Adam
from ..nets.categorical import bounds, choose, entropy
from ..nets.encoding import LastRound
from ..nets.layers import lookup
from ..nets.policies import Tabular
from .dice import loaded_dice
from .imagination import Imagination, Imagined, refuses_to_imagine

A = TypeVar("A", bound="LolaDice")
Rate = Annotated[float, Field(gt=0)]

NEVER = 1e-6
"""The least probability that an opponent model gives to an action: its logarithm must be finite."""


class LolaDice(Agent):
    """A memory-one policy that climbs its return against an opponent that it expects to learn.

    The other is modelled by a memory-one policy, fitted after each episode to what it was seen to do. Then, in
    play imagined by the rules of the game,
        y <- y + look_ahead_rate * grad_y V_other(x, y)      `look_aheads` times, from the model
        x <- Adam(grad_x V_own(x, y(x)))
    where V are discounted returns of whole episodes, not per round, estimated by DiCE, whose derivative in x goes
    through all of y's steps.

    Published: 128 tables of 150 rounds, discount 0.96, two look-aheads at rate 0.3, Adam at rate 0.2, logits from
    0. Here a state has two logits rather than one, which move apart twice as fast, so both rates are halved;
    and the own one once more: LOLA cooperates, then, more slowly, comes to extort itself, with exact gradients
    as well.
    """

    source: ClassVar[str] = (
        "Foerster et al. 2018, DiCE, section 5.2, with opponent models as in LOLA; rates of Jacq's LOLA_DiCE"
    )
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "game_model"})
    learns: ClassVar[bool] = True

    learning_rate: Rate = Field(0.05, description="of Adam, for the own logits")
    look_ahead_rate: Rate = Field(0.15, description="of the gradient steps that the other is expected to make")
    look_aheads: int = Field(2, description="steps that the other is expected to make", ge=0)
    discount: float = Field(0.96, description="weight of a round relative to the one before", gt=0, le=1)
    imagined_tables: int = Field(128, description="tables of each imagined episode", ge=2)
    memory: float = Field(10.0, description="seen actions in a state that weigh as much as the model so far", gt=0)
    spread: float = Field(0.0, description="standard deviation of the logits at the start", ge=0)

    def refuses(self, game: Environment) -> str | None:
        return refuses_to_imagine(game)

    def sit(self, chairs: Chairs) -> Player:
        return LolaDicePlayer(self, chairs)


class LolaDicePlayer(Player, Generic[A]):
    """Looks ahead on its chairs: the other's model and the own policy are [chair, state, action]."""

    def __init__(self, agent: A, chairs: Chairs):
        self.learning = True
        self.agent = agent
        game = chairs.game
        assert isinstance(game, RepeatedGame)
        self.discount = agent.discount * game.continuation
        self.imagination = Imagination(chairs, agent.imagined_tables)
        self._chance = chairs.chance
        self._perception = LastRound(chairs)
        self._actions = self.imagination.actions
        self._form = Tabular(1 + self._actions**2, self._actions, agent.spread)
        self._adam = Adam(agent.learning_rate)
        self.theta = self._form.initial(chairs)
        self._adam.begin(self.theta)
        self.model = torch.full_like(self._form.table(self.theta), 1 / self._actions)
        """The other's probability of each action in each of the own states."""
        self._counts = torch.zeros_like(self.model)
        self._told = {name: self.theta.new_zeros(len(self.theta)) for name in ("model_error", "look_ahead_shift")}

    def policy(self, theta: Tensor) -> Tensor:
        """Log-probabilities of what the own policy chooses [chair, state, action]."""
        return torch.log_softmax(self._form.table(theta), -1)

    def begin(self) -> None:
        self._perception.begin()
        self._counts = torch.zeros_like(self._counts)
        self._bounds = bounds(self.policy(self.theta))

    def act(self, observation: Observation) -> Tensor:
        self._episode = observation.episode
        self._playing = observation.playing
        self._seen = self._perception.see(observation)
        draws = self._chance.integers(Purpose.ACTION, observation.episode, observation.round)
        return choose(draws, lookup(self._bounds, self._seen))

    def observe(self, round: Round) -> None:
        if self.learning:
            cell = self._seen * self._actions + round.others[:, 0]
            here = torch.ones_like(cell) if self._playing is None else self._playing
            self._counts.flatten(1).scatter_add_(1, cell, here.to(self._counts.dtype))
        self._perception.observe(round)

    def learn(self) -> None:
        self._fit()
        self.climb()

    def _fit(self) -> None:
        """The most likely model, if the model so far counts as `memory` actions seen in each state."""
        before, seen = self.model, self._counts.sum(-1, keepdim=True)
        self.model = (self._counts + self.agent.memory * before) / (seen + self.agent.memory)
        surprise = ((self.model - before).abs().sum(-1) * seen[..., 0]).sum(1) / 2
        self._told["model_error"] = surprise / seen.sum((1, 2))

    def climb(self) -> None:
        """One step up the return after the other's."""
        theta = self.theta.detach().requires_grad_()
        with torch.enable_grad():
            value = self.value_after(theta, 0)
            (gradient,) = torch.autograd.grad(value.sum(), theta)
        self.theta = self._adam.step(self.theta, -gradient)

    def value_after(self, theta: Tensor, index: int) -> Tensor:
        """An estimate, for its derivative only, of the own return [chair] after the other's look-aheads.

        `index` tells apart the estimates of one episode.
        """
        agent = self.agent
        own = self.imagination.done(self.policy(theta))
        model = self.model.clamp(min=NEVER).log()
        logits = model.clone().requires_grad_()
        first = index * (agent.look_aheads + 1)
        for step in range(agent.look_aheads):
            theirs = torch.log_softmax(logits, -1)
            imagined = self.imagination.play(own, theirs, self._episode, first + step)
            value = loaded_dice(imagined.log_probability(own, theirs), imagined.their_reward, self.discount)
            value = value - self.restraint_on_them(model, theirs, imagined)
            (gradient,) = torch.autograd.grad(value.sum(), logits, create_graph=True)
            logits = logits + agent.look_ahead_rate * gradient
        theirs = torch.log_softmax(logits, -1)
        imagined = self.imagination.play(own, theirs, self._episode, first + agent.look_aheads)
        self._told["look_ahead_shift"] = (theirs.exp() - self.model).detach().abs().amax((1, 2))
        value = loaded_dice(imagined.log_probability(own, theirs), imagined.reward, self.discount)
        return value - self.restraint(own, imagined)

    def restraint_on_them(self, before: Tensor, theirs: Tensor, imagined: Imagined) -> Tensor | float:
        """What the other is expected to pay for leaving the policy it has [chair]."""
        return 0.0

    def restraint(self, own: Tensor, imagined: Imagined) -> Tensor | float:
        """What leaving the own policy of the episode costs [chair]."""
        return 0.0

    def measures(self) -> Mapping[str, Tensor]:
        log_policy = self.policy(self.theta)
        told = {**self._told, "entropy": entropy(log_policy).mean(-1)}
        if self._actions == 2:
            names = ("p_start", "p_cc", "p_cd", "p_dc", "p_dd")
            told |= dict(zip(names, log_policy[..., 0].exp().unbind(1), strict=True))
        return told

    def state_dict(self) -> dict[str, Tensor]:
        return {"theta": self.theta, "model": self.model, **self._adam.state_dict()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.theta, self.model = state["theta"], state["model"]
        self._adam.load_state_dict({name: state[name] for name in ("first", "second", "steps")})
