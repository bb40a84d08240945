"""Scripts, state of modules, C extensions, numpy and pandas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.needs_sandbox


def test_scripts_are_run_as_scripts(grown: Callable[..., Any]) -> None:
    module = grown("script")
    kept = module.of("main")
    assert kept.missing == ()
    assert kept.kills >= 6
    assert 'runpy.run_module("script", run_name="__main__")' in kept.text
    assert "caught.value.code == " in kept.text
    lines = (module.root / "script.py").read_text().splitlines()
    guarded = {number for number, line in enumerate(lines, 1) if line.startswith(("    code = ", "    sys.exit("))}
    report = module.result.coverage
    assert len(guarded) == 2
    assert guarded <= {line for part in report.tests.values() for line in part["script.py"].lines}


def test_state_of_a_module_begins_as_it_was_given(grown: Callable[..., Any]) -> None:
    module = grown("state")
    assert module.of().missing == ()
    put = module.of("put")
    assert put.kills >= 8
    assert 'monkeypatch.setattr("state._stock", {"apple": ' in put.text
    visit = module.of("visit")
    assert visit.kills >= 4
    assert 'monkeypatch.setattr("state._visits", ' in visit.text
    assert '"first"' in visit.text


def test_what_extensions_in_c_compute_is_stated(grown: Callable[..., Any]) -> None:
    module = grown("extensions")
    assert module.of().missing == ()
    assert module.of("packed").kills >= 3
    assert module.of("checksum").kills >= 1
    assert module.of("spread").kills >= 8
    assert "pytest.approx(" in module.of("spread").text
    assert "list(recent(" in module.of("recent").text
    assert "dict(letters(" in module.of("letters").text


def test_arrays_of_numpy_are_compared_as_lists(grown: Callable[..., Any]) -> None:
    module = grown("arrays", "numpy")
    assert module.of().missing == ()
    assert ".tolist() == " in module.of("scaled").text
    assert module.of("scaled").kills >= 10
    assert "numpy.array(" in module.of("masked").text
    assert 'monkeypatch.setattr("numpy.random.default_rng"' in module.of("noisy").text


def test_tables_of_pandas_are_compared_as_mappings(grown: Callable[..., Any]) -> None:
    module = grown("frames", "pandas")
    assert module.of().missing == ()
    assert "pandas.DataFrame(" in module.of("totals").text
    assert module.of("table").kills >= 8
    assert ".to_dict()" in module.of().text
