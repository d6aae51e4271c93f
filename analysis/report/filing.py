"""How a report comes to lie in its folder: the format of its tables, and all of it at once."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

MAX_TEXT_ROWS = 10_000
"""Longer tables are written as Parquet only: as text they take seconds and tens of megabytes."""
PAGE = "index.html"
WRITTEN = ".written"
"""The file that lists the files of the report."""


@contextmanager
def written_aside(folder: Path) -> Iterator[Path]:
    """A folder to write into, inside `folder`: its files take their places, the page last, when all are written.

    Files of the report before, which `WRITTEN` lists, go if this one hasn't written them. If the work breaks off,
    what was there before stays as it was. Raises OSError where nothing can be written.
    """
    is_new = not folder.exists()
    if not is_new and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with TemporaryDirectory(prefix=".new-", dir=folder) as aside:
            yield Path(aside)
            files = [file.relative_to(aside) for file in Path(aside).rglob("*") if file.is_file()]
            before = _listed(folder)
            (Path(aside) / WRITTEN).write_text("\n".join(map(Path.as_posix, files)), encoding="utf-8")
            for file in [*sorted(files, key=lambda file: file.name == PAGE), Path(WRITTEN)]:
                place = folder / file
                place.parent.mkdir(parents=True, exist_ok=True)
                os.replace(Path(aside) / file, place)
            for gone in before - set(files):
                (folder / gone).unlink(missing_ok=True)
    except BaseException:
        if is_new:
            with suppress(OSError):  # something lies in it by now
                folder.rmdir()
        raise


def _listed(folder: Path) -> set[Path]:
    """The files of the report that is there, those that lie in its folder."""
    try:
        lines = (folder / WRITTEN).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return set()
    inside = folder.resolve()
    return {Path(line) for line in lines if (folder / line).resolve().is_relative_to(inside) and line}
