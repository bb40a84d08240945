"""Fixtures of the tests that run the whole service for real."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from running import Service, Start, copy_of_example


@pytest.fixture(scope="module", autouse=True)
def _environment_as_before() -> Iterator[None]:
    """What Ray sets when a module's tests join one, the next module's services do not inherit."""
    with mock.patch.dict(os.environ):
        yield


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start services that end with the test, whatever happens."""
    started: list[Service] = []

    def run(project: Path | None = None, *flags: str, **more: object) -> Service:
        service = Service(project or copy_of_example(tmp_path), tmp_path / "logs", flags, **more)  # type: ignore[arg-type]
        started.append(service)
        service.start()
        return service

    yield run
    for service in started:
        service.kill()
