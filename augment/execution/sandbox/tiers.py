"""Which tier of confinement this machine offers, found out by trying it."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from augment.errors import SandboxError
from augment.execution.runner import confine, landlock, seccomp

if TYPE_CHECKING:
    from augment.execution.sandbox.confinement import TierConfinement

_MAIN = Path(__file__).parents[1] / "runner" / "runner_main.py"
_TRIAL_S = 10.0
FIRST_UID = 61184
"""Users that batches become where Augment runs as root: systemd's range for services without a fixed user."""
UIDS = 256


class Tier(StrEnum):
    """How generated tests are confined, the strictest first."""

    NAMESPACES = "namespaces"
    """Bubblewrap's namespaces, with Landlock, seccomp and resource limits inside."""
    LANDLOCK = "landlock"
    """Landlock, seccomp and resource limits."""
    NONE = "none"


class SandboxMode(StrEnum):
    """What the user asks for."""

    AUTO = "auto"
    NAMESPACES = "namespaces"
    LANDLOCK = "landlock"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What was found.

    ``reason`` says why the tier is not a stricter one, or is none. ``per_batch``: each batch has namespaces of its own;
    else one fresh process in its own bubblewrap a batch. ``user_namespace``: they come with a user namespace, as
    Augment is not root. ``first_uid``: batches become users from this one on, as Augment is root.
    """

    tier: Tier
    mode: SandboxMode = SandboxMode.AUTO
    reason: str = ""
    landlock: int = 0
    bubblewrap: str = ""
    bubblewrap_version: str = ""
    per_batch: bool = False
    user_namespace: bool = False
    first_uid: int | None = None

    @property
    def runs_generated_tests(self) -> bool:
        """Whether code that nobody vouches for may run at all."""
        return self.tier is not Tier.NONE or self.mode is SandboxMode.OFF

    @property
    def name(self) -> str:
        """One word: the tier, or off."""
        return SandboxMode.OFF.value if self.mode is SandboxMode.OFF else self.tier.value

    def describe(self) -> str:
        """One line for a person."""
        if self.mode is SandboxMode.OFF:
            return "off, as asked for: generated tests run with your rights"
        if self.tier is Tier.NONE:
            return f"none ({self.reason}): generated tests are not run"
        parts = [f"Landlock ABI {self.landlock}"] if self.landlock else ["no Landlock"]
        parts += ["seccomp", "limits"]
        if self.tier is Tier.NAMESPACES:
            parts.insert(0, f"bubblewrap {self.bubblewrap_version}")
        if self.first_uid is not None:
            parts.append(f"uid {self.first_uid} and up")
        because = f"; {self.reason}" if self.reason else ""
        return f"{self.tier.value} ({', '.join(parts)}{because})"


_found: dict[SandboxMode, Sandbox] = {}
_lock = threading.Lock()


def find_sandbox(mode: SandboxMode | str = SandboxMode.AUTO) -> Sandbox:
    """The strictest tier within ``mode`` that works here; tried once a process (0.1 to 0.3 s), then remembered."""
    mode = SandboxMode(mode)
    with _lock:
        if mode not in _found:
            _found[mode] = replace(_try_tiers(mode), mode=mode)
        return _found[mode]


def require_sandbox(mode: SandboxMode | str = SandboxMode.AUTO) -> Sandbox:
    """As :func:`find_sandbox`; raises SandboxError where generated tests cannot be confined as asked for."""
    found = find_sandbox(mode)
    if found.runs_generated_tests:
        return found
    asked = "" if found.mode is SandboxMode.AUTO else f" as `--sandbox {found.mode.value}` asks for"
    raise SandboxError(
        f"Generated tests cannot be confined on this machine{asked} ({found.reason}), so they are not run: install "
        "bubblewrap or use a kernel with Landlock (Linux 5.13), or say --sandbox off to run them with your own rights."
    )


def _try_tiers(mode: SandboxMode) -> Sandbox:
    if mode is SandboxMode.OFF:
        return Sandbox(Tier.NONE)
    if not sys.platform.startswith("linux") or platform.machine() not in seccomp.MACHINES:
        return Sandbox(Tier.NONE, reason=f"{platform.system()} on {platform.machine()} has none of the means")
    base = Sandbox(Tier.NONE, landlock=landlock.version(confine.libc()), first_uid=_first_uid())
    reasons: list[str] = []
    for candidate in _candidates(base, mode, reasons):
        why = _try(candidate)
        if not why:
            return replace(candidate, reason="; ".join(reasons))
        reasons.append(why)
    return replace(base, reason="; ".join(reasons))


def _candidates(base: Sandbox, mode: SandboxMode, reasons: list[str]) -> Iterator[Sandbox]:
    if mode is not SandboxMode.LANDLOCK:
        program = shutil.which("bwrap")
        if program is None:
            reasons.append("bubblewrap is not installed")
        else:
            namespaces = replace(
                base,
                tier=Tier.NAMESPACES,
                bubblewrap=program,
                bubblewrap_version=_version(program),
                per_batch=True,
                user_namespace=base.first_uid is None,
            )
            yield namespaces
            if base.first_uid is None:
                yield replace(namespaces, per_batch=False, user_namespace=False)
    if mode is not SandboxMode.NAMESPACES:
        if base.landlock:
            yield replace(base, tier=Tier.LANDLOCK)
        else:
            reasons.append("this kernel has no Landlock")


def _version(program: str) -> str:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=_TRIAL_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip().rpartition(" ")[2]


def _first_uid() -> int | None:
    """The first of the users to become, where this process is root and those users exist for the kernel."""
    if os.geteuid() != 0:
        return None
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        inside, _, count = map(int, line.split())
        if inside <= FIRST_UID and inside + count >= FIRST_UID + UIDS:
            return FIRST_UID
    return None


# ------------------------------------------------------------------------------ trying


def _try(candidate: Sandbox) -> str:
    """Confine a process for a moment exactly as a batch would be; "" where it holds, else why not."""
    from augment.execution.sandbox.confinement import TierConfinement
    from augment.execution.sandbox.place import Place

    name = candidate.tier.value if candidate.per_batch or candidate.tier is Tier.LANDLOCK else "shared namespaces"
    with tempfile.TemporaryDirectory(prefix="augment-") as folder:
        scratch, secret = Path(folder) / "batch", Path(folder) / "secret"
        secret.write_text("out of reach")
        scratch.mkdir()
        Path(folder).chmod(0o755)
        secret.chmod(0o644)
        place = Place.of_this_interpreter()
        return _run(TierConfinement(candidate, place), scratch, secret, name)


def _run(confinement: TierConfinement, scratch: Path, secret: Path, name: str) -> str:
    spec = confinement.spec(None, scratch, None)
    command = [sys.executable, "-E", "-s", str(_MAIN), "trial", json.dumps(spec), str(secret)]
    try:
        done = subprocess.run(
            confinement.wrap(command, scratch),
            capture_output=True,
            text=True,
            timeout=_TRIAL_S,
            check=False,
            env={"PATH": os.defpath},
            cwd="/",
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{name}: {error}"
    try:
        told = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return f"{name}: {_plain(lines[-1])}"
    if "error" in told:
        return f"{name}: {told['error']}"
    return f"{name}: {' and '.join(told['reached'])} could be reached" if told["reached"] else ""


def _plain(line: str) -> str:
    return re.sub(r"\s+", " ", line)[:200]
