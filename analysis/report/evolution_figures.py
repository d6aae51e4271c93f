"""Figures of evolution: where a population flows, who is left, and who invades whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations, cycle, pairwise
from typing import Any

import matplotlib
import networkx as nx
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch

from ..arrays import Numbers
from ..behaviour.type_payoffs import TypePayoffs
from ..evolution.invasion_graph import invasion_graph
from ..evolution.population_game import Payoffs, PopulationGame, population_game
from ..evolution.replicator import growth_rates, replicator
from ..evolution.rest_points import RestPoint, Verdict, rest_points
from ..evolution.stability import drift_edges
from .curve_figures import DASHES, pens
from .figures import ACCENT, INK, PAPER, style, tidy
from .labels import short, short_labels

_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])
_LABELS = _CORNERS + np.array([[-0.02, -0.04], [0.02, -0.04], [0, 0.04]])
_SIDE = 4.2
"""Inches of a triangle's side."""
_GRID = 101
_FOLLOWED = 100.0
"""Time that a path is drawn for, over the spread of payoffs."""
MOST_INVADERS = 30
"""With more types an invasion graph can't be read."""
_HATCHES = (None, "////", "....")
"""For colours that come again, as their dashes do."""
_GREY, _PALE, _WHITE = "#8b9096", "#d9dce0", "#ffffff"
_PATH = "#d64577"
_SPEEDS = ListedColormap(matplotlib.colormaps["viridis"](np.linspace(0.25, 0.85, 256)))
"""From slow to fast, readable on white and on near-black."""
_ARROW: dict[str, Any] = {"linewidth": 1.4, "mutation_scale": 12.0, "shrinkA": 7.0, "shrinkB": 8.0}
_FILL: dict[Verdict, str] = {
    "asymptotically stable": INK,
    "stable": _GREY,
    "undecided": _GREY,
    "unstable": PAPER,
}


def simplex_plot(
    payoffs: Payoffs,
    names: Sequence[str],
    trajectories: Sequence[Numbers] = (),
    points: Sequence[RestPoint] | None = None,
) -> Figure:
    """The replicator's flow among three types, brighter where it is faster; trajectories [time, type] on top.

    Rest points are filled if asymptotically stable, grey if stable or not decided by the eigenvalues, hollow if
    unstable. Thick lines are neutral mixes, pale where a third type gains; they are drawn of a matrix only.
    """
    game = population_game(payoffs)
    _named(names, game.types, 3)
    if points is None:
        points = rest_points(payoffs)
    across = np.linspace(0, 1, _GRID)
    up = np.linspace(0, _CORNERS[2, 1], _GRID)
    x, y = np.meshgrid(across, up)
    third = y / _CORNERS[2, 1]
    shares = np.stack((1 - x - third / 2, x - third / 2, third), -1)
    outside = (shares < -1e-9).any(-1)
    velocity = shares * growth_rates(game, shares)
    velocity[outside] = np.nan
    speed = np.hypot(*np.moveaxis(velocity @ _CORNERS, -1, 0))
    with matplotlib.rc_context(style()):
        figure = Figure(figsize=(_SIDE, _SIDE * _CORNERS[2, 1]), facecolor="none")
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), facecolor="none")
        clip = axes.fill(*_CORNERS.T, facecolor="none", edgecolor=INK, linewidth=1.1, zorder=3)[0]
        if np.nanmax(speed) > 0:
            right, upward = np.moveaxis(velocity @ _CORNERS, -1, 0)
            look: dict[str, Any] = {"cmap": _SPEEDS, "density": 1.1, "linewidth": 0.8, "arrowsize": 0.8}
            axes.streamplot(x, y, right, upward, color=speed, zorder=2, **look)
            for artist in (*axes.collections, *axes.patches[1:]):
                artist.set_clip_path(clip)
        width = 1.5 if len(trajectories) <= 1 else 0.7
        for trajectory in trajectories:
            axes.plot(*(trajectory @ _CORNERS).T, color=_PATH, linewidth=width, alpha=0.8, zorder=4)
            axes.plot(*(trajectory[0] @ _CORNERS), "o", color=_PATH, markersize=3.5, zorder=4)
        _mark_simplex(axes, payoffs, points)
        for (left, height), name, ha in zip(
            _LABELS.tolist(), short_labels(names), ("right", "left", "center"), strict=True
        ):
            axes.text(left, height, name, ha=ha, va="bottom" if height > 0 else "top", fontsize=10)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, _CORNERS[2, 1] + 0.02)
        axes.set_aspect("equal")
        axes.set_axis_off()
    return figure


