"""From a revision to its verdicts, with the real executor and the real store, in one process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from augment.analysis import Snapshots
from augment.execution import LocalExecutor
from augment.records import Fault, FaultKind, Project, Verdict
from augment.seams import Batch, BatchResult, Executor, Limits, VerdictSink
from augment.service import Coordinator, Sources, state_folder
from augment.service.running import limits_for
from augment.service.surroundings import ENVIRONMENT
from augment.store import Reporter


@pytest.fixture(scope="module")
def executor() -> Iterator[LocalExecutor]:
    executor = LocalExecutor(2)
    yield executor
    executor.close()


Make = Callable[[Executor], Coordinator]


@pytest.fixture
def coordinate(project: Project, reporter: Reporter, root: Path) -> Iterator[Make]:
    made: list[Coordinator] = []

    def make(executor: Executor) -> Coordinator:
        made.append(
            Coordinator(project, executor, reporter, Sources(state_folder(root) / "sources"), parallel=lambda: 2)
        )
        return made[-1]

    yield make
    for coordinator in made:
        coordinator.stop()


def outcomes(reporter: Reporter) -> dict[str, str]:
    return {nodeid.partition("::")[2] or nodeid: outcome for nodeid, outcome in reporter.latest_outcomes().items()}


def edit(root: Path, name: str, old: str, new: str) -> None:
    path = root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_first_look_runs_everything_and_a_known_revision_runs_nothing(
    root: Path, reporter: Reporter, executor: LocalExecutor, coordinate: Make
) -> None:
    coordinator = coordinate(executor)
    coordinator.handle(Snapshots(root).take())
    assert outcomes(reporter) == {"test_net": "passed", "test_double": "passed", "test_title": "passed"}
    coordinator.handle(Snapshots(root).take())
    assert len(reporter.runs()) == 1


def test_a_save_runs_the_tests_that_ran_the_changed_function_and_no_other(
    root: Path, reporter: Reporter, executor: LocalExecutor, coordinate: Make
) -> None:
    coordinator = coordinate(executor)
    coordinator.handle(Snapshots(root).take())
    edit(root, "shop/pricing.py", "2 * x", "3 * x")
    coordinator.handle(Snapshots(root).take())
    newest = reporter.run(reporter.runs()[0]["id"])
    assert newest is not None
    assert [(v["nodeid"], v["outcome"]) for v in newest["verdicts"]] == [
        ("tests/test_pricing.py::test_double", "failed")
    ]
    assert "shop/pricing.py" in newest["reason"]
    assert newest["revision"] == Snapshots(root).take().revision


def test_a_comment_runs_nothing_and_selection_stays_right_after_the_lines_have_moved(
    root: Path, reporter: Reporter, executor: LocalExecutor, coordinate: Make
) -> None:
    coordinator = coordinate(executor)
    coordinator.handle(Snapshots(root).take())
    edit(root, "shop/pricing.py", "def net", "# one\n# two\n# three\n# four\ndef net")
    coordinator.handle(Snapshots(root).take())
    assert len(reporter.runs()) == 1
    edit(root, "shop/pricing.py", "gross / (1 + rate)", "gross / (2 + rate)")
    coordinator.handle(Snapshots(root).take())
    newest = reporter.run(reporter.runs()[0]["id"])
    assert newest is not None
    assert [v["nodeid"] for v in newest["verdicts"]] == ["tests/test_pricing.py::test_net"]


def test_a_broken_module_is_an_error_of_its_test_file_until_it_is_mended(
    root: Path, reporter: Reporter, executor: LocalExecutor, coordinate: Make
) -> None:
    coordinator = coordinate(executor)
    coordinator.handle(Snapshots(root).take())
    edit(root, "shop/names.py", "def title(text):", "def title(text:")
    coordinator.handle(Snapshots(root).take())
    assert "error" in outcomes(reporter).values()
    edit(root, "shop/names.py", "def title(text:", "def title(text):")
    coordinator.handle(Snapshots(root).take())
    assert set(outcomes(reporter).values()) == {"passed"}


def test_deleted_and_renamed_tests_leave_the_list(
    root: Path, reporter: Reporter, executor: LocalExecutor, coordinate: Make
) -> None:
    coordinator = coordinate(executor)
    coordinator.handle(Snapshots(root).take())
    (root / "tests/test_names.py").unlink()
    edit(root, "tests/test_pricing.py", "def test_double", "def test_twice")
    coordinator.handle(Snapshots(root).take())
    assert outcomes(reporter) == {"test_net": "passed", "test_twice": "passed"}


def test_a_changed_function_gets_a_job_and_an_unchanged_one_does_not(
    root: Path, reporter: Reporter, executor: LocalExecutor, coordinate: Make
) -> None:
    coordinator = coordinate(executor)
    coordinator.handle(Snapshots(root).take())
    edit(root, "shop/pricing.py", "2 * x", "x + x")
    edit(root, "shop/names.py", "def title", "def shout(text):\n    return text.upper()\n\n\ndef title")
    coordinator.handle(Snapshots(root).take())
    assert {job.target for job in reporter.pending_jobs()} == {"shop.pricing:double", "shop.names:shout"}


def test_a_new_start_goes_on_where_the_last_one_ended(
    root: Path, reporter: Reporter, executor: LocalExecutor, coordinate: Make
) -> None:
    coordinate(executor).handle(Snapshots(root).take())
    edit(root, "shop/pricing.py", "2 * x", "3 * x")  # while nobody watches
    coordinate(executor).handle(Snapshots(root).take())
    newest = reporter.run(reporter.runs()[0]["id"])
    assert newest is not None
    assert [v["nodeid"] for v in newest["verdicts"]] == ["tests/test_pricing.py::test_double"]


class Gated:
    """The real executor behind a gate, so that a test decides when a batch begins."""

    def __init__(self, inner: LocalExecutor) -> None:
        self._inner = inner
        self.began = threading.Event()
        self.go = threading.Event()
        self.hold = False
        self.cancelled: list[str] = []

    def run(self, batch: Batch, on_verdict: VerdictSink | None = None) -> BatchResult:
        if self.hold:
            self.began.set()
            assert self.go.wait(20)
        return self._inner.run(batch, on_verdict)

    def cancel(self, batch_id: str) -> None:
        self.cancelled.append(batch_id)
        self._inner.cancel(batch_id)

    def close(self) -> None:
        self._inner.close()


def test_a_newer_save_ends_the_run_in_progress_and_its_tests_run_on_the_new_revision(
    root: Path, reporter: Reporter, executor: LocalExecutor, coordinate: Make
) -> None:
    gated = Gated(executor)
    coordinator = coordinate(gated)
    coordinator.handle(Snapshots(root).take())
    coordinator.start()
    gated.hold = True
    edit(
        root,
        "tests/test_pricing.py",
        "def test_net",
        "import time\n\n\ndef test_slow():\n    time.sleep(30)\n\n\ndef test_net",
    )
    edit(root, "shop/pricing.py", "2 * x", "3 * x")
    coordinator.revision(Snapshots(root).take())
    assert gated.began.wait(20)
    gated.hold = False
    gated.go.set()
    _wait_until(lambda: any(not run["finished_at"] for run in reporter.runs()))
    edit(root, "tests/test_pricing.py", "time.sleep(30)", "pass")
    edit(root, "shop/pricing.py", "3 * x", "4 * x")
    coordinator.revision(Snapshots(root).take())
    assert coordinator.wait_idle(25)
    assert gated.cancelled
    assert outcomes(reporter)["test_slow"] == "passed"
    assert outcomes(reporter)["test_double"] == "failed"


class Interrupted:
    """The real executor, which a newer save ends whenever a batch records what tests run."""

    def __init__(self, inner: LocalExecutor) -> None:
        self._inner = inner
        self.recorded: list[bool] = []
        self.on = False

    def run(self, batch: Batch, on_verdict: VerdictSink | None = None) -> BatchResult:
        self.recorded.append(batch.coverage)
        if self.on and batch.coverage:
            return BatchResult(batch.id, fault=Fault(FaultKind.SUPERSEDED, "a newer save came"))
        return self._inner.run(batch, on_verdict)

    def cancel(self, batch_id: str) -> None:
        self._inner.cancel(batch_id)

    def close(self) -> None:
        self._inner.close()


def test_verdicts_come_before_recording_and_tests_that_were_not_recorded_are_selected_again(
    root: Path, reporter: Reporter, executor: LocalExecutor, coordinate: Make
) -> None:
    interrupted = Interrupted(executor)
    coordinator = coordinate(interrupted)
    coordinator.handle(Snapshots(root).take())
    interrupted.recorded.clear()
    interrupted.on = True
    edit(root, "shop/pricing.py", "2 * x", "3 * x")
    coordinator.handle(Snapshots(root).take())
    assert interrupted.recorded == [False, True]
    assert outcomes(reporter)["test_double"] == "failed"
    interrupted.on = False
    edit(root, "shop/names.py", "text.title()", "text.upper()")
    coordinator.handle(Snapshots(root).take())
    newest = reporter.run(reporter.runs()[0]["id"])
    assert newest is not None
    assert {v["nodeid"].partition("::")[2] for v in newest["verdicts"]} == {"test_double", "test_title"}


def test_a_save_that_is_taken_back_before_its_run_ends_leaves_no_stale_verdict(
    root: Path, reporter: Reporter, executor: LocalExecutor, coordinate: Make
) -> None:
    coordinator = coordinate(executor)
    coordinator.handle(Snapshots(root).take())
    coordinator.start()
    slow = "import time\n\n\ndef test_zz_slow():\n    double(1)\n    time.sleep(1)\n"
    edit(root, "tests/test_pricing.py", "def test_double", slow.partition("\n\n\n")[2] + "\n\ndef test_double")
    edit(root, "tests/test_pricing.py", "from shop.pricing", "import time\n\nfrom shop.pricing")
    coordinator.revision(Snapshots(root).take())
    assert coordinator.wait_idle(20)
    edit(root, "shop/pricing.py", "2 * x", "3 * x")
    coordinator.revision(Snapshots(root).take())
    _wait_until(lambda: outcomes(reporter)["test_double"] == "failed")
    edit(root, "shop/pricing.py", "3 * x", "2 * x")
    coordinator.revision(Snapshots(root).take())
    _wait_until(lambda: set(outcomes(reporter).values()) == {"passed"})


class Watched:
    """The real executor beside a watcher that looks when a test has ended and when a batch is over."""

    def __init__(self, inner: LocalExecutor, root: Path) -> None:
        self._inner = inner
        self._root = root
        self.coordinator: Coordinator | None = None

    def run(self, batch: Batch, on_verdict: VerdictSink | None = None) -> BatchResult:
        def look(verdict: Verdict) -> None:
            self._look()
            if on_verdict is not None:
                on_verdict(verdict)

        result = self._inner.run(batch, look)
        self._look()
        return result

    def _look(self) -> None:
        assert self.coordinator is not None
        self.coordinator.revision(Snapshots(self._root).take())

    def cancel(self, batch_id: str) -> None:
        self._inner.cancel(batch_id)

    def close(self) -> None:
        self._inner.close()


def test_tests_that_write_into_the_project_do_not_begin_anew_for_ever(
    root: Path, reporter: Reporter, executor: LocalExecutor, coordinate: Make
) -> None:
    (root / "tests" / "test_writing.py").write_text(
        "import pathlib, time, uuid\n\n\n"
        "def test_log():\n    with open('log.txt', 'a+') as log:\n        log.write('again')\n\n\n"
        "def test_temporary():\n    made = pathlib.Path(f'tmp{uuid.uuid4().hex}.py')\n"
        "    made.write_text('x = 1')\n    time.sleep(0.3)\n    made.unlink()\n"
    )
    watched = Watched(executor, root)
    watched.coordinator = coordinate(watched)
    watched.coordinator.start()
    watched.coordinator.revision(Snapshots(root).take())
    assert watched.coordinator.wait_idle(60)
    assert set(outcomes(reporter).values()) == {"passed"}
    runs = reporter.runs()
    assert len(runs) <= 5
    assert all(run["finished_at"] for run in runs)
    edit(root, "shop/pricing.py", "2 * x", "3 * x")
    watched.coordinator.revision(Snapshots(root).take())
    assert watched.coordinator.wait_idle(60)
    assert outcomes(reporter)["test_double"] == "failed"


def _wait_until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    waiting = threading.Event()
    for _ in range(int(timeout_s / 0.05)):
        if condition():
            return
        waiting.wait(0.05)
    pytest.fail("it never happened")


def test_a_fault_is_tried_again_after_the_other_verdicts_and_every_attempt_is_kept(
    root: Path, reporter: Reporter, executor: LocalExecutor, coordinate: Make
) -> None:
    coordinator = coordinate(executor)
    edit(
        root,
        "tests/test_names.py",
        "def test_title",
        "import os\nfrom pathlib import Path\n\n\n"
        "def test_dies_once(tmp_path_factory):\n    mark = Path('.augment/died')\n"
        "    if not mark.exists():\n        mark.write_text('')\n        os._exit(1)\n\n\n"
        "def test_dies():\n    os._exit(1)\n\n\ndef test_title",
    )
    coordinator.handle(Snapshots(root).take())
    (run,) = reporter.runs()
    assert run["finished_at"] is not None
    detail = reporter.run(run["id"])
    assert detail is not None
    found = {verdict["nodeid"].partition("::")[2]: verdict for verdict in detail["verdicts"]}
    assert found["test_dies_once"]["outcome"] == "passed"
    assert found["test_dies"]["outcome"] == "fault"
    assert "deterministic" in found["test_dies"]["fault"]["detail"]
    assert found["test_title"]["outcome"] == "passed"
    kept = reporter.attempts_of("tests/test_names.py::test_dies_once")
    assert [(one["number"], one["outcome"], one["purpose"]) for one in kept] == [
        (2, "passed", "retry"),
        (1, "fault", "retry"),
    ]


def test_a_save_that_touches_a_muted_test_ends_its_mute(
    root: Path, reporter: Reporter, executor: LocalExecutor, coordinate: Make
) -> None:
    coordinator = coordinate(executor)
    coordinator.handle(Snapshots(root).take())
    for name in ("test_pricing.py::test_double", "test_names.py::test_title"):
        reporter.mute(f"tests/{name}", 1e12)
    edit(root, "shop/pricing.py", "2 * x", "3 * x")
    coordinator.handle(Snapshots(root).take())
    assert [test["nodeid"] for test in reporter.summary()["failing"]] == ["tests/test_pricing.py::test_double"]
    assert [test["nodeid"] for test in reporter.flaky()] == ["tests/test_names.py::test_title"]


def test_a_new_test_runs_alone_and_the_decision_says_why(
    root: Path, reporter: Reporter, executor: LocalExecutor, coordinate: Make
) -> None:
    coordinator = coordinate(executor)
    coordinator.handle(Snapshots(root).take())
    assert reporter.decisions()[0].everything
    edit(root, "tests/test_pricing.py", "def test_double", "def test_more():\n    pass\n\n\ndef test_double")
    coordinator.handle(Snapshots(root).take())
    newest = reporter.run(reporter.runs()[0]["id"])
    assert newest is not None
    assert [v["nodeid"] for v in newest["verdicts"]] == ["tests/test_pricing.py::test_more"]
    decision = reporter.decisions()[0]
    assert decision.run_id == newest["id"]
    assert decision.reasons == {"tests/test_pricing.py::test_more": "new or redefined in tests/test_pricing.py"}
    assert decision.changes == {"tests/test_pricing.py": ("test_more",)}
    assert newest["selection"]["reasons"] == decision.reasons


def test_a_change_that_no_test_runs_is_decided_too(
    root: Path, reporter: Reporter, executor: LocalExecutor, coordinate: Make
) -> None:
    coordinator = coordinate(executor)
    coordinator.handle(Snapshots(root).take())
    edit(root, "shop/names.py", "def title", "def shout(text):\n    return text\n\n\ndef title")
    coordinator.handle(Snapshots(root).take())
    edit(root, "shop/names.py", "    return text\n", "    return text * 2\n")
    coordinator.handle(Snapshots(root).take())
    decision = reporter.decisions()[0]
    assert (decision.run_id, decision.reasons, decision.changes) == (None, {}, {"shop/names.py": ("shout",)})


def test_parameters_that_are_gone_leave_the_list_and_new_ones_join_it(
    root: Path, reporter: Reporter, executor: LocalExecutor, coordinate: Make
) -> None:
    edit(
        root,
        "tests/test_pricing.py",
        "def test_double():",
        "import pytest\n\n\n@pytest.mark.parametrize('n', [1, 2])\ndef test_double(n):",
    )
    coordinator = coordinate(executor)
    coordinator.handle(Snapshots(root).take())
    edit(root, "tests/test_pricing.py", "[1, 2]", "[2, 3]")
    coordinator.handle(Snapshots(root).take())
    assert {name for name in outcomes(reporter) if "double" in name} == {"test_double[2]", "test_double[3]"}


def test_a_package_that_was_installed_again_runs_the_tests_that_import_it(
    root: Path, reporter: Reporter, executor: LocalExecutor, coordinate: Make
) -> None:
    edit(root, "shop/names.py", "def title", "import pluggy\n\n\ndef title")
    coordinate(executor).handle(Snapshots(root).take())
    known = reporter.recall(ENVIRONMENT)
    known["distributions"]["pluggy"][0] = "0.1"
    reporter.remember(ENVIRONMENT, known)
    coordinator = coordinate(executor)
    coordinator.handle(Snapshots(root).take())
    newest = reporter.run(reporter.runs()[0]["id"])
    assert newest is not None
    assert [v["nodeid"] for v in newest["verdicts"]] == ["tests/test_names.py::test_title"]
    assert "the installed pluggy" in newest["reason"]
    coordinator.handle(Snapshots(root).take())
    assert len(reporter.runs()) == 2


def test_a_suite_of_many_tests_is_given_more_time_than_a_batch_of_few() -> None:
    limits = Limits(wall_s=10.0, test_s=2.0)
    assert limits_for(limits, 3) == limits
    assert limits_for(limits, 0) == limits_for(limits, 1000) == Limits(wall_s=120.0, test_s=2.0)
