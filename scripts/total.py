"""Adds up the JUnit reports of several pytest runs: ``python scripts/total.py REPORT ...`` prints one line."""

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree


def total(reports: list[Path]) -> str:
    """How many tests passed, failed (errors among them) and were skipped."""
    counts: Counter[str] = Counter()
    for report in reports:
        for suite in ElementTree.parse(report).iter("testsuite"):
            counts.update({name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")})
    failed = counts["failures"] + counts["errors"]
    passed = counts["tests"] - failed - counts["skipped"]
    return f"total: {passed} passed, {failed} failed, {counts['skipped']} skipped"


if __name__ == "__main__":
    print(total([Path(name) for name in sys.argv[1:]]))
