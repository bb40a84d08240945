"""A seccomp filter built by hand: which system calls fail in a confined process, and with which errno.

The filter refuses what reaches other processes, other namespaces or rarely used parts of the kernel; what it does not
name is allowed. A refused call fails with an errno as if the kernel had no right to give, so that test code sees an
ordinary ``OSError``. A call under a foreign calling convention (32 bit on a 64-bit kernel) ends the process.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from functools import lru_cache
from typing import Any, NamedTuple

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
_EQUAL, _GREATER_EQUAL, _ANY_BIT = 0x15, 0x35, 0x45  # BPF_JMP | BPF_JEQ, BPF_JGE, BPF_JSET, each | BPF_K
_RETURN = 0x06

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_KILL_PROCESS = 0x80000000

_NUMBER_AT, _ARCH_AT = 0, 4
_X32_BIT = 0x40000000
_NEWEST_KNOWN = 469
"""file_setattr of Linux 6.17. What came later is unknown here and fails with ENOSYS, which programs are ready for."""

PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_SET_MODE_FILTER = 1

_NAMESPACE_FLAGS = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_SET_ID_BITS = 0o6000
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C

Instruction = tuple[int, int, int, int]
"""Code, instructions to skip if true and if false, constant."""


class Machine(NamedTuple):
    """What the filter must know of a processor: its audit number, whether x32 calls exist, and where calls are."""

    audit: int
    x32: bool
    numbers: dict[str, int]


_COMMON = {
    "clone3": 435,
    "fchmodat2": 452,
    "file_setattr": 469,
    "fsconfig": 431,
    "fsmount": 432,
    "fsopen": 430,
    "fspick": 433,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "io_uring_setup": 425,
    "mount_setattr": 442,
    "move_mount": 429,
    "open_tree": 428,
    "open_tree_attr": 467,
    "pidfd_getfd": 438,
    "pidfd_send_signal": 424,
    "process_madvise": 440,
    "process_mrelease": 448,
    "quotactl_fd": 443,
    "removexattrat": 466,
    "setxattrat": 463,
}

# fmt: off
_X86_64 = {
    **_COMMON,
    "acct": 163, "add_key": 248, "adjtimex": 159, "bpf": 321, "chmod": 90, "chown": 92, "chroot": 161,
    "clock_adjtime": 305, "clock_settime": 227, "clone": 56, "delete_module": 176, "fanotify_init": 300,
    "fchmod": 91, "fchmodat": 268, "fchownat": 260, "finit_module": 313, "futimesat": 261, "init_module": 175,
    "io_setup": 206, "ioctl": 16, "ioperm": 173, "iopl": 172, "kcmp": 312, "kexec_file_load": 320, "kexec_load": 246,
    "keyctl": 250, "kill": 62, "lchown": 94, "lookup_dcookie": 212, "lremovexattr": 198, "lsetxattr": 189,
    "migrate_pages": 256, "mknod": 133, "mknodat": 259, "modify_ldt": 154, "mount": 165, "move_pages": 279,
    "mq_open": 240, "mq_unlink": 241, "msgctl": 71, "msgget": 68, "msgrcv": 70, "msgsnd": 69,
    "name_to_handle_at": 303, "nfsservctl": 180, "open_by_handle_at": 304, "perf_event_open": 298,
    "personality": 135, "pivot_root": 155, "process_vm_readv": 310, "process_vm_writev": 311, "ptrace": 101,
    "quotactl": 179, "reboot": 169, "removexattr": 197, "request_key": 249, "rt_sigqueueinfo": 129,
    "rt_tgsigqueueinfo": 297, "semctl": 66, "semget": 64, "semop": 65, "semtimedop": 220, "setdomainname": 171,
    "sethostname": 170, "setns": 308, "settimeofday": 164, "setxattr": 188, "shmat": 30, "shmctl": 31, "shmget": 29,
    "socket": 41, "swapoff": 168, "swapon": 167, "syslog": 103, "tgkill": 234, "tkill": 200, "truncate": 76,
    "umount2": 166, "unshare": 272, "userfaultfd": 323, "utime": 132, "utimensat": 280, "utimes": 235, "vhangup": 153,
}
_AARCH64 = {
    **_COMMON,
    "acct": 89, "add_key": 217, "adjtimex": 171, "bpf": 280, "chroot": 51, "clock_adjtime": 266,
    "clock_settime": 112, "clone": 220, "delete_module": 106, "fanotify_init": 262, "fchmod": 52, "fchmodat": 53,
    "fchownat": 54, "finit_module": 273, "init_module": 105, "io_setup": 0, "ioctl": 29, "kcmp": 272,
    "kexec_file_load": 294, "kexec_load": 104, "keyctl": 219, "kill": 129, "lookup_dcookie": 18, "lremovexattr": 15,
    "lsetxattr": 6, "migrate_pages": 238, "mknodat": 33, "mount": 40, "move_pages": 239, "mq_open": 180,
    "mq_unlink": 181, "msgctl": 187, "msgget": 186, "msgrcv": 188, "msgsnd": 189, "name_to_handle_at": 264,
    "nfsservctl": 42, "open_by_handle_at": 265, "perf_event_open": 241, "personality": 92, "pivot_root": 41,
    "process_vm_readv": 270, "process_vm_writev": 271, "ptrace": 117, "quotactl": 60, "reboot": 142,
    "removexattr": 14, "request_key": 218, "rt_sigqueueinfo": 138, "rt_tgsigqueueinfo": 240, "semctl": 191,
    "semget": 190, "semop": 193, "semtimedop": 192, "setdomainname": 162, "sethostname": 161, "setns": 268,
    "settimeofday": 170, "setxattr": 5, "shmat": 196, "shmctl": 195, "shmget": 194, "socket": 198, "swapoff": 225,
    "swapon": 224, "syslog": 116, "tgkill": 131, "tkill": 130, "truncate": 45, "umount2": 39, "unshare": 97,
    "userfaultfd": 282, "utimensat": 88, "vhangup": 58,
}
# fmt: on

MACHINES = {
    "x86_64": Machine(0xC000003E, True, _X86_64),
    "aarch64": Machine(0xC00000B7, False, _AARCH64),
}

# fmt: off
_ALWAYS = (
    # other processes
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "kcmp", "pidfd_getfd",
    # namespaces and mounts
    "unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "fsopen", "fsconfig", "fsmount", "fspick",
    "open_tree", "open_tree_attr", "move_mount", "mount_setattr", "open_by_handle_at", "name_to_handle_at",
    "file_setattr",
    # keys, and parts of the kernel that tests do not need and attackers like
    "keyctl", "add_key", "request_key", "io_uring_setup", "io_uring_enter", "io_uring_register", "io_setup", "bpf",
    "perf_event_open", "userfaultfd", "fanotify_init",
    # the machine itself
    "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff",
    "acct", "quotactl", "quotactl_fd", "sethostname", "setdomainname", "settimeofday", "clock_settime", "adjtimex",
    "clock_adjtime", "syslog", "iopl", "ioperm", "modify_ldt", "vhangup", "nfsservctl", "lookup_dcookie",
    "migrate_pages", "move_pages",
)
_MESSAGES = (
    "shmget", "shmat", "shmctl", "semget", "semop", "semctl", "semtimedop", "msgget", "msgsnd", "msgrcv", "msgctl",
    "mq_open", "mq_unlink",
)
_BY_PATH = (
    "chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "utime", "utimes", "futimesat", "setxattr",
    "lsetxattr", "setxattrat", "removexattr", "lremovexattr", "removexattrat",
)
# fmt: on
"""Changes that Landlock does not rule on. By descriptor they stay allowed: opening the file was ruled on."""


class FilterRules(NamedTuple):
    """What else the filter refuses, for want of namespaces.

    ``network``: sockets of AF_INET and AF_INET6 may be made (only where the network namespace is the process's own).
    ``unix``: sockets of AF_UNIX may be made; pairs always may. ``ipc``: System V and POSIX message queues may be used.
    ``change_paths``: modes, owners, times and attributes may be changed by path. ``truncate_paths``: by path too.
    ``signal_others``: signals to other processes are held back by something else than this filter.
    """

    network: bool
    unix: bool
    ipc: bool
    change_paths: bool
    truncate_paths: bool
    signal_others: bool


@lru_cache(maxsize=4)
def build(name: str, rules: FilterRules, pid: int = 0) -> bytes:
    """The filter for the machine of that name, as an array of ``struct sock_filter``.

    ``pid`` is the process that will install it; it matters where ``rules.signal_others`` is False.
    """
    machine = MACHINES[name]
    program = [
        (_LOAD, 0, 0, _ARCH_AT),
        (_EQUAL, 1, 0, machine.audit),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]  # type: list[Instruction]
    if machine.x32:
        program += [(_GREATER_EQUAL, 0, 1, _X32_BIT), (_RETURN, 0, 0, _KILL_PROCESS)]
    program += [(_GREATER_EQUAL, 0, 1, _NEWEST_KNOWN + 1), _fail(errno.ENOSYS)]
    for call, block in _blocks(rules, pid):
        number = machine.numbers.get(call)
        if number is not None:
            program += [(_EQUAL, 0, len(block), number), *block]
    program.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


def _blocks(rules: FilterRules, pid: int) -> list[tuple[str, list[Instruction]]]:
    """For each call by name, what is done about it; every block ends in a return."""
    refused = list(_ALWAYS)
    if not rules.ipc:
        refused += _MESSAGES
    if not rules.change_paths:
        refused += _BY_PATH
    if not rules.truncate_paths:
        refused.append("truncate")
    blocks = [(name, [_fail(errno.EPERM)]) for name in refused]
    # glibc falls back to clone where clone3 is unknown; its flags lie in memory, which a filter cannot read.
    blocks += [
        ("clone3", [_fail(errno.ENOSYS)]),
        ("clone", [*_argument(0), (_ANY_BIT, 0, 1, _NAMESPACE_FLAGS), _fail(errno.EPERM), _allow()]),
        ("socket", _socket_block(rules)),
        ("ioctl", [*_argument(1), *_refuse_values(errno.EPERM, (_TIOCSTI, _TIOCLINUX)), _allow()]),
        ("personality", [*_argument(0), *_allow_values((0, 0xFFFFFFFF)), _fail(errno.EPERM)]),
    ]
    for name, position in (("mknod", 1), ("mknodat", 2)):
        devices = _refuse_values(errno.EPERM, (0o020000, 0o060000))
        blocks.append((name, [*_argument(position), (_AND, 0, 0, 0o170000), *devices, _allow()]))
    modes = {"chmod": 1, "fchmod": 1, "fchmodat": 2, "fchmodat2": 2}
    for name, position in modes.items():
        if name not in refused:
            check = [(_ANY_BIT, 0, 1, _SET_ID_BITS), _fail(errno.EPERM), _allow()]
            blocks.append((name, [*_argument(position), *check]))
    if not rules.change_paths:
        # Without a path it changes the times of an open file.
        low, high = _argument(1), [(_LOAD, 0, 0, 16 + 8 + 4)]
        named = [*low, (_EQUAL, 0, 3, 0), *high, (_EQUAL, 0, 1, 0), _allow(), _fail(errno.EPERM)]
        blocks.append(("utimensat", named))
    if not rules.signal_others:
        blocks += [(name, _own_process_block(pid, name)) for name in ("kill", "tgkill", "rt_sigqueueinfo")]
        blocks += [(name, [_fail(errno.EPERM)]) for name in ("tkill", "rt_tgsigqueueinfo", "pidfd_send_signal")]
    return blocks


def _socket_block(rules: FilterRules) -> list[Instruction]:
    families = [int(socket.AF_UNIX)] if rules.unix else []
    families += [int(socket.AF_INET), int(socket.AF_INET6)] if rules.network else []
    return [*_argument(0), *_allow_values(families), _fail(errno.EAFNOSUPPORT)]


def _own_process_block(pid: int, name: str) -> list[Instruction]:
    # kill(0) reaches the caller's own process group, which holds nothing but the batch.
    return [*_argument(0), *_allow_values((pid, 0) if name == "kill" else (pid,)), _fail(errno.EPERM)]


def _argument(position: int) -> list[Instruction]:
    """Load the low half of an argument; both processors are little-endian, and the kernel reads ints from it."""
    return [(_LOAD, 0, 0, 16 + 8 * position)]


def _fail(number: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | number)


def _allow() -> Instruction:
    return (_RETURN, 0, 0, _ALLOW)


def _refuse_values(number: int, values: Any) -> list[Instruction]:
    return [step for value in values for step in ((_EQUAL, 0, 1, value), _fail(number))]


def _allow_values(values: Any) -> list[Instruction]:
    return [step for value in values for step in ((_EQUAL, 0, 1, value), _allow())]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def install(libc: Any, name: str, rules: FilterRules) -> None:
    """Confine every thread of this process, and all it starts, for good. Raises OSError where the kernel refuses.

    The process must not be able to gain rights any more (``PR_SET_NO_NEW_PRIVS``).
    """
    code = build(name, rules, 0 if rules.signal_others else os.getpid())
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    number = 317 if MACHINES[name].x32 else 277  # seccomp(2)
    if libc.syscall(number, _SECCOMP_SET_MODE_FILTER, 0, ctypes.byref(program)) != 0:
        raise OSError(ctypes.get_errno(), "the kernel refuses the seccomp filter")
