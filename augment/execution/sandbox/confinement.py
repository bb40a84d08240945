# Paths stay plain strings here: they are arguments of bubblewrap and Landlock, compared as they are.
# ruff: noqa: PTH110, PTH112, PTH114, PTH115
"""How a tier is made: bubblewrap's command around a runner, and what the process of a batch does to itself."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from augment.execution.runner import landlock
from augment.execution.runner.seccomp import FilterRules
from augment.execution.sandbox.place import ETC, SYSTEM, Place, is_inside
from augment.execution.sandbox.tiers import UIDS, Sandbox, Tier
from augment.execution.source import RunnerKind
from augment.execution.watch import MOST_PROCESSES
from augment.seams import Limits

_SHARED_MEMORY = 64 * 2**20
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_NAMESPACE_DEVICES = ("/dev/tty", "/dev/ptmx", "/dev/pts")
_OWN_FACTS = (
    *("self/auxv", "self/cgroup", "self/cmdline", "self/comm", "self/environ", "self/exe", "self/fd", "self/fdinfo"),
    *("self/io", "self/limits", "self/maps", "self/mountinfo", "self/mounts", "self/oom_score", "self/smaps"),
    *("self/smaps_rollup", "self/stat", "self/statm", "self/status"),
)
"""Of a process itself. Not all of it: `net` lists who listens on this machine."""
_KERNEL_FACTS = ("cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "sys/kernel", "sys/vm", "uptime", "version")
_SETTINGS_OF_PYTEST = (
    "pytest.toml",
    ".pytest.toml",
    "pytest.ini",
    ".pytest.ini",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
)
_CAPABILITIES = (
    "CAP_SYS_ADMIN", "CAP_NET_ADMIN",  # namespaces for each batch, and loopback in them
    "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_CHOWN", "CAP_KILL",  # the batch's user
    "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH",  # packages below a closed folder, own tests in a closed project
)  # fmt: skip
"""What the warm process keeps where Augment is root. Of these a batch keeps the last at most."""

_next = count(os.getpid())
_next_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class TierConfinement:
    """Confines the runners of one interpreter and project."""

    sandbox: Sandbox
    place: Place

    @property
    def forks(self) -> bool:
        """Whether a warm process may fork batches: each child must be able to leave the others behind."""
        return self.sandbox.tier is Tier.LANDLOCK or self.sandbox.per_batch

    @property
    def limits_files(self) -> bool:
        """Whether temporary files are on a file system of limited size."""
        return self.sandbox.tier is Tier.NAMESPACES

    def command(self, command: Sequence[str], kind: RunnerKind, scratch: Path) -> list[str]:
        """The command that starts ``command`` inside."""
        return self.wrap(command, scratch)

    def wrap(self, command: Sequence[str], scratch: Path) -> list[str]:
        """As :meth:`command`. ``scratch`` exists on this side; the process finds an empty folder of that name."""
        if self.sandbox.tier is not Tier.NAMESPACES:
            if self.sandbox.first_uid is not None:
                scratch.chmod(0o711)  # batches become other users, and their folders lie below
            return list(command)
        size: list[str] = []
        shared: list[str] = []
        if not self.sandbox.per_batch:  # else each batch mounts its own
            size = ["--size", str(_temporary_bytes(None))]
            shared = ["--size", str(_SHARED_MEMORY), "--tmpfs", "/dev/shm"]
        wrapped = [self.sandbox.bubblewrap, "--die-with-parent", "--unshare-pid", "--unshare-net", "--unshare-ipc"]
        wrapped += ["--unshare-uts", "--unshare-cgroup-try"]
        if self.sandbox.first_uid is None:
            wrapped.append("--unshare-user")
        else:
            wrapped += ["--cap-drop", "ALL"]
            for capability in _CAPABILITIES:
                wrapped += ["--cap-add", capability]
        wrapped += [*_system(), "--proc", "/proc", "--dev", "/dev", *shared, *size, "--tmpfs", "/tmp"]
        if not scratch.is_relative_to("/tmp"):
            wrapped += [*size, "--tmpfs", str(scratch)]
        wrapped += _etc(scratch, self.sandbox.first_uid)
        bound = [path for path in (*self.place.reads, self.place.copies) if path and os.path.exists(path)]
        wrapped += _parents([*bound, *(link for link, _ in self.place.links), str(scratch)])
        for path in bound:
            wrapped += ["--ro-bind", path, path]
        for link, target in self.place.links:
            wrapped += ["--symlink", target, link]
        return [*wrapped, "--dir", str(scratch), "--dir", str(scratch / "home"), "--chdir", str(scratch), *command]

    def order(self, cwd: Path, scratch: Path, limits: Limits) -> Mapping[str, Any]:
        """What ``confine.enter`` needs for one batch that runs in ``cwd``."""
        return self.spec(cwd, scratch, limits)

    def spec(self, cwd: Path | None, scratch: Path, limits: Limits | None) -> dict[str, Any]:
        """As :meth:`order`. Where the batch becomes another user, ``scratch`` is given to that user."""
        user = self._user()
        alone = self.sandbox.tier is Tier.NAMESPACES
        if user is not None and not alone:
            for path in (scratch, *scratch.iterdir()):
                os.chown(path, *user)
        return {
            "namespaces": self.sandbox.per_batch,
            "user_namespace": self.sandbox.user_namespace,
            "user": user,
            "keep_search": user is not None and not self._open_to_all(cwd),
            "tmpfs": self._tmpfs(scratch, limits) if self.sandbox.per_batch else [],
            "binds": [*self._hidden(scratch), *([str(cwd)] if cwd else [])] if self.sandbox.per_batch else [],
            "folders": [str(scratch), str(scratch / "home")],
            "landlock": self.sandbox.landlock,
            "grants": self._grants(cwd, scratch),
            "writable": [path for path, right in self._grants(None, scratch) if right == "write"],
            "rules": self._rules(user)._asdict(),
            "limits": {"processes": self._processes(user, limits), "files": None},
        }

    # ------------------------------------------------------------------ parts

    def _user(self) -> tuple[int, int] | None:
        """A user that no other batch of this process has now, as far as there are enough."""
        if self.sandbox.first_uid is None:
            return None
        with _next_lock:
            uid = self.sandbox.first_uid + next(_next) % UIDS
        return uid, uid

    def _rules(self, user: tuple[int, int] | None) -> FilterRules:
        alone = self.sandbox.tier is Tier.NAMESPACES
        abi = self.sandbox.landlock
        return FilterRules(
            network=alone,
            unix=alone,
            ipc=alone,
            change_paths=alone or user is not None,
            truncate_paths=alone or user is not None or abi >= landlock.TRUNCATE_SINCE,
            signal_others=alone or user is not None or abi >= landlock.SIGNALS_SINCE,
        )

    def _processes(self, user: tuple[int, int] | None, limits: Limits | None) -> int | None:
        """The kernel counts by user: a limit needs a user, or a user namespace, that the batch has to itself."""
        if limits is None or not (user is not None or self.sandbox.user_namespace):
            return None
        return limits.processes or MOST_PROCESSES

    def _tmpfs(self, scratch: Path, limits: Limits | None) -> list[tuple[str, int, int]]:
        size = _temporary_bytes(limits)
        mounts = [("/tmp", size, 0o1777), ("/dev/shm", _SHARED_MEMORY, 0o1777)]
        if not scratch.is_relative_to("/tmp"):
            mounts.append((str(scratch), size, 0o1777))
        if self.place.copies:
            mounts.append((self.place.copies, 2**20, 0o755))
        return mounts

    def _hidden(self, scratch: Path) -> list[str]:
        """What must be readable and lies below a temporary folder that the batch covers with its own."""
        covered = [path for path, _, _ in self._tmpfs(scratch, None)]
        links = [link for link, _ in self.place.links]
        return [path for path in (*self.place.reads, *links) if any(path.startswith(f"{base}/") for base in covered)]

    def _grants(self, cwd: Path | None, scratch: Path) -> list[tuple[str, str]]:
        """What Landlock leaves: to read what is needed, to write the temporary folders."""
        alone = self.sandbox.tier is Tier.NAMESPACES
        reads = [*SYSTEM, *(f"/etc/{name}" for name in ETC), *self.place.reads, "/sys/devices/system/cpu"]
        reads += [str(cwd)] if cwd else []
        writes = [str(scratch), *_DEVICES]
        if alone:
            reads += ["/proc", "/etc"]
            writes += ["/tmp", "/dev/shm", *_NAMESPACE_DEVICES]
        else:
            reads += [f"/proc/{name}" for name in (*_OWN_FACTS, *_KERNEL_FACTS)]
            reads += _settings_above(cwd) if cwd else []
        return [(path, "read") for path in reads] + [(path, "write") for path in writes]

    def _open_to_all(self, cwd: Path | None) -> bool:
        """Whether any user can read what a batch must read, once it is where the tier shows it."""
        if self.sandbox.tier is Tier.NAMESPACES:
            # Folders on the way are made anew inside, and private copies are readable for all.
            own = [] if cwd is None or is_inside(str(cwd), [self.place.copies]) else [cwd]
            return not own and all(Path(path).stat().st_mode & 0o004 for path in self.place.reads)
        paths = [*self.place.reads, *([str(cwd)] if cwd else [])]
        return all(_reachable(Path(path)) for path in paths)


def _temporary_bytes(limits: Limits | None) -> int:
    return (limits or Limits()).temporary_bytes


def _reachable(path: Path) -> bool:
    try:
        return all(folder.stat().st_mode & 0o001 for folder in path.parents) and bool(path.stat().st_mode & 0o004)
    except OSError:
        return False


def _settings_above(cwd: Path) -> list[str]:
    """pytest looks into folders above the copy for its settings, and must not stumble over what is shut."""
    return [str(folder / name) for folder in cwd.parents for name in _SETTINGS_OF_PYTEST if (folder / name).is_file()]


# ------------------------------------------------------------------------------ bubblewrap's arguments


def _system() -> list[str]:
    arguments: list[str] = []
    for path in SYSTEM:
        if os.path.islink(path):
            arguments += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            arguments += ["--ro-bind", path, path]
    return [*arguments, "--ro-bind-try", "/sys/devices/system/cpu", "/sys/devices/system/cpu"]


def _parents(paths: list[str]) -> list[str]:
    """Bubblewrap makes the folders above a mount for the owner only; batches may be another user."""
    above = {str(parent) for path in paths for parent in Path(path).parents}
    shown = [folder for folder in sorted(above) if folder != "/" and not is_inside(folder, [*SYSTEM, *paths])]
    return [argument for folder in shown for argument in ("--dir", folder)]


def _etc(scratch: Path, first_uid: int | None) -> list[str]:
    """The needed part of /etc, with made-up users and hosts: who else lives on the machine is nobody's business."""
    arguments = ["--dir", "/etc"]
    for name in ETC:
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    uids = range(first_uid, first_uid + UIDS) if first_uid is not None else [os.getuid()]
    home = scratch / "home"
    files = {
        "passwd": "".join(f"augment:x:{uid}:{uid}::{home}:/bin/sh\n" for uid in uids) + "root:x:0:0::/:/bin/sh\n",
        "group": "".join(f"augment:x:{uid}:\n" for uid in uids) + "root:x:0:\n",
        "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    }
    for name, text in files.items():
        (scratch / f"etc-{name}").write_text(text)
        arguments += ["--ro-bind", str(scratch / f"etc-{name}"), f"/etc/{name}"]
    return arguments
