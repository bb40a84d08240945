"""Three Ray nodes that share nothing but a network: revisions are sent, verdicts are right, a node may die.

The tests of this module are one story, told in order on one cluster, which takes half a minute to start.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from namespaces import Machines, Node, ServiceOn, machines, why_not
from running import copy_of_example, wait_for

from augment.analysis import take_snapshot

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

SLOW = """
import os, time
import pytest

@pytest.mark.parametrize("number", range(4))
def test_slow(number, answers, request):
    if "RAN_ON_NODE" in os.environ:
        with open(os.environ["RAN_ON_NODE"], "a") as ran:
            ran.write(request.node.nodeid + "\\n")
    time.sleep({seconds})
    assert number != 3 or answers["{name}"]
"""

IGNORED = """
from pathlib import Path

def test_with_what_git_ignores(answers):
    assert Path("built/data.txt").read_text() == "built here"
"""

CONFTEST = """
import pytest

@pytest.fixture
def answers():
    return {answers}
"""

PRICES = """
def discounted(price: int, percent: int) -> int:
    if percent > 50:
        raise ValueError("too good to be true")
    return price - price * percent // 100
"""

PRICES_TEST = """
from prices import discounted

def test_no_discount():
    assert discounted(200, 0) == 200
"""

SETTINGS = {
    "AUGMENT_RESOURCE_THRESHOLD": "1.0",
    "AUGMENT_IDLE": "false",
    "AUGMENT_FLAKY_RERUNS": "false",
    "AUGMENT_CONTROL_TESTS": "0",
    "AUGMENT_GENERATORS": "search",
}
SLOW_TESTS = {f"tests/test_slow_{name}.py::test_slow[{number}]" for name in "abc" for number in range(4)}
NEED_IGNORED = {f"tests/test_slow_{name}.py::test_with_what_git_ignores" for name in "ab"}
FLAGS = ("--no-model", "--max-concurrent", "1")


def write_conftest(project: Path, answers: dict[str, bool]) -> Path:
    file = project / "tests" / "conftest.py"
    file.write_text(CONFTEST.format(answers=answers))
    return file


def write_slow(project: Path, seconds: float) -> None:
    """Three files of equal length, so that of three batches each gets one; two of them need what git ignores."""
    for name in "abc":
        text = SLOW.format(name=name, seconds=seconds) + (IGNORED if name in "ab" else "")
        (project / "tests" / f"test_slow_{name}.py").write_text(text)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copy_of_example(tmp_path_factory.mktemp("hidden"))
    (root / "built").mkdir()
    (root / "built" / "data.txt").write_text("built here")
    with (root / ".gitignore").open("a") as ignore:
        ignore.write("/built/\n")
    write_conftest(root, dict.fromkeys("abc", True))
    write_slow(root, 0.5)
    return root


@pytest.fixture(scope="module")
def cluster(project: Path) -> Iterator[Machines]:
    with machines(project.parent) as made:
        yield made
    wait_for(lambda: not made.left_behind(), f"nothing is left behind: {made.left_behind()}", 10)
    assert not made.folder.exists()


@pytest.fixture(scope="module")
def service(cluster: Machines, project: Path) -> Iterator[ServiceOn]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        made = ServiceOn(cluster, cluster.nodes["head"], project, project.parent / "logs", FLAGS)
        try:
            made.start()
            yield made
        finally:
            made.kill()


def nodes(service: ServiceOn) -> dict[str, dict[str, Any]]:
    return {node["address"]: node for node in service.get("health")["nodes"]}


def ready(service: ServiceOn, *wanted: Node) -> None:
    def all_ready() -> bool:
        found = nodes(service)
        refused = [node for node in found.values() if node["state"] == "refused"]
        assert not refused, refused
        return all(found.get(node.address, {}).get("state") == "ready" for node in wanted)

    wait_for(all_ready, "the other nodes are ready", 90)


def outcomes_of(service: ServiceOn, revision: str) -> dict[str, str]:
    """The outcome of every test, once the run of this revision has ended."""

    def ended() -> bool:
        return any(run["revision"] == revision for run in service.finished_runs())

    wait_for(ended, f"the run of {revision} ends", 120)
    return {test["nodeid"]: test["outcome"] for test in service.get("tests")}


def test_every_node_gives_right_verdicts_on_files_that_it_was_sent(
    cluster: Machines, service: ServiceOn, project: Path
) -> None:
    _, b, c = cluster.nodes.values()
    ready(service, b, c)
    first = outcomes_of(service, take_snapshot(project).revision)
    assert set(first.values()) == {"passed"}
    assert first.keys() >= SLOW_TESTS | NEED_IGNORED
    # One test of each file fails: whoever runs it has to say so, of this very revision.
    write_conftest(project, dict.fromkeys("abc", False))
    revision = take_snapshot(project).revision
    outcomes = outcomes_of(service, revision)
    failed = {nodeid for nodeid, outcome in outcomes.items() if outcome != "passed"}
    assert failed == {f"tests/test_slow_{name}.py::test_slow[3]" for name in "abc"}
    rows = {test["nodeid"]: test for test in service.get("tests")}
    assert {rows[nodeid]["revision"] for nodeid in SLOW_TESTS} == {revision}
    for node in (b, c):
        assert len({line for line in node.ran if line.endswith("[3]")}) >= 1, "it ran one that fails"
        assert nodes(service)[node.address]["batches"] >= 1
    # At least one of the two files that need what git ignores ran elsewhere: it failed there, and nobody was told.
    log = (service.logs / "service.log").read_text()
    assert "test_with_what_git_ignores passes here and not on node" in log


def test_only_what_differs_is_sent_of_the_next_revision(cluster: Machines, service: ServiceOn, project: Path) -> None:
    b, c = cluster.nodes["b"], cluster.nodes["c"]

    def sent() -> list[tuple[int, int]]:
        found = [nodes(service)[node.address] for node in (b, c)]
        return [(node["files"], node["bytes"]) for node in found if node["files"]]

    before = wait_for(lambda: found if len(found := sent()) == 2 else None, "what was sent is told", 20)
    assert before is not None
    files = take_snapshot(project).files
    assert all(count <= len(files) for count, _ in before)
    assert all(size <= sum((project / path).stat().st_size for path in files) for _, size in before)
    ran = len(b.ran), len(c.ran)
    conftest = write_conftest(project, dict.fromkeys("abcd", True))
    outcomes = outcomes_of(service, take_snapshot(project).revision)
    assert set(outcomes.values()) == {"passed"}
    assert len(b.ran) > ran[0]
    assert len(c.ran) > ran[1]
    expected = [(count + 1, size + conftest.stat().st_size) for count, size in before]
    wait_for(lambda: sent() == expected, f"the one file that differs was sent: {expected}", 20)


def test_a_node_that_dies_in_the_middle_loses_no_verdict_and_its_batch_runs_again(
    cluster: Machines, service: ServiceOn, project: Path
) -> None:
    head, b, c = cluster.nodes.values()
    before = {node.name: len(node.ran) for node in (head, b, c)}
    write_slow(project, 2.0)
    revision = take_snapshot(project).revision

    def acknowledged() -> dict[str, str]:
        known = {test["nodeid"]: test for test in service.get("tests") if test["revision"] == revision}
        mine = c.ran[before["c"] :]
        return {name: known[name]["outcome"] for name in mine if name in known}

    told = wait_for(acknowledged, "a test that ran on the node has its verdict", 60, every_s=0.05)
    c.kill()
    theirs = set(c.ran[before["c"] :])
    assert len(theirs) < 4, "it was in the middle of its batch"
    outcomes = outcomes_of(service, revision)
    assert told.items() <= outcomes.items()
    assert set(outcomes.values()) == {"passed"}
    again = set(head.ran[before["head"] :]) | set(b.ran[before["b"] :])
    assert again == SLOW_TESTS
    assert theirs <= again
    assert "was lost under batch-" in (service.logs / "service.log").read_text()
    wait_for(lambda: c.address not in nodes(service), "the node is given up", 90)


@pytest.mark.needs_sandbox
def test_nothing_is_left_on_a_node_and_augment_may_be_started_there(
    cluster: Machines, service: ServiceOn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    b = cluster.nodes["b"]
    assert list(b.temporary.glob("augment-nodes-*"))
    assert service.stop() < 20
    wait_for(lambda: not list(b.temporary.glob("augment-nodes-*")), "no file is left on the node", 10)
    wait_for(lambda: not _actors(b), "no actor is left on the node", 10)
    # From here on tests are written too: they are judged on the other node, while this one is free for verdicts.
    monkeypatch.setenv("AUGMENT_IDLE", "true")
    monkeypatch.setenv("AUGMENT_BUDGET_SECONDS_PER_MODULE", "15")
    small = tmp_path / "small"
    (small / "tests").mkdir(parents=True)
    (small / "prices.py").write_text(PRICES)
    (small / "tests" / "test_prices.py").write_text(PRICES_TEST)
    other = ServiceOn(cluster, b, small, tmp_path / "logs", FLAGS)
    try:
        other.start()
        run = wait_for(other.finished_runs, "the first run ends", 90)[0]
        assert run["counts"]["passed"] == 1
        ready(other, cluster.nodes["head"])
        wait_for(other.admissions, "a test is kept", 120)
        assert nodes(other)[cluster.nodes["head"].address]["batches"] >= 1
        assert other.stop() < 20
    finally:
        other.kill()


def _actors(node: Node) -> list[str]:
    titles = []
    for process in node.processes():
        try:
            titles.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return [title for title in titles if "Actor" in title]
