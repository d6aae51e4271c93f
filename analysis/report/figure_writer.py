"""Writes the figures of one environment as SVG, and as PDF if asked for, and returns them for the page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from matplotlib.figure import Figure

from . import figures
from .drawing import Drawing, View


@dataclass(frozen=True)
class FigureWriter:
    """Where an environment's figures are written."""

    folder: Path
    """A folder beside the page."""
    number: int
    """The environment's number in the page."""
    slug: str
    """Prefix of its file names."""
    pdf: bool = False
    """Whether PDFs are written too; they take longer than all other drawing."""

    def add(self, kind: str, caption: str, figure: Figure, view: View | None = None) -> Drawing:
        """Write the figure's files."""
        figures.fit(figure)
        document = figures.figure_svg(figure, f"{self.slug}-{kind}")
        file = self.folder / f"{self.slug}-{kind}.svg"
        file.write_text(document, encoding="utf-8")
        files = [file]
        if self.pdf:
            files.append(file.with_suffix(".pdf"))
            figures.pdf(figure, files[-1])
        name = f"{kind}-{self.number}"
        svg = Markup(figures.inline(document, name, caption))  # labels are escaped
        return Drawing(caption, svg, tuple(f"{self.folder.name}/{each.name}" for each in files), name, view)
