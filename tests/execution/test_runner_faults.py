"""What the infrastructure does to a test is a fault, never a failed test, and costs no other test."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import psutil
import pytest
from execution_support import batch, outcomes

from augment.execution import LocalExecutor
from augment.records import FaultKind, Outcome
from augment.seams import Limits


@pytest.mark.parametrize(
    ("how", "said"),
    [("os._exit(0)", "status 0"), ("os.kill(os.getpid(), 11)", "SIGSEGV"), ("os.abort()", "SIGABRT")],
)
def test_a_crash_is_the_fault_of_the_test_that_ran_and_the_others_go_on(make_project, run, how, said):
    root = make_project({"test_it.py": f"import os\ndef test_a(): pass\ndef test_b(): {how}\ndef test_c(): pass\n"})
    result = run(root)
    assert outcomes(result) == {"test_a": "passed", "test_b": "fault", "test_c": "passed"}
    fault = result.verdicts[1].fault
    assert fault is not None
    assert fault.kind is FaultKind.CRASH
    assert said in fault.detail
    assert result.fault is None
    assert result.exit_code is None


@pytest.mark.parametrize(
    "line",
    ["{}", '{"kind": "verdict", "nodeid": "test_it.py::test_c", "outcome": "passed", "duration_s": 0, "output": ""}'],
)
def test_what_the_runner_did_not_write_on_the_result_pipe_ends_the_batch(make_project, run, line):
    forge = f"os.write(200, {line!r}.encode() + b'\\n')"
    root = make_project(
        {"test_it.py": f"import os\ndef test_a(): pass\ndef test_b(): {forge}\ndef test_c(): assert False\n"}
    )
    result = run(root)
    assert outcomes(result) == {"test_a": "passed", "test_b": "fault", "test_c": "fault"}
    assert "did not write" in result.fault.detail


FORGERIES = {
    "another test's": "pytest_runtest_logfinish(nodeid='test_it.py::test_c', location=None)",
    "one before its own": "pytest_runtest_logfinish(nodeid=request.node.nodeid, location=None)",
    "of no test": "pytest_runtest_protocol(item=type('I', (), {'nodeid': 'x.py::y'}), nextitem=None)",
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
def test_a_verdict_that_cannot_be_ends_the_batch(make_project, run, forgery):
    root = make_project(
        {
            "test_it.py": f"def test_a(): pass\ndef test_b(request): request.config.hook.{forgery}\n"
            "def test_c(): assert False\n"
        }
    )
    result = run(root)
    assert result.fault is not None
    assert outcomes(result)["test_a"] == "passed"
    assert outcomes(result)["test_c"] == "fault"


def test_the_key_of_a_batch_is_not_to_be_found(make_project, run):
    look = """
        import gc, os, sys
        def texts():
            for found in gc.get_objects():
                if isinstance(found, dict):
                    yield from (value for value in found.values() if isinstance(value, str))
                elif isinstance(found, (list, tuple)):
                    yield from (value for value in found if isinstance(value, str))
        def test_it(request):
            assert "key" not in vars(sys.modules["_augment_runner.session"])
            orders = [found for found in gc.get_objects() if isinstance(found, dict) and "project_root" in found]
            assert orders and not any("key" in found for found in orders)
            keys = [text for text in texts() if len(text) == 64 and set(text) <= set("0123456789abcdef")]
            assert not keys
            environ = open("/proc/self/environ").read() + open("/proc/self/cmdline").read()
            assert "key" not in os.environ and "project_root" not in environ
    """
    assert outcomes(run(make_project({"test_it.py": look}))) == {"test_it": "passed"}


def test_memory_that_there_is_not_is_a_fault_and_a_raised_error_is_not(make_project, run):
    tests = "def test_asks(): bytearray(1 << 60)\ndef test_raises(): raise MemoryError\n"
    result = run(make_project({"test_it.py": tests}))
    assert outcomes(result) == {"test_asks": "fault", "test_raises": "failed"}
    assert result.verdicts[0].fault.kind is FaultKind.OUT_OF_MEMORY


@pytest.mark.parametrize("phase", ["set-up", "tear-down"])
def test_a_fixture_that_hangs_is_named_with_its_phase(make_project, run, phase):
    before, after = ("time.sleep(60)", "") if phase == "set-up" else ("", "time.sleep(60)")
    root = make_project(
        {
            "test_it.py": "import pytest, time\n@pytest.fixture\ndef quick(): yield\n"
            f"@pytest.fixture\ndef slow(quick):\n    {before}\n    yield\n    {after}\n"
            "def test_a(slow): pass\ndef test_b(): pass\n"
        }
    )
    result = run(root, limits=Limits(test_s=0.5))
    assert outcomes(result) == {"test_a": "fault", "test_b": "passed"}
    assert f"in {phase} of fixture 'slow'" in result.verdicts[0].fault.detail


def test_an_error_of_whoever_listens_is_not_taken_for_one_of_the_runner(make_project, executor):
    def listen(verdict):
        raise KeyError("mine")

    root = make_project({"test_it.py": "def test_a(): pass\n"})
    with pytest.raises(KeyError, match="mine"):
        executor.run(batch(root), listen)


def test_a_crash_in_one_round_leaves_the_next_round(make_project, run):
    root = make_project({"test_it.py": "import os\ndef test_a(): os._exit(3)\ndef test_b(): pass\n"})
    result = run(root, repeat=2)
    assert [verdict.outcome for verdict in result.verdicts] == ["fault", "passed", "fault", "passed"]


def test_a_crash_while_collecting_ends_the_batch(make_project, run):
    root = make_project({"test_it.py": "import os\nos._exit(7)\ndef test_a(): pass\n"})
    result = run(root, "test_it.py::test_a")
    assert result.fault is not None
    assert result.fault.kind is FaultKind.CRASH
    assert outcomes(result) == {"test_a": "fault"}


def test_a_test_past_its_time_is_a_timeout_with_its_stack(make_project, run):
    root = make_project(
        {
            "test_it.py": """
                import time
                def test_a(): pass
                def test_hangs():
                    the_place_that_hangs()
                def the_place_that_hangs(): time.sleep(60)
                def test_c(): pass
            """
        }
    )
    result = run(root, limits=Limits(test_s=0.5))
    assert outcomes(result) == {"test_a": "passed", "test_hangs": "fault", "test_c": "passed"}
    fault = result.verdicts[1].fault
    assert fault is not None
    assert fault.kind is FaultKind.TIMEOUT
    assert "the_place_that_hangs" in fault.detail


def test_a_test_that_ignores_signals_and_holds_the_lock_is_ended_too(make_project, run):
    root = make_project(
        {
            "test_it.py": """
                import re, signal
                def test_stuck_in_c():
                    for number in range(1, 32):
                        if number not in (signal.SIGKILL, signal.SIGSTOP):
                            signal.signal(number, signal.SIG_IGN)
                    re.match(r"(a+)+$", "a" * 40 + "b")
            """
        }
    )
    result = run(root, limits=Limits(test_s=0.5))
    assert result.verdicts[0].fault.kind is FaultKind.TIMEOUT
    assert "test_stuck_in_c" in result.verdicts[0].fault.detail


def test_a_batch_past_its_time_ends_with_a_fault_for_each_test_it_cost(make_project, run):
    root = make_project({"test_it.py": "import time\ndef test_a(): time.sleep(60)\ndef test_b(): pass\n"})
    began = time.monotonic()
    result = run(root, limits=Limits(wall_s=3.0))
    assert time.monotonic() - began < 30
    assert result.fault.kind is FaultKind.TIMEOUT
    assert outcomes(result) == {"test_a": "fault", "test_b": "fault"}


def test_too_much_cpu_time_is_a_timeout(make_project, run):
    root = make_project({"test_it.py": "def test_spins():\n    while True: pass\n"})
    result = run(root, limits=Limits(cpu_s=1.0, test_s=20.0))
    assert result.verdicts[0].fault.kind is FaultKind.TIMEOUT
    assert "CPU" in result.verdicts[0].fault.detail


@pytest.mark.parametrize(
    "hog",
    [
        "x = bytearray(500_000_000); time.sleep(30)",
        "subprocess.run([sys.executable, '-c', 'x = bytearray(500_000_000); import time; time.sleep(30)'])",
    ],
    ids=["itself", "its child"],
)
def test_too_much_memory_is_a_fault_and_the_others_go_on(make_project, run, hog):
    root = make_project(
        {"test_it.py": f"import subprocess, sys, time\ndef test_hog(): {hog}\ndef test_small(): pass\n"}
    )
    result = run(root, limits=Limits(memory_bytes=200 * 2**20))
    assert outcomes(result) == {"test_hog": "fault", "test_small": "passed"}
    assert result.verdicts[0].fault.kind is FaultKind.OUT_OF_MEMORY


def test_a_file_beyond_the_limit_is_a_fault(make_project, run):
    root = make_project({"test_it.py": "def test_big(tmp_path): (tmp_path / 'x').write_bytes(bytes(3_000_000))\n"})
    result = run(root, limits=Limits(file_bytes=1_000_000))
    assert result.verdicts[0].fault.kind is FaultKind.OUTPUT_LIMIT


def test_a_flood_of_output_is_cut_and_the_cut_is_said(make_project, run):
    root = make_project(
        {"test_it.py": "def test_loud():\n    for n in range(40_000): print('x' * 100)\n    assert False\n"}
    )
    result = run(root, pytest_args=("-s",), limits=Limits(output_bytes=10_000))
    assert len(result.output) < 11_000
    assert "[output cut: " in result.output
    captured = run(root)
    assert len(captured.verdicts[0].output) < 100_000
    assert "characters cut" in captured.verdicts[0].output


def test_cancelling_ends_a_batch_within_a_second(make_project, executor):
    root = make_project({"test_it.py": "import time\ndef test_a(): time.sleep(60)\ndef test_b(): pass\n"})
    order = batch(root)
    started, result = threading.Event(), []
    (root / "conftest.py").write_text("def pytest_runtest_call(): open('begun', 'w').close()\n")
    thread = threading.Thread(target=lambda: (started.set(), result.append(executor.run(order))))
    thread.start()
    _wait_for((root / "begun").exists)
    began = time.monotonic()
    executor.cancel(order.id)
    thread.join(5)
    assert time.monotonic() - began < 1.0
    assert result[0].fault.kind is FaultKind.SUPERSEDED
    assert {verdict.outcome for verdict in result[0].verdicts} == {Outcome.FAULT}


def test_cancelling_what_waits_for_its_turn_or_is_unknown(make_project):
    root = make_project({"test_it.py": "import time\ndef test_a(): time.sleep(2)\n"})
    executor = LocalExecutor(1)
    try:
        executor.cancel("nobody")
        first, second = batch(root), batch(root)
        results = []
        threads = [
            threading.Thread(target=lambda order=order: results.append(executor.run(order)))
            for order in (first, second)
        ]
        threads[0].start()
        time.sleep(0.3)
        threads[1].start()
        time.sleep(0.3)
        executor.cancel(second.id)
        threads[1].join(1)
        assert [result.batch_id for result in results] == [second.id]
        assert results[0].fault.kind is FaultKind.SUPERSEDED
        executor.cancel(first.id)
        threads[0].join(5)
    finally:
        executor.close()


def test_what_a_test_started_is_ended_with_its_batch(make_project, run, tmp_path):
    spawn = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'], start_new_session=SESSION)"
    root = make_project(
        {
            "test_it.py": f"""
                import subprocess, sys
                def test_child():
                    with open({str(tmp_path / "pids")!r}, "w") as file:
                        for SESSION in (False, True):
                            file.write(str({spawn}.pid) + " ")
            """
        }
    )
    assert outcomes(run(root)) == {"test_child": "passed"}
    pids = [int(text) for text in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2
    _wait_for(lambda: not any(_lives(pid) for pid in pids))


def test_a_double_forked_daemon_is_ended_with_its_batch(make_project, run, tmp_path):
    root = make_project(
        {
            "test_it.py": f"""
                import os, time
                def test_daemon():
                    if os.fork() == 0:
                        os.setsid()
                        if os.fork() == 0:
                            open({str(tmp_path / "pid")!r}, "w").write(str(os.getpid()))
                            time.sleep(300)
                        os._exit(0)
                    os.wait()
                    while not os.path.exists({str(tmp_path / "pid")!r}): time.sleep(0.01)
                    time.sleep(0.1)
            """
        }
    )
    assert outcomes(run(root)) == {"test_daemon": "passed"}
    _wait_for(lambda: not _lives(int((tmp_path / "pid").read_text())))


def test_close_leaves_no_process_and_no_folder(make_project, tmp_path):
    root = make_project({"test_it.py": "def test_a(): pass\n"})
    script = (
        "import sys, tempfile, psutil, pathlib\n"
        "from augment.execution import LocalExecutor\nfrom augment.seams import Batch\n"
        f"tempfile.tempdir = {str(tmp_path)!r}\n"
        f"order = Batch('b', {str(root)!r}, sys.executable)\nexecutor = LocalExecutor(1)\nexecutor.run(order)\n"
        "executor.close()\nexecutor.close()\n"
        "print(len(psutil.Process().children()), len(list(pathlib.Path(tempfile.tempdir).glob('augment-*'))),"
        "executor.run(order).fault.kind.value)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "0", "superseded"]


def test_waiting_runners_die_with_their_parent(make_project, tmp_path):
    script = (
        "import sys, time\nfrom augment.execution import LocalExecutor\nfrom augment.seams import Batch\n"
        f"executor = LocalExecutor(1)\nexecutor.prime(Batch('b', {str(tmp_path)!r}, sys.executable))\n"
        "time.sleep(1.5)\nprint('ready', flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"ready\n"
        runners = [child.pid for child in psutil.Process(parent.pid).children(recursive=True)]
        assert runners
        parent.kill()
        _wait_for(lambda: not any(_lives(pid) for pid in runners))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False


def _wait_for(condition, seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)
