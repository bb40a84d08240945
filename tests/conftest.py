"""What tests of every folder share."""

from __future__ import annotations

import pytest

from augment.execution import find_sandbox


def pytest_configure(config: pytest.Config) -> None:
    """Register the project's own markers."""
    config.addinivalue_line("markers", "needs_sandbox: generated tests are run, which takes a tier of the sandbox")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine cannot do, with the reason."""
    if item.get_closest_marker("needs_sandbox") and not find_sandbox("auto").runs_generated_tests:
        pytest.skip(f"the sandbox is {find_sandbox('auto').describe()}")
