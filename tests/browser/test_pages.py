"""Pages of all kinds of runs, in narrow and wide windows, light and dark: readable, and nothing sticks out."""

import json
from pathlib import Path

import pytest

WIDTHS = (1280, 768, 390)
SCHEMES = ("light", "dark")
ODD = ("half_done", "only_failures", "one_agent", "one_repetition", "three_partners", "hostile")
FEW = "details.agent:nth-of-type(n+4), tbody tr:nth-child(n+41)"
FEWER = "tbody tr:nth-child(n+9)"
"""What more of the same is taken off before axe-core looks, which would take minutes for 200 agents."""


@pytest.fixture(scope="module")
def axe():
    package = pytest.importorskip("axe_playwright_python", reason="axe-core is not installed")
    return (Path(package.__file__).parent / "axe.min.js").read_text()


def violations(page, **options):
    """What axe-core calls serious or critical, with the first element of each kind."""
    options = {"resultTypes": ["violations"], "preload": False, **options}
    found = page.evaluate(
        "options => axe.run(document, options).then(done => done.violations.map("
        "({ id, impact, nodes }) => ({ id, impact, count: nodes.length, html: nodes[0].html.slice(0, 200),"
        " summary: nodes[0].failureSummary })))",
        options,
    )
    return [json.dumps(each, indent=1) for each in found if each["impact"] in ("serious", "critical")]


def thin(page, much):
    page.evaluate("much => document.querySelectorAll(much).forEach(each => each.remove())", much)


def draw(page):
    """Come near every figure that becomes a live view, and wait until it is one."""
    for figure in page.locator("figure[data-view]:visible").all():
        figure.scroll_into_view_if_needed()
        figure.locator(".still").wait_for(state="hidden")


def resize(page, width):
    """Make the window so wide, and let the page answer to it."""
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def sticking_out(page):
    """By how many pixels the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize("name", ["quickstart", "learning", "coins", "agents_200"])
def test_pages_are_accessible_and_fit(visit, axe, name):
    page = visit(name)
    page.evaluate(axe)
    draw(page)
    for width in WIDTHS:
        resize(page, width)
        assert sticking_out(page) <= 0, width
    thin(page, FEW)
    for width in (WIDTHS[0], WIDTHS[-1]):
        resize(page, width)
        assert violations(page, rules={"color-contrast": {"enabled": False}}) == [], width
    thin(page, FEWER)
    for width, scheme in zip((WIDTHS[0], WIDTHS[-1]), SCHEMES, strict=True):
        resize(page, width)
        page.emulate_media(color_scheme=scheme)
        assert violations(page, runOnly=["color-contrast"]) == [], (width, scheme)


@pytest.mark.parametrize("name", ODD)
def test_pages_of_odd_runs_are_accessible_and_fit(visit, axe, name):
    page = visit(name)
    page.evaluate(axe)
    for width, scheme in ((1280, "light"), (390, "dark")):
        resize(page, width)
        page.emulate_media(color_scheme=scheme)
        assert sticking_out(page) <= 0, width
        assert violations(page) == [], (width, scheme)


def test_open_chapters_are_accessible_and_fit(visit, axe):
    page = visit("learning", width=390)
    page.evaluate(axe)
    page.evaluate("document.querySelectorAll('details').forEach(box => { box.open = true; })")
    draw(page)
    thin(page, FEW)
    assert sticking_out(page) <= 0
    assert violations(page) == []


def test_labels_are_text_and_nothing_else(visit):
    page = visit("hostile")
    text = page.locator("body").inner_text()
    assert "<script>alert('a')</script>" in text
    assert "</style></table><b>" in text
    assert page.title().startswith("<i>hostile</i> & more")
    assert page.locator("body i").filter(has_text="hostile").count() == 0
