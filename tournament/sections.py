"""The sections of a config: their keys and defaults."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)

from .how import Mode
from .identity import Known
from .protocol import Protocol


def said_once(allowed: str) -> WrapValidator:
    """Say what is allowed once, rather than once for each form of a value."""

    def validated(given: object, validate: ValidatorFunctionWrapHandler) -> object:
        try:
            found: object = validate(given)
        except ValidationError:
            raise ValueError(allowed) from None
        return found

    return WrapValidator(validated)


class Section(BaseModel):
    """A table of the config file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Named(Section):
    """An environment or an agent: its name, a label, and its parameters beside them."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    name: str = Field(
        description="a registered name, package.module:Class, or path/to/file.py:Class (from the config's folder)"
    )
    label: Annotated[str, Field(min_length=1, max_length=80)] | None = Field(
        None, description="what the tables call it; the name where left out"
    )
    known: Known | None = Field(None, description="what a run knows it by; written into run folders")


class AgentEntry(Named):
    """An agent, and what it may be in a game."""

    roles: Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description="the roles that it may take in games with several; all that it can where left out"
    )


class Evaluation(Section):
    """How payoffs are known."""

    mode: Mode = Field("auto", description="exact where it can be, else played; exact and played insist")


class Learning(Section):
    """How learners learn. Matches in which nobody does are played at one table, for one episode."""

    tables: int = Field(256, ge=1, description="episodes in parallel, from all of which a learner learns")
    episodes: int = Field(1, ge=1, description="episodes one after the other; in a policy game, trials")
    window: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="the last episodes (in a policy game, rounds) that the result is the mean of; all by default",
    )
    freeze_after: dict[str, Annotated[int, Field(ge=0)]] = Field(
        {}, description="label = episode (in a policy game, round) after which that agent learns no more"
    )
    keep: list[str] = Field([], description="labels of learners whose learned state is kept, in checkpoints/")
    device: Literal["cpu", "cuda"] = Field("cpu", description="where matches with learners are played")
    block: int = Field(
        1, ge=1, description="repetitions of a pairing that are trained side by side in one process"
    )
    save_every: float | None = Field(
        300.0,
        gt=0,
        description="seconds between two saves of a match of learners, from which a run that was cut short goes "
        "on; it is saved between episodes, and not in policy games",
    )

    @property
    def protocol(self) -> Protocol:
        """The part that the arena needs."""
        frozen = tuple(sorted(self.freeze_after.items()))
        return Protocol(self.tables, self.episodes, self.window, frozen, tuple(self.keep))


ExploitabilityKind: TypeAlias = Literal["population", "exact", "inferred", "learned", "dynamic"]
Rating: TypeAlias = Literal[
    "payoff", "alpha_rank", "alpha_rank_population", "deviation", "nash", "coarse_correlated", "elo"
]


EvolutionProcess: TypeAlias = Literal[
    "replicator",
    "logit",
    "best_response",
    "bnn",
    "smith",
    "imitation",
    "moran",
    "fermi",
    "wright_fisher",
    "local_update",
]


_MUTATION = (
    "'small', or a probability above 0 and up to 1 (without mutants a population of any one type alone "
    "stays as it is: each type is absorbing, and there is no stationary distribution)"
)


class Population(Section):
    """The population in which types spread by what they earn."""

    size: int = Field(100, ge=2, le=1_000_000, description="members, where the process is of a finite population")
    selection: float = Field(0.1, ge=0, description="intensity of selection")
    fitness: Literal["linear", "exponential"] = Field("exponential", description="how payoffs become fitness")
    mutation: Annotated[Literal["small"] | Annotated[float, Field(gt=0, le=1)], said_once(_MUTATION)] = Field(
        "small",
        description='a probability, or "small": the limit in which one mutant at a time takes over or dies out',
    )
    mutates_to: Literal["any", "others"] = Field("any", description="whether mutants may be of the own type")
    self_interaction: bool = Field(False, description="whether everybody also plays itself")
    noise: float = Field(0.1, gt=0, description="of the logit dynamic, in payoffs")


def _two(labels: list[str]) -> list[str]:
    if len(labels) != 2:
        raise ValueError("two labels: that of the cooperator, then that of the defector")
    return labels


class Analysis(Section):
    """What is made of the results; nothing here changes a match."""

    draws: int = Field(2000, ge=100, le=100_000, description="bootstrap draws")
    comparisons: Literal["max_t", "holm"] = Field("max_t", description="what makes rank sets hold all at once")
    margin: Annotated[float, Field(gt=0)] | None = Field(
        None, description="payoffs that differ by less count as equivalent"
    )
    top: int = Field(3, ge=1, description="places of `p_top`")
    ratings: list[Rating] = Field(["alpha_rank_population", "deviation"], description="game-theoretic ratings")
    anchors: dict[str, Annotated[tuple[float, float], Field(strict=False)]] = Field(
        {}, description="environment = [payoff that counts 0, payoff that counts 1]"
    )
    exploitability: list[ExploitabilityKind] = Field(
        ["population", "exact"], description="what is said of who can be exploited"
    )
    evolution: list[EvolutionProcess] = Field([], description="how types would spread in a population")
    population: Population = Field(Population(), description="the population of `evolution`")
    schelling: list[Annotated[list[str], AfterValidator(_two)]] = Field(
        [], description="[cooperator, defector] of each Schelling diagram; all pairs of agents where none is named"
    )
    budget: int = Field(1_000_000, ge=1, description="rounds that a trained exploiter may learn from")
    restarts: int = Field(4, ge=1, description="exploiters that are trained, of which the best counts")
    pdf: bool = Field(False, description="write the report's figures as PDF too")


def _workers(jobs: int) -> int:
    if jobs == 0 or jobs < -1:
        raise ValueError("1 or more, or -1 for one per core")
    return jobs


ELSEWHERE = ("dask", "ray")
"""Backends whose workers may be on other machines."""


class Execution(Section):
    """How the work is done; nothing here changes a result."""

    jobs: Annotated[int, AfterValidator(_workers)] = Field(1, description="worker processes; -1 for one per core")
    backend: str = Field("loky", description="loky, threading, dask, ray, or another that joblib knows")
    address: str | None = Field(
        None,
        description='where the cluster is: with dask "tcp://host:8786" or a scheduler file (.json), with ray '
        '"host:6379"; "local" for one on this machine',
    )
    chunk: Annotated[int, Field(ge=1)] | None = Field(
        None, description="matches played together in one process; chosen by itself where left out"
    )
    timeout: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="seconds after which a chunk is halved until the match that hangs stands alone; loky only",
    )

    @field_validator("backend")
    @classmethod
    def _survives_its_workers(cls, backend: str) -> str:
        if backend == "multiprocessing":
            raise ValueError("loky (multiprocessing hangs for good when a worker dies)")
        return backend

    @property
    def elsewhere(self) -> bool:
        """Whether workers may be on other machines."""
        return self.backend in ELSEWHERE

    @field_validator("timeout")
    @classmethod
    def _holds(cls, timeout: float | None, info: ValidationInfo) -> float | None:
        backend = info.data.get("backend", "loky")
        if timeout is not None and backend != "loky":
            raise ValueError(f"no timeout with the backend {backend}, where none would hold; with loky one does")
        return timeout
