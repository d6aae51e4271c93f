"""Pages of HTML from the templates beside this file; each is one file, which needs no other and no network."""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, PackageLoader
from markupsafe import Markup


def rendered(template: str, **values: object) -> str:
    """The page of a template with these values; `file` in it puts in another file as it is."""
    templates = Environment(
        loader=PackageLoader("dilemma.analysis.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template(template).render(file=_file, **values)


def _file(name: str) -> Markup:
    return Markup(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))
