# Paths stay plain strings here: they are compared as the error gives them.
# ruff: noqa: PTH100
"""Telling a failure of a test from what the sandbox refused it.

A refused call is an ordinary OSError in test code. It is recognised by its errno, by the text that the C library gives
(an error made by hand in Python rarely has just that text), and by its path: what a test may write is its own affair.
Not seen: a refusal that the code caught and made something else of, and one in another process than the test's.
"""

from __future__ import annotations

import dis
import errno
import os
import socket
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

_NETWORK = {errno.EAFNOSUPPORT, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN}
_RIGHTS = {errno.EPERM, errno.EACCES}
_FULL = {errno.ENOSPC, errno.EDQUOT}
_DEPTH = 20


class Refusal(NamedTuple):
    """What was refused.

    ``kind`` is *denied*, *full*, *too big*, *memory*, *processes* or *absent*. ``detail`` is for a person; of what is
    *absent* it is the path, so that Augment can look whether there is such a file outside.
    """

    kind: str
    detail: str = ""


def refusal(error: BaseException, writable: Sequence[str] | None) -> Refusal | None:
    """What kept a test from going on, where that was a limit or the sandbox, else None.

    ``writable`` are the folders that the sandbox leaves to the test, None without a sandbox.
    """
    for cause in _causes(error):
        found = _of_system_error(cause, writable) if isinstance(cause, OSError) else None
        if found is None and _no_memory(cause):
            found = Refusal("memory", "the test asked for memory that there is not")
        if found is None and writable is not None and _no_more_processes(cause):
            found = Refusal("processes", "the test started more processes or threads than a batch may have")
        if found is not None:
            return found
    return None


def _no_memory(error: BaseException) -> bool:
    """Whether the interpreter raised it, rather than a ``raise`` in the code."""
    if type(error) is not MemoryError or error.args or error.__traceback__ is None:
        return False
    last = error.__traceback__
    while last.tb_next is not None:
        last = last.tb_next
    return dis.opname[last.tb_frame.f_code.co_code[last.tb_lasti]] != "RAISE_VARARGS"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    waiting: list[Any] = [error]
    for _ in range(_DEPTH):
        if not waiting:
            return
        current = waiting.pop(0)
        if not isinstance(current, BaseException):
            continue
        yield current
        waiting += [current.__cause__, None if current.__suppress_context__ else current.__context__]
        waiting += getattr(current, "exceptions", ()) or ()


def _of_system_error(error: OSError, writable: Sequence[str] | None) -> Refusal | None:
    if error.errno == errno.EFBIG:
        return Refusal("too big")
    if writable is None:
        return None
    if isinstance(error, socket.gaierror):
        return Refusal("denied", f"name resolution ({error.strerror})")
    if error.errno is None or error.strerror != os.strerror(error.errno):
        return None
    return _by_number(error.errno, error, writable)


def _by_number(number: int, error: OSError, writable: Sequence[str]) -> Refusal | None:
    path = _path(error)
    if number in _NETWORK:
        return Refusal("denied", f"the network ({error.strerror})")
    if number in _FULL:
        return Refusal("full", path or "")
    if number == errno.EROFS:
        return Refusal("denied", f"writing {path or 'a read-only file system'}")
    if number in _RIGHTS and not (path and _inside(path, writable)):
        return Refusal("denied", f"access to {path} ({error.strerror})" if path else f"a call ({error})")
    if number == errno.ENOENT and path and not _inside(path, writable[:1]):
        return Refusal("absent", path)
    return None


def _path(error: OSError) -> str | None:
    try:
        return os.path.abspath(os.fsdecode(error.filename))
    except (TypeError, ValueError):
        return None


def _inside(path: str, folders: Sequence[str]) -> bool:
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)


def _no_more_processes(error: BaseException) -> bool:
    if isinstance(error, BlockingIOError):  # fork; a pipe or socket that is not ready names itself or has other text
        return error.errno == errno.EAGAIN and error.filename is None and _raised_by(error, "fork")
    return isinstance(error, RuntimeError) and str(error) == "can't start new thread"


def _raised_by(error: BaseException, word: str) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and any(word in name for name in trace.tb_frame.f_code.co_names)
