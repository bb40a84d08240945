"""Environment, time, chance, network, programs, files: whatever a test must not depend on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.needs_sandbox
OUTSIDE = ("environment", "clock", "chance", "network", "processes", "files", "state", "script")


def test_variables_of_the_environment_are_set_by_the_test(grown: Callable[..., Any]) -> None:
    module = grown("environment")
    assert module.of().missing == ()
    endpoint = module.of("endpoint")
    assert endpoint.kills >= 15
    assert 'monkeypatch.setenv("SHOP_TLS", "on")' in endpoint.text
    token = module.of("token").text
    assert "SHOP_TOKEN is not set" in token
    assert 'monkeypatch.delenv("SHOP_TOKEN", raising=False)' in token
    assert "environment.mode.cache_clear()" in module.of("mode").text


def test_clocks_stand_still(grown: Callable[..., Any]) -> None:
    module = grown("clock")
    assert module.of().missing == ()
    assert 'monkeypatch.setattr("clock.datetime", FrozenDatetime)' in module.of("greeting").text
    assert "Good morning" in module.of("greeting").text
    assert "Good evening" in module.of("greeting").text
    assert 'monkeypatch.setattr("clock.date", FrozenDate)' in module.of("age").text
    assert 'monkeypatch.setattr("datetime.datetime", FrozenDatetime)' in module.of("stamp").text
    assert 'monkeypatch.setattr("time.time", lambda: now)' in module.of("expired").text


def test_naps_are_noted_not_taken(grown: Callable[..., Any]) -> None:
    kept = grown("clock").of("timed")
    assert 'monkeypatch.setattr("time.sleep", naps.append)' in kept.text
    assert "assert naps == [30" in kept.text
    assert all(item.runs >= 5 for item in kept.admissions)


def test_chance_is_seeded_and_secrets_are_known(grown: Callable[..., Any]) -> None:
    module = grown("chance")
    assert module.of().missing == ()
    assert "random.seed(0)" in module.of("rolled").text
    assert module.of("rolled").kills >= 8
    assert '-abababab"' in module.of("ticket").text
    assert "00000000-0000-0000-0000-000000000007" in module.of("labelled").text


def test_services_are_played_by_the_test(grown: Callable[..., Any]) -> None:
    module = grown("network")
    assert module.of().missing == ()
    rate = module.of("rate")
    assert rate.kills >= 10
    assert 'monkeypatch.setattr("urllib.request.urlopen", urlopen)' in rate.text
    assert "/rates/" in rate.text.partition("assert requests")[2]  # what was asked for is stated too
    pinged = module.of("pinged")
    assert pinged.kills >= 4
    assert 'monkeypatch.setattr("socket.create_connection", Connection)' in pinged.text


def test_programs_are_played_by_the_test(grown: Callable[..., Any]) -> None:
    module = grown("processes")
    assert module.of().missing == ()
    branch = module.of("branch")
    assert branch.kills >= 12
    assert 'monkeypatch.setattr("subprocess.run", run)' in branch.text
    assert '== "unknown"' in branch.text
    assert "--show-current" in branch.text.partition("assert commands")[2]
    assert module.of("packages").kills >= 5


def test_files_lie_in_a_folder_of_the_test(grown: Callable[..., Any]) -> None:
    module = grown("files")
    assert module.of().missing == ()
    assert "tmp_path" in module.of("counted").text
    saved = module.of("saved")
    assert saved.kills >= 8
    assert "path.read_text()" in saved.text
    remember = module.of("remember")
    assert "monkeypatch.chdir(tmp_path)" in remember.text
    assert "settings.json" in remember.text


def test_nothing_is_kept_that_cannot_be_foreseen(grown: Callable[..., Any]) -> None:
    module = grown("unanswered")
    assert not module.of("changed_at", "address", "runner", "folder", "elapsed", "today", "local")
    assert 'monkeypatch.setattr("os.environ", {' in module.of("settled").text


def test_what_is_kept_holds_anywhere_and_at_any_time(grown: Callable[..., Any], tmp_path: Path) -> None:
    """All that was kept passes under plain pytest in another folder, time zone and environment, in another order."""
    roots = [grown(name).root for name in OUTSIDE]
    hostile = {**os.environ, "SHOP_HOST": "elsewhere", "SHOP_PORT": "1", "SHOP_TLS": "off", "SHOP_TOKEN": "x"}
    hostile |= {"TZ": "Pacific/Kiritimati", "HOME": str(tmp_path), "SHOP_MODE": "odd", "PYTHONHASHSEED": "77"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
    done = subprocess.run(
        [*command, *(str(root / "tests") for root in reversed(roots))],
        cwd=tmp_path,
        env=hostile,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_clients_and_programs_that_are_talked_to_are_played(grown: Callable[..., Any]) -> None:
    module = grown("clients", "requests")
    assert module.of().missing == ()
    title = module.of("title")
    assert 'monkeypatch.setattr("requests.get", answer)' in title.text
    assert '"missing"' in title.text
    assert title.kills >= 4
    program = module.of("sorted_by_program")
    assert 'monkeypatch.setattr("subprocess.Popen", Program)' in program.text
    assert "sort failed" in program.text


def test_the_machine_and_its_user_are_made_up(grown: Callable[..., Any]) -> None:
    module = grown("machine")
    assert module.of().missing == ()
    described = module.of("described").text
    assert "linux of ada with" in described
    assert '"Windows"' in described
    assert 'monkeypatch.setattr("builtins.input"' in module.of("confirmed").text
    assert 'monkeypatch.setattr("shutil.which"' in module.of("tool").text
    assert 'monkeypatch.setattr("sys.argv"' in module.of("rest").text
    remembered = module.of("remembered")
    assert not remembered or 'monkeypatch.setenv("HOME", str(tmp_path))' in remembered.text
