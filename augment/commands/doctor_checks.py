"""What ``augment doctor`` looks at: each check returns lines and changes nothing."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from augment.config import ModelSettings, Settings
from augment.errors import AugmentError
from augment.execution import SandboxMode, Tier, find_sandbox
from augment.serve import EngineSpec, ModelFiles, detect_hardware, locate_files, models_root
from augment.serve import interpreter as engine_interpreter
from augment.serve.cache import way_out
from augment.serve.choice import AUTO, READS, choose_engine
from augment.serve.extras import installed_engines
from augment.serve.memory import foresee, memory_trouble, read_shape
from augment.serve.remote_engine import RemoteCore
from augment.service.preflight import check_port, read_service
from augment.wiring import engine_choice, engine_spec, uses_server

_RAY = ((2, 60), (2, 61))


class Status(StrEnum):
    """How a check came out. Only FAIL keeps Augment from working."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report. ``mend`` says what to do, and is empty where all is well."""

    name: str
    status: Status
    detail: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is examined: a project's root and the settings that count for it."""

    root: Path
    settings: Settings


def run_checks(subject: Subject) -> Iterator[Check]:
    """Every check, in the order a person would mend things."""
    for check in CHECKS:
        yield from check(subject)


def _ok(name: str, detail: str) -> Check:
    return Check(name, Status.OK, detail)


# --------------------------------------------------------------------------- this machine and installation


def check_interpreter(_: Subject) -> Iterator[Check]:
    """Augment's own interpreter."""
    version, detail = sys.version_info[:2], f"Python {platform.python_version()} at {sys.executable}"
    if version < (3, 11):
        yield Check("interpreter", Status.FAIL, detail, "make .venv with Python 3.11 or newer")
    else:
        yield _ok("interpreter", detail)


def check_ray(subject: Subject) -> Iterator[Check]:
    """Ray's version from its metadata (importing it takes seconds), and the cluster that was asked for."""
    if importlib.util.find_spec("ray") is None:
        yield Check("ray", Status.FAIL, "not installed", "pip install -e . in Augment's folder")
        return
    installed = metadata.version("ray")
    low, high = _RAY
    if not low <= tuple(int(part) for part in installed.split(".")[:2]) < high:
        mend = f"pip install 'ray[serve]>={low[0]}.{low[1]},<{high[0]}.{high[1]}'"
        yield Check("ray", Status.WARN, f"Ray {installed} was not tested with this version of Augment", mend)
    else:
        yield _ok("ray", f"Ray {installed}")
    yield _cluster(subject.settings.service.address or os.environ.get("RAY_ADDRESS"))


def _cluster(address: str | None) -> Check:
    if address in (None, "", "auto", "local"):
        running = Path(os.environ.get("RAY_TMPDIR", "/tmp")) / "ray" / "ray_current_cluster"
        address = running.read_text(encoding="utf-8").strip() if running.is_file() else ""
        if not address or not _answers(address):
            return _ok("ray cluster", "none is running; launch starts one of its own")
    elif address is not None and not _answers(address):
        return Check(
            "ray cluster",
            Status.FAIL,
            f"nothing answers at {address}",
            "correct --address or RAY_ADDRESS, or leave both out to start a local Ray",
        )
    return _ok("ray cluster", f"running at {address}")


def _answers(address: str) -> bool:
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host or "127.0.0.1", int(port)), timeout=2.0).close()
    except (OSError, ValueError, OverflowError):
        return False
    return True


def check_model(subject: Subject) -> Iterator[Check]:
    """Whether the model's files are as they were fetched; hashed only where size or time of change differ."""
    model = subject.settings.model
    if not model.enabled:
        yield _ok("model", "off (tests come from search alone)")
        return
    if uses_server(model):
        yield _server(model)
        return
    try:
        files = locate_files(model.model_name, path=model.path)
        yield _ok("model", f"{model.model_name} at {files.main}")
    except AugmentError as error:
        mend = "./scripts/setup_huggingface_models.sh fetches it; --no-model does without"
        yield Check("model", Status.FAIL, str(error), mend)
        return
    yield from _engine(model, files)


def _engine(model: ModelSettings, files: ModelFiles) -> Iterator[Check]:
    """Which engine runs the model and why, what would be faster, and whether there is memory for it."""
    try:
        choice = engine_choice(model)
        spec = engine_spec(model)
        assert spec is not None
        yield Check("engine", Status.OK, f"{choice.engine}: {choice.reason}", choice.faster)
    except AugmentError as error:
        yield Check("engine", Status.FAIL, str(error), "do what it says, or set engine to auto")
        return
    yield _memory(files, spec)


def _memory(files: ModelFiles, spec: EngineSpec) -> Check:
    hardware = detect_hardware()
    try:
        shape = read_shape(files)
    except AugmentError as error:
        return Check("memory", Status.WARN, str(error), way_out(files.name))
    trouble = memory_trouble(files.name, shape, spec, hardware)
    if trouble:
        return Check("memory", Status.FAIL, trouble, "choose a smaller model, or launch with --no-model")
    need = foresee(shape, spec)
    return _ok(
        "memory",
        f"{files.name} will take about {need.total / 1e9:.1f} GB ({need.describe()}); this machine "
        f"has {hardware.describe()}",
    )


