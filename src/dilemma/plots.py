"""Figures of results from Python: matplotlib Axes in, and out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .analysis.behaviour.curves import mean_curves
from .analysis.report.curve_figures import TIME, pens
from .analysis.report.figures import draw_pairs, draw_ranking, square
from .analysis.report.labels import short_labels
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
        axes = ax or _new_axes()
        draw_ranking(axes, ranking)
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
        axes.figure.colorbar(draw_pairs(axes, values, agents), ax=axes, label="payoff per round")
        return axes

    def curves(self, ax: Axes | None = None, environment: str | None = None) -> Axes:
        """Payoffs in matches with learners by episode: means over opponents, with their 95 % intervals."""
        if self.results.curves is None:
            raise DilemmaError("there are no learning curves: nobody learned")
        table = mean_curves(self._of(self.results.curves, environment), self.results.games)
        means = table[table["measure"] == "payoff"].groupby("agent", sort=False)
        agents = [str(agent) for agent, _ in means]
        axes = ax or _new_axes()
        for (_, mean), label, pen in zip(means, short_labels(agents), pens(agents).values(), strict=True):
            axes.plot(mean["point"], mean["mean"], color=pen.colour, linestyle=pen.dashes, label=label)
            axes.fill_between(mean["point"], mean["low"], mean["high"], color=pen.colour, alpha=0.2, linewidth=0)
        axes.set_xlabel(TIME)
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
