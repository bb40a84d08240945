"""Three Ray nodes that share nothing but a network: revisions are sent, verdicts are right, a node may die."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from namespaces import Machines, Node, ServiceOn, machines, why_not
from running import copy_of_example, wait_for

from augment.analysis import take_snapshot

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

SLOW = """
import os, pathlib, time
import pytest

@pytest.mark.parametrize("number", range(4))
def test_slow(number, answers, request):
    if "RAN_ON_NODE" in os.environ:
        with open(os.environ["RAN_ON_NODE"], "a") as ran:
            ran.write(request.node.nodeid + "\\n")
    time.sleep({seconds})
    assert number != 3 or answers["{name}"]
"""

CONFTEST = """
import pytest

@pytest.fixture
def answers():
    return {{"a": {a}, "b": {b}, "c": {c}}}
"""

IGNORED = """
from pathlib import Path

def test_with_what_git_ignores():
    assert Path("built/data.txt").read_text() == "built here"
"""
SETTINGS = {
    "AUGMENT_RESOURCE_THRESHOLD": "1.0",
    "AUGMENT_IDLE": "false",
    "AUGMENT_FLAKY_RERUNS": "false",
    "AUGMENT_CONTROL_TESTS": "0",
    "AUGMENT_GENERATORS": '["search"]',
}
SLOW_TESTS = {f"tests/test_slow_{name}.py::test_slow[{number}]" for name in "abc" for number in range(4)}


def write_conftest(project: Path, **answers: bool) -> None:
    every = {"a": True, "b": True, "c": True} | answers
    (project / "tests" / "conftest.py").write_text(CONFTEST.format(**every))


def write_slow(project: Path, seconds: float) -> None:
    for name in "abc":
        (project / "tests" / f"test_slow_{name}.py").write_text(SLOW.format(name=name, seconds=seconds))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copy_of_example(tmp_path_factory.mktemp("hidden"))
    write_conftest(root)
    write_slow(root, 0.4)
    return root


@pytest.fixture(scope="module")
def cluster(project: Path) -> Iterator[Machines]:
    with machines(project.parent) as made:
        yield made
    assert made.left_behind() == []
    assert not made.folder.exists()


@pytest.fixture(scope="module")
def service(cluster: Machines, project: Path) -> Iterator[ServiceOn]:
    flags = ["--no-model", "--max-concurrent", "1"]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        made = ServiceOn(cluster, cluster.nodes["head"], project, project.parent / "logs", flags)
        try:
            made.start()
            yield made
        finally:
            made.kill()


def nodes(service: ServiceOn) -> dict[str, dict[str, Any]]:
    return {node["address"]: node for node in service.get("health")["nodes"]}


def ready(service: ServiceOn, *wanted: Node) -> dict[str, dict[str, Any]]:
    def those() -> dict[str, dict[str, Any]]:
        found = nodes(service)
        return found if all(found.get(node.address, {}).get("state") == "ready" for node in wanted) else {}

    return wait_for(those, "the other nodes are ready", 90)


def run_of(service: ServiceOn, project: Path) -> dict[str, Any]:
    """The finished run of the project's present revision."""
    revision = take_snapshot(project).revision

    def finished() -> dict[str, Any] | None:
        return next((run for run in service.finished_runs() if run["revision"] == revision), None)

    run = wait_for(finished, f"the run of {revision} ends", 120)
    return {**run, "outcomes": {test["nodeid"]: test["outcome"] for test in service.get("tests")}}


def test_every_node_gives_right_verdicts_on_files_that_it_was_sent(
    cluster: Machines, service: ServiceOn, project: Path
) -> None:
    head, b, c = cluster.nodes.values()
    ready(service, b, c)
    assert set(run_of(service, project)["outcomes"].values()) == {"passed"}
    assert not b.ran + c.ran  # the first run began before they were there
    # One test of each file fails: whoever runs it has to say so, of this very revision.
    write_conftest(project, a=False, b=False, c=False)
    run = run_of(service, project)
    failed = {nodeid for nodeid, outcome in run["outcomes"].items() if outcome != "passed"}
    assert failed == {f"tests/test_slow_{name}.py::test_slow[3]" for name in "abc"}
    assert set(head.ran) | set(b.ran) | set(c.ran) == SLOW_TESTS
    for node in (b, c):
        assert node.ran
        assert nodes(service)[node.address]["batches"] >= 1


