# Stays valid for Python 3.9.
"""What can be asserted of a value: a list of (path, literal), the most telling first.

A path is an expression with ``{}`` in the place of the value. Project objects are looked into: public attributes and
properties, items, lengths. What has no stable literal (functions, addresses, floats that are not finite) is left out.
"""

from __future__ import annotations

import enum
import inspect
import itertools
import os
import types
from collections.abc import Iterator
from typing import Any

MOST_LEAVES = 40
MOST_CHARACTERS = 300
"""Longer literals make tests that nobody reads; their length and both ends are told instead."""
_DEPTH = 3
_ATTRIBUTES = 12
_ITEMS = 5
_ITERATED = 20
_PLAIN = (type(None), bool, int, str, bytes, complex)
_BY_TEXT = frozenset(["datetime", "decimal", "fractions", "uuid", "pathlib", "ipaddress", "zoneinfo"])
"""Modules of the standard library whose values are known by what ``str`` says."""

Leaves = list[tuple[str, str]]


class NotPlainError(Exception):
    """A value that no literal states."""


def leaves_of(value: Any) -> Leaves:
    """The leaves of ``value``, at most :data:`MOST_LEAVES`."""
    return list(itertools.islice(_leaves(value, "{}", _DEPTH), MOST_LEAVES))


def stated(value: Any) -> str:
    """The literal of ``value``, sets in one order whatever the hash seed. Raises :class:`NotPlainError`."""
    kind = type(value)
    if kind in _PLAIN:
        return repr(value)
    if kind is float:
        return _float(value)
    if kind is list:
        return "[" + ", ".join([stated(item) for item in value]) + "]"
    if kind is tuple:
        inner = ", ".join([stated(item) for item in value])
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if kind is dict:
        return "{" + ", ".join([stated(key) + ": " + stated(item) for key, item in value.items()]) + "}"
    if kind is set and value:
        return "{" + ", ".join(sorted([stated(item) for item in value])) + "}"
    raise NotPlainError(kind.__name__)


def _float(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        raise NotPlainError("float")
    return repr(value)


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    try:
        text = stated(value)
    except (NotPlainError, RecursionError):
        yield from _parts(value, path, depth)
        return
    if len(text) <= MOST_CHARACTERS:
        yield path, text
    else:
        yield from _long(value, path, depth)


def _long(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    yield f"len({path})", repr(len(value)) if hasattr(value, "__len__") else repr(len(str(value)))
    if isinstance(value, (str, bytes)):
        yield path + "[:80]", repr(value[:80])
        yield path + "[-80:]", repr(value[-80:])
    elif depth > 0:
        yield from _items(value, path, depth - 1)


def _parts(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    kind = type(value)
    converted = _converted(value, path)
    if converted is not None:
        yield from _leaves(converted[1], converted[0], depth - 1) if depth > 0 else ()
        return
    if kind is float:
        return
    if isinstance(value, type):
        yield path + ".__name__", repr(value.__name__)
        return
    if callable(value) and isinstance(value, (types.FunctionType, types.BuiltinFunctionType, types.MethodType)):
        yield f"callable({path})", "True"
        return
    yield f"type({path}).__name__", repr(kind.__name__)
    if depth <= 0:
        return
    if isinstance(value, (list, tuple, dict, set, frozenset)) or _has_len(kind):
        yield from _length(value, path)
    if isinstance(value, (list, tuple, dict)):
        yield from _items(value, path, depth - 1)
    yield from _attributes(value, path, depth - 1)
    yield from _as_text(value, path)


def _converted(value: Any, path: str) -> tuple[str, Any] | None:
    """A plain value that says what ``value`` is, and the path to it."""
    kind = type(value)
    if isinstance(value, enum.Enum):
        return path + ".name", value.name
    module = kind.__module__.partition(".")[0]
    if module == "numpy" and hasattr(value, "tolist"):
        return path + ".tolist()", value.tolist()
    if module == "pandas" and hasattr(value, "to_dict"):
        return path + ".to_dict()", value.to_dict()
    if module in _BY_TEXT:
        return f"str({path})", str(value)
    if kind is frozenset or (kind is set and not value):
        return f"sorted({path}, key=repr)", sorted(value, key=repr)
    if kind in (range, bytearray) or kind.__module__ == "collections":
        how = {"bytearray": "bytes", "defaultdict": "dict", "OrderedDict": "dict", "Counter": "dict"}
        name = how.get(kind.__name__, "list")
        return f"{name}({path})", {"bytes": bytes, "dict": dict, "list": list}[name](value)
    if isinstance(value, BaseException):
        return f"str({path})", str(value)
    if kind.__name__ == "Pattern":
        return path + ".pattern", value.pattern
    if kind.__name__ == "Match":
        return path + ".group()", value.group()
    if hasattr(kind, "__next__") and iter(value) is value:
        return f"list(itertools.islice({path}, {_ITERATED}))", list(itertools.islice(value, _ITERATED))
    if kind.__name__ in ("dict_keys", "dict_values", "dict_items"):
        return f"list({path})", list(value)
    return None


def _has_len(kind: Any) -> bool:
    return hasattr(kind, "__len__")


def _length(value: Any, path: str) -> Iterator[tuple[str, str]]:
    try:
        yield f"len({path})", repr(len(value))
    except Exception:  # noqa: BLE001 - the project's own __len__ may raise anything: then there is no length to tell
        return


def _items(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key in list(value)[:_ITEMS]:
            if type(key) in (str, int):
                yield from _leaves(value[key], f"{path}[{key!r}]".replace("{}", "{}"), depth)
    elif isinstance(value, (list, tuple)):
        for index in range(min(len(value), _ITEMS)):
            yield from _leaves(value[index], f"{path}[{index}]", depth)


def _attributes(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    names = [name for name in getattr(value, "__dict__", ()) if isinstance(name, str)]
    for owner in type(value).__mro__:
        slots = owner.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else list(slots)
        names += [name for name, kept in vars(owner).items() if isinstance(kept, property)]
    for name in list(dict.fromkeys(name for name in names if not name.startswith("_")))[:_ATTRIBUTES]:
        try:
            found = getattr(value, name)
        except Exception:  # noqa: BLE001 - a property of the project's may raise anything: then it says nothing
            continue
        if not inspect.ismethod(found):
            yield from _leaves(found, f"{path}.{name}", depth)


def _as_text(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """What the project's own ``__str__`` or ``__repr__`` says."""
    how = type(value).__str__ if type(value).__str__ is not object.__str__ else type(value).__repr__
    if how is object.__repr__ or not isinstance(how, types.FunctionType) or how.__code__.co_filename.startswith("<"):
        return
    if not os.path.isabs(how.__code__.co_filename):
        return
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 - the project's own __str__ may raise anything: then it says nothing
        return
    if len(text) <= MOST_CHARACTERS:
        yield f"str({path})", repr(text)
