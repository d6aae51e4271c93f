"""Figures of evolution show what they say."""

import re

import numpy as np
import pytest
from matplotlib.colors import same_color
from matplotlib.patches import FancyArrowPatch

from dilemma.analysis.behaviour.type_payoffs import TypePayoffs
from dilemma.analysis.evolution import PopulationGame, invasion_graph, replicator, selection_gradient
from dilemma.analysis.report import evolution_figures as figures
from dilemma.analysis.report.figures import INK, figure_svg, fit, inline

REPEATED = np.array([[30.0, 0, 30], [50, 10, 14], [30, 9, 30]])
NAMES = ["ALLC", "ALLD", "TFT"]


def dots(axes):
    """(x, y, whether it is dark) of every marker."""
    marked = [line for line in axes.lines if line.get_marker() == "o"]
    return [(*np.ravel(line.get_data()), same_color(line.get_markerfacecolor(), INK)) for line in marked]


def test_simplex_has_its_rest_points_drift_and_trajectory():
    path = replicator(REPEATED, [0.4, 0.3, 0.3], np.linspace(0, 5, 50))
    figure = figures.simplex_plot(REPEATED, NAMES, [path])
    axes = figure.axes[0]
    assert {text.get_text() for text in axes.texts} == set(NAMES)
    dark = [(x, y) for x, y, is_dark in dots(axes) if is_dark]
    assert dark == [pytest.approx((1, 0))]  # ALLD alone
    lines = [np.column_stack(line.get_data()) for line in axes.lines]
    top = np.array([0.5, np.sqrt(3) / 2])
    assert any(np.allclose(line, [top, 5 / 9 * top]) for line in lines if len(line) == 2)  # ALLC up to 4/9
    assert any(len(line) == 50 for line in lines)
    fit(figure)
    assert figure_svg(figure, "simplex") == figure_svg(figure, "simplex")


def test_simplex_of_any_game_and_of_none():
    game = PopulationGame(3, lambda x: x @ REPEATED.T)
    drawn = dots(figures.simplex_plot(game, NAMES).axes[0])
    assert [(x, y) for x, y, is_dark in drawn if is_dark] == [pytest.approx((1, 0))]
    assert len(drawn) == 4  # alone, and ALLD with TFT; the line of ALLC and TFT isn't isolated
    assert not dots(figures.simplex_plot(game, NAMES, points=[]).axes[0])
    assert len(dots(figures.simplex_plot(np.zeros((3, 3)), NAMES).axes[0])) == 3


def test_phase_line_marks_stable_zeros():
    figure = figures.phase_line([[-0.5, 2], [0, 1]], ["hawk", "dove"])
    found = sorted((x, dark) for x, _, dark in dots(figure.axes[1]))
    assert [dark for _, dark in found] == [False, True, False]
    np.testing.assert_allclose([x for x, _ in found], [0, 2 / 3, 1], atol=1e-4)
    assert not dots(figures.phase_line(np.ones((2, 2)), ["one", "other"]).axes[1])


def test_gradients_have_a_flow_for_each_curve():
    k = np.arange(11) / 10
    curves = {"up": (k, k * (1 - k)), "down": (k, -k * (1 - k))}
    figure = figures.gradient_plot(curves, "cooperators")
    assert sorted(dots(figure.axes[1])) == [(0, 0, False), (0, 1, True), (1, 0, True), (1, 1, False)]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["up", "down"]


def test_stack_fills_up_to_one_and_hatches_colours_that_come_again():
    shares = np.random.default_rng(1).dirichlet(np.ones(10), 5)
    figure = figures.stack_plot(np.arange(5.0), shares, [f"type {i}" for i in range(10)])
    bands = figure.axes[0].collections
    assert bands[-1].get_datalim(figure.axes[0].transData).y1 == pytest.approx(1)
    assert [bool(band.get_hatch()) for band in bands] == [False] * 8 + [True] * 2


def test_invasions_are_arrows_and_drift_is_dashed():
    figure = figures.invasion_plot(invasion_graph(REPEATED, NAMES))
    arrows = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    assert sorted(patch.get_linestyle() != "solid" for patch in arrows) == [False, True]
    assert sum(dark for *_, dark in dots(figure.axes[0])) == 1


def test_a_figure_of_other_types_than_it_shows_is_refused():
    with pytest.raises(ValueError, match="3 types with names; here are 2 types, 2 names"):
        figures.simplex_plot(np.eye(2), ["one", "other"])


def test_what_is_hollow_has_the_colour_of_the_page():
    """Else filled dots can't be told from hollow ones on a dark page, where ink is light."""
    figure = fit(figures.phase_line([[-0.5, 2], [0, 1]], ["hawk", "dove"]))
    drawn = inline(figure_svg(figure, "phase"), "phase", "A phase line")
    fills = re.findall(r'<use[^>]* style="fill: ([^;]+);', drawn)
    assert sorted(fills) == ["currentColor", "var(--paper)", "var(--paper)"]


def of_pairs(payoffs):
    return TypePayoffs(np.array(payoffs), np.array(payoffs))


def test_a_report_draws_gradients_of_two_types_and_paths_of_three():
    gains = selection_gradient([[-0.5, 2], [0, 1]], 10, 1)
    drawn = figures.evolution_drawings(of_pairs([[-0.5, 2], [0, 1]]), ["hawk", "dove"], {"moran": gains})
    assert list(drawn) == ["phase", "gradient", "invasions"]
    [curve] = [line for line in drawn["gradient"][1].axes[0].lines if len(line.get_xdata()) == 11]
    np.testing.assert_array_equal(curve.get_ydata(), gains)
    path = np.array([[0.2, 0.3, 0.5], [0.4, 0.3, 0.3], [0.5, 0.5, 0]])
    caption, figure = figures.evolution_drawings(of_pairs(REPEATED), NAMES, {}, [path, path[:2]])["simplex"]
    assert caption.endswith("red, from the dot: what became of the first 2 populations, played out")
    assert [len(line.get_xdata()) for line in figure.axes[0].lines if same_color(line.get_color(), "#d64577")] == [
        *(3, 1, 2, 1)
    ]


def test_legends_of_long_labels_are_no_wider_than_the_figure():
    shares = np.full((2, 6), 1 / 6)
    names = [f"{i} {'m' * 78}" for i in range(6)]
    figure = figures.stack_plot(np.arange(2.0), shares, names)
    width = figure.get_figwidth()
    assert fit(figure).get_figwidth() < 1.25 * width
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["0", "1"]
