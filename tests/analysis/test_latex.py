"""LaTeX that compiles, and fits."""

import itertools
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from dilemma.analysis.options import AnalysisOptions
from dilemma.analysis.report.bibliography import bibtex, references
from dilemma.analysis.report.latex import LONGEST, PAGE, Column, escaped, longtables, width
from dilemma.analysis.report.ranking_paper import ranking_paper
from dilemma.analysis.report.report import write_report

GAMES = {"game": {"roles": ["player"] * 2, "seats": 2, "title": "A game"}}
EVERYTHING = AnalysisOptions(
    draws=100,
    comparisons="max_t",
    top=3,
    margin=0.1,
    ratings=("deviation", "alpha_rank_population", "payoff", "elo"),
    exploitability=("population",),
    evolution=("replicator", "moran"),
    population={
        "size": 20,
        "selection": 0.1,
        "fitness": "exponential",
        "mutation": "small",
        "mutates_to": "any",
        "self_interaction": False,
        "noise": 0.1,
    },
)
LABELS = [
    "tit_for_tat",
    "<b>&amp;</b> $x^2$ 100% #1 {a}~ \\input{x} [d] *e |f| --g",
    "*starred",
    "[bracketed]",
    "W" * 80,
    "裏" * 80,
    "a label of many words that says at length what it is, and then some",
    "agents.somewhere.deep/file.py:VeryLongClassNameOfAnAgent",
    "שלום \u202eevil",
    "é e\u0301 ő ß Łódź “q” – α ± ²",
    "two\nlines",
    "",
]
ROOT = r"""\documentclass[{options}]{{article}}
\usepackage[T1]{{fontenc}}
\usepackage{{booktabs,longtable}}
\begin{{document}}
\input{{{file}}}
{more}
\end{{document}}
"""
needs_latex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")


@pytest.fixture(scope="module")
def folder(seats, tmp_path_factory):
    """A report with hostile labels and all its tables."""
    random, pairs = np.random.default_rng(0), list(itertools.combinations_with_replacement(LABELS, 2))
    matches = [(pair, random.normal(2, 1, 2)) for _ in range(3) for pair in pairs]
    repetitions = np.repeat(range(3), len(pairs)).tolist()
    table = seats(matches, cooperation=0.5, repetitions=repetitions)
    facts = {
        "title": LABELS[1],
        "agents": {label: {} for label in LABELS},
        "environments": {"game": {"rounds": 9}},
    }
    facts["calls"] = [
        {
            "command": f"dilemma run '{LABELS[1]}' --set schedule.repetitions=3 --out {LABELS[4]}",
            "seconds": 1.0,
            "workers": 1,
            "machine": {"processor": "A & B", "cores": 2, "system": "Linux_6"},
            "commit": "0" * 40,
        }
    ]
    return write_report(tmp_path_factory.mktemp("tex"), table, GAMES, facts, options=EVERYTHING).parent


def compiled(path, at, options="10pt", more=""):
    """The log of compiling a file in a plain article."""
    root = at / f"{path.stem}-root.tex"
    root.write_text(ROOT.format(options=options, file=path, more=more), encoding="utf-8")
    command = ["pdflatex", "-draftmode", "-interaction=nonstopmode", "-halt-on-error", root.name]
    done = subprocess.run(command, cwd=at, capture_output=True, check=False, timeout=120)
    log = (at / f"{path.stem}-root.log").read_text(encoding="latin-1")
    assert done.returncode == 0, log[-3000:]
    return log


@needs_latex
@pytest.mark.parametrize("columns", ["onecolumn", "twocolumn"])
def test_everything_compiles_and_nothing_is_too_wide(folder, tmp_path, columns):
    """In one column all tables, which longtable is for; in two the ranking for a paper, and the methods."""
    narrow = ("ranking_paper", "methods")
    files = [path for path in sorted(folder.glob("*.tex")) if (path.stem in narrow) == (columns == "twocolumn")]
    assert len(files) >= (2 if columns == "twocolumn" else 8)
    for path in files:
        log = compiled(path, tmp_path, columns)
        assert not re.findall(r"^Overfull \\hbox.*|^LaTeX Warning: Float too large.*", log, re.MULTILINE), (
            path.name
        )
        assert "Missing character" not in log


