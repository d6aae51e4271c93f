"""A server of run folders for a browser on this machine: an index, the report of each run, and its files.

It only reads, and gives nothing but what lies in runs below its folder. It answers only to 127.0.0.1 and localhost
under its own port: that keeps out pages of other sites that have their names point here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote, urlsplit

from markupsafe import Markup, escape

from .envs.errors import DilemmaError
from .run_summary import NOT_A_RUN, RunSummary, summaries

HOST = "127.0.0.1"
BLOCK = 1 << 16
TYPES = {
    **dict.fromkeys((".csv", ".json", ".jsonl", ".md", ".tex", ".toml", ".txt"), "text/plain; charset=utf-8"),
    **{".html": "text/html; charset=utf-8", ".svg": "image/svg+xml", ".pdf": "application/pdf"},
    **{".gif": "image/gif", ".png": "image/png"},
}
"""Anything else is for saving."""
_FIXED = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'none'"
_REPORT = f"{_FIXED}; script-src 'unsafe-inline'"
"""The page of a report has its own script within it."""
_HEADERS = {
    "Cache-Control": "no-store",  # a run that plays changes
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGE = Markup(
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>{title}</title><style>:root{{color-scheme:light dark}}body{{font:15px/1.5 system-ui,sans-serif;"
    "margin:2rem auto;max-width:60rem;padding:0 1rem}}table{{border-collapse:collapse;width:100%}}"
    "td,th{{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8886;vertical-align:top}}"
    "td small{{display:block;opacity:.8}}</style><main><h1>{title}</h1>{body}</main></html>"
)


class RunServer(ThreadingHTTPServer):
    """Serves the runs in a folder, or the run that it is itself. Raises DilemmaError if it cannot."""

    daemon_threads = True

    def __init__(self, folder: Path, port: int):
        summaries(folder)  # says what is wrong with the folder
        self.folder = folder.resolve()
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DilemmaError(f"port {port} can't be used ({reason}): choose another with --port") from error

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: RunServer
    timeout = 30
    server_version = sys_version = ""

    def do_GET(self) -> None:
        try:
            self._answer()
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            self.close_connection = True  # whoever asked has gone

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the terminal is the user's."""

    def _answer(self) -> None:
        server, path = self.server, urlsplit(self.path).path
        names = [f"{name}:{server.server_port}" for name in (HOST, "localhost")]
        if self.headers.get_all("Host") not in [[name] for name in names]:
            self._page("403", escape(f"This server answers to {server.url} only."), HTTPStatus.FORBIDDEN)
            return
        found = _located(server.folder, unquote(path))
        try:
            if found is not None and found.is_dir():
                if path.endswith("/"):
                    self._page(*_index(server.folder, found))
                else:
                    self.send_response(HTTPStatus.MOVED_PERMANENTLY)
                    self.send_header("Location", f"/{quote(found.relative_to(server.folder).as_posix())}/")
                    self._end(_FIXED, 0)
                return
            file = found.open("rb") if found is not None and found.is_file() else None
        except (OSError, DilemmaError):  # it has gone meanwhile, or isn't ours to read
            file = None
        if file is None or found is None:
            self._page("404", escape("There is nothing here."), HTTPStatus.NOT_FOUND)
            return
        with file:
            self._file(file, found)

    def _page(self, title: str, body: Markup, status: HTTPStatus = HTTPStatus.OK) -> None:
        content = _PAGE.format(title=title, body=body).encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", TYPES[".html"])
        self._end(_FIXED, len(content))
        if self.command != "HEAD":
            self.wfile.write(content)

    def _file(self, file: BinaryIO, path: Path) -> None:
        kind = TYPES.get(path.suffix, "application/octet-stream")
        left = os.fstat(file.fileno()).st_size
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self._end(_REPORT if path.suffix == ".html" else _FIXED, left)
        # No more than was announced: the file of a run that plays may grow.
        while self.command != "HEAD" and left and (block := file.read(min(left, BLOCK))):
            self.wfile.write(block)
            left -= len(block)

    def _end(self, policy: str, length: int) -> None:
        for name, value in {**_HEADERS, "Content-Security-Policy": policy, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()


def _located(root: Path, path: str) -> Path | None:
    """What a path of a URL stands for: the folder of runs, or something in a run that no link leads out of."""
    parts = path.strip("/").split("/") if path.strip("/") else []
    if not path.startswith("/") or any(
        not part or part.startswith(".") or set(part) & set("\\\0") for part in parts
    ):
        return None
    try:
        found = root.joinpath(*parts).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):  # there is none; or links go round in circles
        return None
    run = root if _is_run(root) else root.joinpath(*parts[:1]).resolve()
    inside = found.is_relative_to(run) and run.is_relative_to(root) and (_is_run(run) or not parts)
    return found if inside and (found.is_dir() or found.is_file()) else None


def _is_run(folder: Path) -> bool:
    return (folder / "config.toml").is_file()


def _index(root: Path, folder: Path) -> tuple[str, Markup]:
    """The title and the body of the page of a folder: the runs in it, or its files."""
    if folder == root and not _is_run(root):
        return f"Runs in {root.name}", _table(("Run", "State", "Matches", "Size", "Started"), _runs(root))
    return folder.name, _table(("File", "Bytes"), _entries(folder))


def _runs(root: Path) -> Iterator[tuple[Markup, ...]]:
    for run in summaries(root):
        yield (
            _name(run),
            escape(run.said),
            escape(run.progress),
            escape(run.megabytes),
            escape(f"{run.started:%Y-%m-%d %H:%M}" if run.started else ""),
        )


def _name(run: RunSummary) -> Markup:
    """A run's name with a link to its report, and one to its files; below it, who leads."""
    name = run.path.name
    if run.state == NOT_A_RUN or name.startswith("."):
        return escape(name)
    files = _link(f"{name}/", "files")
    title = _link(f"{name}/report/index.html", name) if run.page else name
    return Markup("{} ({})").format(title, files) + Markup("").join(
        Markup("<small>{}</small>").format(leader) for leader in run.leaders
    )


def _entries(folder: Path) -> Iterator[tuple[Markup, ...]]:
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_file(), path.name)):
        if path.name.startswith(".") or path.is_symlink():
            continue
        end = "/" if path.is_dir() else ""
        yield _link(f"{path.name}{end}", f"{path.name}{end}"), escape("" if end else f"{path.stat().st_size:,}")


def _link(path: str, text: str) -> Markup:
    return Markup('<a href="./{}">{}</a>').format(quote(path, errors="replace"), text)


def _table(head: tuple[str, ...], rows: Iterator[tuple[Markup, ...]]) -> Markup:
    cells = Markup("").join(Markup("<th>{}</th>").format(name) for name in head)
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row))
        for row in rows
    )
    return Markup("<table><tr>{}</tr>{}</table>").format(cells, body)
