"""Tests marked ``gpu``: the marker is known, they are told of, and may be left to a batch of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from execution_support import batch

from augment.execution import LocalExecutor

FILES = {
    "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "--strict-markers"\n',
    "test_it.py": """\
        import os
        import pytest

        def test_plain():
            assert os.environ.get("CUDA_VISIBLE_DEVICES") == "7"

        @pytest.mark.gpu
        class TestGpu:
            @pytest.mark.parametrize("n", [1, 2])
            def test_it(self, n):
                assert os.environ.get("CUDA_VISIBLE_DEVICES") == "7"
        """,
}
GPU = ("test_it.py::TestGpu::test_it[1]", "test_it.py::TestGpu::test_it[2]")


def test_they_run_as_any_other_and_are_told_of(executor: LocalExecutor, make_project: Callable[..., Path]) -> None:
    result = executor.run(replace(batch(make_project(FILES)), visible_gpus="7"))
    assert [one.outcome.value for one in result.verdicts] == ["passed"] * 3
    assert result.gpu_tests == GPU


def test_they_are_left_for_later_where_that_is_asked_for(
    executor: LocalExecutor, make_project: Callable[..., Path]
) -> None:
    root = make_project(FILES)
    first = executor.run(replace(batch(root), defer_gpu=True, visible_gpus="7"))
    assert [one.nodeid for one in first.verdicts] == ["test_it.py::test_plain"]
    assert first.gpu_tests == GPU
    assert first.collected == ("test_it.py::test_plain",)
    second = executor.run(replace(batch(root), nodeids=first.gpu_tests, visible_gpus="7"))
    assert [one.nodeid for one in second.verdicts] == list(GPU)
    only = executor.run(replace(batch(root), nodeids=(GPU[0],), defer_gpu=True))
    assert (only.verdicts, only.gpu_tests) == ((), (GPU[0],))
