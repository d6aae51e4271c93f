"""Value influence in environments with features: learned models of what actions bring, and of what is usual.

    VI_{p->q}(s, a) = Q_q(s, a) - sum_b usual_p(b | s) Q_q(s, b, a_-p)
    V_q(s)          of s and of the time left, fitted to returns to go mixed with its own later values (TD(lambda))
    Q_q(s, a)       fitted to r_q + discount V_q(s')
    usual_p(b | s)  fitted to what p did
Each chair has models of its own, of what it sees: its features, everybody's actions (one-hot) and rewards. As the
baseline is a model too, an error in Q that all of p's actions share cancels in VI.

Zhou, Hong and Kao 2024 fit two nets, with and without p's action, and sum over successor states; they enter
actions as numbers, and their values don't see the time.
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
from ..nets.encoding import Features, actions_by_seat, feature_count
from ..nets.layers import parameter_chance
from ..nets.policies import MLP
from ..policy_gradient.returns import generalised_advantages
from ..policy_gradient.trajectory import Trajectory
from ..shaping.joint_action_value import JointActionValue

Error: TypeAlias = Callable[..., Tensor]
"""How far off a model with parameters theta is in rows of its data, mean over players [chair, row]."""
ROUNDS_IN_BATCH = 2
"""Rounds, at all tables, that a step of the optimiser is taken on."""
DECAY = 0.9
"""Lambda of the value's targets: returns alone are noisier than what one action changes."""
COMPONENTS = {"value": 2, "usual": 3, "worth": 4}
"""The models, by the component of a chair's chance that each has; the policy has 0 and 1."""


