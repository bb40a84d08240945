"""How Sphinx makes a site of these pages: ``sphinx-build -n -W docs build/site``."""

from __future__ import annotations

import re
from importlib import metadata

from sphinx.application import Sphinx

project = "Augment"
version = release = metadata.version("augment")
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["images"]
html_theme = "furo"
html_title = "Augment"
html_show_copyright = False
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
suppress_warnings = ["myst.header"]  # a page that is made from several parts may skip a level

_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./([^)]+)\)")
"""Links to files of the repository that are no pages."""


def _only_named(_app: Sphinx, _page: str, source: list[str]) -> None:
    source[0] = _OUTSIDE.sub(_named, source[0])


def _named(match: re.Match[str]) -> str:
    words, path = match[1], match[2]
    return words if path in words else f"{words} (`{path}`)"


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _only_named)
