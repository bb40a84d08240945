import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from augment.errors import ModelError
from augment.serve import LocalEngine, load_engine
from augment.serve.engine import WORK_FOLDER_VARIABLE
from augment.serve.engine_process import LOST

REPOSITORY = Path(__file__).parents[2]


def test_requests_made_while_the_model_loads_are_answered_once_it_is_ready(start, ask):
    engine = start("slow")
    handle = engine.submit(ask("one two three"))
    assert engine.state.phase == "loading"
    answer = handle.result(timeout_s=20)
    assert (answer.text, answer.finish_reason) == ("one two three ", "stop")
    assert (answer.prompt_tokens, answer.completion_tokens) == (3, 3)
    assert engine.state.phase == "ready"


def test_pieces_arrive_as_they_are_written(start, ask):
    pieces = [delta.text for delta in start().submit(ask("a b c")).deltas(timeout_s=20)]
    assert pieces == ["a ", "b ", "c "]


def test_a_refused_request_says_why_and_leaves_the_others_alone(start, ask):
    engine = start()
    refused, other = engine.submit(ask("refuse")), engine.submit(ask("fine"))
    with pytest.raises(ModelError, match="it was asked to"):
        refused.result(timeout_s=20)
    assert other.result(timeout_s=20).text == "fine "


def test_a_cancelled_request_ends_and_frees_its_place(start, ask):
    engine = start()
    handle = engine.submit(ask("on and on forever", max_tokens=10**6))
    pieces = handle.deltas(timeout_s=20)
    next(pieces)
    handle.cancel()
    assert [delta.finish_reason for delta in pieces][-1] == "cancelled"
    assert engine.active == 0


def test_a_model_that_cannot_be_loaded_is_a_failed_engine_with_the_reason(start, ask):
    engine = start("broken")
    with pytest.raises(ModelError, match=r"broken\.gguf is corrupt"):
        engine.wait_ready(20)
    assert engine.state.phase == "failed"
    with pytest.raises(ModelError, match=r"broken\.gguf is corrupt"):
        engine.submit(ask("hello"))


def test_a_killed_process_loses_its_requests_and_is_started_again(start, ask):
    engine = start()
    engine.wait_ready(20)
    handle = engine.submit(ask("on forever", max_tokens=10**6))
    next(handle.deltas(timeout_s=20))
    os.kill(engine.pid, signal.SIGKILL)
    assert handle.result(timeout_s=20).finish_reason == LOST
    assert engine.submit(ask("again")).result(timeout_s=20).text == "again "


def test_a_process_that_keeps_dying_is_given_up_and_its_last_words_are_told(start, ask):
    engine = start()
    endings = [engine.submit(ask("crash")).result(timeout_s=20).finish_reason for _ in range(4)]
    assert endings == [LOST] * 4
    with pytest.raises(ModelError, match=r"keeps dying: about to crash \(exit 3\)"):
        engine.submit(ask("hello")).result(timeout_s=20)


def test_a_local_engine_asks_again_when_its_process_died(echo_spec, ask, tmp_path):
    with LocalEngine(echo_spec()) as engine:
        answers = engine.generate([ask("one"), ask(f"crash-once:{tmp_path / 'crashed'} two")])
    assert [answer.text for answer in answers] == ["one ", f"crash-once:{tmp_path / 'crashed'} two "]


def test_closing_ends_the_process_at_once(echo_spec):
    engine = load_engine(echo_spec())
    pid = engine.process.pid
    started = time.monotonic()
    engine.close()
    assert time.monotonic() - started < 3
    assert not psutil.pid_exists(pid)
    assert engine.state.phase == "closed"


def family(pid):
    worker = psutil.Process(pid)
    return [worker, *worker.children(recursive=True)]


def test_what_an_engine_starts_ends_with_its_process_and_so_does_its_folder(start):
    engine = start("family", nice=0)
    engine.wait_ready(20)
    processes = family(engine.pid)
    folder = Path(processes[0].environ()[WORK_FOLDER_VARIABLE])
    assert len(processes) > 1
    assert folder.is_dir()
    os.kill(engine.pid, signal.SIGKILL)
    assert psutil.wait_procs(processes, timeout=60)[1] == []
    engine.close()
    deadline = time.monotonic() + 20
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists()


def test_all_of_it_ends_with_whoever_asked_for_it(echo_spec):
    script = (
        "import sys, time; from augment.serve import EngineProcess, EngineSpec;"
        "engine = EngineProcess(EngineSpec('family', engine='augment_echo.engine', nice=0));"
        "engine.wait_ready(20); print(engine.pid, flush=True); time.sleep(600)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], str(REPOSITORY)])}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment) as asker:
        processes = family(int(asker.stdout.readline()))
        asker.kill()
    assert len(processes) > 1
    assert psutil.wait_procs(processes, timeout=60)[1] == []


def test_an_engine_that_nobody_knows_is_an_error_with_the_names():
    from augment.serve import EngineSpec
    from augment.serve.engine import load_core

    with pytest.raises(ModelError, match="openvino"):
        load_core(EngineSpec("m", engine="steam"))
