"""What a test process may see of the environment: the user's own less secrets, or an allow-list."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from augment.execution.source import RunnerKind

_SECRET = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIAL|(^|_)AUTH(_|$)|(^|_)PAT$",
    re.IGNORECASE,
)
# These belong to Augment's process and its Ray, not to the project.
_OURS = re.compile(
    r"^(RAY_|AUGMENT_|COVERAGE_|COV_CORE_|GRADIO_|OPENVINO_|PYTEST_(CURRENT_TEST|VERSION|XDIST_))|^PYTHON(HOME|PATH|STARTUP|HASHSEED)$"
)
HOME = "home"
"""Folder in the scratch folder that is the home of untrusted tests."""
_ALLOWED = re.compile(r"^(PATH|LANG|LANGUAGE|LC_[A-Z]+|TZ|LD_LIBRARY_PATH)$")


def batch_environment(
    interpreter: str, scratch: Path, *, trusted: bool, outer: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The variables for a test process whose temporary files go to ``scratch``.

    Trusted: those of ``outer`` (this process's own) whose names do not look like secrets. Otherwise an allow-list, and
    a home of its own. PYTHONPATH is left out: see :func:`project_python_path`.
    """
    outer = os.environ if outer is None else outer
    if trusted:
        seen = {name: value for name, value in outer.items() if not _SECRET.search(name) and not _OURS.search(name)}
        if "RAY_RAYLET_PID" in outer:
            seen.pop("OMP_NUM_THREADS", None)  # Ray sets it for its worker, not the user
    else:
        seen = {name: value for name, value in outer.items() if _ALLOWED.search(name)}
        seen |= {
            "HOME": str(scratch / HOME),
            "TMPDIR": str(scratch),
            "HYPOTHESIS_STORAGE_DIRECTORY": str(scratch / "hypothesis"),
            "TERM": "dumb",
            "USER": "augment",
            "LOGNAME": "augment",
        }
    # Temporary folders of pytest go with the batch, and the user's own last three are not pushed out.
    seen["PYTEST_DEBUG_TEMPROOT"] = str(scratch)
    _activate(seen, interpreter)
    return seen


def runner_environment(kind: RunnerKind, scratch: Path) -> dict[str, str]:
    """The variables for a runner of this kind: :func:`batch_environment` with its PYTHONPATH and hash seed."""
    environment = batch_environment(kind.interpreter, scratch, trusted=kind.trusted)
    if kind.python_path:
        environment["PYTHONPATH"] = kind.python_path
    if kind.hash_seed is not None:
        environment["PYTHONHASHSEED"] = str(kind.hash_seed)
    return environment


def make_scratch(parent: Path | None, kind: RunnerKind) -> Path:
    """A new folder for temporary files of runners of this kind, with the home that untrusted tests are given."""
    scratch = Path(tempfile.mkdtemp(prefix="augment-", dir=parent))
    if not kind.trusted:
        (scratch / HOME).mkdir()
    return scratch


def project_python_path(root: str, outer: Mapping[str, str] | None = None) -> str:
    """The folders of the user's PYTHONPATH that lie in the project; the others may be Augment's or Ray's own."""
    outer = os.environ if outer is None else outer
    entries = [entry for entry in outer.get("PYTHONPATH", "").split(os.pathsep) if entry]
    kept = [entry for entry in entries if Path(entry).is_absolute() and Path(entry).is_relative_to(root)]
    return os.pathsep.join(kept)


def _activate(seen: dict[str, str], interpreter: str) -> None:
    """Let commands that tests start find the project's interpreter, not Augment's."""
    folder = Path(interpreter).parent
    seen.pop("VIRTUAL_ENV", None)
    if (folder.parent / "pyvenv.cfg").exists():
        seen["VIRTUAL_ENV"] = str(folder.parent)
    seen["PATH"] = os.pathsep.join([str(folder), seen.get("PATH", os.defpath)])
