"""Tiers of the sandbox: found by trying, named, refused where there is none; the seccomp filter, call by call."""

from __future__ import annotations

import errno
import platform
import struct
import sys
from pathlib import Path

import pytest

from augment.errors import SandboxError
from augment.execution.interpreter import InterpreterInfo
from augment.execution.runner import seccomp
from augment.execution.sandbox import (
    Place,
    Sandbox,
    SandboxMode,
    Tier,
    TierConfinement,
    find_sandbox,
    require_sandbox,
    tiers,
)
from augment.seams import Limits

STRICT = seccomp.FilterRules(False, False, False, False, False, False)
LOOSE = seccomp.FilterRules(True, True, True, True, True, True)
ALLOWED, KILLED = "allowed", "killed"
PID = 4242


def verdict(
    machine: str, name: str | int, *arguments: int, rules: seccomp.FilterRules = LOOSE, audit: int = 0
) -> object:
    """What the filter says of a call: its program run by an interpreter of the few instructions that it uses."""
    about = seccomp.MACHINES[machine]
    number = name if isinstance(name, int) else about.numbers[name]
    data = struct.pack("IIQ6Q", number, audit or about.audit, 0, *arguments, *([0] * (6 - len(arguments))))
    code = seccomp.build(machine, rules, PID)
    program = [struct.unpack_from("HBBI", code, at) for at in range(0, len(code), 8)]
    at = loaded = 0
    while True:
        operation, if_true, if_false, value = program[at]
        at += 1
        if operation == 0x20:
            loaded = struct.unpack_from("I", data, value)[0]
        elif operation == 0x54:
            loaded &= value
        elif operation == 0x06:
            return {0x7FFF0000: ALLOWED, 0x80000000: KILLED}.get(value, value & 0xFFFF)
        else:
            holds = {0x15: loaded == value, 0x35: loaded >= value, 0x45: bool(loaded & value)}[operation]
            at += if_true if holds else if_false


machines = pytest.mark.parametrize("machine", seccomp.MACHINES)


@machines
@pytest.mark.parametrize(
    "name", ["ptrace", "unshare", "setns", "mount", "keyctl", "io_uring_setup", "bpf", "pidfd_getfd"]
)
def test_calls_that_reach_out_fail_in_every_tier(machine: str, name: str) -> None:
    assert verdict(machine, name) == errno.EPERM


@machines
def test_what_ordinary_tests_do_is_allowed(machine: str) -> None:
    numbers = {
        "x86_64": (0, 1, 257, 59, 61, 9),
        "aarch64": (63, 64, 56, 221, 260, 222),
    }  # read write open exec wait mmap
    assert {verdict(machine, number, rules=STRICT) for number in numbers[machine]} == {ALLOWED}
    assert verdict(machine, "clone", 17) == ALLOWED
    assert verdict(machine, "fchmod", 5, 0o755, rules=STRICT) == ALLOWED
    assert verdict(machine, "mknodat", 0, 0, 0o010644) == ALLOWED


@machines
def test_arguments_decide_where_they_must(machine: str) -> None:
    assert verdict(machine, "clone", 0x10000000 | 17) == errno.EPERM
    assert verdict(machine, "clone3") == errno.ENOSYS
    assert verdict(machine, "ioctl", 0, 0x5412) == errno.EPERM
    assert verdict(machine, "ioctl", 0, (7 << 32) | 0x5412) == errno.EPERM  # the kernel reads the low half only
    assert verdict(machine, "ioctl", 0, 0x5413) == ALLOWED
    assert verdict(machine, "fchmod", 5, 0o4755) == errno.EPERM
    assert verdict(machine, "mknodat", 0, 0, 0o060600) == errno.EPERM


@machines
def test_sockets_by_family(machine: str) -> None:
    unix, inet, netlink, packet = 1, 2, 16, 17
    assert [verdict(machine, "socket", family) for family in (unix, inet)] == [ALLOWED, ALLOWED]
    assert [verdict(machine, "socket", family) for family in (netlink, packet)] == [errno.EAFNOSUPPORT] * 2
    assert [verdict(machine, "socket", family, rules=STRICT) for family in (unix, inet)] == [errno.EAFNOSUPPORT] * 2


