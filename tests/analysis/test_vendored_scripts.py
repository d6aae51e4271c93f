"""The libraries in the report's page: they say what they are and come with their licences."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VENDOR = ROOT / "analysis" / "report" / "vendor"


@pytest.mark.parametrize("script", sorted(VENDOR.glob("*.js")), ids=lambda path: path.name)
def test_a_vendored_script_says_its_versions_and_can_stand_in_a_page(script):
    text = script.read_text(encoding="utf-8")
    wanted = json.loads((ROOT / "tools" / "vendor" / "package.json").read_text())["devDependencies"]
    said = dict(re.findall(r"([a-z.-]+) (\d+\.\d+\.\d+)", text[: text.index("*/")]))
    assert len(said) == text.count(",", 0, text.index(";")) + 1
    assert said.items() <= wanted.items()
    licences = (VENDOR / "LICENSES.txt").read_text()
    assert all(f"{name} {version} (" in licences for name, version in said.items())
    assert not re.search("</script|<!--", text, re.IGNORECASE)  # would end the page's script, or hide it
