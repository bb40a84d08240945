from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def augment(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AUGMENT_")}
    return subprocess.run(
        [sys.executable, "-m", "augment", "generate", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=120,
    )


@pytest.mark.needs_sandbox
def test_one_pass_writes_tests_and_tells_what_became_of_every_candidate(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    done = augment(
        str(shop), "shop.pricing:apply_discount", "--no-model", "--budget", "20", "--json", str(out), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text())
    assert {"admitted", "rejected", "findings", "seconds", "tokens"} <= set(report)
    assert report["admitted"]
    first = report["admitted"][0]
    assert first["nodeid"].startswith("tests/augment/test_shop_pricing_augment.py::test_")
    assert any(item["mutants_killed"] for item in report["admitted"])
    assert first["runs"] >= 5
    assert all(isinstance(count, int) for count in report["rejected"].values())
    assert "\x1b[" not in done.stderr
    plain = subprocess.run(
        [str(Path(sys.executable).with_name("pytest")), "-q"], cwd=shop, capture_output=True, text=True, check=False
    )
    assert f"{len(report['admitted'])} passed" in plain.stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["shop/nothing.py"], "shop/nothing.py"),
        (["--without", "wishes"], "wishes"),
        (["--test-types", "unit,poetry"], "poetry"),
        (["--budget", "-1"], "--budget is -1"),
        (["--output", "../elsewhere"], "--output is"),
        (["--json", "nowhere/result.json"], "there is no folder nowhere"),
    ],
)
def test_wrong_argument_is_one_clear_line(shop: Path, arguments: list[str], named: str) -> None:
    done = augment(str(shop), *arguments, "--no-model", cwd=shop)
    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_project_that_cannot_be_written_to_is_one_clear_line(shop: Path) -> None:
    (shop / ".augment").write_text("a file where the folder should be")
    done = augment(str(shop), "--no-model", cwd=shop)
    assert done.returncode == 2
    assert done.stderr.startswith("augment: cannot write to ")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.needs_sandbox
def test_held_tests_are_told_with_the_id_that_accepts_them(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    wanted = ("shop.pricing:apply_discount", "--no-model", "--budget", "20", "--accept", "review", "--json", str(out))
    done = augment(str(shop), *wanted, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    held = json.loads(out.read_text())["admitted"]
    assert held
    assert "0 tests kept" in done.stdout
    assert all(item["id"] in done.stdout for item in held)
    assert not (shop / "tests" / "augment").exists()
