"""Measures the time from a save to the first new test of what it changed, in a project that a real service watches.

    python benchmarks/first_test.py [--no-model] [--edits 20] [--limit 180] [--json FILE] [--write-docs]

A copy of examples/bookshop is watched by Augment with its own Ray, as its user starts it. Each edit changes a function,
or adds one, and is saved while the service goes on with whatever it does, idle work included. The time counts from the
close of the save until an admission of that very target is on the event stream over HTTP. A save that brings none
within the limit counts as endless. The bars, p50: 20 s without a model, 60 s with it.
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from environments import copy_of, quantile
from first_test_edits import EDITS, Edit
from pages import ROOT, section_text
from quality_page import PAGE
from watched import Service

BARS_S = {True: 60.0, False: 20.0}
PAUSE_S = 5.0
"""Between an answer and the next save."""
MODEL_LIMIT_S = 900.0


@dataclass(frozen=True)
class Timed:
    """One save, and how long its first new test took: None past the limit."""

    target: str
    added: bool
    seconds: float | None
    generator: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-model", action="store_true")
    parser.add_argument("--edits", type=int, default=len(EDITS))
    parser.add_argument("--limit", type=float, default=180.0, help="seconds until a save counts as without a test")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/quality.md")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started here ends with us
    timed = measure(EDITS[: options.edits], model=not options.no_model, limit_s=options.limit)
    body = table(timed, model=not options.no_model, limit_s=options.limit)
    print(body)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in timed], indent=2) + "\n", encoding="utf-8")
    if options.write_docs:
        how = "without a model" if options.no_model else "with the packaged 1.5B model"
        bar = f"p50 <= {BARS_S[not options.no_model]:g} s over 20 saves of a watched project."
        section = section_text(f"From a save to its first new test, {how}", bar, ["first_test.py", *sys.argv[1:]], body)
        PAGE.write(f"first-test-{'no-model' if options.no_model else 'model'}", section)
    return 0


def measure(edits: Sequence[Edit], *, model: bool, limit_s: float) -> list[Timed]:
    """Watch a copy of the bookshop and save the edits one after the other."""
    with tempfile.TemporaryDirectory(prefix="augment-first-test-") as folder:
        project = copy_of(ROOT / "examples" / "bookshop", Path(folder) / "bookshop")
        with Service(project, *([] if model else ["--no-model"])) as service:
            service.first_look()
            if model:
                wait_for_model(service)
            return [one(service, project, edit, limit_s) for edit in edits]


def wait_for_model(service: Service) -> None:
    deadline = time.monotonic() + MODEL_LIMIT_S
    while (state := service.get("health").get("model")) != "ready":
        if state in ("failed", "off") or time.monotonic() > deadline:
            raise SystemExit(f"the model is {state}; see {service.logs}")
        time.sleep(1.0)


def one(service: Service, project: Path, edit: Edit, limit_s: float) -> Timed:
    """Save one edit and wait for the first new test of its target."""
    before = service.events()
    edit.apply(project)
    began, saved_at = time.monotonic(), time.time()
    seen = service.wait_for(
        lambda name, data: name == "admission" and data["target"] == edit.target and data["created_at"] >= saved_at,
        before,
        limit_s,
    )
    seconds = round(seen[0] - began, 1) if seen else None
    print(f"{edit.target}: {'no test' if seconds is None else f'{seconds} s'}", file=sys.stderr)
    time.sleep(PAUSE_S)
    return Timed(edit.target, not edit.old, seconds, seen[2]["generator"] if seen else "")


def table(timed: Sequence[Timed], *, model: bool, limit_s: float) -> str:
    """Markdown: all saves, and the two sorts of them."""
    groups = {
        "all": list(timed),
        "a function changed": [one for one in timed if not one.added],
        "a function added": [one for one in timed if one.added],
    }
    rows = ["| saves | count | with a new test | p50 s | p95 s |", "|---|---|---|---|---|"]
    for name, group in groups.items():
        values = [math.inf if one.seconds is None else one.seconds for one in group]
        tested = sum(math.isfinite(value) for value in values)
        shown = " | ".join(_shown(quantile(values, share), limit_s) for share in (0.5, 0.95))
        rows.append(f"| {name} | {len(group)} | {tested} | {shown} |")
    middle = quantile([math.inf if one.seconds is None else one.seconds for one in timed], 0.5)
    verdict = "met" if middle <= BARS_S[model] else "**missed**"
    return "\n".join(rows) + f"\n\nThe bar of {BARS_S[model]:g} s at p50: {verdict}.\n"


def _shown(seconds: float, limit_s: float) -> str:
    if math.isnan(seconds):
        return "-"
    return f"{seconds:.1f}" if math.isfinite(seconds) else f"none within {limit_s:g}"


if __name__ == "__main__":
    sys.exit(main())
