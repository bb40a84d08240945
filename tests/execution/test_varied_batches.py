"""What a rerun varies: time zone and temporary folder, each batch for itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from augment.seams import BatchResult

TEST = """
import os, pathlib, tempfile, time

def test_tell():
    told = f"{time.strftime('%z', time.localtime(1.6e9))} {tempfile.gettempdir()} {os.environ.get('TZ', '')}"
    pathlib.Path(__file__).with_name("told.txt").write_text(told)
"""


def test_time_zone_and_temporary_folder_are_the_batchs_own(
    make_project: Callable[..., Path], run: Callable[..., BatchResult], tmp_path: Path
) -> None:
    project, temp = make_project({"test_it.py": TEST}), tmp_path / "temp"
    temp.mkdir()

    def told(**varied: str) -> list[str]:
        assert run(project, coverage=False, **varied).exit_code == 0
        return (project / "told.txt").read_text().split(" ")

    usual = told()
    assert told(time_zone="Asia/Kolkata", temp_folder=str(temp)) == ["+0530", str(temp), "Asia/Kolkata"]
    assert told() == usual
