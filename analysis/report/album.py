"""The figures of one environment: drawn once, kept as SVG and where asked as PDF, and handed to the page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from matplotlib.figure import Figure

from . import figures


@dataclass(frozen=True)
class Album:
    """Where an environment's figures go."""

    folder: Path
    number: int
    """Of the environment in the page."""
    slug: str
    """What its files begin with."""
    pdf: bool = False
    """Whether there are PDFs too: they take longer than everything else that is drawn."""

    def add(self, kind: str, caption: str, figure: Figure) -> Markup:
        """Write the figure's files; returns it as an element of the page."""
        figures.fit(figure)
        document = figures.figure_svg(figure, f"{self.slug}-{kind}")
        (self.folder / f"{self.slug}-{kind}.svg").write_text(document, encoding="utf-8")
        paper = self.folder / f"{self.slug}-{kind}.pdf"
        if self.pdf:
            figures.pdf(figure, paper)
        else:
            paper.unlink(missing_ok=True)  # an earlier report's: it may show something else
        return Markup(figures.inline(document, f"{kind}-{self.number}", caption))  # labels are escaped
