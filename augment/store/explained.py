"""All that is known of why one test was run or skipped, as one JSON-ready answer for REST, dashboard and command."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from augment.analysis import explain, read_source, scopes_of
from augment.records import PROCESSES, Coverage, CoverageReport
from augment.store.store import Store

DECISIONS = 10
_NEAR = 5


def why(store: Store, root: Path, nodeid: str) -> dict[str, Any]:
    """What became of the test at the last decisions, when it last ran, and what would select it.

    Of a test that is not known only ``known`` (False) and ``near``, the names most like it.
    """
    outcomes = store.latest_outcomes()
    if nodeid not in outcomes:
        return {"nodeid": nodeid, "known": False, "near": near_matches(nodeid, outcomes.keys())}
    coverage = store.known_coverage()
    newest = store.history(nodeid, 1)
    return {
        "nodeid": nodeid,
        "known": True,
        "near": [],
        "last": newest[0] if newest else None,
        "recorded": nodeid in coverage.tests,
        "decisions": _decisions(store, nodeid, coverage),
        "runs": _scopes(root, coverage.tests.get(nodeid, {})),
        "support": _scopes(root, coverage.support.get(nodeid, {})),
        "reads": sorted(coverage.reads.get(nodeid, frozenset()) - {PROCESSES}),
        "starts_processes": PROCESSES in coverage.reads.get(nodeid, frozenset()),
        "controls": store.controls_of(nodeid),
        "selection": store.control_summary(),
    }


def near_matches(nodeid: str, known: Collection[str]) -> list[str]:
    """Known tests whose names are most like ``nodeid``: those that hold it first, then by similarity."""
    held = sorted((name for name in known if nodeid and nodeid in name), key=len)
    last = {name.rpartition("::")[2]: name for name in known}
    alike = difflib.get_close_matches(nodeid, known, _NEAR, 0.6)
    by_name = [last[name] for name in difflib.get_close_matches(nodeid.rpartition("::")[2], last, _NEAR, 0.6)]
    return list(dict.fromkeys([*held, *alike, *by_name]))[:_NEAR]


def _decisions(store: Store, nodeid: str, coverage: CoverageReport) -> list[dict[str, Any]]:
    found = []
    for decision in store.decisions(DECISIONS):
        told = explain(nodeid, decision, coverage)
        found.append(
            {
                "revision": decision.revision,
                "at": decision.at,
                "run_id": decision.run_id,
                "selected": told.selected,
                "reason": told.reason,
            }
        )
    return found


def _scopes(root: Path, covered: Coverage) -> Mapping[str, list[str]]:
    """File -> functions of it that the test ran, as far as the file can be read as it is now."""
    return {
        file: [scope for scope in scopes_of(read_source(root, file) or "", part.lines) if scope]
        for file, part in sorted(covered.items())
        if part.lines
    }
