"""The site's table of agents: filters by property find whom they should."""

import re
import runpy
from pathlib import Path

from dilemma.properties import shipped

ROOT = Path(__file__).parents[2]


def test_agents_are_filtered_by_property_and_sorted_by_year(browser):
    made = runpy.run_path(str(ROOT / "docs" / "reference_pages.py"))["agents_page"]()
    page = browser.new_page()
    page.set_content(re.search(r"<div.*</div>", made, re.DOTALL)[0])
    page.add_script_tag(path=ROOT / "analysis" / "report" / "vendor" / "datatables.js")
    page.add_script_tag(path=ROOT / "docs" / "_static" / "filtered_tables.js")

    page.get_by_role("combobox", name="nice").select_option("yes")
    page.get_by_role("spinbutton", name="memory ≤").fill("1")
    page.get_by_role("columnheader", name="year").click()
    page.get_by_role("columnheader", name="year").click()

    known = {name: agent.properties for name, agent in shipped().items()}
    wanted = {name for name, one in known.items() if one.nice and one.memory <= 1}
    rows = page.locator("tbody tr")
    assert set(rows.locator("code").all_inner_texts()) == wanted
    assert page.locator("output").inner_text().startswith(f"{len(wanted)} of ")
    latest = max(known[name].year for name in wanted if known[name].year)
    assert str(latest) in rows.first.inner_text()
    page.close()
