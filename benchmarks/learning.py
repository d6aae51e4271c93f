"""How near learners come to a best response that is known, with their defaults, and how soon.

Every learner of the catalogue meets players that don't learn: all_c, all_d, tit_for_tat and six memory-one
strategies drawn at random, in the iterated prisoner's dilemma, in the same with ten times the payoffs, and (exact
learners) in the policy game; those that take a net are alone in Coins, too. Each is then in a Markov decision
process of a few states whose best policy is known: of all pure memory-one strategies the best, or in Coins the
shortest way. Beside them learn a tabular Q-learner and a REINFORCE of a few lines each, below, in that process.

The gap is (best - earned) / (best - worst), where worst is the least that such a policy earns: 0 is a best
response, and exploration counts. Who is paid for more than the payoff (inequity_averse, prosocial, svo,
social_influence, reciprocator), or expects the other to learn (shapers), need not want a best response. Printed
are the mean of the gap over all runs, each over the last tenth of its episodes, and its standard deviation over
runs; by partner; how many runs end above .1; the median of the episodes until ten in a row have a mean gap of at
most .05 (in the policy game, of the steps); and CPU seconds a run.

    OMP_NUM_THREADS=1 python benchmarks/learning.py
    OMP_NUM_THREADS=1 python benchmarks/learning.py --quick
    OMP_NUM_THREADS=1 python benchmarks/learning.py phc '{"name": "phc", "step": 0.05}' --game ipd
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from dilemma.agents import CATALOGUE, GROUPS
from dilemma.agents.agent import Agent
from dilemma.agents.memory_one import MemoryOne
from dilemma.envs.chance import derive
from dilemma.envs.coins import Coins
from dilemma.envs.environment import Environment
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.envs.policy_game import PolicyGame
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

Array = NDArray[np.float64]
GROUPS_OF_LEARNERS = ("policy_gradient", "reciprocity", "shaping", "tabular", "deep_q", "exact", "meta")
PAYOFFS, DISCOUNT = (3.0, 0.0, 5.0, 1.0), 0.96
TABLES, BLOCK, NEAR, FAR = 64, 10, 0.05, 0.1
NAMED = {"all_c": (1, 1, 1, 1, 1), "all_d": (0, 0, 0, 0, 0), "tit_for_tat": (1, 1, 0, 1, 0)}
DRAWN = {f"drawn {i + 1}": tuple(p) for i, p in enumerate(np.random.default_rng(18).random((6, 5)).tolist())}
PARTNERS: dict[str, tuple[float, ...]] = {**NAMED, **DRAWN}
"""P(C) of each in the first round and after CC, CD, DC, DD."""


@dataclass(frozen=True)
class Process:
    """A Markov decision process; rounds weigh `discount` each, as in the payoff per round."""

    start: Array
    """[state]"""
    moves: Array
    """Probabilities [state, action, next state]."""
    pays: Array
    """What such a move pays [state, action, next state]."""
    rounds: int
    discount: float

    @property
    def weights(self) -> Array:
        """Of the rounds; their sum is 1."""
        powers: Array = self.discount ** np.arange(self.rounds)
        return powers / powers.sum()

    def extremes(self) -> tuple[float, float]:
        """What the best and the worst pure policy earn a round; of a few, those that don't know the time."""
        states, actions, _ = self.moves.shape
        pays = (self.moves * self.pays).sum(-1)
        if actions**states <= 64:
            rows = np.arange(states)
            earned = []
            for policy in itertools.product(range(actions), repeat=states):
                here, total = self.start, 0.0
                for weight in self.weights:
                    total += weight * (here @ pays[rows, policy])
                    here = here @ self.moves[rows, policy]
                earned.append(total)
            return max(earned), min(earned)
        best = worst = np.zeros(states)
        for weight in self.weights[::-1]:
            best = (weight * pays + self.moves @ best).max(1)
            worst = (weight * pays + self.moves @ worst).min(1)
        return float(self.start @ best), float(self.start @ worst)


def against(policy: Sequence[float], scale: float, rounds: int) -> Process:
    """The prisoner's dilemma against a memory-one player; states are START, CC, CD, DC, DD, own action first."""
    moves, pays = np.zeros((5, 2, 5)), np.zeros((5, 2, 5))
    for state, own, other in itertools.product(range(5), range(2), range(2)):
        cooperates = policy[(0, 1, 3, 2, 4)[state]]
        moves[state, own, 1 + 2 * own + other] = (cooperates, 1 - cooperates)[other]
        pays[state, own, 1 + 2 * own + other] = scale * PAYOFFS[2 * own + other]
    return Process(np.eye(5)[0], moves, pays, rounds, DISCOUNT)


