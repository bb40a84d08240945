"""Small projects on disk and one executor for all tests of this folder."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from execution_support import batch

from augment.execution import LocalExecutor
from augment.seams import BatchResult

MakeProject = Callable[..., Path]


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExecutor]:
    executor = LocalExecutor(2, cache_dir=tmp_path_factory.mktemp("cache"), sandbox="off")
    with pytest.MonkeyPatch.context() as patch:
        # Plugins of this environment (Hypothesis alone takes 0.5 s to import) would double the time of this folder.
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        yield executor
        executor.close()


@pytest.fixture
def make_project(tmp_path: Path) -> MakeProject:
    def make(files: dict[str, str], name: str = "project") -> Path:
        root = tmp_path / name
        for path, text in files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(textwrap.dedent(text))
        return root

    return make


@pytest.fixture
def run(executor: LocalExecutor) -> Callable[..., BatchResult]:
    """Run a batch on a project's root; keyword arguments are the batch's."""

    def run(root: Path, *nodeids: str, **more: Any) -> BatchResult:
        return executor.run(batch(root, *nodeids, **more))

    return run
