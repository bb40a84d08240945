"""The ten projects of ``compatibility.py``: what each stands for, and what its tests need."""

from __future__ import annotations

from dataclasses import dataclass

from real_projects import Subject


@dataclass(frozen=True)
class Case:
    """A release and what it stands for."""

    stands_for: str
    layout: str
    subject: Subject

    @property
    def name(self) -> str:
        """The project's name."""
        return self.subject.name


_PYGMENTS = (
    *("tests/test_basic_api.py", "tests/test_cmdline.py", "tests/test_html_formatter.py"),
    *("tests/test_latex_formatter.py", "tests/test_rtf_formatter.py", "tests/test_token.py", "tests/test_util.py"),
    *("tests/test_unistring.py", "tests/test_using_api.py", "tests/test_regexopt.py"),
)

_ALL = (
    Case(
        "unittest",
        "flat, one module, tests/",
        Subject("xmltodict==1.0.4", (), "unittest classes, one module"),
    ),
    Case(
        "pytest, src layout",
        "src, tests/",
        Subject(
            "humanize==4.17.0",
            ("freezegun", "pytest-benchmark", "pytest-codspeed", "pytest-cov"),
            "data files, parametrised tests",
        ),
    ),
    Case(
        "a web application",
        "flat, tests/",
        Subject("httpbin==0.10.4", (), "Flask, templates, one unittest file of a test client", pytest="pytest>=8,<9"),
    ),
    Case(
        "a command-line application",
        "flat, tests/",
        Subject(
            "cookiecutter==2.7.1",
            ("pytest-cov", "pytest-mock", "freezegun"),
            "click, templates with Python files that are none, tests that ask the network",
            pytest="pytest>=8,<9",
        ),
    ),
    Case(
        "an async library",
        "flat, tests/",
        Subject("asgiref==3.13.0", ("pytest-asyncio",), "pytest-asyncio, threads, contexts"),
    ),
    Case(
        "a compiled extension",
        "flat, tests inside the package",
        Subject("simplejson==3.20.2", (), "the extension is built in place, unittest classes"),
    ),
    Case(
        "no tests at all",
        "flat",
        Subject("radicale==3.9.0", (), "a CalDAV server of 80 modules whose release leaves its tests out"),
    ),
    Case(
        "tests that fail",
        "flat, tests/",
        Subject("freezegun==0.3.15", ("mock",), "a release of 2020, whose tests a Python of today breaks"),
    ),
    Case(
        "files with syntax errors",
        "flat, one module, test/",
        Subject("autopep8==2.3.2", (), "four files in test/ that Python cannot read, as examples of what to mend"),
    ),
    Case(
        "more than a thousand files",
        "flat, tests/",
        Subject(
            "pygments==2.21.0",
            ("lxml", "wcag-contrast-ratio"),
            "2,800 files; tests are collected from text files by the project's own collectors. All of its 5,000 tests "
            "run when it is watched; those of API, formatters and command line are compared",
            args=_PYGMENTS,
        ),
    ),
)
CASES = {case.name: case for case in _ALL}
QUICK = ("xmltodict", "httpbin")
