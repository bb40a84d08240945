"""What hostile code would try. Each is the body of a test that passes when the attack succeeds.

``W`` holds what there is to attack: paths outside, ports, process ids (see ``driver.py``). ``baseline`` says for whom
it must succeed without a sandbox: everybody, root only, or nobody (it would do harm, needs what many machines lack, or
is held back by the executor in any case).
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

EVERYBODY, ROOT, NOBODY = "everybody", "root", "nobody"


@dataclass(frozen=True)
class Attack:
    """One attack."""

    name: str
    body: str
    baseline: str = EVERYBODY


HEADER = """
import ctypes, fcntl, os, pathlib, pty, signal, socket, stat, subprocess, sys, tempfile, time
import pytest
libc = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"

def call(x86, arm, *arguments):
    result = libc.syscall(x86 if X86 else arm, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result

def temporary():
    return os.path.join(tempfile.mkdtemp(), "file")
"""


def _attacks() -> list[Attack]:
    return [
        # secrets
        Attack("environment", 'assert os.environ["SECURITY_CANARY"] == W["secret"]'),
        Attack(
            "environment of other processes",
            """
            found = False
            for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
                try:
                    found = found or W["secret"] in path.read_text(errors="replace")
                except OSError:
                    pass
            assert found
            """,
        ),
        Attack("ssh key", 'assert W["secret"] in open(W["home"] + "/.ssh/id_rsa").read()'),
        Attack("shadow passwords", 'assert open("/etc/shadow").read()', ROOT),
        Attack("closed file of root", 'assert open(W["closed"]).read()'),
        Attack("symbolic link out", 'link = temporary(); os.symlink(W["canary"], link); assert open(link).read()'),
        Attack("through /proc/self/root", 'assert open("/proc/self/root" + W["canary"]).read()'),
        Attack("file by handle", """
            handle, mount = ctypes.create_string_buffer(128), ctypes.c_int()
            call(303, 264, -100, b"/", handle, ctypes.byref(mount), 0)
            """, NOBODY),
        Attack("inherited descriptors", """
            names = [os.readlink(f"/proc/self/fd/{n}") for n in range(3, 400) if os.path.exists(f"/proc/self/fd/{n}")]
            assert W["canary"] in names
            """, NOBODY),
        # files outside
        Attack("write outside", 'open(W["outside"] + "/new", "w").close()'),
        Attack("overwrite outside", 'open(W["canary"], "r+").write("overwritten")'),
        Attack("truncate outside", 'os.truncate(W["canary"], 1)'),
        Attack("remove outside", 'os.unlink(W["outside"] + "/removable")'),
        Attack("chmod outside", 'os.chmod(W["canary"], 0o777)'),
        Attack("times outside", 'os.utime(W["canary"], (1, 1))'),
        Attack("attributes outside", 'os.setxattr(W["canary"], "user.evil", b"1")', NOBODY),
        Attack("hard link out", """
            link = temporary(); os.link(W["canary"], link); open(link, "a").write("more")
            """, NOBODY),
        Attack("rename out", """
            file = temporary(); open(file, "w").close(); os.rename(file, W["outside"] + "/renamed")
            """, NOBODY),
        Attack("git hook", 'open(W["root"] + "/.git/hooks/pre-commit", "w").write("evil")'),
        Attack("conftest of the project", 'open(W["root"] + "/conftest.py", "a").write("evil")'),
        Attack("conftest of the copy", 'open("conftest.py", "w").write("")'),
        Attack("bytecode of the copy", 'os.makedirs("__pycache__"); open("__pycache__/helper.pyc", "w").close()'),
        Attack("installed packages", 'open(os.path.dirname(pytest.__file__) + "/evil.py", "w").close()', NOBODY),
        Attack("shared memory of others", 'assert open(W["shared"]).read()'),
        Attack("temporary files of others", 'assert open(W["left"]).read()'),
        # network
        Attack("TCP", 'assert socket.create_connection(("127.0.0.1", W["tcp"]), 2).recv(5) == b"hello"'),
        Attack("UDP", """
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(0.5)
            s.sendto(b"x", ("127.0.0.1", W["udp"])); assert s.recv(5) == b"hello"
            """),
        Attack("DNS", 'assert socket.getaddrinfo("pypi.org", 443)', NOBODY),
        Attack("the outside world", 'socket.create_connection(("192.0.2.1", 80), 0.5)', NOBODY),
        Attack("abstract socket", """
            s = socket.socket(socket.AF_UNIX); s.connect("\\0" + W["abstract"]); assert s.recv(5) == b"hello"
            """),
        Attack("socket file", 's = socket.socket(socket.AF_UNIX); s.connect(W["unix"]); assert s.recv(5) == b"hello"'),
        Attack("every listening port", """
            for line in open("/proc/net/tcp").read().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].split(":")[1], 16) == W["tcp"]:
                    return
            raise AssertionError("not listed")
            """),
        Attack("netlink", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)"),
        Attack("raw packets", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", ROOT),
        # processes
        Attack("kill another process", 'os.kill(W["victim"], signal.SIGTERM)'),
        Attack("signal the executor", 'os.kill(W["executor"], 0)'),
        Attack("signal the parent", 'assert os.getppid(); os.kill(os.getppid(), 0)'),
        Attack("memory of another process", 'open(f"/proc/{W[\'onlooker\']}/mem", "rb").close()', ROOT),
        Attack("memory of the parent", 'assert os.getppid(); open(f"/proc/{os.getppid()}/mem", "rb").close()', ROOT),
        Attack("ptrace", 'call(101, 117, 0x4206, W["onlooker"], None, None)', ROOT),
        Attack("process_vm_readv", 'call(310, 270, W["onlooker"], None, 0, None, 0, 0)', NOBODY),
        Attack("descriptor of another process", """
            fd = os.pidfd_open(W["onlooker"]); call(438, 438, fd, 0, 0)
            """, ROOT),
        Attack("daemon", """
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.execvp("sleep", ["sleep", W["marker"]])
                os._exit(0)
            time.sleep(0.2)
            raise AssertionError("looked at from outside")
            """, NOBODY),
        # kernel
        Attack("user namespace by unshare", """
            pid = os.fork()
            if pid == 0:
                os._exit(libc.unshare(0x10000000) != 0)
            assert os.waitpid(pid, 0)[1] == 0
            """, ROOT),
        Attack("user namespace by clone", """
            pid = call(56, 220, 0x10000000 | signal.SIGCHLD, None, None, None, None)
            os._exit(0) if pid == 0 else os.waitpid(pid, 0)
            """, ROOT),
        Attack("user namespace by clone3", """
            arguments = (ctypes.c_uint64 * 8)(0x10000000, 0, 0, 0, signal.SIGCHLD)
            pid = call(435, 435, arguments, 64)
            os._exit(0) if pid == 0 else os.waitpid(pid, 0)
            """, ROOT),
        Attack("mount", 'call(165, 40, b"none", tempfile.mkdtemp().encode(), b"tmpfs", 0, None)', NOBODY),
        Attack("join a namespace", 'call(308, 268, os.open("/proc/self/ns/net", os.O_RDONLY), 0)', ROOT),
        Attack("keyring", 'call(250, 219, 0, -4, 1)', NOBODY),
        Attack("io_uring", "call(425, 425, 1, ctypes.create_string_buffer(120))", NOBODY),
        Attack("BPF", "call(321, 280, 0, ctypes.create_string_buffer(64), 64)", NOBODY),
        Attack("userfaultfd", "call(323, 282, 1)", NOBODY),
        Attack("device file", "os.mknod(temporary(), stat.S_IFCHR | 0o600, os.makedev(1, 3))", ROOT),
        Attack("terminal input", """
            primary, secondary = pty.openpty(); fcntl.ioctl(secondary, 0x5412, b"x")
            """, NOBODY),
        Attack("become root", "os.setuid(0); assert os.getuid() == 0", ROOT),
        Attack("set-uid file", 'file = temporary(); open(file, "w").close(); os.chmod(file, 0o4755)'),
        Attack("System V memory of others", "assert call(29, 194, W['key'], 16, 0) >= 0", NOBODY),
        # bombs
        Attack("fork bomb", """
            children = []
            try:
                for _ in range(150):
                    pid = os.fork()
                    if pid == 0:
                        time.sleep(60); os._exit(0)
                    children.append(pid)
                time.sleep(0.6)
            finally:
                for pid in children:
                    os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0)
            """),
        Attack("memory of one process", 'block = bytearray(b"x") * (400 << 20); time.sleep(0.8)'),
        Attack("memory of many processes", """
            children = []
            for _ in range(4):
                pid = os.fork()
                if pid == 0:
                    block = bytearray(b"x") * (100 << 20); time.sleep(0.8); os._exit(0)
                children.append(pid)
            for pid in children:
                os.waitpid(pid, 0)
            """),
        Attack("one large file", """
            with open(temporary(), "wb") as file:
                for _ in range(40):
                    file.write(bytes(2 << 20))
            """),
        Attack("many files", """
            folder = tempfile.mkdtemp()
            for number in range(40):
                with open(f"{folder}/{number}", "wb") as file:
                    file.write(bytes(4 << 20))
            time.sleep(0.8)
            """),
        Attack("shared memory", """
            path = "/dev/shm/" + W["marker"]
            try:
                for number in range(3):
                    with open(f"{path}-{number}", "wb") as file:
                        file.write(bytes(30 << 20))
            finally:
                for number in range(3):
                    os.path.exists(f"{path}-{number}") and os.unlink(f"{path}-{number}")
            """),
        Attack("ignored signals", """
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
                signal.signal(number, signal.SIG_IGN)
            while True:
                time.sleep(1)
            """, NOBODY),
        Attack("endless output", """
            while True:
                os.write(1, b"x" * 65536)
            """, NOBODY),
        Attack("forged verdict", """
            import json
            line = json.dumps({"kind": "verdict", "nodeid": "test_attacks.py::" + "test_canary", "outcome": "passed",
                               "duration_s": 0, "output": "", "refused": None}).encode()
            for descriptor in range(3, 400):
                try:
                    os.write(descriptor, line + b"\\n")
                except OSError:
                    pass
            time.sleep(0.5)
            """, NOBODY),
    ]  # fmt: skip


ATTACKS = _attacks()


def function(attack: Attack) -> str:
    """Name of its test."""
    return "test_" + "".join(character if character.isalnum() else "_" for character in attack.name)


def source(world: dict[str, object], attacks: list[Attack]) -> str:
    """A test module with these attacks."""
    parts = [f"W = {world!r}", HEADER]
    for attack in attacks:
        body = textwrap.indent(textwrap.dedent(attack.body).strip(), "    ")
        parts.append(f"def {function(attack)}():\n{body}\n")
    return "\n".join(parts)
