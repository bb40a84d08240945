"""Confined processes are handed the tables of Unicode that Hypothesis needs, and tell those that they had to make."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import pytest

from augment.execution.tables import keep_tables, known_tables


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_what_was_told_is_known_for_the_same_interpreter_only() -> None:
    table = {"14.0.0/charmap.json.gz": base64.b64encode(b"x").decode()}
    keep_tables(sys.executable, "", table)
    assert known_tables(sys.executable, "") == table
    assert known_tables(sys.executable, "/overlay") == {}


@pytest.mark.parametrize("name", ["../charmap.json.gz", "/etc/passwd", "14.0.0/../../x.gz", "14.0.0/.hidden", "x"])
def test_nothing_is_written_elsewhere(name: str, tmp_path: Path) -> None:
    keep_tables(sys.executable, "", {name: base64.b64encode(b"x").decode()})
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_nonsense_is_left_out() -> None:
    keep_tables(sys.executable, "", {"14.0.0/charmap.json.gz": "not base64!", "15.0.0/charmap.json.gz": "A" * 2**21})
    assert known_tables(sys.executable, "") == {}
