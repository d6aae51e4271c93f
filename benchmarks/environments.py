"""How fast environments play: joint rounds (everybody moves) a second of CPU time, at their best of several runs.

Everybody acts at random, by each side's own generator, and observations are made in every round. Coins at 4,096
tables: through `Environment.step` alone, and through the arena with the agent `random`, which also adds up payoffs
and measures, as one match and as matches of one table. Beside it JaxMARL's coin game, where it is installed.

Measured elsewhere, on two quiet cores of a Xeon, by the wall clock: JaxMARL 1.41 million at 4,096 tables; the
Reciprocators' authors' game, in torch, 0.14 to 0.20 (0.49 at 128).

Cleanup and Harvest with seven players, in thousands: SocialJax, compiled, at its best number of tables 3.9 and
5.0; Melting Pot 1.9 and 3.0; the sequential social dilemma games 2.6 and 2.0. JaxMARL's STORM of two players 256.

    OMP_NUM_THREADS=1 python benchmarks/environments.py
"""

from __future__ import annotations

import importlib.util
import resource
import time
from collections.abc import Callable

import torch

from dilemma.agents.random_agent import Random
from dilemma.envs.chance import Chance, Purpose, derive
from dilemma.envs.cleanup import Cleanup
from dilemma.envs.coins import Coins
from dilemma.envs.environment import Discrete, Environment
from dilemma.envs.gathering import Gathering
from dilemma.envs.harvest import Harvest
from dilemma.envs.in_the_matrix import InTheMatrix
from dilemma.envs.stag_hunt_grid import StagHuntGridworld
from dilemma.tournament.arena import Protocol, play

TABLES, ROUNDS, RUNS = 4096, 100, 12


def best(run: Callable[[int], None]) -> float:
    """The least CPU seconds that `run` takes, after once to warm up."""
    run(0)
    seconds = []
    for index in range(RUNS):
        began = time.process_time()
        run(index + 1)
        seconds.append(time.process_time() - began)
    return min(seconds)


def stepping(game: Environment, tables: int = TABLES) -> float:
    """Rounds a second through `step` alone, random actions included."""
    chance, drawn = (Chance.at_tables(derive(torch.arange(1), index), tables) for index in range(2))
    streams, space = drawn.parts(game.seats), game.actions(0)
    assert isinstance(space, Discrete)
    choices = space.n

    def run(episode: int) -> None:
        state = game.reset(1, tables, chance, episode)
        for round in range(ROUNDS):
            action = (streams.integers(Purpose.ACTION, episode, round) + 2**31) * choices >> 32
            state, _ = game.step(state, action, chance)

    with torch.inference_mode():
        return tables * ROUNDS / best(run)


def arena(game: Environment, matches: int) -> float:
    """Rounds a second of `matches` between random players, at as many tables each as make 4,096."""
    cast = torch.zeros(matches, game.seats, dtype=torch.int64)
    protocol = Protocol(tables=TABLES // matches)

    def run(seed: int) -> None:
        play(game, [Random()], cast, derive(torch.arange(matches), seed), protocol)

    return TABLES * game.rounds / best(run)


def jaxmarl() -> float:
    """Rounds a second of JaxMARL's coin game (two coins), random actions included, in one compiled loop."""
    import jax
    from jaxmarl.environments.coin_game.coin_game import CoinGame

    game = CoinGame()

    def step(carry, _):
        key, state = carry
        key, *keys = jax.random.split(key, 1 + len(game.agents) + 1)
        actions = {
            agent: jax.random.randint(own, (TABLES,), 0, 5) for agent, own in zip(game.agents, keys, strict=False)
        }
        seen, state, reward, _, _ = jax.vmap(game.step)(jax.random.split(keys[-1], TABLES), state, actions)
        # What is seen must be made: fold it into what comes back.
        return (key, state), (sum(map(jax.numpy.sum, seen.values())), sum(map(jax.numpy.sum, reward.values())))

    @jax.jit
    def rounds(key):
        _, state = jax.vmap(game.reset)(jax.random.split(key, TABLES))
        return jax.lax.scan(step, (key, state), None, ROUNDS)[1]

    return TABLES * ROUNDS / best(lambda seed: jax.block_until_ready(rounds(jax.random.key(seed))))


def coins() -> None:
    """Both variants, in millions; the peer; and what a hundred more rounds add to memory."""
    for game in (Coins(rounds=ROUNDS), Coins(variant="coin_per_player", rounds=ROUNDS)):
        speeds = (stepping(game), arena(game, 1), arena(game, TABLES))
        alone, match, matches = (f"{speed / 1e6:.2f}" for speed in speeds)
        print(
            f"coins, {game.variant}: {alone} million rounds a CPU second in `step`, in the arena {match} as one "
            f"match of {TABLES:,} tables, {matches} as {TABLES:,} matches"
        )
    if importlib.util.find_spec("jaxmarl"):
        print(f"JaxMARL, coin_game: {jaxmarl() / 1e6:.2f}")
    else:
        print("JaxMARL isn't installed")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stepping(Coins())
    print(f"memory: {(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024:.1f} MB more")


def gridworlds() -> None:
    """Joint rounds a CPU second in `step`, in thousands, and what as many rounds again add to memory."""
    games = (
        (Cleanup(), 256),
        (Harvest(), 256),
        (Gathering(), 256),
        (InTheMatrix(), 1024),
        (StagHuntGridworld(), 4096),
    )
    for game, tables in games:
        speed = stepping(game, tables)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        stepping(game, tables)
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        name = type(game).__name__
        print(f"{name}, {game.seats} players, {tables} tables: {speed / 1e3:.0f} thousand; {more:.1f} MB more")


def main() -> None:
    torch.set_num_threads(1)
    coins()
    gridworlds()


if __name__ == "__main__":
    main()
