"""A label never becomes a path."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dilemma.file_names import file_name
from dilemma.tournament.config import load, shipped

LABELS = st.text(min_size=1, max_size=100) | st.from_regex(r"[a-zA-Z0-9_./\\: -]{1,12}", fullmatch=True)
NASTY = (
    "..",
    ".",
    "/etc/passwd",
    "../../../escaped",
    "C:\\x",
    "a/b",
    "nul",
    "Con.txt",
    "com1",
    "-rf",
    "~",
    "a\0b",
)
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?$", re.IGNORECASE)


@given(LABELS)
@example("\ud800")
@pytest.mark.parametrize("nasty", NASTY)
def test_any_label_is_one_safe_component(nasty, label):
    for text in (nasty, label, nasty + label):
        name = file_name(text)
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name)
        assert not name.endswith(".")
        assert not DEVICES.match(name)
        assert len(name) <= 80


@given(LABELS, LABELS)
@example("TFT", "tft")
@example("../a", "a")
@example("ä", "a")
@example("x" * 81, "x" * 82)
def test_distinct_labels_have_distinct_names_whatever_the_case(one, other):
    assert (file_name(one).casefold() == file_name(other).casefold()) == (one == other)
    assert (file_name(file_name(one)).casefold() == file_name(one).casefold()) == (file_name(one) == one)


@pytest.mark.parametrize("label", ["quickstart", "tit_for_tat", "v1.2", "a-b", "2_players", "x" * 80])
def test_plain_labels_stay_as_they_are(label):
    assert file_name(label) == label


def test_the_names_of_shipped_configs_are_plain():
    assert [file_name(name) for name in shipped()] == shipped()
    assert file_name(load("quickstart").name) == "quickstart"
