# Paths stay plain strings here, and the file stays valid for Python 3.9.
# ruff: noqa: PTH117, S112
"""What can be asserted of a value: a list of (path, literal), the most telling first.

A path is an expression with ``{}`` in the place of the value. Project objects are looked into: public attributes and
properties, items, lengths. What has no stable literal (functions, addresses) is left out, and looking never ends a
scenario: code of the project that raises while it is looked at says nothing.
"""

from __future__ import annotations

import enum
import functools
import inspect
import itertools
import math
import os
import types
from collections.abc import Callable, Iterator
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
_PANDAS_TEXT = frozenset(["Timestamp", "Timedelta", "NaTType", "NAType", "Period", "Interval"])
_MAPPINGS = frozenset(["defaultdict", "OrderedDict", "Counter", "ChainMap", "UserDict", "mappingproxy"])
_SEQUENCES = frozenset(["deque", "UserList", "range", "dict_keys", "dict_values", "dict_items", "array"])

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
    writer = _LITERALS.get(kind)
    if writer is None:
        raise NotPlainError(kind.__name__)
    return writer(value)


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise NotPlainError("float")
    return repr(value)


def _list(value: Any) -> str:
    return "[" + ", ".join([stated(item) for item in value]) + "]"


def _tuple(value: Any) -> str:
    inner = ", ".join([stated(item) for item in value])
    return f"({inner},)" if len(value) == 1 else f"({inner})"


def _dict(value: Any) -> str:
    return "{" + ", ".join([stated(key) + ": " + stated(item) for key, item in value.items()]) + "}"


def _set(value: Any) -> str:
    if not value:
        raise NotPlainError("set")  # `set()` is a call, no literal
    return "{" + ", ".join(sorted([stated(item) for item in value])) + "}"


_LITERALS = {
    float: _float,
    list: _list,
    tuple: _tuple,
    dict: _dict,
    set: _set,
}  # type: dict[type, Callable[[Any], str]]


# --------------------------------------------------------------------------- parts


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
    """What is no literal: by what stands for it, or by its type, length, items, attributes and text."""
    for looker in _LOOKERS:
        found = looker(value, path, depth)
        if found is not None:
            yield from found
            return
    kind = type(value)
    yield f"type({path}).__name__", repr(kind.__name__)
    if depth <= 0:
        return
    if hasattr(kind, "__len__"):
        yield from _length(value, path)
    if isinstance(value, (list, tuple, dict)):
        yield from _items(value, path, depth - 1)
    yield from _attributes(value, path, depth - 1)
    yield from _as_text(value, path)


def _length(value: Any, path: str) -> Iterator[tuple[str, str]]:
    try:
        yield f"len({path})", repr(len(value))
    except Exception:  # noqa: BLE001 - the project's own __len__ may raise anything: then there is no length to tell
        return


def _items(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key in list(value)[:_ITEMS]:
            if type(key) in (str, int):
                yield from _leaves(value[key], f"{path}[{key!r}]", depth)
    elif isinstance(value, (list, tuple)):
        for index in range(min(len(value), _ITEMS)):
            yield from _leaves(value[index], f"{path}[{index}]", depth)


def _attributes(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    for name in _attribute_names(value)[:_ATTRIBUTES]:
        try:
            found = getattr(value, name)
        except Exception:  # noqa: BLE001 - a property of the project's may raise anything: then it says nothing
            continue
        if not inspect.ismethod(found):
            yield from _leaves(found, f"{path}.{name}", depth)


def _attribute_names(value: Any) -> list[str]:
    """Public attributes: of the object, in slots, and those that its classes compute (not those of pydantic itself)."""
    names = [name for name in getattr(value, "__dict__", ()) if isinstance(name, str)]
    for owner in type(value).__mro__:
        if owner.__module__.partition(".")[0] == "pydantic":
            continue
        slots = owner.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else list(slots)
        names += [name for name, kept in vars(owner).items() if _computes(kept)]
    return list(dict.fromkeys(name for name in names if not name.startswith("_")))


def _computes(kept: Any) -> bool:
    """Whether what a class holds under a name computes an attribute: a property, or a descriptor written in Python."""
    if isinstance(kept, (property, functools.cached_property)):
        return True
    getter = getattr(type(kept), "__get__", None)
    return isinstance(getter, types.FunctionType) and hasattr(type(kept), "__set__")


def _as_text(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """What the project's own ``__str__`` or ``__repr__`` says."""
    kind = type(value)  # type: Any
    how = kind.__str__ if kind.__str__ is not object.__str__ else kind.__repr__
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


# --------------------------------------------------------------------------- what stands for a value


def _plain_form(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]] | None:
    """By a plain value that says what it is: the name of an enum's member, the list of an array."""
    conversion = next((item for item in _CONVERSIONS if item[0](value)), None)
    if conversion is None:
        return None
    _, template, convert = conversion
    if depth <= 0:
        return iter(())
    try:
        plain = convert(value)
    except Exception:  # noqa: BLE001 - converting runs the project's code, which may raise anything: it says nothing then
        return iter(())
    return _leaves(plain, template.replace("{}", path), depth - 1)


def _with_shape(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]] | None:
    """An array, by its numbers; by its shape where those are none or many."""
    if _package(value) != "numpy" or not hasattr(value, "tolist") or not getattr(value, "shape", ()):
        return None
    numbers = _leaves(value.tolist(), f"{path}.tolist()", depth)
    size = 1
    for length in value.shape:
        size *= length
    # A few numbers in their brackets say what the shape says.
    shape = [] if 0 < size <= _ITERATED else [(f"{path}.shape", repr(tuple(value.shape)))]
    return itertools.chain(numbers, shape)


def _frame(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]] | None:
    """A table or column of pandas, by its values, the names of its columns and its shape."""
    if _package(value) != "pandas" or not hasattr(value, "to_dict"):
        return None
    values = _leaves(value.to_dict(), f"{path}.to_dict()", depth)
    names = _leaves(list(value.columns), f"list({path}.columns)", depth) if hasattr(value, "columns") else iter(())
    shape = [] if 0 < len(value) <= _ITEMS else [(f"{path}.shape", repr(tuple(value.shape)))]
    return itertools.chain(values, names if shape else (), shape)


