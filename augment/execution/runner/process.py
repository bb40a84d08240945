# Paths stay plain strings here: they are compared as pytest, coverage and the import system give them.
# ruff: noqa: PTH103, PTH118, PTH120, PTH123, PTH207
"""What the runner does to its own process: limits, ties to its parent, a look that a test finds sane."""

from __future__ import annotations

import base64
import errno
import glob
import os
import resource
import signal
import sys
import tempfile
import time
import types
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

_KEPT_FOR_STACKS: list[Any] = []


def tie_to_parent() -> None:
    """Die when the parent dies, and adopt orphaned grandchildren so that the parent can find and end them."""
    if not sys.platform.startswith("linux"):
        _watch_parent_from_thread()
        return
    try:
        import ctypes

        libc = ctypes.CDLL(None)
    except (ImportError, OSError):
        _watch_parent_from_thread()
        return
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _watch_parent_from_thread() -> None:
    # Without prctl a thread has to do it; on Linux there is none, since Python warns of forks in threaded processes.
    import threading
    import time

    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(0)

    threading.Thread(target=watch, daemon=True, name="augment-parent").start()


def read_order() -> bytes | None:
    """Wait for one line on standard input and return it, None at its end; tests then find an empty input."""
    with os.fdopen(os.dup(0), "rb") as control:
        line = control.readline()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return line if line.endswith(b"\n") else None


def set_environment(wanted: dict[str, str]) -> None:
    """Make the variables those of the batch, and forget what was worked out from the old ones."""
    for name in set(os.environ) - set(wanted):
        del os.environ[name]
    changed = {name: value for name, value in wanted.items() if os.environ.get(name) != value}
    os.environ.update(changed)
    tempfile.tempdir = None
    if "TZ" in changed or "TZ" not in wanted:
        time.tzset()


def settle_hypothesis(folder: str) -> None:
    """Have Hypothesis keep its examples where it would if it were imported in ``folder``, and not where it was."""
    configuration = sys.modules.get("hypothesis.configuration")
    if configuration is not None:
        chosen = os.environ.get("HYPOTHESIS_STORAGE_DIRECTORY")
        configuration.set_hypothesis_home_dir(chosen or os.path.join(folder, ".hypothesis"))


def warm_hypothesis(tables: dict[str, str] | None = None) -> dict[str, str]:
    """Import Hypothesis where it is installed, and have it try one property.

    Without that each process that draws a text reads all of Unicode (1 to 3 s), as nothing that it keeps outlives a
    batch, and reads the constants of every loaded module (0.3 s). For each failing property its plugin would import
    libcst, where it is installed, and make a patch of the example that nobody reads here (0.9 s).

    ``tables`` are those of Unicode, by their path below its folder ``unicode_data``, in base64; returned are those
    that were not among them.
    """
    import importlib.util

    if importlib.util.find_spec("hypothesis") is None:
        return {}
    given_tables = tables or {}
    folder = os.path.join(os.environ.get("HYPOTHESIS_STORAGE_DIRECTORY", ".hypothesis"), "unicode_data")
    for name, text in given_tables.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(text))
    from hypothesis import given, settings, strategies

    @settings(max_examples=5, deadline=None, derandomize=True, database=None)
    @given(strategies.text(), strategies.integers(), strategies.floats())
    def nothing(text: str, whole: int, number: float) -> None:
        pass

    nothing()
    # What is None there cannot be imported; the plugin takes that for a missing extra.
    sys.modules.setdefault("hypothesis.extra._patching", None)  # type: ignore[arg-type]
    made = {}
    for path in glob.glob(os.path.join(folder, "*", "*")) if tables is not None else ():
        name = os.path.relpath(path, folder)
        if name not in given_tables:
            with open(path, "rb") as table:
                made[name] = base64.b64encode(table.read()).decode()
    return made


def vary_after_fork() -> None:
    """Give this process randomness of its own; the standard library's own generator is seeded by the fork itself."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def lower_session(niceness: int) -> None:
    """Lower the session that this process leads against all others of the machine; done before it is confined.

    Kernels with autogroups share the cores out by session first, and look at niceness within one only (sched(7)).
    Without privileges they take one such change in a tenth of a second, of all processes together.
    """
    for _ in range(5 if niceness else 0):
        try:
            with open("/proc/self/autogroup", "w") as group:
                group.write(str(niceness))
        except OSError as error:
            if error.errno != errno.EAGAIN:
                return  # no such feature, or a kernel that does not let us
            time.sleep(0.12)
        else:
            return


def step_back(niceness: int) -> None:
    """Lower this process's priority to ``niceness`` (0 to 19) where it is higher; it can never be raised again."""
    os.nice(max(0, niceness - os.nice(0)))


def set_limits(cpu_s: float | None, file_bytes: int | None) -> None:
    """Limit CPU seconds (counted from now) and the size of a file; no core dumps."""
    _limit(resource.RLIMIT_CORE, 0)
    if file_bytes is not None:
        _limit(resource.RLIMIT_FSIZE, file_bytes)
    if cpu_s is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + cpu_s) + 1)


def _limit(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(what, (value, value if what != resource.RLIMIT_CPU else hard))


def pose_as_pytest(args: list[str]) -> None:
    """Make ``sys.argv`` and ``__main__`` what ``python -m pytest`` would make them."""
    import importlib.util

    spec = importlib.util.find_spec("pytest.__main__")
    _KEPT_FOR_STACKS.append(sys.modules["__main__"])
    main = types.ModuleType("__main__")
    main.__spec__ = spec
    main.__file__ = spec.origin if spec else None
    sys.modules["__main__"] = main
    sys.argv = [main.__file__ or "pytest", *args]


def set_path(order: dict[str, Any], overlay: str) -> None:
    """Put the project in front on ``sys.path``, as ``python -m pytest`` would, its source roots before its root.

    In a private copy every entry inside the real project (an editable install's) leads to the copy instead.
    """
    root, cwd = order["project_root"], order["cwd"]
    front = [os.path.normpath(os.path.join(cwd, source)) for source in order["source_roots"]]
    if cwd not in front:
        front.append(cwd)
    rest = [_moved(entry, root, cwd) for entry in sys.path if entry not in ("", overlay)]
    sys.path[:] = front + [entry for entry in rest if entry not in front]
    if overlay:
        sys.path.append(overlay)


def _moved(entry: str, root: str, cwd: str) -> str:
    inside = entry == root or entry.startswith(root + os.sep)
    if cwd == root or not inside or entry.startswith(sys.prefix + os.sep):
        return entry
    if entry == cwd or entry.startswith(cwd + os.sep):
        return entry
    return cwd + entry[len(root) :]