class LearnedInfluence:
    """Models of chairs, and the episodes that they are fitted to.

    Players are counted from the chair: 0 is its own, 1 the next seat, and so on around. `kept` are the last
    `buffer` episodes [chair, episode, round, table, ...]; before the first fit of what
    actions are worth nobody has influence, and before that of what is usual every action is as usual as the other.
    """

    def __init__(self, chairs: Chairs, units: int, rate: float, passes: int, buffer: int, discount: float):
        inputs = feature_count(chairs.spec)
        assert inputs is not None
        self._chairs, self._passes, self._buffer, self._discount = chairs, passes, buffer, discount
        self._inputs = inputs
        self._rounds, self._players = int(chairs.spec.horizon), chairs.spec.seats
        sizes = torch.tensor(actions_by_seat(chairs.spec), device=chairs.device)
        self._actions = int(sizes.max())
        ahead = torch.arange(self._players, device=chairs.device)
        sizes = sizes[(chairs.seat[:, None] + ahead) % self._players]
        self._available = (torch.arange(self._actions, device=chairs.device) < sizes[..., None])[:, None]
        """Which actions each player has [chair, 1, player, action]."""
        seen = Features(inputs + 1)
        self._value = MLP(seen, (units,), self._players, "relu")
        self._usual = MLP(seen, (units,), self._players * self._actions, "relu")
        self._worth = JointActionValue(inputs + 1, self._players, self._actions, units)
        self.theta = {
            "value": self._value.initial(chairs, COMPONENTS["value"]),
            "usual": self._usual.initial(chairs, COMPONENTS["usual"]),
            "worth": self._worth.initial(chairs, COMPONENTS["worth"]),
        }
        self._optimisers = {name: Adam(rate) for name in COMPONENTS}
        for name, optimiser in self._optimisers.items():
            optimiser.begin(self.theta[name])
        self.kept: dict[str, Tensor] = {}
        nought = torch.zeros(chairs.shape[0], dtype=torch.int64, device=chairs.device)
        self.fits = {"worth": nought, "usual": nought}

    def influence(self, features: Tensor, did: Tensor, first: int = 0) -> tuple[Tensor, Tensor]:
        """Of each other on the chair, and of the chair on each other, float64 [round, chair, other, table].

        `features` [round, chair, table, input] and what everybody `did` [round, chair, player, table] are of
        rounds that follow each other, the `first` of which is so far into an episode.
        """
        state = self._fed(features.transpose(0, 1), first).flatten(1, 2)
        did = did.permute(1, 0, 3, 2)
        shape = did.shape[:3]
        did = did.flatten(1, 2)
        with torch.no_grad():
            away = one_hot(did, self._actions) - self.usual(state)
            parts = self._worth.parts(self.theta["worth"], state)
            chosen = self._worth.chosen(parts, did)
            changes = [
                self._change(parts[:, :, player], chosen.sum(2) - chosen[:, :, player], away[:, :, player])
                for player in range(self._players)
            ]
        given = changes[0][..., 1:]
        received = torch.stack([change[..., 0] for change in changes[1:]], -1)
        known = (self.fits["worth"] > 0).double()[:, None, None]
        return _by_round(received * known, shape), _by_round(given * known, shape)

    def usual(self, state: Tensor) -> Tensor:
        """Probabilities [chair, row, player, action], in states [chair, row, input]."""
        known = (self.fits["usual"] > 0).to(state.dtype)[:, None, None, None]
        return allowed(known * self._logits(self.theta["usual"], state), self._available).softmax(-1)

    def remember(self, trajectory: Trajectory) -> None:
        """Keep an episode, and let go of the oldest."""
        rounds = self._rounds - len(trajectory)
        reward = torch.cat((trajectory.reward[:, :, None], trajectory.others_reward), 2)
        did = torch.cat((trajectory.own[:, :, None], trajectory.others), 2)
        played = torch.ones_like(trajectory.reward) if trajectory.playing is None else trajectory.playing
        episode = {
            "features": trajectory.seen[..., : self._inputs].transpose(0, 1),
            "did": did.permute(1, 0, 3, 2),
            "reward": reward.permute(1, 0, 3, 2).float(),
            "played": played.transpose(0, 1).float(),
        }
        for name, value in episode.items():
            whole = pad(value, (0, 0) * (value.dim() - 2) + (0, rounds))[:, None]
            before = self.kept.get(name)
            self.kept[name] = whole if before is None else torch.cat((before, whole), 1)[:, -self._buffer :]

    def fit_worth(self, episode: int) -> None:
        """Fit values, and then what actions are worth, to what is kept."""
        did, state = self.kept["did"].flatten(1, 2), self._kept_states()
        self._descend("value", self._value_error, episode, state, self._returns(state, DECAY))
        self._descend("worth", self._worth_error, episode, state, did, self._returns(state, 0.0))
        self.fits["worth"] = self.fits["worth"] + 1

    def fit_usual(self, episode: int) -> None:
        """Fit what is usual to what is kept."""
        self._descend("usual", self._surprise, episode, self._kept_states(), self.kept["did"].flatten(1, 2))
        self.fits["usual"] = self.fits["usual"] + 1

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that it goes on with, each tensor starting with [chair]."""
        nets = {f"{name}_theta": theta for name, theta in self.theta.items()}
        steps = {
            f"{name}_{part}": value
            for name, optimiser in self._optimisers.items()
            for part, value in optimiser.state_dict().items()
        }
        fits = {f"{name}_fits": fits for name, fits in self.fits.items()}
        return {**fits, **nets, **steps, **{f"kept_{name}": value for name, value in self.kept.items()}}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on as the one that gave `state`."""
        self.fits = {name: state[f"{name}_fits"] for name in self.fits}
        self.theta = {name: state[f"{name}_theta"] for name in COMPONENTS}
        for name, optimiser in self._optimisers.items():
            optimiser.load_state_dict({part: state[f"{name}_{part}"] for part in optimiser.state_dict()})
        self.kept = {
            name.removeprefix("kept_"): value for name, value in state.items() if name.startswith("kept_")
        }

    def _change(self, parts: Tensor, others: Tensor, away: Tensor) -> Tensor:
        """What a player's action changes for everybody, float64 [chair, row, player].

        `parts` [chair, row, action, unit] are those of its actions, `others` [chair, row, unit] the sum of those
        of what the others did, `away` [chair, row, action] the code of what it did less what is usual.
        """
        theta = self.theta["worth"]
        worth = [self._worth.value(theta, others + part) for part in parts.unbind(2)]
        return (torch.stack(worth, 2) * away[..., None]).sum(2).double()

    def _descend(self, name: str, error: Error, episode: int, *kept: Tensor) -> None:
        """Passes of a model over data [chair, episode x round, table, ...], a few rounds at a time."""
        for rounds in self._batches(name, episode, kept[0].shape[1]):
            rows = [_taken(values, rounds) for values in kept]
            played = _taken(self.kept["played"].flatten(1, 2), rounds)
            with torch.enable_grad():
                theta = self.theta[name].detach().requires_grad_()
                loss = (error(theta, *rows) * played).sum(1) / played.sum(1).clamp(min=1)
                (gradient,) = torch.autograd.grad(loss.sum(), theta)
            self.theta[name] = self._optimisers[name].step(self.theta[name], gradient)

    def _value_error(self, theta: Tensor, state: Tensor, target: Tensor) -> Tensor:
        return ((self._value.step(theta, state, None)[0] - target) ** 2).mean(-1)

    def _surprise(self, theta: Tensor, state: Tensor, did: Tensor) -> Tensor:
        logs = torch.log_softmax(allowed(self._logits(theta, state), self._available), -1)
        return -logs.gather(-1, did[..., None])[..., 0].mean(-1)

    def _worth_error(self, theta: Tensor, state: Tensor, did: Tensor, target: Tensor) -> Tensor:
        summed = self._worth.chosen(self._worth.parts(theta, state), did).sum(2)
        return ((self._worth.value(theta, summed) - target) ** 2).mean(-1)

    def _batches(self, name: str, episode: int, rounds: int) -> Iterator[Tensor]:
        """Which rounds of what is kept are taken together [chair, round in batch]."""
        chance = parameter_chance(self._chairs, rounds, COMPONENTS[name])
        for number in range(self._passes):
            order = chance.bits(Purpose.MINIBATCH, episode, number).argsort(1)
            yield from torch.split(order, ROUNDS_IN_BATCH, 1)

    def _logits(self, theta: Tensor, state: Tensor) -> Tensor:
        logits = self._usual.step(theta, state, None)[0]
        return logits.view(*logits.shape[:2], self._players, self._actions)

    def _returns(self, state: Tensor, decay: float) -> Tensor:
        """Of what is kept, mixed with values of later states [chair, episode x round, table, player]."""
        with torch.no_grad():
            value = self._value.step(self.theta["value"], state.flatten(1, 2), None)[0]
        reward = self.kept["reward"]
        reward, value = (values.movedim(2, 0) for values in (reward, value.view_as(reward)))
        played = self.kept["played"].movedim(2, 0)[..., None]
        returns = generalised_advantages(reward, value, self._discount, decay, played) + value
        return returns.movedim(0, 2).flatten(1, 2)

    def _kept_states(self) -> Tensor:
        """[chair, episode x round, table, input]."""
        return self._fed(self.kept["features"].flatten(1, 2))

    def _fed(self, features: Tensor, first: int = 0) -> Tensor:
        """Features [chair, round, table, input] and, as one more, the share of rounds that are left."""
        rounds = torch.arange(first, first + features.shape[1], device=features.device)
        left = 1 - rounds % self._rounds / self._rounds
        return torch.cat((features, left[:, None, None].expand(*features.shape[:-1], 1)), -1)


def _taken(values: Tensor, rounds: Tensor) -> Tensor:
    """Rounds [chair, number] of values [chair, round, table, ...], as rows [chair, row, ...]."""
    chair = torch.arange(len(values), device=values.device)[:, None]
    return values[chair, rounds].flatten(1, 2)


def _by_round(values: Tensor, shape: torch.Size) -> Tensor:
    """[chair, row, other] as [round, chair, other, table]."""
    return values.view(*shape, -1).permute(1, 0, 3, 2)