def _model(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]] | None:
    """A model of pydantic, by its fields as they are dumped, and what it computes."""
    dump = getattr(type(value), "model_dump", None)
    if dump is None or not any(_module(owner) == "pydantic" for owner in type(value).__mro__):
        return None
    fields = value.model_dump()
    try:
        stated(fields)
    except (NotPlainError, RecursionError):
        return None
    kind = (f"type({path}).__name__", repr(type(value).__name__))
    own = (name for name in _attribute_names(value) if name not in fields)
    computed = (leaf for name in own for leaf in _leaves(getattr(value, name, None), f"{path}.{name}", depth - 1))
    return itertools.chain([kind], _leaves(fields, f"{path}.model_dump()", depth), computed)


def _error(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]] | None:
    if not isinstance(value, BaseException):
        return None
    kind = (f"type({path}).__name__", repr(type(value).__name__))
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 - the project's own __str__ may raise anything: then it says nothing
        return iter([kind])
    return itertools.chain([kind], _leaves(text, f"str({path})", depth))


def _endless(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]] | None:
    """What would be used up or left open: a coroutine is closed, so that nothing complains of it, and says nothing."""
    if isinstance(value, types.CoroutineType):
        value.close()
        return iter(())
    if isinstance(value, types.AsyncGeneratorType):
        return iter(())
    return None


def _class(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]] | None:
    """A class, by its name and the plain values that it holds."""
    if not isinstance(value, type):
        return None
    held = {name: kept for name, kept in vars(value).items() if not name.startswith("_") and type(kept) in _PLAIN}
    shown = (leaf for name, kept in held.items() for leaf in _leaves(kept, f"{path}.{name}", 0))
    return itertools.chain([(path + ".__name__", repr(value.__name__))], shown if depth > 0 else ())


def _function(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]] | None:
    """A function, by being one, and by the plain values that were attached to it."""
    if not isinstance(value, (types.FunctionType, types.BuiltinFunctionType, types.MethodType)):
        return None
    held = {name: kept for name, kept in getattr(value, "__dict__", {}).items() if not name.startswith("_")}
    shown = (leaf for name, kept in held.items() for leaf in _leaves(kept, f"{path}.{name}", depth - 1))
    return itertools.chain([(f"callable({path})", "True")], shown if depth > 0 else ())


def _module(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def _package(value: Any) -> str:
    return _module(type(value))


def _is_named(names: frozenset[str], *packages: str) -> Callable[[Any], bool]:
    return lambda value: type(value).__name__ in names and _package(value) in packages


def _is_iterator(value: Any) -> bool:
    return hasattr(type(value), "__next__") and hasattr(type(value), "__iter__") and iter(value) is value


def _is_subclass_of(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds) and type(value) not in kinds


_CONVERSIONS = (
    (lambda value: isinstance(value, enum.Flag), "{}.value", lambda value: value.value),
    (lambda value: isinstance(value, enum.Enum), "{}.name", lambda value: value.name),
    (lambda value: type(value) is float, "str({})", str),
    (
        lambda value: _package(value) == "numpy" and hasattr(value, "tolist"),
        "{}.tolist()",
        lambda value: value.tolist(),
    ),
    (_is_named(_PANDAS_TEXT, "pandas"), "str({})", str),
    (
        lambda value: _package(value) == "pandas" and hasattr(value, "tolist"),
        "{}.tolist()",
        lambda value: value.tolist(),
    ),
    (lambda value: _package(value) in _BY_TEXT, "str({})", str),
    (lambda value: type(value) in (set, frozenset), "sorted({}, key=repr)", lambda value: sorted(value, key=repr)),
    (lambda value: type(value) in (bytearray, memoryview), "bytes({})", bytes),
    (_is_named(_MAPPINGS, "collections", "builtins"), "dict({})", dict),
    (_is_named(_SEQUENCES, "collections", "builtins", "array"), "list({})", list),
    (_is_named(frozenset(["StringIO", "BytesIO"]), "_io"), "{}.getvalue()", lambda value: value.getvalue()),
    (_is_named(frozenset(["Pattern"]), "re"), "{}.pattern", lambda value: value.pattern),
    (_is_named(frozenset(["Match"]), "re"), "{}.group()", lambda value: value.group()),
    (
        _is_iterator,
        f"list(itertools.islice({{}}, {_ITERATED}))",
        lambda value: list(itertools.islice(value, _ITERATED)),
    ),
    (lambda value: isinstance(value, tuple) and hasattr(value, "_fields"), "tuple({})", tuple),
    (_is_subclass_of(str), "str({})", str.__str__),
    (_is_subclass_of(int), "int({})", int),
)  # type: tuple[tuple[Callable[[Any], bool], str, Callable[[Any], Any]], ...]
"""Which values, the path to what stands for them, and how that is made. The first that fits counts."""
_LOOKERS = (
    _endless,
    _error,
    _class,
    _function,
    _with_shape,
    _frame,
    _model,
    _plain_form,
)  # type: tuple[Callable[[Any, str, int], Iterator[tuple[str, str]] | None], ...]
