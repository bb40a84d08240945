# Paths stay plain strings here: they are compared as pytest, coverage and the import system give them.
"""The warm process that forks one child a batch.

It has imported pytest with its plugins, coverage and the project's third-party modules, has run one empty collection,
and has one thread. Augment's side (``execution/zygote.py``) starts it, asks for children over a socket, and holds one
socket a child: the pid comes back on it, then the exit status; closing it ends the child with all that it started.
When the zygote dies its children die with it, and the tests that ran are lost workers. Its memory is of no value: the
next batch starts another one.
"""

from __future__ import annotations

import array
import contextlib
import errno
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from typing import Any

from . import confine, process, session
from .events import Emitter
from .preload import import_ahead
from .warm import FixtureSearch, WarmPytest

_DESCRIPTORS = 5
"""With each request: the child's socket, event pipe, output pipe, order pipe, black box."""
_ORPHANS_S = 2.0


class Child:
    """One batch's process. Reaped only when Augment has let go of it: until then nobody else can get its pid."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid
        self.channel = channel
        self.pidfd = os.pidfd_open(pid)
        self.ended = False

    def close(self) -> None:
        """Let go of descriptors."""
        self.channel.close()
        os.close(self.pidfd)


def main(control_fd: int, overlay: str) -> None:
    """Get ready as one line on standard input says, tell so, and fork until Augment closes the socket."""
    control = socket.socket(fileno=control_fd)
    process.tie_to_parent()
    line = process.read_order()
    if line is None:
        return
    wanted = json.loads(line)
    began = time.time_ns()
    try:
        prepared = session.Prepared(overlay)
    except ImportError as error:
        control.send(json.dumps({"unusable": str(error)}).encode())
        return
    for loop in ("explore", "mutate"):  # a confined child may not see the folder that this file is in
        importlib.import_module("." + loop, __package__)
    search = FixtureSearch()
    with search.watch():
        session.prime(overlay, wanted["root"])
    preloaded, refused = import_ahead(wanted["modules"], wanted["vetted"])
    tables = process.warm_hypothesis(wanted["tables"]) if wanted["hypothesis"] else {}
    prepared.warm = WarmPytest(search)
    prepared.look_again()
    confine.prepare()
    _freeze()
    told = {"unsafe": _why_unsafe(), "preloaded": preloaded, "refused": refused, "began_ns": began, "tables": tables}
    _tell(control, {**told, "files": _loaded_files()})
    if not told["unsafe"]:
        Zygote(control, lambda events, box: session.run_batch(Emitter(events), box, prepared)).serve()


def _tell(control: socket.socket, told: dict[str, Any]) -> None:
    """Hand over what may be too long for one message: as a file."""
    with tempfile.TemporaryFile() as file:
        file.write(json.dumps(told).encode())
        file.flush()
        descriptor = array.array("i", [file.fileno()])
        control.sendmsg([b'{"ready": true}'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptor)])


class Zygote:
    """Serves requests until Augment closes the socket."""

    def __init__(self, control: socket.socket, start: Callable[[int, int], None]) -> None:
        self._control = control
        self._start = start
        self._children = {}  # type: dict[int, Child]
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)

    def serve(self) -> None:
        """Fork on request, tell how children end, end them on request."""
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._control.fileno():
                    if not self._on_request():
                        return
                else:
                    self._on_child(descriptor)

    def _on_child(self, descriptor: int) -> None:
        child = self._children.get(descriptor)
        if child is None:
            return
        if descriptor == child.pidfd:
            self._tell_end(child)
        else:
            self._let_go(child)

    # ------------------------------------------------------------------ begin

    def _on_request(self) -> bool:
        message, descriptors = receive(self._control)
        if not message:
            return False
        channel, events, output, order, box = descriptors
        pid = os.fork()
        if pid == 0:
            self._become_batch(channel, events, output, order, box)
        for descriptor in (events, output, order, box):
            os.close(descriptor)
        child = Child(pid, socket.socket(fileno=channel))
        for descriptor in (channel, child.pidfd):
            self._children[descriptor] = child
            self._poll.register(descriptor, select.POLLIN)
        told = json.dumps({"pid": pid}).encode()
        with contextlib.suppress(OSError):  # Augment may have let go already; the hang-up is seen next
            child.channel.sendmsg([told], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [child.pidfd]))])
        return True

    def _become_batch(self, channel: int, events: int, output: int, order: int, box: int) -> None:
        try:
            process.tie_to_parent()
            os.setsid()
            self._control.close()
            os.close(channel)
            for child in set(self._children.values()):
                child.close()
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.close(output)
            os.dup2(order, 0)
            os.close(order)
            self._start(events, box)
        except BaseException:
            traceback.print_exc()  # to the batch's output: nobody else would hear of it
            sys.stderr.flush()
            raise
        finally:
            os._exit(70)

    # -------------------------------------------------------------------- end

    def _tell_end(self, child: Child) -> None:
        self._poll.unregister(child.pidfd)
        child.ended = True
        status = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert status is not None
        code = status.si_status if status.si_code == os.CLD_EXITED else -status.si_status
        with contextlib.suppress(OSError):
            child.channel.send(json.dumps({"status": code}).encode())

    def _let_go(self, child: Child) -> None:
        """Augment needs this child no longer: end it, its group, and whoever was left behind."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)  # where it died before it had a group of its own
        os.waitid(os.P_PID, child.pid, os.WEXITED)
        if not child.ended:
            self._poll.unregister(child.pidfd)
        self._poll.unregister(child.channel)
        for descriptor in (child.pidfd, child.channel.fileno()):
            del self._children[descriptor]
        self._end_orphans()
        with contextlib.suppress(OSError):
            child.channel.send(b'{"gone": true}')
        child.close()

    def _end_orphans(self) -> None:
        """What a child started and left behind became a child of this process, which is a subreaper."""
        until = time.monotonic() + _ORPHANS_S
        wanted = {child.pid for child in self._children.values()}
        while time.monotonic() < until:
            orphans = [pid for pid in _own_children() if pid not in wanted]
            if not orphans:
                return
            for pid in orphans:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            time.sleep(0.001)


