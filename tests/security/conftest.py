"""Each combination of user and tier is attacked once; the tests look at what came of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ORDINARY_UID = 61000
_HERE = Path(__file__).parent
_REPOSITORY = _HERE.parents[1]


def interpreter_for(user: int | None) -> str | None:
    """An interpreter with Augment's packages that this user can start, None where there is none."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for path in (sys.executable, shutil.which(version, path=os.defpath + ":/usr/local/bin")):
        if path and _starts(path, user):
            return path
    return None


def _environment() -> dict[str, str]:
    packages = [entry for entry in sys.path if entry.endswith("site-packages")]
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": os.pathsep.join([str(_HERE), str(_REPOSITORY), *packages]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _starts(path: str, user: int | None) -> bool:
    command = [path, "-c", "import pytest, psutil, augment.seams"]
    try:
        done = subprocess.run(command, env=_environment(), cwd="/", capture_output=True, check=False, **_as(user))
    except OSError:
        return False
    return done.returncode == 0


def _as(user: int | None) -> dict[str, Any]:
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}


@pytest.fixture(scope="session")
def drive() -> Iterator[Callable[[str, str], dict[str, Any]]]:
    """Run ``driver.py`` as a user ("root" or "ordinary") in a mode, once for each pair."""
    # Not below /tmp: a batch has its own there, in which it may do as it likes.
    base = Path(tempfile.mkdtemp(prefix="augment-security-", dir="/var/tmp"))
    base.chmod(0o755)

    @cache
    def run(who: str, mode: str) -> dict[str, Any] | str:
        root_here = os.geteuid() == 0
        if who == "root" and not root_here:
            return "these tests do not run as root"
        user = ORDINARY_UID if who == "ordinary" and root_here else None
        interpreter = interpreter_for(user)
        if interpreter is None:
            return "no interpreter with Augment's packages that an ordinary user can start"
        home = base / f"{who}-{mode}"
        for folder in (home / "project" / ".git" / "hooks", home / "outside", home / "home", home / "cache"):
            folder.mkdir(parents=True)
        (home / "project" / "conftest.py").write_text("")
        (home / "project" / "helper.py").write_text("VALUE = 1\n")
        for path in (home, *home.rglob("*")):
            os.chown(path, user or os.getuid(), user or os.getgid())
        order = {"mode": mode, "root": str(home / "project"), "folder": str(home / "outside")}
        order["cache"] = str(home / "cache")
        done = subprocess.run(
            [interpreter, str(_HERE / "driver.py")],
            input=json.dumps(order),
            env=_environment() | {"HOME": str(home / "home")},
            cwd=home,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            **_as(user),
        )
        if done.returncode != 0:
            return f"FAILED: {done.stderr[-3000:]}"
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def told(who: str, mode: str) -> dict[str, Any]:
        found = run(who, mode)
        if isinstance(found, str):
            assert not found.startswith("FAILED"), found
            pytest.skip(found)
        return found

    yield told
    shutil.rmtree(base, ignore_errors=True)
