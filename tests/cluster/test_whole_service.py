"""The whole service without a model: verdicts on a save, a clean stop, and what survives ``kill -9`` of each part."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from running import Service, Start, copy_of_example, free_port, wait_for

from augment.cluster.preflight import own_addresses
from augment.loopback import is_loopback

TOKEN = "s3cret-of-the-whole-service-test"


@pytest.fixture(autouse=True)
def _only_throttled_by_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about survival: whatever else the machine does must not hold the work back."""
    monkeypatch.setenv("AUGMENT_RESOURCE_THRESHOLD", "1.0")


def break_it(project: Path) -> tuple[Path, str]:
    """Break a function that the example's tests cover; the file and its former text."""
    path = project / "bookshop" / "isbn.py"
    text = path.read_text()
    assert "% 11" in text
    path.write_text(text.replace("% 11", "% 12"))
    return path, text


def first_look(service: Service) -> dict[str, Any]:
    (run,) = wait_for(service.finished_runs, "the first run ends", 60)
    return run


def failing(service: Service) -> set[str]:
    return {test["nodeid"] for test in service.get("tests") if test["outcome"] == "failed"}


def left_over(marks: list[psutil.Process]) -> list[str]:
    alive = []
    for process in marks:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(" ".join(process.cmdline())[:100])
        except psutil.NoSuchProcess:
            continue
    return alive


def test_a_save_is_judged_and_a_stop_leaves_nothing_behind(start: Start) -> None:
    service = start(None, "--no-model")
    assert first_look(service)["counts"]["passed"] >= 15
    path, text = break_it(service.project)
    wait_for(lambda: failing(service), "the failing verdict", 30)
    path.write_text(text)
    wait_for(lambda: not failing(service), "the mended verdict", 30)
    tasks = wait_for(
        lambda: (service.project / "TASKS.md").exists() and (service.project / "TASKS.md").read_text(), "TASKS.md", 10
    )
    assert "augment:begin" in tasks
    status = subprocess.run(
        [sys.executable, "-m", "augment", "status", str(service.project)], capture_output=True, text=True, check=False
    )
    assert status.returncode == 0, status.stderr
    assert service.url in status.stdout
    family = service.processes()
    assert len(family) > 8
    assert service.stop() < 10
    wait_for(lambda: not left_over(family), "all processes end", 10)
    assert not (service.project / ".augment" / "service.json").exists()
    assert "stopped" in service.output
    assert "Traceback" not in service.output


