"""Runs attacks through the real executor, in a process of its own, so that it can be an ordinary user's.

Standard input: JSON with ``mode`` (a tier, or "off": then as plain tests), ``root`` (a project), ``folder`` (its own,
empty), ``cache``. Standard output: JSON with what came of each attack, and how the outside looks afterwards.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import psutil
from attacks import ATTACKS, Attack, function, source

from augment.execution import LocalExecutor
from augment.execution.sandbox import find_sandbox
from augment.records import Snapshot, content_hash
from augment.seams import Batch, BatchResult, Limits

LIMITS = Limits(
    wall_s=120, test_s=2.5, memory_bytes=300 << 20, file_bytes=64 << 20, processes=80, temporary_bytes=96 << 20
)
NO_LIMITS = Limits(wall_s=120, test_s=20, memory_bytes=None, file_bytes=None)
ALONE = {"forged verdict", "endless output", "ignored signals"}
"""Attacks on the batch itself, each in a batch of its own; not run without a sandbox."""


class Outside:
    """Everything that there is to reach outside, and how it looks afterwards."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root, folder
        self.secret = uuid.uuid4().hex
        self.marker = str(10_000_000 + uuid.uuid4().int % 10_000_000)
        os.environ["SECURITY_CANARY"] = self.secret
        self._files()
        self.canary = folder / "canary"
        self._open = self.canary.open()
        os.set_inheritable(self._open.fileno(), True)
        self.shared = Path(f"/dev/shm/augment-canary-{self.marker}")
        self.left = Path(f"/tmp/augment-canary-{self.marker}")
        for path in (self.shared, self.left):
            path.write_text(self.secret)
        self.victim, self.onlooker = (_sleep() for _ in range(2))
        self.key = int(self.marker)
        self._memory = ctypes.CDLL(None).shmget(self.key, 16, 0o1600)
        self.ports = self._serve()
        self.before = self._look()

    def _files(self) -> None:
        for path in (".ssh/id_rsa", "canary", "removable", "closed"):
            place = self.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(self.secret)
        (self.folder / "closed").chmod(0o600)

    def _serve(self) -> dict[str, int]:
        tcp = socket.create_server(("127.0.0.1", 0))
        servers = [tcp, socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)]
        servers[1].bind("\0" + self.secret)
        servers[2].bind(str(self.folder / "socket"))
        for server in servers:
            server.listen()
            threading.Thread(target=_greet, args=(server,), daemon=True).start()
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        threading.Thread(target=_answer, args=(udp,), daemon=True).start()
        return {"tcp": tcp.getsockname()[1], "udp": udp.getsockname()[1]}

    def world(self) -> dict[str, Any]:
        """What attacks are told. The secret in it is what they must find elsewhere."""
        return {
            "secret": self.secret, "home": str(self.folder), "closed": str(self.folder / "closed"),
            "canary": str(self.canary), "outside": str(self.folder), "root": str(self.root), "marker": self.marker,
            "unix": str(self.folder / "socket"), "abstract": self.secret, "executor": os.getpid(), "key": self.key,
            "victim": self.victim.pid, "onlooker": self.onlooker.pid, "shared": str(self.shared),
            "left": str(self.left), **self.ports,
        }  # fmt: skip

    def _look(self) -> dict[str, Any]:
        files = {
            str(path): [path.read_bytes().hex(), path.stat().st_mode, path.stat().st_mtime_ns]
            for folder in (self.folder, self.root)
            for path in sorted(folder.rglob("*"))
            if stat.S_ISREG(path.lstat().st_mode) and ".augment" not in path.parts
        }
        files |= {str(path): [path.read_text()] for path in (self.shared, self.left)}
        return {"files": files, "victim": self.victim.poll(), "onlooker": self.onlooker.poll()}

    def changes(self) -> list[str]:
        """What is different from before."""
        now = self._look()
        found = [
            name
            for name in {*now["files"], *self.before["files"]}
            if now["files"].get(name) != self.before["files"].get(name)
        ]
        found += [name for name in ("victim", "onlooker") if now[name] != self.before[name]]
        found += [f"process {process.info['pid']}" for process in psutil.process_iter(["pid", "cmdline"])
                  if self.marker in (process.info["cmdline"] or [])]  # fmt: skip
        return found + [str(path) for path in Path("/dev/shm").glob(f"{self.marker}*")]

    def clear(self) -> None:
        """End and remove it all."""
        for process in (self.victim, self.onlooker):
            process.kill()
            process.wait()
        for path in (self.shared, self.left):
            path.unlink()
        ctypes.CDLL(None).shmctl(self._memory, 0, None)


