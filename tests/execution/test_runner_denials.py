"""What the sandbox refused a test is told from what the test got wrong."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from augment.execution.runner.denials import Refusal, refusal
from augment.execution.watch import folder_size

WRITABLE = ["/tmp/batch"]


def raised(cause: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as caught:
        cause()
    return caught.value


def system_error(number: int, path: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), path)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (system_error(30, "/project/x"), "denied"),
        (system_error(13, "/etc/shadow"), "denied"),
        (system_error(1), "denied"),
        (system_error(101), "denied"),
        (socket.gaierror(-3, "Temporary failure in name resolution"), "denied"),
        (system_error(28, "/tmp/batch/x"), "full"),
        (system_error(27), "too big"),
        (system_error(2, "/home/user/data.csv"), "absent"),
        (RuntimeError("can't start new thread"), "processes"),
    ],
)
def test_what_the_sandbox_refuses_is_recognised(error: BaseException, kind: str) -> None:
    found = refusal(error, WRITABLE)
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize(
    "error",
    [
        AssertionError("1 == 2"),
        PermissionError("only admins may do that"),
        PermissionError(13, "not your cart"),
        system_error(13, "/tmp/batch/closed"),
        system_error(2, "/tmp/batch/missing"),
        system_error(17, "/project/x"),
        BlockingIOError(11, os.strerror(11)),
        ConnectionRefusedError(111, os.strerror(111)),
    ],
)
def test_what_the_test_did_itself_is_a_failure(error: BaseException) -> None:
    assert refusal(error, WRITABLE) is None


def test_a_refusal_behind_another_error_counts() -> None:
    def wrapped() -> None:
        try:
            raise system_error(30, "/project/x")
        except OSError as error:
            raise ValueError("cannot save") from error

    assert refusal(raised(wrapped), WRITABLE) == Refusal("denied", "writing /project/x")


def test_without_a_sandbox_only_limits_count() -> None:
    assert refusal(system_error(13, "/etc/shadow"), None) is None
    assert refusal(system_error(27), None) == Refusal("too big")


def test_temporary_files_are_counted_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/big").write_bytes(b"x" * 100_000)
    (tmp_path / "link").symlink_to("/")
    size, count = folder_size(tmp_path, 1000)
    assert count == 3
    assert 100_000 <= size < 200_000
    assert folder_size(tmp_path, 1)[1] <= 3
