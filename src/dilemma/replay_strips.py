"""The replays in a report: the most telling matches of an environment, as strips of pictures."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from .analysis.report.gallery import Gallery, Scene
from .envs.errors import DilemmaError
from .replay import svg
from .tournament.plan import Plan
from .tournament.replaying import match_spec, replay

PANELS = 12
"""Pictures in a strip."""
ROUNDS, CHARACTERS = 3000, 200_000
"""Limits for all strips of a report: rounds (some seconds of work) and characters."""


@dataclass(frozen=True)
class Pick:
    """A match that represents its cast."""

    match: int
    title: str


def galleries(plan: Plan, seats: pd.DataFrame, run: Path | None = None) -> dict[str, Gallery]:
    """The replays of each environment with a board, by label; commands name the folder `run`.

    Matches of learners are not shown, because replaying them means training again; nor are matches of agents that
    `plan` lacks. Failures become remarks.
    """
    boards = [item for item in plan.settings if item.game.has_board]
    slow = [entrant.label for entrant in plan.entrants if entrant.agent.slow]
    here = [entrant.label for entrant in plan.entrants]
    rounds, characters, found = float(ROUNDS), CHARACTERS, dict[str, Gallery]()
    for setting in boards:
        rows = seats[seats["environment"] == setting.label]
        foreign = rows["match"].isin(rows.loc[~rows["agent"].isin(here), "match"])
        costly = (rows["how"] == "learned") | rows["match"].isin(rows.loc[rows["agent"].isin(slow), "match"])
        scenes, remarks = list[Scene](), list[str]()
        for pick in picks(rows[(rows["how"] == "played") & ~costly & ~foreign]):
            command = f"dilemma replay {shlex.quote(str(run or 'RUN'))} {pick.match}"
            if setting.game.horizon > rounds:
                remarks.append(f"{pick.title} (not shown, for the time that it takes: {command}).")
                continue
            rounds -= setting.game.horizon
            try:
                drawing = _strip(plan, rows, pick.match)
            except Exception as error:  # a failed picture must not fail the report
                remarks.append(f"{pick.title} (not shown: {error}).")
                continue
            if len(drawing) > characters:
                remarks.append(f"{pick.title} (not shown, for its size: {command}).")
                continue
            characters -= len(drawing)
            scenes.append(Scene(pick.title, drawing, command if run else ""))
        if costly.any():
            remarks.append(
                "Matches of learners and of slow agents are not shown, for they would have to be played, or "
                f"trained, once more: dilemma replay {shlex.quote(str(run or 'RUN'))} LABEL:LABEL does so."
            )
        if foreign.any():
            remarks.append(
                "Matches of agents that do not come with this package are not shown, as a report runs nobody's "
                f"code: dilemma replay {shlex.quote(str(run or 'RUN'))} LABEL:LABEL does so."
            )
        if scenes or remarks:
            found[setting.label] = Gallery(scenes, remarks)
    return found


def picks(seats: pd.DataFrame) -> Iterator[Pick]:
    """A match of each of three casts: with the largest and smallest total payoff, and with the largest gap between
    agents.

    It is the match closest to the mean of its cast, in total payoff and in gap.
    """
    if seats.empty:
        return
    matches = seats.groupby("match")["payoff"].sum().to_frame("welfare")
    each = seats.groupby(["match", "agent"], observed=True)["payoff"].mean().groupby("match")
    matches["gap"] = each.max() - each.min()
    agents = seats.sort_values("match", kind="stable")["agent"].cat
    sitting = np.sort(agents.codes.to_numpy().reshape(len(matches), -1))
    present, which = np.unique(sitting, axis=0, return_inverse=True)
    names = [_cast(agents.categories[cast].to_list()) for cast in present]
    matches["cast"] = np.array(names)[which]
    casts = matches.groupby("cast")[["welfare", "gap"]].mean()
    reasons = dict[str, str]()
    for cast, reason in (
        (casts["welfare"].idxmax(), "The cast that earns most together"),
        (casts["welfare"].idxmin(), "The cast that earns least together"),
        (casts["gap"].idxmax(), "The cast whose agents are furthest apart"),
    ):
        reasons.setdefault(str(cast), reason if len(casts) > 1 else "The only cast")
    for name, reason in reasons.items():
        own = matches.loc[matches["cast"] == name, ["welfare", "gap"]]
        mean = own.mean()
        place = int((own - mean).abs().sum(axis=1).argmin())
        title = f"{reason}, {name}: {own['welfare'].iloc[place]:.4g} per round in all"
        among = f", in the mean of its {len(own)} matches {mean['welfare']:.4g}" if len(own) > 1 else ""
        yield Pick(int(own.index[place]), title + among)


def _cast(agents: Sequence[str]) -> str:
    """The agents, with their number of seats if there are more than two seats."""
    count = Counter(agents)
    names = count.elements() if len(agents) == 2 else (f"{label} ({seats})" for label, seats in count.items())
    return " and ".join(names)


def _strip(plan: Plan, seats: pd.DataFrame, match: int) -> str:
    """A match as a strip. Raises DilemmaError if its payoffs differ from the stored ones."""
    rows = seats[seats["match"] == match].sort_values("seat")
    record = replay(plan, match_spec(plan, rows))
    if list(record.payoff or ()) != rows["payoff"].tolist():
        raise DilemmaError("it pays otherwise now; versions differ, or something draws from more than its seed")
    return svg(record, PANELS)
