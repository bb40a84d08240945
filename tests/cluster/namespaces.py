"""Several machines on one: network namespaces joined by a bridge, with a real Ray node in each."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
from running import REPOSITORY, Service, wait_for

T = TypeVar("T")

CLONE_NEWNET = 0x40000000


def why_not() -> str:
    """Why no namespaces can be made here; '' where they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None or shutil.which("unshare") is None:
        return "network namespaces need iproute2 and util-linux (apt-get install iproute2 util-linux)"
    name = f"augtry{os.getpid()}"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"network namespaces cannot be made here: {tried.stderr.strip()}"
    add = ["ip", "-n", name, "link", "add", "name", "bridge0", "type", "bridge"]
    bridge = subprocess.run(add, capture_output=True, check=False)
    subprocess.run(["ip", "netns", "delete", name], check=True)
    return "" if bridge.returncode == 0 else "the kernel has no bridges"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@dataclass
class Node:
    """One machine: its namespace, address, folders and the process of its ``ray start``."""

    name: str
    namespace: str
    address: str
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def temporary(self) -> Path:
        """The TMPDIR of what runs on it."""
        return self.folder / "tmp"

    @property
    def ran(self) -> list[str]:
        """What tests that say so have run on it, in order."""
        file = self.folder / "ran"
        return file.read_text().split() if file.exists() else []

    def processes(self) -> list[psutil.Process]:
        """Everything that its Ray started."""
        assert self.process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def kill(self) -> None:
        """Pull the plug: the first process of its process namespace takes all others with it."""
        assert self.process is not None
        for process in psutil.Process(self.process.pid).children():
            process.send_signal(signal.SIGKILL)
        self.process.kill()
        self.process.wait(20)