def check_engine_python(subject: Subject) -> Iterator[Check]:
    """The interpreter that runs the model, where it is not Augment's own."""
    model = subject.settings.model
    if not model.enabled or model.engine_python is None:
        return
    try:
        engine = _engine_there(model)
        engine_interpreter.check_interpreter(EngineSpec(model.model_name, engine=engine, python=model.engine_python))
        yield _ok("engine python", f"{model.engine_python} has what the engine `{engine}` needs")
    except AugmentError as error:
        yield Check("engine python", Status.FAIL, str(error), "do what it says, or set engine_python to null")


def _engine_there(model: ModelSettings) -> str:
    """The engine that the interpreter of the settings is to run: what it has, or what it should have."""
    if model.engine != AUTO:
        return model.engine
    local = installed_engines(model.engine_python) & READS.keys()
    return choose_engine(detect_hardware(), local or READS, num_gpus=model.num_gpus).engine


def _server(model: ModelSettings) -> Check:
    spec = engine_spec(model)
    assert spec is not None
    try:
        RemoteCore(spec).check()
    except AugmentError as error:
        return Check("model", Status.FAIL, str(error), "mend what it says; --no-model does without")
    return _ok("model", f"{model.model_name} at {model.base_url}, which is sent the code that tests are written for")


def check_ports(subject: Subject) -> Iterator[Check]:
    """The dashboard's port must be free, or held by the Augment that runs on this project."""
    service, model = subject.settings.service, subject.settings.model
    if (running := read_service(subject.root)) is not None:
        yield _ok("ports", f"Augment runs on this project at {running.url} (pid {running.pid})")
        return
    try:
        check_port(service.host, service.port)
        yield _ok("dashboard port", f"{service.host}:{service.port} is free")
    except AugmentError as error:
        yield Check("dashboard port", Status.FAIL, str(error), "end what holds it, or launch with another --port")
    if model.enabled:
        yield _endpoint_port(model.endpoint_port)


def _endpoint_port(port: int) -> Check:
    """Launch takes any free port where this one is held, so it is never in the way."""
    try:
        check_port("127.0.0.1", port)
    except AugmentError:
        detail = f"127.0.0.1:{port} is in use; launch will take another"
        return Check("endpoint port", Status.WARN, detail, "set model.endpoint_port for one that stays the same")
    return _ok("endpoint port", f"127.0.0.1:{port} is free")


def check_sandbox(subject: Subject) -> Iterator[Check]:
    """What this machine can confine generated tests with. Containers often block it, so it is tried, not assumed."""
    found = find_sandbox(subject.settings.generator.sandbox)
    if found.mode is SandboxMode.OFF:
        mend = "leave `sandbox` at auto, unless you would run whatever a model wrote"
        yield Check("sandbox", Status.WARN, found.describe(), mend)
    elif found.tier is Tier.NONE:
        mend = "install bubblewrap (apt-get install bubblewrap), or a kernel with Landlock; --sandbox off does without"
        yield Check("sandbox", Status.WARN, found.describe(), mend)
    elif found.tier is Tier.LANDLOCK and shutil.which("bwrap") is None:
        yield Check("sandbox", Status.OK, found.describe(), "apt-get install bubblewrap gives the stricter tier")
    else:
        yield _ok("sandbox", found.describe())


def check_sqlite(_: Subject) -> Iterator[Check]:
    """SQLite's version: see :func:`has_wal_reset_bug`."""
    if has_wal_reset_bug(sqlite3.sqlite_version_info[:3]):
        detail = f"SQLite {sqlite3.sqlite_version} can corrupt a database that two connections write"
        mend = "Augment writes through one connection, so only other writers must keep off; 3.51.3 and later are mended"
        yield Check("sqlite", Status.WARN, detail, mend)
    else:
        yield _ok("sqlite", f"SQLite {sqlite3.sqlite_version}")


def has_wal_reset_bug(version: tuple[int, ...]) -> bool:
    """Whether this SQLite may lose the write-ahead log when two connections write: 3.7.0 to 3.51.2, save the mended
    3.44.6 and 3.50.7 and what follows them in their series."""
    mended = (version[:2] == (3, 44) and version >= (3, 44, 6)) or (version[:2] == (3, 50) and version >= (3, 50, 7))
    return (3, 7, 0) <= version <= (3, 51, 2) and not mended


def check_disk(subject: Subject) -> Iterator[Check]:
    """Room where results and models are written, and whether the project's folder takes files at all."""
    for name, folder in (("disk", subject.root), ("disk for models", _existing(models_root()))):
        free = shutil.disk_usage(folder).free
        detail = f"{free / 1e9:.1f} GB free at {folder}"
        if free < 200e6:
            yield Check(name, Status.FAIL, detail, "free some space: Augment stops writing below 0.2 GB")
        elif free < 5e9:
            yield Check(name, Status.WARN, detail, "free some space: results, logs and models grow")
        else:
            yield _ok(name, detail)
    try:
        with tempfile.TemporaryFile(dir=subject.root):
            yield _ok("folder", f"{subject.root} can be written")
    except OSError as error:
        detail = f"{subject.root} cannot be written: {error.strerror}"
        yield Check("folder", Status.FAIL, detail, "give yourself write permission on the project's folder")


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.parents) if parent.exists())


CHECKS: tuple[Callable[[Subject], Iterator[Check]], ...] = (
    check_interpreter,
    check_ray,
    check_model,
    check_engine_python,
    check_ports,
    check_sandbox,
    check_sqlite,
    check_disk,
)
