# ruff: noqa: PTH116 - as people write them
"""Functions whose results no test can foresee."""

import os
import threading
import time
from datetime import date, datetime
from pathlib import Path


def changed_at() -> float:
    """When this file was changed."""
    return os.stat(__file__).st_mtime


def address() -> int:
    """Where an object lies."""
    return id(object())


def runner() -> str:
    """Who runs this."""
    return f"{os.getpid()} {threading.get_ident()}"


def folder() -> str:
    """Where this file lies."""
    return str(Path(__file__).parent)


def elapsed() -> float:
    """The clock, by a way that nobody sees."""
    return getattr(time, "perf_" + "counter")()


def today() -> str:
    """Today, by a way that nobody sees."""
    return getattr(date, "to" + "day")().isoformat()


def local(seconds: int) -> str:
    """A time as the clocks of this place show it."""
    return datetime.fromtimestamp(1709209800).isoformat() + f"+{seconds % 2}"


def settled(name: str) -> str:
    """A variable whose name is put together."""
    return os.environ.get("SHOP_" + name.upper(), "unset")
