"""What stands in the way of attaching: each thing one clear line within seconds, told by real clusters."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from heads import RAY, Head
from running import copy_of_example, free_port

from augment.cluster.preflight import (
    Cluster,
    ModelNeed,
    Node,
    Versions,
    check_room,
    check_versions,
    node_here,
    starts_nodes,
)
from augment.cluster.reach import check_reachable, find_token
from augment.errors import ClusterError

TOKEN = "d1f0e5b3" * 4
OTHER = "0badc0de" * 4
GB = 10**9


@pytest.fixture(scope="module")
def guarded() -> Iterator[Head]:
    """A small cluster that asks for a token."""
    head = Head("--num-cpus=1", "--num-gpus=1", f"--memory={GB}", f"--object-store-memory={10**8}", token=TOKEN)
    yield head
    head.stop()


def environ_of(home: Path, **more: str) -> dict[str, str]:
    """The environment of somebody with this home folder and nothing that Ray reads."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "PYTEST_", "COV_"))}
    return kept | {"HOME": str(home)} | more


def own_token(home: Path, token: str) -> Path:
    path = home / ".ray" / "auth_token"
    path.parent.mkdir()
    path.write_text(token + "\n")
    return path


# --------------------------------------------------------------------------- the token


def test_a_cluster_that_asks_for_a_token_names_where_ray_looks_for_it(guarded: Head, tmp_path: Path) -> None:
    with pytest.raises(ClusterError) as missing:
        check_reachable(guarded.address, environ=environ_of(tmp_path))
    assert "asks for a token" in str(missing.value)
    for place in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "~/.ray/auth_token"):
        assert place in str(missing.value)


def test_a_token_that_is_refused_is_named_by_its_place_and_never_shown(guarded: Head, tmp_path: Path) -> None:
    with pytest.raises(ClusterError) as refused:
        check_reachable(guarded.address, environ=environ_of(tmp_path, RAY_AUTH_TOKEN=OTHER))
    assert "refuses the token of RAY_AUTH_TOKEN" in str(refused.value)
    path = own_token(tmp_path, OTHER)
    with pytest.raises(ClusterError, match=f"refuses the token of {path}") as refused:
        check_reachable(guarded.address, environ=environ_of(tmp_path))
    assert OTHER not in str(refused.value)


def test_the_head_prints_the_token_that_is_asked_for(guarded: Head, tmp_path: Path) -> None:
    own_token(tmp_path, TOKEN)
    command = [RAY, "get-auth-token"]
    done = subprocess.run(command, env=environ_of(tmp_path), capture_output=True, text=True, check=True)
    assert check_reachable(
        guarded.address, environ=environ_of(tmp_path / "new", RAY_AUTH_TOKEN=done.stdout.split()[-1])
    )


def test_a_token_that_is_accepted_is_asked_for_by_its_cluster(guarded: Head, tmp_path: Path) -> None:
    assert check_reachable(guarded.address, environ=environ_of(tmp_path, RAY_AUTH_TOKEN=TOKEN)) is True
    own_token(tmp_path, TOKEN)
    assert check_reachable(guarded.address, environ=environ_of(tmp_path)) is True


def test_sending_no_token_though_one_is_asked_for_is_told(guarded: Head, tmp_path: Path) -> None:
    own_token(tmp_path, TOKEN)
    with pytest.raises(ClusterError, match="RAY_AUTH_MODE=disabled"):
        check_reachable(guarded.address, environ=environ_of(tmp_path, RAY_AUTH_MODE="disabled"))


def test_expecting_a_token_and_finding_none_is_told_before_ray_ends_the_process(guarded: Head, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="no token was found in"):
        check_reachable(guarded.address, environ=environ_of(tmp_path, RAY_AUTH_MODE="token"))


def test_a_file_named_for_the_token_that_holds_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="/nowhere"):
        find_token(environ_of(tmp_path, RAY_AUTH_TOKEN_PATH="/nowhere"))
    assert find_token(environ_of(tmp_path)) is None


def test_a_launch_with_a_wrong_token_is_one_line_within_five_seconds(guarded: Head, tmp_path: Path) -> None:
    project = copy_of_example(tmp_path)
    began = time.monotonic()
    done = launch(project, environ_of(tmp_path, RAY_AUTH_TOKEN=OTHER), "--address", guarded.address, "--no-model")
    # Five seconds on a machine that has nothing else to do; the interpreter and its imports take the most of them.
    assert time.monotonic() - began < 20
    assert done.returncode == 2
    assert "refuses the token of RAY_AUTH_TOKEN" in done.stderr
    assert done.stderr.count("\n") == 1
    assert OTHER not in done.stdout + done.stderr
    assert not list((project / ".augment").glob("service.json"))


def launch(project: Path, environ: dict[str, str], *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "augment.launch", str(project), *flags]
    places = ["--port", str(free_port()), "--log-dir", str(project.parent / "logs")]
    return subprocess.run([*command, *places], capture_output=True, text=True, env=environ, timeout=120, check=False)


# --------------------------------------------------------------------------- versions, room, the node

