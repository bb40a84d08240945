"""Use of the machine over time, drawn as SVG on the server: no script, nothing to load."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from augment.dashboard.markup import card, empty, text

_WIDTH, _HEIGHT = 600, 120
_POINTS = 240

_SERIES: tuple[tuple[str, str], ...] = (
    ("cpu", "CPU"),
    ("memory", "Memory"),
    ("disk", "Disk"),
    ("gpu", "GPU"),
    ("gpu_memory", "GPU memory"),
)


def resources_page(samples: Sequence[Mapping[str, Any]]) -> str:
    """A chart a resource; without a GPU there is none for it."""
    if not samples:
        return card(
            "Resources", empty("No sample yet", "CPU, memory, disk and GPU are drawn here over the last half hour.")
        )
    thinned = _thinned(samples)
    charts = [
        _chart(key, label, thinned) for key, label in _SERIES if any(sample[key] is not None for sample in thinned)
    ]
    pending = samples[-1].get("pending_cpus") or 0.0
    note = f'<p class="more">{pending:g} CPUs wanted by other jobs on the cluster</p>' if pending else ""
    return f'<div class="charts">{"".join(charts)}</div>{note}'


def _thinned(samples: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    step = -(-len(samples) // _POINTS)
    return samples if step == 1 else [*samples[:-1:step], samples[-1]]


def _chart(key: str, label: str, samples: Sequence[Mapping[str, Any]]) -> str:
    known = [(float(sample["at"]), float(sample[key])) for sample in samples if sample[key] is not None]
    first, last = known[0][0], known[-1][0]
    span = max(last - first, 1.0)
    scale: Callable[[float, float], str] = lambda at, share: (  # noqa: E731
        f"{(at - first) / span * _WIDTH:.1f},{_HEIGHT - min(max(share, 0.0), 1.0) * _HEIGHT:.1f}"
    )
    line = " ".join(scale(at, share) for at, share in known)
    grid = "".join(f'<line x1="0" x2="{_WIDTH}" y1="{y}" y2="{y}"/>' for y in (0, _HEIGHT // 2, _HEIGHT))
    newest = known[-1][1]
    own = samples[-1].get("own_cpu") if key == "cpu" else None
    part = "" if own is None else f"{own:.0%} Augment's own, "
    level = "hot" if newest >= 0.9 else "warm" if newest >= 0.7 else "cool"
    minutes = f"last {span / 60:.0f} min" if span >= 90 else f"last {span:.0f} s"
    svg = (
        f'<svg class="chart {key.replace("_", "-")}" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" '
        f'role="img" aria-label="{text(label)} {newest:.0%}"><g class="grid">{grid}</g>'
        f'<polygon points="0,{_HEIGHT} {line} {_WIDTH},{_HEIGHT}"/><polyline points="{line}"/></svg>'
    )
    return card(label, svg, f'<b class="level {level}">{newest:.0%}</b> <small>{text(part + minutes)}</small>')
