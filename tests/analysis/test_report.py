"""What a reader finds in the report's folder."""

import csv
import io
import itertools
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from dilemma.analysis.cells import cells_by_league
from dilemma.analysis.options import AnalysisOptions
from dilemma.analysis.ranking.payoffs import cell_table
from dilemma.analysis.ranking.ranking import rank, rank_cells
from dilemma.analysis.report import appendix, chapters, figures, page, sections
from dilemma.analysis.report.gallery import Gallery, Scene
from dilemma.analysis.report.latex import longtables
from dilemma.analysis.report.report import write_report
from dilemma.analysis.report.tables import decimals, markdown, ranking_text
from dilemma.analysis.report.terminal import ranking_tables
from dilemma.analysis.statistics import comparisons, friedman

GAMES = {"game": {"roles": ["player"] * 2, "seats": 2, "title": "A game"}}
EVIL = "<script>alert('$x$ & \\co_')</script>"


def field(seats, labels, **how):
    random = np.random.default_rng(0)
    pairs = itertools.combinations_with_replacement(labels, 2)
    return seats([(pair, random.normal(2, 1, 2)) for pair in pairs], cooperation=0.5, **how)


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


DRAWN = ("ranking", "payoff", "cooperation")
FEW = AnalysisOptions(draws=100, comparisons="max_t", top=3)
ASKED = replace(FEW, draws=200, ratings=("alpha_rank", "deviation"), exploitability=("population",))


@pytest.fixture(scope="module")
def folder(seats, tmp_path_factory):
    return write_report(tmp_path_factory.mktemp("report"), field(seats, "ABC"), GAMES, options=ASKED).parent


def test_the_tables_have_their_columns_in_full_precision(seats, folder):
    table = field(seats, "ABC")
    ranking, payoffs = rows(folder / "ranking.csv"), rows(folder / "payoffs.csv")
    assert {"environment", "rank", "agent", "payoff", "low", "high", "cooperation"} <= set(ranking[0])
    assert {"environment", "agent", "opponent", "payoff", "standard_error", "matches", "how"} <= set(payoffs[0])
    assert [float(row["payoff"]) for row in ranking] == rank(table, GAMES, ASKED)["payoff"].tolist()
    assert (len(ranking), len(payoffs)) == (3, 9)


def test_the_folder_has_the_tables_for_papers_and_the_figures(folder):
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    drawings = {f"figures/1-game-{kind}.svg" for kind in DRAWN}
    kinds = ("ranking", "payoffs", "exploitability", "comparisons", "ratings", "clones", "variance", "friedman")
    tables = {f"{name}.{form}" for name in kinds for form in ("csv", "md", "tex")}
    assert names >= {"index.html"} | tables | drawings


def test_figures_are_written_as_pdf_where_that_is_asked(seats, tmp_path):
    table = field(seats, "AB")
    for options, forms in ((replace(FEW, pdf=True), {".svg", ".pdf"}), (FEW, {".svg"})):
        page = write_report(tmp_path, table, GAMES, options=options).read_text()
        written = {path.name for path in (tmp_path / "figures").iterdir()}
        assert written == {f"1-game-{kind}{form}" for kind in DRAWN for form in forms}
        assert ("analysis.pdf=true" in page) == (not options.pdf)


def test_long_tables_are_parquet_and_the_page_says_where(seats, folder, tmp_path, monkeypatch):
    table = field(seats, "ABC")
    write_report(tmp_path, table, GAMES, options=ASKED)
    monkeypatch.setattr(appendix, "MAX_TEXT_ROWS", 3)  # the ranking has 3 rows, the payoffs 9
    monkeypatch.setattr(page, "LISTED", 3)
    html = write_report(tmp_path, table, GAMES, options=ASKED).read_text()
    assert 'The payoff table has 9 rows; it is in <a href="payoffs.parquet" download>' in html
    assert {path.suffix for path in tmp_path.glob("payoffs.*")} == {".parquet"}
    assert {path.suffix for path in tmp_path.glob("ranking.*")} == {".csv", ".md", ".tex"}
    whole, read = pd.read_csv(folder / "payoffs.csv"), pd.read_parquet(tmp_path / "payoffs.parquet")
    assert read["payoff"].tolist() == whole["payoff"].tolist()
    for name in whole:
        if whole[name].dtype.kind == "f":
            np.testing.assert_allclose(read[name], whole[name], rtol=1e-6)
        else:
            assert read[name].astype(str).tolist() == whole[name].astype(str).tolist()
    monkeypatch.undo()
    write_report(tmp_path, table, GAMES, options=ASKED)
    assert not list(tmp_path.glob("*.parquet"))


