"""The picture in reciprocators.md: python docs/reciprocators.py runs/zhou_2024_figure_2

Draws what `dilemma run zhou_2024_figure_2` has learned: a column for each repetition.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot

from dilemma import open_run

HERE = Path(__file__).parent
PENS = {"reciprocator": "#0072b2", "ppo": "#d55e00"}
SHOWN = 4


def main(run: str) -> None:
    curves = open_run(run).curves
    mpl.rcParams.update({"font.size": 9, "svg.hashsalt": "dilemma"})
    figure, axes = pyplot.subplots(
        2, SHOWN, figsize=(10, 3.8), sharex=True, sharey="row", layout="constrained", height_ratios=(2, 1)
    )
    for repetition, (above, below) in enumerate(axes.T):
        here = curves[curves["repetition"] == repetition].sort_values("point")
        for agent, colour in PENS.items():
            own = here[here["agent"] == agent]
            above.plot(own["point"], own["cooperation"], color=colour, label=agent)
        own = here[here["agent"] == "reciprocator"]
        below.plot(own["point"], own["reciprocal_reward"], color=PENS["reciprocator"])
        above.set_title(f"repetition {repetition}", fontsize=9)
        below.axhline(0, color="0.8", linewidth=0.8, zorder=0)
        below.set_xlabel("episode")
    axes[0, 0].set_ylabel("P(cooperate)")
    axes[0, 0].set_ylim(0, 1)
    axes[1, 0].set_ylabel("reciprocal\nreward")
    axes[1, 0].set_ylim(-0.075, 0.15)  # as in the paper; at first, against uniform baselines, it is beyond
    axes[0, 0].legend(frameon=False)
    figure.savefig(HERE / "figures" / "zhou_2024_figure_2.png", dpi=150)


if __name__ == "__main__":
    main(*sys.argv[1:])