def test_beyond_this_machine_only_the_dashboard_is_reached_and_its_token_is_nowhere(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [address for address in own_addresses() if not is_loopback(address) and ":" not in address]
    if not others:
        pytest.skip("this machine has no address but loopback")
    host = others[0]
    monkeypatch.setenv("AUGMENT_TOKEN", TOKEN)
    monkeypatch.setenv("AUGMENT_LOG_LEVEL", "DEBUG")
    service = start(None, "--no-model", "--host", host, host=host, token=TOKEN)
    first_look(service)
    assert httpx.get(f"{service.url}/api/v1/runs", trust_env=False).status_code == 401
    status = [sys.executable, "-m", "augment", "status", str(service.project)]
    done = subprocess.run(status, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("AUGMENT_TOKEN", TOKEN[::-1])
    done = subprocess.run(status, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "401" in done.stderr
    family = [psutil.Process(service.pid), *service.processes()]
    assert listening(family) == {host: {service.port}}
    # Where a token could have gone: what was printed and logged, process titles, inherited variables, Ray's own files.
    assert "`augment token`" in service.output
    assert TOKEN not in service.output
    for process in family:
        with contextlib.suppress(psutil.Error):
            assert TOKEN not in " ".join(process.cmdline())
            assert process.pid == service.pid or TOKEN not in process.environ().values()
    ray_files = Path(tempfile.gettempdir()) / "ray" / "session_latest"
    assert list(ray_files.rglob("*.out"))
    for folder in (service.logs, service.project, ray_files.resolve()):
        assert not [path for path in folder.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    jobs = httpx.get(f"{service.ray_dashboard}/api/jobs/", trust_env=False)
    assert jobs.status_code == 200
    assert jobs.json()
    assert TOKEN not in jobs.text
    actors = httpx.get(f"{service.ray_dashboard}/api/v0/actors?detail=true", trust_env=False)
    assert "augment-v1-reporter" in actors.text
    assert TOKEN not in actors.text


def listening(family: list[psutil.Process]) -> dict[str, set[int]]:
    """Ports that these processes listen on at other addresses than loopback."""
    found: dict[str, set[int]] = {}
    for process in family:
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN and not is_loopback(connection.laddr.ip):
                    found.setdefault(connection.laddr.ip, set()).add(connection.laddr.port)
    return found


def test_the_next_launch_goes_on_where_the_last_one_was_killed(start: Start, tmp_path: Path) -> None:
    project = copy_of_example(tmp_path)
    service = start(project, "--no-model")
    first_look(service)
    wait_for(service.admissions, "a test is kept", 120)
    seen = {event["nodeid"] for _, name, event in service.events if name == "verdict"}
    kept = {admission["nodeid"] for admission in service.admissions()}
    # Ray's own two agents look for their lost head for about a minute before they end; they hold nothing of ours.
    family = [process for process in service.processes() if "Agent" not in process.cmdline()[0]]
    psutil.Process(service.pid).send_signal(signal.SIGKILL)
    wait_for(lambda: not left_over(family), "all processes end with the driver", 30)
    assert_files_are_whole(project)
    break_it(project)

    again = start(project, "--no-model")
    wait_for(lambda: failing(again), "what was broken meanwhile is noticed", 60)
    assert kept <= {admission["nodeid"] for admission in again.admissions()}
    assert seen <= {test["nodeid"] for test in again.get("tests")}
    newest = again.finished_runs()[0]
    assert newest["counts"]["failed"] > 0
    assert "first look" not in newest["reason"]


def test_killing_the_reporter_or_an_executor_loses_nothing_acknowledged(start: Start) -> None:
    service = start(None, "--no-model")
    first_look(service)
    before = {test["nodeid"]: test["outcome"] for test in service.get("tests")}
    runs = {run["id"] for run in service.finished_runs()}
    pid = service.kill_actor("ray::ReporterActor")
    wait_for(lambda: [p for p in service.processes("ray::ReporterActor") if p.pid != pid], "the reporter is back", 30)
    after = {test["nodeid"]: test["outcome"] for test in wait_for(lambda: service.get("tests"), "it answers", 30)}
    assert before.items() <= after.items()
    assert runs <= {run["id"] for run in service.finished_runs()}

    # In the middle of a batch: the batch is run again elsewhere, and no test failed because a worker died.
    slow = service.project / "tests" / "test_slow.py"
    slow.write_text("import time\n\n\ndef test_quick():\n    pass\n\n\ndef test_slow():\n    time.sleep(3)\n")
    wait_for(
        lambda: [n for _, name, n in service.events if name == "verdict" and "test_quick" in n["nodeid"]], "it runs", 30
    )
    for process in service.processes("ray::ExecutorActor"):
        process.send_signal(signal.SIGKILL)
    outcome = wait_for(
        lambda: [t for t in service.get("tests") if t["nodeid"] == "tests/test_slow.py::test_slow"],
        "it is run again",
        60,
    )
    assert outcome[0]["outcome"] == "passed"
    path, _ = break_it(service.project)
    wait_for(lambda: failing(service), f"work goes on: {path} is judged", 60)
    assert service.stop() < 10
    assert_files_are_whole(service.project)


def assert_files_are_whole(project: Path) -> None:
    """The store is sound, kept tests parse, and no temporary file is half of something."""
    with sqlite3.connect(project / ".augment" / "augment.db") as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    for path in project.rglob("*.py"):
        compile(path.read_text(), str(path), "exec")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["/nowhere/at/all"], "/nowhere/at/all"),
        ([".", "--address", "127.0.0.1:1"], "127.0.0.1:1"),
        ([".", "--resource-threshold", "7"], "resource"),
        ([".", "--accept", "perhaps"], "perhaps"),
        ([".", "--python", "/no/python"], "/no/python"),
        ([".", "--model-name", "no/such-model"], "no/such-model"),
    ],
)
def test_what_stands_in_the_way_is_one_line_within_seconds(flags: list[str], words: str, tmp_path: Path) -> None:
    project = copy_of_example(tmp_path)
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "augment.launch", *flags, "--log-dir", str(tmp_path / "logs")],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert time.monotonic() - began < 20


def test_a_second_service_on_the_same_project_is_refused(start: Start) -> None:
    service = start(None, "--no-model")
    done = subprocess.run(
        [sys.executable, "-m", "augment.launch", str(service.project), "--no-model", "--port", str(free_port())],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert str(service.pid) in done.stderr
    assert "augment stop" in done.stderr
    stopped = subprocess.run(
        [sys.executable, "-m", "augment", "stop", str(service.project)], capture_output=True, text=True, check=False
    )
    assert stopped.returncode == 0, stopped.stderr
