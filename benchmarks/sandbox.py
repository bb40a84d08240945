"""Measures what the sandbox costs a batch, and what it blocks.

    python benchmarks/sandbox.py [--rounds 40] [--quick] [--json FILE] [--write-docs]

The same small batch of a generated test runs again and again: confined in each tier that this machine offers, and not
confined, in turn. What a tier costs is the median of the differences within a round. Then every attack of
``tests/security/attacks.py`` runs in each tier as this user; it is blocked when its test does not pass and nothing
outside has changed. Exits with 1 when a tier is over the bar or lets an attack through.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from augment.execution import LocalExecutor, find_sandbox
from augment.records import Snapshot, content_hash
from augment.seams import Batch

BAR_MS = 15.0
DOCS = Path(__file__).parent.parent / "docs" / "security.md"
BEGIN, END = "<!-- attacks: begin -->", "<!-- attacks: end -->"
NONE = "none"
_ATTACKS = Path(__file__).parent.parent / "tests" / "security"
_MODULE = "def double(number):\n    return 2 * number\n"
_TEST = "import shop\n\n\ndef test_double():\n    assert shop.double(2) == 4\n"


def main() -> None:
    """Measure, print, exit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="batches of each kind (default: 40)")
    parser.add_argument("--quick", action="store_true", help="few rounds and no attacks")
    parser.add_argument("--json", type=Path, help="write the results to this file too")
    parser.add_argument("--write-docs", action="store_true", help="put the attacks into docs/security.md")
    given = parser.parse_args()
    tiers = [mode for mode in ("namespaces", "landlock") if find_sandbox(mode).tier.value == mode]
    results = {
        "machine": {mode: find_sandbox(mode).describe() for mode in ("namespaces", "landlock")},
        "bar_ms": BAR_MS,
        "overhead": overhead(tiers, min(5, given.rounds) if given.quick else given.rounds),
        "attacks": {} if given.quick else {tier: attacked(tier) for tier in tiers},
    }
    text = json.dumps(results, indent=2)
    print(text)
    if given.json is not None:
        given.json.write_text(text + "\n")
    _print(results)
    if given.write_docs:
        write_docs(results["attacks"])
    sys.exit(0 if _within(results) else 1)


# ------------------------------------------------------------------------------ what it costs


def overhead(tiers: Sequence[str], rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds a batch by tier: median, and the median of what it takes longer than the batch beside it."""
    with tempfile.TemporaryDirectory(prefix="augment-bench-", dir="/var/tmp") as folder:
        root = Path(folder)
        (root / "shop.py").write_text(_MODULE)
        executors = {mode: LocalExecutor(1, sandbox=mode) for mode in (*tiers, "off")}
        try:
            for executor in executors.values():
                _batch_ms(executor, root)  # the warm process starts here
                _batch_ms(executor, root)
            taken: dict[str, list[float]] = {mode: [] for mode in executors}
            for _ in range(rounds):
                for mode, executor in executors.items():
                    taken[mode].append(_batch_ms(executor, root))
        finally:
            for executor in executors.values():
                executor.close()
    found = {NONE: {"median_ms": statistics.median(taken["off"])}}
    for tier in tiers:
        differences = [confined - bare for confined, bare in zip(taken[tier], taken["off"], strict=True)]
        found[tier] = {"median_ms": statistics.median(taken[tier]), "over_none_ms": statistics.median(differences)}
    return found


def _batch_ms(executor: LocalExecutor, root: Path) -> float:
    snapshot = Snapshot.of({"shop.py": content_hash((root / "shop.py").read_bytes())})
    batch = Batch(
        id=uuid.uuid4().hex,
        root=str(root),
        interpreter=sys.executable,
        nodeids=("test_shop.py",),
        snapshot=snapshot,
        private=True,
        files={"test_shop.py": _TEST},
        trusted=False,
        coverage=False,
    )
    began = time.perf_counter()
    result = executor.run(batch)
    taken = 1000 * (time.perf_counter() - began)
    if [verdict.outcome.value for verdict in result.verdicts] != ["passed"]:
        raise SystemExit(f"the batch did not pass: {result.fault or result.output}")
    return taken


# ------------------------------------------------------------------------------ what it blocks


def attacked(tier: str) -> dict[str, Any]:
    """How many attacks there were, which got through, and what had changed outside."""
    with tempfile.TemporaryDirectory(prefix="augment-bench-", dir="/var/tmp") as name:
        base = Path(name)
        base.chmod(0o755)
        for folder in ("project/.git/hooks", "outside", "cache"):
            (base / folder).mkdir(parents=True)
        (base / "project" / "conftest.py").write_text("")
        places = {"root": base / "project", "folder": base / "outside", "cache": base / "cache"}
        order = {"mode": tier} | {key: str(path) for key, path in places.items()}
        done = subprocess.run(
            [sys.executable, str(_ATTACKS / "driver.py")],
            input=json.dumps(order),
            env=os.environ | {"PYTHONPATH": str(_ATTACKS)},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise SystemExit(f"the attacks could not be run: {done.stderr[-2000:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    through = [attack for attack, what in told["attacks"].items() if what["outcome"] not in ("failed", "fault")]
    return {
        "attacks": len(told["attacks"]),
        "through": through,
        "changed_outside": told["changes"],
        "ended_by": {attack: _ended_by(what) for attack, what in told["attacks"].items()},
    }


def _ended_by(what: dict[str, str]) -> str:
    if what["outcome"] not in ("failed", "fault"):
        return "**got through**"
    if what["fault"]:
        return what["fault"].partition(":")[0]
    return "finds nothing"


def write_docs(attacks: dict[str, dict[str, Any]]) -> None:
    """Replace the table between the marks in docs/security.md."""
    rows = [f"| attack | {' | '.join(attacks)} |", f"|---|{'---|' * len(attacks)}"]
    names = [name for found in list(attacks.values())[:1] for name in found["ended_by"]]
    rows += [f"| {name} | {' | '.join(found['ended_by'][name] for found in attacks.values())} |" for name in names]
    text = DOCS.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    DOCS.write_text(before + BEGIN + "\n" + "\n".join(rows) + "\n" + END + after, encoding="utf-8")


def _within(results: dict[str, Any]) -> bool:
    costs = [found["over_none_ms"] for name, found in results["overhead"].items() if name != NONE]
    return all(cost <= BAR_MS for cost in costs) and not any(
        found["through"] or found["changed_outside"] for found in results["attacks"].values()
    )


def _print(results: dict[str, Any]) -> None:
    print("\n| tier | ms a batch | over none | ratio | attacks blocked |")
    print("|---|---:|---:|---:|---:|")
    bare = results["overhead"][NONE]["median_ms"]
    for name, found in results["overhead"].items():
        over = f"{found['over_none_ms']:+.1f} ms" if "over_none_ms" in found else ""
        blocked = ""
        if name in results["attacks"]:
            attacks = results["attacks"][name]
            blocked = f"{attacks['attacks'] - len(attacks['through'])} of {attacks['attacks']}"
        print(f"| {name} | {found['median_ms']:.1f} | {over} | {found['median_ms'] / bare:.2f} | {blocked} |")


if __name__ == "__main__":
    main()
