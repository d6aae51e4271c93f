"""Labels beside a figure: short, and different where they were."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate

from .tables import one_line

LENGTH = 28
"""Letters of a label; wide characters (CJK) count as two."""


def short(label: str, length: int = LENGTH) -> str:
    """The label on one line, cut in the middle if it is too long: agents often differ at the end."""
    label = one_line(label)
    if sum(map(_width, label)) > length:
        head = _fitting(label, length // 2)
        tail = _fitting(label[::-1], length - length // 2 - 1)
        label = f"{label[:head]}…{label[len(label) - tail :]}"
    return f"\u200b{label}" if label.startswith("_") else label  # matplotlib omits those with an underscore


def short_labels(labels: Iterable[str]) -> list[str]:
    """Each label shortened, and those that would look alike only as far as they still differ."""
    labels = list(labels)
    found = [short(label) for label in labels]
    length = LENGTH
    while alike := {text for text, count in Counter(found).items() if count > 1}:
        length *= 2
        both = zip(labels, found, strict=True)
        longer = [short(label, length) if text in alike else text for label, text in both]
        if longer == found:
            break  # they are the same in full
        found = longer
    return found


def _width(character: str) -> int:
    return 1 + (unicodedata.east_asian_width(character) in "WF")


def _fitting(text: str, length: int) -> int:
    """How many of the first characters fit."""
    return sum(end <= length for end in accumulate(map(_width, text)))
