"""Log files: one a process, rotated, one readable line an event."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

from augment.errors import AugmentError

FORMAT = "%(asctime)s %(levelname)-7s %(part)s: %(message)s"
MAX_BYTES = 5 * 2**20
BACKUPS = 3


class _OneLine(logging.Formatter):
    """Keeps an event on one line, so that a log can be read with grep; a traceback follows indented."""

    def format(self, record: logging.LogRecord) -> str:
        record.message = record.getMessage()
        text = super().format(record)
        first, *rest = text.splitlines() or [""]
        return "\n".join([first, *(f"    {line}" for line in rest)])


def start_logging(folder: Path, part: str, level: str = "INFO") -> None:
    """Send this process's log events to ``<folder>/<part>.log``. Raises AugmentError when it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        handler = RotatingFileHandler(folder / f"{part}.log", maxBytes=MAX_BYTES, backupCount=BACKUPS, encoding="utf-8")
    except OSError as error:
        raise AugmentError(f"cannot write logs to {folder}: {error.strerror}; choose another with --log-dir") from error
    _send(handler, part, level)


def log_to_stderr(part: str, level: str = "INFO") -> None:
    """Send this process's log events to its standard error, which Ray keeps with the logs of the node."""
    _send(logging.StreamHandler(), part, level)


def _send(handler: logging.Handler, part: str, level: str) -> None:
    handler.setFormatter(_OneLine(FORMAT, defaults={"part": part}))
    logger = logging.getLogger("augment")
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False
