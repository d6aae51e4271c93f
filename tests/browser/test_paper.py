"""What is on paper, and without scripts: everything."""

import io
import unicodedata

import pytest

SCRIPTS = (True, False)
PAPER = 672
"""Pixels between the margins of an A4 page."""
SHRUNK = 1.3
"""Browsers shrink what is wider, to half at most, and the rest is cut: to be seen, and far from that."""


def words(text):
    """A text without white space, and with the letters of its ligatures."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def printed(page):
    pypdf = pytest.importorskip("pypdf")
    pages = pypdf.PdfReader(io.BytesIO(page.pdf(format="A4"))).pages
    return words("".join(each.extract_text() for each in pages))


def wanted(page):
    """Titles of chapters and figures, and what is in the first and the last row of each table."""
    return page.evaluate(
        """() => {
          const seen = [...document.querySelectorAll("h1, h2, h3, summary, figcaption")];
          for (const body of document.querySelectorAll("main tbody")) {
            for (const row of [body.rows[0], body.rows[body.rows.length - 1]]) seen.push(...row.cells);
          }
          return seen.filter(each => !each.matches(".more")).map(each => {
            const copy = each.cloneNode(true);
            copy.querySelectorAll(".downloads").forEach(links => links.remove());
            return copy.textContent;
          });
        }"""
    )


@pytest.mark.parametrize("scripts", SCRIPTS)
@pytest.mark.parametrize("name", ["quickstart", "learning"])
def test_closed_chapters_and_their_tables_are_printed(visit, name, scripts):
    titles = visit(name)
    asked = wanted(titles)
    page = visit(name, scripts=scripts)
    page.emulate_media(media="print")
    text = printed(page)
    assert len(asked) > 50
    assert [each for each in asked if words(each) not in text] == []


@pytest.mark.parametrize("name", ["learning", "coins", "hostile"])
def test_no_table_is_wider_than_the_paper(visit, name):
    page = visit(name, width=PAPER)
    page.emulate_media(media="print")
    page.evaluate("document.querySelectorAll('details').forEach(box => { box.open = true; })")
    wide = page.evaluate(
        """width => [...document.querySelectorAll("table, svg")]
          .filter(each => each.getBoundingClientRect().right > width + 1)
          .map(each => each.closest(".scroll, figure").textContent.trim().slice(0, 80))""",
        PAPER * SHRUNK,
    )
    assert wide == []


def test_figures_are_complete_without_scripts(visit):
    page = visit("learning", scripts=False)
    figures = page.locator("main > section > figure")
    assert figures.count() >= 3
    for figure in figures.all():
        assert figure.locator("svg").first.is_visible()
        assert figure.locator("svg").first.get_attribute("aria-label")
