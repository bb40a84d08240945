# ruff: noqa: RET503 - as people write them
"""Decorators, plain and with arguments."""

import functools


def retried(times: int = 3, on: type = ValueError):
    """Try a function again when it fails."""

    def decorator(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            for attempt in range(times):
                try:
                    return function(*args, **kwargs)
                except on:
                    if attempt == times - 1:
                        raise

        return wrapper

    return decorator


def counted(function):
    """Count the calls of a function."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        wrapper.calls += 1
        return function(*args, **kwargs)

    wrapper.calls = 0
    return wrapper


@counted
def area(width: int, height: int = 2) -> int:
    """A function that is decorated itself."""
    if width < 0:
        return 0
    return width * height


REGISTRY = {}


def registered(cls):
    """Enter a class under its name in small letters."""
    REGISTRY[cls.__name__.lower()] = cls
    cls.tag = f"<{cls.__name__}>"
    return cls