@needs_latex
def test_bibtex_takes_every_entry(tmp_path):
    (tmp_path / "all.bib").write_text(bibtex(references()), encoding="utf-8")
    (tmp_path / "all.tex").write_text("\\nocite{*}")
    compiled(tmp_path / "all.tex", tmp_path, more="\\bibliographystyle{plain}\\bibliography{all}")
    done = subprocess.run(["bibtex", "all-root"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    told = [line for line in done.stdout.splitlines() if line.startswith("Warning") and "empty" not in line]
    assert told == []
    compiled(tmp_path / "all.tex", tmp_path, more="\\bibliographystyle{plain}\\bibliography{all}")


def test_a_text_is_shown_as_it_is_and_long_words_may_break():
    assert escaped("100% of a_b & [x] -- *") == r"100\% of a\_b \& {[}x{]} {-}{-} {*}"
    assert escaped("tit_for_tat", 26) == r"tit\_\allowbreak{}for\_\allowbreak{}tat"
    assert escaped("0.123, word", 26) == "0.123, word"
    assert escaped("x" * 13, 26).count(r"\penalty500{}") == 2
    assert escaped("囚") == r"\anyletter{囚}{{[}56DA{]}}"


def test_wide_tables_are_set_in_parts_with_the_agent_in_each():
    table = pd.DataFrame({"Agent": ["a", "b"], **{f"Column {i}": ["[0.123, 0.456]"] * 2 for i in range(12)}})
    text = longtables(table, "Wide")
    heads = re.findall(r"\\toprule\n(.*) \\tabularnewline", text)
    assert all(head.startswith("Agent & ") for head in heads)
    assert [len(head.split(" & ")) - 1 for head in heads] == [5, 5, 2]
    assert "Wide (2 of 3)" in text
    assert sum(width(value) for value in ["a", *["[0.123, 0.456]"] * 5]) < PAGE
    assert longtables(table.iloc[:, :3], "Narrow").count("longtable}") == 2


def test_long_text_wraps_and_negative_numbers_have_a_minus():
    assert Column.of("Agent", ["a" * 80]).form == f"p{{{LONGEST:.0f}pt}}"
    assert Column.of("Agent", ["a"]).form == "l"
    assert Column.of("Payoff", ["-1.5"]).cells() == ["$-$1.5"]
    assert Column.of("Agent", ["-1.5"]).cells() == ["{-}1.5"]


def ranked(**columns):
    names = ("fixed_rank_low", "fixed_rank_high", "fixed_p_best", "low", "high", "rank_low", "rank_high", "p_best")
    names += ("p_top", "cooperation", "wins", "worst_partner", "worst_tenth", "standard_error", "gap")
    table = pd.DataFrame({"agent": ["a", "b"], "rank": [1, 2], "payoff": [2.5, 1.5], "note": ["", "late"]})
    table = table.assign(**dict.fromkeys(names, np.nan), environment="game", worst_partner_name="")
    table = table.assign(payoff_without_self=np.nan, opponents=2, kinds=2, matches=4)
    return table.assign(**columns)


def test_the_ranking_for_a_paper_says_what_its_columns_are():
    played = ranked(fixed_low=[2.4, 1.3], fixed_high=[2.6, 1.7], fixed_rank_low=[1, 2], fixed_rank_high=[1, 2])
    text = ranking_paper("game", played, None, {"late": "a"})
    assert r"1 & a & 2.500 $\pm$ 0.100 &  \tabularnewline" in text
    assert r"2 & b & 1.500 $\pm$ 0.200 & a \tabularnewline" in text
    assert "half of its 95" in text
    assert "a: late." in text
    exact = ranking_paper("game", ranked(fixed_low=[2.5, 1.5], fixed_high=[2.5, 1.5]), None, {})
    assert "an exact expectation" in exact
    assert r"\pm" not in exact
    unknown = ranking_paper("game", ranked(fixed_low=np.nan, fixed_high=np.nan), None, {})
    assert "95" not in unknown
