"""Clocks that stand still, or go on by half a second at every look; naps that are only noted."""

from __future__ import annotations

import re

from augment.analysis import OutsideUse, TargetContext
from augment.generation.search.setting import Setting, merged, patched, patching, place_of, uses_of

_MOMENTS = ("2024, 2, 29, 12, 30", "2023, 12, 31, 23, 59, 59", "2024, 6, 3, 8, 5")
_SECONDS = 1709209800.0
"""The first of these moments in UTC."""
_STANDING = {
    "time.time": "lambda: now",
    "time.time_ns": "lambda: int(now * 1e9)",
    "time.localtime": "lambda seconds=now: time.gmtime(seconds)",
    "time.ctime": "lambda seconds=now: time.asctime(time.gmtime(seconds))",
}
_GOING = ("time.monotonic", "time.perf_counter", "time.process_time", "time.monotonic_ns", "time.perf_counter_ns")
_MOMENT_METHODS = (
    ("now", "tz=None", "moment.replace(tzinfo=tz)"),
    ("utcnow", "", "moment"),
    ("today", "", "moment"),
)


def clock_settings(context: TargetContext) -> list[Setting]:
    """What the target's clocks show; [] where it reads none."""
    uses = context.outside.uses
    parts = [_seconds(uses), _naps(uses), *([] if context.is_async else [_stopwatch(uses)])]
    fixed = [part for part in parts if part is not None]
    moments = _moments(uses)
    if not moments:
        return [merged(fixed)] if fixed else []
    return [merged([*fixed, moment], moment.label) for moment in moments]


def _seconds(uses: tuple[OutsideUse, ...]) -> Setting | None:
    found = uses_of(uses, *_STANDING)
    if not found:
        return None
    lines = [f"now = {_SECONDS}", *(patched(place_of(use), _STANDING[use.means]) for use in found)]
    imports = ["time"] if any("time.gmtime" in line for line in lines) else []
    return patching("", lines, *imports)


def _stopwatch(uses: tuple[OutsideUse, ...]) -> Setting | None:
    found = uses_of(uses, *_GOING)
    if not found:
        return None
    return patching(
        "",
        [
            patched(
                place_of(use), f"itertools.count({'100, 500' if use.means.endswith('_ns') else '100.0, 0.5'}).__next__"
            )
            for use in found
        ],
        "itertools",
    )


def _naps(uses: tuple[OutsideUse, ...]) -> Setting | None:
    plain = uses_of(uses, "time.sleep")
    awaited = [use for use in uses_of(uses, "asyncio.sleep") if _is_long(use)]
    if not plain and not awaited:
        return None
    lines = ["naps = []", *(patched(place_of(use), "naps.append") for use in plain)]
    if awaited:
        lines += ["", "async def nap(seconds, result=None):", "    naps.append(seconds)", "    return result", ""]
        lines += [patched(place_of(use), "nap") for use in awaited]
    return patching("", lines, looks=["naps"])


def _is_long(use: OutsideUse) -> bool:
    """Whether a coroutine sleeps for a time that no test should; shorter naps only let others run."""
    match = re.search(r"sleep\((.*)\)", use.text)
    try:
        return match is not None and float(match[1]) > 0.05
    except ValueError:
        return False


def _moments(uses: tuple[OutsideUse, ...]) -> list[Setting]:
    """Frozen dates, at three moments: a class that takes the place of ``datetime`` or ``date``."""
    times = uses_of(uses, *(f"datetime.datetime.{name}" for name, _, _ in _MOMENT_METHODS))
    days = uses_of(uses, "datetime.date.today")
    if not times and not days:
        return []
    return [
        _moment(times, days, moment, "" if not index else f"moment_{index + 1}")
        for index, moment in enumerate(_MOMENTS)
    ]


def _moment(times: list[OutsideUse], days: list[OutsideUse], moment: str, label: str) -> Setting:
    lines = [f"moment = datetime.datetime({moment})", ""]
    if times:
        used = {use.means.rpartition(".")[2] for use in times}
        lines.append("class FrozenDatetime(datetime.datetime):")
        for name, arguments, value in _MOMENT_METHODS:
            if name in used:
                taken = f"cls, {arguments}" if arguments else "cls"
                lines += ["    @classmethod", f"    def {name}({taken}):", f"        return {value}", ""]
    if days:
        lines += ["class FrozenDate(datetime.date):", "    @classmethod", "    def today(cls):"]
        lines += ["        return moment.date()", ""]
    lines += [patched(place, "FrozenDatetime") for place in dict.fromkeys(_class_place(use) for use in times)]
    lines += [patched(place, "FrozenDate") for place in dict.fromkeys(_class_place(use) for use in days)]
    return patching(label, lines, "datetime")


def _class_place(use: OutsideUse) -> str:
    return place_of(use).rpartition(".")[0]