def test_every_table_can_be_parquet(seats, tmp_path, monkeypatch):
    monkeypatch.setattr(appendix, "MAX_TEXT_ROWS", 0)
    options = replace(FEW, ratings=("payoff",), background=["D"], exploitability=["population"])
    write_report(tmp_path, field(seats, "ABCD"), GAMES, options=options)
    names = {path.stem for path in tmp_path.glob("*.parquet")}
    assert names >= {"ranking", "payoffs", "exploitability", "comparisons", "welfare", "held_out", "ratings"}
    assert all(len(pd.read_parquet(path)) for path in tmp_path.glob("*.parquet"))


def test_each_step_is_told_before_it_is_taken(seats, tmp_path):
    told = []
    write_report(tmp_path, field(seats, "ABC"), GAMES, options=ASKED, progress=told.append)
    assert told[0] == "game: ranking"
    assert told[-1] == "the page"
    assert {"game: pairs of agents", "game: figures", "the table of payoffs"} <= set(told)


def test_a_ranking_at_hand_is_not_worked_out_again(seats, folder, tmp_path, monkeypatch):
    table = field(seats, "ABC")
    ranked = rank(table, GAMES, ASKED)
    monkeypatch.setattr(sections, "rank_field", None)
    write_report(tmp_path, table, GAMES, options=ASKED, ranked=ranked)
    for name in ("index.html", "ranking.csv", "clones.csv"):
        assert (folder / name).read_bytes() == (tmp_path / name).read_bytes()


def test_the_figures_of_many_agents_stay_small_and_count_places():
    agents = [f"agent {i}" for i in range(300)]
    places, names = figures.ticks(agents)
    assert names == ["1", *(str(place) for place in range(10, 301, 10))]
    assert [int(name) - 1 for name in names] == places.tolist()
    largest = figures.heatmap(np.zeros((figures.NAMED,) * 2), agents[: figures.NAMED], "payoff")
    square = figures.heatmap(np.zeros((300, 300)), agents, "payoff")
    assert square.get_size_inches()[0] <= largest.get_size_inches()[0] + 1e-9
    assert figures.ticks(agents[:3])[1] == agents[:3]


def test_flips_of_signs_are_fewer_where_there_are_many_pairs(seats, monkeypatch):
    [cells] = cells_by_league(field(seats, "ABCDE"), GAMES)
    table = cell_table(cells)
    evidence = chapters.Evidence(cells, table, rank_cells(cells, table, FEW), cells, table, GAMES["game"], FEW)
    for budget, flips in ((comparisons.MAX_WORK, None), (5 * 10 * 300, 300), (0, comparisons.MIN_FLIPS)):
        monkeypatch.setattr(comparisons, "MAX_WORK", budget)
        [pairs] = [each for each in chapters.chapters(evidence) if each.name == "comparisons"]
        said = [remark for remark in pairs.finding.remarks if "flips of signs." in remark and "rests on" in remark]
        assert said == ([] if flips is None else [f"For so many pairs p_flip rests on {flips} flips of signs."])


def test_labels_reasons_and_parameters_are_escaped(seats, tmp_path):
    facts = {
        "title": EVIL,
        "agents": {EVIL: {EVIL: EVIL}},
        "failures": [{"cast": [EVIL, "B"], "setting": EVIL, "reason": EVIL}],
        "versions": {EVIL: EVIL},
    }
    page = write_report(tmp_path, field(seats, [EVIL, "B"]), GAMES, facts, options=FEW).read_text()
    assert "<script>alert" not in page
    assert len(re.findall("&lt;script&gt;alert", page)) > 10


