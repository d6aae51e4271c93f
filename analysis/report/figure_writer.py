"""Writes the figures of one environment as SVG, and as PDF if asked for, and returns them for the page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from matplotlib.figure import Figure

from . import figures


@dataclass(frozen=True)
class FigureWriter:
    """Where an environment's figures are written."""

    folder: Path
    number: int
    """The environment's number in the page."""
    slug: str
    """Prefix of its file names."""
    pdf: bool = False
    """Whether PDFs are written too; they take longer than all other drawing."""

    def add(self, kind: str, caption: str, figure: Figure) -> Markup:
        """Write the figure's files; returns it as an element of the page."""
        figures.fit(figure)
        document = figures.figure_svg(figure, f"{self.slug}-{kind}")
        (self.folder / f"{self.slug}-{kind}.svg").write_text(document, encoding="utf-8")
        if self.pdf:
            figures.pdf(figure, self.folder / f"{self.slug}-{kind}.pdf")
        return Markup(figures.inline(document, f"{kind}-{self.number}", caption))  # labels are escaped