ATTEMPTS = """\
import json, sys, time
from augment.cluster import ModelNeed, connect
from augment.errors import AugmentError

address, wanted = sys.argv[1], json.loads(sys.argv[2])
import ray  # its import is not what is timed

told = {}
if wanted["versions"]:
    from ray._raylet import GcsClient
    from augment.cluster.reach import check_reachable

    gcs = GcsClient(address=address)
    kept = gcs.internal_kv_get(b"CLUSTER_METADATA", namespace=b"cluster")
    other = json.dumps(json.loads(kept) | wanted["versions"]).encode()
    gcs.internal_kv_put(b"CLUSTER_METADATA", other, True, namespace=b"cluster")
for name, need in wanted["needs"].items():
    began = time.monotonic()
    try:
        connection = connect(address, "preflight", need=ModelNeed(**need) if need else None)
        told[name] = ["joined", connection.address]
    except AugmentError as error:
        told[name] = [str(error), time.monotonic() - began]
if wanted["versions"]:
    gcs.internal_kv_put(b"CLUSTER_METADATA", kept, True, namespace=b"cluster")
print(json.dumps(told))
"""


def attempts(head: Head, home: Path, needs: dict[str, Any], versions: dict[str, str] | None = None) -> dict[str, Any]:
    """What connecting comes to, in a process that has the cluster's token, for each need of a model."""
    wanted = json.dumps({"needs": needs, "versions": versions or {}})
    command = [sys.executable, "-c", ATTEMPTS, head.address, wanted]
    environ = environ_of(home, **head.environ)
    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_a_model_that_has_no_room_on_any_node_is_told_and_one_that_has_joins(guarded: Head, tmp_path: Path) -> None:
    told = attempts(
        guarded,
        tmp_path,
        {
            "memory": {"model": "Big-7B", "memory": 9 * GB},
            "gpus": {"model": "Big-7B", "num_gpus": 2.0},
            "fits": {"model": "Small-1B", "memory": GB, "num_gpus": 1.0},
        },
    )
    text, seconds = told["memory"]
    assert "Big-7B takes about 9.0 GB" in text
    assert "1.1 GB" in text
    assert seconds < 5
    text, seconds = told["gpus"]
    assert "Big-7B wants 2 GPUs" in text
    assert "at most 1" in text
    assert seconds < 5
    assert told["fits"] == ["joined", guarded.address]


def test_another_ray_and_another_python_are_told_with_both_versions(guarded: Head, tmp_path: Path) -> None:
    """The cluster says that it is of other versions, where every Ray reads it."""
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    told = attempts(guarded, tmp_path, {"any": None}, {"ray_version": "2.41.0", "python_version": "3.9.2"})
    text, seconds = told["any"]
    assert "runs Ray 2.41.0 on Python 3.9.2" in text
    assert f"on Python {own}" in text
    assert seconds < 5


CLUSTER = Cluster("head:6379", Versions("2.60.0", "3.11.4"), (Node("10.0.0.1", {"memory": 4e9, "GPU": 0.0}),))


@pytest.mark.parametrize(
    ("own", "fits"),
    [
        (Versions("2.60.0", "3.11.4"), True),
        (Versions("2.60.0", "3.11.9"), True),
        (Versions("2.60.0", "3.12.4"), False),
        (Versions("2.60.0", "3.1.4"), False),
        (Versions("2.60.1", "3.11.4"), False),
    ],
)
def test_the_same_ray_and_minor_version_of_python_are_asked_for(own: Versions, fits: bool) -> None:
    if fits:
        check_versions(CLUSTER, own)
    else:
        with pytest.raises(ClusterError, match=r"ray==2\.60\.0"):
            check_versions(CLUSTER, own)


def test_a_machine_that_is_no_node_is_told_and_one_that_is_is_found() -> None:
    assert node_here(CLUSTER, ["127.0.0.1", "10.0.0.1"]) == "10.0.0.1"
    assert node_here(Cluster("new:6379", CLUSTER.versions, ()), ["127.0.0.1"]) == "", "its head is starting"
    with pytest.raises(ClusterError, match=r"10\.0\.0\.1.*ray job submit"):
        node_here(CLUSTER, ["127.0.0.1", "10.0.0.9"])


def test_a_cluster_that_grows_may_have_room_later() -> None:
    need = ModelNeed("Big-7B", num_gpus=1.0)
    with pytest.raises(ClusterError):
        check_room(CLUSTER, need)
    check_room(Cluster(CLUSTER.address, CLUSTER.versions, CLUSTER.nodes, grows=True), need)
    check_room(CLUSTER, None)
    check_room(CLUSTER, ModelNeed("Unknown"))


@pytest.mark.parametrize(
    ("types", "starts"), [({"node_f53674": 1}, False), ({"ray.head.default": 1}, True), (None, False)]
)
def test_an_autoscaler_that_only_watches_starts_no_nodes(types: dict[str, int] | None, starts: bool) -> None:
    assert starts_nodes(json.dumps({"autoscaler_report": {"active_nodes": types}}).encode()) is starts
    assert not starts_nodes(None)


# --------------------------------------------------------------------------- the project's folder


def test_a_project_that_the_actors_cannot_see_is_told(tmp_path: Path) -> None:
    """Ray runs where another file system lies over the project's folder, as in a container without the mount."""
    project = copy_of_example(tmp_path)
    hide = ["unshare", "--mount", "--map-root-user", "sh", "-c", f'mount -t tmpfs none {tmp_path} && exec "$@"', "sh"]
    tried = subprocess.run([*hide, "true"], capture_output=True, check=False) if shutil.which("unshare") else None
    if tried is None or tried.returncode:
        pytest.skip("no mount namespace can be made here")
    head = Head("--num-cpus=1", prefix=hide)
    try:
        # That this cluster is on loopback alone is found out.
        done = launch(project, environ_of(tmp_path, RAY_AUTH_MODE="disabled"), "--address", head.address, "--no-model")
    finally:
        head.stop()
    assert done.returncode == 2, done.stdout
    assert f"the project's folder {project} is not there" in done.stderr
    assert done.stderr.count("\n") == 1
