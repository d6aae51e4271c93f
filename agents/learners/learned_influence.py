"""Value influence in environments with features: learned models of what actions bring, and of what is usual.

    VI_{p->q}(s, a) = Q_q(s, a) - sum_b usual_p(b | s) Q_q(s, b, a_-p)
    V_q(s)          of s and of the time left, fitted to returns to go mixed with its own later values (TD(lambda))
    Q_q(s, a)       fitted to r_q + discount V_q(s')
    usual_p(b | s)  fitted to what p did
Each chair has models of its own, of what it sees: its features, everybody's actions (one-hot) and rewards. As the
baseline is a model too, an error in Q that all of p's actions share cancels in VI.

Zhou, Hong and Kao 2024 fit two nets, with and without p's action, and sum over successor states; they enter actions
as numbers, and their values don't see the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot, pad

from ...envs.chance import Purpose
from ..agent import Chairs
from .adam import Adam
from .categorical import allowed
from .layers import parameter_chance
from .perception import Features, actions_by_seat, feature_count
from .policies import MLP
from .returns import generalised_advantages
from .trajectory import Trajectory

ROUNDS_IN_BATCH = 8
"""Rounds, at all tables, that a step of the optimiser is taken on."""
DECAY = 0.9
"""Lambda of the value's targets: returns alone are noisier than what one action changes."""
COMPONENTS = (2, 3, 4)
"""Of a chair's chance; the policy has 0 and 1."""


