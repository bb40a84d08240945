"""A process that writes verdicts for ever and says each one aloud once it is acknowledged."""

import sys
from pathlib import Path

from store_samples import F, P, run, verdict

from augment.store import Reporter, Store

folder, number = Path(sys.argv[1]), int(sys.argv[2])
reporter = Reporter(
    Store(folder / "augment.db"), folder, folder / "results", folder / "TASKS.md", write_every_s=0.0, keep_results=5
)
while True:
    number += 1
    reporter.run_started(run(number))
    print(f"run run-{number}", flush=True)
    for test in range(8):
        reporter.verdicts(
            f"run-{number}", [verdict(f"t.py::test_{test}", F if test % 3 == number % 3 else P, "x" * 5000)]
        )
        print(f"verdict run-{number} t.py::test_{test}", flush=True)
    reporter.run_finished(f"run-{number}", 2000.0 + number)
    print(f"end run-{number}", flush=True)
