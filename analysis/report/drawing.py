"""A figure of the page: still and complete without scripts, and where there is one the view that replaces it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class View:
    """What `live.js` draws: a Vega-Lite specification, and the data sets that it names."""

    spec: Mapping[str, object]
    data: Mapping[str, Mapping[str, Sequence[object]]]
    """Name -> column -> values; columns take a fraction of the room of rows."""

    def json(self) -> Markup:
        """As the text of a script element: whatever a label holds, it can't end the element."""
        text = json.dumps({"spec": self.spec, "data": self.data}, allow_nan=False, separators=(",", ":"))
        return Markup(text.replace("<", "\\u003c"))


@dataclass(frozen=True)
class Drawing:
    """One figure as the page shows it."""

    caption: str
    """A sentence without its full stop."""
    svg: Markup
    files: tuple[str, ...]
    """Where it lies as SVG and PDF, from the page's folder."""
    id: str
    """Unique in the page."""
    view: View | None = None
