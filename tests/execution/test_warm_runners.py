"""Batches are forked from a warm process: fast, but each finds what a fresh process would find."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from execution_support import batch, outcomes

import augment.execution
from augment.execution import LocalExecutor
from augment.execution.forking import ForkingRunners
from augment.execution.preloads import Preloads
from augment.execution.source import RunnerKind
from augment.execution.staleness import any_changed, packages_stamp

RUNNER = Path(augment.execution.__file__).parent / "runner" / "runner_main.py"

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux forks from warm processes")


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExecutor]:
    executor = LocalExecutor(2, cache_dir=tmp_path_factory.mktemp("cache"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        yield executor
        executor.close()


def _wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


# ------------------------------------------------------------------- as if it were fresh


def test_batches_share_a_parent_and_no_state(make_project, warm):
    root = make_project(
        {
            "state.py": "seen = []\n",
            "test_it.py": """
                import os, random, sys, tempfile
                import state
                def test_it():
                    assert state.seen == [] and "numbers_of_earlier_batches" not in sys.modules
                    state.seen.append(1)
                    sys.modules["numbers_of_earlier_batches"] = state
                    os.environ["LEFT"] = os.environ.get("LEFT", "") + "x"
                    print(os.getppid(), os.environ["LEFT"], random.random(), tempfile.gettempdir(), os.getcwd())
                    assert not sys.stdin.read()
                    assert False
            """,
        }
    )
    first, second = (warm.run(batch(root)).verdicts[0].output.split("stdout call -----\n")[1].split() for _ in range(2))
    assert first[0] == second[0]
    assert int(first[0]) != os.getpid()
    assert first[1] == second[1] == "x"
    assert first[2] != second[2]
    assert first[4] == str(root)


def test_an_edit_of_the_project_is_seen_by_the_next_batch(make_project, warm):
    root = make_project(
        {"code.py": "def one(): return 1\n", "test_it.py": "import code\ndef test_one(): assert code.one() == 1\n"}
    )
    assert outcomes(warm.run(batch(root))) == {"test_one": "passed"}
    (root / "code.py").write_text("def one(): return 2 + 0\n")
    assert outcomes(warm.run(batch(root))) == {"test_one": "failed"}


def test_a_module_of_the_project_hides_one_that_is_loaded_already(make_project, warm):
    test = (
        "import sys\nready = 'imaplib' in sys.modules\nimport mailbox\ndef test_it(): assert ready and mailbox.mine\n"
    )
    root = make_project({"mailbox.py": "mine = True\n", "test_it.py": test})
    stamp = packages_stamp(warm._kind(batch(root)))
    known = {"modules": ["mailbox", "imaplib"], "refused": {}, "stamp": stamp, "tried": 2}
    (root / ".augment").mkdir()
    (root / ".augment" / "preload.json").write_text(json.dumps({sys.executable: known}))
    assert outcomes(warm.run(batch(root))) == {"test_it": "passed"}


def test_hash_seeds_are_those_asked_for_in_fresh_and_in_warm_processes(make_project, warm):
    root = make_project({"test_it.py": "def test_it(): print(hash('text')); assert False\n"})
    said = [warm.run(batch(root, hash_seed=seed)).verdicts[0].output.splitlines()[-1] for seed in (5, 5, 5, 6)]
    assert len(set(said[:3])) == 1
    assert said[3] != said[0]


# ------------------------------------------------------------------------ imported ahead


def test_what_batches_import_is_imported_ahead_and_remembered(make_project, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    root = make_project(
        {
            "mine.py": "",
            "vendor/site-packages/big_library.py": "import xmlrpc.server\n",
            "test_it.py": "import sys\nready = 'big_library' in sys.modules\nimport big_library, mine\n"
            "def test_it(): print('ready', ready); assert False\n",
        }
    )
    (root / ".augment").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(root / "vendor" / "site-packages"))
    executor = LocalExecutor(1, source=ForkingRunners())
    try:
        assert "ready False" in executor.run(batch(root)).verdicts[0].output
        executor.run(batch(root))
        _wait_for(lambda: "ready True" in executor.run(batch(root)).verdicts[0].output)
    finally:
        executor.close()
    known = json.loads((root / ".augment" / "preload.json").read_text())[sys.executable]
    assert {"big_library", "xmlrpc.server"} <= set(known["modules"])
    assert not {"mine", "test_it"} & set(known["modules"])
    again = LocalExecutor(1, source=ForkingRunners())
    try:
        assert "ready True" in again.run(batch(root)).verdicts[0].output
    finally:
        again.close()


CULPRITS = {
    "prints": "print('hello')",
    "warns": "import warnings; warnings.warn('old', DeprecationWarning)",
    "raises": "raise ValueError",
    "leaves": "import sys; sys.exit(0)",
    "threads": "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "moves": "import os; os.chdir('/')",
    "sets": "import os; os.environ['NEW'] = '1'",
    "handles": "import signal; signal.signal(signal.SIGUSR1, lambda *a: None)",
    "connects": "import socket; kept = socket.socketpair()",
    "logs": "import logging; logging.basicConfig()",
    "finds": "import sys; sys.path.append('/nowhere')",
}


def test_modules_whose_import_has_effects_are_not_imported_ahead(tmp_path):
    for name, text in CULPRITS.items():
        (tmp_path / f"{name}.py").write_text(text + "\n")
    (tmp_path / "user_of_prints.py").write_text("import prints\n")
    (tmp_path / "filters.py").write_text("import warnings\nwarnings.simplefilter('ignore')\n")
    (tmp_path / "crashes.py").write_text("import os\nos._exit(3)\n")
    names = ["user_of_prints", *CULPRITS, "filters", "crashes", "xml.dom.minidom"]
    script = (
        f"import sys, json, runpy, warnings, os; sys.path.insert(0, {str(tmp_path)!r})\n"
        f"load = runpy.run_path({str(RUNNER)!r})['load']\nbefore = list(warnings.filters), os.getcwd()\n"
        f"result = load('preload').import_ahead({names!r}, False)\n"
        "print(json.dumps([*result, before == (warnings.filters, os.getcwd()), len(os.listdir('/proc/self/task'))]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    imported, refused, unchanged, threads = json.loads(done.stdout)
    assert imported == ["filters", "xml.dom.minidom"]
    assert refused.keys() == {"user_of_prints", "crashes", *CULPRITS}
    assert refused["threads"] == "its import changes the number of threads"
    assert unchanged
    assert threads == 1


def test_what_was_refused_is_tried_again_when_packages_change(tmp_path):
    kind = RunnerKind("/python", "", "", trusted=True, root=str(tmp_path))
    (tmp_path / ".augment").mkdir()
    preloads = Preloads()
    preloads.learn(kind, ["good.part", "bad", "bad.part"])
    assert not preloads.of(kind).vetted("now")
    preloads.tried(kind, preloads.of(kind), {"bad": "it prints"}, "now")
    for known in (preloads.of(kind), Preloads().of(kind)):
        assert known.vetted("now")
        assert known.wanted("now") == ("good.part",)
        assert known.wanted("later") == ("good.part", "bad", "bad.part")
        assert not known.vetted("later")
    preloads.learn(kind, ["new"])
    assert not preloads.of(kind).vetted("now")
    assert preloads.of(kind).wanted("now") == ("good.part", "new")


# ------------------------------------------------------------------- stale, lost, unsafe


def test_packages_and_files_that_change_are_noticed(tmp_path):
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    (site / "one-1.0.dist-info").mkdir(parents=True)
    kind = RunnerKind(str(tmp_path / "bin" / "python"), "", "", trusted=True)
    stamps = [packages_stamp(kind)]
    (site / "two.pth").write_text("")
    stamps.append(packages_stamp(kind))
    os.utime(site / "one-1.0.dist-info", ns=(1, 1))
    stamps.append(packages_stamp(kind))
    assert len(set(stamps)) == 3
    file = site / "two.pth"
    assert not any_changed([(str(file), file.stat().st_mtime_ns)])
    assert any_changed([(str(file), 1)])
    assert any_changed([(str(site / "gone.py"), 1)])


def test_a_changed_variable_is_seen_by_the_next_batch(make_project, warm, monkeypatch):
    root = make_project({"test_it.py": "import os\ndef test_it(): assert os.environ.get('OF_THE_USER') == 'new'\n"})
    assert outcomes(warm.run(batch(root))) == {"test_it": "failed"}
    monkeypatch.setenv("OF_THE_USER", "new")
    assert outcomes(warm.run(batch(root))) == {"test_it": "passed"}


def test_a_lost_warm_process_costs_the_test_that_ran_and_is_replaced(make_project, warm):
    root = make_project(
        {
            "test_it.py": "import os, time\ndef test_a(): pass\n"
            "def test_b(): os.kill(os.getppid(), 9); time.sleep(60)\ndef test_c(): pass\n"
        }
    )
    result = warm.run(batch(root))
    assert outcomes(result) == {"test_a": "passed", "test_b": "fault", "test_c": "passed"}
    assert "lost" in result.verdicts[1].fault.detail


def test_where_forking_is_not_safe_fresh_processes_run_the_batches(make_project, monkeypatch):
    root = make_project(
        {
            "vendor/site-packages/threading_plugin.py": "import threading, time\n"
            "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n",
            "test_it.py": "def test_it(): pass\n",
        }
    )
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "threading_plugin")
    monkeypatch.setenv("PYTHONPATH", str(root / "vendor" / "site-packages"))
    told: list[str] = []
    executor = LocalExecutor(1, source=ForkingRunners(on_unsafe=lambda kind, why: told.append(why)))
    try:
        assert [outcomes(executor.run(batch(root))) for _ in range(2)] == [{"test_it": "passed"}] * 2
    finally:
        executor.close()
    assert told == ["2 threads run after the imports"]


TELLS_PARENT = {"test_it.py": "import os\ndef test_it(): print(os.getppid(), os.environ.get('MINE')); assert False\n"}


def _parent_and_variable(executor: LocalExecutor, root: Path, **more: int) -> tuple[int, str]:
    said = executor.run(batch(root, **more)).verdicts[0].output.split("stdout call -----\n")[1].split()
    return int(said[0]), said[1]


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_warm_processes_are_let_go_when_nothing_asks_for_them(make_project):
    root = make_project(TELLS_PARENT)
    executor = LocalExecutor(1, source=ForkingRunners(idle_s=0.4))
    try:
        parents = [_parent_and_variable(executor, root, hash_seed=1)[0] for _ in range(2)]
        assert parents[0] == os.getpid()
        assert parents[1] != os.getpid()
        _wait_for(lambda: not _lives(parents[1]))
        assert _parent_and_variable(executor, root, hash_seed=1)[0] not in parents
    finally:
        executor.close()


def test_a_stale_warm_process_is_rebuilt_before_it_is_asked_for(make_project, monkeypatch):
    root = make_project(TELLS_PARENT)
    monkeypatch.setenv("MINE", "old")
    executor = LocalExecutor(1, source=ForkingRunners(idle_s=2.0))
    try:
        old, variable = _parent_and_variable(executor, root)
        assert variable == "old"
        monkeypatch.setenv("MINE", "new")
        _wait_for(lambda: not _lives(old))
        assert _parent_and_variable(executor, root)[1] == "new"
    finally:
        executor.close()


def test_only_so_many_warm_processes_are_kept(make_project):
    root = make_project(TELLS_PARENT)
    executor = LocalExecutor(1, source=ForkingRunners(most=2))
    try:
        parents = [_parent_and_variable(executor, root, hash_seed=seed)[0] for seed in (0, 0, 1, 1, 2, 2)][1::2]
        assert len(set(parents)) == 3
        _wait_for(lambda: not _lives(parents[0]))
        assert all(_lives(parent) for parent in parents[1:])
    finally:
        executor.close()


def test_a_killed_warm_process_does_not_stop_the_executor(make_project):
    root = make_project(TELLS_PARENT)
    executor = LocalExecutor(1, source=ForkingRunners())
    try:
        killed = _parent_and_variable(executor, root)[0]
        os.kill(killed, signal.SIGKILL)
        assert _parent_and_variable(executor, root)[0] != killed
    finally:
        executor.close()
