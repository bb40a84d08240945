"""Measures ``augment generate`` on real releases: coverage by slipcover, mutants by mutmut, both outside the project.

    python benchmarks/generation.py --packages codetiming string_utils --budget 60 [--no-model] [--json FILE]

Each release is installed into a clean folder, without its dependencies and without tests. Coverage is line+branch of
the modules listed, mutants are those of the same modules; a timeout counts as killed, a mutant without tests as alive.
slipcover and mutmut live in a virtual environment of their own under ``--cache``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

TOOLS = ("mutmut==3.8.1", "slipcover", "pytest>=8.4,<10", "hypothesis>=6.140,<7")


@dataclass(frozen=True)
class Subject:
    """A release from the package index, and the modules of it that are measured."""

    release: str
    package: str
    modules: tuple[str, ...]


SUBJECTS = {
    "codetiming": Subject("codetiming==1.3.0", "codetiming", ("_timers",)),
    "string_utils": Subject("python-string-utils==1.0.0", "string_utils", ("generation", "manipulation", "validation")),
    "docstring_parser": Subject(
        "docstring-parser==0.7.3", "docstring_parser", ("common", "google", "numpydoc", "parser", "rest")
    ),
}


@dataclass
class Measured:
    """What came of one package."""

    package: str
    tests: int
    line_branch: float
    branch: float
    mutants: int
    killed: int
    seconds: float
    tokens: int
    rejected: dict[str, int]
    generators: dict[str, int]

    @property
    def killed_share(self) -> float:
        """Percent of the mutants that were killed."""
        return 100.0 * self.killed / self.mutants if self.mutants else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", nargs="+", choices=sorted(SUBJECTS), default=["codetiming", "string_utils"])
    parser.add_argument("--budget", type=float, default=60.0, help="seconds a module")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-model", action="store_true")
    parser.add_argument("--without", action="append", default=[], help="generator or gate to switch off")
    parser.add_argument("--no-mutants", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "augment" / "benchmarks",
    )
    options = parser.parse_args()
    tools = prepare_tools(options.cache)
    results = [measure(SUBJECTS[name], tools, options) for name in options.packages]
    print_table(results)
    if options.json:
        rows = [{**asdict(result), "killed_share": result.killed_share} for result in results]
        report = {"budget_s": options.budget, "model": not options.no_model, "results": rows}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def prepare_tools(cache: Path) -> Path:
    """The interpreter of the virtual environment that measures, made when it is missing."""
    folder = cache / f"tools-{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / "bin" / "python"
    if not (folder / ".ready").exists():
        print(f"installing {', '.join(TOOLS)} into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        run([str(python), "-m", "pip", "install", "--quiet", *TOOLS], folder)
        (folder / ".ready").touch()
    return python


def measure(subject: Subject, tools: Path, options: argparse.Namespace) -> Measured:
    work = options.cache / "work" / subject.package
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(work), subject.release], work)
    for folder in work.glob("bin"):
        shutil.rmtree(folder)
    began = time.monotonic()
    report = generate(subject, work, options)
    seconds = time.monotonic() - began
    drop_failing(work, tools)
    line_branch, branch = coverage(subject, work, tools)
    statuses = Counter[str]() if options.no_mutants else mutants(subject, work, tools)
    killed = sum(count for status, count in statuses.items() if status in ("killed", "timeout"))
    return Measured(
        package=subject.package,
        tests=len(report["admitted"]),
        line_branch=line_branch,
        branch=branch,
        mutants=sum(statuses.values()),
        killed=killed,
        seconds=round(seconds, 1),
        tokens=report["tokens"]["prompt"] + report["tokens"]["completion"],
        rejected=report["rejected"],
        generators=dict(Counter(item["generator"] for item in report["admitted"])),
    )


def generate(subject: Subject, work: Path, options: argparse.Namespace) -> dict[str, Any]:
    out = work / "generated.json"
    files = [f"{subject.package}/{module}.py" for module in subject.modules]
    command = [sys.executable, "-m", "augment", "generate", str(work), *files]
    command += ["--budget", str(options.budget), "--seed", str(options.seed), "--json", str(out)]
    command += ["--no-model"] if options.no_model else []
    for name in options.without:
        command += ["--without", name]
    subprocess.run(command, cwd=work, check=True)
    report: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return report


def drop_failing(work: Path, tools: Path) -> None:
    """Files with a test that fails on the unchanged code do not count, as for every other system."""
    for path in sorted((work / "tests" / "augment").glob("test_*.py")):
        done = subprocess.run([str(tools), "-m", "pytest", "-q", str(path)], cwd=work, capture_output=True, check=False)
        if done.returncode:
            print(f"dropped {path.name}: it fails on the unchanged code", file=sys.stderr)
            path.unlink()


def coverage(subject: Subject, work: Path, tools: Path) -> tuple[float, float]:
    """Percent of lines and branches together, and of branches, of the modules listed."""
    out = work / "coverage.json"
    command = [str(tools), "-m", "slipcover", "--source", subject.package, "--branch", "--json", "--out", str(out)]
    subprocess.run([*command, "-m", "pytest", "-q", "tests"], cwd=work, capture_output=True, check=False)
    if not out.exists():
        return 0.0, 0.0
    files = json.loads(out.read_text(encoding="utf-8"))["files"]
    lines = [0, 0]
    branches = [0, 0]
    for module in subject.modules:
        file = files.get(f"{subject.package}/{module}.py", {})
        for kind, total in (("lines", lines), ("branches", branches)):
            done, missing = len(file.get(f"executed_{kind}", [])), len(file.get(f"missing_{kind}", []))
            total[0] += done
            total[1] += done + missing
    both = 100.0 * (lines[0] + branches[0]) / max(1, lines[1] + branches[1])
    return both, 100.0 * branches[0] / max(1, branches[1])


def mutants(subject: Subject, work: Path, tools: Path) -> Counter[str]:
    """How many mutants came to each end."""
    only = [f"{subject.package}/{module}.py" for module in subject.modules]
    settings = {
        "source_paths": [subject.package],
        "only_mutate": only,
        "pytest_add_cli_args_test_selection": ["tests"],
        "also_copy": ["tests"],
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    (work / "pyproject.toml").write_text("[tool.mutmut]\n" + "\n".join(lines) + "\n", encoding="utf-8")
    shutil.rmtree(work / "mutants", ignore_errors=True)
    done = subprocess.run([str(tools), "-m", "mutmut", "run"], cwd=work, capture_output=True, text=True, check=False)
    listed = run([str(tools), "-m", "mutmut", "results", "--all", "true"], work)
    statuses = Counter(line.rsplit(":", 1)[1].strip() for line in listed.splitlines() if "__mutmut_" in line)
    if not statuses:
        print(done.stdout[-2000:], done.stderr[-2000:], file=sys.stderr)
    return statuses


def run(command: list[str], cwd: Path) -> str:
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


def print_table(results: list[Measured]) -> None:
    print("| package | line+branch % | branch % | mutants killed | tests | seconds | tokens |")
    print("|---|---|---|---|---|---|---|")
    for item in results:
        killed = f"{item.killed_share:.1f} % of {item.mutants}" if item.mutants else "-"
        print(
            f"| {item.package} | {item.line_branch:.1f} | {item.branch:.1f} | {killed} | {item.tests} "
            f"| {item.seconds:.0f} | {item.tokens} |"
        )


if __name__ == "__main__":
    main()
