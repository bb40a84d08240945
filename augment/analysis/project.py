"""A folder -> the project in it: where its code and its tests lie, and what its modules are called."""

from __future__ import annotations

import configparser
import re
import sys
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from augment.analysis.files import list_files
from augment.errors import ProjectError
from augment.records import Project

TEST_PATTERNS = ("test_*.py", "*_test.py")
NOT_PACKAGES = frozenset(
    {"docs", "doc", "examples", "example", "scripts", "tools", "benchmarks", "bench", "tests", "test"}
)
"""Folders that hold Python files without being importable packages, unless they have an ``__init__.py``."""

NOT_MODULES = frozenset(
    ["setup.py", "conftest.py", "noxfile.py", "fabfile.py", "tasks.py", "__init__.py", "__main__.py"]
)


@dataclass(frozen=True)
class _Hints:
    """What a project's configuration files say of its layout."""

    name: str | None
    source_roots: tuple[str, ...]
    test_folders: tuple[str, ...]
    test_patterns: tuple[str, ...]


def discover_project(root: Path | str, python: str | None = None) -> Project:
    """The project in the folder ``root``.

    ``python`` is the path of its interpreter, already found (this one when None). Raises ProjectError for a folder that
    is missing, is no folder, or holds no Python file.
    """
    base = Path(root).expanduser()
    if not base.exists():
        raise ProjectError(f"No such folder: {base}. Give the root folder of a Python project.")
    if not base.is_dir():
        raise ProjectError(f"{base} is a file, not a folder. Give the root folder of a Python project.")
    base = base.resolve()
    files = [file for file in list_files(base) if file.endswith((".py", ".pyi"))]
    if not any(file.endswith(".py") for file in files):
        raise ProjectError(f"No Python files in {base} (ignored ones aside). Give the root folder of a Python project.")
    hints = _read_hints(base)
    patterns = hints.test_patterns or TEST_PATTERNS
    tests = _test_folders(files, hints, patterns)
    roots = _source_roots(files, hints, tests)
    packages = sorted({name for folder in roots for name in _packages_in(folder, roots, tests, files)})
    return Project(
        root=str(base),
        name=hints.name or base.name,
        interpreter=python or sys.executable,
        source_roots=roots,
        packages=tuple(packages),
        test_folders=tests,
        test_patterns=patterns,
    )


def is_test_file(file: str, patterns: Collection[str] = TEST_PATTERNS) -> bool:
    """Whether pytest collects tests from this file: by default, or where ``patterns`` are its ``python_files``.

    As pytest has it, a pattern with a slash is matched against the end of the path, any other against the name.
    """
    name = file.rpartition("/")[2]
    return any(
        fnmatch(f"/{file}", f"*/{pattern.lstrip('/')}") if "/" in pattern else fnmatch(name, pattern)
        for pattern in patterns
    )


def in_tests(project: Project, file: str) -> bool:
    """Whether the file belongs to the tests: a test module, a conftest, or anything in a test folder."""
    if is_test_file(file, project.test_patterns) or file.rpartition("/")[2] == "conftest.py":
        return True
    return any(folder != "." and file.startswith(f"{folder}/") for folder in project.test_folders)


def module_of(project: Project, file: str) -> str | None:
    """The dotted name under which the project imports ``file``, None for tests, scripts and what is not importable."""
    if not file.endswith(".py") or in_tests(project, file):
        return None
    for root in sorted(project.source_roots, key=len, reverse=True):
        if root != "." and not file.startswith(f"{root}/"):
            continue
        module = dotted(file if root == "." else file[len(root) + 1 :])
        if module and module.partition(".")[0] in project.packages:
            return module
    return None


def dotted(path: str) -> str | None:
    """``a/b/__init__.py`` -> ``a.b``; None where a part is no identifier."""
    parts = path.removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts = parts[:-1]
    return ".".join(parts) if parts and all(part.isidentifier() for part in parts) else None


# --------------------------------------------------------------------------- layout


def _test_folders(files: Collection[str], hints: _Hints, patterns: Collection[str]) -> tuple[str, ...]:
    listed = [folder for folder in hints.test_folders if folder == "." or _holds_python(folder, files)]
    found = {folder for folder in listed if not _is_mostly_code(folder, files, patterns)}
    if listed and len(found) == len(listed):
        return tuple(listed)
    found |= {file.partition("/")[0] for file in files if file.partition("/")[0] in ("tests", "test") and "/" in file}
    for file in files:
        parts = file.split("/")
        if is_test_file(file, patterns) and not found.intersection(parts[:1]):
            nested = [index for index, part in enumerate(parts[:-1]) if part in ("tests", "test")]
            folder = "/".join(parts[: nested[0] + 1]) if nested else "/".join(parts[:-1]) or "."
            if nested or not _is_code(folder, files, patterns):
                found.add(folder)
    return tuple(sorted(found)) or (".",)


