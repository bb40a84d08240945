"""A minute of ``augment generate``, and what plain pytest says of everything that was kept."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from compatibility_happened import Happened, Options
from environments import user_environ
from harness import passed_in, plain_environ, variation
from real_projects import Prepared

VARIED_RERUNS = 3


def generate(project: Prepared, found: Happened, options: Options) -> None:
    """``augment generate`` for the file that was saved last: half of the minute."""
    if not found.saves:
        return
    file = found.saves[-1].file
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        command = [sys.executable, "-m", "augment", "generate", str(project.root), file, "--no-model"]
        command += ["--budget", str(options.minute_s / 2), "--python", str(project.python), "--json", str(out)]
        done = subprocess.run(
            command, env=user_environ(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode != 0 or not out.exists():
            found.wrong.append(f"generate {file} ended with {done.returncode}: {done.stderr.strip()[-600:]}")
            return
        report = json.loads(out.read_text(encoding="utf-8"))
    found.generated = file
    written = [one for one in report["admitted"] if one["state"] == "kept"]
    found.kept += len(written)
    found.kept_files = sorted({*found.kept_files, *(one["file"] for one in written)})
    found.findings += [one["title"] for one in report["findings"] if one["title"] not in found.findings]
    found.rejected = dict(Counter(found.rejected) + Counter(report["rejected"]))


def judge_kept(project: Prepared, found: Happened) -> None:
    """Plain pytest, in the project's own environment, on what was kept: as it stands, and varied."""
    files = [file for file in found.kept_files if (project.root / file).exists()]
    if not files:
        return
    code, said = pytest(project, files)
    if code != 0:
        found.wrong.append(f"plain pytest on what was kept ended with {code}: {said.strip()[-600:]}")
    printed = pytest(project, ["--collect-only", *files])[1]
    nodeids = [text.strip() for text in printed.splitlines() if re.match(r"\S+\.py::", text)]
    with tempfile.TemporaryDirectory() as folder:
        runs = []
        for seed in range(VARIED_RERUNS):
            order, environ = variation(nodeids, seed)
            names, report = Path(folder, "tests.txt"), Path(folder, f"{seed}.xml")
            names.write_text("\n".join(order) + "\n", encoding="utf-8")
            pytest(project, [f"@{names}", f"--junitxml={report}"], environ)
            runs.append(passed_in(report) if report.exists() else set())
    always = set.intersection(*runs)
    found.kept_passed = len(always)
    found.flaky = sorted(set.union(*runs) - always)
    if len(always) != len(nodeids):
        found.wrong.append(f"{len(nodeids) - len(always)} of {len(nodeids)} kept tests did not pass every varied rerun")


def pytest(project: Prepared, arguments: Sequence[str], environ: Mapping[str, str] | None = None) -> tuple[int, str]:
    """A process of plain pytest; its exit status and what it printed."""
    done = subprocess.run(
        [str(project.python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=project.root,
        env={**plain_environ(), **(environ or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
