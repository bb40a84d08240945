"""What is checked before anything is started, so that each thing that stands in the way is one clear line."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
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
        print(json.dumps([name, type(error).__name__, str(error)]), file=sys.stderr)
        sys.exit(3)
    except BaseException:
        pass
"""
"""Only a syntax error and a missing module are held against the project: they mean that it is broken or that the
interpreter is not its own. Anything else may be code that wants its application set up first, as Django's does."""


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


def check_imports(project: Project) -> None:
    """Raise ProjectError when a top-level package has a syntax error or lacks a module in the project's interpreter."""
    if not project.packages:
        return
    roots = [str(Path(project.root, source_root).resolve()) for source_root in project.source_roots]
    command = [project.interpreter, "-c", _IMPORT_PROBE, json.dumps([roots, list(project.packages)])]
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "AUGMENT_"))}
    try:
        done = subprocess.run(
            command,
            cwd=project.root,
            env=environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=IMPORT_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        raise ProjectError(f"cannot run the interpreter {project.interpreter}: {error.strerror}") from error
    except subprocess.TimeoutExpired:
        return  # slow is not broken: the tests' own limits apply
    if done.returncode == 3:
        name, kind, text = json.loads(done.stderr.strip().splitlines()[-1])
        raise ProjectError(
            f"{name} does not import ({kind}: {text}) with {project.interpreter}: mend it, or name the project's own "
            "interpreter with --python"
        )
