"""Labels that no format may stumble over: they come out right, and do nothing."""

import csv
import io
import itertools
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from rich.cells import cell_len
from rich.console import Console

from dilemma.analysis.options import AnalysisOptions
from dilemma.analysis.ranking.ranking import rank
from dilemma.analysis.report.report import write_report
from dilemma.analysis.report.spreadsheet import MARK
from dilemma.analysis.report.tables import one_line
from dilemma.analysis.report.terminal import failures_text, ranking_tables

LABELS = [
    "<script>alert(1)</script>",
    "\"quoted\", 'and' `ticked`",
    "a,b;c\td",
    "two\nlines\r\nor three",
    r"\input{/etc/passwd} $x^2$ 100% #1 {a}_b~c & [d] *e <f> |g| --h",
    "*starred",
    "[bracketed]",
    "=1+1",
    "@SUM(A1)",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "'=quoted",
    "1.5",
    "</svg><img src=x onerror=alert(1)>",
    "[red]markup[/red] \x1b[31mred",
    "| a | b |",
    "[@holm1979] {key}",
    "שלום עולם",
    "مرحبا",
    "\u202eevil\u202c",
    "囚徒困境",
    "裏" * 80,
    "W" * 80,
    "é e\u0301 ő ß Łódź",
    "𝔘𝔫𝔦 🎲",
]
GAME = "game & <b>_%\n$x$"
GAMES = {GAME: {"roles": ["player"] * 2, "seats": 2, "title": "A game"}}
OPTIONS = AnalysisOptions(
    draws=100,
    comparisons="max_t",
    top=3,
    ratings=("deviation", "alpha_rank_population"),
    exploitability=("population",),
    evolution=(),
)
ELSEWHERE = "another"
FAILURES = [
    {"setting": ELSEWHERE, "cast": [label, "x"], "repetition": 0, "blamed": [label], "reason": label}
    for label in LABELS
]


@pytest.fixture(scope="module")
def table(seats):
    random, pairs = np.random.default_rng(0), list(itertools.combinations_with_replacement(LABELS, 2))
    matches = [(pair, random.normal(2, 1, 2)) for _ in range(2) for pair in pairs]
    repetitions = np.repeat([0, 1], len(pairs)).tolist()
    return seats(matches, cooperation=0.5, environment=GAME, repetitions=repetitions)


@pytest.fixture(scope="module")
def folder(table, tmp_path_factory):
    facts = {
        "title": LABELS[0],
        "agents": {label: {label: label} for label in LABELS},
        "environments": {GAME: {"rounds": 10, "map": LABELS[4]}},
        "sources": {"agents": {label: label for label in LABELS}, "environments": {GAME: LABELS[4]}},
        "failures": FAILURES,
        "notes": LABELS,
    }
    return write_report(tmp_path_factory.mktemp("hostile"), table, GAMES, facts, options=OPTIONS).parent


class Page(HTMLParser):
    """What a browser makes of a page: its elements and attributes, and the text of its cells."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.attributes, self.cells = [], set(), [""]
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attributes}
        if tag in ("td", "th", "tr"):
            self.cells.append("")

    def handle_data(self, data):
        self.cells[-1] += data


def csv_labels(folder):
    for path in folder.glob("*.csv"):
        for cell in itertools.chain(*csv.reader(io.StringIO(path.read_bytes().decode(), newline=""))):
            assert not re.match(r"[=+\-@\t\r]", cell) or re.fullmatch(r"-?[\d.e-]+", cell), (path.name, cell)
    agents = pd.read_csv(folder / "ranking.csv", dtype=str)["agent"]
    return [agent.removeprefix(MARK) for agent in agents]


def markdown_labels(folder):
    text = (folder / "ranking.md").read_text(encoding="utf-8")
    rows = [re.split(r"(?<!\\) \| ", line) for line in text.splitlines() if line.startswith("|")]
    assert len({len(row) for row in rows}) == 1
    return [re.sub(r"\\(.)", r"\1", row[1]) for row in rows[2:]]


def html_labels(folder):
    page = Page((folder / "index.html").read_text(encoding="utf-8"))
    assert not {"img", "f"} & set(page.elements)
    assert not {"onerror", "onload"} & page.attributes
    shown = [one_line(cell) for cell in page.cells]
    return [label for label in LABELS if one_line(label) in shown]


def svg_labels(folder):
    for path in (folder / "figures").glob("*.svg"):
        elements = {element.tag.rpartition("}")[2] for element in ElementTree.parse(path).iter()}
        assert not {"script", "img"} & elements
    return LABELS


def bib_labels(folder):
    text = (folder / "references.bib").read_text(encoding="utf-8")
    assert text.count("{") == text.count("}")
    assert not [label for label in LABELS if label in text and len(label) > 3]
    return LABELS


@pytest.mark.parametrize(
    "labels",
    [csv_labels, markdown_labels, html_labels, svg_labels, bib_labels],
    ids=lambda read: read.__name__[:-7],
)
def test_labels_come_out_right_and_harmless(folder, labels):
    assert {one_line(label) for label in labels(folder)} == {one_line(label) for label in LABELS}


def test_csv_has_labels_as_they_are(folder):
    assert set(csv_labels(folder)) == set(LABELS)


def test_the_terminal_has_lines_of_80_columns_and_no_control_characters(table):
    out, ranking = io.StringIO(), rank(table, GAMES, OPTIONS)
    console = Console(file=out, width=80)
    console.print(ranking_tables(ranking, rows=len(LABELS)))
    console.print(failures_text(FAILURES, ranking, rows=len(LABELS)), markup=False, soft_wrap=True)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u200e\u202a-\u202e\u2066-\u2069]", out.getvalue())
    places = [line for line in out.getvalue().splitlines() if re.match(r" ?1–25 ", line)]
    assert len(places) == len(LABELS)
    assert max(map(cell_len, places)) <= 80
    assert sum("[red]markup[/red]" in line for line in places) == 1
