"""Which batches are confined, and how: the user's choice and this machine's tier put together."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from augment.execution.interpreter import InterpreterInfo
from augment.execution.sandbox.confinement import TierConfinement
from augment.execution.sandbox.place import Place
from augment.execution.sandbox.tiers import SandboxMode, require_sandbox


class Confinements:
    """Gives each batch its confinement. ``own_tests`` confines the user's own tests as well."""

    def __init__(self, mode: SandboxMode | str = SandboxMode.AUTO, *, own_tests: bool = False) -> None:
        self._mode = SandboxMode(mode)
        self._own_tests = own_tests
        self._made: dict[tuple[str, str, Path, str, int], TierConfinement] = {}

    def confines(self, *, trusted: bool) -> bool:
        """Whether batches of this trust are kept in a sandbox."""
        return self._mode is not SandboxMode.OFF and (self._own_tests or not trusted)

    def of(self, info: InterpreterInfo, overlay: str, copies: Path, root: str, *, trusted: bool) -> TierConfinement:
        """For batches of the project at ``root``. ``copies`` is the folder of its private copies.

        Raises SandboxError where this machine has no tier that was asked for.
        """
        with suppress(OSError):  # where nothing can be written there will be no private copy either
            copies.mkdir(parents=True, exist_ok=True)
        shown = root if trusted else ""
        inode = copies.stat().st_ino if copies.is_dir() else 0
        key = (info.path, overlay, copies, shown, inode)
        if key not in self._made:
            place = replace(Place.of(info, overlay, str(copies), root), copies_inode=inode)
            if shown:
                place = place.also(shown)
            self._made[key] = TierConfinement(require_sandbox(self._mode), place)
        return self._made[key]
