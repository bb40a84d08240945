"""docs/quality.md: what it begins with, and its sections in order."""

from __future__ import annotations

from pages import ROOT, Page

HEAD = """# Quality of generated tests
"""

PAGE = Page(ROOT / "docs" / "quality.md", HEAD, ())
