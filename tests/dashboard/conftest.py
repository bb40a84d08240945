from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from fake_reader import Review, fill, open_reporter
from fastapi import FastAPI

from augment.dashboard import DashboardServer, create_app
from augment.store import Reporter


@pytest.fixture(scope="module")
def reporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reporter]:
    opened = open_reporter(tmp_path_factory.mktemp("reporter"))
    fill(opened)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def app(reporter: Reporter) -> FastAPI:
    return create_app(reporter, Review(reporter), title="shop")


@pytest.fixture(scope="module")
def server(app: FastAPI) -> Iterator[DashboardServer]:
    """A real server, because streams, shutdown and headers are what goes wrong in real ones."""
    running = DashboardServer(app, port=0)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def client(server: DashboardServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=10.0, trust_env=False) as opened:
        yield opened
