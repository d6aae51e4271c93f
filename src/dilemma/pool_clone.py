"""A behavioural clone of the players in a common pool: a recurrent network that says what they return.

A player that got E whole units returns c of them with probability

    p(c | E) = w_none [c = 0] + w_all [c = E] + w_some (F((c + 1) / (E + 1)) - F(c / (E + 1))) / (F(1) - F(0))

where F is the logistic distribution with mean m and scale s, and the weights, m and s are outputs of a model of
what the player has seen. Models, each fitted by maximum likelihood: `constant`, the same outputs always; `linear`
in what the player sees now; `gru`, a gated recurrent unit over all that it has seen (Koster et al. 2025 used 64
units). `uniform`, 1 / (E + 1), has nothing to fit. A part of the games is held out; each figure is the mean
negative log-likelihood of a decision there, in nats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from .envs.chance import Chance, Purpose, derive
from .envs.errors import DilemmaError
from .pool_games import PoolGames

REFERENCE = {"uniform": 2.959, "constant": 2.922, "linear": 2.862, "gru": 2.694}
"""What an open reproduction found for its models of people's decisions in the authors' released data."""
HELD_OUT, WATCHED = 0.2, 0.1
"""Shares of the games that are held out, and that say when to stop."""
RATE, PATIENCE, BATCH = 0.003, 20, 32
LEAST_GAMES = 10
LEAST = 1e-9
"""The least probability."""


class Model(nn.Module):
    """From what players see [round, row, input] to five outputs [round, row, output]."""

    def __init__(self, kind: str, inputs: int, units: int):
        super().__init__()
        self.kind = kind
        self.recurrent = nn.GRU(inputs, units) if kind == "gru" else None
        self.outputs = nn.Linear(units if kind == "gru" else inputs, 5)

    def forward(self, features: Tensor) -> Tensor:
        if self.recurrent is not None:
            features, _ = self.recurrent(features)
        elif self.kind == "constant":
            features = torch.zeros_like(features)
        found: Tensor = self.outputs(features)
        return found


def log_probability(outputs: Tensor, returned: Tensor, allocated: Tensor) -> Tensor:
    """log p(c | E) [...] of whole units returned and allocated [...], from a model's outputs [..., 5]."""
    none, everything, some = torch.softmax(outputs[..., :3], -1).unbind(-1)
    mean, scale = torch.sigmoid(outputs[..., 3]), nn.functional.softplus(outputs[..., 4]) + 1e-3
    width = allocated + 1

    def below(point: Tensor) -> Tensor:
        return torch.sigmoid((point - mean) / scale)

    within = below((returned + 1) / width) - below(returned / width)
    whole = below(torch.ones_like(mean)) - below(torch.zeros_like(mean))
    chance = none * (returned == 0) + everything * (returned == allocated) + some * within / whole.clamp(min=1e-9)
    return chance.clamp(min=LEAST).log()


def losses(model: Model, games: PoolGames) -> Tensor:
    """Negative log-likelihoods of decisions [round, row]; 0 where there is none."""
    loss = -log_probability(model(games.features), games.returned, games.allocated)
    return loss * games.decides


@dataclass(frozen=True)
class Fit:
    """How well a model says what is held out."""

    model: str
    loss: float
    """Nats a decision."""
    error: float
    """Its standard error, over games."""


@dataclass(frozen=True)
class Split:
    """Games by what they are for."""

    trained: PoolGames
    watched: PoolGames
    held_out: PoolGames

    @staticmethod
    def of(games: PoolGames, seed: int) -> Split:
        """A random split. Raises DilemmaError where there are too few games."""
        numbers = torch.unique(games.game)
        if len(numbers) < LEAST_GAMES:
            raise DilemmaError(f"there are {len(numbers)} games; allowed: {LEAST_GAMES} or more")
        order = numbers[
            Chance(derive(torch.tensor([[seed]]), numbers[None])).bits(Purpose.MINIBATCH, 0, 0)[0].argsort()
        ]
        held, watched = max(1, round(HELD_OUT * len(order))), max(1, round(WATCHED * len(order)))
        parts = order[held + watched :], order[held : held + watched], order[:held]
        return Split(*(games.among(part) for part in parts))


