"""What generated tests are worth, measured from outside and the same for every system that wrote them.

Coverage is slipcover's lines and branches of the modules listed; mutants are mutmut's of the same modules, where a
timeout counts as killed and a mutant without tests as alive. Test files that fail on the unchanged code are dropped
first. Tests that are left are run one by one, each in a fresh process of plain pytest, and then all together twenty
times, in an order, with a hash seed and in a time zone drawn anew. Tools live in an environment of their own.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from environments import environment
from generation_subjects import Subject

TOOLS = ("mutmut==3.8.1", "slipcover", "pytest>=8.4,<10", "hypothesis>=6.140,<7")
PROCESSES = 2
RERUNS = 20
TIME_ZONES = ("UTC", "America/St_Johns", "Asia/Kathmandu", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin")
SUITE_S = 600.0
"""Longest run of all tests together; a suite that takes longer counts as failed."""
TEST_S = 60.0
MUTMUT_S = 5400.0
_NODEID = re.compile(r"\S+\.py::")
_KILLED = ("killed", "timeout")


@dataclass
class Quality:
    """What the tests of one package are worth. Pairs are (reached, all)."""

    tests: int = 0
    files_dropped: int = 0
    tests_dropped: int = 0
    lines: tuple[int, int] = (0, 0)
    branches: tuple[int, int] = (0, 0)
    mutants: dict[str, int] = field(default_factory=dict)
    failing_alone: list[str] = field(default_factory=list)
    flaky: list[str] = field(default_factory=list)
    reruns: int = 0
    seconds: float = 0.0
    """How long measuring took."""


@dataclass(frozen=True)
class Harness:
    """The tools, and how much is measured."""

    python: Path
    mutants: bool = True
    reruns: int = RERUNS
    seed: int = 0

    @classmethod
    def prepared(cls, cache: Path, *, mutants: bool = True, reruns: int = RERUNS, seed: int = 0) -> Harness:
        """With an environment under ``cache``, made when it is missing."""
        return cls(environment("quality", TOOLS, cache), mutants, reruns, seed)

    def measure(self, subject: Subject, work: Path) -> Quality:
        """Measure the tests under ``work``/tests; files that fail are removed from there."""
        began = time.monotonic()
        found = Quality(reruns=self.reruns)
        found.files_dropped, found.tests_dropped = self.drop_failing(work)
        tests = functions_of(self.collected(work))
        found.tests = len(tests)
        if tests:
            found.failing_alone = self.failing_alone(work, tests)
            found.flaky = self.flaky(work)
        found.lines, found.branches = self.coverage(subject, work)
        if self.mutants:
            found.mutants = dict(self.mutant_ends(subject, work))
        found.seconds = round(time.monotonic() - began, 1)
        return found

    # ------------------------------------------------------------------ tests

    def drop_failing(self, work: Path) -> tuple[int, int]:
        """Remove test files that fail on the unchanged code; how many files and tests those were."""
        files = sorted(path for path in (work / "tests").rglob("test_*.py"))
        with ThreadPoolExecutor(PROCESSES) as pool:
            ends = list(pool.map(lambda path: self.pytest(work, [str(path.relative_to(work))], SUITE_S)[0], files))
        failing = [path for path, end in zip(files, ends, strict=True) if end != 0]
        count = 0
        for path in failing:
            count += len(re.findall(r"^\s*(?:async )?def test_", path.read_text(encoding="utf-8"), re.MULTILINE))
            print(f"dropped {path.name}: it fails on the unchanged code", file=sys.stderr)
            path.unlink()
        return len(failing), count

    def collected(self, work: Path) -> list[str]:
        """The node ids of all tests, parametrised cases one by one."""
        printed = self.pytest(work, ["--collect-only", "tests"], SUITE_S)[1]
        return [line.strip() for line in printed.splitlines() if _NODEID.match(line)]

    def failing_alone(self, work: Path, tests: list[str]) -> list[str]:
        """The test functions that do not pass by themselves in a fresh process of plain pytest."""
        with ThreadPoolExecutor(PROCESSES) as pool:
            ends = pool.map(lambda test: self.pytest(work, [test], TEST_S)[0], tests)
            return [test for test, end in zip(tests, ends, strict=True) if end != 0]

    def flaky(self, work: Path) -> list[str]:
        """The tests that did not pass in every one of the varied reruns, by their names in the reports."""
        nodeids = self.collected(work)
        varied = [variation(nodeids, self.seed * 1000 + number) for number in range(self.reruns)]
        with ThreadPoolExecutor(PROCESSES) as pool:
            passed = list(pool.map(lambda one: self._passed(work, *one), varied))
        everything: set[str] = set().union(*passed) if passed else set()
        if len(everything) < len(nodeids):  # one that never passed is in no report as passed
            everything |= {f"(never passed, {len(nodeids) - len(everything)} tests)"}
        return sorted({name.partition("[")[0] for done in passed for name in everything - done})

    def _passed(self, work: Path, nodeids: list[str], environ: dict[str, str]) -> set[str]:
        """Which tests passed in one run of all; reports name them by class and name."""
        with tempfile.TemporaryDirectory() as folder:
            names, report = Path(folder) / "tests.txt", Path(folder) / "report.xml"
            names.write_text("\n".join(nodeids) + "\n", encoding="utf-8")
            self.pytest(work, [f"@{names}", f"--junitxml={report}"], SUITE_S, environ)
            return passed_in(report) if report.exists() else set()

    def pytest(
        self, work: Path, arguments: list[str], limit_s: float, environ: dict[str, str] | None = None
    ) -> tuple[int | None, str]:
        """A fresh process of plain pytest; its exit status (None past the limit) and what it printed."""
        # Compiled files are told apart by time and size only, and a mutant may leave both as they were.
        full = {"PYTHONDONTWRITEBYTECODE": "1", **(environ or {})}
        command = ["pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(work), *arguments]
        done = self._tool(command, work, limit_s, full)
        return (done.returncode, done.stdout) if done is not None else (None, "")

    def _tool(
        self, command: list[str], work: Path, limit_s: float, environ: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str] | None:
        """Run a module of the tools' environment in ``work``; None when it took too long and was ended."""
        try:
            return subprocess.run(
                [str(self.python), "-m", *command],
                cwd=work,
                env={**plain_environ(), **(environ or {})},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=limit_s,
            )
        except subprocess.TimeoutExpired:
            print(f"{' '.join(command[:3])} was ended after {limit_s:g} s", file=sys.stderr)
            return None

    # ------------------------------------------------------------------ coverage and mutants

    def coverage(self, subject: Subject, work: Path) -> tuple[tuple[int, int], tuple[int, int]]:
        """Lines and branches of the modules listed: reached, and all."""
        out = work / "coverage.json"
        out.unlink(missing_ok=True)
        command = ["slipcover", "--source", subject.package, "--branch", "--json", "--out", str(out)]
        self._tool([*command, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"], work, SUITE_S)
        if not out.exists():
            return (0, 0), (0, 0)
        return count_coverage(json.loads(out.read_text(encoding="utf-8"))["files"], subject.files)

    def mutant_ends(self, subject: Subject, work: Path) -> Counter[str]:
        """How many mutants came to each end."""
        settings = {
            "source_paths": [subject.package],
            "only_mutate": list(subject.files),
            "pytest_add_cli_args_test_selection": ["tests"],
            "also_copy": ["tests"],
        }
        lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
        (work / "pyproject.toml").write_text("[tool.mutmut]\n" + "\n".join(lines) + "\n", encoding="utf-8")
        (work / "tests").mkdir(exist_ok=True)
        shutil.rmtree(work / "mutants", ignore_errors=True)
        done = self._tool(["mutmut", "run", "--max-children", str(PROCESSES)], work, MUTMUT_S)
        listed = self._tool(["mutmut", "results", "--all", "true"], work, SUITE_S)
        lines = listed.stdout.splitlines() if listed is not None else []
        ends = Counter(line.rsplit(":", 1)[1].strip() for line in lines if "__mutmut_" in line)
        if not ends or ("not checked" in ends and any((work / "tests").rglob("test_*.py"))):
            said = "\n".join([*done.stdout.splitlines()[-15:], done.stderr[-2000:]]) if done is not None else ""
            print(f"mutmut did not try every mutant: {dict(ends)}\n{said}", file=sys.stderr)
        return ends


def plain_environ() -> dict[str, str]:
    """The environment without what would reach into the tests from here."""
    ours = ("PYTEST_", "COV_", "PYTHON", "AUGMENT_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def variation(nodeids: list[str], seed: int) -> tuple[list[str], dict[str, str]]:
    """One varied rerun: the tests in random order, and a hash seed and a time zone."""
    drawn = random.Random(seed)
    order = drawn.sample(nodeids, len(nodeids))
    return order, {"PYTHONHASHSEED": str(drawn.randrange(2**32)), "TZ": drawn.choice(TIME_ZONES)}


def functions_of(nodeids: Iterable[str]) -> list[str]:
    """The test functions, each once, of parametrised cases."""
    return list(dict.fromkeys(nodeid.partition("[")[0] for nodeid in nodeids))


def passed_in(report: Path) -> set[str]:
    """``class.name`` of every test that a JUnit report does not show as failed or broken."""
    passed, bad = set(), set()
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        (bad if case.find("failure") is not None or case.find("error") is not None else passed).add(name)
    return passed - bad


def count_coverage(
    files: dict[str, dict[str, list[object]]], wanted: Iterable[str]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Lines and branches of the files wanted, in slipcover's report: reached, and all."""
    totals = []
    for kind in ("lines", "branches"):
        reached = sum(len(files.get(file, {}).get(f"executed_{kind}", [])) for file in wanted)
        totals.append((reached, reached + sum(len(files.get(file, {}).get(f"missing_{kind}", [])) for file in wanted)))
    return totals[0], totals[1]


def killed_of(ends: dict[str, int]) -> tuple[int, int]:
    """How many mutants the tests notice, and of how many."""
    return sum(ends.get(end, 0) for end in _KILLED), sum(ends.values())
