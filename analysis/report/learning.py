"""What the report shows of learning in one environment: curves, and what they end with."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd
from markupsafe import Markup

from ..behaviour.curves import POLICY, late_means, learning_curves
from ..cells import Game
from .album import Album
from .curve_figures import CROWD, curves_plot, measures_plot, panels, policies_plot
from .tables import late_text

EARNED = ("payoff", "cooperation")
HEADINGS = dict(zip(POLICY, ("Start", "After CC", "After CD", "After DC", "After DD"), strict=True))


@dataclass(frozen=True)
class Lesson:
    """One environment's part of `learning_curves` and `late_means`."""

    agents: Sequence[str]
    """All that learned or met a learner, in any environment, in order."""
    curves: pd.DataFrame
    late: pd.DataFrame
    shares: Sequence[str] = ()
    """Those of its measures that the environment declares as shares."""

    def of(self, agents: Collection[str]) -> Lesson | None:
        """The part of these agents, if they have one."""
        curves, late = (table[table["agent"].isin(agents)] for table in (self.curves, self.late))
        return replace(self, curves=curves, late=late) if len(curves) else None


@dataclass(frozen=True)
class LearningSection:
    """A lesson as the page shows it; drawings are SVG elements by their captions."""

    lesson: Lesson
    drawings: Mapping[str, Markup]
    further: Markup | None
    """What learners tell of themselves."""
    policies: Mapping[str, Markup]
    late_text: pd.DataFrame
    policies_text: pd.DataFrame


def lessons(curves: pd.DataFrame, games: Mapping[str, Game], seed: int) -> Iterator[tuple[str, Lesson]]:
    """Each environment's label and lesson."""
    table, late = learning_curves(curves, games, seed=seed), late_means(curves, games)
    met = set(late["agent"]) | set(late["opponent"])
    agents = [agent for agent in late["agent"].cat.categories if agent in met]
    for label, part in table.groupby("environment", observed=True, sort=False):
        shares = tuple(games[str(label)].get("shares", {})) if label in games else ()
        yield str(label), Lesson(agents, part, late[late["environment"] == label], shares)


def learning(album: Album, lesson: Lesson) -> LearningSection:
    """Draw a lesson."""
    curves, late = lesson.curves, lesson.late
    told = [str(name) for name in curves["measure"].unique()]
    headings = {name: name.replace("_", " ").capitalize() for name in told}
    further = {name: headings[name] for name in told if name not in (*EARNED, *lesson.shares, *POLICY)}
    earned = {name: headings[name] for name in (*EARNED, *lesson.shares) if name in told}

    drawings = {}
    for name, heading in earned.items():
        drawn = panels(curves[curves["measure"] == name], lesson.agents)
        label, limits = ("payoff per round", None) if name == "payoff" else (heading.lower(), (-0.03, 1.03))
        caption = f"{heading} as agents learn, each with each opponent: the mean over matches"
        if any(panel.banded for panel in drawn):
            caption += ", with its 95 % band at each point"
        if len(lesson.agents) > CROWD:
            caption += "; thick: over all opponents"
        if not (curves["seat"] == "any").all():
            caption += "; where a pair is named, its first agent has seat 0 and its own double is dashed"
        figure = curves_plot(drawn, lesson.agents, label, limits)
        drawings[caption] = album.add(f"curve-{name}", caption, figure)
    have = [name for name in POLICY if name in told]
    known = late[late[have].notna().any(axis=1)] if have else late
    caption = "Probability to cooperate at the start, and after the last (own, other's) moves"
    self_told = None
    if further:
        figure = measures_plot(curves, list(further), lesson.agents)
        self_told = album.add("measures", "what learners tell of themselves", figure)
    whole = len(have) == len(POLICY)
    return LearningSection(
        lesson=lesson,
        drawings=drawings,
        further=self_told,
        policies={caption: album.add("policies", caption, policies_plot(known, lesson.agents))} if whole else {},
        late_text=late_text(late, {**earned, **further}),
        policies_text=late_text(known, {**earned, **{name: HEADINGS[name] for name in have}}),
    )
