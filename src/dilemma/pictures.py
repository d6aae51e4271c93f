"""Pictures with lines below them, in a row of time: as an animated GIF, or side by side as an SVG strip."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from markupsafe import escape
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

T = TypeVar("T")

BOARD, LINE, MARGIN = 320, 18, 6
"""Pixels of a GIF: the picture's longer side, a line of its caption, and around."""
SECONDS = 20
"""Approximate length of a GIF, unless it has few or very many frames."""
PANELS, COLUMNS = 24, 6
"""Most pictures of a strip, and pictures in a row."""
LABEL = 18
"""Characters of an agent's label under the pictures of a strip."""


@dataclass(frozen=True)
class Line:
    """A line of a caption, with a square of its colour in front."""

    text: str
    colour: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class Frame:
    """A picture with its caption."""

    picture: NDArray[np.uint8]
    """[row, column, red, green and blue], or with alpha."""
    title: str
    lines: Sequence[Line]
    """Below the title, indented."""


def animation(frames: Sequence[Frame]) -> bytes:
    """The frames one after another, as a GIF."""
    size = frames[0].picture.shape[:2]
    scale = max(1, BOARD // max(size))
    font = ImageFont.load_default(LINE - 6)
    said = [text for frame in frames for text in (frame.title, *(line.text for line in frame.lines))]
    width = max(scale * size[1], *(int(font.getlength(text)) + LINE for text in said))
    height = scale * size[0] + LINE * (1 + len(frames[0].lines))
    drawn = []
    for frame in frames:
        sheet = Image.new("RGB", (width + 2 * MARGIN, height + 2 * MARGIN), "white")
        board = Image.fromarray(frame.picture).resize((scale * size[1], scale * size[0]), Image.Resampling.NEAREST)
        sheet.paste(board, (MARGIN, MARGIN), board if board.mode == "RGBA" else None)
        draw = ImageDraw.Draw(sheet)
        y = MARGIN + scale * size[0]
        draw.text((MARGIN, y + 2), frame.title, fill="black", font=font)
        for line in frame.lines:
            y += LINE
            if line.colour:
                draw.rectangle((MARGIN, y + 5, MARGIN + LINE - 8, y + LINE - 3), fill=line.colour, outline="black")
            draw.text((MARGIN + LINE, y + 2), line.text, fill="black", font=font)
        drawn.append(sheet)
    milliseconds = int(np.clip(1000 * SECONDS / len(drawn), 40, 400))
    out = io.BytesIO()
    drawn[0].save(out, "GIF", save_all=True, append_images=drawn[1:], duration=milliseconds, loop=0)
    return out.getvalue()


def strip(frames: Sequence[Frame]) -> str:
    """The frames side by side, in rows, as an SVG document."""
    rows, columns = frames[0].picture.shape[:2]
    width, step = 150, 160
    board = width * rows / columns
    deep = board + 14 * (1 + len(frames[0].lines)) + 14
    parts = []
    for number, frame in enumerate(frames):
        x, y = step * (number % COLUMNS), deep * (number // COLUMNS)
        png = io.BytesIO()
        Image.fromarray(frame.picture).save(png, "PNG")
        data = base64.b64encode(png.getvalue()).decode()
        parts.append(
            f'<image x="{x}" y="{y:g}" width="{width}" height="{board:g}" style="image-rendering:pixelated" '
            f'href="data:image/png;base64,{data}"/>'
        )
        at = y + board + 14
        parts.append(f'<text x="{x}" y="{at:g}">{escape(frame.title)}</text>')
        for line in frame.lines:
            at += 14
            if line.colour:
                parts.append(
                    f'<rect x="{x}" y="{at - 8:g}" width="8" height="8" fill="rgb{line.colour}" stroke="black"/>'
                )
            parts.append(f'<text x="{x + 12}" y="{at:g}">{escape(line.text)}</text>')
    across, down = min(len(frames), COLUMNS) * step, math.ceil(len(frames) / COLUMNS) * deep
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-5 -5 {across:g} {down:g}"'
    style = 'font-family="sans-serif" font-size="10" fill="currentColor"'
    return "\n".join([f"{head} {style}>", *parts, "</svg>"]) + "\n"


def evenly(values: Sequence[T], most: int) -> list[T]:
    """At most so many of these, evenly spaced, the first and the last among them."""
    places = np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int)
    return [values[place] for place in places.tolist()]


def short_label(label: str) -> str:
    """A label that fits under a picture of a strip."""
    return label if len(label) <= LABEL else f"{label[: LABEL - 1]}…"