class LearnedInfluence:
    """Models of chairs, and the episodes that they are fitted to.

    Players are counted from the chair: 0 is its own, 1 the next seat, and so on around. `kept` are the last `buffer`
    episodes [chair, episode, round, table, ...]; before the first fit nobody has influence.
    """

    def __init__(
        self, chairs: Chairs, hidden: Sequence[int], rate: float, passes: int, buffer: int, discount: float
    ):
        inputs = feature_count(chairs.game)
        assert inputs is not None
        self._chairs, self._passes, self._buffer, self._discount = chairs, passes, buffer, discount
        self._rounds, self._players = int(chairs.game.horizon), chairs.game.seats
        sizes = torch.tensor(actions_by_seat(chairs.game), device=chairs.device)
        self._actions = int(sizes.max())
        ahead = torch.arange(self._players, device=chairs.device)
        sizes = sizes[(chairs.seat[:, None] + ahead) % self._players]
        self._available = (torch.arange(self._actions, device=chairs.device) < sizes[..., None])[:, None]
        """Which actions each player has [chair, 1, player, action]."""
        acts = self._players * self._actions
        self._nets = {
            "value": MLP(Features(inputs + 1), hidden, self._players, "relu"),
            "usual": MLP(Features(inputs + 1), hidden, acts, "relu"),
            "worth": MLP(Features(inputs + 1 + acts), hidden, self._players, "relu"),
        }
        self.theta = {
            name: net.initial(chairs, component)
            for (name, net), component in zip(self._nets.items(), COMPONENTS, strict=True)
        }
        self._optimisers = {name: Adam(rate) for name in self._nets}
        for name, optimiser in self._optimisers.items():
            optimiser.begin(self.theta[name])
        self.kept: dict[str, Tensor] = {}
        self.fits = torch.zeros(chairs.shape[0], dtype=torch.int64, device=chairs.device)

    def influence(self, trajectory: Trajectory) -> tuple[Tensor, Tensor]:
        """Of each other on the chair, and of the chair on each other, float64 [round, chair, other, table]."""
        state = self._fed(trajectory.seen.transpose(0, 1))
        did = torch.cat((trajectory.own[:, :, None], trajectory.others), 2).permute(1, 0, 3, 2)
        shape = did.shape[:3]
        did = did.flatten(1, 2)
        with torch.no_grad():
            usual = self._usual(self.theta["usual"], state).softmax(-1)
            changes = [self._change(state, did, usual[:, :, player], player) for player in range(self._players)]
        given = changes[0][..., 1:]
        received = torch.stack([change[..., 0] for change in changes[1:]], -1)
        known = (self.fits > 0).double()[:, None, None]
        return _by_round(received * known, shape), _by_round(given * known, shape)

    def remember(self, trajectory: Trajectory) -> None:
        """Keep an episode, and let go of the oldest."""
        rounds = self._rounds - len(trajectory)
        reward = torch.cat((trajectory.reward[:, :, None], trajectory.others_reward), 2)
        did = torch.cat((trajectory.own[:, :, None], trajectory.others), 2)
        played = torch.ones_like(trajectory.reward) if trajectory.playing is None else trajectory.playing
        episode = {
            "features": trajectory.seen.transpose(0, 1),
            "did": did.permute(1, 0, 3, 2),
            "reward": reward.permute(1, 0, 3, 2).float(),
            "played": played.transpose(0, 1).float(),
        }
        for name, value in episode.items():
            whole = pad(value, (0, 0) * (value.dim() - 2) + (0, rounds))[:, None]
            before = self.kept.get(name)
            self.kept[name] = whole if before is None else torch.cat((before, whole), 1)[:, -self._buffer :]

    def fit(self, episode: int) -> None:
        """Fit values, then what is usual and what actions are worth, to what is kept."""
        kept = {name: value.flatten(1, 2) for name, value in self.kept.items()}  # [chair, episode x round, table, ...]
        state = self._fed(self.kept["features"].flatten(1, 2), flat=False)
        joint = torch.cat((state, self._coded(kept["did"])), -1)
        played = kept["played"]
        shape = self.kept["reward"].shape
        value = self._values(state).view(shape)
        returns = self._returns(value, DECAY) + value
        self._descend("value", episode, state, returns.flatten(1, 2), played)
        self._descend("usual", episode, state, kept["did"], played)
        value = self._values(state).view(shape)
        self._descend("worth", episode, joint, (self._returns(value, 0.0) + value).flatten(1, 2), played)
        self.fits = self.fits + 1

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that it goes on with, each tensor starting with [chair]."""
        nets = {f"{name}_theta": theta for name, theta in self.theta.items()}
        steps = {
            f"{name}_{part}": value
            for name, optimiser in self._optimisers.items()
            for part, value in optimiser.state_dict().items()
        }
        return {"fits": self.fits, **nets, **steps, **{f"kept_{name}": value for name, value in self.kept.items()}}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on as the one that gave `state`."""
        self.fits = state["fits"]
        self.theta = {name: state[f"{name}_theta"] for name in self._nets}
        for name, optimiser in self._optimisers.items():
            optimiser.load_state_dict({part: state[f"{name}_{part}"] for part in optimiser.state_dict()})
        self.kept = {name.removeprefix("kept_"): value for name, value in state.items() if name.startswith("kept_")}

    def _change(self, state: Tensor, did: Tensor, usual: Tensor, player: int) -> Tensor:
        """What a player's action changes for everybody [chair, row, player]."""
        worth = []
        for action in range(self._actions):
            instead = did.clone()
            instead[..., player] = action
            fed = torch.cat((state, self._coded(instead)), -1)
            worth.append(self._nets["worth"].step(self.theta["worth"], fed, None)[0])
        every = torch.stack(worth, -1)
        chosen = one_hot(did[..., player], self._actions).to(every.dtype)
        return (every * (chosen - usual)[:, :, None]).sum(-1).double()

    def _descend(self, name: str, episode: int, fed: Tensor, target: Tensor, played: Tensor) -> None:
        """Passes of a net over [chair, episode x round, table, ...], a few rounds at a time."""
        net, optimiser = self._nets[name], self._optimisers[name]
        for rounds in self._batches(name, episode, fed.shape[1]):
            rows, aim, weight = (_taken(values, rounds) for values in (fed, target, played))
            with torch.enable_grad():
                theta = self.theta[name].detach().requires_grad_()
                if name == "usual":
                    logits = self._usual(theta, rows)
                    error = cross_entropy(logits.flatten(0, 2), aim.flatten(), reduction="none").view(aim.shape)
                else:
                    error = (net.step(theta, rows, None)[0] - aim) ** 2
                loss = (error.mean(-1) * weight).sum(1) / weight.sum(1).clamp(min=1)
                (gradient,) = torch.autograd.grad(loss.sum(), theta)
            self.theta[name] = optimiser.step(self.theta[name], gradient)

    def _batches(self, name: str, episode: int, rounds: int) -> Iterator[Tensor]:
        """Which rounds of what is kept are taken together [chair, round in batch]."""
        component = COMPONENTS[list(self._nets).index(name)]
        chance = parameter_chance(self._chairs, rounds, component)
        for number in range(self._passes):
            order = chance.bits(Purpose.MINIBATCH, episode, number).argsort(1)
            yield from order.split(ROUNDS_IN_BATCH, 1)

    def _usual(self, theta: Tensor, state: Tensor) -> Tensor:
        """Logits [chair, row, player, action]."""
        logits = self._nets["usual"].step(theta, state, None)[0]
        return allowed(logits.unflatten(-1, (self._players, self._actions)), self._available)

    def _values(self, state: Tensor) -> Tensor:
        """V [chair, row, player] of [chair, ..., input]."""
        with torch.no_grad():
            return self._nets["value"].step(self.theta["value"], state.flatten(1, -2), None)[0]

    def _returns(self, value: Tensor, decay: float) -> Tensor:
        """Returns of what is kept, less the values [chair, episode, round, table, player]."""
        reward, value = (values.movedim(2, 0) for values in (self.kept["reward"], value))
        played = self.kept["played"].movedim(2, 0)[..., None]
        return generalised_advantages(reward, value, self._discount, decay, played).movedim(0, 2)

    def _fed(self, features: Tensor, flat: bool = True) -> Tensor:
        """Features [chair, round, table, input] with the share of rounds that are left; `flat`: [chair, row, input]."""
        rounds = features.shape[1]
        left = 1 - torch.arange(rounds, device=features.device) % self._rounds / self._rounds
        fed = torch.cat((features, left[:, None, None].expand(*features.shape[:-1], 1)), -1)
        return fed.flatten(1, 2) if flat else fed

    def _coded(self, did: Tensor) -> Tensor:
        """Joint actions [..., player] as one-hot codes side by side [..., player x action]."""
        return one_hot(did, self._actions).flatten(-2).float()


def _taken(values: Tensor, rounds: Tensor) -> Tensor:
    """Rounds [chair, number] of values [chair, round, table, ...], as rows [chair, row, ...]."""
    chair = torch.arange(len(values), device=values.device)[:, None]
    return values[chair, rounds].flatten(1, 2)


def _by_round(values: Tensor, shape: torch.Size) -> Tensor:
    """[chair, row, other] as [round, chair, other, table]."""
    return values.view(*shape, -1).permute(1, 0, 3, 2)