def test_only_what_differs_is_sent_of_the_next_revision(cluster: Machines, service: ServiceOn, project: Path) -> None:
    b, c = cluster.nodes["b"], cluster.nodes["c"]
    before = nodes(service)
    files = len(take_snapshot(project).files)
    assert all(before[node.address]["files"] <= files for node in (b, c))
    ran = len(b.ran) + len(c.ran)
    write_conftest(project)
    assert set(run_of(service, project)["outcomes"].values()) == {"passed"}
    assert len(b.ran) + len(c.ran) > ran
    conftest = (project / "tests" / "conftest.py").stat().st_size

    def sent() -> bool:
        after = nodes(service)
        news = [
            (
                after[node.address]["files"] - before[node.address]["files"],
                after[node.address]["bytes"] - before[node.address]["bytes"],
            )
            for node in (b, c)
        ]
        assert all(files <= 1 and size in (0, conftest) for files, size in news), news
        return any(files for files, _ in news)

    wait_for(sent, "one file was sent", 10)


def test_what_git_ignores_makes_no_false_failure(cluster: Machines, service: ServiceOn, project: Path) -> None:
    (project / "built").mkdir()
    (project / "built" / "data.txt").write_text("built here")
    (project / ".gitignore").write_text("built/\n")
    for name in "abc":
        (project / "tests" / f"test_ignored_{name}.py").write_text(IGNORED)
    write_slow(project, 0.3)
    outcomes = run_of(service, project)["outcomes"]
    assert outcomes["tests/test_ignored_a.py::test_with_what_git_ignores"] == "passed"
    assert set(outcomes.values()) == {"passed"}


def test_a_node_that_dies_in_the_middle_loses_no_verdict_and_its_batch_runs_again(
    cluster: Machines, service: ServiceOn, project: Path
) -> None:
    c = cluster.nodes["c"]
    before = len(c.ran)
    write_slow(project, 1.5)
    revision = take_snapshot(project).revision

    def acknowledged() -> dict[str, str]:
        mine = c.ran[before:]
        known = {test["nodeid"]: test for test in service.get("tests") if test["revision"] == revision}
        return {name: known[name]["outcome"] for name in mine[:-1] if name in known}

    told = wait_for(acknowledged, "a test that ran on the node has its verdict", 60, every_s=0.05)
    c.kill()
    outcomes = run_of(service, project)["outcomes"]
    assert told.items() <= outcomes.items()
    assert set(outcomes.values()) == {"passed"}
    elsewhere = set(cluster.nodes["head"].ran) | set(cluster.nodes["b"].ran[-8:])
    assert set(c.ran[before:]) <= elsewhere
    wait_for(lambda: c.address not in nodes(service), "the node is given up", 90)


def test_augment_may_be_started_on_a_worker(
    cluster: Machines, service: ServiceOn, project: Path, tmp_path: Path
) -> None:
    assert service.stop() < 20
    b = cluster.nodes["b"]
    wait_for(lambda: not list(b.temporary.glob("augment-nodes-*")), "nothing is left on the node", 10)
    assert not [process for process in b.processes() if "Actor" in " ".join(process.cmdline())]
    other = ServiceOn(cluster, b, copy_of_example(tmp_path), tmp_path / "logs", ["--no-model", "--max-concurrent", "1"])
    try:
        other.start()
        run = wait_for(other.finished_runs, "the first run ends", 90)[0]
        assert run["counts"]["passed"] >= 15
        ready(other, cluster.nodes["head"])
        assert other.stop() < 20
    finally:
        other.kill()
