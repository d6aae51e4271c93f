"""Labels in any script: figures warn of nothing, keep their text, and have room for it."""

import io
import re
import warnings

import pandas as pd
import pytest
from rich.console import Console

from dilemma.analysis.options import AnalysisOptions
from dilemma.analysis.ranking.ranking import rank
from dilemma.analysis.report import figures, fonts, labels
from dilemma.analysis.report.curve_figures import curves_plot, panels
from dilemma.analysis.report.latex import longtables
from dilemma.analysis.report.tables import markdown, one_line
from dilemma.analysis.report.terminal import ranking_tables

ODD = ["裏切り者", "🙂 smile", "_hidden", "$\\pi$ & $e$", "$half", "عبارة", "line\nbreak\x1b[31m", "<b>&amp;"]


@pytest.fixture(autouse=True)
def nobody_is_warned():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture
def families(monkeypatch):
    """A machine that has these families, beside DejaVu Sans."""

    def having(*names):
        monkeypatch.setattr(fonts, "OTHERS", names)
        forget()

    def forget():
        fonts.families.cache_clear()
        fonts.characters.cache_clear()

    yield having
    forget()


@pytest.fixture
def only_our_font(families):
    families()


def ranking(labels):
    numbers = range(len(labels))
    ends = {"low": 0.0, "high": 9.0, "fixed_low": 1.0, "fixed_high": 8.0}
    return pd.DataFrame({"agent": labels, "payoff": [*map(float, numbers)], **ends})


def width(labels):
    return figures.fit(figures.ranking_plot(ranking(labels))).get_figwidth()


def curves(labels):
    lines = [
        {"agent": one, "opponent": other, "seat": "any", "point": point, "mean": 1.0, "low": 0.0, "high": 2.0}
        for one in labels
        for other in labels
        for point in range(3)
    ]
    return pd.DataFrame(lines)


def test_a_figure_with_characters_that_no_font_has_is_drawn_in_silence(tmp_path, only_our_font):
    few = ODD[:3]
    table = curves(few)
    learned = curves_plot(panels(table, table[table["opponent"] == few[0]], few), "payoff", (0, 2))
    for figure, drawn in ((figures.ranking_plot(ranking(ODD)), ODD), (learned, few)):
        document = figures.figure_svg(figures.fit(figure), "odd")
        for label in drawn:
            assert one_line(label).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in document
        assert "\x1b" not in document
        figures.pdf(figure, tmp_path / "odd.pdf")


def test_a_pdf_has_a_substitute_and_the_figure_its_text_back(only_our_font):
    figure = figures.ranking_plot(ranking(ODD))
    [axes] = figure.axes
    ticks = axes.yaxis.get_major_formatter()
    with fonts.without_missing(figure, fonts.GONE):
        assert ticks.format_ticks(axes.get_yticks())[:2] == ["\N{REPLACEMENT CHARACTER}" * 4, "� smile"]
    assert ticks.format_ticks(axes.get_yticks())[:2] == ODD[:2]
    assert fonts.missing("".join(ODD)) == ["裏", "切", "り", "者", "🙂"]


def test_what_no_font_has_is_given_the_room_of_the_widest(only_our_font):
    """A Japanese character is as wide as a dash that fills its square."""
    assert width(["裏" * 12, "b"]) == pytest.approx(width(["—" * 12, "b"]))


def test_a_font_that_has_what_ours_lacks_is_taken(families):
    """STIX comes with matplotlib too."""
    families()
    before = fonts.characters()
    families("No Such Font", "STIXGeneral")
    assert fonts.families() == ("DejaVu Sans", "STIXGeneral")
    sign = chr(min(fonts.characters() - before))
    assert fonts.missing(sign) == []
    figures.fit(figures.ranking_plot(ranking([sign, "b"])))


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("a" * 15 + "b" * 14, "a" * 14 + "…" + "b" * 13),
        ("a" * 28, "a" * 28),
        ("裏" * 14, "裏" * 14),
        ("裏" * 15, "裏" * 7 + "…" + "裏" * 6),
    ],
)
def test_a_label_is_cut_in_the_middle_at_28_columns_of_a_terminal(label, shown):
    assert labels.short(label) == shown


def test_labels_that_differ_do_not_look_alike():
    alike = [f"{'long ' * 20}{middle}{' long' * 20}" for middle in "ab"]
    shown = labels.short_labels([*alike, "c" * 40])
    assert len(set(shown)) == 3
    assert shown[2] == "c" * 14 + "…" + "c" * 13  # others stay short
    assert labels.short_labels(["a\nb", "a b"]) == ["a b", "a b"]


def test_a_label_stays_in_its_row():
    table = pd.DataFrame({"Agent": ["line\nbreak\ttab\r\x1b[31m\u2028end"], "Payoff": ["1"]})
    assert len(markdown(table).splitlines()) == 3
    assert len(longtables(table, "a\nb").splitlines()) == 11
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u2028]", markdown(table) + longtables(table, "a\nb"))


def test_the_terminal_has_one_line_for_an_agent(seats):
    cast = ["line\nbreak\x1b[31m", "[red]b[/red]"]
    table = seats([(cast, (1.0, 2.0)), (cast[::-1], (2.0, 1.0))])
    games = {"game": {"roles": ["player"] * 2, "seats": 2, "title": "A game"}}
    console = Console(width=120, file=io.StringIO())
    console.print(ranking_tables(rank(table, games, AnalysisOptions(draws=100, comparisons="max_t", top=3))))
    said = console.file.getvalue()
    assert "\x1b" not in said
    assert re.search(r"line break \[31m +1\.000", said)
    assert re.search(r"\[red\]b\[/red\] +2\.000", said)
