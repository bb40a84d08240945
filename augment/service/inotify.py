"""What the Linux kernel tells of a tree: which files were closed after writing, moved, linked or deleted.

Spoken to directly, because a general library reports every event of every folder through three threads and a queue of
its own: a branch switch of 10,000 files cost it two seconds of this process, and an event that overflowed was not told.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import stat
import struct
from collections.abc import Callable
from pathlib import Path

from augment.service.changes import Changes

_CLOSE_WRITE, _MOVED_FROM, _MOVED_TO = 0x8, 0x40, 0x80
_CREATE, _DELETE = 0x100, 0x200
_UNMOUNT, _OVERFLOW, _IGNORED, _IS_FOLDER = 0x2000, 0x4000, 0x8000, 0x40000000
_ONLY_FOLDERS, _DONT_FOLLOW, _NOT_UNLINKED = 0x1000000, 0x2000000, 0x4000000
_WANTED = _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE
_MASK = _WANTED | _ONLY_FOLDERS | _DONT_FOLLOW | _NOT_UNLINKED
_HEADER = struct.Struct("iIII")
_READ_BYTES = 1 << 18


class InotifyChanges:
    """The changes below ``root``, in folders that ``is_wanted`` (by name) does not leave out.

    Used from one thread, but for :meth:`wake`. Raises OSError where the kernel has no watches to spare.
    """

    def __init__(self, root: Path, is_wanted: Callable[[str], bool]) -> None:
        self._root = os.fspath(root)
        self._is_wanted = is_wanted
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._checked(self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))
        self._woken, self._waker = os.pipe()
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self._poll.register(self._woken, select.POLLIN)
        self._folders: dict[int, str] = {}
        try:
            self._watch("")
        except OSError:
            self.close()
            raise

    def wait(self, timeout_s: float) -> Changes:
        """See :class:`ChangeSource`, as for all methods here."""
        changes = Changes()
        ready = {descriptor for descriptor, _ in self._poll.poll(timeout_s * 1000)}
        if self._woken in ready:
            os.read(self._woken, 64)
        while self._fd in ready:
            try:
                data = os.read(self._fd, _READ_BYTES)
            except BlockingIOError:
                break
            self._take(data, changes)
        return changes

    def wake(self) -> None:
        """End the wait that is under way, or the next one. From any thread."""
        os.write(self._waker, b"x")

    def close(self) -> None:
        """Let go of the kernel's watches."""
        for descriptor in (self._fd, self._woken, self._waker):
            os.close(descriptor)

    # ---------------------------------------------------------------- watches

    def _watch(self, folder: str) -> None:
        """Watch ``folder`` and all below it. A folder that is gone again is left out: its own event follows."""
        pending = [folder]
        while pending:
            path = pending.pop()
            if not self._add(path):
                continue
            with os.scandir(f"{self._root}/{path}") as entries:
                inside = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
            if path and "pyvenv.cfg" in inside:  # a virtual environment has thousands of folders and no tests
                self._forget(path)
                continue
            pending += [_below(path, name) for name, is_folder in inside.items() if is_folder and self._is_wanted(name)]

    def _add(self, folder: str) -> bool:
        where = os.fsencode(f"{self._root}/{folder}")
        try:
            self._folders[self._checked(self._libc.inotify_add_watch(self._fd, where, _MASK))] = folder
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
                return False
            raise
        return os.access(where, os.R_OK)

    def _forget(self, folder: str) -> None:
        """No longer watch a folder and what is below it: moved away, it would be told of by its old name."""
        for number, path in list(self._folders.items()):
            if path == folder or path.startswith(f"{folder}/"):
                self._libc.inotify_rm_watch(self._fd, number)
                del self._folders[number]

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result

    # ----------------------------------------------------------------- events

    def _take(self, data: bytes, changes: Changes) -> None:
        at = 0
        while at < len(data):
            number, mask, _, length = _HEADER.unpack_from(data, at)
            name = data[at + _HEADER.size : at + _HEADER.size + length].rstrip(b"\0")
            at += _HEADER.size + length
            folder = self._folders.get(number)
            if mask & (_OVERFLOW | _UNMOUNT):
                changes.everything = True
                self._watch("")  # what was made meanwhile was not told
            elif mask & _IGNORED:
                self._folders.pop(number, None)
            elif folder is not None:
                self._note(_below(folder, os.fsdecode(name)), mask, changes)

    def _note(self, path: str, mask: int, changes: Changes) -> None:
        if mask & _IS_FOLDER:
            if not self._is_wanted(path.rpartition("/")[2]):
                return
            changes.everything = True
            if mask & _MOVED_FROM:
                self._forget(path)
            elif mask & (_CREATE | _MOVED_TO):
                self._watch(path)
        elif not mask & _CREATE or self._is_whole(path):
            changes.paths.add(path)

    def _is_whole(self, path: str) -> bool:
        """Whether a file that was just made is all there: a link is, anything else will be closed after writing."""
        try:
            info = Path(self._root, path).lstat()
        except OSError:
            return False
        return stat.S_ISLNK(info.st_mode) or info.st_nlink > 1


def _below(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
