# Paths stay plain strings here: they are arguments of bubblewrap and Landlock, compared as they are.
# ruff: noqa: PTH110, PTH114, PTH115, PTH117, PTH118, PTH120
"""What a confined process must be able to read: the interpreter with its packages, and little of the system."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from augment.execution.interpreter import InterpreterInfo

_RUNNER = Path(__file__).parents[1] / "runner"
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store")
ETC = (
    "alternatives",
    "ca-certificates.conf",
    "fonts",
    "host.conf",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "pki/tls/certs",
    "protocols",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
    "timezone",
)
"""Files and folders of /etc that libraries read; none tells of users, keys or hosts."""


@dataclass(frozen=True, slots=True)
class Place:
    """Paths for one interpreter and project. ``links`` are symbolic links on the way to the interpreter (path, target).

    ``copies`` is the folder of the private copies, "" where there are none.
    """

    reads: tuple[str, ...]
    links: tuple[tuple[str, str], ...] = ()
    copies: str = ""
    copies_inode: int = 0
    """Of which folder the copies are shown: when it is made anew, a process that shows the old one is of no use."""

    @classmethod
    def of(cls, info: InterpreterInfo, overlay: str, copies: str = "", root: str = "") -> Place:
        """For an interpreter. Where its path leads into the project at ``root`` the private copy takes the place."""
        wanted = [info.prefix, info.base_prefix, overlay, str(_RUNNER), *_libraries()]
        wanted += [entry for entry in info.sys_path if not is_inside(entry, [root])]
        links, program = _links(info.path)
        wanted.append(str(Path(program).parent.parent if Path(program).parent.name == "bin" else Path(program)))
        reads = _outermost(path for path in wanted if path and os.path.isabs(path) and not _too_much(path))
        return cls(tuple(reads), tuple(link for link in links if not is_inside(link[0], [*reads, *SYSTEM])), copies)

    def also(self, path: str) -> Place:
        """With one more folder to read."""
        return replace(self, reads=tuple(_outermost([*self.reads, path])))

    @classmethod
    def of_this_interpreter(cls) -> Place:
        """For the interpreter that runs Augment."""
        info = InterpreterInfo(
            path=sys.executable,
            version=sys.version_info[:3],
            implementation=sys.implementation.name,
            tools={},
            prefix=sys.prefix,
            site="",
            base_prefix=sys.base_prefix,
        )
        return cls.of(info, "")


def _libraries() -> list[str]:
    return [entry for entry in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if entry]


def _links(path: str) -> tuple[list[tuple[str, str]], str]:
    """The links from ``path`` to the program itself, and the program. Linked folders on the way are not followed up."""
    links: list[tuple[str, str]] = []
    seen: set[str] = set()
    while os.path.islink(path) and path not in seen:
        seen.add(path)
        target = os.readlink(path)
        links.append((path, target))
        path = os.path.normpath(os.path.join(os.path.dirname(path), target))
    return links, os.path.realpath(path)


def _too_much(path: str) -> bool:
    """A path entry such as the home folder would open what it is all about to keep shut."""
    home = str(Path.home())
    return path == "/" or is_inside(home, [path])


def _outermost(paths: Iterable[str]) -> list[str]:
    """Those that exist and lie in no other, shallow ones first."""
    kept: list[str] = []
    for path in sorted({os.path.normpath(path) for path in paths}, key=lambda path: (path.count("/"), path)):
        if os.path.exists(path) and not is_inside(path, [*SYSTEM, *kept]):
            kept.append(path)
    return kept


def is_inside(path: str, folders: Iterable[str]) -> bool:
    """Whether ``path`` is one of the folders or lies below one."""
    return any(folder and (path == folder or path.startswith(folder.rstrip("/") + "/")) for folder in folders)
