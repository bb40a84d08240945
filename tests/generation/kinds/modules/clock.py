"""Functions that read the time."""

import datetime as dt
import time
from datetime import date, datetime


def greeting(name: str) -> str:
    """What to say at this time of the day."""
    hour = datetime.now().hour
    if hour < 12:
        return f"Good morning, {name}"
    return f"Good evening, {name}"


def age(born: date) -> int:
    """Whole years since a birthday."""
    today = date.today()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def stamp(text: str) -> str:
    """A text with the time in front."""
    return dt.datetime.now(dt.UTC).strftime("%Y%m%d") + "-" + text


def expired(created: float, lifetime: float = 60.0) -> bool:
    """Whether something is too old."""
    return time.time() - created > lifetime


def timed(count: int) -> float:
    """How long so many steps take."""
    began = time.monotonic()
    for _ in range(count):
        time.sleep(30)
    return time.monotonic() - began
