"""Where the links of a page lead: to places in it, and to files beside it."""

import threading
from urllib.parse import unquote

import pytest

from dilemma.run_server import RunServer


@pytest.mark.parametrize("name", ["learning", "hostile", "agents_200", "only_failures"])
def test_links_lead_to_places_in_the_page_and_to_files_beside_it(visit, reports, name):
    page, folder = visit(name), reports(name).parent
    links = page.locator("a[href]").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    ids = set(page.locator("[id]").evaluate_all("all => all.map(each => each.id)"))
    places = {unquote(link[1:]) for link in links if link.startswith("#")}
    files = {link for link in links if not link.startswith(("#", "https://"))}
    assert places - ids == set()
    assert [file for file in files if not (folder / unquote(file)).is_file()] == []
    assert len(files) > 3 or name == "only_failures"
    assert page.locator("a[href$='.csv']:not([download])").count() == 0


def test_ids_are_unique(visit):
    for name in ("three_partners", "learning"):
        ids = visit(name).locator("[id]").evaluate_all("all => all.map(each => each.id)")
        assert len(ids) == len(set(ids)), [each for each in ids if ids.count(each) > 1]


def test_every_file_of_a_figure_is_linked(visit, reports):
    page, folder = visit("learning"), reports("learning").parent
    links = page.locator("a[href]").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    drawn = {path.relative_to(folder).as_posix() for path in (folder / "figures").iterdir()}
    assert drawn - {unquote(link) for link in links} == set()


def test_the_server_serves_the_same_page(visit, reports):
    file = reports("learning")
    with RunServer(file.parents[1], 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = visit(f"{server.url}report/index.html")
        assert page.locator("main").inner_text() == visit("learning").locator("main").inner_text()
        page.locator("th", has_text="Cooperation").first.click()
        page.locator("th[aria-sort=descending]", has_text="Cooperation").wait_for()
        server.shutdown()
