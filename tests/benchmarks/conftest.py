"""The scripts in benchmarks/ are no package: their folder goes at the end of the path."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