def fitted(
    kind: str, split: Split, units: int, epochs: int, seed: int, tell: Callable[[str], None] = lambda line: None
) -> Model:
    """A model with the parameters that were best in the games that are watched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Model(kind, split.trained.features.shape[2], units)
        optimiser = torch.optim.Adam(model.parameters(), lr=RATE if kind == "gru" else 10 * RATE)
        best, since, kept = float("inf"), 0, {name: value.clone() for name, value in model.state_dict().items()}
        for epoch in range(epochs):
            order = torch.randperm(split.trained.features.shape[1])
            for rows in torch.split(order, BATCH):
                batch = PoolGames(
                    split.trained.game[rows],
                    split.trained.features[:, rows],
                    split.trained.allocated[:, rows],
                    split.trained.returned[:, rows],
                    split.trained.capacity,
                )
                loss = losses(model, batch).sum() / batch.decides.sum().clamp(min=1)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimiser.step()
            with torch.no_grad():
                now = float(losses(model, split.watched).sum() / split.watched.decides.sum())
            if now < best:
                best, since, kept = now, 0, {name: value.clone() for name, value in model.state_dict().items()}
            else:
                since += 1
            if epoch % 10 == 9:
                tell(f"{kind}: epoch {epoch + 1} of at most {epochs}, {best:.3f} nats a decision so far")
            if since >= PATIENCE:
                break
        model.load_state_dict(kept)
    return model


def judged(model: str, loss: Tensor, games: PoolGames) -> Fit:
    """The mean of losses [round, row] of decisions, a ratio over games."""
    _, which = torch.unique(games.game, return_inverse=True)
    total = torch.zeros(int(which.max()) + 1, dtype=torch.float64).index_add(0, which, loss.sum(0).double())
    count = torch.zeros_like(total).index_add(0, which, games.decides.sum(0).double())
    mean = total.sum() / count.sum()
    squares = ((total - mean * count) ** 2).sum()
    many = len(total)
    error = (squares * many / max(many - 1, 1)).sqrt() / count.sum()
    return Fit(model, float(mean), float(error))


def fit(
    games: PoolGames, units: int, epochs: int, seed: int, tell: Callable[[str], None]
) -> tuple[list[Fit], Model]:
    """What each model says of the games that are held out, and the recurrent one."""
    split = Split.of(games, seed)
    uniform = (split.held_out.allocated + 1).double().log() * split.held_out.decides
    found = [judged("uniform", uniform, split.held_out)]
    for kind in ("constant", "linear", "gru"):
        model = fitted(kind, split, units, epochs, seed, tell)
        with torch.no_grad():
            found.append(judged(kind, losses(model, split.held_out), split.held_out))
    return found, model


def lines(found: Sequence[Fit], games: PoolGames) -> Iterator[str]:
    """A table of the models, beside the reference's."""
    many, decisions = len(torch.unique(games.game)), int(games.decides.sum())
    yield f"{many:,} games, {decisions:,} decisions; {HELD_OUT:.0%} of the games held out"
    yield f"{'model':10} {'nats a decision':>16} {'(se)':>8} {'reference':>10}"
    for each in found:
        yield f"{each.model:10} {each.loss:16.3f} {f'({each.error:.3f})':>8} {REFERENCE[each.model]:10.3f}"
    yield "The reference's are of the authors' data; they compare where `uniform` does."


def keep(path: Path, model: Model, games: PoolGames) -> None:
    """Write the recurrent model: its parameters by name, and what it takes."""
    recurrent = model.recurrent
    assert recurrent is not None
    torch.save(
        {
            "parameters": model.state_dict(),
            "inputs": recurrent.input_size,
            "units": recurrent.hidden_size,
            "capacity": games.capacity,
        },
        path,
    )
