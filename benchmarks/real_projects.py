"""Real releases from the package index whose source distributions carry their tests, each in an environment of its own.

Shared by ``fidelity.py`` and ``suites.py``. A release is pinned; it is downloaded as its source distribution, unpacked,
and installed (in place, as its developers would) into a virtual environment beside it, with what its tests need.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
from dataclasses import dataclass
from pathlib import Path

DEFAULT_CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "augment" / "benchmarks"
PYTEST = "pytest>=9,<10"


@dataclass(frozen=True)
class Subject:
    """A release, what its tests need, and what it has that a test runner may stumble over."""

    release: str
    needs: tuple[str, ...] = ()
    shows: str = ""
    editable: bool = True
    pytest: str = PYTEST
    args: tuple[str, ...] = ()
    """Arguments for both sides alike, such as the files to run."""

    @property
    def name(self) -> str:
        """The project's name, without its version."""
        return self.release.partition("==")[0]


@dataclass(frozen=True)
class Prepared:
    """A release that is ready to be tested."""

    subject: Subject
    root: Path
    python: Path


_WERKZEUG = (
    *("tests/middleware", "tests/multipart", "tests/sansio", "tests/test_datastructures.py", "tests/test_debug.py"),
    *("tests/test_exceptions.py", "tests/test_formparser.py", "tests/test_http.py", "tests/test_internal.py"),
    *("tests/test_local.py", "tests/test_routing.py", "tests/test_security.py", "tests/test_send_file.py"),
    *(
        "tests/test_test.py",
        "tests/test_urls.py",
        "tests/test_utils.py",
        "tests/test_wrappers.py",
        "tests/test_wsgi.py",
    ),
)

SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject("itsdangerous==2.2.0", ("freezegun",), "src layout, mixin test classes, warnings as errors"),
        Subject("markupsafe==3.0.4", (), "compiled extension, tests parametrised over implementations"),
        Subject("pluggy==1.7.0", ("pytest-benchmark",), "addopts in tox.ini, fixtures of a plugin, tests in testing/"),
        Subject("tomlkit==0.15.2", ("pyyaml",), "conftest, data files, parametrised over them"),
        Subject("boltons==26.2.0", (), "flat layout, plain functions and classes"),
        Subject("toolz==1.2.0", ("pycodestyle",), "tests inside the package, doctests, live log, strict markers"),
        Subject("jinja2==3.1.6", ("trio",), "doctest-like templates, async, module-wide fixtures"),
        Subject("click==8.5.1", (), "-m in addopts, capture and tty, warnings as errors"),
        Subject("more-itertools==11.2.1", (), "unittest classes with subtests, one dominating file"),
        Subject(
            "attrs==26.1.0",
            ("hypothesis", "cloudpickle", "pympler", "pytest-xdist[psutil]"),
            "src layout, importlib mode, Hypothesis, xdist installed",
        ),
        Subject(
            "flask==3.1.3",
            ("asgiref", "greenlet", "python-dotenv"),
            "autouse and module fixtures, tests change folder, an older pytest",
            pytest="pytest>=8.4,<9",
        ),
        Subject(
            "structlog==26.1.0",
            ("pytest-asyncio>=0.17", "pytest-randomly", "simplejson", "time-machine>=2.14.1"),
            "pytest-asyncio in auto mode, pytest-randomly shuffles, importlib mode",
        ),
        Subject(
            "werkzeug==3.1.9",
            ("cffi", "cryptography", "ephemeral-port-reserve", "pytest-timeout", "watchdog"),
            "conftest trees, parametrised classes; without test_serving.py, whose reloader can hang plain pytest",
            args=_WERKZEUG,
        ),
        Subject(
            "httpx==0.28.1",
            ("chardet", "trio", "trustme", "uvicorn", "brotli", "zstandard", "h2", "socksio", "cryptography", "rich"),
            "anyio plugin on asyncio and trio, a server in a session fixture, strict warnings",
        ),
        Subject(
            "starlette==1.10.0",
            (
                "httpx2[zstd]",
                "httpx<1",
                "itsdangerous",
                "jinja2",
                "python-multipart",
                "pyyaml",
                "trio",
                "pytest-codspeed",
                "opentelemetry-sdk",
            ),
            "anyio plugin, strict config and markers, xfail_strict",
        ),
        Subject(
            "anyio==4.16.0",
            (
                "blockbuster>=1.5.29",
                "hypothesis",
                "psutil",
                "pytest-mock>=3.14",
                "pytest-timeout>=2.4",
                "trustme",
                "truststore",
                "uvloop",
                "trio",
            ),
            "its own pytest plugin, -p in addopts, session and module fixtures, processes and sockets",
        ),
        Subject("wrapt==2.5.2", (), "compiled extension, unittest classes, compiled test helpers"),
        Subject(
            "propcache==0.5.4",
            ("pytest-cov", "pytest-xdist", "pytest-codspeed", "covdefaults", "cython", "expandvars"),
            "--numprocesses, --cov and --strict-markers in addopts, compiled extension",
        ),
        Subject(
            "zope.interface==8.7",
            ("zope.testing", "zope.event"),
            "namespace package, unittest classes, doctests in documents",
        ),
        Subject("jaraco.functools==4.6.0", ("jaraco.classes",), "PEP 420 namespace package, doctests of the sources"),
    )
}


def prepare(subject: Subject, cache: Path) -> Prepared:
    """Download, unpack and install ``subject`` unless that was done before."""
    base = cache / "projects" / subject.release.replace("==", "-")
    python = base / "env" / "bin" / "python"
    ready = base / ".ready"
    made_of = repr(subject)
    if not ready.exists() or ready.read_text(encoding="utf-8") != made_of:
        print(f"preparing {subject.release} in {base}", file=sys.stderr)
        shutil.rmtree(base, ignore_errors=True)
        _download(subject, base)
        _install(subject, base, python)
        ready.write_text(made_of, encoding="utf-8")
    (root,) = (base / "source").iterdir()
    return Prepared(subject, root, python)


def _download(subject: Subject, base: Path) -> None:
    base.mkdir(parents=True)
    # Of this one only: what builds it may come built.
    _pip("download", "--no-deps", "--no-binary", subject.name, "--dest", str(base), subject.release)
    (archive,) = base.glob("*.tar.gz")
    with tarfile.open(archive) as content:
        content.extractall(base / "source", filter="data")
    archive.unlink()


def _install(subject: Subject, base: Path, python: Path) -> None:
    (root,) = (base / "source").iterdir()
    venv.create(base / "env", with_pip=False)
    project = ["--editable", str(root)] if subject.editable else [str(root)]
    _pip("--python", str(python), "install", subject.pytest, *subject.needs, *project)


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def add_package(project: Prepared, requirement: str) -> None:
    """Install one more package into the project's environment."""
    _pip("--python", str(project.python), "install", requirement)
