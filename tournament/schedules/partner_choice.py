"""Partner choice: after each match a chooser stays with its partner, or leaves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...envs.catalogue import Whereabouts
from ...envs.errors import DilemmaError
from ..choosing.by_function import Histories, function_of, own_choice
from ..choosing.logistic import Logistic
from ..choosing.meetings import Meetings, alone, meetings
from ..choosing.paths import Alone, Decide, Rows, by_table, walked
from ..choosing.rules import Fairness, OwnReturn
from ..sections import said_once
from .schedule import History, Request, Schedule, broken_blocks

if TYPE_CHECKING:
    from ..plan import Plan, Problem, Setting

Indices: TypeAlias = NDArray[np.int64]
Numbers: TypeAlias = NDArray[np.float64]


AloneKind: TypeAlias = Annotated[
    Annotated[float, Field(allow_inf_nan=False)] | str,
    said_once("a payoff per round, or the label of an environment with one seat"),
]
ChoosingRule: TypeAlias = Annotated[OwnReturn | Fairness | Logistic, Field(discriminator="kind")]


@dataclass(frozen=True, eq=False)
class Choices:
    """The choices that were made in one environment."""

    setting: int
    rows: Rows
    """The choices table, with agents as indices of the plan."""
    notes: Sequence[str]
    """Who could not choose, and why."""


class PartnerChoice(Schedule):
    """Choosers meet candidates, and say after each match whether the next one is with the same partner.

    Matches don't depend on choices: each chooser meets each candidate in `repetitions` paths of `matches` matches,
    and plays as many alone. A path begins with its candidate and follows the chooser's decisions; what it passes
    by still counts in what agents earn with each other. After McKee, Bai and Fiske 2024, whose participants chose
    between the same partner and playing alone.
    """

    choosers: list[str] = Field([], description="labels of agents that choose; all where left out")
    candidates: list[str] = Field([], description="labels of agents that are chosen; all where left out")
    alone: AloneKind = Field(
        description="what playing alone is: the label of an environment with one seat, or its payoff per round"
    )
    rules: list[ChoosingRule] = Field(
        [OwnReturn()],
        description="by which a chooser stays, each by itself; for those without a `choose_partner` of their own",
    )
    function: Annotated[str | None, Whereabouts(path=True)] = Field(
        None,
        description="a further rule: path/to/file.py:name of a function that takes the history, returns a bool",
    )
    refusal: Literal["alone", "rematched"] = Field(
        "alone", description="what a chooser that leaves does: plays alone to the end, or meets another candidate"
    )
    repetitions: int = Field(100, ge=1, le=1_000_000, description="paths of each chooser and candidate")
    matches: int = Field(2, ge=2, le=1000, description="matches of a path; each but the last ends with a choice")
    warmth: str | None = Field(
        None,
        description="measure or share of a candidate that stands for warmth; by default the game's first "
        "share, or cooperation",
    )
    competence: str | None = Field(
        None,
        description="measure that stands for competence; by default what the game's first share is a share of",
    )

    @property
    def asks_again(self) -> bool:
        return False

    def ask(self, plan: Plan, history: History) -> Sequence[Request]:
        played = self.repetitions * self.matches
        asked = [Request(index, self._casts(plan), played) for index in self._met(plan)]
        solo = self._solo(plan)
        if solo is not None:
            asked.append(Request(solo, self._playing_alone(plan, solo)[:, None], played))
        return asked

    def most(self, plan: Plan) -> Sequence[Request]:
        from .schedule import NOTHING_YET

        return self.ask(plan, NOTHING_YET)

    def plays(self, label: str, environment: str) -> bool:
        return environment != self.alone or not self.choosers or label in self.choosers

    def choices(self, plan: Plan, history: History) -> Iterator[Choices]:
        """Who stayed with whom in each environment, from what was played.

        Raises DilemmaError where a chooser or a rule can't say.
        """
        for setting in self._met(plan):
            parts, notes = list[Rows](), list[str]()
            for chooser in self._indices(plan, self.choosers):
                pairs = np.array([(chooser, each) for each in self._indices(plan, self.candidates)])
                met = list(meetings(plan, setting, history.rows, pairs, self.repetitions, self.matches))
                solo = Alone(*self._alone(plan, history, chooser, pairs[:, 1]))
                label = plan.entrants[chooser].label
                if np.isnan(solo.chooser).all():
                    notes.append(f"{label} makes no choices: nothing is known of what it earns alone")
                    continue
                expected = self.alone if isinstance(self.alone, float) else float(np.nanmean(solo.chooser))
                for name, decide in self._deciders(plan, setting, chooser, met, expected):
                    rows = walked(met, decide, solo, rematched=self.refusal == "rematched")
                    count = len(rows["agent"])
                    parts.append({**rows, "rule": np.full(count, name), "setting": np.full(count, setting)})
            if parts:
                rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
                yield Choices(setting, rows, notes)

    def _deciders(
        self, plan: Plan, setting: int, chooser: int, met: Sequence[Meetings], expected: float
    ) -> Iterator[tuple[str, Decide]]:
        """The rules of a chooser, by name."""
        entrant, game = plan.entrants[chooser], plan.settings[setting].game
        if make := own_choice(entrant.agent):
            yield "own", Histories(f"choose_partner of {entrant.label}", make, met).decide
            return
        for rule in self.rules:
            yield rule.name, by_table(rule.keeps(game, met, expected))
        if self.function is not None:
            function = function_of(self.function)
            yield self._function_name, Histories(self.function, lambda: function, met).decide

    def _alone(
        self, plan: Plan, history: History, chooser: int, candidates: Indices
    ) -> tuple[Numbers, list[Numbers]]:
        """What the chooser and the candidates earn alone, each [path, match]."""
        solo = self._solo(plan)
        if solo is None:
            told = np.full((self.repetitions, self.matches), float(self.alone))
            return told, [told] * len(candidates)
        mine, *theirs = (
            alone(plan, solo, history.rows, agent, self.repetitions, self.matches)
            for agent in (chooser, *candidates.tolist())
        )
        return mine, theirs

    @property
    def _function_name(self) -> str:
        return (self.function or "").rpartition(":")[2]

    def _solo(self, plan: Plan) -> int | None:
        """The environment in which agents play alone; None where only its payoff is given."""
        labels = [setting.label for setting in plan.settings]
        return labels.index(self.alone) if isinstance(self.alone, str) and self.alone in labels else None

    def _playing_alone(self, plan: Plan, solo: int) -> Indices:
        """Choosers, and those candidates that can."""
        game = plan.settings[solo].game
        able = [
            one
            for one in self._indices(plan, self.candidates)
            if not plan.entrants[one].why_not(game, game.roles[0])
        ]
        return np.unique([*self._indices(plan, self.choosers), *able])

    def _met(self, plan: Plan) -> list[int]:
        """The environments in which choosers meet candidates."""
        return [index for index in range(len(plan.settings)) if index != self._solo(plan)]

    def _indices(self, plan: Plan, labels: Sequence[str]) -> list[int]:
        known = [entrant.label for entrant in plan.entrants]
        return [known.index(label) for label in labels] or list(range(len(known)))

    def _pairs(self, plan: Plan) -> Indices:
        """Every chooser with every candidate [pair, 2]."""
        choosers, candidates = self._indices(plan, self.choosers), self._indices(plan, self.candidates)
        return np.array([(one, other) for one in choosers for other in candidates])

    def _casts(self, plan: Plan) -> Indices:
        """The casts of these pairs, each once, in the order that a round robin gives them [cast, 2]."""
        pairs, rank = self._pairs(plan), np.argsort(plan.order)
        return np.unique(np.take_along_axis(pairs, rank[pairs].argsort(axis=1), axis=1), axis=0)

    def problems(self, plan: Plan) -> Iterator[Problem]:
        from ..plan import Problem

        labels = [entrant.label for entrant in plan.entrants]
        wrong = [
            (key, one) for key in ("choosers", "candidates") for one in getattr(self, key) if one not in labels
        ]
        for key, label in wrong:
            yield Problem(("schedule", key), f"there is no agent {label!r}; there is {', '.join(labels)}")
        environments = [setting.label for setting in plan.settings]
        if isinstance(self.alone, str) and self.alone not in environments:
            yield Problem(
                ("schedule", "alone"),
                f"there is no environment {self.alone!r}; there is {', '.join(environments)}; a number will do",
            )
            return
        solo = self._solo(plan)
        if solo is not None and (seats := plan.settings[solo].game.seats) != 1:
            yield Problem(
                ("schedule", "alone"),
                f"found {self.alone}, which has {seats} seats; allowed: an environment with one, or a number",
            )
        elif not self._met(plan):
            yield Problem(("environments", 0), "nobody meets anybody there; allowed: one more, for two players")
        if not wrong:
            for index in self._met(plan):
                yield from self._unplayable(plan, index)
        yield from self._unclear(plan)
        yield from broken_blocks(plan, self.repetitions * self.matches)

    def _unplayable(self, plan: Plan, index: int) -> Iterator[Problem]:
        """What keeps partners from being chosen in an environment."""
        from ..plan import Problem

        setting: Setting = plan.settings[index]
        roles = list(dict.fromkeys(setting.game.roles))
        if setting.game.seats != 2 or len(roles) > 1:
            yield Problem(
                ("environments", index),
                f"partners are chosen in pairs: found {setting.label} with {setting.game.seats} seats "
                f"({' and '.join(roles)}); allowed: games of two seats in the same role, and `alone`",
            )
            return
        casts = self._casts(plan)
        exact = casts[plan.exact(index, casts)]
        if len(exact):
            pair = " with ".join(plan.entrants[one].label for one in exact[0])
            yield Problem(
                ("evaluation", "mode"),
                f"found {plan.evaluation.mode!r}, by which payoffs of {pair} are exact; allowed: 'played', as "
                "choices follow matches",
            )
        for rule in self.rules:
            if why := rule.refuses(setting.game):
                yield Problem(("schedule", "rules"), f"{rule.name} can't be used in {setting.label}: {why}")

    def _unclear(self, plan: Plan) -> Iterator[Problem]:
        """Rules of one name, and a function that isn't there."""
        from ..plan import Problem

        names = [rule.name for rule in self.rules] + ([self._function_name] if self.function else [])
        for name in dict.fromkeys(name for name in names if names.count(name) > 1 or name == "own"):
            yield Problem(("schedule", "rules"), f"the name {name!r} is taken; give a rule another with `label`")
        if not names:
            yield Problem(("schedule", "rules"), "found none; allowed: one rule or more, or a `function`")
        if self.function is not None:
            try:
                function_of(self.function)
            except DilemmaError as error:
                yield Problem(("schedule", "function"), str(error))
