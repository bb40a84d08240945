"""Which Ray is attached to, and what is said when it is not there. No Ray is started here."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
from running import free_port

from augment.actors.naming import PROTOCOL_VERSION, actor_name, namespace_of
from augment.cluster.attach import find_address
from augment.cluster.reach import check_reachable
from augment.errors import ClusterError


def running_cluster(folder: Path, address: str) -> dict[str, str]:
    """What ``ray start`` leaves behind, as the environment of a process that looks for it."""
    (folder / "ray").mkdir()
    (folder / "ray" / "ray_current_cluster").write_text(address)
    return {"RAY_TMPDIR": str(folder)}


def test_the_flag_wins_over_the_variable(tmp_path: Path) -> None:
    environ = {"RAY_ADDRESS": "10.0.0.1:6379", "RAY_TMPDIR": str(tmp_path)}
    assert find_address("10.0.0.2:6379", environ) == "10.0.0.2:6379"
    assert find_address(None, environ) == "10.0.0.1:6379"
    assert find_address("local", environ) is None


def test_without_any_cluster_there_is_nothing_to_attach_to(tmp_path: Path) -> None:
    environ = {"RAY_TMPDIR": str(tmp_path)}
    assert find_address(None, environ) is None
    with pytest.raises(ClusterError, match="ray start --head"):
        find_address("auto", environ)


def test_what_a_dead_cluster_left_behind_counts_for_nothing(tmp_path: Path) -> None:
    assert find_address(None, running_cluster(tmp_path, f"127.0.0.1:{free_port()}")) is None


def test_a_port_that_is_now_somebody_elses_is_no_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("augment.cluster.attach.psutil.process_iter", lambda _attributes: [])
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert find_address(None, running_cluster(tmp_path, f"127.0.0.1:{other.getsockname()[1]}")) is None


@pytest.mark.parametrize("address", ["nonsense", "host:", ":6379", "ray://127.0.0.1:10001", "127.0.0.1:70000"])
def test_what_is_no_address_is_named(address: str) -> None:
    with pytest.raises(ClusterError) as error:
        check_reachable(address)
    assert address in str(error.value)


def test_a_dead_address_is_told_within_seconds() -> None:
    began = time.monotonic()
    with pytest.raises(ClusterError, match="no Ray cluster answers"):
        check_reachable(f"127.0.0.1:{free_port()}")
    assert time.monotonic() - began < 5


def test_a_port_that_something_else_holds_is_told_within_seconds() -> None:
    began = time.monotonic()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ClusterError, match="something else than Ray"):
            check_reachable(f"127.0.0.1:{other.getsockname()[1]}")
    assert time.monotonic() - began < 5


def test_names_carry_the_protocol_version_and_namespaces_tell_projects_apart(tmp_path: Path) -> None:
    assert f"-v{PROTOCOL_VERSION}-" in actor_name("reporter")
    one, other = namespace_of(tmp_path / "a" / "shop"), namespace_of(tmp_path / "b" / "shop")
    assert one != other
    assert one == namespace_of(tmp_path / "b" / ".." / "a" / "shop")
    assert one.startswith(f"augment-v{PROTOCOL_VERSION}-shop-")
