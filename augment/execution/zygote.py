"""Augment's side of a warm process: starting it, asking it for children, ending it."""

from __future__ import annotations

import array
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from augment.execution.blackbox import BlackBox
from augment.execution.environment import make_scratch, runner_environment
from augment.execution.fresh import MAIN
from augment.execution.source import RunnerKind
from augment.execution.staleness import FileTime, any_changed
from augment.execution.tables import keep_tables, known_tables
from augment.execution.tree import ProcessTree

_READY_S = 60.0
_FORK_S = 10.0
_GONE_S = 10.0


class ZygoteLostError(OSError):
    """The warm process is gone or does not answer."""


class UnsafeForkError(Exception):
    """The warm process must not fork; the text says why."""


class Zygote:
    """A warm process, with ``modules`` imported ahead (after a trial unless they are ``vetted``).

    It lives until :meth:`retire` was called and the last of its children was let go.
    """

    def __init__(self, kind: RunnerKind, modules: Sequence[str] = (), *, vetted: bool = True) -> None:
        self.kind = kind
        self.modules = tuple(modules)
        self.used = time.monotonic()
        self.refused: Mapping[str, str] = {}
        self._began_ns = time.time_ns()
        self._files: Sequence[FileTime] = ()
        self._changed_early = False
        self.scratch = make_scratch(None, kind)
        self._lock = threading.Lock()
        self._children = 0
        self._retired = False
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._process = self._start(theirs, vetted)
        except OSError:
            self._control.close()
            shutil.rmtree(self.scratch, ignore_errors=True)
            raise
        finally:
            theirs.close()

    def _start(self, theirs: socket.socket, vetted: bool) -> subprocess.Popen[bytes]:
        kind = self.kind
        command = [kind.interpreter, str(MAIN), "zygote", str(theirs.fileno()), kind.overlay]
        if self.kind.confinement is not None:
            command = self.kind.confinement.command(command, self.kind, self.scratch)
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            env=runner_environment(self.kind, self.scratch),
            cwd=self.scratch,
            start_new_session=True,
        )
        assert process.stdin is not None
        with suppress(BrokenPipeError), process.stdin as pipe:
            wanted = {
                "root": kind.root,
                "modules": self.modules,
                "vetted": vetted,
                # What nobody has read is often a property; the user's own tests meet Hypothesis as they would anywhere.
                "hypothesis": not kind.trusted,
                "tables": {} if kind.trusted else known_tables(kind.interpreter, kind.overlay),
            }
            pipe.write(json.dumps(wanted).encode() + b"\n")
        return process

    def await_ready(self) -> None:
        """Wait until it can fork. Raises UnsafeForkError or ZygoteLostError."""
        self._control.settimeout(_READY_S)
        message, descriptor = _receive(self._control)
        told = json.loads(message or b"{}")
        if descriptor >= 0:
            with os.fdopen(descriptor, "rb") as file:
                file.seek(0)
                told = json.load(file)
        if "unusable" in told:
            raise UnsafeForkError(told["unusable"])
        if "unsafe" not in told:
            raise ZygoteLostError("the warm process ended before it was ready")
        if told["unsafe"]:
            raise UnsafeForkError(told["unsafe"])
        keep_tables(self.kind.interpreter, self.kind.overlay, told["tables"])
        self.refused, self._files = told["refused"], told["files"]
        self._changed_early = any(int(time_ns) > self._began_ns for _, time_ns in self._files)

    def stale(self) -> bool:
        """Whether a file that it has loaded is another by now, or may have been while it was loaded."""
        return self._changed_early or any_changed(self._files)

    def fork(self) -> ForkedRunner:
        """A child for one batch. Raises ZygoteLostError."""
        with self._lock:
            if self._retired:
                raise ZygoteLostError("the warm process was let go")
            self._children += 1
        self.used = time.monotonic()
        try:
            return ForkedRunner(self)
        except OSError as error:
            self.child_gone()
            raise ZygoteLostError(str(error)) from error

    def request(self, descriptors: list[int]) -> None:
        """Ask for a child that is given these descriptors."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        self._control.sendmsg([b"fork"], rights)

    def alive(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.poll() is None

    def resident_bytes(self) -> int:
        """Resident memory of the process itself, in bytes."""
        return ProcessTree(self._process.pid).resident_bytes()

    def child_gone(self) -> None:
        """A child was let go."""
        with self._lock:
            self._children -= 1
            over = self._retired and not self._children
        self.used = time.monotonic()
        if over:
            self._end()

    def retire(self) -> None:
        """Fork no more; end when the last child is gone. Idempotent."""
        with self._lock:
            over = not self._retired and not self._children
            self._retired = True
        if over:
            self._end()

    def _end(self) -> None:
        self._control.close()
        ProcessTree(self._process.pid).kill()
        self._process.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)


class ForkedRunner:
    """A child of a warm process, made for one batch."""

    def __init__(self, zygote: Zygote) -> None:
        self._zygote = zygote
        self.kind = zygote.kind
        self.scratch = make_scratch(zygote.scratch, self.kind)
        self.environment: Mapping[str, str] = runner_environment(self.kind, self.scratch)
        self.lost = False
        self._status: int | None = None
        self._pidfd = -1
        self._black_box = BlackBox()
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.events, event_end = os.pipe()
        self.output, output_end = os.pipe()
        order_end, self._order = os.pipe()
        handed = [theirs.fileno(), event_end, output_end, order_end, self._black_box.descriptor]
        try:
            zygote.request(handed)
        except OSError:
            self._release()
            raise
        finally:
            theirs.close()
            for descriptor in (event_end, output_end, order_end):
                os.close(descriptor)
        self.tree = ProcessTree(self._meet())

    def _meet(self) -> int:
        """Take the child's descriptor, and from it the process id it has here, whatever it has in its namespace."""
        self._channel.settimeout(_FORK_S)
        try:
            _, self._pidfd = _receive(self._channel)
        except OSError:
            self._release()
            raise
        if self._pidfd < 0:
            self._release()
            raise ZygoteLostError("the warm process did not fork")
        return _pid_of(self._pidfd)

    @property
    def exit_descriptor(self) -> int | None:
        """Becomes readable when the process has ended."""
        return self._pidfd

    def order(self, line: bytes) -> None:
        """Hand over the batch. A runner that has died meanwhile shows as the end of its events."""
        with suppress(BrokenPipeError), os.fdopen(self._order, "wb") as pipe:
            self._order = -1
            pipe.write(line + b"\n")

    def alive(self) -> bool:
        """Whether the process has not ended yet."""
        return not select.select([self._pidfd], [], [], 0)[0]

    def wait(self, timeout_s: float) -> int | None:
        """The exit status (negative: the signal that ended it), or None when it is not known."""
        if self._status is None and not self.lost:
            self._channel.settimeout(timeout_s)
            try:
                self._status = _message(self._channel).get("status")
                self.lost = self._status is None
            except TimeoutError:
                return None
        return self._status

    def signal(self, number: int) -> None:
        """Send a signal to the runner itself."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    def black_box(self) -> bytes:
        """What the runner noted last."""
        return self._black_box.read()

    def end(self) -> None:
        """Have the warm process kill the runner, its group and everything it left behind; remove temporary files."""
        if not self._told_gone():
            self.tree.kill()
        os.close(self._pidfd)
        self._release()
        self._zygote.child_gone()

    def _told_gone(self) -> bool:
        self._channel.settimeout(_GONE_S)
        try:
            self._channel.shutdown(socket.SHUT_WR)
            while True:
                told = _message(self._channel)
                if "gone" in told or not told:
                    return "gone" in told
        except OSError:
            return False

    def _release(self) -> None:
        for descriptor in (self.events, self.output, self._order):
            with suppress(OSError):
                os.close(descriptor)
        self._channel.close()
        self._black_box.close()
        shutil.rmtree(self.scratch, ignore_errors=True)


def _message(channel: socket.socket) -> dict[str, Any]:
    """The next message, empty at the end. Raises TimeoutError."""
    try:
        told = json.loads(channel.recv(1 << 20) or b"{}")
    except ConnectionResetError:
        return {}
    return told if isinstance(told, dict) else {}


def _receive(channel: socket.socket) -> tuple[bytes, int]:
    """The next message with its descriptor (-1: none)."""
    size = array.array("i", [0]).itemsize
    message, ancillary, _, _ = channel.recvmsg(1 << 16, socket.CMSG_LEN(size))
    if not ancillary:
        return message, -1
    descriptor = array.array("i", ancillary[0][2][:size])[0]
    os.set_inheritable(descriptor, False)
    return message, descriptor


def _pid_of(pidfd: int) -> int:
    text = Path(f"/proc/self/fdinfo/{pidfd}").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pid:"))