@dataclass
class Machines:
    """A head and workers. Folders in ``hidden`` are not there on the workers."""

    hidden: Path
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="an-", dir="/tmp")))
    nodes: dict[str, Node] = field(default_factory=dict)
    token: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def _stem(self) -> str:
        return f"aug{os.getpid()}"

    @property
    def _subnet(self) -> str:
        return f"10.{213 + os.getpid() % 8}.{os.getpid() // 8 % 250}"

    @property
    def address(self) -> str:
        """Where the cluster is reached."""
        return f"{self.nodes['head'].address}:6379"

    def environ(self, node: Node) -> dict[str, str]:
        """The variables of what runs on ``node``."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "PYTEST_", "COV_"))}
        return kept | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self.token,
            "RAY_USAGE_STATS_ENABLED": "0",
            "TMPDIR": str(node.temporary),
            "RAN_ON_NODE": str(node.folder / "ran"),
        }

    def start(self) -> None:
        """Make the network and start Ray on each machine."""
        _ip("link", "add", "name", f"{self._stem}br", "type", "bridge")
        _ip("link", "set", f"{self._stem}br", "up")
        for number, name in enumerate(("head", "b", "c")):
            self.nodes[name] = self._machine(number, name)
        self._ray("head", "--head", "--port=6379", "--num-cpus=2", "--include-dashboard=false")
        wait_for(lambda: _has_raylet(self.nodes["head"]), "Ray runs on the head", 90)
        for name in ("b", "c"):
            self._ray(name, f"--address={self.address}", "--num-cpus=2")
        for node in self.nodes.values():
            wait_for(lambda node=node: _has_raylet(node), f"Ray runs on {node.name}", 90)  # type: ignore[misc]

    def _machine(self, number: int, name: str) -> Node:
        namespace, inner, outer = f"{self._stem}{name}", f"{self._stem}n{number}", f"{self._stem}h{number}"
        _ip("netns", "add", namespace)
        _ip("link", "add", outer, "type", "veth", "peer", "name", inner)
        _ip("link", "set", outer, "master", f"{self._stem}br", "up")
        _ip("link", "set", inner, "netns", namespace, "name", "eth0")
        address = f"{self._subnet}.{number + 2}"
        _ip("-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            _ip("-n", namespace, "link", "set", device, "up")
        node = Node(name, namespace, address, self.folder / name)
        node.temporary.mkdir(parents=True)
        return node

    def _ray(self, name: str, *options: str) -> None:
        node = self.nodes[name]
        ray = str(Path(sys.executable).with_name("ray"))
        command = [ray, "start", "--block", f"--node-ip-address={node.address}", f"--temp-dir={node.folder / 'r'}"]
        command += ["--object-store-memory=100000000", *options]
        if name != "head":  # without the project
            hide = f'mount -t tmpfs none {self.hidden} && exec "$@"'
            command = ["unshare", "--mount", *(_ALONE if name == DOOMED else ()), "sh", "-c", hide, "sh", *command]
        node.process = subprocess.Popen(
            [*self.inside(node), *command],
            env=self.environ(node),
            stdout=(node.folder / "out").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def inside(self, node: Node) -> list[str]:
        """The prefix of a command that is to run on the machine."""
        return ["ip", "netns", "exec", node.namespace]

    def stop(self) -> None:
        """End all machines, and take the network down."""
        for node in self.nodes.values():
            if node.process is None:
                continue
            family = node.processes()
            for process in (*family, node.process):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            node.process.wait(20)
        for number, node in enumerate(self.nodes.values()):
            # A namespace takes its devices along some time after it was deleted.
            subprocess.run(["ip", "link", "delete", f"{self._stem}h{number}"], capture_output=True, check=False)
            subprocess.run(["ip", "netns", "delete", node.namespace], capture_output=True, check=False)
        subprocess.run(["ip", "link", "delete", f"{self._stem}br"], capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def left_behind(self) -> list[str]:
        """Namespaces, devices and processes that are still there."""
        listed = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
        listed += subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
        found = [line for line in listed.splitlines() if self._stem in line]
        running = ((process.pid, process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))
        return found + [f"{pid} {line}" for pid, line in running if str(self.folder) in " ".join(line)]


DOOMED = "c"
_ALONE = ("--pid", "--fork", "--mount-proc", "--kill-child")
"""Processes of its own: all of them end at once with the first."""


def _has_raylet(node: Node) -> bool:
    assert node.process is not None
    assert node.process.poll() is None, (node.folder / "out").read_text()
    with contextlib.suppress(psutil.Error):
        return any("raylet/raylet" in " ".join(process.cmdline()) for process in node.processes())
    return False


@contextlib.contextmanager
def machines(hidden: Path) -> Iterator[Machines]:
    """Machines that end with the block, whatever happens."""
    made = Machines(hidden)
    try:
        made.start()
        yield made
    finally:
        made.stop()


class Visitor:
    """Does things in a thread that sees the network of a machine."""

    def __init__(self, node: Node) -> None:
        self._threads = ThreadPoolExecutor(1, initializer=self._enter, initargs=(node.namespace,))

    def do(self, work: Callable[[], T]) -> T:
        """What ``work`` returns there."""
        return self._threads.submit(work).result()

    def close(self) -> None:
        """Let go of the thread."""
        self._threads.shutdown()

    @staticmethod
    def _enter(namespace: str) -> None:
        # The C library's, as Python has its own from 3.12 on only. It moves the calling thread alone.
        library = ctypes.CDLL(None, use_errno=True)
        with Path(f"/run/netns/{namespace}").open() as handle:
            if library.setns(handle.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
        assert threading.current_thread() is not threading.main_thread()


class ServiceOn(Service):
    """``python -m augment.launch`` on a machine, asked from there."""

    def __init__(self, cluster: Machines, node: Node, project: Path, logs: Path, flags: Sequence[str]) -> None:
        enter = cluster.inside(node)
        if node.name != "head":
            assert node.process is not None
            enter = ["nsenter", f"--target={node.process.pid}", "--net", "--mount", "--"]
        command = [*enter, "env", f"--chdir={REPOSITORY}"]
        command += [f"{name}={value}" for name, value in cluster.environ(node).items() if name.startswith("RAY_")]
        command += [f"TMPDIR={node.temporary}", sys.executable, "-m", "augment.launch", str(project)]
        super().__init__(project, logs, flags, [*command, "--address", cluster.address])
        self._visitor = Visitor(node)

    def get(self, path: str) -> Any:
        """An answer of the REST interface."""
        return self._visitor.do(lambda: super(ServiceOn, self).get(path))

    def kill(self) -> None:
        """End it and everything that came from it."""
        super().kill()
        self._visitor.close()

    def _listen(self) -> None:
        """The event stream is not followed here."""
