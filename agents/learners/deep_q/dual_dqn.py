"""Two Q-networks on a graph: one for the dilemma, one for the choice of neighbours to play it with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, TypeAlias

import torch
from pydantic import Field
from torch import Tensor

from ....envs.chance import Chance, Purpose, derive
from ....envs.environment import Environment, SelectiveMove
from ....envs.spatial_dilemma import SpatialDilemma
from ...agent import Agent, Chairs, Observation, Player, Round
from ...experience import Experience, Kind, memory_length
from ...experience import experience as experience_of
from ..policy_gradient.policy_gradient import Positive, Widths
from ..policy_gradient.trajectory import Trajectory
from ..preferences.preference import Selfish
from ..preferences.social_value_orientation import SocialValueOrientation
from ..preferences.welfare import Welfare
from .bits import packed, unpacked, words_of
from .prioritised_replay import Priorities
from .q_network import QNetwork

Preference: TypeAlias = Annotated[Selfish | SocialValueOrientation | Welfare, Field(discriminator="kind")]
Share = Annotated[float, Field(ge=0, le=1)]

MOST_NEIGHBOURS = 8
"""Every set of neighbours is an action of its own."""

COMPARED: Mapping[str, set[str]] = {"population": {"public"}, "neighbours": {"others_rewards"}, "none": set()}
"""What a comparison needs."""


class DualDQN(Agent):
    """A site that learns both how to play and whom to play with, by a deep Q-network for each.

    The dilemma network sees the site's and its neighbours' last moves and gives values of C and D; the selection
    network sees the neighbours' last moves and whom the site wanted, and gives a value to every set of neighbours.
    Both are paid experience, a weighted mean of the last rewards (`dilemma.agents.experience`), and see as many
    rounds back as that reaches. With a `comparison` the dilemma network is paid
        e * n_same - e_other * n_other
    where n are the shares of its own and of the other move in the site's neighbourhood, itself included, and
    e_other is the mean experience of those that made the other move: of the whole population, as everybody is told
    what they earned, or of the neighbours. A match is long and is cut off: the last round of an episode counts as
    any other, and its value goes on.

    Counts of rounds are those of each table; the defaults are the paper's 60,000 steps of 10 tables.
    """

    source: ClassVar[str] = "Ren and Zeng 2024, enhancing cooperation through selective interaction"
    learns: ClassVar[bool] = True

    pattern: Literal["separate", "together", "strategy"] = Field(
        "separate",
        description="two networks; one for both choices; or one for the dilemma, playing with everybody",
    )
    alpha: float = Field(0.6, ge=0, lt=1, description="weight of a round in experience, relative to the next one")
    memory: Kind = Field(
        "clean", description="the formula as written, or the queue of the published code, in which rounds recur"
    )
    comparison: Literal["population", "neighbours", "none"] = Field(
        "population", description="with whom of the other move the dilemma network's pay is compared"
    )
    preference: Preference = Field(Selfish(), description="how it values rewards: selfish, svo or welfare")
    hidden: Widths = Field((16, 16), description="widths of the hidden layers")
    training: int = Field(
        6_000, ge=1, description="rounds over which step size, exploration and importance weights change"
    )
    learning_rate: Positive = Field(0.1, description="Adam's step size at first; it falls to 0 over the training")
    discount: float = Field(0.99, ge=0, le=1, description="weight of the next round relative to this one")
    start: int = Field(20, ge=1, description="rounds before the first update")
    every: int = Field(4, ge=1, description="rounds between updates")
    batch: int = Field(32, ge=1, description="transitions of an update")
    capacity: int = Field(10_000, ge=1, description="transitions that are remembered, of all tables")
    priority: Share = Field(0.6, description="power of priorities; 0 draws all transitions alike")
    importance: Share = Field(0.4, description="power of importance weights at first; it rises to 1")
    tau: Share = Field(0.01, description="how far the target network moves at each update")
    explored: Share = Field(0.03, description="share of the training in which exploration falls from 1")
    epsilon: Share = Field(0.05, description="probability of a random move after that")
    selection_epsilon: Share = Field(0.1, description="probability of a random set of neighbours after that")
    max_norm: Positive = Field(10.0, description="largest norm of a gradient")

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        own = {"others_actions", "game_model"} | COMPARED[self.comparison]
        return self.preference.needs | own

    def refuses(self, game: Environment) -> str | None:
        if not isinstance(game, SpatialDilemma):
            return "learns with neighbours in spatial_dilemma alone"
        if self.pattern != "strategy":
            if not game.selection:
                return "chooses whom to play with, and here nobody can; with pattern = 'strategy' it needs not"
            most = int(game.links.degree.max())
            if most > MOST_NEIGHBOURS:
                return f"has a value for every set of neighbours, up to {MOST_NEIGHBOURS} of them; here are {most}"
        if self.comparison == "population":
            if self.memory == "published":
                return "is told what others earned in past rounds, not their queues: give it memory = 'clean'"
            rounds = memory_length(self.alpha)
            if game.memory < rounds:
                return (
                    f"with alpha = {self.alpha:g} looks back {rounds} rounds, and all are told of {game.memory}: "
                    f"give the environment memory = {rounds}"
                )
        return self.preference.refuses(game)

    def sit(self, chairs: Chairs) -> Player:
        return DualDQNPlayer(self, chairs)


@dataclass(eq=False)
class Head:
    """A network, the part of the view that it sees, and its replay memory."""

    net: QNetwork
    sees: slice
    chance: Chance
    """For exploration [chair, table]."""
    epsilon: float
    priorities: Priorities
    action: Tensor
    """Remembered actions [transition, chair]."""
    reward: Tensor
    """Remembered rewards [transition, chair]."""
    error: Tensor
    """Mean absolute temporal-difference error of the last update [chair]."""


class DualDQNPlayer(Player):
    """Dual Q-networks on their chairs: replay memories are [transition, chair]."""

    def __init__(self, agent: DualDQN, chairs: Chairs):
        self.agent, self.chairs, self.learning = agent, chairs, True
        spec, count = chairs.spec, chairs.shape[0]
        [size] = spec.observation(0) or (0,)
        spaces = [spec.actions(seat) for seat in range(spec.seats)]
        degrees = [space.neighbours if isinstance(space, SelectiveMove) else 0 for space in spaces]
        self._neighbours = max(degrees)
        game = chairs.game
        assert isinstance(game, SpatialDilemma)
        self._shown, self._memory = game.memory, min(game.memory, memory_length(agent.alpha))
        size = size // self._shown * self._memory
        # Without a choice the view is moves alone, and all of it is the dilemma network's.
        moves = self._memory * (1 + self._neighbours) if self._neighbours else size
        degree = torch.tensor(degrees, device=chairs.device)[chairs.seat][:, None]
        sets = torch.arange(1 << (self._neighbours if agent.pattern != "strategy" else 0), device=chairs.device)
        allowed = sets >> degree == 0
        both = torch.ones(count, 2, dtype=torch.bool, device=chairs.device)
        tables = chairs.shape[1]
        self._capacity = max(1, agent.capacity // tables) * tables
        self.heads: dict[str, Head] = {}
        if agent.pattern == "together":
            self._add("together", slice(0, size), allowed.repeat_interleave(2, 1), agent.epsilon)
        else:
            self._add("dilemma", slice(0, moves), both, agent.epsilon)
        if agent.pattern == "separate":
            self._add("selection", slice(self._memory, size), allowed, agent.selection_epsilon)
        words = (self._capacity, count, words_of(size))
        self._view = torch.zeros(words, dtype=torch.int64, device=chairs.device)
        self._after = torch.zeros(words, dtype=torch.int64, device=chairs.device)
        self._goes_on = torch.ones(self._capacity, device=chairs.device)
        self._size, self._next = size, 0
        self.rounds = torch.zeros(count, dtype=torch.float64, device=chairs.device)
        self._preference = agent.preference.subjective_reward(chairs, chairs.discount(agent.discount))
        self._own, self._others = (Experience(agent.alpha, agent.memory) for _ in range(2))

    def _add(self, name: str, sees: slice, allowed: Tensor, epsilon: float) -> None:
        agent, chairs, component = self.agent, self.chairs, len(self.heads)
        net = QNetwork(chairs, sees.stop - sees.start, agent.hidden, allowed, component, agent.max_norm)
        kept = (self._capacity, chairs.shape[0])
        self.heads[name] = Head(
            net,
            sees,
            chairs.chance.part(component),
            epsilon,
            Priorities(chairs.shape[0], self._capacity, agent.priority, chairs.device),
            torch.zeros(kept, dtype=torch.int16, device=chairs.device),
            torch.zeros(kept, device=chairs.device),
            torch.zeros(chairs.shape[0], dtype=torch.float64, device=chairs.device),
        )

    @property
    def progress(self) -> float:
        """How much of the training is done, at most 1."""
        return min(1.0, float(self.rounds[0]) / self.agent.training) if len(self.rounds) else 1.0

    @property
    def midway(self) -> bool:
        return self.learning  # what is remembered is not in its state

    def begin(self) -> None:
        self._own.begin()
        self._others.begin()

    def act(self, observation: Observation) -> Tensor:
        assert observation.features is not None
        self._address, self._playing = (observation.episode, observation.round), observation.playing
        shown = observation.features
        self._features = shown.view(*shown.shape[:2], -1, self._shown)[..., : self._memory].flatten(2)
        self._chosen = {name: self._choose(head, self._features.float()) for name, head in self.heads.items()}
        if self.agent.pattern == "separate":
            return self._chosen["dilemma"] + 2 * self._chosen["selection"]
        [action] = self._chosen.values()
        return action

    def _choose(self, head: Head, features: Tensor) -> Tensor:
        """The best action of a network, or a random one that the chair has."""
        best = head.net.best(features[..., head.sees])
        early = self.progress / self.agent.explored if self.agent.explored else 1.0
        epsilon = 1 + (head.epsilon - 1) * min(1.0, early)
        whether, which = head.chance.pair(Purpose.ACTION, *self._address).unbind(1)
        explores = (whether + 2**31).double() * 2.0**-32 < epsilon
        return torch.where(explores, (which + 2**31) * head.net.actions >> 32, best)

    def observe(self, round: Round) -> None:
        if not self.learning:
            return
        after = self._view_after(round)
        experience, compared = self._rewards(round)
        played = torch.ones_like(experience, dtype=torch.bool) if self._playing is None else self._playing
        slots = slice(self._next, self._next + played.shape[1])
        self._view[slots] = packed(self._features).transpose(0, 1)
        self._after[slots] = packed(after).transpose(0, 1)
        self._goes_on[slots] = float(self._address[1] + 1 < self.chairs.spec.horizon)
        for name, head in self.heads.items():
            head.action[slots] = self._done(name, round).T.to(torch.int16)
            head.reward[slots] = (experience if name == "selection" else compared).T.float()
            head.priorities.add(self._next, played)
        self._next = slots.stop % self._capacity
        self.rounds = self.rounds + 1
        rounds = int(self.rounds[0]) if len(self.rounds) else 0
        if rounds >= self.agent.start and rounds % self.agent.every == 0:
            for component, head in enumerate(self.heads.values()):
                self._improve(head, component)

    def _done(self, name: str, round: Round) -> Tensor:
        """What a network has done, after noise [chair, table]."""
        return {"dilemma": round.own & 1, "selection": round.own >> 1, "together": round.own}[name]

    def _view_after(self, round: Round) -> Tensor:
        """What the chairs see after the round [chair, table, entry]; at the end of an episode nobody shows it."""
        parts = [(round.own & 1)[:, None], round.others]
        if self._neighbours:
            bits = 2 << torch.arange(self._neighbours, device=round.own.device)
            wanted = (round.own[:, None] & bits[:, None]) == 0
            there = torch.arange(self._neighbours, device=round.own.device) < (
                self._neighbours if round.degree is None else round.degree[:, None]
            )
            parts.append((wanted & there.expand(len(wanted), -1)[..., None]).long())
        column = torch.cat(parts, 1).transpose(1, 2)
        memory = self._features.reshape(*column.shape, -1)
        return torch.cat((column[..., None].to(memory.dtype), memory[..., :-1]), -1).flatten(2)

    def _rewards(self, round: Round) -> tuple[Tensor, Tensor]:
        """Experience, and what the dilemma network is paid; both [chair, table]."""
        reward = round.reward
        if not isinstance(self.agent.preference, Selfish):
            alone = Trajectory(0, self.agent.needs)
            alone.observe(round)
            reward = self._preference.rewards(alone, _no_policy)[0]
        experience = self._own.add(reward)
        if self.agent.comparison == "none":
            return experience, experience
        neighbours = round.others.shape[1]
        degree = neighbours if round.degree is None else round.degree[:, None]
        differs = round.others != (round.own & 1)[:, None]
        if isinstance(degree, Tensor):
            differs = differs & (torch.arange(neighbours, device=differs.device)[:, None] < degree[:, None])
        opposite = differs.sum(1)
        if self.agent.comparison == "population":
            cooperators, defectors = (
                experience_of(round.public[f"payoff_of_{those}"], self.agent.alpha, self._address[1] + 1)
                for those in ("cooperators", "defectors")
            )
            theirs = torch.where((round.own & 1) == 0, defectors, cooperators)
        else:
            theirs = (self._others.add(round.others_reward) * differs).sum(1) / opposite.clamp(min=1)
        return experience, (experience * (1 + degree - opposite) - theirs * opposite) / (1 + degree)

    def _improve(self, head: Head, component: int) -> None:
        """Learn from a sample of what is remembered."""
        agent, chair = self.agent, torch.arange(self.chairs.shape[0], device=self.chairs.device)[:, None]
        own = derive(self.chairs.chance.keys[:, :1], component)
        draws = Chance(derive(own, torch.arange(agent.batch, device=own.device)))
        importance = agent.importance + (1 - agent.importance) * self.progress
        sample = head.priorities.draw(draws.uniform(Purpose.MINIBATCH, *self._address), importance)
        before, after = (
            unpacked(kept[sample.slot, chair], self._size)[..., head.sees] for kept in (self._view, self._after)
        )
        error = head.net.update(
            before,
            head.action[sample.slot, chair].long(),
            head.reward[sample.slot, chair],
            after,
            sample.weight,
            # The end of an episode is worth 0. The discount includes the probability that the match goes on, which
            # does not depend on the state.
            discount=self.chairs.discount(agent.discount)
            * self.chairs.spec.continuation
            * self._goes_on[sample.slot],
            rate=agent.learning_rate * (1 - self.progress),
        )
        head.priorities.update(sample.slot, error)
        head.net.follow(agent.tau)
        head.error = error.abs().mean(1).double()

    def measures(self) -> Mapping[str, Tensor]:
        return {f"{name}_error": head.error for name, head in self.heads.items()}

    def state_dict(self) -> dict[str, Tensor]:
        """The networks and how long they have learned; what is remembered is not kept."""
        nets = {
            f"{name}_{key}": value
            for name, head in self.heads.items()
            for key, value in head.net.state_dict().items()
        }
        return {"rounds": self.rounds, **nets}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.rounds = state["rounds"]
        for name, head in self.heads.items():
            prefix = f"{name}_"
            head.net.load_state_dict(
                {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            )


def _no_policy(trajectory: Trajectory) -> Tensor:
    raise NotImplementedError("a preference over rewards alone asks for no policy")
