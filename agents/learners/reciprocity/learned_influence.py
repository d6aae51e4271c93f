"""Value influence in environments with features, from learned action values and baseline policies.

    VI_{p->q}(s, a) = Q_q(s, a) - sum_b baseline_p(b | s) Q_q(s, b, a_-p)
    V_q(s)             a function of s and the time left, fitted to TD(lambda) returns
    Q_q(s, a)          fitted to r_q + discount V_q(s')
    baseline_p(b | s)  fitted to the actions of p
Each chair has its own models of what it observes: its features, all players' actions (one-hot) and rewards. The
baseline is an average of Q, so an error in Q that all of p's actions share cancels in VI.

Zhou, Hong and Kao 2024 fit two networks, with and without p's action, and sum over successor states; they encode
actions as numbers, and their values don't depend on the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import one_hot, pad

from ....envs.chance import Purpose
from ...agent import Chairs
from ..nets.adam import Adam
from ..nets.categorical import allowed
from ..nets.encoding import FeatureEncoder, actions_of, feature_count
from ..nets.layers import parameter_chance
from ..nets.policies import MLP
from ..policy_gradient.returns import generalised_advantages
from ..policy_gradient.trajectory import Trajectory
from ..shaping.joint_action_value import JointActionValue, Leaves

Error: TypeAlias = Callable[..., Tensor]
"""The error of a model with parameters theta on rows of data, mean over players [chair, row]."""
ROUNDS_IN_BATCH = 2
"""Rounds, at all tables, in the batch of an optimiser step: at least."""
STEPS_IN_PASS = 64
"""Optimiser steps in a pass over the buffer: at most about, so that long episodes don't make for long fits."""
DECAY = 0.9
"""Lambda of the value's targets: the noise of plain returns is larger than the effect of one action."""
COMPONENTS = {"value": 2, "baseline": 3, "q_value": 4}
"""The component of a chair's chance that each model draws from; the policy has 0 and 1."""
STORED_NAMES = {"value": "value", "baseline": "usual", "q_value": "worth"}
"""What each model is called in a state dict."""


