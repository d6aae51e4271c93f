"""Links in the pages at the top and in docs/ lead to files that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
MADE = ("_build", "reference")
"""Folders of pages that are made with the site."""
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(page for page in sorted(DOCS.rglob("*.md")) if page.relative_to(DOCS).parts[0] not in MADE),
]


def links(page):
    """The relative links of a page, without their anchors."""
    found = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    return [link.partition("#")[0] for link in found if not link.startswith(("http", "#"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page):
    assert not [link for link in links(page) if not (page.parent / link).exists()]


def test_the_page_on_architecture_links_what_it_says_to_copy_and_to_change():
    table = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## To add something")[2]
    rows = re.findall(r"^\| (?:a|an) (.+?) \|(.+)\|(.+)\|$", table, re.MULTILINE)
    assert {what for what, _, _ in rows} >= {"strategy", "environment", "statistic", "schedule", "rating"}
    assert all("](../" in copy and "](../" in line for _, copy, line in rows)
