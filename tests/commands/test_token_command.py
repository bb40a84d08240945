"""``augment token``."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from augment.access import token_file
from augment.cli import make_app


def test_it_prints_the_token_and_makes_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("AUGMENT_TOKEN", raising=False)
    first = CliRunner().invoke(make_app("token"), ["token"], catch_exceptions=False)
    again = CliRunner().invoke(make_app("token"), ["token"], catch_exceptions=False)
    assert first.output == again.output == token_file().read_text()