def _sleep() -> subprocess.Popen[bytes]:
    # Not this process's own pipes: who reads from them would wait for the sleeper too.
    nothing = subprocess.DEVNULL
    return subprocess.Popen(["sleep", "300"], stdin=nothing, stdout=nothing, stderr=nothing)


def _greet(server: socket.socket) -> None:
    while True:
        with contextlib.suppress(OSError):
            client, _ = server.accept()
            client.sendall(b"hello")
            client.close()


def _answer(server: socket.socket) -> None:
    while True:
        _, address = server.recvfrom(10)
        server.sendto(b"hello", address)


def _run(executor: LocalExecutor, root: Path, text: str, *, off: bool) -> BatchResult:
    files = [path for path in root.rglob("*") if path.is_file() and not {".augment", ".git"} & set(path.parts)]
    snapshot = Snapshot.of({path.relative_to(root).as_posix(): content_hash(path.read_bytes()) for path in files})
    batch = Batch(
        uuid.uuid4().hex, str(root), sys.executable, nodeids=("test_attacks.py",), snapshot=snapshot, private=True,
        files={"test_attacks.py": text}, trusted=off, coverage=False, limits=NO_LIMITS if off else LIMITS,
    )  # fmt: skip
    return executor.run(batch)


def _told(result: BatchResult, attacks: list[Attack]) -> dict[str, dict[str, str]]:
    verdicts = {verdict.nodeid.partition("::")[2]: verdict for verdict in result.verdicts}
    told = {}
    for attack in attacks:
        verdict = verdicts.get(function(attack))
        fault = verdict.fault if verdict is not None else result.fault
        told[attack.name] = {
            "outcome": verdict.outcome.value if verdict is not None else "no verdict",
            "fault": f"{fault.kind.value}: {fault.detail}" if fault is not None else "",
            "output": (verdict.output if verdict is not None else result.output)[-600:],
        }
    return told


def attack(order: dict[str, Any]) -> dict[str, Any]:
    """Run every attack, then look outside."""
    off = order["mode"] == "off"
    root, folder = Path(order["root"]), Path(order["folder"])
    outside = Outside(root, folder)
    executor = LocalExecutor(1, cache_dir=Path(order["cache"]), sandbox=order["mode"])
    together = [attack for attack in ATTACKS if attack.name not in ALONE]
    began = time.monotonic()
    try:
        if off:
            together = [attack for attack in together if attack.baseline != "nobody"]
        told = _told(_run(executor, root, source(outside.world(), together), off=off), together)
        output = 0
        for single in [] if off else [attack for attack in ATTACKS if attack.name in ALONE]:
            text = source(outside.world(), [single]) + "\ndef test_canary():\n    assert False\n"
            result = _run(executor, root, text, off=off)
            told |= _told(result, [single])
            told[single.name]["canary"] = next(
                (verdict.outcome.value for verdict in result.verdicts if verdict.nodeid.endswith("test_canary")), ""
            )
            output = max(output, len(result.output))
    finally:
        executor.close()
    time.sleep(0.2)
    found = {"attacks": told, "changes": outside.changes()[:20], "output": output, "seconds": time.monotonic() - began}
    outside.clear()
    return found


if __name__ == "__main__":
    given = json.load(sys.stdin)
    os.environ.pop("PYTHONPATH", None)  # it was for this process: the project's interpreter is looked at without it
    if given["mode"] == "which":
        tiers = {mode: find_sandbox(mode) for mode in ("namespaces", "landlock")}
        answer: dict[str, Any] = {name: [tier.tier.value, tier.describe()] for name, tier in tiers.items()}
    else:
        answer = attack(given)
    print(json.dumps(answer))
