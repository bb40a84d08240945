"""What tests may do in the sandbox, and that one batch finds nothing of another."""

from __future__ import annotations

import sys
import textwrap
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from augment.execution import LocalExecutor, find_sandbox
from augment.records import FaultKind, Snapshot, content_hash
from augment.seams import Batch, BatchResult

TIERS = ("namespaces", "landlock")


@pytest.fixture(scope="module", params=TIERS)
def executor(request: pytest.FixtureRequest) -> Iterator[LocalExecutor]:
    found = find_sandbox(request.param)
    if found.tier.value != request.param:
        pytest.skip(found.describe())
    executor = LocalExecutor(1, sandbox=request.param)
    yield executor
    executor.close()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all: warm processes are kept for each project."""
    return tmp_path_factory.mktemp("project")


@pytest.fixture
def tier(executor: LocalExecutor, request: pytest.FixtureRequest) -> str:
    return str(request.node.callspec.params["executor"])


def run(executor: LocalExecutor, root: Path, source: str, *, trusted: bool = False) -> BatchResult:
    (root / "helper.py").write_text("VALUE = 1\n")
    (root / "data.txt").write_text("some data")
    text = "import os, pathlib, socket, subprocess, sys\nimport pytest\n" + textwrap.dedent(source)
    files = {"helper.py": content_hash(b"VALUE = 1\n"), "data.txt": content_hash(b"some data")}
    if trusted:
        (root / "test_it.py").write_text(text)
    return executor.run(
        Batch(
            uuid.uuid4().hex,
            str(root),
            sys.executable,
            nodeids=("test_it.py",),
            snapshot=Snapshot.of(files),
            private=not trusted,
            files={} if trusted else {"test_it.py": text},
            trusted=trusted,
            coverage=False,
        )
    )


def outcomes(result: BatchResult) -> dict[str, str]:
    assert result.fault is None, result.fault
    return {verdict.nodeid.partition("::test_")[2]: verdict.outcome.value for verdict in result.verdicts}


HARMLESS = """
    import asyncio, threading
    from hypothesis import given, strategies
    from helper import VALUE
    def test_import(): assert VALUE == 1
    def test_data(): assert pathlib.Path("data.txt").read_text() == "some data"
    def test_temporary(tmp_path): (tmp_path / "x").write_text("x")
    def test_home(): pathlib.Path("~/x").expanduser().write_text("x")
    def test_devices(): assert os.urandom(4) and not open("/dev/null").read()
    def test_thread(): thread = threading.Thread(target=int); thread.start(); thread.join()
    def test_program(): assert subprocess.check_output([sys.executable, "-c", "print(1)"], text=True) == "1\\n"
    def test_event_loop():
        async def work():
            return await (await asyncio.create_subprocess_exec("true")).wait()
        assert asyncio.run(work()) == 0
    @given(strategies.integers())
    @pytest.mark.filterwarnings("error")
    def test_property(number): assert number == number
"""
NAMESPACES_ONLY = """
    import multiprocessing, pwd
    def test_loopback():
        server = socket.create_server(("127.0.0.1", 0))
        socket.create_connection(server.getsockname()).close()
    def test_unix_socket(tmp_path): socket.socket(socket.AF_UNIX).bind(str(tmp_path / "s"))
    def test_pool():
        with multiprocessing.Pool(2) as pool:
            assert pool.map(abs, [-1, -2]) == [1, 2]
    def test_shared_temporary(): pathlib.Path("/tmp/x").write_text("x")
    def test_localhost(): assert socket.gethostbyname("localhost") == "127.0.0.1"
    def test_user(): assert pwd.getpwuid(os.getuid()).pw_name == "augment"
"""


def test_ordinary_tests_are_not_in_the_way(executor: LocalExecutor, tier: str, project: Path) -> None:
    told = outcomes(run(executor, project, HARMLESS + (NAMESPACES_ONLY if tier == "namespaces" else "")))
    assert {name: outcome for name, outcome in told.items() if outcome != "passed"} == {}


PLACES = """
    PLACES = [os.environ["TMPDIR"], os.environ["HOME"], "/tmp", "/dev/shm"]
    def left(): return [place for place in PLACES if os.path.exists(place + "/left")]
    def leave():
        for place in PLACES:
            try:
                open(place + "/left", "w").close()
            except OSError:
                pass
"""


def test_a_batch_finds_nothing_of_another(executor: LocalExecutor, project: Path) -> None:
    leaving = run(executor, project, PLACES + "    def test_leave(): leave(); assert left()")
    assert outcomes(leaving) == {"leave": "passed"}
    looking = run(executor, project, PLACES + "    def test_look(): assert not left()")
    assert outcomes(looking) == {"look": "passed"}


def test_what_was_denied_is_said(executor: LocalExecutor, project: Path) -> None:
    source = """
        def test_write(): pathlib.Path("data.txt").write_text("changed")
        def test_own_error(): raise PermissionError("not your cart")
    """
    result = run(executor, project, source)
    first, second = result.verdicts
    assert first.fault is not None
    assert first.fault.kind is FaultKind.SANDBOX_DENIAL
    assert "data.txt" in first.fault.detail
    assert second.outcome.value == "failed"


def test_own_tests_are_confined_where_that_is_asked_for(project: Path) -> None:
    source = """
        def test_write(): pathlib.Path("new").write_text("x")
        def test_read(): assert pathlib.Path("data.txt").read_text() == "some data"
    """
    if not find_sandbox().runs_generated_tests:
        pytest.skip(find_sandbox().describe())
    confined = LocalExecutor(1, confine_own_tests=True)
    try:
        assert outcomes(run(confined, project, source, trusted=True)) == {"write": "fault", "read": "passed"}
        assert not (project / "new").exists()
    finally:
        confined.close()
