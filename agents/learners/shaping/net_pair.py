"""A network and a network as a model of the other, in games of two with features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

import torch
from torch import Tensor

from ....envs.chance import Chance, Purpose, derive
from ....envs.environment import Discrete, Environment
from ...agent import Chairs, Observation, Round
from ..nets.adam import Adam
from ..nets.categorical import allowed, bounds, choose, entropy, log_probability
from ..nets.encoding import ByteEncoder, actions_of, feature_count
from ..nets.fitted_net import FittedNet, lambda_returns
from ..nets.policies import GRU, MLP, Activation, Form
from .pair import Pair, Rollout, divergence

PASSES = 4
"""Passes over an episode in one fit of the model."""
PARTS = 5
"""Optimiser steps in a pass over an episode, each on every fifth table."""


@dataclass(frozen=True)
class NetRollout(Rollout):
    """Simulated episodes of two networks; a policy is its parameters [chair, parameter]."""

    net: Form
    view: Tensor
    """What the chair saw [round, chair, table, input]."""
    their_view: Tensor
    action: Tensor
    """[round, chair, table]"""
    their_action: Tensor
    mask: Tensor | None
    """Actions that the chair was allowed [round, chair, table, action]; None: all."""
    their_mask: Tensor | None

    def log_probability(self, own: Tensor, theirs: Tensor) -> Tensor:
        return log_probability(self._own(own), self.action) + log_probability(
            self._theirs(theirs), self.their_action
        )

    def own_change(self, before: Tensor, after: Tensor) -> Tensor:
        with torch.no_grad():
            fixed = self._own(before)
        return divergence(fixed, self._own(after)).mean((0, 2))

    def their_change(self, before: Tensor, after: Tensor) -> Tensor:
        with torch.no_grad():
            fixed = self._theirs(before)
        return divergence(fixed, self._theirs(after)).mean((0, 2))

    def largest_change(self, before: Tensor, after: Tensor) -> Tensor:
        with torch.no_grad():
            change = (self._theirs(after).exp() - self._theirs(before).exp()).abs()
        return change.amax((0, 2, 3)).double()

    def _own(self, theta: Tensor) -> Tensor:
        return log_policy(self.net, theta, self.view, self.mask)

    def _theirs(self, model: Tensor) -> Tensor:
        return log_policy(self.net, model, self.their_view, self.their_mask)


def log_policy(net: Form, theta: Tensor, view: Tensor, mask: Tensor | None) -> Tensor:
    """Log-probabilities of actions [round, chair, table, action], of what was seen in whole episodes."""
    # With actions before tables, which is several times faster.
    return torch.log_softmax(allowed(net.unroll_smoothly(theta, view), mask).mT, -2).mT


def refuses_net_rollouts(game: Environment) -> str | None:
    """Why an agent that simulates games of two networks can't play `game`; None if it can."""
    if game.seats != 2:
        return f"simulates games of two, not of {game.seats}"
    spaces = [game.actions(seat) for seat in range(2)]
    if not isinstance(spaces[0], Discrete) or spaces[0] != spaces[1]:
        return "simulates only games in which both have the same actions"
    if game.horizon == inf or game.observation(0) != game.observation(1):
        return "simulates only games in which both see alike, and of a limited number of rounds"
    return None


