from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from augment.store import Reporter, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "augment.db", wait_s=0.0)
    yield opened
    opened.close()


@pytest.fixture
def reporter(tmp_path: Path) -> Iterator[Reporter]:
    opened = Reporter(Store(tmp_path / "augment.db"), tmp_path, tmp_path / "results", tmp_path / "TASKS.md")
    yield opened
    opened.close()
