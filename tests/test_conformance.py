"""Everything registered keeps its contract, and the suite that says so catches what doesn't."""

import random
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

import pytest
import torch
from pydantic import Field
from torch import Tensor

from dilemma.agents import BUILTIN as AGENTS
from dilemma.agents import CATALOGUE as AGENT_CATALOGUE
from dilemma.agents.agent import Agent, Chairs, Observation, Player, Round
from dilemma.agents.axelrod_library import AxelrodLibrary
from dilemma.agents.plain import PlainAgent
from dilemma.envs import BUILTIN as ENVIRONMENTS
from dilemma.envs import CATALOGUE as ENVIRONMENT_CATALOGUE
from dilemma.envs.chance import Chance
from dilemma.envs.environment import Discrete, Environment, State, Step
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.envs.public_goods import PublicGoods
from dilemma.testing import check_agent, check_environment, examples

torch.set_num_threads(1)


@pytest.mark.parametrize("name", sorted(AGENTS.keys() - {"checkpoint"}))  # that one needs a run
def test_agent(name):
    for agent in examples(AGENT_CATALOGUE.model(name)):
        check_agent(agent)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_environment(name):
    kind = ENVIRONMENT_CATALOGUE.model(name)
    for game in examples(kind):
        check_environment(game)
        varied = {"noise": 0.2, "misperception": 0.2, "continuation": 0.9, "levels": 4, "threshold": 10.0}
        known = {field: value for field, value in varied.items() if field in kind.model_fields}
        check_environment(kind.model_validate({**game.model_dump(), **known}))


def coin(history: list[tuple[int, ...]], rng: random.Random) -> int:
    return rng.randrange(2)


def test_adapters(axelrod):
    check_agent(AxelrodLibrary(strategy="FirstByJoss"))


def test_plain_agent():
    check_agent(PlainAgent(function=coin))


# What the suite must catch. `Fair` is right; each of the others breaks one rule.


class FairPlayer(Player):
    def __init__(self, agent: "Fair", chairs: Chairs):
        self.agent, self.chairs, self.rounds = agent, chairs, 0
        self.zeros = torch.zeros(chairs.shape, dtype=torch.int64)

    def begin(self) -> None:
        self.last = self.zeros

    def act(self, observation: Observation) -> Tensor:
        self.rounds += 1
        return self.agent.move(self, observation)

    def observe(self, round: Round) -> None:
        self.last = self.agent.look(round)


class Fair(Agent):
    """Copies the other's last move."""

    source: ClassVar[str] = "test"
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions"})
    p: float = Field(0.5, description="a number")

    def refuses(self, game: Environment) -> str | None:
        if game.seats != 2 or not isinstance(game.actions(0), Discrete):
            return "plays games of two whose actions can be counted"
        return None

    def sit(self, chairs: Chairs) -> Player:
        return FairPlayer(self, chairs)

    def move(self, at: FairPlayer, observation: Observation) -> Tensor:
        return at.last

    def look(self, round: Round) -> Tensor:
        return round.others[:, 0]


class GlobalTorch(Fair):
    """Draws from torch's generator."""

    def move(self, at: FairPlayer, observation: Observation) -> Tensor:
        return torch.randint(2, at.chairs.shape)


class GlobalPython(Fair):
    """Draws from Python's generator, once."""

    def sit(self, chairs: Chairs) -> Player:
        random.random()
        return super().sit(chairs)


class Clock(Fair):
    """Draws from a generator that nobody can seed."""

    def move(self, at: FairPlayer, observation: Observation) -> Tensor:
        return at.zeros + random.SystemRandom().randrange(2)


class Leaky(Fair):
    """Looks at the neighbours' chairs."""

    def move(self, at: FairPlayer, observation: Observation) -> Tensor:
        return at.last.roll(1, 0)


class LeakyCount(Fair):
    """Plays by how many chairs there are."""

    def move(self, at: FairPlayer, observation: Observation) -> Tensor:
        return at.zeros + len(at.zeros) % 2


class OneStream(Fair):
    """Draws by position, from a generator of its own."""

    def move(self, at: FairPlayer, observation: Observation) -> Tensor:
        own = torch.Generator().manual_seed(observation.round)
        return torch.randint(2, at.chairs.shape, generator=own)


class Elephant(Fair):
    """Remembers the last episode."""

    def move(self, at: FairPlayer, observation: Observation) -> Tensor:
        return at.zeros + int(at.rounds > 5)


