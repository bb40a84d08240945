"""The pytest plugin that tells the measurement which test, or which shared fixture, is running."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .measure import Measurement

FIXTURE = "\0fixture "
"""How the contexts of shared fixtures begin."""


class Recorder:
    """Books what runs and what is read to tests.

    A fixture of wider scope is set up in the first test that uses it and again in none: it has a context of its own,
    which every test that uses it has part in.
    """

    def __init__(self, measurement: Measurement, name: Callable[[str], str]) -> None:
        self._measurement = measurement
        self._name = name
        self._context = ""
        self._held: dict[int, tuple[Any, str]] = {}
        self._made = 0

    def _switch(self, context: str) -> None:
        self._context = context
        self._measurement.switch(context)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        """Count what runs until the test's end to it."""
        self._switch(self._name(item.nodeid))
        yield
        self._switch("")

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: Any) -> Iterator[None]:
        """Note the shared fixtures that the test used, while pytest still knows them."""
        request = getattr(item, "_request", None)
        self._measurement.use(self._name(item.nodeid), self._shared(request, item))
        yield

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Iterator[None]:
        """Count what sets up a fixture of wider scope than one test to the fixture."""
        if fixturedef.scope == "function" or not self._context:
            yield
            return
        outer = self._context
        self._made += 1
        own = f"{FIXTURE}{self._made} {fixturedef.argname}"
        # The definition is kept beside its context, so that its id stays its own.
        self._held[id(fixturedef)] = (fixturedef, own)
        self._switch(own)
        yield
        self._measurement.use(own, [shared for shared in self._shared(request, None) if shared != own])
        # Whoever is running now has part in it, even where it was asked for by name while running.
        self._measurement.use(outer, [own])
        self._switch(outer)

    def _shared(self, request: Any, item: Any) -> list[str]:
        active = list(getattr(request, "_fixture_defs", {}).values())
        if not active and item is not None:
            named = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
            active = [definition for definitions in named.values() for definition in definitions]
        return [self._held[id(definition)][1] for definition in active if id(definition) in self._held]
