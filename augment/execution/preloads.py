"""What each project's tests import from outside it, learned from batches and kept for the next launch."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from augment.execution.source import RunnerKind
from augment.files import write_atomically

_FILE = Path(".augment") / "preload.json"
_MOST = 5000


@dataclass(frozen=True, slots=True)
class Preload:
    """Modules to import ahead, in order. The first ``tried`` of them were tried under ``stamp``."""

    modules: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    """Package -> why it is not imported ahead under ``stamp``; under "" why nothing is."""
    stamp: str = ""
    tried: int = 0

    def wanted(self, stamp: str) -> tuple[str, ...]:
        """What to import where the packages are as in ``stamp``: what was refused in another state is tried again."""
        return self.but(self.refused if stamp == self.stamp else {})

    def but(self, refused: Mapping[str, str]) -> tuple[str, ...]:
        """The modules outside the ``refused`` packages."""
        return () if "" in refused else tuple(n for n in self.modules if n.partition(".")[0] not in refused)

    def vetted(self, stamp: str) -> bool:
        """Whether all that is wanted was found harmless in this state."""
        return stamp == self.stamp and self.tried >= len(self.modules)


class Preloads:
    """Keeps one :class:`Preload` for each interpreter and project, in the project's ``.augment`` where there is one."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Preload] = {}
        self._lock = threading.Lock()

    def of(self, kind: RunnerKind) -> Preload:
        """What is known for projects and interpreters like this."""
        with self._lock:
            return self._of(kind)

    def learn(self, kind: RunnerKind, modules: Sequence[str]) -> None:
        """Batches of this kind import these too."""
        with self._lock:
            known = self._of(kind)
            there = set(known.modules)
            fresh = [name for name in modules if name not in there]
            merged = tuple([*known.modules, *fresh][:_MOST])
            if merged != known.modules:
                self._keep(kind, replace(known, modules=merged))

    def tried(self, kind: RunnerKind, preload: Preload, refused: Mapping[str, str], stamp: str) -> None:
        """All of ``preload`` was tried under ``stamp``; packages in ``refused`` are not to be imported ahead."""
        with self._lock:
            known = self._of(kind)
            earlier = known.refused if known.stamp == stamp else {}
            self._keep(kind, Preload(known.modules, {**earlier, **refused}, stamp, len(preload.modules)))

    def _of(self, kind: RunnerKind) -> Preload:
        key = (kind.interpreter, kind.root)
        if key not in self._known:
            self._known[key] = _read(kind)
        return self._known[key]

    def _keep(self, kind: RunnerKind, preload: Preload) -> None:
        self._known[kind.interpreter, kind.root] = preload
        path = Path(kind.root) / _FILE
        if kind.root and path.parent.is_dir():
            entry = asdict(preload)
            write_atomically(path, json.dumps({**_file(path), kind.interpreter: entry}, indent=1).encode())


def _file(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}  # it is a memory of what is faster, and is made anew
    return content if isinstance(content, dict) else {}


def _read(kind: RunnerKind) -> Preload:
    entry = _file(Path(kind.root) / _FILE).get(kind.interpreter) if kind.root else None
    if not isinstance(entry, dict):
        return Preload()
    try:
        return Preload(
            tuple(map(str, entry["modules"])), dict(entry["refused"]), str(entry["stamp"]), int(entry["tried"])
        )
    except (KeyError, TypeError, ValueError):
        return Preload()