class NetPair(Pair):
    """Policies are parameters of one network; the model's are fitted to what the other saw and did.

    The fit is by Adam on the cross-entropy, `PASSES` times over each episode. Critics of what both earn from the
    chair's view, fitted to the last simulated episodes of each update, are the baselines of DiCE.
    """

    def __init__(
        self,
        chairs: Chairs,
        policy: Literal["mlp", "gru"],
        hidden: Sequence[int],
        activation: Activation,
        tables: int,
        discount: float,
        model_rate: float,
    ):
        inputs = feature_count(chairs.spec)
        assert inputs is not None
        self._encoder = ByteEncoder(inputs)
        self._actions = actions_of(chairs.spec, chairs.seat).shape[1]
        self.net: Form = MLP(self._encoder, hidden, self._actions, activation)
        if policy == "gru":
            self.net = GRU(self._encoder, hidden[-1], self._actions)
        self._chairs, self._discount = chairs, discount
        self._model = self.net.initial(chairs, 1)
        self._optimiser = Adam(model_rate)
        self._optimiser.begin(self._model)
        self._critic = FittedNet(chairs, inputs, (64,), 2, 0.003, component=2)
        self._imagined = Chance.at_tables(derive(chairs.chance.keys[:, 0], 0), tables)
        seats = torch.arange(0, 2 * len(chairs.seat), 2, device=chairs.device)
        self._both = torch.cat((seats + chairs.seat, seats + 1 - chairs.seat))
        """Rows of simulated matches [chair x seat], one for each chair: its own seat in each, then the other's."""
        zeros = torch.zeros(chairs.shape[0], dtype=torch.float64, device=chairs.device)
        self._model_error = self._entropy = zeros

    def initial(self) -> Tensor:
        return self.net.initial(self._chairs, 0)

    def begin(self, theta: Tensor) -> None:
        self._theta = theta
        self._memory: Tensor | None = None
        self._views: list[Tensor] = []
        self._did: list[Tensor] = []
        self._played: list[Tensor] = []

    def act(self, observation: Observation) -> Tensor:
        self._before = observation
        logits, self._memory = self.net.step(self._theta, self._encoder.encode(observation), self._memory)
        logs = torch.log_softmax(allowed(logits, observation.action_mask), -1)
        self._entropy = entropy(logs).mean(-1).double()
        draws = self._chairs.chance.integers(Purpose.ACTION, observation.episode, observation.round)
        return choose(draws, bounds(logs))

    def observe(self, round: Round, learning: bool) -> None:
        if not learning:
            return
        others = self._before.others_features
        assert others is not None
        did = round.others[:, 0]
        playing = self._before.playing
        self._views.append(others[:, 0].flatten(2))
        self._did.append(did.clone())
        self._played.append(torch.ones_like(did, dtype=torch.bool) if playing is None else playing)

    def fit(self) -> None:
        views, did, played = (torch.stack(seen) for seen in (self._views, self._did, self._played))
        parts = [slice(first, None, PARTS) for first in range(min(PARTS, did.shape[2]))]
        for number, part in enumerate(parts * PASSES):
            weight = played[:, :, part].to(self._model.dtype)
            with torch.enable_grad():
                model = self._model.detach().requires_grad_()
                logs = torch.log_softmax(self.net.unroll(model, views[:, :, part]), -1)
                surprise = -log_probability(logs, did[:, :, part])
                loss = (surprise * weight).sum((0, 2)) / weight.sum((0, 2)).clamp(min=1)
                (gradient,) = torch.autograd.grad(loss.sum(), model)
            self._model = self._optimiser.step(self._model, gradient)
            if number == 0:
                self._model_error = loss.detach().double()

    def own(self, theta: Tensor) -> Tensor:
        return theta

    @property
    def model(self) -> Tensor:
        return self._model

    def theirs(self, model: Tensor) -> Tensor:
        return model

    def sample(self, own: Tensor, theirs: Tensor, episode: int, index: int) -> NetRollout:
        game, chance = self._chairs.game, Chance(derive(self._imagined.keys, index))
        chairs = len(own)
        policies = torch.cat((own, theirs)).detach()
        views: list[Tensor] = []
        actions: list[Tensor] = []
        rewards: list[Tensor] = []
        masks: list[Tensor] = []
        playing: list[Tensor] = []
        memory: Tensor | None = None
        state = game.reset(chairs, chance.keys.shape[1], chance, episode)
        for round in range(int(game.horizon)):
            assert state.observation is not None
            view = self._by_side(state.observation).flatten(2)
            logits, memory = self.net.step(policies, view, memory)
            if state.action_mask is not None:
                masks.append(self._by_side(state.action_mask))
                logits = allowed(logits, masks[-1])
            if state.playing is not None:
                playing.append(self._by_side(state.playing)[:chairs])
            draws = chance.pair(Purpose.IMAGINATION, episode, round).transpose(0, 1).flatten(0, 1)
            action = choose(draws, bounds(logits))
            joint = torch.empty_like(action).index_copy_(0, self._both, action)
            state, step = game.step(state, joint.view(chairs, 2, -1), chance)
            views.append(view)
            actions.append(action)
            rewards.append(self._by_side(step.reward))
        view, their_view = torch.stack(views).chunk(2, 1)
        action, their_action = torch.stack(actions).chunk(2, 1)
        reward, their_reward = torch.stack(rewards).to(own.dtype).chunk(2, 1)
        mask, their_mask = torch.stack(masks).chunk(2, 1) if masks else (None, None)
        baseline, their_baseline = self._critic.values(view).to(own.dtype).unbind(-1)
        return NetRollout(
            reward,
            their_reward,
            self.net,
            view,
            their_view,
            action,
            their_action,
            mask,
            their_mask,
            baseline=baseline,
            their_baseline=their_baseline,
            playing=torch.stack(playing) if playing else None,
        )

    def learn_from(self, rollout: Rollout) -> None:
        assert isinstance(rollout, NetRollout)
        values = self._critic.values(rollout.view)
        targets = [
            lambda_returns(reward, value, self._discount, rollout.playing)
            for reward, value in zip((rollout.reward, rollout.their_reward), values.unbind(-1), strict=True)
        ]
        self._critic.fit(rollout.view, torch.stack(targets, -1), rollout.playing)

    def measures(self, theta: Tensor) -> Mapping[str, Tensor]:
        return {"model_error": self._model_error, "entropy": self._entropy}

    def state_dict(self) -> dict[str, Tensor]:
        fitted = {
            f"{part}_{name}": value
            for part, its in self._fitted().items()
            for name, value in its.state_dict().items()
        }
        return {"model": self._model, **fitted}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self._model = state["model"]
        for part, its in self._fitted().items():
            prefix = f"{part}_"
            its.load_state_dict(
                {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
            )

    def _fitted(self) -> dict[str, Adam | FittedNet]:
        """What has a state of its own, by name."""
        return {"optimiser": self._optimiser, "critic": self._critic}

    def _by_side(self, of_seats: Tensor) -> Tensor:
        """What belongs to seats [chair, seat, ...]: the chairs' own first and then the others' [2 chair, ...]."""
        return of_seats.flatten(0, 1).index_select(0, self._both)
