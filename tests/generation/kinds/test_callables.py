"""Coroutines, generators, context managers, decorators, overloads, closures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.needs_sandbox


def test_coroutines_run_in_a_loop_of_the_test(grown: Callable[..., Any]) -> None:
    kept = grown("coroutines").of()
    assert kept.missing == ()
    assert kept.kills >= 15
    assert "asyncio.run(gathered(" in kept.text
    assert "pytest.raises(ValueError)" in kept.text


def test_asynchronous_generators_are_collected(grown: Callable[..., Any]) -> None:
    kept = grown("coroutines").of("countdown")
    assert kept.missing == ()
    assert "async for item in countdown(" in kept.text
    assert "assert asyncio.run(collected()) == [" in kept.text


def test_generators_are_read_to_their_end_or_so_far(grown: Callable[..., Any]) -> None:
    module = grown("iterators")
    assert module.of().missing == ()
    assert module.of("chunked").kills >= 10
    assert "itertools.islice(numbers(" in module.of("numbers").text
    assert module.of("Countdown").kills >= 5


def test_context_managers_are_entered_and_left_both_ways(grown: Callable[..., Any]) -> None:
    module = grown("managers")
    assert module.of("section", "Transaction").missing == ()
    section = module.of("section").text
    assert "with section(" in section
    assert "with contextlib.suppress(ValueError):" in section
    assert "failed: inside" in section
    transaction = module.of("Transaction").text
    assert "with subject as entered:" in transaction
    assert "subject.__exit__(KeyError" in transaction


def test_asynchronous_context_managers_are_entered_in_a_coroutine(grown: Callable[..., Any]) -> None:
    kept = grown("managers").of("lease")
    assert kept
    assert kept.missing == ()
    assert "async with lease(" in kept.text
    assert "assert pool == [" in kept.text


def test_decorators_get_a_function_to_wrap(grown: Callable[..., Any]) -> None:
    module = grown("decorators")
    retried = module.of("retried")
    assert retried.missing == ()
    assert retried.kills >= 5
    assert "def function(value=3, *args):" in retried.text
    assert "assert calls == [" in retried.text
    assert module.of("area").kills >= 3  # decorated itself


def test_class_decorators_get_a_class_and_leave_the_registry_as_it_was(grown: Callable[..., Any]) -> None:
    kept = grown("decorators").of("registered")
    assert kept.missing == ()
    assert "subject = registered(Sample)" in kept.text
    assert 'monkeypatch.setattr("decorators.REGISTRY", {})' in kept.text


def test_each_overload_is_called(grown: Callable[..., Any]) -> None:
    kept = grown("overloads").of("seconds")
    assert kept.missing == ()
    assert kept.kills >= 12
    for call in ("seconds((", 'seconds("', "seconds(3)"):
        assert call in kept.text


def test_what_a_closure_returns_is_called_and_called_again(grown: Callable[..., Any]) -> None:
    module = grown("closures")
    assert module.of().missing == ()
    counter = module.of("counter").text
    assert "made = counter(" in counter
    assert counter.count("made()") >= 2
    assert module.of("limiter").kills >= 6
    assert module.of("power").kills >= 2
