"""How fast environments play: joint rounds (everybody moves) a second of CPU time, at their best of several runs.

Everybody acts at random, by each side's own generator, and observations are made in every round. Coins at 4,096
tables: through `Environment.step` alone, and through the arena with the agent `random`, which also adds up payoffs
and measures, as one match and as matches of one table. Then the gridworlds through `step`.

Beside them JaxMARL's coin game (two coins, Coins' variant "coin_per_player") and STORM of two players
(`in_the_matrix`), where it is installed: `pip install '.[peers]'`. Its `step` runs vectorised over the tables
inside a compiled loop over the rounds, after one run that compiles it. Both sides run one after the other, on the
one core that `taskset` leaves to them, and CPU seconds are those of all threads.

Measured elsewhere, on two quiet cores of a Xeon, by the wall clock: the Reciprocators' authors' game, in torch,
0.14 to 0.20 million at 4,096 tables (0.49 at 128). Cleanup and Harvest with seven players, in thousands:
SocialJax, which is not on PyPI, compiled, at its best number of tables 3.9 and 5.0; Melting Pot 1.9 and 3.0; the
sequential social dilemma games 2.6 and 2.0.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/environments.py

The spatial dilemma with choice of neighbours, on a torus: through `step`, and with a `dual_dqn` on each site that
learns, at 10 tables, as published; with the memory that it takes when its replay memory is full:

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/environments.py lattice

The common pool of four players and a mechanism, in player-rounds (four a round), random actions included; and with
the social planner that learns, among conditional cooperators, all of them and the arena included:

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/environments.py pool
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import resource
import sys
import time
from collections.abc import Callable

import torch

from dilemma.agents.learners.deep_q.dual_dqn import DualDQN
from dilemma.agents.learners.planner.social_planner import SocialPlanner
from dilemma.agents.pool_players import ConditionalCooperator
from dilemma.agents.random_agent import Random
from dilemma.envs.chance import Chance, Purpose, derive
from dilemma.envs.cleanup import Cleanup
from dilemma.envs.coins import Coins
from dilemma.envs.coins_room import CoinsRoom
from dilemma.envs.common_pool_trust import CommonPoolTrust, allocates
from dilemma.envs.environment import Discrete, Environment
from dilemma.envs.gathering import Gathering
from dilemma.envs.graphs import Lattice
from dilemma.envs.harvest import Harvest
from dilemma.envs.in_the_matrix import InTheMatrix
from dilemma.envs.joint_action import empty
from dilemma.envs.leave_or_stay import LeaveOrStay
from dilemma.envs.spatial_dilemma import SpatialDilemma
from dilemma.envs.stag_hunt_grid import StagHuntGridworld
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

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


def jaxmarl(name: str, tables: int) -> float:
    """Rounds a second of a game of JaxMARL for two, random actions included, in one compiled loop."""
    import jax
    import jaxmarl

    game = jaxmarl.make(name)
    choices = 5  # of both games

    def step(carry, _):
        key, state = carry
        key, *keys = jax.random.split(key, 1 + len(game.agents) + 1)
        drawn = [jax.random.randint(own, (tables,), 0, choices) for own in keys[:-1]]
        actions = dict(zip(game.agents, drawn, strict=True)) if name == "coin_game" else tuple(drawn)
        seen, state, reward, _, _ = jax.vmap(game.step)(jax.random.split(keys[-1], tables), state, actions)
        # What is seen must be made: fold it into what comes back.
        return (key, state), [jax.numpy.sum(leaf) for leaf in jax.tree.leaves((seen, reward))]

    @jax.jit
    def rounds(key):
        _, state = jax.vmap(game.reset)(jax.random.split(key, tables))
        return jax.lax.scan(step, (key, state), None, ROUNDS)[1]

    return tables * ROUNDS / best(lambda seed: jax.block_until_ready(rounds(jax.random.key(seed))))


def beside(name: str, tables: int) -> None:
    """JaxMARL's game, where it is installed."""
    if importlib.util.find_spec("jaxmarl"):
        version = importlib.metadata.version("jaxmarl")
        row(f"JaxMARL {version}, {name}, 2 players, in `step`", tables, jaxmarl(name, tables))
    else:
        print(f"JaxMARL's {name} is left out: pip install '.[peers]'")


def row(what: str, tables: int, speed: float) -> None:
    print(f"{what:64} {tables:6,} {speed / 1e3:10,.1f}", flush=True)


