"""JUnit XML, as continuous integration reads it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from augment.records import Counts, Outcome, Run, Verdict
from augment.store.coding import essence

# Everything that XML 1.0 has no way to say, terminal colours included.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def junit_xml(run: Run, verdicts: Sequence[Verdict], muted: Mapping[str, float] | None = None) -> str:
    """``run`` as a JUnit XML document. A fault is an ``error`` of type ``augment.fault``, never a ``failure``.

    A test that is ``muted`` (nodeid -> until when, seconds since the epoch) and did not pass is no failure either: it
    counts as skipped, with a property ``muted`` that says until when, and what pytest said of it as its output.
    """
    hushed = {verdict.nodeid: moment(until) for verdict, until in muted_failures(verdicts, muted or {})}
    counts = Counts.of(verdict for verdict in verdicts if verdict.nodeid not in hushed)
    suite = ET.Element(
        "testsuite",
        name="augment",
        tests=str(counts.total + len(hushed)),
        failures=str(counts.failed),
        errors=str(counts.error + counts.fault),
        skipped=str(counts.skipped + counts.xfailed + len(hushed)),
        time=f"{sum(verdict.duration_s for verdict in verdicts):.3f}",
        timestamp=datetime.fromtimestamp(run.started_at, UTC).isoformat(timespec="milliseconds"),
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in (("run", run.id), ("lane", run.lane.value), ("revision", run.revision), ("reason", run.reason)):
        ET.SubElement(properties, "property", name=name, value=_clean(value))
    for verdict in verdicts:
        suite.append(_case(verdict, hushed.get(verdict.nodeid)))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def muted_failures(verdicts: Sequence[Verdict], muted: Mapping[str, float]) -> list[tuple[Verdict, float]]:
    """The verdicts that do not count as broken because their test is muted, and until when it is."""
    broken = (Outcome.FAILED, Outcome.ERROR)
    return [(one, muted[one.nodeid]) for one in verdicts if one.nodeid in muted and one.outcome in broken]


def moment(at: float) -> str:
    """A time as an ISO 8601 date and time in UTC, to the minute."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="minutes")


def _case(verdict: Verdict, muted_until: str | None) -> ET.Element:
    path, _, name = verdict.nodeid.partition("::")
    # The parameters of a test may hold "::" themselves, so classes are looked for before the first bracket only.
    head, bracket, parameters = name.partition("[")
    *classes, function = head.split("::")
    module = path.removesuffix(".py").replace("/", ".")
    case = ET.Element(
        "testcase",
        classname=_clean(".".join([module, *classes])),
        name=_clean(function + bracket + parameters),
        time=f"{verdict.duration_s:.3f}",
    )
    if muted_until is not None:
        properties = ET.SubElement(case, "properties")
        ET.SubElement(properties, "property", name="muted", value=f"flaky, until {muted_until}")
        ET.SubElement(case, "skipped", type="augment.muted", message=_clean(essence(verdict.output)[:500]))
        ET.SubElement(case, "system-out").text = _clean(verdict.output)
    elif verdict.outcome is not Outcome.PASSED:
        case.append(_result(verdict))
    elif verdict.output:
        ET.SubElement(case, "system-out").text = _clean(verdict.output)
    return case


def _result(verdict: Verdict) -> ET.Element:
    if verdict.outcome is Outcome.FAULT:
        kind = verdict.fault.kind.value if verdict.fault else "unknown"
        message = f"{kind}: {verdict.fault.detail}" if verdict.fault and verdict.fault.detail else kind
        result = ET.Element("error", type="augment.fault", message=_clean(message))
    elif verdict.outcome in (Outcome.SKIPPED, Outcome.XFAILED):
        result = ET.Element("skipped", type=f"pytest.{'skip' if verdict.outcome is Outcome.SKIPPED else 'xfail'}")
    else:
        tag = "failure" if verdict.outcome is Outcome.FAILED else "error"
        result = ET.Element(tag, message=_clean(essence(verdict.output)[:500]))
    result.text = _clean(verdict.output)
    return result


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", _COLOUR.sub("", text))
