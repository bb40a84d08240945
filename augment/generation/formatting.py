"""Ruff, with the project's own configuration where it has one."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

from ruff import find_ruff_bin  # type: ignore[import-untyped]

_TIMEOUT_S = 20


def tidy(text: str, path: Path) -> str:
    """``text`` with unused imports gone, imports sorted and formatted as the project formats ``path``."""
    checked = _ruff(["check", "--fix", "--exit-zero", "--quiet", "--select", "F401,I001"], text, path)
    return _ruff(["format", "--quiet"], checked, path)


def format_as(text: str, path: Path, quote: str, indent: str) -> str:
    """``text`` formatted with these quotes (single, double) and this indentation; lines as long as there."""
    width = ["--config", f"indent-width={len(indent)}"] if indent != "\t" else []
    style = ["--config", f'format.quote-style="{quote}"']
    style += ["--config", f'format.indent-style="{"tab" if indent == chr(9) else "space"}"']
    return _ruff(["format", "--quiet", *width, *style], text, path)


def _ruff(command: list[str], text: str, path: Path) -> str:
    """What ruff makes of ``text``. A configuration that it cannot read is left aside."""
    for extra in ([], ["--isolated"]):
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run(
                [find_ruff_bin(), *command, "--no-cache", *extra, "--stdin-filename", str(path), "-"],
                input=text,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                cwd=path.parent if path.parent.is_dir() else None,
                check=False,
            )
            if done.returncode == 0 and done.stdout.strip():
                return done.stdout
    return text
