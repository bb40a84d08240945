"""Starts Augment on ten real projects as their owners would, and tells what happens.

    python benchmarks/compatibility.py [--projects httpbin,pygments] [--quick] [--minute 60] [--write-docs]

For each project, in an environment of its own: ``augment doctor``; ``augment test --all`` beside plain pytest, test by
test; ``python -m augment.launch`` until every test has its verdict; a save that breaks a function, until the failing
verdict is on the event stream, and the save that mends it; a minute of generation, one half beside that, one half by
``augment generate`` for the file that was saved; a stop. Every save's verdicts are compared with plain pytest's on the
same bytes. Afterwards plain pytest runs what was kept, also three times in an order, with a hash seed and in a time
zone drawn anew, and the project's files are compared with what they were.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from compatibility_cases import CASES, QUICK
from compatibility_happened import Happened, Options
from compatibility_page import DOCS, document, line
from compatibility_run import try_case
from real_projects import DEFAULT_CACHE


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--projects", help=f"some of them, with commas: {','.join(CASES)}")
    parser.add_argument("--quick", action="store_true", help=f"{' and '.join(QUICK)}, with ten seconds of generation")
    parser.add_argument("--minute", type=float, default=60.0, help="seconds of generation")
    parser.add_argument("--seed", type=int, default=0, help="decides which functions are broken")
    parser.add_argument("--json", type=Path, help="write all details; other projects that the file has are kept")
    parser.add_argument("--write-docs", action="store_true", help=f"write the table to docs/{DOCS.name}")
    parser.add_argument("--logs", type=Path, help="keep the logs of the services here")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    options = parser.parse_args()
    names = list(QUICK) if options.quick else chosen(options.projects, CASES)
    wanted = Options(options.cache, 10.0 if options.quick else options.minute, options.seed, options.logs)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started here ends with us
    known = kept(options.json)
    for name in names:
        known[name] = try_case(CASES[name], wanted)
        print(line(CASES[name], known[name]), flush=True)
        if options.json:
            rows = {project: asdict(happened) for project, happened in known.items()}
            options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    told = {name: known[name] for name in CASES if name in known}
    if options.write_docs:
        DOCS.write_text(document(told), encoding="utf-8")
    return 1 if any(known[name].wrong for name in names) else 0


def chosen(text: str | None, known: Iterable[str]) -> list[str]:
    """The projects named in ``text``, all of them without it. Ends the script where one is not known."""
    names = list(known) if text is None else [name for name in text.split(",") if name]
    for name in names:
        if name not in known:
            raise SystemExit(f"no project is called {name!r}; there are {', '.join(known)}")
    return names


def kept(path: Path | None) -> dict[str, Happened]:
    """What an earlier run wrote, by project."""
    if path is None or not path.exists():
        return {}
    rows = json.loads(path.read_text(encoding="utf-8"))
    return {name: Happened.of_json(row) for name, row in rows.items()}


if __name__ == "__main__":
    sys.exit(main())