def test_the_page_needs_no_network(folder):
    page = re.sub("<script>.*?</script>", "", (folder / "index.html").read_text(), flags=re.S)
    links = re.findall(r"""(?:src|href)=["'](?!#|data:)([^"']*)""", page)
    assert len(links) > 20
    assert [link for link in links if not (folder / link).is_file()] == []
    assert not re.findall(r"@import|url\((?!#|data:)", page)


def test_no_two_elements_share_an_id(folder):
    ids = re.findall(r'\bid="([^"]*)"', (folder / "index.html").read_text())
    assert len(ids) == len(set(ids)) > 30


def test_the_same_run_gives_the_same_page_and_figures(seats, folder, tmp_path):
    write_report(tmp_path, field(seats, "ABC"), GAMES, options=ASKED)
    for path in folder.rglob("*.*"):
        assert path.read_bytes() == (tmp_path / path.relative_to(folder)).read_bytes()


def test_a_run_without_results_has_a_page_that_says_so(seats, tmp_path):
    assert "There are no results to show" in write_report(tmp_path, seats([]), GAMES, options=FEW).read_text()
    assert rows(tmp_path / "ranking.csv") == []


def test_environments_have_their_own_sections_and_one_table(seats, tmp_path):
    both = [field(seats, "AB"), field(seats, "AB", environment="other", first=100)]
    table = pd.concat([part.astype({"environment": str}) for part in both], ignore_index=True)
    table["environment"] = table["environment"].astype("category")
    page = write_report(tmp_path, table, GAMES | {"other": GAMES["game"]}, options=FEW).read_text()
    assert re.findall("<h2>(.*)</h2>", page)[:3] == ["game", "other", "All environments together"]
    assert [row["environment"] for row in rows(tmp_path / "ranking.csv")] == ["game"] * 2 + ["other"] * 2


@pytest.mark.parametrize(
    "matches",
    [
        [("AA", (1.0, 1.0))],
        [("AB", (1.0, 2.0))],
        [("AB", (1.0, 1.0)), ("AC", (1.0, 1.0)), ("BC", (1.0, 1.0))],
        [("AB", (1.0, 2.0)), ("CD", (1.0, 2.0))],
        [("AB", (1.0, 2.0)), ("AC", (np.nan, 1.0)), ("BC", (1.0, 0.0))],
    ],
    ids=["one agent", "two agents", "constant payoffs", "two islands", "not a number"],
)
@pytest.mark.filterwarnings("error")
def test_where_there_is_little_to_say_the_report_stands(seats, tmp_path, matches):
    page = write_report(tmp_path, seats(matches), GAMES, options=ASKED).read_text()
    assert "</html>" in page
    assert "nan" not in re.sub("<svg.*?</svg>|<style.*?</style>|<script.*?</script>", "", page, flags=re.S).lower()


@pytest.mark.parametrize(("largest", "digits"), [(5, 3), (42, 2), (1234, 0), (0.05, 5), (0, 3), (np.nan, 3)])
def test_payoffs_show_four_digits(largest, digits):
    assert decimals([0, largest]) == digits


def test_markdown_and_latex_escape_labels(seats):
    text = ranking_text(rank(field(seats, ["a|b_c", "100% {x}"]), GAMES, FEW))
    assert r"a\|b\_c" in markdown(text)
    assert r"100\% \{x\}" in longtables(text, "game")
    assert len({line.count(" | ") for line in markdown(text.iloc[:, 2:]).splitlines()}) == 1


def test_a_square_holds_means_over_seats_and_nothing_where_nobody_met():
    table = pd.DataFrame({"agent": ["A", "A", "B"], "opponent": ["B", "B", "A"], "payoff": [1.0, 3.0, np.nan]})
    square = figures.square(table, ["B", "A"], "payoff")
    assert square[1, 0] == 2
    assert np.isnan(square[[0, 0, 1], [0, 1, 1]]).all()


