"""Types as annotations and documentation state them, held against values that were seen.

Only clear cases are decided: a name that could mean anything but a builtin, an abstract collection or a well-known
class of the standard library says nothing.
"""

from __future__ import annotations

import ast
import builtins
import collections
import collections.abc
import datetime
import decimal
import fractions
import pathlib
import re
import types
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Seen:
    """A value that was seen. ``type`` is its qualified name; ``value`` counts only where ``literal`` is set."""

    type: str
    literal: bool = False
    value: Any = None

    @classmethod
    def of(cls, value: Any) -> Seen:
        """A literal."""
        return cls(f"{type(value).__module__}.{type(value).__qualname__}", True, value)


@dataclass(frozen=True, slots=True)
class Spec:
    """What a stated type asks of a value.

    ``fits`` tells whether one is of the type: True, False, or None where that cannot be told. ``text`` writes the same
    as a Python expression over the expression it is given.
    """

    fits: Callable[[Seen], bool | None]
    text: Callable[[str], str]


_BUILTIN: dict[str, tuple[type, ...]] = {
    "int": (int,), "str": (str,), "float": (float, int), "complex": (complex, float, int), "bool": (bool,),
    "bytes": (bytes,), "bytearray": (bytearray,), "list": (list,), "dict": (dict,), "set": (set,),
    "frozenset": (frozenset,), "tuple": (tuple,), "None": (type(None),),
}  # fmt: skip
_ALIASES = {"List": "list", "Dict": "dict", "Set": "set", "FrozenSet": "frozenset", "Tuple": "tuple", "Text": "str"}
_ABSTRACT = frozenset(
    {"Sequence", "MutableSequence", "Iterable", "Iterator", "Collection", "Container", "Mapping", "MutableMapping"}
    | {"MutableSet", "Sized", "Generator", "Callable", "Reversible"}
)
_STANDARD: dict[str, type] = {
    "datetime.date": datetime.date, "datetime.datetime": datetime.datetime, "datetime.timedelta": datetime.timedelta,
    "datetime.time": datetime.time, "decimal.Decimal": decimal.Decimal, "fractions.Fraction": fractions.Fraction,
    "pathlib.Path": pathlib.Path, "pathlib.PosixPath": pathlib.PosixPath, "pathlib.PurePath": pathlib.PurePath,
    "uuid.UUID": uuid.UUID, "re.Match": re.Match, "re.Pattern": re.Pattern, "collections.Counter": collections.Counter,
    "collections.OrderedDict": collections.OrderedDict, "collections.defaultdict": collections.defaultdict,
    "collections.deque": collections.deque,
}  # fmt: skip
_UNNAMED = {
    "NoneType": type(None), "generator": types.GeneratorType, "coroutine": types.CoroutineType,
    "function": types.FunctionType, "method": types.MethodType, "module": types.ModuleType,
    "dict_keys": type({}.keys()), "dict_values": type({}.values()), "dict_items": type({}.items()),
    "list_iterator": type(iter([])), "builtin_function_or_method": types.BuiltinFunctionType,
}  # fmt: skip
_SPELLED = {"float": "(int, float)", "complex": "(int, float, complex)"}
_TYPING = ("typing", "typing_extensions", "collections.abc")
_WORDS = {
    "string": "str", "str": "str", "unicode": "str", "integer": "int", "int": "int", "float": "float",
    "boolean": "bool", "bool": "bool", "dictionary": "dict", "dict": "dict", "list": "list", "tuple": "tuple",
    "set": "set", "frozenset": "frozenset", "bytes": "bytes", "none": "None", "nonetype": "None",
}  # fmt: skip


def type_seen(seen: Seen) -> type | None:
    """The class of a value that was seen; None for one that this process does not know."""
    module, _, name = seen.type.rpartition(".")
    if module != "builtins":
        return _STANDARD.get(seen.type)
    found = _UNNAMED.get(name, getattr(builtins, name, None))
    return found if isinstance(found, type) else None


UNKNOWN = Spec(lambda _: None, lambda _: "True")