def _own_children() -> list[int]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:  # noqa: PTH123
        return [int(text) for text in file.read().split()]


def receive(control: socket.socket) -> tuple[bytes, list[int]]:
    """One message with its descriptors; an empty one at the end."""
    found = array.array("i")
    message, ancillary, _, _ = control.recvmsg(4096, socket.CMSG_LEN(_DESCRIPTORS * found.itemsize))
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    for descriptor in found:
        os.set_inheritable(descriptor, False)
    return message, list(found)


def _why_unsafe() -> str:
    """Why this process must not fork, or "" where it may.

    Libraries such as OpenBLAS end their threads when the process forks and start them again; so a trial fork is made
    before threads are counted.
    """
    if not hasattr(os, "pidfd_open"):
        return "this Python cannot watch a child by descriptor"
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as error:
        if error.errno == errno.ENOSYS:
            return "this kernel cannot watch a child by descriptor"
        raise
    if not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):  # noqa: PTH110
        return "this kernel does not tell a process its children"
    if _trial_fork() != 0:
        return "a forked child did not live"
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208
    return "" if threads == 1 else f"{threads} threads run after the imports"


def _trial_fork() -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def _freeze() -> None:
    """Keep the collector from touching, and so copying, what children share with this process."""
    gc.collect()
    gc.freeze()


def _loaded_files() -> list[list[Any]]:
    """File and modification time (ns) of every module that is loaded: when one changes this process is stale."""
    found = []
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if path:
            with contextlib.suppress(OSError):
                found.append([path, os.stat(path).st_mtime_ns])  # noqa: PTH116
    return found