@pytest.mark.parametrize("values", [[[np.nan]], [[2.0]], [[1.0, np.nan], [np.inf, 1.0]]])
def test_a_heatmap_of_odd_values_can_be_drawn(values):
    array = np.array(values)
    assert "<svg" in figures.figure_svg(figures.heatmap(array, ["A", "B"][: len(array)], "payoff"), "odd")


def test_the_terminal_shows_the_first_places_and_how_many_more(seats):
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(ranking_tables(rank(field(seats, [f"agent {i}" for i in range(8)]), GAMES, FEW), rows=5))
    shown = console.export_text()
    assert "... and 3 more" in shown
    assert len(re.findall(r"\d  agent \d", shown)) == 5
    assert "[bold]" in _printed(ranking_tables(rank(field(seats, ["[bold]A", "B"]), GAMES, FEW)))


def test_the_terminal_has_every_number_whole_in_80_columns(seats):
    pairs = list(itertools.combinations_with_replacement([f"agent_of_a_long_name_{i:03d}" for i in range(20)], 2))
    random, numbers = np.random.default_rng(0), np.repeat(range(3), len(pairs))
    means = random.normal(2, 1, (len(pairs), 2))
    matches = [
        (pair, mean + random.normal(0, 0.1, 2)) for _ in range(3) for pair, mean in zip(pairs, means, strict=True)
    ]
    ranking = rank(seats(matches, repetitions=numbers.tolist(), cooperation=0.5), GAMES, FEW)
    ranking["note"] = ["3 opponents are missing", "", *["2 opponents are missing"] * 18]
    gains = pd.DataFrame({"environment": "game", "agent": ranking["agent"], "gain": np.arange(20) / 8})
    out = io.StringIO()
    Console(file=out, width=200).print(ranking_tables(ranking, gains, rows=3))
    shown = [line.rstrip() for line in out.getvalue().splitlines()]
    assert shown == GOLDEN.splitlines()[1:]
    assert max(map(len, shown)) <= 80


GOLDEN = """
game, payoff per round
Rank  Agent                               Payoff  Others  Coop.  Exploit.  Note
   1  agent_of_a_long_nam…  2.467 [2.377, 2.557]    1–20  0.500     0.000  a
   2  agent_of_a_long_nam…  2.350 [2.330, 2.371]    1–20  0.500     0.125
 3–6  agent_of_a_long_nam…  2.111 [2.064, 2.157]    1–20  0.500     0.250  b
... and 17 more
a: 3 opponents are missing
b: 2 opponents are missing

"""


def _printed(what):
    console = Console(width=100)
    with console.capture() as captured:
        console.print(what)
    return captured.get()


def test_replays_stand_in_the_section_of_their_environment(seats, tmp_path):
    scene = Scene(EVIL, "<svg><text>board</text></svg>", f"dilemma replay {EVIL} 5")
    shown = {"game": Gallery([scene], [EVIL]), "elsewhere": Gallery([scene])}
    page = write_report(tmp_path, field(seats, "AB"), GAMES, options=FEW, replays=shown).read_text()
    assert page.count("<svg><text>board</text></svg>") == page.count("<summary>Replays</summary>") == 1
    assert "<script>alert" not in page
    assert len(re.findall("&lt;script&gt;alert", page)) == 3


def test_partners_held_out_are_not_ranked_but_told(seats, tmp_path):
    options = replace(FEW, background=["D"])
    page = write_report(tmp_path, field(seats, "ABCD"), GAMES, options=options).read_text()
    assert {row["agent"] for row in rows(tmp_path / "ranking.csv")} == set("ABC")
    assert [row["agent"] for row in rows(tmp_path / "held_out.csv")] == list("ABC")
    assert "Partners held out" in page


def test_ranks_of_many_agents_are_tested_as_a_whole_only(monkeypatch):
    matrix, names = np.random.default_rng(0).normal(size=(6, 20)), list("ABCDEF")
    [verdict] = friedman.friedman(matrix, names).remarks
    monkeypatch.setattr(friedman, "MAX_AGENTS", 5)
    found = friedman.friedman(matrix, names)
    assert found.table.empty
    assert found.remarks == ("Pairs are tested for at most 5 agents; there are 6.", verdict)
