"""Where tests of Augment's go, and how they find the project's packages."""

from __future__ import annotations

import configparser
import posixpath
import subprocess
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from augment.records import Project

HEADER = "# Written by Augment."
"""The first line of every file that is Augment's; a file without it is never changed."""
_CONFTEST = """{header}
# It puts the project's code on the path, so that plain `pytest` can run the tests beside it from any folder.
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[{up}]
for _folder in {folders}:
    if (_path := str(_ROOT / _folder)) not in sys.path:
        sys.path.insert(0, _path)
"""
_TRIAL = """
def pytest_collection_modifyitems(items):
    from hypothesis import Phase, settings

    phases = [Phase.explicit, Phase.generate, Phase.target, Phase.shrink]
    for function in (getattr(item, "obj", None) for item in items):
        function = getattr(function, "__func__", function)
        own = getattr(function, "_hypothesis_internal_use_settings", None)
        if own is not None:
            function._hypothesis_internal_use_settings = settings(
                own, phases=phases, report_multiple_bugs=False, max_examples=own.max_examples * {times}
            )
            if {seed} is not None:
                function._hypothesis_internal_use_seed = {seed}
"""
_THOROUGH = 4
"""How many times its examples a property is tried with before it is kept."""


def output_file(output: str, module: str) -> str:
    """The file that keeps the tests of ``module``, relative to the project's root."""
    return posixpath.join(output, f"test_{module.replace('.', '_')}_augment.py")


def trial_file(output: str, candidate_id: str) -> str:
    """The file that a candidate is tried in, in a private copy only."""
    return posixpath.join(output, f"test_trial_{candidate_id.replace('-', '_')}.py")


def conftest_files(project: Project, output: str) -> Mapping[str, str]:
    """The ``conftest.py`` that kept tests need beside them; empty when plain pytest finds the packages without."""
    path = posixpath.join(output, "conftest.py")
    present = Path(project.root, path)
    if present.exists() and not present.read_text(encoding="utf-8").startswith(HEADER):
        return {}
    if is_importable(project):
        return {}
    folders = list(project.source_roots)
    up = len(output.strip("/").split("/"))
    text = _CONFTEST.format(header=HEADER, up=up, folders=folders)
    return {path: text}


def trial_conftest(
    conftest: Mapping[str, str], output: str, files: Mapping[str, str], seed: int | None
) -> Mapping[str, str]:
    """``conftest`` with Hypothesis told how to try properties, where one of ``files`` holds one.

    Failures are not explained: that takes ten times as long as finding the smallest counterexample (0.3 s against
    0.03 s, of eight properties), and nobody reads it here. With ``seed``, a property meets other and more examples than
    those that it will be kept with: what Hypothesis draws for the same test changes with the modules that are imported
    beside it, and a property that is false would show that one day.
    """
    if not any("hypothesis" in source for source in files.values()):
        return conftest
    path = posixpath.join(output, "conftest.py")
    hook = _TRIAL.format(times=1 if seed is None else _THOROUGH, seed=seed)
    return {**conftest, path: conftest.get(path, "") + hook}


@lru_cache(maxsize=64)
def is_importable(project: Project) -> bool:
    """Whether plain ``pytest``, run in the project's root, can import its packages.

    They are when pytest's ``pythonpath`` names their folder, when a ``conftest.py`` or the installed package brings
    them in. A fresh interpreter is asked once.
    """
    root = Path(project.root)
    on_path = _pytest_pythonpath(root)
    missing = [folder for folder in project.source_roots if posixpath.normpath(folder) not in on_path]
    if (root / "conftest.py").exists() and not (root / "__init__.py").exists():
        missing = [folder for folder in missing if posixpath.normpath(folder) != "."]
    return not missing or _is_installed(project)


def _pytest_pythonpath(root: Path) -> set[str]:
    found: list[str] = []
    pyproject = root / "pyproject.toml"
    if pyproject.exists():
        try:
            tables = tomllib.loads(pyproject.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            tables = {}
        value = tables.get("tool", {}).get("pytest", {}).get("ini_options", {}).get("pythonpath", [])
        found += value.split() if isinstance(value, str) else list(value)
    for name, section in (("pytest.ini", "pytest"), ("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(root / name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        found += parser.get(section, "pythonpath", fallback="").split()
    return {posixpath.normpath(item) for item in found}


def _is_installed(project: Project) -> bool:
    """Whether the interpreter finds the packages in the project's own folders, as after an editable install."""
    code = (
        "import importlib.util, sys\n"
        "for name in sys.argv[1:]:\n"
        "    spec = importlib.util.find_spec(name)\n"
        "    print(getattr(spec, 'origin', None) or list(getattr(spec, 'submodule_search_locations', None) or ['']))"
    )
    packages = [name for name in project.packages if name.isidentifier()]
    if not packages:
        return False
    try:
        done = subprocess.run(
            [project.interpreter, "-I", "-c", code, *packages],
            capture_output=True,
            text=True,
            timeout=20,
            cwd="/",
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    lines = done.stdout.splitlines()
    return done.returncode == 0 and len(lines) == len(packages) and all(project.root in line for line in lines)
