"""Figures of results from Python: matplotlib Axes in, and out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .analysis.report.curve_figures import COLOURS
from .analysis.report.figures import ACCENT, ANNOTATED, annotate, short, square, ticks
from .analysis.statistics.tails import CONFIDENCE, t_ppf
from .envs.errors import DilemmaError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .results import Results


@dataclass(frozen=True)
class Plots:
    """Figures of the results of a tournament; each returns the axes that it was given to draw on, or new ones.

    `environment` is needed where there are several. Raises DilemmaError where there is nothing to draw.
    """

    results: Results

    def ranking(self, ax: Axes | None = None, environment: str | None = None) -> Axes:
        """Mean payoffs, the best on top; 95 % intervals are thick in the same field, thin with other partners."""
        ranking = self._of(self.results.ranking, environment)
        ranking = ranking[ranking["payoff"].notna()]
        axes, place = ax or _new_axes(), np.arange(len(ranking))
        for name, width in (("", 1.0), ("fixed_", 3.0)):
            axes.hlines(
                place, ranking[f"{name}low"], ranking[f"{name}high"], color=ACCENT, linewidth=width, alpha=0.75
            )
        axes.plot(ranking["payoff"], place, "o", color=ACCENT)
        marked, names = ticks([str(agent) for agent in ranking["agent"]])
        axes.set_yticks(marked, names)
        axes.set_ylim(len(ranking) - 0.4, -0.6)
        axes.set_xlabel("payoff per round, 95 % intervals")
        return axes

    def payoffs(self, ax: Axes | None = None, environment: str | None = None) -> Axes:
        """Payoffs of each agent (row) with each opponent (column), in the order of the ranking."""
        table = self._of(self.results.payoffs, environment)
        agents = [str(agent) for agent in self._of(self.results.ranking, environment)["agent"]]
        values = square(table[table["opponent"].notna()], agents, "payoff")
        if np.isnan(values).all():
            raise DilemmaError("there are no payoffs of pairs: agents met in companies of three or more")
        axes = ax or _new_axes()
        mesh = axes.pcolormesh(np.ma.masked_invalid(values))
        axes.figure.colorbar(mesh, ax=axes, label="payoff per round")
        marked, names = ticks(agents)
        axes.set_xticks(marked + 0.5, names, rotation=90)
        axes.set_yticks(marked + 0.5, names)
        axes.invert_yaxis()
        if len(agents) <= ANNOTATED:
            annotate(axes, values, "viridis", *mesh.get_clim(), font=8.0)
        return axes

    def curves(self, ax: Axes | None = None, environment: str | None = None) -> Axes:
        """Payoffs in matches with learners by episode, means over matches with their 95 % intervals."""
        if self.results.curves is None:
            raise DilemmaError("there are no learning curves: nobody learned")
        curves = self._of(self.results.curves, environment)
        axes = ax or _new_axes()
        for index, (agent, mine) in enumerate(curves.groupby("agent", observed=True)):
            by_match = mine.pivot_table(index="point", columns="match", values="payoff")
            mean, count, colour = by_match.mean(axis=1), by_match.count(axis=1), COLOURS[index % len(COLOURS)]
            axes.plot(mean.index, mean, color=colour, label=short(str(agent)))
            if (count > 1).all():
                half = by_match.std(axis=1) / np.sqrt(count) * t_ppf((1 + CONFIDENCE) / 2, count.to_numpy() - 1.0)
                axes.fill_between(mean.index, mean - half, mean + half, color=colour, alpha=0.2, linewidth=0)
        axes.set_xlabel("episode, or learning step in a policy game")
        axes.set_ylabel("payoff per round")
        axes.legend()
        return axes

    def _of(self, table: pd.DataFrame, environment: str | None) -> pd.DataFrame:
        """The rows of an environment. Raises DilemmaError where it isn't said which, or is none of the run."""
        known = list(self.results.games)
        if environment not in known and (environment is not None or len(known) > 1):
            found = "none" if environment is None else repr(environment)
            raise DilemmaError(f"environment: found {found}; allowed: {', '.join(known)}")
        return table[table["environment"] == (environment or known[0])]


def _new_axes() -> Axes:
    from matplotlib import pyplot

    return pyplot.subplots()[1]
