"""The parameters of `fitted_players`, from the published figures of people in a common pool.

    python -m dilemma.pool_players_fit           # searches (two minutes), prints parameters and misfit
    python -m dilemma.pool_players_fit --misfit  # of the parameters that are shipped

Simulated moments: conditional cooperators play under the three baseline mechanisms, and CMA-ES looks for the
distribution of their coefficients with the least

    sum over moments of ((simulated - published) / tolerance)^2

The moments are surplus, Gini and the share of pools that survive, those of people in Koster et al. 2025,
experiment 1; surplus and Gini are means of 40 groups, survival is of a part of the games. Their errors are not
published: the tolerances below are of the size that 40 groups leave. There are as many parameters as moments, so
the fit says what such players may be like, not what people are like. What was not fitted is its test: the
interpolating mechanism.

Games are simulated on arrays, for all candidates of a generation at once; a test holds that they agree with play.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .agents.fitted_players import FittedPlayers
from .agents.pool_players import ConditionalCooperator
from .envs.common_pool_trust import CommonPoolTrust

Numbers = NDArray[np.float64]

GAME = CommonPoolTrust()
MECHANISMS = {"equal": 1.0, "mixed": 0.5, "proportional": 0.0}
"""The part of the pool that each shares equally."""
EXPONENT = 22.0
"""Of the interpolating mechanism, which is not fitted to."""
MOMENTS = ("surplus", "Gini", "survival")
PEOPLE = np.array([[2.202, 0.150, 0.0], [4.533, 0.087, 0.5], [6.047, 0.360, 0.875]])
"""Published means [mechanism, moment]."""
CLONES = np.array([[3.879, 0.167], [4.787, 0.097], [6.406, 0.426]])
"""Those of the behavioural clones in the same publication: surplus and Gini."""
INTERPOLATING = 8.456
"""The surplus of people under the interpolating mechanism, in experiment 2; proportional had 6.563 there."""
TOLERANCE = np.array([[0.3, 0.02, 0.05], [0.3, 0.02, 0.08], [0.3, 0.02, 0.06]])
GAMES, GENERATIONS, STARTS, CANDIDATES = 600, 130, 3, 14
BOUNDS = np.array(
    [[0.3, 0.9], [0, 0.4], [-0.5, 1], [0, 1], [-0.5, 0.5], [0, 0.4], [-0.5, 0.5], [0, 0.4], [0, 0.4]]
)
"""The range of each parameter [parameter, end]: mean and deviation of the four coefficients, and the noise."""


@dataclass(frozen=True)
class People:
    """Standard normal draws: whom each candidate's players become, and their noise."""

    coefficient: Numbers
    """[coefficient, 1, 1, game, player]."""
    noise: Numbers
    """[round, 1, 1, game, player]."""

    @staticmethod
    def drawn(games: int, seed: int) -> People:
        """Four players in each of so many games."""
        random = np.random.default_rng(seed)
        shape = (1, 1, games, GAME.players)
        return People(random.standard_normal((4, *shape)), random.standard_normal((GAME.rounds, *shape)))


def simulated(vectors: Numbers, people: People, interpolating: bool = False) -> Numbers:
    """Surplus, Gini and survival of games under each mechanism [candidate, mechanism, moment, game].

    `vectors` are the candidates' parameters [candidate, parameter]; with `interpolating` that mechanism takes the
    place of the three.
    """
    coefficients = vectors[:, :8].reshape(-1, 4, 2).transpose(1, 2, 0)[..., None, None, None]
    share, others, allocation, pool = coefficients[:, 0] + coefficients[:, 1] * people.coefficient
    noise = vectors[:, 8, None, None, None] * people.noise
    players, capacity = GAME.players, GAME.capacity
    part = np.array([0.0] if interpolating else [*MECHANISMS.values()])[:, None, None]
    stock = np.full((len(vectors), len(part), people.noise.shape[3], 1), capacity)
    given = np.broadcast_to(stock / players, (*stock.shape[:3], players))
    returned, kept = np.zeros_like(given), np.zeros_like(given)
    for now in range(GAME.rounds):
        wanted = share + noise[now]
        if now:
            got = given.sum(-1, keepdims=True) - given
            theirs = returned.sum(-1, keepdims=True) - returned
            wanted = wanted + others * np.where(got > 1e-9, theirs / np.maximum(got, 1e-9) - share, 0.0)
            total = returned.sum(-1, keepdims=True)
            proportional = np.where(total > 0, returned / np.where(total > 0, total, 1.0), 1 / players)
            equal = (stock / capacity) ** EXPONENT if interpolating else part
            given = stock * (equal / players + (1 - equal) * proportional)
        wanted = wanted + allocation * (players * given / capacity - 1) + pool * (stock / capacity - 1)
        returned = wanted.clip(0, 1) * given
        kept = kept + given - returned
        stock = np.minimum((1 + GAME.growth) * returned.sum(-1, keepdims=True), capacity)
    mean = kept.mean(-1) / GAME.rounds
    rank = np.arange(1 - players, players, 2)
    gini = (np.sort(kept, -1) * rank).sum(-1) / (players * kept.sum(-1))
    return np.stack((mean, gini, stock[..., 0] > 1), 2)