class Floats(Fair):
    """Answers with floats."""

    def move(self, at: FairPlayer, observation: Observation) -> Tensor:
        return at.last.double()


class Flat(Fair):
    """Forgets the tables."""

    def move(self, at: FairPlayer, observation: Observation) -> Tensor:
        return at.last[:, 0]


class Seven(Fair):
    """Plays an action that isn't there."""

    def move(self, at: FairPlayer, observation: Observation) -> Tensor:
        return at.zeros + 7


class Raises(Fair):
    """Divides by zero."""

    def move(self, at: FairPlayer, observation: Observation) -> Tensor:
        return at.zeros + 1 // 0


class Greedy(Fair):
    """Takes threads."""

    def sit(self, chairs: Chairs) -> Player:
        torch.set_num_threads(torch.get_num_threads() + 1)
        return super().sit(chairs)


class Unhashable(Fair):
    """Has a list."""

    many: list[float] = Field([1.0], description="numbers")


class Lists(Fair):
    """Reads only tuples, which JSON has not."""

    many: tuple[float, ...] = Field((1.0,), description="numbers")


class Undescribed(Fair):
    """Has a parameter that nobody explains."""

    q: float = 0.5


class Nameless(Fair):
    __doc__ = None


class Silent(Fair):
    """Refuses without a word."""

    def refuses(self, game: Environment) -> str | None:
        return ""


class Uninvited(Fair):
    """Watches the other, and does not say so."""

    needs: ClassVar[frozenset[str]] = frozenset()


class Envious(Fair):
    """Looks at what the other earns, and does not say so."""

    def look(self, round: Round) -> Tensor:
        return (round.others_reward[:, 0] > round.reward).long()


class Knowing(Fair):
    """Reads the rules, and does not say so."""

    def sit(self, chairs: Chairs) -> Player:
        assert chairs.game.rounds
        return super().sit(chairs)


class Scribbler(Fair):
    """Writes into what it sees before it acts."""

    def move(self, at: FairPlayer, observation: Observation) -> Tensor:
        if observation.features is not None:
            observation.features.zero_()
        return at.last


class Forger(Fair):
    """Writes itself another reward."""

    def look(self, round: Round) -> Tensor:
        round.reward.add_(1)
        return super().look(round)


class Denier(Fair):
    """Writes that it did something else."""

    def look(self, round: Round) -> Tensor:
        round.own.zero_()
        return super().look(round)


class Usurper(Fair):
    """Writes that it sits elsewhere."""

    def move(self, at: FairPlayer, observation: Observation) -> Tensor:
        at.chairs.seat.fill_(1)
        return at.last


class Peeper(Fair):
    """Looks at the state of the board."""

    def move(self, at: FairPlayer, observation: Observation) -> Tensor:
        return at.last if "coins" not in observation._state.tensors else at.zeros


def test_a_fair_agent_passes():
    check_agent(Fair())


@pytest.mark.parametrize(
    ("agent", "says"),
    [
        (GlobalTorch, "take randomness from `chance`"),
        (GlobalPython, "changed random's global generator"),
        (Clock, "take randomness from `chance`"),
        (Leaky, "leaks from chair to chair"),
        (LeakyCount, "played alone"),
        (OneStream, "leaks from chair to chair"),
        (Elephant, "second episode depends on the first"),
        (Floats, "act returned a tensor of float64"),
        (Flat, r"act returned a tensor of int64, \[.*allowed is a tensor of int64, \[6, 2\] \(chair, table\)"),
        (Seven, "act returned 7; allowed are 0 to 1"),
        (Raises, "raised ZeroDivisionError"),
        (Greedy, "changed torch's number of threads"),
        (Unhashable, "must hash"),
        (Lists, "must survive JSON"),
        (Undescribed, "describe the parameter 'q'"),
        (Nameless, "needs a docstring"),
        (Silent, "end of a sentence"),
        (Uninvited, r"Uninvited reads others' actions and .*: needs = frozenset\(\{\"others_actions\"\}\)"),
        (Envious, 'Envious reads others\' rewards .*\\{"others_actions", "others_rewards"\\}'),
        (Knowing, "Knowing reads the rules of the game and does not declare it"),
        (Scribbler, "it writes into what it is shown"),
        (Forger, "it writes into what it is shown"),
        (Denier, "it writes into what it is shown"),
        (Usurper, "it writes into what it is shown"),
        (Peeper, "acts on what its seat does not see"),
    ],
)
def test_the_suite_catches_agents(agent, says):
    threads = torch.get_num_threads()
    with pytest.raises(AssertionError, match=says):
        check_agent(agent())
    torch.set_num_threads(threads)