def phase_line(payoffs: Payoffs, names: Sequence[str]) -> Figure:
    """The replicator of two types: the speed of the first's share over its share, and where it flows below."""
    game = population_game(payoffs)
    _named(names, game.types, 2)
    x = np.linspace(0, 1, 401)
    shares = np.column_stack((x, 1 - x))
    return gradient_plot({"replicator": (x, (shares * growth_rates(game, shares))[:, 0])}, names[0], "velocity")


def gradient_plot(
    gradients: Mapping[str, tuple[Numbers, Numbers]], name: str, label: str = "gradient of selection"
) -> Figure:
    """What selection does to a type at each of its shares: for each curve (shares, gradients), and below its flow.

    Filled dots are stable zeros, hollow ones unstable. Of finite populations: T+ - T- at shares k / N.
    """
    strip = 0.26
    height = 2.6 + strip * len(gradients)
    # One curve may lie on another: Moran's is that of Wright and Fisher.
    pen = {
        name: replace(one, dashes=dashes)
        for (name, one), dashes in zip(pens(list(gradients)).items(), cycle(DASHES))
    }
    with matplotlib.rc_context(style()):
        figure = Figure(figsize=(4.6, height), facecolor="none")
        foot = strip * len(gradients) / height
        axes = figure.add_axes((0.0, foot, 1.0, 1 - foot), facecolor="none")
        below = figure.add_axes((0.0, 0.0, 1.0, foot), facecolor="none", sharex=axes)
        axes.axhline(0, color=INK, linewidth=0.8, alpha=0.6)
        for place, (curve, (shares, gradient)) in enumerate(gradients.items()):
            axes.plot(shares, gradient, color=pen[curve].colour, linestyle=pen[curve].dashes, linewidth=1.6)
            _phase(below, shares, gradient, place, pen[curve].colour)
        axes.set_ylabel(label, fontsize=9)
        axes.tick_params(labelsize=8, length=0, labelbottom=False)
        axes.grid(color=INK, alpha=0.13, linewidth=0.5)
        below.set_xlim(-0.03, 1.03)
        below.set_ylim(len(gradients) - 0.4, -0.6)
        below.set_yticks([])
        below.tick_params(labelsize=8, length=0)
        below.set_xlabel(f"share of {short(name)}", fontsize=9)
        for ax in (axes, below):
            ax.spines[:].set_visible(False)
            tidy(ax)
        if len(gradients) > 1:
            handles = [Line2D([], [], color=pen[c].colour, linestyle=pen[c].dashes, label=c) for c in gradients]
            legend(figure, handles)
    return figure


def stack_plot(times: Numbers, shares: Numbers, names: Sequence[str], label: str = "generation") -> Figure:
    """Shares [time, type] on top of each other, the first type lowest."""
    _named(names, shares.shape[1], shares.shape[1])
    pen = pens(names)
    with matplotlib.rc_context(style()):
        figure = Figure(figsize=(6.2, 2.8), facecolor="none")
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), facecolor="none")
        edges = np.column_stack((np.zeros(len(times)), shares.cumsum(1)))
        for index, (name, shown) in enumerate(zip(names, short_labels(names), strict=True)):
            look = pen[name]
            low, high = edges[:, index], edges[:, index + 1]
            hatch = _HATCHES[DASHES.index(look.dashes)]
            with matplotlib.rc_context({"hatch.linewidth": 0.6}):
                axes.fill_between(
                    times,
                    low,
                    high,
                    facecolor=look.colour,
                    linewidth=0.3,
                    label=shown,
                    hatch=hatch,
                    edgecolor=_WHITE,
                )
        axes.set_xlim(times[0], times[-1] if times[-1] > times[0] else times[0] + 1)
        axes.locator_params(axis="x", integer=True)
        axes.set_ylim(0, 1)
        axes.set_xlabel(label, fontsize=9)
        axes.set_ylabel("share", fontsize=9)
        axes.tick_params(labelsize=8, length=0)
        axes.spines[:].set_visible(False)
        tidy(axes)
        legend(figure, axes.collections)
    return figure


