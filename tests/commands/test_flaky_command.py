"""``augment flaky``: the list, mutes, and one line for what cannot be done."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from augment.cli import make_app
from augment.commands.running import run_app
from augment.records import Conditions, Evidence, Lane, Outcome, Run, Verdict
from augment.store import Store

NAME = "tests/test_a.py::test_a[x/y]"
Augment = Callable[..., tuple[int, str, str]]


@pytest.fixture
def augment(capsys: pytest.CaptureFixture[str]) -> Augment:
    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            run_app(make_app(), ["flaky", *map(str, arguments)])
        told = capsys.readouterr()
        return int(str(ended.value.code)), told.out, told.err

    return run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    store = Store(tmp_path / ".augment" / "augment.db")
    store.start_run(Run("run-1", Lane.FAST, "saved a", "rev1", 1.0))
    store.record_verdicts("run-1", [Verdict(NAME, Outcome.FAILED, 0.1, "E  boom"), Verdict("b", Outcome.PASSED, 0.1)])
    store.add_attempts(
        [],
        [
            Evidence(
                NAME,
                passes=9,
                failures=3,
                mixed=True,
                tallies={"as usual": (6, 0), "time zone UTC": (3, 3)},
                failing=Conditions(time_zone="UTC"),
                cause="time zone UTC",
                reproduce="TZ=UTC python -m pytest x",
                score=0.25,
                low=0.1,
                high=0.4,
                is_flaky=True,
            )
        ],
    )
    store.close()
    return tmp_path


def test_the_list_says_how_sure_it_is_what_makes_it_fail_and_how_to_see_it(augment: Augment, project: Path) -> None:
    code, out, _ = augment(project)
    assert code == 0
    assert out.splitlines() == [
        NAME,
        "  flaky: flips in 25% of its attempts (90 % sure: 10% to 40%), 3 of 12 did not pass",
        "  fails: time zone UTC",
        "  did not pass: as usual 0/6, time zone UTC 3/6",
        "  reproduce: TZ=UTC python -m pytest x",
    ]
    assert augment("list", project)[1] == out


def test_the_list_as_json(augment: Augment, project: Path) -> None:
    (row,) = json.loads(augment(project, "--json")[1])
    assert (row["nodeid"], row["score"], row["muted"]) == (NAME, 0.25, False)


def test_a_mute_is_kept_until_its_day_and_can_be_ended(augment: Augment, project: Path) -> None:
    code, out, _ = augment("mute", NAME, project, "--days", "2")
    assert code == 0
    assert out.startswith(f"muted {NAME} until ")
    (row,) = json.loads(augment(project, "--json")[1])
    assert row["muted_by"] == "user"
    assert row["muted_until"] == pytest.approx(time.time() + 2 * 86400, abs=120)
    assert "muted by you until" in augment(project)[1]
    assert augment("unmute", NAME, project)[:2] == (0, f"unmuted {NAME}\n")
    assert "muted" not in augment(project)[1]


def test_what_cannot_be_done_is_one_line_and_2(augment: Augment, project: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, words in (
        (("mute", "nothing", project), "no test is called 'nothing'"),
        (("unmute", "nothing", project), "no test is called 'nothing'"),
        (("unmute", "b", project), "b is not muted"),
        ((empty,), "Augment has never run on"),
        ((tmp_path / "gone",), "no folder"),
        (("mute", NAME, project, "--days", "0"), "--days"),
        (("mute",), "NODEID"),
    ):
        code, out, err = augment(*arguments)
        assert (code, out) == (2, ""), arguments
        assert len(err.strip().splitlines()) == 1
        assert words in err


def test_nothing_flaky_is_said(augment: Augment, project: Path) -> None:
    store = Store(project / ".augment" / "augment.db")
    store.content_changed(["tests/test_a.py"])
    store.close()
    assert augment(project)[1] == "no test is known to be flaky, and none is muted\n"


def test_a_number_of_days_that_is_none_is_refused(augment: Augment, project: Path) -> None:
    code, _, err = augment("mute", NAME, project, "--days", "nan")
    assert code == 2
    assert "--days" in err


def test_a_name_too_long_for_a_file_is_one_line(augment: Augment) -> None:
    code, _, err = augment("mute", NAME, "x" * 300)
    assert code == 2
    assert len(err.strip().splitlines()) == 1
