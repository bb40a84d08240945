"""docs/quality.md: its sections in order. What stands before them is written by hand."""

from __future__ import annotations

from pages import ROOT, Page

HEAD = "# Quality of generated tests\n"
_KINDS = ("benchmark-packages", "others-packages", "benchmark-ablation", "others-ablation")
_NAMES = (*_KINDS, "seeded", "planted", "first-test")
_ORDER = tuple(f"{name}-{how}" for name in _NAMES for how in ("model", "no-model"))

PAGE = Page(ROOT / "docs" / "quality.md", HEAD, _ORDER)