def _class_spec(expected: tuple[type, ...], name: str) -> Spec:
    def fits(seen: Seen) -> bool | None:
        found = type_seen(seen)
        return None if found is None else issubclass(found, expected)

    names = _SPELLED.get(name, name)
    return Spec(fits, lambda value: f"{value} is None" if name == "None" else f"isinstance({value}, {names})")


def any_of(specs: Sequence[Spec]) -> Spec:
    """One of several types."""

    def fits(seen: Seen) -> bool | None:
        found = [each.fits(seen) for each in specs]
        if True in found:
            return True
        return None if None in found else False

    return Spec(fits, lambda value: f"({' or '.join(each.text(value) for each in specs)})")


class Annotations:
    """Reads annotations of one module. ``imports`` are its import lines, ``defined`` the names it has at its top."""

    def __init__(self, imports: Iterable[str] = (), defined: Iterable[str] = ()) -> None:
        self._imports = tuple(imports)
        self._defined = frozenset(defined)

    def spec(self, annotation: str) -> Spec:
        """What an annotation asks for."""
        try:
            return self._read(ast.parse(annotation.strip(), mode="eval").body)
        except SyntaxError:
            return UNKNOWN

    def is_clear(self, annotation: str) -> bool:
        """Whether an annotation decides about any value at all."""
        spec = self.spec(annotation)
        samples: tuple[Any, ...] = (None, 1, "", [], {}, 1.5, b"")
        return any(spec.fits(Seen.of(value)) is False for value in samples)

    def _read(self, node: ast.expr) -> Spec:
        if isinstance(node, ast.Constant):
            return self._constant(node)
        if isinstance(node, ast.Name | ast.Attribute):
            return self._named(ast.unparse(node))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return any_of([self._read(node.left), self._read(node.right)])
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        return UNKNOWN

    def _constant(self, node: ast.Constant) -> Spec:
        if node.value is None:
            return _class_spec((type(None),), "None")
        return self.spec(node.value) if isinstance(node.value, str) else UNKNOWN

    def _named(self, name: str) -> Spec:
        if name == "object":
            return Spec(lambda _: True, lambda _: "True")
        if name in _BUILTIN and name not in self._defined:
            return _class_spec(_BUILTIN[name], name)
        last = name.rpartition(".")[2]
        if self._is_typing(name):
            if last in _ALIASES:
                return _class_spec(_BUILTIN[_ALIASES[last]], _ALIASES[last])
            if last in _ABSTRACT:
                return _class_spec((getattr(collections.abc, last),), f"collections.abc.{last}")
        for qualified, kind in _STANDARD.items():
            module, _, own = qualified.rpartition(".")
            if own == last and (name == qualified or self._imported(last, (module,))):
                return _class_spec((kind,), qualified)
        return UNKNOWN

    def _subscript(self, node: ast.Subscript) -> Spec:
        name = ast.unparse(node.value)
        last = name.rpartition(".")[2]
        inner = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
        if self._is_typing(name):
            if last == "Optional":
                return any_of([self._read(inner[0]), _class_spec((type(None),), "None")])
            if last == "Union":
                return any_of([self._read(item) for item in inner])
            if last in ("Annotated", "Final", "Required", "NotRequired"):
                return self._read(inner[0])
            if last == "Literal":
                return _literal_spec(inner)
            if last in ("TypeGuard", "TypeIs"):
                return _class_spec((bool,), "bool")
        return self._container(self._named(name), _ALIASES.get(last, last), inner)

    def _container(self, base: Spec, name: str, inner: list[ast.expr]) -> Spec:
        if name == "Callable":
            return base
        if name == "tuple":
            return _tuple_spec(base, inner, self._read)
        parts = [self._read(item) for item in inner]
        if name in ("dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict") and len(parts) == 2:
            return _mapping_spec(base, *parts)
        return _items_spec(base, parts[0]) if len(parts) == 1 or name in ("Generator", "Iterable") else base

    def _is_typing(self, name: str) -> bool:
        head, _, last = name.rpartition(".")
        return head in ("typing", "t", "typing_extensions", "collections.abc", "abc") or self._imported(last, _TYPING)

    def _imported(self, name: str, modules: Sequence[str]) -> bool:
        pattern = re.compile(rf"from ({'|'.join(map(re.escape, modules))}) import .*\b{re.escape(name)}\b(?! as )")
        return any(pattern.match(line) for line in self._imports)