def invasion_plot(graph: nx.DiGraph) -> Figure:
    """Who invades whom, from `invasion_graph`: arrows from the resident to the invader, dashes for neutral drift.

    Nodes are filled if strict Nash or ESS, grey if neutrally stable or if no single type gains, hollow if invaded.
    """
    fill = {"strict Nash": INK, "ESS": INK, "neutrally stable": _GREY, "resists each type": _GREY}
    places = nx.circular_layout(graph)
    order = {node: index for index, node in enumerate(graph)}
    side = min(10.0, 2.4 + 0.18 * len(graph))
    with matplotlib.rc_context(style()):
        figure = Figure(figsize=(side, side), facecolor="none")
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), facecolor="none")
        for resident, mutant, edge in graph.edges(data=True):
            both = graph.has_edge(mutant, resident)
            ends = (places[resident], places[mutant])
            if not edge["drift"]:
                bend = "arc3,rad=0.14" if both else "arc3"
                arrow = FancyArrowPatch(*ends, connectionstyle=bend, arrowstyle="-|>", color=ACCENT, **_ARROW)
            elif order[resident] < order[mutant]:
                arrow = FancyArrowPatch(*ends, arrowstyle="-", linestyle=(0, (3, 2.4)), color=_GREY, **_ARROW)
            else:
                continue
            axes.add_patch(arrow)
        labels = short_labels(str(node) for node in graph)
        for (node, kind), label in zip(graph.nodes(data="kind"), labels, strict=True):
            x, y = places[node]
            axes.plot(x, y, "o", markersize=9, color=fill.get(kind, PAPER), markeredgecolor=INK)
            ha = "left" if x > 0.1 else "right" if x < -0.1 else "center"
            va = "center" if abs(x) > 0.1 else "bottom" if y > 0 else "top"
            axes.text(1.12 * x, 1.12 * y, label, ha=ha, va=va, fontsize=9)
        axes.set_xlim(-1.15, 1.15)
        axes.set_ylim(-1.15, 1.15)
        axes.set_axis_off()
    return figure


def evolution_drawings(
    payoffs: TypePayoffs,
    names: Sequence[str],
    gradients: Mapping[str, Numbers] | None = None,
    paths: Sequence[Numbers] = (),
) -> dict[str, tuple[str, Figure]]:
    """What a report shows of a run's payoffs: figures by name, each with its caption.

    The flow of two or three types, and who invades whom among `MOST_INVADERS` at most. Of two types also the
    `gradients` of finite populations [k] by process, of three the `paths` [time, type] of populations that were
    played out, or one from equal shares.
    """
    found = dict[str, tuple[str, Figure]]()
    if payoffs.whole is not None and len(names) == 2:
        caption = (
            f"Replicator: how fast the share of {names[0]} grows, over that share; below, where it goes, "
            "filled dots where it stays"
        )
        found["phase"] = caption, phase_line(payoffs.whole, names)
    if gradients:
        caption = (
            f"Gradient of selection in finite populations: what the share of {names[0]} is expected to gain "
            "in a generation (as many steps as there are individuals), over that share"
        )
        curves = {process: (np.linspace(0, 1, len(gains)), gains) for process, gains in gradients.items()}
        found["gradient"] = caption, gradient_plot(curves, names[0])
    if payoffs.whole is not None and len(names) == 3:
        which = "the population" if len(paths) == 1 else f"the first {len(paths)} populations"
        red = f"red, from the dot: what became of {which}, played out" if len(paths) else "red: from equal shares"
        if not len(paths):
            times = np.linspace(0, _FOLLOWED / population_game(payoffs.whole).spread(), 2001)
            paths = [replicator(payoffs.whole, np.full(3, 1 / 3), times)]
        caption = f"Replicator: where a population of three types flows; {red}"
        found["simplex"] = caption, simplex_plot(payoffs.whole, names, paths)
    if 2 <= len(names) <= MOST_INVADERS:
        caption = (
            "Who can invade whom: arrows from the resident to the invader; dashed lines join types of equal "
            "payoffs, which drift alone moves. Filled types resist all others, grey ones may drift, hollow ones "
            "are invaded"
        )
        found["invasions"] = caption, invasion_plot(invasion_graph(payoffs.two, names))
    return found


