"""A small project, and the real store and reporter beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from augment.analysis import discover_project
from augment.records import Project
from augment.service import state_folder
from augment.store import Reporter, Store


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "shop/__init__.py": "",
        "shop/pricing.py": (
            "def net(gross, rate):\n    return gross / (1 + rate)\n\n\ndef double(x):\n    return 2 * x\n"
        ),
        "shop/names.py": "def title(text):\n    return text.title()\n",
        "tests/test_pricing.py": (
            "from shop.pricing import double, net\n\n\n"
            "def test_net():\n    assert net(12, 0.2) == 10\n\n\n"
            "def test_double():\n    assert double(2) == 4\n"
        ),
        "tests/test_names.py": (
            "from shop.names import title\n\n\ndef test_title():\n    assert title('a b') == 'A B'\n"
        ),
        "pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['.']\n",
    }
    for name, text in files.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "project"


@pytest.fixture
def project(root: Path) -> Project:
    return discover_project(root)


@pytest.fixture
def reporter(root: Path) -> Iterator[Reporter]:
    folder = state_folder(root)
    reporter = Reporter(Store(folder / "augment.db"), root, folder / "results", root / "TASKS.md")
    yield reporter
    reporter.close()
