"""One project through everything that ``compatibility.py`` tries, and what happened."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import psutil
from compatibility_cases import Case
from compatibility_edits import Broken, broken_functions
from compatibility_happened import Happened, Options, Saved
from compatibility_kept import generate, judge_kept
from environments import user_environ
from fidelity import as_augment_says, merge, run_command, run_plain
from real_projects import Prepared, prepare
from watched import Service

EDITS = 8
"""So many functions are broken one after the other until a test notices."""
VERDICT_S = 180.0
FIRST_LOOK_S = 1200.0
STOP_S = 60.0
_PATIENCE_S = 60.0
"""A broken function may leave a thread that waits for ever: plain pytest gets this and four times its usual time."""
ASKED_FOR = ("tests/augment/", ".augment/", "logs/")
CACHES = ("__pycache__", ".pytest_cache", ".hypothesis", ".mypy_cache", ".augment")
_TROUBLE = re.compile(r"Traceback|\b(ERROR|CRITICAL)\b")

Words = dict[str, str]


def try_case(case: Case, options: Options) -> Happened:
    """Everything, in the order in which a new user would come to it."""
    project = as_delivered(case, options.cache)
    print(f"{case.subject.release} in {project.root}", file=sys.stderr, flush=True)
    found = Happened(case.subject.release)
    doctor(project, found)
    plain = beside_pytest(project, found)
    before = fingerprint(project.root)
    found.files = len(before)
    watch(project, plain, found, options)
    generate(project, found, options)
    judge_kept(project, found)
    found.wrong += [f"{what} {file}" for file, what in differences(before, fingerprint(project.root)).items()]
    return found


def as_delivered(case: Case, cache: Path) -> Prepared:
    """The project as its release has it, whatever an earlier run left."""
    project = prepare(case.subject, cache)
    pristine = project.root.parent.parent / "pristine"
    if not pristine.exists():
        shutil.copytree(project.root, pristine, symlinks=True)
    shutil.rmtree(project.root)
    shutil.copytree(pristine, project.root, symlinks=True)
    return project


# ------------------------------------------------------------------------------ without the service


def doctor(project: Prepared, found: Happened) -> None:
    """``augment doctor``: what it says of the project, and of nothing else."""
    command = [sys.executable, "-m", "augment", "doctor", str(project.root), "--python", str(project.python), "--json"]
    done = subprocess.run(
        command, env=user_environ(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    found.doctor = done.returncode
    if done.returncode not in (0, 1):
        found.wrong.append(f"doctor ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        return
    about_project = ("project", "pytest", "imports", "syntax", "tests", "settings", "folder")
    checks = [check for check in json.loads(done.stdout)["checks"] if check["name"] in about_project]
    found.doctor_says = [f"{c['name']}: {c['status']}: {c['detail']}" for c in checks if c["status"] != "OK"]


def beside_pytest(project: Prepared, found: Happened) -> Words:
    """``augment test --all`` and plain pytest, test by test; what plain pytest says of the tests that are steady."""
    plain = run_plain(project)
    ours = run_command(project, os.cpu_count() or 1)
    found.tests, found.pytest_s, found.augment_s = len(plain.words), round(plain.seconds, 1), round(ours.seconds, 1)
    found.pytest, found.augment = dict(Counter(plain.words.values())), dict(Counter(ours.words.values()))
    differing = told_otherwise(plain.words, ours.words)
    if differing:  # a test that plain pytest decides once so and once so is nobody's mistake
        told = merge([plain.words, run_plain(project).words])
        found.unsteady = sorted(nodeid for nodeid, words in told.items() if len(words) > 1)
        differing = {nodeid: words for nodeid, words in differing.items() if nodeid not in found.unsteady}
    found.wrong += [f"test --all: {text}" for text in listed(differing)]
    if not found.unsteady and plain.exit_code != ours.exit_code:
        found.wrong.append(f"test --all ended with {ours.exit_code}, pytest with {plain.exit_code}")
    return {nodeid: word for nodeid, word in plain.words.items() if nodeid not in found.unsteady}


def told_otherwise(plain: Words, ours: Words) -> dict[str, tuple[str, str]]:
    """Node id -> what pytest says and what Augment says, where these differ."""
    both = {nodeid: (plain.get(nodeid, "absent"), ours.get(nodeid, "absent")) for nodeid in {**plain, **ours}}
    return {nodeid: (said, got) for nodeid, (said, got) in both.items() if as_augment_says(said) != got}


def listed(differing: Mapping[str, tuple[str, str]], most: int = 5) -> list[str]:
    """The first few differences in words."""
    said = [f"{nodeid}: pytest {plain}, Augment {ours}" for nodeid, (plain, ours) in differing.items()]
    return [*said[:most], *([f"and {len(said) - most} more"] if len(said) > most else [])]


# ------------------------------------------------------------------------------ with the service


def watch(project: Prepared, plain: Words, found: Happened, options: Options) -> None:
    """Launch, first verdicts, saves, a minute of generation, stop."""
    logs = options.logs / project.subject.name if options.logs else Path(tempfile.mkdtemp(prefix="augment-logs-"))
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    flags = ("--no-model", "--python", str(project.python), "--resource-threshold", "1")
    with Service(project.root, *flags, logs=logs) as service:
        found.ready_s = round(time.monotonic() - began, 1)
        tests = service.first_look(FIRST_LOOK_S)
        found.first_look_s = round(time.monotonic() - began, 1)
        if not project.subject.args:  # the service runs everything, also where the comparison is bounded
            found.wrong += [f"first look: {text}" for text in listed(told_otherwise(plain, outcomes(tests, plain)))]
        break_functions(project, service, plain, found, options.seed)
        time.sleep(options.minute_s / 2)
        gather(service, found)
        stop(service, project, found)
    found.wrong += trouble_in(logs)


def outcomes(tests: Iterable[Mapping[str, Any]], plain: Words) -> Words:
    """The newest verdicts of the project's own tests; what was written meanwhile is not the project's."""
    told = {test["nodeid"]: test["outcome"] for test in tests}
    return {nodeid: word for nodeid, word in told.items() if nodeid in plain or not nodeid.startswith("tests/augment/")}


def break_functions(project: Prepared, service: Service, plain: Words, found: Happened, seed: int) -> None:
    """Save broken functions, each mended again, until a test notices; every save is told as plain pytest tells it."""
    for edit in broken_functions(project.root, EDITS, seed):
        saved = one_save(project, service, edit, plain, found)
        found.saves.append(saved)
        if saved.failing:
            return


def one_save(project: Prepared, service: Service, edit: Broken, plain: Words, found: Happened) -> Saved:
    """Break, see the verdicts, compare, mend, see that all is as it was."""
    file = project.root / edit.file
    original = file.read_bytes()
    saved = Saved(edit.target, edit.file, 0)
    try:
        before, began = service.events(), time.monotonic()
        file.write_bytes(edit.data)
        broke = service.wait_for(lambda name, data: fails(name, data, plain) or settled(name, data), before, VERDICT_S)
        if broke is None:
            found.wrong.append(f"no word on the save {saved.target} within {VERDICT_S:g} s")
        elif broke[1] == "verdict":
            saved.seconds = round(broke[0] - began, 2)
            service.wait_for(settled, before, VERDICT_S)
        differing = beside_truth(project, service, plain, saved, _PATIENCE_S + 4 * found.pytest_s)
        found.wrong += [f"after {saved.target}: {text}" for text in listed(differing)]
    finally:
        before, began = service.events(), time.monotonic()
        file.write_bytes(original)
    mended = service.wait_for(settled, before, VERDICT_S)
    saved.mended = round(mended[0] - began, 2) if mended else None
    now = {nodeid: word for nodeid, word in outcomes(service.get("tests"), plain).items() if nodeid in plain}
    if not project.subject.args:
        found.wrong += [f"when mended: {text}" for text in listed(told_otherwise(plain, now))]
    return saved


def beside_truth(
    project: Prepared, service: Service, plain: Words, saved: Saved, limit_s: float
) -> dict[str, tuple[str, str]]:
    """What the service tells otherwise than plain pytest of the tests as they are saved now, where that is steady."""
    truth = run_plain(project, limit_s).words
    asked = {nodeid: word for nodeid, word in truth.items() if nodeid in plain and "::" in nodeid}
    saved.failing = sum(word in ("failed", "error") and plain[nodeid] != word for nodeid, word in asked.items())
    told = outcomes(service.get("tests"), truth)
    differing = told_otherwise(asked, {nodeid: word for nodeid, word in told.items() if nodeid in asked})
    if differing:
        again = run_plain(project, limit_s).words
        differing = {nodeid: both for nodeid, both in differing.items() if again.get(nodeid) == truth[nodeid]}
    return differing


def fails(name: str, data: Mapping[str, Any], plain: Words) -> bool:
    """Whether an event is the failing verdict of a test that passes as delivered."""
    broken = name == "verdict" and data["lane"] == "fast" and data["outcome"] in ("failed", "error")
    return broken and plain.get(data["nodeid"]) in ("passed", "xpassed")


def settled(name: str, data: Mapping[str, Any]) -> bool:
    """Whether an event says that the service is through with a save."""
    return name == "activity" and data["part"] == "service" and data["text"].endswith("watching")


def gather(service: Service, found: Happened) -> None:
    """What a while of generation came to."""
    admissions = service.get("admissions")
    written = [one for one in admissions if one["state"] == "kept"]
    found.kept_watching = found.kept = len(written)
    found.kept_files = sorted({one["file"] for one in written})
    found.findings = [one["title"] for one in service.get("findings")]
    found.faults = sum(test["outcome"] == "fault" for test in service.get("tests"))
    found.rejected = dict(service.get("rejections"))
    found.memory_mb = round(sum(memory_of(process) for process in service.processes()) / 2**20)


def memory_of(process: psutil.Process) -> int:
    """Its memory with its part of what it shares, in bytes; 0 where it has ended."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def stop(service: Service, project: Prepared, found: Happened) -> None:
    """Stop as Ctrl-C does; nothing may be left."""
    family = service.processes()
    began = time.monotonic()
    found.stop_code = service.stop(STOP_S)
    found.stop_s = round(time.monotonic() - began, 1)
    if found.stop_code != 0:
        found.wrong.append(f"a stop ended with {found.stop_code}")
    _, alive = psutil.wait_procs(family, 10)
    found.wrong += [f"left running: {' '.join(name_of(process))}" for process in alive]


def name_of(process: psutil.Process) -> list[str]:
    """What a process was started as."""
    try:
        return process.cmdline()[:4]
    except psutil.Error:
        return ["ended meanwhile"]


def trouble_in(logs: Path) -> list[str]:
    """The lines of the log files that tell of errors of Augment's own."""
    found = []
    for path in sorted(path for path in logs.rglob("*") if path.is_file() and path.suffix in (".log", ".txt")):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        found += [f"{path.name}: {text.strip()[:300]}" for text in lines if _TROUBLE.search(text)]
    return found[:10]


# ------------------------------------------------------------------------------ afterwards


def fingerprint(root: Path) -> dict[str, str]:
    """Every file of a folder -> a hash of it; caches of tools are left out."""
    found = {}
    for path in sorted(root.rglob("*")):
        file = path.relative_to(root).as_posix()
        if path.is_file() and not path.is_symlink() and not any(part in CACHES for part in Path(file).parts):
            found[file] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """File -> what became of it, without what Augment was asked to write."""
    found = {}
    for file in sorted({*before, *after}):
        if file.startswith(ASKED_FOR) or file == "TASKS.md" or before.get(file) == after.get(file):
            continue
        found[file] = "added" if file not in before else "removed" if file not in after else "changed"
    return found
