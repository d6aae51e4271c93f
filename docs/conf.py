"""How the site is made: `make docs` writes docs/_build/html, which needs no network."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from docstrings import as_restructured_text, with_plain_names
from reference_pages import write_reference_pages
from sphinx.application import Sphinx

from dilemma import __version__

project = "dilemma"
copyright = "the dilemma authors"
release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "sphinx_click"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"dilemma {release}"
html_show_search_summary = False  # pages opened from a disk may not fetch each other
html_show_sphinx = False
html_static_path = ["_static", "../analysis/report/vendor/datatables.js"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
myst_heading_anchors = 4
highlight_language = "text"
default_role = "code"  # as in the Markdown of docstrings
autodoc_typehints = "signature"
autodoc_type_aliases = {name: name for name in ("ArrayLike", "Payoffs", "Fitness", "Numbers", "Graph")}
napoleon_numpy_docstring = False
python_maximum_signature_line_length = 100
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}


def setup(app: Sphinx) -> None:
    """Write the generated pages first, and read docstrings as they are written here."""
    app.connect("builder-inited", lambda app: write_reference_pages(Path(app.srcdir) / "reference"))
    app.connect("autodoc-process-docstring", as_restructured_text)
    app.connect("autodoc-process-signature", with_plain_names)