@machines
def test_without_namespaces_the_filter_holds_back_what_landlock_cannot(machine: str) -> None:
    assert verdict(machine, "kill", PID, 15, rules=STRICT) == ALLOWED
    assert verdict(machine, "kill", 0, 15, rules=STRICT) == ALLOWED
    assert verdict(machine, "kill", 1, 15, rules=STRICT) == errno.EPERM
    assert verdict(machine, "fchmodat", 0, 0, 0o644, rules=STRICT) == errno.EPERM
    assert verdict(machine, "truncate", rules=STRICT) == errno.EPERM
    assert verdict(machine, "utimensat", 3, 0, rules=STRICT) == ALLOWED
    assert verdict(machine, "utimensat", 3, 1 << 40, rules=STRICT) == errno.EPERM
    assert verdict(machine, "shmget", rules=STRICT) == errno.EPERM


@machines
def test_foreign_conventions_end_the_process_and_calls_of_the_future_are_unknown(machine: str) -> None:
    assert verdict(machine, "ptrace", audit=0x40000003) == KILLED
    assert verdict(machine, 900) == errno.ENOSYS
    if machine == "x86_64":
        assert verdict(machine, 0x40000000 | 59) == KILLED


# ------------------------------------------------------------------------------ tiers


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() not in seccomp.MACHINES, reason="no tier there")
def test_what_was_found_was_tried_and_is_named() -> None:
    found = find_sandbox()
    assert find_sandbox() is found
    assert found.tier.value in found.describe()
    assert found.runs_generated_tests == (found.tier is not Tier.NONE)


def test_without_a_tier_generated_tests_are_refused_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiers, "_found", {})
    monkeypatch.setattr(tiers, "_candidates", lambda base, mode, reasons: reasons.append("nothing works") or [])
    with pytest.raises(SandboxError, match=r"nothing works.*--sandbox off"):
        require_sandbox()
    with pytest.raises(SandboxError, match="as `--sandbox landlock` asks for"):
        require_sandbox("landlock")
    assert require_sandbox("off").describe().startswith("off, as asked for")


def test_a_tier_that_fails_its_trial_is_said_and_the_next_one_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    candidates = [Sandbox(Tier.NAMESPACES), Sandbox(Tier.LANDLOCK, landlock=3)]
    monkeypatch.setattr(tiers, "_found", {})
    monkeypatch.setattr(tiers, "_candidates", lambda base, mode, reasons: candidates)
    monkeypatch.setattr(tiers, "_try", lambda found: "namespaces: not permitted" if found is candidates[0] else "")
    found = find_sandbox()
    assert (found.tier, found.reason, found.mode) == (Tier.LANDLOCK, "namespaces: not permitted", SandboxMode.AUTO)


# ------------------------------------------------------------------------------ what is shown to a batch


def _info(path: Path, **others: object) -> InterpreterInfo:
    told = {
        "prefix": str(path.parent.parent),
        "site": "",
        "tools": {},
        "version": (3, 11, 0),
        "implementation": "cpython",
    }
    return InterpreterInfo(path=str(path), **(told | others))  # type: ignore[arg-type]


def test_the_interpreter_and_its_packages_are_shown_and_the_project_and_the_home_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    project, other, real = home / "project", home / "other", tmp_path / "python"
    for folder in (project / "src", project / ".venv/bin", other, real / "bin"):
        folder.mkdir(parents=True)
    (real / "bin/python3").touch()
    (project / ".venv/bin/python").symlink_to(real / "bin/python3")
    monkeypatch.setenv("HOME", str(home))
    info = _info(
        project / ".venv/bin/python", base_prefix=str(real), sys_path=(str(project / "src"), str(other), str(home))
    )
    place = Place.of(info, "", "", str(project))
    assert {str(project / ".venv"), str(other), str(real)} <= set(place.reads)
    assert not {str(project), str(project / "src"), str(home)} & set(place.reads)


def test_landlock_alone_leaves_sockets_to_nobody_and_namespaces_do(tmp_path: Path) -> None:
    place = Place((str(tmp_path),), (), "")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    alone = TierConfinement(Sandbox(Tier.NAMESPACES, landlock=7, per_batch=True), place)
    landlock = TierConfinement(Sandbox(Tier.LANDLOCK, landlock=2), place)
    assert alone.order(tmp_path, scratch, Limits())["rules"]["network"]
    rules = landlock.order(tmp_path, scratch, Limits())["rules"]
    assert not any((rules["network"], rules["unix"], rules["truncate_paths"], rules["signal_others"]))
    assert alone.forks
    assert not TierConfinement(Sandbox(Tier.NAMESPACES), place).forks
