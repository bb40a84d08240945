"""One cluster that others use too: jobs sent to it, what batches hold of it, and yielding to a stranger's job."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import ray
from heads import JOINED, RAY, Head
from running import Start, copy_of_example, free_port, wait_for

from augment.access import digest_of
from augment.actors.executor import ExecutorActor
from augment.actors.governor import GovernorActor
from augment.actors.gpus import GpuHolder, GpuPolicy
from augment.actors.naming import GOVERNOR, actor_options, executor_part, find_actor, namespace_of
from augment.actors.pool import RayExecutor, group_name
from augment.analysis import discover_project
from augment.records import Lane, Outcome, Verdict, new_id
from augment.seams import Batch, BatchResult

REPOSITORY = Path(__file__).resolve().parents[2]
NAMESPACE = "accounting"
JOB_S = 300
KEY = "the-key-of-these-tests"
CHAT = {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}
TESTS = """\
import os
import time

import pytest


def test_plain():
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


@pytest.mark.gpu
def test_on_gpu():
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"


def test_waits():
    while os.path.exists("wait"):
        time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    opened = Head("--num-cpus=2", "--num-gpus=1", dashboard=True)
    yield opened
    opened.stop()


@pytest.fixture(scope="module")
def joined(head: Head) -> Iterator[Head]:
    """This process as a driver of the cluster."""
    if JOINED:
        pytest.skip("this process has joined another Ray: run this file by itself, as scripts/test.sh does")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in head.environ.items():
            patch.setenv(name, value)
        # Ray read the variable when it was imported, and would look for the head at another address than loopback.
        patch.setattr("ray._private.ray_constants.ENABLE_RAY_CLUSTER", False)
        ray.init(address=head.address, namespace=NAMESPACE, log_to_driver=False)
        yield head
        ray.shutdown()


