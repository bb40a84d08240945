# ruff: noqa: PTH100, PTH118, PTH120
"""Entry point: ``python runner_main.py batch EVENT_FD BLACK_BOX_FD OVERLAY`` for a fresh process that runs one batch,
``python runner_main.py zygote CONTROL_FD OVERLAY`` for a warm one that forks,
``python runner_main.py trial SPECIFICATION FILE`` to try a sandbox. Puts nothing of Augment in the way."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from typing import Any

NAME = "_augment_runner"


def load(module: str) -> Any:
    """Load the folder of this file as a package, without naming the folder on sys.path, and give one module."""
    here = os.path.dirname(os.path.abspath(__file__))
    # Python puts the script's folder first on the path: a project's own module called `plugin` must win.
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    init = os.path.join(here, "__init__.py")
    spec = importlib.util.spec_from_file_location(NAME, init, submodule_search_locations=[here])
    if spec is None or spec.loader is None:
        raise ImportError(f"no loader for {init}")
    package = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = package
    spec.loader.exec_module(package)
    return importlib.import_module(NAME + "." + module)


if __name__ == "__main__":
    if sys.argv[1] == "zygote":
        load("zygote").main(int(sys.argv[2]), sys.argv[3])
    elif sys.argv[1] == "trial":
        load("trial").main(sys.argv[2], sys.argv[3])
    else:
        load("session").main(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