def _mark_simplex(axes: Axes, payoffs: Payoffs, points: Sequence[RestPoint]) -> None:
    if not isinstance(payoffs, PopulationGame):
        for edge in drift_edges(payoffs):
            for (low, high), colour in (((0, 1), _PALE), (edge.holds or (0, 0), _GREY)):
                ends = np.zeros((2, 3))
                ends[:, edge.first], ends[:, edge.second] = (low, high), (1 - low, 1 - high)
                if high > low:
                    axes.plot(*(ends @ _CORNERS).T, color=colour, linewidth=5, solid_capstyle="butt", zorder=3)
    for point in points:
        if point.dimension == 2:
            axes.fill(*_CORNERS.T, color=_PALE, zorder=1)
        if point.dimension == 1 and len(point.support) == 3:
            ends = _ends(point, points)
            colour = _PALE if point.verdict == "unstable" else _GREY
            axes.plot(*(ends @ _CORNERS).T, color=colour, linewidth=5, solid_capstyle="butt", zorder=3)
    for point in points:
        if point.dimension == 0:
            x, y = point.shares @ _CORNERS
            fill = _FILL[point.verdict]
            axes.plot(x, y, "o", color=fill, markeredgecolor=INK, markersize=7, zorder=5, clip_on=False)


def _ends(point: RestPoint, points: Sequence[RestPoint]) -> Numbers:
    """The two rest points on the edges between which a line of them runs."""
    ways = {
        index: (other.shares - point.shares) / np.linalg.norm(other.shares - point.shares)
        for index, other in enumerate(points)
        if other.dimension == 0
    }
    one, other = min(combinations(ways, 2), key=lambda pair: float(ways[pair[0]] @ ways[pair[1]]))
    return np.array([points[one].shares, points[other].shares])


def _phase(axes: Axes, shares: Numbers, gradient: Numbers, place: int, colour: str) -> None:
    """One line of arrows and zeros."""
    axes.plot(shares[[0, -1]], [place, place], color=colour, linewidth=1.2)
    tie = 1e-12 * max(float(np.abs(gradient).max()), 1.0)  # less is what rounding leaves of payoffs
    sign = np.where(np.abs(gradient) > tie, np.sign(gradient), 0)
    moving = np.flatnonzero(sign)
    if not moving.size:
        return
    runs = np.split(moving, np.flatnonzero(np.diff(sign[moving])) + 1)
    for run in runs:
        middle, way = float(shares[run].mean()), float(sign[run[0]])
        reach = min(0.03, 0.3 * float(np.ptp(shares[run])))
        axes.annotate(
            "",
            (middle + way * reach, place),
            (middle - way * reach, place),
            arrowprops={"arrowstyle": "-|>", "color": colour, "mutation_scale": 13},
        )
    zeros = [(float(shares[0]), sign[runs[0][0]] < 0), (float(shares[-1]), sign[runs[-1][0]] > 0)]
    for left, right in pairwise(runs):
        a, b = int(left[-1]), int(right[0])
        zero = shares[a] + (shares[b] - shares[a]) * gradient[a] / (gradient[a] - gradient[b])
        zeros.append((float(zero), sign[a] > 0))
    for x, stable in zeros:
        axes.plot(x, place, "o", color=INK if stable else PAPER, markeredgecolor=INK, markersize=6, clip_on=False)


def legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """Above the figure, in as many columns as fit its width."""
    longest = max(len(str(handle.get_label())) for handle in handles)
    columns = int(14.5 * figure.get_figwidth() / (longest + 6))  # letters an inch; of a handle and a space
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0, 1 + 0.08 / figure.get_figheight()),
        ncols=max(1, min(len(handles), columns, 6)),
        fontsize=8.5,
        frameon=False,
        borderpad=0,
        handlelength=1.6,
        columnspacing=1.4,
    )


def _named(names: Sequence[str], types: int, wanted: int) -> None:
    if types != wanted or len(names) != wanted:
        raise ValueError(
            f"This figure shows {wanted} types with names; here are {types} types, {len(names)} names."
        )
