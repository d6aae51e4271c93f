"""The ranking under a reader's hands: sorted, filtered, widened, and all of it with the keyboard alone."""

import pytest

expect = pytest.importorskip("playwright.sync_api", reason="Playwright for Python is not installed").expect


@pytest.fixture
def ranking(visit):
    """The ranking of a hundred agents in a page, as a function of the page's name."""

    def ranking(name="agents_100", **how):
        return visit(name, **how).locator(".ranking").first

    return ranking


def heads(ranking):
    return ranking.locator("thead th:visible").evaluate_all("heads => heads.map(head => head.innerText.trim())")


def column(ranking, name):
    """What is in a column, from above."""
    place = heads(ranking).index(name) + 1
    rows = ranking.locator("tbody tr:visible")
    return rows.evaluate_all(
        "(rows, at) => rows.map(row => [...row.cells].filter(cell => cell.offsetParent)[at - 1].innerText)", place
    )


def names(ranking):
    return ranking.locator("tbody td:nth-child(2)")


def head(ranking, name):
    return ranking.locator("thead th:visible", has_text=name).first


def sorts(ranking, name, order):
    """Click on a heading, and wait until the arrow and the rows have turned; returns the column."""
    head(ranking, name).click()
    expect(head(ranking, name)).to_have_attribute("aria-sort", order)
    for _ in range(100):
        said = column(ranking, name)
        values = said if name == "Agent" else [float(value) for value in said]
        if values == sorted(values, reverse=order == "descending"):
            return said
        ranking.page.wait_for_timeout(50)
    return pytest.fail(f"{name} is not {order}: {said}")


def test_a_click_sorts_by_a_column_and_another_turns_it_round(ranking):
    ranking = ranking()
    before = column(ranking, "Agent")
    sorts(ranking, "Cooperation", "descending")
    sorts(ranking, "Cooperation", "ascending")
    assert column(ranking, "Agent") != before
    assert len(sorts(ranking, "Agent", "ascending")) == 100
    sorts(ranking, "Rank", "ascending")
    assert column(ranking, "Agent") == before
    sorts(ranking, "Rank", "descending")
    assert column(ranking, "Agent") != before


def test_the_filter_keeps_the_agents_that_have_the_words(ranking):
    ranking = ranking()
    box = ranking.get_by_role("searchbox")
    box.fill("drawn 01")
    expect(names(ranking)).to_have_count(11)
    assert sorted(column(ranking, "Agent")) == ["drawn 001", *(f"drawn {number:03}" for number in range(10, 20))]
    box.fill("nobody of that name")
    expect(names(ranking)).to_have_count(0)
    box.fill("")
    expect(names(ranking)).to_have_count(100)


def test_agents_are_found_by_their_properties(ranking):
    ranking = ranking("three_partners")
    ranking.get_by_role("searchbox").fill("stochastic")
    expect(names(ranking)).to_have_text(["random"])


def test_more_columns_come_and_go(ranking):
    ranking = ranking()
    few = heads(ranking)
    assert few[:3] == ["Rank", "Agent", "Payoff [95 %]"]
    assert len(few) <= 7
    box = ranking.get_by_label("more columns")
    box.check()
    assert set(heads(ranking)) > set(few)
    assert "Worst partner" in heads(ranking)
    box.uncheck()
    assert heads(ranking) == few


def test_the_names_stay_in_sight_where_a_table_is_wider_than_the_window(ranking):
    ranking = ranking("three_partners", width=390)
    ranking.get_by_label("more columns").check()
    box = ranking.locator(".scroll")
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")
    box.evaluate("box => { box.scrollLeft = 200; }")
    name, frame = ranking.locator("tbody tr td:nth-child(2)").first.bounding_box(), box.bounding_box()
    assert 0 <= name["x"] - frame["x"] < frame["width"] / 2


def test_the_keyboard_is_enough(visit):
    page = visit("three_partners")
    focused = "document.activeElement"

    def tab_to(test):
        for _ in range(60):
            page.keyboard.press("Tab")
            outline = page.evaluate(f"getComputedStyle({focused}).outlineStyle")
            assert outline != "none", page.evaluate(f"{focused}.outerHTML.slice(0, 200)")
            if page.evaluate(f"(element => {test})({focused})"):
                return
        pytest.fail(f"no {test} in sixty steps")

    ranking = page.locator(".ranking").first
    tab_to("element.type === 'search'")
    page.keyboard.type("tit")
    expect(names(ranking)).to_have_text(["tit_for_tat"])
    for _ in "tit":
        page.keyboard.press("Backspace")
    tab_to("element.type === 'checkbox'")
    page.keyboard.press("Space")
    assert "Worst partner" in heads(ranking)
    tab_to("element.closest('th')?.innerText.includes('Cooperation')")
    page.keyboard.press("Enter")
    expect(head(ranking, "Cooperation")).to_have_attribute("aria-sort", "descending")
    page.keyboard.press("Space")
    expect(head(ranking, "Cooperation")).to_have_attribute("aria-sort", "ascending")
    tab_to("element.matches('tbody a')")
    page.keyboard.press("Enter")
    expect(page.locator("details.agent[open]").first).to_be_attached()
    tab_to("element.matches('summary')")
    state = page.evaluate(f"{focused}.parentElement.open")
    page.keyboard.press("Enter")
    assert page.evaluate(f"{focused}.parentElement.open") == (not state)


def test_a_name_leads_to_the_agent(ranking):
    ranking = ranking()
    ranking.get_by_role("link", name="drawn 042").click()
    agent = ranking.page.locator("details.agent[open]")
    assert agent.locator("summary").inner_text() == "drawn 042"
    expect(agent.locator("summary")).to_be_in_viewport()
