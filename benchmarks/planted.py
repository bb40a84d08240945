"""Counts planted disagreements between documentation and code that become Findings, and Findings that are false.

    python benchmarks/planted.py [--budget 60] [--no-model] [--seed N] [--json FILE] [--write-docs]

examples/planted is a package of twenty functions; ten break a promise of their documentation, annotation or example,
ten that look alike keep it. One pass of ``augment generate`` runs over a copy. A Finding is true when it is about a
planted function and its test, which fails on the code as it is, passes once all ten are mended; a Finding whose test
cannot be run by itself counts by its target alone, and is marked so. ``planted.json`` says what is planted and how each
is mended. The bar: no more than one Finding in five is false.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from environments import CACHE, copy_of
from generation_subjects import Subject
from harness import TEST_S, Harness
from pages import ROOT, section_text
from quality_page import PAGE
from systems import Augment

EXAMPLE = ROOT / "examples" / "planted"
KNOWN = ROOT / "benchmarks" / "planted.json"
BAR = 0.2
MODULES = ("figures", "hours", "sequences", "tables", "text")


@dataclass(frozen=True)
class Judged:
    """One Finding, and whether it is right. ``rerun`` is False where its test could not be run by itself."""

    target: str
    title: str
    confidence: float
    true: bool
    rerun: bool


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=60.0, help="seconds a module")
    parser.add_argument("--no-model", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/quality.md")
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args()
    known = json.loads(KNOWN.read_text(encoding="utf-8"))
    planted = [entry["target"] for entry in known["planted"]]
    harness = Harness.prepared(options.cache)
    written, judged = measure(options, known["planted"], harness)
    body = table(known["planted"], judged, written.seconds)
    print(body)
    if options.json:
        report = {"planted": planted, "findings": [asdict(item) for item in judged], "seconds": written.seconds}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if options.write_docs:
        how = "no-model" if options.no_model else "model"
        title = f"Planted disagreements, {'without a model' if options.no_model else 'with the packaged 1.5B model'}"
        bar = "of ten planted disagreements as many as possible are Findings; at most one Finding in five is false."
        PAGE.write(f"planted-{how}", section_text(title, bar, ["planted.py", *sys.argv[1:]], body))
    return 0


def measure(options: argparse.Namespace, planted: Sequence[Mapping[str, str]], harness: Harness) -> Any:
    """One pass over a copy, and its Findings judged; what the pass took, and the judgements."""
    work = options.cache / "work" / "planted"
    shutil.rmtree(work, ignore_errors=True)
    copy_of(EXAMPLE, work)
    (work / "README.md").unlink()
    written = Augment(options.budget, options.seed, not options.no_model).write(Subject("", "handbook", MODULES), work)
    mended = options.cache / "work" / "planted-mended"
    shutil.rmtree(mended, ignore_errors=True)
    copy_of(EXAMPLE, mended)
    mend(mended, planted)
    targets = {entry["target"] for entry in planted}
    return written, [judge(finding, targets, mended, harness) for finding in written.findings]


def mend(root: Path, planted: Sequence[Mapping[str, str]]) -> None:
    """Have the code under ``root`` do what its documentation says."""
    for entry in planted:
        file = root / entry["file"]
        text = file.read_text(encoding="utf-8")
        assert text.count(entry["code"]) == 1, entry["target"]
        file.write_text(text.replace(entry["code"], entry["mended"]), encoding="utf-8")


def judge(finding: Mapping[str, Any], planted: set[str], mended: Path, harness: Harness) -> Judged:
    """Whether a Finding is right."""
    (mended / "tests").mkdir(exist_ok=True)
    test = mended / "tests" / "test_finding.py"
    test.write_text(finding["source"], encoding="utf-8")
    end = harness.pytest(mended, ["tests/test_finding.py"], TEST_S)[0]
    test.unlink()
    rerun = end in (0, 1)
    true = finding["target"] in planted and (end == 0 or not rerun)
    return Judged(finding["target"], finding["title"], finding["confidence"], true, rerun)


def table(planted: Sequence[Mapping[str, str]], judged: Sequence[Judged], seconds: float) -> str:
    """Markdown: each planted function, then the sums and every false Finding."""
    true = Counter(item.target for item in judged if item.true)
    false = [item for item in judged if not item.true]
    rows = ["| planted | of what kind | found |", "|---|---|---|"]
    for entry in planted:
        found = true[entry["target"]]
        rows.append(f"| `{entry['target'].partition('.')[2]}` | {entry['kind']} | {'yes' if found else 'no'} |")
    share = len(false) / len(judged) if judged else 0.0
    said = [f"{len(true)} of {len(planted)} found in {seconds:.0f} s."]
    verdict = "met" if share <= BAR else "**missed**"
    said.append(
        f"{len(judged)} Findings, {len(false)} of them false ({100 * share:.0f} %; the bar is 20 %: {verdict})."
    )
    lines = [*rows, "", " ".join(said)]
    lines += ["", *(f"- false: `{item.target}`: {item.title}" for item in false)] if false else []
    unrun = sum(not item.rerun for item in judged)
    lines += (
        ["", f"{unrun} Findings were counted by their target alone: their tests do not run alone."] if unrun else []
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
