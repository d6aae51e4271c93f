"""Files that are written aside and renamed into place: whole, or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .envs.errors import DilemmaError


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """The file to be at `path`, for writing; its folder is made. Raises DilemmaError if it cannot be written."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            yield file
        os.replace(aside, path)
    except OSError as error:
        raise DilemmaError(f"{path} can't be written ({error.strerror or error}): choose another --out") from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
