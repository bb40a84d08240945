"""What is checked before anything is started, so that each thing that stands in the way is one clear line."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from augment.errors import AugmentError, ProjectError
from augment.files import write_atomically
from augment.records import Project
from augment.service.revisions import state_folder

MIN_FREE_BYTES = 200 * 2**20
IMPORT_TIMEOUT_S = 60.0

_IMPORT_PROBE = """
import importlib, json, sys
roots, names = json.loads(sys.argv[1])
sys.path[:0] = roots
for name in names:
    try:
        importlib.import_module(name)
    except (SyntaxError, ModuleNotFoundError) as error:
        print("\\n" + json.dumps([name, type(error).__name__, str(error)]), file=sys.stderr)
    except BaseException:
        pass
"""
"""Only a syntax error and a missing module are held against the project: they mean that it is broken or that the
interpreter is not its own. Anything else may be code that wants its application set up first, as Django's does."""


@dataclass(frozen=True, slots=True)
class ImportProblem:
    """A top-level package or module that does not import, and why, in one line."""

    package: str
    error: str

    def __str__(self) -> str:
        return f"{self.package} does not import ({self.error})"

    @property
    def lacks_module(self) -> bool:
        """Whether another module is missing: often the interpreter is not the project's own then."""
        return self.error.startswith(ModuleNotFoundError.__name__)


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """What ``.augment/service.json`` says of a running service. ``created`` tells a reused pid from the service's."""

    pid: int
    created: float
    url: str
    started_at: float
    ray_address: str = ""
    namespace: str = ""


def service_file(root: Path) -> Path:
    """Where the record of a project's running service lies."""
    return root / ".augment" / "service.json"


def read_service(root: Path) -> ServiceRecord | None:
    """The service that runs on the project, None when none does (a record left by a dead one counts for nothing)."""
    try:
        content: dict[str, Any] = json.loads(service_file(root).read_text())
        record = ServiceRecord(**content)
        process = psutil.Process(record.pid)
        alive = process.is_running() and abs(process.create_time() - record.created) < 1.0
    except (OSError, ValueError, TypeError, psutil.Error):
        return None
    return record if alive and process.status() != psutil.STATUS_ZOMBIE else None


def write_service(root: Path, url: str, ray_address: str, namespace: str) -> None:
    """Record this process as the project's running service."""
    pid = os.getpid()
    record = ServiceRecord(pid, psutil.Process(pid).create_time(), url, time.time(), ray_address, namespace)
    write_atomically(service_file(root), json.dumps(asdict(record), indent=2).encode())


def clear_service(root: Path) -> None:
    """Take the record away at the end."""
    service_file(root).unlink(missing_ok=True)


def check_not_running(root: Path) -> None:
    """Raise AugmentError when a service already runs on the project."""
    if (running := read_service(root)) is not None:
        raise AugmentError(
            f"Augment already runs on {root} (pid {running.pid}, {running.url}): stop it with `augment stop {root}`"
        )


def check_port(host: str, port: int, flag: str = "--port") -> None:
    """Raise AugmentError when nothing can listen on ``host:port``."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AugmentError(
                f"cannot listen on {host}:{port} ({error.strerror}): choose another with {flag}"
            ) from error


def free_port(host: str, wanted: int) -> int:
    """``wanted`` if it is free on ``host``, else any free port."""
    try:
        check_port(host, wanted)
    except AugmentError:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((host, 0))
            return int(probe.getsockname()[1])
    return wanted


def check_folder(root: Path) -> None:
    """Raise ProjectError when Augment cannot keep its state in the project or the disk is full."""
    try:
        folder = state_folder(root)
        write_atomically(folder / "writable", b"")
        (folder / "writable").unlink()
    except OSError as error:
        raise ProjectError(
            f"cannot write to {root / '.augment'} ({error.strerror}): Augment keeps its results there; "
            "make the folder writable"
        ) from error
    free = shutil.disk_usage(root).free
    if free < MIN_FREE_BYTES:
        raise ProjectError(
            f"only {free // 2**20} MiB are free on the disk of {root}: Augment needs {MIN_FREE_BYTES // 2**20} MiB"
        )


def check_visible(root: Path) -> None:
    """Raise ProjectError when the project is not there. Said by an actor: where it runs may see other files."""
    if not root.is_dir():
        raise ProjectError(
            f"the project's folder {root} is not there for the actors of the Ray node on {socket.gethostname()}: "
            "start Ray where the folder is, in the same container or with the same mounts, or launch where Ray sees it"
        )


def check_imports(project: Project) -> list[ImportProblem]:
    """The top-level packages that have a syntax error or lack a module in the project's interpreter.

    These are said, and Augment goes on: what does not import is what a person is about to mend. Raises ProjectError
    where nothing imports and modules are missing, as then every test would fail for that.
    """
    names = _worth_importing(project)
    problems = _import_problems(project, names)
    if len(problems) == len(names) and any(problem.lacks_module for problem in problems):
        first = next(problem for problem in problems if problem.lacks_module)
        raise ProjectError(f"{first} with {project.interpreter}: {way_to_modules(project.interpreter)}")
    return problems


def way_to_modules(interpreter: str) -> str:
    """What to do where modules are missing in ``interpreter``; nobody should install them into Augment's own."""
    if Path(interpreter) == Path(sys.executable):
        return "that is Augment's own, as the project has no .venv; name the project's interpreter with --python"
    return "install it there, or name the project's own interpreter with --python"


def _worth_importing(project: Project) -> list[str]:
    """The packages; modules beside them may be scripts, which do something when they are imported."""
    folders = [Path(project.root, source_root) for source_root in project.source_roots]
    packages = [name for name in project.packages if any((folder / name).is_dir() for folder in folders)]
    return packages or list(project.packages)


def _import_problems(project: Project, names: list[str]) -> list[ImportProblem]:
    if not names:
        return []
    roots = [str(Path(project.root, source_root).resolve()) for source_root in project.source_roots]
    command = [project.interpreter, "-c", _IMPORT_PROBE, json.dumps([roots, names])]
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "AUGMENT_"))}
    try:
        done = subprocess.run(
            command,
            cwd=project.root,
            env=environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=IMPORT_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        raise ProjectError(f"cannot run the interpreter {project.interpreter}: {error.strerror}") from error
    except subprocess.TimeoutExpired:
        return []  # slow is not broken: the tests' own limits apply
    return [problem for text in done.stderr.splitlines() if (problem := _problem_in(text)) is not None]


def _problem_in(text: str) -> ImportProblem | None:
    """What a line of the probe tells; None for a line that the project wrote."""
    try:
        told = json.loads(text)
    except ValueError:
        return None
    if not isinstance(told, list) or len(told) != 3 or not all(isinstance(part, str) for part in told):
        return None
    package, kind, message = told
    return ImportProblem(package, " ".join(f"{kind}: {message}".split()))