def alone(rounds: int) -> Process:
    """Coins alone on a 3x3 torus; the state is where the coin is, from the player (0: here, which never is)."""
    moves, pays = np.zeros((9, 4, 9)), np.zeros((9, 4, 9))
    free = np.r_[0, np.full(8, 1 / 8)]
    for state in range(9):
        for action, (down, right) in enumerate(((0, 1), (0, -1), (1, 0), (-1, 0))):
            after = (state // 3 - down) % 3 * 3 + (state % 3 - right) % 3
            moves[state, action], pays[state, action] = (np.eye(9)[after], 0) if after else (free, 1)
    return Process(free, moves, pays, rounds, 1.0)


@dataclass(frozen=True)
class Game:
    """A game, with the process that each partner makes of it."""

    rules: Environment
    partners: dict[str, Process]
    episodes: int
    """Rounds, in the policy game."""
    parameters: dict[str, object]
    """What every learner is given that has such a parameter."""


def games() -> dict[str, Game]:
    """The games by name."""
    found = {
        f"ipd{name}": Game(
            PrisonersDilemma(payoffs=tuple(scale * pay for pay in PAYOFFS), rounds=32, discount=DISCOUNT),
            {partner: against(policy, scale, 32) for partner, policy in PARTNERS.items()},
            300,
            {},
        )
        for name, scale in (("", 1.0), ("_x10", 10.0))
    }
    endless = {partner: against(policy, 1.0, 600) for partner, policy in PARTNERS.items()}
    found["policy_game"] = Game(PolicyGame(payoffs=PAYOFFS, discount=DISCOUNT, rounds=100), endless, 100, {})
    small = Coins(absent=1, rounds=16, view="centred")
    found["coins"] = Game(small, {"nobody": alone(16)}, 100, {"policy": "mlp"})
    return found


def played(agent: Agent, game: Game, runs: int) -> Array:
    """The payoff per round of a learner in each episode [partner, run, episode]."""
    agents, casts = [agent], [[0]]
    if game.rules.seats == 2:
        agents += [MemoryOne(p=PARTNERS[name]) for name in game.partners]  # type: ignore[arg-type]
        casts = [[0, 1 + number] for number in range(len(game.partners))]
    cast = torch.tensor(casts).repeat_interleave(runs, 0)
    by_round = isinstance(game.rules, PolicyGame)
    protocol = Protocol(1 if by_round else TABLES, 1 if by_round else game.episodes)
    curve = play(game.rules, agents, cast, derive(torch.arange(len(cast)), 18), protocol).curves["payoff"]
    return curve[:, :, 0].T.reshape(len(casts), runs, -1).numpy()


def act(rng: np.random.Generator, process: Process, state: Array, policy: Array) -> tuple[Array, Array, Array]:
    """Actions, what they pay and where they lead, in states [run, table], by a policy [run, state, action]."""
    chances = np.take_along_axis(policy, state[..., None], 1).cumsum(-1)[..., :-1]
    action = (rng.random(state.shape)[..., None] >= chances).sum(-1)
    after = (rng.random(state.shape)[..., None] >= process.moves[state, action].cumsum(-1)[..., :-1]).sum(-1)
    return action, process.pays[state, action, after], after


def q_learning(process: Process, runs: int, episodes: int, seed: int) -> Array:
    """Tabular Q-learning at a rate of .01, with random actions at a rate of .05 [run, episode]."""
    rng, (states, actions, _) = np.random.default_rng(seed), process.moves.shape
    values, earned = np.zeros((runs, states, actions)), np.zeros((runs, episodes))
    run = np.arange(runs)[:, None]
    for episode in range(episodes):
        state = rng.choice(states, (runs, TABLES), p=process.start)
        for round, weight in enumerate(process.weights):
            greedy = np.eye(actions)[values.argmax(-1)]
            action, pay, after = act(rng, process, state, 0.95 * greedy + 0.05 / actions)
            ahead = DISCOUNT * values[run, after].max(-1) if round + 1 < process.rounds else 0.0
            total, count = np.zeros_like(values), np.zeros_like(values)
            np.add.at(total, (run, state, action), pay + ahead - values[run, state, action])
            np.add.at(count, (run, state, action), 1)
            values += 0.01 * total / count.clip(1)
            earned[:, episode] += weight * pay.mean(1)
            state = after
    return earned


def reinforce(process: Process, runs: int, episodes: int, seed: int) -> Array:
    """REINFORCE with a softmax table and Adam at a rate of .1 [run, episode]."""
    rng, (states, actions, _) = np.random.default_rng(seed), process.moves.shape
    logits = torch.zeros(runs, states, actions, dtype=torch.float64, requires_grad=True)
    optimiser, earned = torch.optim.Adam([logits], 0.1), np.zeros((runs, episodes))
    run = np.arange(runs)[:, None]
    for episode in range(episodes):
        policy = torch.softmax(logits, -1)
        state, chosen, pays = rng.choice(states, (runs, TABLES), p=process.start), [], []
        for weight in process.weights:
            action, pay, after = act(rng, process, state, policy.detach().numpy())
            chosen.append(policy[run, state, action].log())
            pays.append(pay)
            earned[:, episode] += weight * pay.mean(1)
            state = after
        ahead, loss = np.zeros((runs, TABLES)), torch.zeros((), dtype=torch.float64)
        for log, pay in zip(reversed(chosen), reversed(pays), strict=True):
            ahead = pay + DISCOUNT * ahead
            loss = loss - (log * torch.from_numpy(ahead - ahead.mean(1, keepdims=True))).mean(1).sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return earned


REFERENCES: dict[str, Callable[[Process, int, int, int], Array]] = {
    "reference_q_learning": q_learning,
    "reference_reinforce": reinforce,
}


def row(name: str, earned: Array, game: Game, seconds: float) -> str:
    """The table's row for the payoffs in each episode [partner, run, episode]."""
    extremes = np.array([process.extremes() for process in game.partners.values()])
    best, worst = extremes.T[..., None, None]
    gap = (best - earned) / (best - worst)
    last = gap[..., -(gap.shape[-1] // 10) :].mean(-1)
    smooth = np.lib.stride_tricks.sliding_window_view(gap, BLOCK, -1).mean(-1) <= NEAR
    first = np.where(smooth.any(-1), smooth.argmax(-1), gap.shape[-1])
    needed = np.median(first)
    by_partner = dict(zip(game.partners, last.mean(1), strict=True))
    columns = [f"{value:.3f}" for name, value in by_partner.items() if name in NAMED]
    if columns:
        columns.append(f"{np.mean([by_partner[name] for name in DRAWN]):.3f}")
    return " | ".join(
        (
            f"| {name}",
            f"{last.mean():.3f} ({last.std():.3f})",
            *columns,
            f"{(last > FAR).sum()} of {last.size}",
            f"{needed:.0f}" if needed < gap.shape[-1] else "never",
            f"{seconds / last.size:.2f} |",
        )
    )


def learner(text: str, game: Game) -> Agent:
    """The agent of a registered name, or of JSON with its name and parameters, with what a game gives to all."""
    given = json.loads(text) if text.startswith("{") else {"name": text}
    name = given.pop("name")
    model = CATALOGUE.model(name)
    known = model.model_fields if model else {}
    return CATALOGUE.build(name, {key: game.parameters[key] for key in game.parameters if key in known} | given)


def payoffs(text: str, game: Game, runs: int) -> Array | None:
    """What a learner, or one of the references, earns [partner, run, episode]; None if it can't play the game."""
    if text in REFERENCES:
        if isinstance(game.rules, PolicyGame):
            return None
        learn, processes = REFERENCES[text], game.partners.values()
        return np.stack([learn(process, runs, game.episodes, seed) for seed, process in enumerate(processes)])
    agent = learner(text, game)
    return played(agent, game, runs) if agent.refuses(game.rules) is None else None


def main() -> None:
    torch.set_num_threads(1)
    every = [name for group in GROUPS_OF_LEARNERS for name in GROUPS[group]] + list(REFERENCES)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("learners", nargs="*", default=every, help="registered names, or JSON with a name")
    parser.add_argument("--game", action="append", choices=games(), help="may be repeated; all if there is none")
    parser.add_argument("--quick", action="store_true", help="one run with each partner")
    asked = parser.parse_args()
    for name in asked.game or games():
        game = games()[name]
        runs = 1 if asked.quick else 8 if game.rules.seats == 1 else 4
        columns = (*NAMED, "drawn") if len(game.partners) > 1 else ()
        head = ("learner", "gap", *columns, f"above {FAR}", f"until {NEAR}", "CPU s")
        print(f"\n{name}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}", flush=True)
        for text in asked.learners:
            began = time.process_time()
            earned = payoffs(text, game, runs)
            if earned is not None:
                print(row(text, earned, game, time.process_time() - began), flush=True)


if __name__ == "__main__":
    main()
