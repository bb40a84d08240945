"""What recording costs: a whole suite plain, under ``sys.monitoring``, and under coverage.py's tracer.

    python benchmarks/recording.py [--projects boltons ...] [--pythons PATH ...] [--rounds 5] [--json FILE] [--quick]

Each round runs each way once, in turn, in a fresh process; the ratio is the median over the rounds of a way's time in
parts of the plain one's. Everything that selection needs is recorded: lines and branches of the project by test, lines
of the tests themselves, fixtures apart, and what each test reads. ``sys.monitoring`` is there from Python 3.12 on.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import median

from real_projects import DEFAULT_CACHE, PYTEST, SUBJECTS, Subject, prepare

HERE = Path(__file__).parent
RUNNER_PARENT = HERE.parent / "augment" / "execution"
DEFAULT = ("boltons", "tomlkit")
COVERAGE = "coverage>=7.6"


def environment(subject: Subject, python: str, cache: Path) -> tuple[Path, Path, str]:
    """The project's folder, an interpreter with what its tests need, and the version of that interpreter."""
    ready = prepare(subject, cache)
    asked = [python, "-c", "import sys; print('.'.join(map(str, sys.version_info[:3])))"]
    version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    folder = cache / "recording" / f"{subject.name}-{version}"
    own = folder / "bin" / "python"
    if not (folder / ".ready").exists():
        print(f"preparing {folder}", file=sys.stderr)
        subprocess.run([python, "-m", "venv", "--clear", "--without-pip", str(folder)], check=True)
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(own), "install"]
        subprocess.run([*pip, PYTEST, COVERAGE, *subject.needs], check=True, stdin=subprocess.DEVNULL)
        (folder / ".ready").touch()
    return ready.root, own, version


def once(root: Path, python: Path, way: str, arguments: tuple[str, ...]) -> dict[str, float]:
    """One run in a fresh process."""
    command = [str(python), str(HERE / "recording_child.py"), str(RUNNER_PARENT), way, *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def measure(name: str, python: str, rounds: int, cache: Path) -> dict[str, object]:
    """All ways, in turn."""
    subject = SUBJECTS[name]
    root, own, version = environment(subject, python, cache)
    ways = ["plain", "tracer"] + (["monitor"] if tuple(map(int, version.split(".")[:2])) >= (3, 12) else [])
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for way in ways:
        once(root, own, way, subject.args)  # bytecode is written, files are in the page cache
    for _ in range(rounds):
        for way in ways:
            seconds[way].append(once(root, own, way, subject.args)["seconds"])
    plain = seconds["plain"]
    return {
        "project": name,
        "python": version,
        "seconds": {way: round(median(taken), 3) for way, taken in seconds.items()},
        "ratio": {
            way: round(median(own_s / base for own_s, base in zip(taken, plain, strict=True)), 3)
            for way, taken in seconds.items()
            if way != "plain"
        },
    }


def table(rows: list[dict[str, object]]) -> str:
    """For people."""
    lines = ["| project | Python | plain | tracer | ratio | sys.monitoring | ratio |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        seconds, ratio = row["seconds"], row["ratio"]
        assert isinstance(seconds, dict)
        assert isinstance(ratio, dict)
        cells = [f"{seconds['tracer']} s", ratio["tracer"], seconds.get("monitor", "-"), ratio.get("monitor", "-")]
        lines.append(
            f"| {row['project']} | {row['python']} | {seconds['plain']} s | " + " | ".join(map(str, cells)) + " |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--projects", nargs="+", choices=sorted(SUBJECTS), metavar="NAME", default=list(DEFAULT))
    parser.add_argument("--pythons", nargs="+", metavar="PATH", default=[sys.executable], help="interpreters to try")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    parser.add_argument("--quick", action="store_true", help="one project, one round")
    wanted = parser.parse_args()
    names, rounds = (wanted.projects[:1], 1) if wanted.quick else (wanted.projects, wanted.rounds)
    rows = [measure(name, python, rounds, wanted.cache) for python in wanted.pythons for name in names]
    print(json.dumps(rows, indent=2))
    print(table(rows))
    if wanted.json:
        wanted.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
