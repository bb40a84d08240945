"""The project's own Python interpreter: which one it is, and what it can already do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from augment.errors import ProjectError

TOOLS = ("pytest", "coverage", "hypothesis")
"""What the runner and the tests that Augment writes need in an interpreter."""

_PROBE = """
import json, sys, sysconfig
def version(name):
    from importlib import metadata, util
    if util.find_spec(name) is None:
        return None
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"
tools = {name: version(name) for name in %r} if sys.version_info >= (3, 8) else {}
print(json.dumps({"version": list(sys.version_info[:3]), "implementation": sys.implementation.name, "tools": tools,
                  "prefix": sys.prefix, "site": sysconfig.get_paths()["purelib"],
                  "base_prefix": sys.base_prefix, "path": [entry for entry in sys.path if entry]}))
"""

_ABSENT = """
import importlib.util, json, sys
folders, names = json.loads(sys.argv[1])
sys.path[:0] = folders
print(json.dumps([name for name in names if importlib.util.find_spec(name) is None]))
"""

_OLDEST = (3, 9)


@dataclass(frozen=True, slots=True)
class InterpreterInfo:
    """What an interpreter says of itself. ``tools`` maps pytest, coverage and hypothesis to their version, or None."""

    path: str
    version: tuple[int, int, int]
    implementation: str
    tools: Mapping[str, str | None]
    prefix: str
    site: str
    """The folder that ``pip install`` writes to."""
    base_prefix: str = ""
    """Where the interpreter that a virtual environment was made from is installed."""
    sys_path: tuple[str, ...] = ()
    """Where it finds modules, editable installs included."""

    @property
    def minor(self) -> tuple[int, int]:
        """The language version, such as (3, 11)."""
        return self.version[:2]

    @property
    def missing(self) -> tuple[str, ...]:
        """The tools that this interpreter lacks."""
        return tuple(name for name in TOOLS if self.tools.get(name) is None)

    def __str__(self) -> str:
        return f"{self.path} (Python {self.version[0]}.{self.version[1]})"


def probe_interpreter(path: str | Path) -> InterpreterInfo:
    """Start the interpreter once and ask what it is and has (about 50 ms).

    Raises :class:`ProjectError` when it cannot be started or is older than Python 3.9.
    """
    try:
        # -P and -I would hide what the project sees; a probe from / keeps the current folder out of the answer.
        done = subprocess.run(
            [str(path), "-c", _PROBE % (TOOLS,)], capture_output=True, text=True, timeout=30, cwd="/", check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProjectError(
            f"The interpreter {path} cannot be started ({error}); name another with --python."
        ) from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise ProjectError(f"The interpreter {path} does not work ({last}); name another with --python.")
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    version = tuple(answer["version"])
    if version < _OLDEST:
        raise ProjectError(
            f"The interpreter {path} is Python {version[0]}.{version[1]}; Augment needs 3.9 or newer: "
            "name another with --python."
        )
    return InterpreterInfo(
        path=str(path),
        version=(version[0], version[1], version[2]),
        implementation=answer["implementation"],
        tools=answer["tools"],
        prefix=answer["prefix"],
        site=answer["site"],
        base_prefix=answer["base_prefix"],
        sys_path=tuple(answer["path"]),
    )


def absent_modules(path: str, names: Sequence[str], folders: Sequence[str]) -> list[str]:
    """Those of the top-level modules ``names`` that the interpreter does not find, with ``folders`` on its path.

    Nothing is imported. Empty where it does not answer.
    """
    asked = json.dumps([list(folders), list(names)])
    try:
        done = subprocess.run(
            [path, "-c", _ABSENT, asked], capture_output=True, text=True, timeout=30, cwd="/", check=False
        )
        absent: list[str] = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return []
    return absent


def find_interpreter(project_root: str | Path, explicit: str | None = None) -> str:
    """The interpreter to run the project's tests with, as an absolute path.

    ``explicit`` (a path, a virtual environment's folder or a command name) wins; then the project's ``.venv`` or
    ``venv``, as uv, pip users and Poetry's ``virtualenvs.in-project`` make it; then the environment that Poetry keeps
    elsewhere for a project of its own, where Poetry is installed; then the interpreter that runs Augment. An activated
    environment of the shell (``VIRTUAL_ENV``) does not count: it is more often Augment's than the project's.
    Raises :class:`ProjectError` when ``explicit`` is not there.
    """
    if explicit:
        return _named_interpreter(explicit)
    for folder in (".venv", "venv"):
        candidate = Path(project_root) / folder / "bin" / "python"
        if candidate.exists():
            return str(candidate.absolute())
    return _poetry_interpreter(Path(project_root)) or sys.executable


def _poetry_interpreter(root: Path) -> str | None:
    """The environment that Poetry made for its project; None where it is not Poetry's, or there is none."""
    poetry = shutil.which("poetry")
    if poetry is None or not _is_poetrys(root):
        return None
    # Poetry takes an activated environment for the project's, and Augment's own may be active.
    outer = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "CONDA_PREFIX")}
    command = [poetry, "env", "info", "--path", "--no-interaction"]
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=outer,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    candidate = Path(done.stdout.strip()) / "bin" / "python"
    return str(candidate) if done.returncode == 0 and candidate.is_absolute() and candidate.exists() else None


def _is_poetrys(root: Path) -> bool:
    if (root / "poetry.lock").exists():
        return True
    try:
        return "poetry" in tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("tool", {})
    except (OSError, ValueError):
        return False


def _named_interpreter(name: str) -> str:
    path = Path(name).expanduser()
    if (path / "bin" / "python").exists():
        return str((path / "bin" / "python").absolute())
    if path.is_file():
        return str(path.absolute())
    found = shutil.which(name)
    if found is None:
        raise ProjectError(f"There is no Python interpreter at {name!r}: check --python.")
    return str(Path(found).absolute())
