# Paths stay plain strings here: they are handed to the kernel as they are.
# ruff: noqa: PTH103, PTH110, PTH116, PTH120, PTH208
"""What a process does to itself before it runs code that nobody vouches for. There is no way back.

:func:`enter` gives the batch namespaces of its own (processes, mounts, network, IPC) where the specification asks for
them, then limits, an unprivileged user, Landlock and seccomp. Everything is decided by Augment's side
(``execution/sandbox/``), which has tried before what this machine allows; here nothing is left out silently: what the
kernel refuses is an OSError, and the batch does not run.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import socket
import stat
import struct
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from . import landlock, seccomp
from .blackbox import stack_signal
from .process import PR_SET_PDEATHSIG

_NEW_MOUNTS, _NEW_IPC, _NEW_USER, _NEW_PIDS, _NEW_NETWORK = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 2, 4, 8, 4096, 16384, 1 << 18
_PR_SET_DUMPABLE, _PR_SET_KEEPCAPS, _PR_CAPBSET_DROP, _PR_CAP_AMBIENT = 4, 8, 24, 47
_AMBIENT_RAISE, _AMBIENT_CLEAR = 2, 4
_CAP_DAC_READ_SEARCH = 2
_CAPABILITY_VERSION = 0x20080522
_SET_INTERFACE_FLAGS, _INTERFACE_UP = 0x8914, 0x1
_INIT = "/bin/cat"
_INODES = 100_000
"""Files that a private temporary folder takes. Each costs about 1 KiB of kernel memory beside its bytes."""


def libc() -> Any:
    """The C library, with errno kept for :func:`ctypes.get_errno`."""
    return ctypes.CDLL(None, use_errno=True)


def enter(spec: dict[str, Any], keep: Iterable[int] = ()) -> None:
    """Confine this process as ``spec`` says and close every descriptor but 0, 1, 2 and ``keep``.

    With namespaces of its own it returns in another process: the one that called stays outside, passes on the signal
    for stacks, and ends as that one ends. Raises OSError when the kernel refuses anything.
    """
    c = libc()
    kept = {0, 1, 2, *keep}
    _close_others(kept)
    if spec["namespaces"]:
        _move_into_namespaces(c, spec, kept)
    _limit(spec["limits"])
    if spec["user"] is not None:
        _become(c, spec["user"][0], spec["user"][1], search=spec["keep_search"])
    elif spec["namespaces"]:
        _drop_capabilities(c, keep=0)
    _check(c.prctl(seccomp.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    rules = seccomp.FilterRules(**spec["rules"])
    if spec["landlock"]:
        rights = {"read": landlock.READ, "write": landlock.WRITE}
        grants = [(path, rights[right]) for path, right in spec["grants"]]
        landlock.restrict(c, spec["landlock"], grants, network=rules.network)
    seccomp.install(c, platform.machine(), rules)


def prepare() -> None:
    """Do ahead of a fork what every child would do again (the filter of the strictest tier, 0.5 ms)."""
    if platform.machine() in seccomp.MACHINES:
        seccomp.build(platform.machine(), seccomp.FilterRules(*(True for _ in seccomp.FilterRules._fields)))


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"confining the process: {os.strerror(number)}")


def _close_others(keep: set[int]) -> None:
    _close({int(name) for name in os.listdir("/proc/self/fd")} - keep)


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        with suppress(OSError):  # the one that listed the folder is gone already
            os.close(descriptor)


# ------------------------------------------------------------------------------ namespaces


def _move_into_namespaces(c: Any, spec: dict[str, Any], kept: set[int]) -> None:
    """Return in a child that is alone in namespaces of its own, with an init beside it that adopts orphans.

    Not as the first process there: the kernel shields that one from signals that the batch sends to itself.
    """
    uid, gid = os.getuid(), os.getgid()
    # Otherwise the files of this process under /proc belong to root, the identity maps among them.
    _check(c.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0))
    user = _NEW_USER if spec["user_namespace"] else 0
    _check(c.unshare(user | _NEW_MOUNTS | _NEW_IPC | _NEW_PIDS | _NEW_NETWORK))
    if user:
        _map_identity(uid, gid)
    waited = {int(signal.SIGCHLD), int(stack_signal())}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    init, leash = _start_init()
    child = os.fork()
    if child != 0:
        _close(kept)
        _stand_outside(child, init, waited)
    os.close(leash)
    c.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # A group, not a session: a new session would stand beside the user's work with full weight (autogroups).
    os.setpgid(0, 0)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    _mount(c, spec)
    _bring_up_loopback()


def _map_identity(uid: int, gid: int) -> None:
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)


def _start_init() -> tuple[int, int]:
    """Start the first process of the namespace; returns it with the descriptor that it lives by.

    It does nothing but wait for the end of its input, which comes with the end of this process, and then the kernel
    ends all that is left in the namespace. Orphans are reaped by the kernel, as it ignores SIGCHLD. A program of its
    own: another fork would copy the page tables of this process once more (1 to 3 ms for 60 to 150 MB).
    """
    theirs, leash = os.pipe()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        actions = [(os.POSIX_SPAWN_DUP2, theirs, 0)]
        init = os.posix_spawn(_INIT, [_INIT], {}, file_actions=actions, setsigmask=())
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(theirs)
    return init, leash


def _stand_outside(child: int, init: int, waited: set[int]) -> None:
    """Wait for the batch, end whatever it left in its namespace, and end as it did."""
    ended, status = 0, 0
    while not ended:
        if signal.sigwait(waited) == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
        else:
            os.kill(child, stack_signal())
    os.kill(init, signal.SIGKILL)
    os.waitpid(init, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


def _mount(c: Any, spec: dict[str, Any]) -> None:
    """Give the batch its own /proc and temporary folders. What lies below those and it needs is carried over."""
    _mount_one(c, "none", "/", "", _MS_REC | _MS_PRIVATE)
    carried = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in spec["binds"] if os.path.exists(path)}
    covers = {path: f"size={size},nr_inodes={_INODES},mode={mode:o}" for path, size, mode in spec["tmpfs"]}
    # What lies in another comes after it, or it would be covered: a project may lie in a folder that is read whole.
    for path in sorted([*covers, *carried], key=lambda path: path.rstrip("/").count("/")):
        if path in covers:
            os.makedirs(path, exist_ok=True)
            _mount_one(c, "tmpfs", path, "tmpfs", _MS_NOSUID | _MS_NODEV, covers.pop(path))
        else:
            place = carried[path]
            _make_place(path, folder=stat.S_ISDIR(os.stat(place).st_mode))
            _mount_one(c, f"/proc/self/fd/{place}", path, "", _MS_BIND | _MS_REC)
    for place in carried.values():
        os.close(place)
    for path in spec["folders"]:
        os.makedirs(path, exist_ok=True)
        if spec["user"] is not None:
            os.chown(path, spec["user"][0], spec["user"][1])
    _mount_one(c, "proc", "/proc", "proc", _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)


def _make_place(path: str, *, folder: bool) -> None:
    os.makedirs(path if folder else os.path.dirname(path), exist_ok=True)
    if not folder:
        os.close(os.open(path, os.O_CREAT | os.O_CLOEXEC, 0o644))


def _mount_one(c: Any, source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    result = c.mount(os.fsencode(source), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), options.encode())
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mounting {kind or source} on {target}: {os.strerror(number)}")


def _bring_up_loopback() -> None:
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        fcntl.ioctl(probe, _SET_INTERFACE_FLAGS, struct.pack("16sh14x", b"lo", _INTERFACE_UP))


# ------------------------------------------------------------------------------ limits and user


def _limit(limits: dict[str, int | None]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, what in (("processes", resource.RLIMIT_NPROC), ("files", resource.RLIMIT_NOFILE)):
        value = limits.get(name)
        if value is None:
            continue
        hard = resource.getrlimit(what)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(what, (value, value))


def _become(c: Any, uid: int, gid: int, *, search: bool) -> None:
    """Leave root for good. ``search`` keeps the right to read behind closed folders, for Landlock to narrow."""
    if search:
        _check(c.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0))
    # While there is still the right to: afterwards no program can get these rights again.
    for capability in range(64):
        if search and capability == _CAP_DAC_READ_SEARCH:
            continue
        if c.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    _drop_capabilities(c, keep=1 << _CAP_DAC_READ_SEARCH if search else 0)
    if search:
        _check(c.prctl(_PR_CAP_AMBIENT, _AMBIENT_RAISE, _CAP_DAC_READ_SEARCH, 0, 0))
    # Changing the user hides the process from itself, and unties it from its parent.
    _check(c.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0))
    _check(c.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))


def _drop_capabilities(c: Any, keep: int) -> None:
    _check(c.prctl(_PR_CAP_AMBIENT, _AMBIENT_CLEAR, 0, 0, 0))
    header = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    _check(c.capset(header, struct.pack("=6I", keep, keep, keep, 0, 0, 0)))
