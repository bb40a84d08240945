"""The table of ``generation.py``: packages one by one and pooled, and the bars beside the results."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from harness import Quality, killed_of
from systems import Written

TOGETHER = "**together**"


@dataclass(frozen=True)
class Measured:
    """What one system wrote for one package, and what it is worth."""

    system: str
    package: str
    written: Written
    quality: Quality

    def rates(self) -> dict[str, float | int | str]:
        """The figures of the table; shares in percent."""
        lines, branches = self.quality.lines, self.quality.branches
        killed, mutants = killed_of(self.quality.mutants)
        return {
            "system": self.system,
            "package": self.package,
            "line_branch": share(lines[0] + branches[0], lines[1] + branches[1]),
            "branch": share(*branches),
            "killed": share(killed, mutants),
            "mutants": mutants,
            "tests": self.quality.tests,
            "files_dropped": self.quality.files_dropped,
            "failing_alone": len(self.quality.failing_alone),
            "flaky": len(self.quality.flaky),
            "seconds": self.written.seconds,
            "prompt_tokens": self.written.prompt_tokens,
            "completion_tokens": self.written.completion_tokens,
            "tests_a_minute": round(60 * self.quality.tests / self.written.seconds, 1) if self.written.seconds else 0.0,
        }


def share(part: float, whole: float) -> float:
    """Percent; 0 of nothing."""
    return 100.0 * part / whole if whole else 0.0


def pooled(results: list[Measured]) -> Measured:
    """One system's packages as if they were one: counts are added, so a large package weighs more than a small one."""
    quality, written = Quality(), Written()
    for item in results:
        one = item.quality
        quality = Quality(
            tests=quality.tests + one.tests,
            files_dropped=quality.files_dropped + one.files_dropped,
            tests_dropped=quality.tests_dropped + one.tests_dropped,
            lines=_added(quality.lines, one.lines),
            branches=_added(quality.branches, one.branches),
            mutants=dict(Counter(quality.mutants) + Counter(one.mutants)),
            failing_alone=quality.failing_alone + one.failing_alone,
            flaky=quality.flaky + one.flaky,
            reruns=one.reruns,
            seconds=quality.seconds + one.seconds,
        )
        written = Written(
            seconds=written.seconds + item.written.seconds,
            prompt_tokens=written.prompt_tokens + item.written.prompt_tokens,
            completion_tokens=written.completion_tokens + item.written.completion_tokens,
        )
    return Measured(results[0].system if results else "", TOGETHER, written, quality)


def _added(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]


def by_system(results: list[Measured]) -> dict[str, tuple[list[Measured], Measured]]:
    """System -> its packages in order, and all of them together."""
    names = dict.fromkeys(item.system for item in results)
    mine = {name: [item for item in results if item.system == name] for name in names}
    return {name: (items, pooled(items)) for name, items in mine.items()}


def table(results: list[Measured]) -> str:
    """Markdown: a row a package, and one for all of them where there are several."""
    reruns = max((item.quality.reruns for item in results), default=0)
    head = ("system", "package", "line+branch %", "branch %", "mutants killed", "tests", "dropped files", "fail alone")
    head += (f"flaky of {reruns} reruns", "seconds", "tokens in / out", "tests a minute")
    rows = [head, ("---",) * len(head)]
    for items, together in by_system(results).values():
        rows += [_row(item) for item in (*items, together)[: None if len(items) > 1 else 1]]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def _row(item: Measured) -> tuple[str, ...]:
    rates = item.rates()
    return (
        item.system,
        item.package,
        f"{rates['line_branch']:.1f}",
        f"{rates['branch']:.1f}",
        f"{rates['killed']:.1f} % of {rates['mutants']}" if rates["mutants"] else "-",
        str(rates["tests"]),
        str(rates["files_dropped"]),
        str(rates["failing_alone"]),
        str(rates["flaky"]),
        f"{rates['seconds']:.0f}",
        f"{rates['prompt_tokens']} / {rates['completion_tokens']}",
        f"{rates['tests_a_minute']:.1f}",
    )


# ---------------------------------------------------------------------- bars

BARS = {True: (94.0, 80.0), False: (86.0, 68.0)}
"""With the model or not -> percent of lines and branches, and of mutants, over the three packages of the comparison."""


def bars(results: list[Measured], group: str | None, *, model: bool) -> str:
    """What was to be reached, and whether it was, for Augment with everything on: the first system of the results."""
    systems = by_system(results)
    ours = next((pooled for name, (_, pooled) in systems.items() if name in ("Augment", "Augment, no model")), None)
    if ours is None:
        return ""
    mine = ours.rates()
    said = []
    if group == "benchmark":
        coverage, killed = BARS[model]
        said.append(_bar(f"line+branch at least {coverage:g} %", mine["line_branch"], mine["line_branch"] >= coverage))
        said.append(_bar(f"mutants killed at least {killed:g} %", mine["killed"], mine["killed"] >= killed))
    for name, (_, pooled_peer) in systems.items():
        if not name.startswith("Augment"):
            theirs = pooled_peer.rates()
            for column, what in (("line_branch", "line+branch"), ("killed", "mutants killed")):
                better = mine[column] > theirs[column]
                said.append(_bar(f"{what} above {name}'s {theirs[column]:.1f} %", mine[column], better))
    said.append(_count_bar(f"no test flaky over {ours.quality.reruns} varied reruns", mine["flaky"]))
    said.append(_count_bar("every kept test passes alone under plain pytest", mine["failing_alone"]))
    return "\nBars, over all packages of the table:\n\n" + "".join(f"- {one}\n" for one in said)


def _bar(what: str, value: float, met: bool) -> str:
    return f"{what}: {value:.1f} %, {'met' if met else '**missed**'}"


def _count_bar(what: str, bad: int) -> str:
    return f"{what}: {'met' if not bad else f'**missed** by {bad}'}"