def _is_mostly_code(folder: str, files: Iterable[str], patterns: Collection[str]) -> bool:
    """Whether a folder that pytest is told to look into is code: for its doctests, or with tests beside it."""
    if folder.rpartition("/")[2] in ("tests", "test", "testing"):
        return False
    inside = [file for file in files if folder == "." or file.startswith(f"{folder}/")]
    tests = sum(is_test_file(file, patterns) for file in inside)
    support = sum(file.rpartition("/")[2] in ("__init__.py", "conftest.py") for file in inside)
    return len(inside) - tests - support > tests


def _is_code(folder: str, files: Iterable[str], patterns: Collection[str]) -> bool:
    """Whether tests lie beside the code there: a package with other modules, or a folder that has mostly such."""
    names = {file.rpartition("/")[2] for file in files if file.rpartition("/")[0] == folder}
    tests = {name for name in names if is_test_file(f"{folder}/{name}", patterns)}
    others = names - tests - {"__init__.py", "conftest.py"}
    return bool(others) and ("__init__.py" in names or len(others) >= len(tests))


def _source_roots(files: list[str], hints: _Hints, tests: tuple[str, ...]) -> tuple[str, ...]:
    roots = [folder for folder in hints.source_roots if folder == "." or _holds_python(folder, files)]
    if not roots and _holds_python("src", files) and "src/__init__.py" not in files:
        roots.append("src")
    if "." not in roots and (not roots or _packages_in(".", tuple(roots), tests, files, strict=True)):
        roots.append(".")
    return tuple(dict.fromkeys(roots))


def _packages_in(
    folder: str, roots: tuple[str, ...], tests: tuple[str, ...], files: list[str], strict: bool = False
) -> set[str]:
    """Importable top-level names in ``folder``; ``strict`` wants an ``__init__.py`` (no namespaces, no modules)."""
    prefix = "" if folder == "." else f"{folder}/"
    known = frozenset(files)
    names: set[str] = set()
    for file in files:
        if not file.startswith(prefix):
            continue
        head, slash, _ = file[len(prefix) :].partition("/")
        place = prefix + head
        if slash and place not in roots and place not in tests and head.isidentifier():
            if f"{place}/__init__.py" in known or (not strict and head not in NOT_PACKAGES):
                names.add(head)
        elif not slash and not strict and head.endswith(".py") and head not in NOT_MODULES and not is_test_file(head):
            names.update({head.removesuffix(".py")} if head.removesuffix(".py").isidentifier() else ())
    return names


def _holds_python(folder: str, files: Iterable[str]) -> bool:
    return any(file.startswith(f"{folder}/") for file in files)


# --------------------------------------------------------------------------- configuration


def _read_hints(root: Path) -> _Hints:
    toml = _read_toml(root / "pyproject.toml")
    ini = _read_ini(root / "setup.cfg", root / "tox.ini", root / "pytest.ini")
    pytest_toml = {
        **_dig(_read_toml(root / "pytest.toml"), "pytest"),
        **_dig(toml, "tool", "pytest"),
        **_dig(toml, "tool", "pytest", "ini_options"),
    }
    sources = [
        *_words(pytest_toml.get("pythonpath")),
        *_words(_dig(toml, "tool", "setuptools", "packages", "find").get("where")),
        *_words(_dig(toml, "tool", "setuptools", "package-dir").get("")),
        *[str(item["from"]) for item in _tables(_dig(toml, "tool", "poetry").get("packages")) if "from" in item],
        *_words(ini.get("pythonpath")),
        *_words(ini.get("where")),
        *re.findall(r"(?m)^\s*=\s*(\S+)", ini.get("package_dir", "")),
    ]
    tests = [*_words(pytest_toml.get("testpaths")), *_words(ini.get("testpaths"))]
    name = _dig(toml, "project").get("name") or _dig(toml, "tool", "poetry").get("name") or ini.get("name")
    patterns = _words(pytest_toml.get("python_files")) or _words(ini.get("python_files"))
    told = name if isinstance(name, str) else None
    return _Hints(told, _folders(sources), _folders(tests), tuple(patterns))


def _folders(names: Iterable[str]) -> tuple[str, ...]:
    clean = (name.strip().removeprefix("./").rstrip("/") or "." for name in names)
    return tuple(dict.fromkeys(name for name in clean if not name.startswith(("/", "..")) and "*" not in name))


def _read_toml(path: Path) -> dict[str, Any]:
    """The file's tables; {} where it is missing or broken (a tool that needs it will say so itself)."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _read_ini(*paths: Path) -> dict[str, str]:
    """The options of setuptools and pytest sections in the files, the later file winning."""
    options: dict[str, str] = {}
    for path in paths:
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read_string(path.read_text("utf-8"))
        except (OSError, ValueError, configparser.Error):
            continue
        for section in ("metadata", "options", "options.packages.find", "tool:pytest", "pytest"):
            if parser.has_section(section):
                options.update(parser.items(section))
    return options


def _dig(table: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    for key in keys:
        inner = table.get(key)
        if not isinstance(inner, dict):
            return {}
        table = inner
    return table


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return value.split()
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _tables(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