def pooling(game: CommonPoolTrust, tables: int) -> float:
    """Player-rounds a second of a common pool through `step` alone, random actions included."""
    chance, drawn = (Chance.at_tables(derive(torch.arange(1), index), tables) for index in range(2))
    players, mechanism = drawn.parts(game.players), drawn.part(game.players).parts(game.players)
    joint = empty(game, (1, game.seats, tables), torch.device("cpu")).zero_()

    def run(episode: int) -> None:
        state = game.reset(1, tables, chance, episode)
        while state.round < game.horizon:
            if allocates(state.round):
                joint[:, -1] = mechanism.uniform(Purpose.ACTION, episode, state.round).mT
            else:
                share = players.uniform(Purpose.ACTION, episode, state.round)
                joint[:, :-1, :, 0] = share if game.levels is None else (share * game.levels).floor_()
            state, _ = game.step(state, joint, chance)

    with torch.inference_mode():
        return tables * game.rounds * game.players / best(run)


def planning(game: CommonPoolTrust, tables: int) -> float:
    """Player-rounds a second of a common pool that a planner learns to share out, a learning step each episode."""
    agents, episodes = [ConditionalCooperator(), SocialPlanner(weights="none")], 2
    cast, protocol = torch.tensor([[0] * game.players + [1]]), Protocol(tables=tables, episodes=episodes)
    seconds = best(lambda seed: play(game, agents, cast, derive(torch.arange(1), seed), protocol))
    return tables * game.rounds * game.players * episodes / seconds


def pools() -> None:
    """The common pool."""
    for tables in (256, 1024, TABLES):
        row("CommonPoolTrust, 4 players, any share, in `step`", tables, pooling(CommonPoolTrust(), tables))
        row(
            "CommonPoolTrust, 4 players, 11 levels, in `step`", tables, pooling(CommonPoolTrust(levels=11), tables)
        )
    for tables in (256, 1024):
        row("CommonPoolTrust, 4 players, a social planner learns", tables, planning(CommonPoolTrust(), tables))


def memory() -> float:
    """The most that this process has used, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def lattices() -> None:
    """The spatial dilemma, and learners on all of its sites."""
    for side in (10, 20, 30):
        game = SpatialDilemma(graph=Lattice(rows=side, columns=side), selection=True, memory=4, rounds=10)
        row(f"SpatialDilemma, {game.seats} sites, in `step`", 10, stepping(game, 10))
        cast, tables, episodes = torch.zeros(1, game.seats, dtype=torch.int64), 10, 120
        began = time.process_time()
        play(game, [DualDQN()], cast, torch.arange(1), Protocol(tables=tables, episodes=episodes))
        speed = tables * episodes * game.rounds / (time.process_time() - began)
        row(f"SpatialDilemma, {game.seats} sites, dual_dqn on each", tables, speed)
        print(f"{'':64} {memory():6,.0f} MB at most")


def main() -> None:
    torch.set_num_threads(1)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"{cores} core{'s' * (cores != 1)}, load {os.getloadavg()[0]:.1f}, torch {torch.__version__}")
    print(f"{'':64} tables  thousand rounds a CPU second")
    if sys.argv[1:] == ["lattice"]:
        lattices()
        return
    if sys.argv[1:] == ["pool"]:
        pools()
        return
    for game in (Coins(rounds=ROUNDS), Coins(variant="coin_per_player", rounds=ROUNDS)):
        row(f"Coins, {game.variant}, 2 players, in `step`", TABLES, stepping(game))
        row(f"Coins, {game.variant}, in the arena, one match", TABLES, arena(game, 1))
        row(f"Coins, {game.variant}, in the arena, {TABLES:,} matches", TABLES, arena(game, TABLES))
    beside("coin_game", TABLES)
    for game, tables in (
        (Cleanup(), 256),
        (Harvest(), 256),
        (Gathering(), 256),
        (InTheMatrix(), 1024),
        (CoinsRoom(), 256),
        (LeaveOrStay(), 1024),
        (StagHuntGridworld(), TABLES),
    ):
        row(f"{type(game).__name__}, {game.seats} players, in `step`", tables, stepping(game, tables))
    beside("storm_2p", 1024)
    for game, tables in ((Coins(), TABLES), (Cleanup(), 256)):
        stepping(game, tables)
        before = memory()
        stepping(game, tables)
        many = (RUNS + 1) * ROUNDS
        print(f"{type(game).__name__}, {tables:,} tables: {many:,} rounds more add {memory() - before:.1f} MB")


if __name__ == "__main__":
    main()