def project(root: Path, text: str = TESTS) -> Path:
    root.mkdir()
    (root / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "--strict-markers"\n')
    (root / "shop.py").write_text("def price(a: int, b: int) -> int:\n    return a + b\n")
    (root / "test_shop.py").write_text(text)
    return root


# --------------------------------------------------------------------------- jobs


def submit(head: Head, logged: Path, *entry: str) -> subprocess.CompletedProcess[str]:
    """``ray job submit`` as a user types it, once the head takes jobs: its agent is there some seconds after it.

    ``logged`` is where the job keeps its logs.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "PYTEST_", "COV_"))}
    command = [RAY, "job", "submit", "--address", head.dashboard, "--", *entry]

    def submitted() -> subprocess.CompletedProcess[str] | None:
        environ = kept | head.environ
        try:
            done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=JOB_S, check=False)
        except subprocess.TimeoutExpired as error:
            said = (error.stdout or b"").decode() + (error.stderr or b"").decode()
            logs = "\n".join(path.read_text() for path in sorted(logged.glob("*.log")))
            raise AssertionError(f"the job has not ended in {JOB_S} s. It said:\n{said}\nIts logs:\n{logs}") from None
        return None if "No available agent" in done.stdout + done.stderr else done

    return wait_for(submitted, "the head takes a job", 90)  # type: ignore[return-value]


def once(root: Path, *flags: str) -> list[str]:
    """The job's entry point. The cluster's Python and this Augment are named, as neither need be its default."""
    command = ["env", f"PYTHONPATH={REPOSITORY}", "AUGMENT_BUDGET_SECONDS_PER_MODULE=5", sys.executable]
    places = ["--port", str(free_port()), "--log-dir", str(root.parent / "logs")]
    return [*command, "-m", "augment.launch", str(root), "--once", *places, "--resource-threshold", "1.0", *flags]


def named_actors(head: Head) -> list[dict[str, Any]]:
    """The living actors of the cluster, as the Ray dashboard lists them."""
    from ray.util.state import list_actors

    return [vars(one) for one in list_actors(address=head.dashboard, filters=[("state", "=", "ALIVE")])]


def test_a_job_gives_its_verdicts_and_pytests_code_and_leaves_nothing(joined: Head, tmp_path: Path) -> None:
    root = project(tmp_path / "shop", TESTS + "\n\ndef test_wrong():\n    assert False\n")
    done = submit(joined, tmp_path / "logs", *once(root, "--no-model"))
    said = done.stdout + done.stderr
    assert "verdicts: 3 passed, 1 failed" in said, said
    assert "exit code 1" in said
    assert done.returncode == 1
    wait_for(lambda: not [one for one in named_actors(joined) if "augment" in str(one["name"])], "no actor is left", 20)
    assert _held(namespace_of(root)) == []
    (root / "test_shop.py").write_text(TESTS)
    done = submit(joined, tmp_path / "logs", *once(root, "--no-model"))
    assert done.returncode == 0, done.stdout + done.stderr


def _held(prefix: str) -> list[str]:
    """States of the placement groups there are whose name begins so."""
    table = ray.util.placement_group_table()
    return [one["state"] for one in table.values() if one["name"].startswith(prefix) and one["state"] != "REMOVED"]


# --------------------------------------------------------------------------- what batches hold


@pytest.fixture
def pool(joined: Head, tmp_path: Path) -> Iterator[tuple[RayExecutor, Path]]:
    """A governor and two executors on the cluster, as launch makes them."""
    root = project(tmp_path / "shop")
    node = ray.get_runtime_context().get_node_id()
    policy = GpuPolicy(1.0, hide=True)
    options = actor_options(GOVERNOR, NAMESPACE, node, max_concurrency=8)
    held: list[Any] = [GovernorActor.options(**options).remote(2, 1.0, policy)]
    logs = (str(tmp_path / "logs"), "INFO")
    (tmp_path / "logs").mkdir()
    held += [
        ExecutorActor.options(**actor_options(executor_part(slot), NAMESPACE, node)).remote(
            slot, discover_project(root, sys.executable), "off", False, 2**30, *logs
        )
        for slot in range(2)
    ]
    opened = RayExecutor(NAMESPACE, "test")
    yield opened, root
    opened.close()
    for actor in held:
        ray.kill(actor)


def batch(root: Path, *nodeids: str, lane: Lane = Lane.FAST) -> Batch:
    return Batch(new_id("batch"), str(root), sys.executable, nodeids, lane, coverage=False)


def free(resource: str) -> float:
    return float(ray.available_resources().get(resource, 0.0))


@pytest.mark.parametrize("lane", [Lane.FAST, Lane.WRITE])
def test_a_batch_holds_a_cpu_while_it_runs(pool: tuple[RayExecutor, Path], lane: Lane) -> None:
    from concurrent.futures import ThreadPoolExecutor

    executor, root = pool
    wait_for(lambda: free("CPU") == 2.0, "nobody holds a CPU", 20)
    (root / "wait").touch()
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(executor.run, batch(root, "test_shop.py::test_waits", lane=lane))
        try:
            wait_for(lambda: free("CPU") == 1.0, "the batch holds a CPU", 60)
            assert _held(group_name(NAMESPACE, lane)) == ["CREATED"]
        finally:
            (root / "wait").unlink()
        assert running.result(60).verdicts[0].outcome is Outcome.PASSED
    wait_for(lambda: free("CPU") == 2.0, "it is given back", 20)


def outcomes(result: BatchResult) -> dict[str, str]:
    return {one.nodeid.partition("::")[2]: one.outcome.value for one in result.verdicts}


def test_marked_tests_hold_a_gpu_and_see_it_and_no_other_does(pool: tuple[RayExecutor, Path]) -> None:
    executor, root = pool

    def look(verdict: Verdict) -> None:
        """Called while the batch still holds what it holds."""
        held = 0.0 if verdict.nodeid.endswith("test_on_gpu") else 1.0
        wait_for(lambda: free("GPU") == held, f"{held:g} GPUs are free under {verdict.nodeid}", 20)

    result = executor.run(batch(root), look)
    assert outcomes(result) == {"test_plain": "passed", "test_on_gpu": "passed", "test_waits": "passed"}
    assert result.verdicts[-1].nodeid.endswith("test_on_gpu")
    assert sorted(result.collected) == sorted(one.nodeid for one in result.verdicts)
    assert result.exit_code == 0
    wait_for(lambda: free("GPU") == 1.0, "the GPU is given back", 20)


def test_marked_tests_that_get_no_gpu_are_a_fault_that_says_so(
    pool: tuple[RayExecutor, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("augment.actors.gpus.WAIT_S", 2.0)
    taken: Any = GpuHolder.options(num_gpus=1, num_cpus=0).remote()  # type: ignore[attr-defined]
    assert ray.get(taken.ids.remote()) == ["0"]
    executor, root = pool
    result = executor.run(batch(root))
    ray.kill(taken)
    (fault,) = [one.fault for one in result.verdicts if one.nodeid.endswith("test_on_gpu")]
    assert fault is not None
    assert "no GPU came free" in fault.detail
    assert outcomes(result)["test_plain"] == "passed"


def test_the_models_replica_holds_its_gpus_and_its_endpoint_asks_for_the_key(joined: Head) -> None:
    """An engine that is no real one, as none that needs a GPU runs here."""
    from augment.serve import EngineSpec
    from augment.serve.app import deploy, status, undeploy

    spec = EngineSpec("echo", engine="no.such_engine", num_gpus=1.0)
    port = free_port()
    assert deploy(spec, http_port=port, digest=digest_of(KEY))
    try:
        wait_for(lambda: free("GPU") == 0.0, "the replica holds the GPU", 60)
        assert status().state in ("loading", "failed")
        asked = f"http://127.0.0.1:{port}/v1/models"
        refused = httpx.get(asked, trust_env=False)
        assert refused.json()["error"]["code"] == "invalid_api_key", refused.text
        answer = httpx.get(asked, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False)
        assert answer.json()["data"][0]["id"] == "echo"
        assert httpx.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=CHAT, trust_env=False).status_code == 401
        assert httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code in (200, 503)
    finally:
        undeploy()
    wait_for(lambda: free("GPU") == 1.0, "it is given back", 30)


# --------------------------------------------------------------------------- a stranger's job


def test_background_work_yields_to_a_stranger_and_goes_on_after(
    joined: Head, tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in joined.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AUGMENT_RESOURCE_THRESHOLD", "1.0")
    root = copy_of_example(tmp_path)
    command = [sys.executable, "-m", "augment.launch", str(root), "--no-model", "--address", joined.address]
    service = start(root, command=command)
    namespace = namespace_of(root)
    governor = find_actor(GOVERNOR, namespace)
    parts = {"augment-v1-reporter", "augment-v1-governor", "augment-v1-executor-0", "augment-v1-watcher"}
    wait_for(
        lambda: parts <= {str(one["name"]) for one in named_actors(joined) if one["ray_namespace"] == namespace},
        "Ray's list of actors names them",
        30,
    )

    def background() -> list[str]:
        return [lease.id for lease in ray.get(governor.state.remote()).leases if lease.lane is not Lane.FAST]

    wait_for(background, "background work is done", 120)
    assert ray.get(governor.state.remote()).background_limit > 0, "its own demand is nobody else's"

    @ray.remote(num_cpus=2)
    def all_of_it(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    stranger = [all_of_it.remote(3.0) for _ in range(4)]
    held = wait_for(
        lambda: (state := ray.get(governor.state.remote())).background_limit == 0 and state, "it yields", 30
    )
    assert "wanted by other jobs" in held.reason
    running = set(background())
    # What runs may end; nothing begins. And all that the stranger waits for is given to it.
    began: set[str] = set()
    pending = list(stranger)
    while pending:
        _, pending = ray.wait(pending, num_returns=len(pending), timeout=0.2)
        if len(pending) > 1:  # with one left, which then runs, nobody waits any more
            began |= set(background()) - running
    assert began == set()
    assert len(ray.get(stranger, timeout=60)) == 4
    wait_for(lambda: ray.get(governor.state.remote()).background_limit > 0, "it goes on", 30)
    wait_for(background, "background work is done again", 120)
    assert service.stop() < 15