def _all(found: Sequence[bool | None]) -> bool | None:
    if False in found:
        return False
    return None if None in found else True


def _items_spec(base: Spec, part: Spec) -> Spec:
    def fits(seen: Seen) -> bool | None:
        found = base.fits(seen)
        if not found or not isinstance(seen.value, list | tuple | set | frozenset):
            return found
        return _all([part.fits(Seen.of(item)) for item in seen.value])

    return Spec(fits, lambda value: f"({base.text(value)} and all({part.text('item')} for item in {value}))")


def _mapping_spec(base: Spec, key: Spec, item: Spec) -> Spec:
    def fits(seen: Seen) -> bool | None:
        found = base.fits(seen)
        if not found or not isinstance(seen.value, dict):
            return found
        return _all([key.fits(Seen.of(each)) for each in seen.value] + [
            item.fits(Seen.of(each)) for each in seen.value.values()
        ])  # fmt: skip

    def text(value: str) -> str:
        inner = f"{key.text('key')} and {item.text('item')}"
        return f"({base.text(value)} and all({inner} for key, item in {value}.items()))"

    return Spec(fits, text)


def _literal_spec(inner: Sequence[ast.expr]) -> Spec:
    try:
        allowed = [ast.literal_eval(item) for item in inner]
    except ValueError:
        return UNKNOWN
    return Spec(lambda seen: seen.value in allowed if seen.literal else None, lambda value: f"{value} in {allowed!r}")


def _tuple_spec(base: Spec, inner: Sequence[ast.expr], read: Callable[[ast.expr], Spec]) -> Spec:
    parts = [read(item) for item in inner if not (isinstance(item, ast.Constant) and item.value is ...)]
    if len(inner) == 2 and len(parts) == 1:
        return _items_spec(base, parts[0])

    def fits(seen: Seen) -> bool | None:
        found = base.fits(seen)
        if not found or not isinstance(seen.value, tuple):
            return found
        if len(seen.value) != len(parts):
            return False
        return _all([part.fits(Seen.of(item)) for part, item in zip(parts, seen.value, strict=True)])

    def text(value: str) -> str:
        each = "".join(f" and {part.text(f'{value}[{index}]')}" for index, part in enumerate(parts))
        return f"({base.text(value)} and len({value}) == {len(parts)}{each})"

    return Spec(fits, text)


def documented_type(text: str) -> str:
    """A type that documentation names in words, as an annotation; '' where it is not one of the builtins'.

    "string or None" -> ``str | None``, "list of str" -> ``list``.
    """
    plain = re.sub(r"[`:]|\bclass\b", " ", text).strip(" .")
    plain = re.sub(r"^(?:an?|the)\s+", "", " ".join(plain.split()), flags=re.IGNORECASE)
    if not plain or len(plain) > 60:
        return ""
    names = []
    for piece in re.split(r"\s*\|\s*|\s+or\s+", plain):
        optional = re.fullmatch(r"(?:typing\.)?Optional\[(\w+)\]", piece)
        head = re.fullmatch(r"(\w+)(?:\s+of\s+[\w.]+(?:s|'s)?|\[[\w., ]+\])?", optional[1] if optional else piece)
        word = _WORDS.get(head[1].lower()) if head else None
        if word is None:
            return ""
        names += [word, "None"] if optional else [word]
    return " | ".join(dict.fromkeys(names))


def holds_type(value: Any, kinds: set[str]) -> bool:
    """Whether a value is, or holds anywhere inside, an instance of one of the qualified types."""
    if Seen.of(value).type in kinds:
        return True
    if isinstance(value, dict):
        return any(holds_type(item, kinds) for pair in value.items() for item in pair)
    return isinstance(value, list | tuple | set | frozenset) and any(holds_type(item, kinds) for item in value)


def leaf_types(seen: Seen) -> set[str]:
    """The types of a value and of everything inside it."""
    if not seen.literal:
        return {seen.type}
    return _leaves(seen.value)


def _leaves(value: Any) -> set[str]:
    found = {Seen.of(value).type}
    if isinstance(value, dict):
        for key, item in value.items():
            found |= _leaves(key) | _leaves(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            found |= _leaves(item)
    return found
