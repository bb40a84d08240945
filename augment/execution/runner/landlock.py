# Paths stay plain strings here: they are handed to the kernel as they are.
# ruff: noqa: PTH116
"""Landlock by raw system calls: which files a process, and all that it starts, may still reach.

Rights of newer kernels are asked for where they exist and left out where they do not; what the kernel cannot hold back
has to be held back by something else (see ``confine.py``).
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from typing import Any

_CREATE, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_RULE_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_BLOCK = 1 << 6, 1 << 11
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_FIRST_ABI = (1 << 13) - 1
_SINCE = {2: _REFER, 3: _TRUNCATE, 5: _IOCTL_DEV}
_FOR_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV

READ = _EXECUTE | _READ_FILE | _READ_DIR
WRITE = (_FIRST_ABI | _REFER | _TRUNCATE | _IOCTL_DEV) & ~(_MAKE_CHAR | _MAKE_BLOCK)

_NET_ALL = 0b11  # bind and connect TCP
_SCOPE_ALL = 0b11  # abstract sockets and signals

SIGNALS_SINCE = 6
"""The version from which signals to processes outside are held back."""
TRUNCATE_SINCE = 3
"""The version from which truncating a file by its path is held back."""


def version(libc: Any) -> int:
    """The version of the kernel's Landlock, 0 without it. Nothing is created by asking."""
    return max(0, int(libc.syscall(_CREATE, None, 0, _ASK_VERSION)))


def restrict(libc: Any, abi: int, grants: Iterable[tuple[str, int]], *, network: bool) -> None:
    """Give up every access to files but ``grants`` (path, rights), for good. Paths that do not exist are left out.

    ``network`` False refuses TCP too. Signals and abstract sockets to processes outside are refused from version 6 on.
    The process must not be able to gain rights any more. Raises OSError where the kernel refuses.
    """
    handled = _FIRST_ABI
    for since, right in _SINCE.items():
        handled |= right if abi >= since else 0
    attributes = struct.pack("Q", handled)
    if abi >= 4:
        attributes += struct.pack("Q", 0 if network else _NET_ALL)
    if abi >= SIGNALS_SINCE:
        attributes += struct.pack("Q", _SCOPE_ALL)
    rules = _checked(libc.syscall(_CREATE, attributes, len(attributes), 0))
    try:
        for path, rights in grants:
            _grant(libc, rules, path, rights & handled)
        _checked(libc.syscall(_RESTRICT_SELF, rules, 0))
    finally:
        os.close(rules)


def _grant(libc: Any, rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not on this machine: nothing to grant
    try:
        if not stat.S_ISDIR(os.stat(place).st_mode):
            rights &= _FOR_FILES
        _checked(libc.syscall(_ADD_RULE, rules, _RULE_PATH_BENEATH, struct.pack("=Qi", rights, place), 0))
    finally:
        os.close(place)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "the kernel refuses a Landlock rule")
    return result
