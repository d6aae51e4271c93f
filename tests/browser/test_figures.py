"""Figures under a reader's hands: hovered, sorted, and redrawn in the colours of the page."""

import pytest

expect = pytest.importorskip("playwright.sync_api", reason="Playwright for Python is not installed").expect


def live(page, caption):
    """The live view of the figure with this caption, once it is drawn."""
    figure = page.locator("figure[data-view]", has_text=caption).first
    figure.scroll_into_view_if_needed()
    expect(figure.locator(".still")).to_be_hidden(timeout=30_000)  # a busy machine has to draw 40,000 cells
    return figure.locator(".live")


def axis_labels(view):
    """What stands beside the rows of a heat map, from above."""
    labels = view.locator("svg .role-axis-label").last.locator("text")
    return [said.rstrip() for said in labels.all_text_contents()]


def test_a_cell_of_a_heat_map_tells_both_names_and_the_payoff(visit):
    page = visit("three_partners")
    view = live(page, "against the column")
    cell = view.locator("svg .mark-rect path").first
    cell.hover(force=True)
    tip = page.locator(".tip")
    expect(tip).to_be_visible()
    names = {"tit_for_tat", "all_d", "random", "grudger"}
    said = [line.split()[-1] for line in tip.inner_text().splitlines()]
    assert len(names & set(said)) == 2, said
    assert any(word.replace(".", "", 1).isdigit() for word in said), said
    page.mouse.move(2, 2)
    expect(tip).to_be_hidden()


def test_a_heat_map_of_200_agents_tells_the_names_too(visit):
    page = visit("agents_200")
    view = live(page, "against the column")
    canvas = view.locator("canvas")
    expect(canvas).to_be_visible()
    canvas.hover(position={"x": 300, "y": 300})
    expect(page.locator(".tip")).to_be_visible()
    assert page.locator(".tip").inner_text().count("drawn ") == 2


def test_rows_of_a_heat_map_are_sorted_as_chosen(visit):
    page = visit("three_partners")
    view = live(page, "against the column")
    ranked = page.locator(".ranking").first.locator("tbody td:nth-child(2)").all_inner_texts()
    assert axis_labels(view) == ranked
    choice = view.locator("select")
    assert choice.evaluate("choice => choice.labels.length || choice.getAttribute('aria-label')")
    choice.select_option("name")
    page.wait_for_timeout(200)
    assert axis_labels(view) == sorted(ranked)
    choice.select_option("cooperation")
    page.wait_for_timeout(200)
    assert sorted(axis_labels(view)) == sorted(ranked)
    assert axis_labels(view) != sorted(ranked)


def test_views_follow_the_colours_of_the_page(visit):
    page = visit("three_partners", scheme="dark")
    view = live(page, "against the column")
    ink = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()")
    assert view.locator(f"svg .role-axis-label text[fill='{ink}']").count() > 0
    page.emulate_media(color_scheme="light")
    page.wait_for_timeout(500)
    other = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()")
    assert other != ink
    assert view.locator(f"svg .role-axis-label text[fill='{other}']").count() > 0


def test_a_view_that_can_not_be_drawn_leaves_the_still_figure(visit):
    page = visit("three_partners")
    page.evaluate("document.querySelectorAll('figure script').forEach(data => { data.textContent = '{'; })")
    figure = page.locator("figure[data-view]").last
    figure.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    expect(figure.locator(".still svg")).to_be_visible()
    expect(figure.locator(".live")).to_be_hidden()