class LearnedInfluence:
    """Models for each chair, and the buffer of episodes that they are fitted to.

    Players are counted from the chair: 0 is its own, then the others in the order that it sees them. `buffer` has
    the last `buffer` episodes [chair, episode, round, table, ...]. Before the first fit of action values all
    influence is 0; before the first fit of baselines they are uniform, and uniform play keeps its share in them.
    """

    def __init__(
        self,
        chairs: Chairs,
        units: int,
        rate: float,
        passes: int,
        buffer: int,
        discount: float,
        uniform_share: float = 0.0,
    ):
        inputs = feature_count(chairs.spec)
        assert inputs is not None
        self._chairs, self._passes, self._buffer_size, self._discount = chairs, passes, buffer, discount
        self._uniform_share = uniform_share
        self._inputs = inputs
        self._rounds, self._players = int(chairs.spec.horizon), 1 + chairs.others
        seats = torch.cat((chairs.seat[:, None], chairs.seats_of_others), 1)
        self._available = actions_of(chairs.spec, seats)[:, None]
        """The actions that each player has, bool [chair, 1, player, action]."""
        self._actions = self._available.shape[-1]
        self._uniform = self._available.double() / self._available.sum(-1, keepdim=True)
        """Uniform play of these, float64."""
        encoder = FeatureEncoder(inputs + 1)
        self._value = MLP(encoder, (units,), self._players, "relu")
        self._baseline = MLP(encoder, (units,), self._players * self._actions, "relu")
        self._q_value = JointActionValue(inputs + 1, self._players, self._actions, units)
        self.theta = {
            "value": self._value.initial(chairs, COMPONENTS["value"]),
            "baseline": self._baseline.initial(chairs, COMPONENTS["baseline"]),
            "q_value": self._q_value.initial(chairs, COMPONENTS["q_value"]),
        }
        self._optimisers = {name: Adam(rate) for name in COMPONENTS}
        for name, optimiser in self._optimisers.items():
            optimiser.begin(self.theta[name])
        self.buffer: dict[str, Tensor] = {}
        zeros = torch.zeros(chairs.shape[0], dtype=torch.int64, device=chairs.device)
        self.fits = {"q_value": zeros, "baseline": zeros}

    def influence(self, features: Tensor, actions: Tensor, first: int = 0) -> tuple[Tensor, Tensor]:
        """Influence of each other on the chair and the reverse, float64 [round, chair, other, table].

        `features` [round, chair, table, input] and `actions` [round, chair, player, table] are of
        consecutive rounds; `first` is the number of the first one in its episode.
        """
        changes, shape = self._changes(features, actions, first)
        given = changes[0][..., 1:]
        received = torch.stack([change[..., 0] for change in changes[1:]], -1)
        return _by_round(received, shape), _by_round(given, shape)

    def influence_on_themselves(self, features: Tensor, actions: Tensor, first: int = 0) -> Tensor:
        """Influence of each other on its own return, float64 [round, chair, other, table]; else as `influence`."""
        changes, shape = self._changes(features, actions, first)
        themselves = [change[..., other] for other, change in enumerate(changes)][1:]
        return _by_round(torch.stack(themselves, -1), shape)

    def _changes(self, features: Tensor, actions: Tensor, first: int) -> tuple[list[Tensor], torch.Size]:
        """The influence of each player on each [player][chair, row, player], and rows' [chair, round, table]."""
        state = self._with_time(features.transpose(0, 1), first).flatten(1, 2)
        actions = actions.permute(1, 0, 3, 2)
        shape = actions.shape[:3]
        actions = actions.flatten(1, 2)
        with torch.no_grad():
            deviation = one_hot(actions, self._actions) - self.baselines(state)
            leaves = self._q_value.leaves(self.theta["q_value"])
            parts = self._q_value.parts(leaves, state)
            chosen = self._q_value.chosen(parts, actions)
            changes = [
                self._change(
                    leaves, parts[:, :, player], chosen.sum(2) - chosen[:, :, player], deviation[:, :, player]
                )
                for player in range(self._players)
            ]
        known = (self.fits["q_value"] > 0).double()[:, None, None]
        return [change * known for change in changes], shape

    def influence_of_random_actions(self) -> Tensor:
        """Root mean square influence if a player draws its action at random [chair, influencer, influenced].

        In the states of the last episode, with the others' actions as they were.
        """
        state = self._with_time(self.buffer["features"][:, -1]).flatten(1, 2)
        played = self.buffer["played"][:, -1].flatten(1)
        actions = self.buffer["did"][:, -1].flatten(1, 2)
        with torch.no_grad():
            leaves = self._q_value.leaves(self.theta["q_value"])
            parts = self._q_value.parts(leaves, state)
            chosen = self._q_value.chosen(parts, actions)
            squares = []
            for player in range(self._players):
                others = chosen.sum(2) - chosen[:, :, player]
                values = [self._q_value.value(leaves, others + part) for part in parts[:, :, player].unbind(2)]
                uniform = self._uniform[:, :, player, :, None]
                value = torch.stack(values, 2).double()
                value = value - value[:, :, :1]  # where all are the same the spread is 0, not what rounding leaves
                spread = ((value - (value * uniform).sum(2, keepdim=True)).square() * uniform).sum(2)
                squares.append((spread * played[..., None]).sum(1) / played.sum(1)[:, None])
        return torch.stack(squares, 1).sqrt()

    def baselines(self, state: Tensor) -> Tensor:
        """Baseline policies [chair, row, player, action] in states [chair, row, input]."""
        known = (self.fits["baseline"] > 0).to(state.dtype)[:, None, None, None]
        baseline = allowed(known * self._logits(self.theta["baseline"], state), self._available).softmax(-1)
        if not self._uniform_share:
            return baseline
        return torch.lerp(baseline, self._uniform.to(baseline).expand_as(baseline), self._uniform_share)

    def remember(self, trajectory: Trajectory) -> None:
        """Add an episode to the buffer, and drop the oldest."""
        rounds = self._rounds - len(trajectory)
        reward = torch.cat((trajectory.reward[:, :, None], trajectory.others_reward), 2)
        actions = torch.cat((trajectory.own[:, :, None], trajectory.others), 2)
        played = torch.ones_like(trajectory.reward) if trajectory.playing is None else trajectory.playing
        episode = {
            "features": trajectory.encoded[..., : self._inputs].transpose(0, 1).float(),
            "did": actions.permute(1, 0, 3, 2),
            "reward": reward.permute(1, 0, 3, 2).float(),
            "played": played.transpose(0, 1).float(),
        }
        for name, value in episode.items():
            whole = pad(value, (0, 0) * (value.dim() - 2) + (0, rounds))[:, None]
            before = self.buffer.get(name)
            self.buffer[name] = whole if before is None else torch.cat((before, whole), 1)[:, -self._buffer_size :]

    def fit_q_values(self, episode: int) -> None:
        """Fit state values, and then action values, to the buffer."""
        actions, state = self.buffer["did"].flatten(1, 2), self._buffer_states()
        self._descend("value", self._value_error, episode, state, self._returns(state, DECAY))
        self._descend("q_value", self._q_error, episode, state, actions, self._returns(state, 0.0))
        self.fits["q_value"] = self.fits["q_value"] + 1

    def fit_baselines(self, episode: int) -> None:
        """Fit the baselines to the buffer."""
        self._descend(
            "baseline", self._cross_entropy, episode, self._buffer_states(), self.buffer["did"].flatten(1, 2)
        )
        self.fits["baseline"] = self.fits["baseline"] + 1

    def state_dict(self) -> dict[str, Tensor]:
        """The state of the models and the buffer, each tensor starting with [chair]."""
        nets = {f"{STORED_NAMES[name]}_theta": theta for name, theta in self.theta.items()}
        steps = {
            f"{STORED_NAMES[name]}_{part}": value
            for name, optimiser in self._optimisers.items()
            for part, value in optimiser.state_dict().items()
        }
        fits = {f"{STORED_NAMES[name]}_fits": fits for name, fits in self.fits.items()}
        return {**fits, **nets, **steps, **{f"kept_{name}": value for name, value in self.buffer.items()}}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from `state`."""
        self.fits = {name: state[f"{STORED_NAMES[name]}_fits"] for name in self.fits}
        self.theta = {name: state[f"{STORED_NAMES[name]}_theta"] for name in COMPONENTS}
        for name, optimiser in self._optimisers.items():
            stored = STORED_NAMES[name]
            optimiser.load_state_dict({part: state[f"{stored}_{part}"] for part in optimiser.state_dict()})
        self.buffer = {
            name.removeprefix("kept_"): value for name, value in state.items() if name.startswith("kept_")
        }

    def _change(self, leaves: Leaves, parts: Tensor, others: Tensor, deviation: Tensor) -> Tensor:
        """The influence of a player's action on each player, float64 [chair, row, player].

        `parts` [chair, row, action, unit] belong to its possible actions, `others` [chair, row, unit] is the sum
        of those of the others' actions; `deviation` [chair, row, action] is its one-hot action minus its baseline.
        """
        values = [self._q_value.value(leaves, others + part) for part in parts.unbind(2)]
        return (torch.stack(values, 2) * deviation[..., None]).sum(2).double()

    def _descend(self, name: str, error: Error, episode: int, *data: Tensor) -> None:
        """Fit a model by passes over data [chair, episode x round, table, ...], a few rounds at a time."""
        for rounds in self._batches(name, episode, data[0].shape[1]):
            rows = [_select_rounds(values, rounds) for values in data]
            played = _select_rounds(self.buffer["played"].flatten(1, 2), rounds)
            with torch.enable_grad():
                theta = self.theta[name].detach().requires_grad_()
                loss = (error(theta, *rows) * played).sum(1) / played.sum(1).clamp(min=1)
                (gradient,) = torch.autograd.grad(loss.sum(), theta)
            self.theta[name] = self._optimisers[name].step(self.theta[name], gradient)

    def _value_error(self, theta: Tensor, state: Tensor, target: Tensor) -> Tensor:
        return ((self._value.step(theta, state, None)[0] - target) ** 2).mean(-1)

    def _cross_entropy(self, theta: Tensor, state: Tensor, actions: Tensor) -> Tensor:
        logs = torch.log_softmax(allowed(self._logits(theta, state), self._available), -1)
        return -logs.gather(-1, actions[..., None])[..., 0].mean(-1)

    def _q_error(self, theta: Tensor, state: Tensor, actions: Tensor, target: Tensor) -> Tensor:
        leaves = self._q_value.leaves(theta)
        summed = self._q_value.chosen(self._q_value.parts(leaves, state), actions).sum(2)
        return ((self._q_value.value(leaves, summed) - target) ** 2).mean(-1)

    def _batches(self, name: str, episode: int, rounds: int) -> Iterator[Tensor]:
        """Shuffled batches of the buffer's rounds [chair, round in batch]."""
        chance = parameter_chance(self._chairs, rounds, COMPONENTS[name])
        size = max(ROUNDS_IN_BATCH, rounds // STEPS_IN_PASS)
        for number in range(self._passes):
            order = chance.bits(Purpose.MINIBATCH, episode, number).argsort(1)
            yield from torch.split(order, size, 1)

    def _logits(self, theta: Tensor, state: Tensor) -> Tensor:
        logits = self._baseline.step(theta, state, None)[0]
        return logits.view(*logits.shape[:2], self._players, self._actions)

    def _returns(self, state: Tensor, decay: float) -> Tensor:
        """TD(lambda) returns of the buffer [chair, episode x round, table, player]."""
        with torch.no_grad():
            value = self._value.step(self.theta["value"], state.flatten(1, 2), None)[0]
        reward = self.buffer["reward"]
        reward, value = (values.movedim(2, 0) for values in (reward, value.view_as(reward)))
        played = self.buffer["played"].movedim(2, 0)[..., None]
        returns = generalised_advantages(reward, value, self._discount, decay, played) + value
        return returns.movedim(0, 2).flatten(1, 2)

    def _buffer_states(self) -> Tensor:
        """The states of the buffer [chair, episode x round, table, input]."""
        return self._with_time(self.buffer["features"].flatten(1, 2))

    def _with_time(self, features: Tensor, first: int = 0) -> Tensor:
        """Append the fraction of rounds left to features [chair, round, table, input]."""
        rounds = torch.arange(first, first + features.shape[1], device=features.device)
        left = 1 - rounds % self._rounds / self._rounds
        return torch.cat((features, left[:, None, None].expand(*features.shape[:-1], 1)), -1)


def _select_rounds(values: Tensor, rounds: Tensor) -> Tensor:
    """Select rounds [chair, number] of values [chair, round, table, ...], as rows [chair, row, ...]."""
    chair = torch.arange(len(values), device=values.device)[:, None]
    return values[chair, rounds].flatten(1, 2)


def _by_round(values: Tensor, shape: torch.Size) -> Tensor:
    """[chair, row, other] as [round, chair, other, table]."""
    return values.view(*shape, -1).permute(1, 0, 3, 2)
