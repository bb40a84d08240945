"""Run ``branchy_sample`` under coverage.py's tracer and under the monitor, and print where they differ (as JSON).

``python compare_cores.py RUNNER_PARENT [OVERLAY]`` with a Python that has ``sys.monitoring``.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
sys.path.extend(sys.argv[2:])

from runner import measure, monitor, tracer

SAMPLE = str(Path(__file__).with_name("branchy_sample.py"))
CALLS = [
    *[("f", (number,)) for number in (-1, 0, 1, 5)],
    *[("g", (items,)) for items in ([], [0, 1])],
    *[("h", (number,)) for number in (0, 6)],
    *[("co", (number,)) for number in (0, 3)],
    *[("deco", (number,)) for number in (0, 1)],
    ("lam", ([1, 0],)),
    *[("one", (number,)) for number in (0, 1)],
]


def run(core):
    core.start()
    spec = importlib.util.spec_from_file_location("branchy_sample", SAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # Twice: a place that has fired must fire again for the next test.
    for number, (name, arguments) in enumerate(CALLS * 2):
        core.switch(f"{number} {name}{arguments}")
        made = getattr(module, name)(*arguments)
        if asyncio.iscoroutine(made):
            asyncio.run(made)
        elif hasattr(made, "__enter__"):
            with made:
                pass
        elif hasattr(made, "__next__"):
            list(made)
    core.switch("")
    core.stop()
    return core.lines(SAMPLE), core.arcs(SAMPLE)


def translate(shape, lines, arcs):
    moved = dict(shape["moved"])
    first = lambda line: moved.get(line, line) if line > 0 else -moved.get(-line, -line)  # noqa: E731
    ran = {first(line) for line in [*lines, *(end for arc in arcs for end in arc if end > 0)]}
    taken = {(first(start), first(end)) for start, end in arcs}
    return ran & set(shape["statements"]), taken & {tuple(arc) for arc in shape["branches"]}


def main() -> None:
    shape = measure._shape(SAMPLE)
    traced_lines, traced_arcs = run(tracer.Tracer(str(Path(SAMPLE).parent), [SAMPLE]))
    lines, arcs = run(monitor.Monitor(lambda file: 2 if file == SAMPLE else 0))
    different = {}
    for context in sorted({*traced_lines, *lines}):
        expected = translate(shape, traced_lines.get(context, ()), traced_arcs.get(context, ()))
        found = translate(shape, lines.get(context, ()), arcs.get(context, ()))
        if expected != found:
            different[context] = [[sorted(a - b), sorted(b - a)] for a, b in zip(expected, found, strict=True)]
    print(json.dumps({"contexts": len(lines), "branches": len(shape["branches"]), "different": different}))


if __name__ == "__main__":
    main()