def test_an_agent_that_plays_none_of_the_small_games_needs_one_named():
    with pytest.raises(AssertionError, match="name one"):
        check_agent(Fair(), PublicGoods())


class GlobalNoise(PrisonersDilemma):
    """Draws from torch's generator."""

    source: ClassVar[str] = "test"

    def rewards(self, done: Tensor, state: State) -> Tensor:
        return super().rewards(done, state) + torch.rand(1, dtype=torch.float64)


class Together(PrisonersDilemma):
    """Pays by what happens in other matches."""

    source: ClassVar[str] = "test"

    def rewards(self, done: Tensor, state: State) -> Tensor:
        return super().rewards(done, state) + done.double().mean()


class Crowded(PrisonersDilemma):
    """Pays by what happens at other tables."""

    source: ClassVar[str] = "test"

    def rewards(self, done: Tensor, state: State) -> Tensor:
        return super().rewards(done, state) + done.double().mean((1, 2), keepdim=True)


class Squeezing(PrisonersDilemma):
    """Loses the tables where there is one."""

    source: ClassVar[str] = "test"

    def rewards(self, done: Tensor, state: State) -> Tensor:
        return super().rewards(done, state).squeeze(2)


class Biased(PrisonersDilemma):
    """Pays the first seat more, and says that it doesn't."""

    source: ClassVar[str] = "test"

    def rewards(self, done: Tensor, state: State) -> Tensor:
        return super().rewards(done, state) + torch.tensor([1.0, 0.0])[:, None]


class Overwriting(PrisonersDilemma):
    """Writes into the actions that it is given."""

    source: ClassVar[str] = "test"

    def rewards(self, done: Tensor, state: State) -> Tensor:
        reward = super().rewards(done, state)
        done.zero_()
        return reward


class Single(PrisonersDilemma):
    """Pays in float32."""

    source: ClassVar[str] = "test"

    def rewards(self, done: Tensor, state: State) -> Tensor:
        return super().rewards(done, state).float()


class Endless(PrisonersDilemma):
    """Pays after the end."""

    source: ClassVar[str] = "test"

    def step(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        after, step = super().step(state, action, chance)
        return after, replace(step, reward=step.reward + 1)


class Everlasting(PrisonersDilemma):
    """Never ends by chance."""

    source: ClassVar[str] = "test"

    def reset(self, matches: int, tables: int, chance: Chance, episode: int = 0) -> State:
        return replace(super().reset(matches, tables, chance, episode), playing=None)


class Generous(PrisonersDilemma):
    """Pays more than it says that it can."""

    source: ClassVar[str] = "test"

    def rewards(self, done: Tensor, state: State) -> Tensor:
        return super().rewards(done, state) + 1


class Caching(PrisonersDilemma):
    """Keeps an array among its attributes."""

    source: ClassVar[str] = "test"

    @cached_property
    def matrices(self):
        return super().matrices.copy()


@pytest.mark.parametrize(
    ("game", "says"),
    [
        (GlobalNoise, "take randomness from `chance`"),
        (Together, "let no match see another"),
        (Crowded, "let no table see another"),
        (Squeezing, r"`reward` must be \[1, 2, 1\], found \[1, 2\]"),
        (Biased, "give the seats different `roles`"),
        (Overwriting, "changed the state or the action"),
        (Single, "must be float64"),
        (Endless, "must be 0 where `playing` is false"),
        (Everlasting, "must give `playing`"),
        (Generous, "rewards go from 1.0 to 6.0"),
        (Caching, "nor cache them"),
    ],
)
def test_the_suite_catches_environments(game, says):
    with pytest.raises(AssertionError, match=says):
        check_environment(game())


class Needy(Fair):
    """Has a parameter without a default."""

    q: float = Field(description="a number")


class Exemplary(Fair):
    """Says what its parameter may be."""

    q: float = Field(description="a number", examples=[0.25, 0.75])


def test_examples():
    assert examples(Fair) == [Fair()]
    assert examples(Exemplary) == [Exemplary(q=0.25), Exemplary(q=0.75)]
    with pytest.raises(AssertionError, match="Needy: give q a default"):
        examples(Needy)
