"""``augment findings``: listed, shown, run again and marked, on the store itself and through a running service."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from augment.behaviour import BehaviourChange
from augment.cli import make_app
from augment.commands.running import run_app
from augment.records import AdmissionState, Finding, FindingKind, FindingState
from augment.store import Store

Augment = Callable[..., tuple[int, str, str]]
TEST = "tests/augment/test_shop_augment.py"
FOUND = Finding(
    "finding-1",
    "shop:words",
    "words('') returns None, not list",
    "why it is one",
    "from shop import words\n\n\ndef test_words_as_stated():\n    assert isinstance(words(''), list)\n",
    0.85,
    9.0,
    kind=FindingKind.ANNOTATION,
    rests_on="-> list[str]",
    observed="words('') returns None",
    intended_source="from shop import words\n\n\ndef test_words_as_it_is():\n    assert words('') is None\n",
    key="k1",
    rule="return type",
)


@pytest.fixture
def augment(capsys: pytest.CaptureFixture[str]) -> Augment:
    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            run_app(make_app(), ["findings", *map(str, arguments)])
        told = capsys.readouterr()
        return int(str(ended.value.code)), told.out, told.err

    return run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text("def words(text: str) -> list[str]:\n    return text.split() if text else None\n")
    store = Store(tmp_path / ".augment" / "augment.db")
    store.put_finding(FOUND)
    store.put_finding(replace(FOUND, id="finding-2", key="k2", rule="x", confidence=0.6, title="unsure"))
    store.close()
    return tmp_path


def kept(project: Path, finding_id: str = "finding-1") -> Finding:
    store = Store(project / ".augment" / "augment.db")
    try:
        return store.finding_record(finding_id)
    finally:
        store.close()


def test_the_list_has_the_surest_first_and_can_be_narrowed(augment: Augment, project: Path) -> None:
    code, out, _ = augment(project)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[:2]] == ["finding-1", "finding-2"]
    assert "85%  words('') returns None, not list" in out
    assert "unsure" not in augment(project, "--confidence", "0.7")[1]
    assert "no finding is open" in augment(project, "--state", "noise")[1]
    augment("mark", "finding-2", "noise", project)
    assert "unsure" not in augment(project)[1]
    assert "unsure" in augment(project, "--all")[1]
    (row,) = json.loads(augment(project, "--json")[1])
    assert (row["rests_on"], row["kind"], row["state"]) == ("-> list[str]", "annotation", "open")


def test_one_is_shown_with_all_that_is_needed_to_judge_it(augment: Augment, project: Path) -> None:
    code, out, _ = augment("show", "finding-1", project)
    assert code == 0
    for words in (
        "finding-1  open  85% sure",
        "rests on: -> list[str]",
        "observed: words('') returns None",
        "found by: annotation / return type",
        "    assert isinstance(words(''), list)",
        "rerun it: augment findings run finding-1",
        "augment findings mark finding-1 bug|intended|noise",
    ):
        assert words in out


@pytest.mark.needs_sandbox
def test_it_is_run_again_and_resolved_once_the_code_keeps_its_word(augment: Augment, project: Path) -> None:
    code, out, _ = augment("run", "finding-1", project)
    assert code == 1
    assert "still disagrees: words('') returns None, not list" in out
    assert kept(project).state is FindingState.OPEN
    (project / "shop.py").write_text("def words(text: str) -> list[str]:\n    return text.split()\n")
    code, out, _ = augment("run", "finding-1", project)
    assert (code, out) == (0, "no longer disagrees: words('') returns None, not list\n")
    assert kept(project).state is FindingState.RESOLVED
    (project / "shop.py").write_text("def terms(text):\n    return text.split()\n")
    code, out, err = augment("run", "finding-1", project)
    assert (code, out) == (2, "")
    assert "cannot be rerun" in err


def test_what_is_intended_becomes_a_test_and_taking_that_back_takes_it_out(augment: Augment, project: Path) -> None:
    for _ in range(2):
        assert "intended: a test pins it" in augment("mark", "finding-1", "intended", project)[1]
    written = (project / TEST).read_text()
    assert written.count("def test_words_as_it_is") == 1
    assert 'assert words("") is None' in written
    store = Store(project / ".augment" / "augment.db")
    (admission,) = store.admission_records(AdmissionState.KEPT)
    store.close()
    assert (admission.target, admission.nodeid) == ("shop:words", f"{TEST}::test_words_as_it_is")
    assert kept(project).admission == admission.id
    assert "as a bug" in augment("mark", "finding-1", "bug", project)[1]
    assert not (project / TEST).exists()
    assert kept(project).admission == ""
    assert kept(project).state is FindingState.BUG


def test_a_change_of_behaviour_becomes_a_finding_when_somebody_says_what_it_is(augment: Augment, project: Path) -> None:
    change = BehaviourChange(
        "shop:words", "words('')", "[]", "None", "r2", "r1", 1.0, imports=("from shop import words",)
    )
    store = Store(project / ".augment" / "augment.db")
    store.put_behaviour([change])
    store.close()
    code, out, _ = augment("mark", change.id, "intended", project)
    assert code == 0
    finding_id = out.partition("marked ")[2].partition(" ")[0]
    assert kept(project, finding_id).kind is FindingKind.REVISION
    assert "assert words(" in (project / TEST).read_text()
    assert augment("mark", change.id, "bug", project)[0] == 0  # the same finding, and its test goes
    assert not (project / TEST).exists()
    assert "assert words('') == []" in augment("show", finding_id, project)[1]
    assert augment("run", finding_id, project)[0] == 1
    code, _, err = augment("mark", "behaviour-0", "bug", project)
    assert (code, "no change of behaviour is called 'behaviour-0'" in err) == (2, True)


def test_a_mark_can_be_taken_back(augment: Augment, project: Path) -> None:
    augment("mark", "finding-1", "noise", project)
    assert kept(project).state is FindingState.NOISE
    assert augment("mark", "finding-1", "open", project)[:2] == (0, "finding-1 is open again\n")
    assert kept(project).state is FindingState.OPEN


def test_what_cannot_be_done_is_one_line_and_2(augment: Augment, project: Path, tmp_path: Path) -> None:
    store = Store(project / ".augment" / "augment.db")
    store.put_finding(replace(FOUND, id="finding-3", key="k3", rule="y", intended_source=""))
    store.close()
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, words in (
        (("show", "finding-9", project), "no finding is called 'finding-9'"),
        (("run", "finding-9", project), "no finding is called 'finding-9'"),
        (("mark", "finding-9", "bug", project), "no finding is called 'finding-9'"),
        (("mark", "finding-1", "great", project), "bug, intended, noise or open, not 'great'"),
        (("mark", "finding-3", "intended", project), "no test that pins"),
        ((project, "--state", "great"), "--state great"),
        ((empty,), "Augment has never run on"),
        ((tmp_path / "gone",), "no folder"),
    ):
        code, out, err = augment(*arguments)
        assert (code, out) == (2, ""), arguments
        assert len(err.strip().splitlines()) == 1
        assert words in err


def test_a_running_service_is_asked_for_it_owns_the_store(
    augment: Augment, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from augment.analysis import discover_project
    from augment.commands import flaky
    from augment.dashboard import DashboardServer, create_app
    from augment.service.marking import mark
    from augment.store import Reporter

    reporter = Reporter(Store(project / ".augment" / "augment.db"), project, project / "results", None)

    class Actions:
        """Those of the service, without Ray."""

        def mark(self, finding_id: str, state: str) -> dict[str, object]:
            marked = mark(reporter, discover_project(project), finding_id, FindingState(state), "tests/augment")
            return {"id": marked.id, "state": marked.state.value}

    server = DashboardServer(create_app(reporter, Actions(), title="shop"), port=0)  # type: ignore[arg-type]
    server.start()
    monkeypatch.setattr(flaky, "read_service", lambda _root: type("Running", (), {"url": server.url}))
    try:
        assert "finding-1" in augment(project)[1]
        assert "rests on: -> list[str]" in augment("show", "finding-1", project)[1]
        assert augment("mark", "finding-1", "intended", project)[0] == 0
        assert (project / TEST).exists()
        assert reporter.finding_record("finding-1").state is FindingState.INTENDED
        assert "no finding is called 'finding-9'" in augment("show", "finding-9", project)[2]
    finally:
        server.stop()
        reporter.close()