def vector_of(players: ConditionalCooperator) -> Numbers:
    """The parameters of players [parameter]."""
    return np.array([*players.share, *players.others, *players.allocation, *players.pool, players.noise])


def misfit(moments: Numbers) -> Numbers:
    """The sum of squares that is minimised [candidate], of moments [candidate, mechanism, moment]."""
    squares: Numbers = ((moments - PEOPLE) / TOLERANCE) ** 2
    summed: Numbers = squares.sum((1, 2))
    return summed


def search(seed: int) -> tuple[float, Numbers]:
    """The least misfit that CMA-ES finds from one start, and its parameters."""
    from cmaes import CMA

    least, width = BOUNDS[:, 0], BOUNDS[:, 1] - BOUNDS[:, 0]
    optimiser = CMA(
        mean=np.full(len(BOUNDS), 0.5),
        sigma=0.25,
        bounds=np.tile([0.0, 1.0], (len(BOUNDS), 1)),
        seed=seed,
        population_size=CANDIDATES,
    )
    people, best, where = People.drawn(GAMES, 0), np.inf, least
    for _ in range(GENERATIONS):
        points = np.array([optimiser.ask() for _ in range(CANDIDATES)])
        values = misfit(simulated(least + width * points, people).mean(-1))
        if values.min() < best:
            best, where = float(values.min()), least + width * points[values.argmin()]
        optimiser.tell(list(zip(points, values.tolist(), strict=True)))
    return best, where


def report(vector: Numbers, games: int = 4000) -> Iterator[str]:
    """A table of the moments, simulated with new people, beside the published ones."""
    people = People.drawn(games, 1)
    three = simulated(vector[None], people)[0]
    fourth = simulated(vector[None], people, interpolating=True)[0]
    yield f"{'mechanism':14} {'moment':9} {'simulated':>9} {'(se)':>8} {'people':>8} {'clones':>8}"
    for index, mechanism in enumerate([*MECHANISMS, "interpolating"]):
        for moment, name in enumerate(MOMENTS):
            each = three[index, moment] if index < len(MECHANISMS) else fourth[0, moment]
            published = ["", ""]
            if index < len(MECHANISMS):
                published = [f"{PEOPLE[index, moment]:.3f}", f"{CLONES[index, moment]:.3f}" if moment < 2 else ""]
            elif moment == 0:
                published[0] = f"{INTERPOLATING:.3f}"
            error = f"({each.std(ddof=1) / games**0.5:.3f})"
            line = f"{mechanism:14} {name:9} {each.mean():9.3f} {error:>8} {published[0]:>8} {published[1]:>8}"
            yield line.rstrip()
    yield f"misfit {misfit(three.mean(-1)[None])[0]:.1f}"


def main() -> None:
    vector = vector_of(FittedPlayers())
    if "--misfit" not in sys.argv:
        found = [search(seed) for seed in range(STARTS)]
        print("misfit of each start:", ", ".join(f"{value:.2f}" for value, _ in found))
        vector = min(found, key=lambda result: result[0])[1].round(3)
        print("parameters:", ", ".join(f"{value:g}" for value in vector))
    for line in report(vector):
        print(line)


if __name__ == "__main__":
    main()
