"""A file is the old one or the new one, whatever happens to who writes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from augment.files import write_atomically


def broken() -> Iterator[bytes]:
    yield b"half"
    raise RuntimeError("the source of the data failed")


def test_killing_the_writer_leaves_the_old_file_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "test_x.py"
    old, new = "old\n" * 20_000, "new\n" * 20_000
    path.write_text(old)
    code = textwrap.dedent(
        f"""
        from pathlib import Path
        from augment.files import write_atomically
        texts = ("old\\n" * 20_000, "new\\n" * 20_000)
        print("ready", flush=True)
        n = 0
        while True:
            n += 1
            write_atomically(Path({str(path)!r}), texts[n % 2].encode())
        """
    )
    for delay in (0.0, 0.013, 0.05):
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(delay)
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
        assert path.read_text() in (old, new)


def test_failed_write_leaves_no_temporary_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        write_atomically(tmp_path / "test_x.py", broken())
    assert list(tmp_path.iterdir()) == []
