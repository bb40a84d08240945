"""What the target's code asks of its arguments: values on both sides of every question."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from augment.generation.search.regexes import matching
from augment.generation.search.values import BY_TYPE, Value, literal, unique

STRING_METHODS = frozenset(
    [
        "strip",
        "lstrip",
        "rstrip",
        "split",
        "rsplit",
        "lower",
        "upper",
        "title",
        "replace",
        "startswith",
        "endswith",
        "join",
        "encode",
        "splitlines",
        "format",
        "isdigit",
        "isalpha",
        "casefold",
        "partition",
        "rpartition",
        "find",
        "zfill",
        "capitalize",
        "translate",
        "isupper",
        "islower",
        "isspace",
        "isalnum",
    ]
)
DICT_METHODS = frozenset(["items", "keys", "values", "setdefault"])
DATE_PARTS = frozenset(["year", "month", "day", "weekday", "isoformat", "strftime"])
NUMERIC = (ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Pow, ast.LShift, ast.RShift, ast.BitAnd)
MAX_LENGTH = 300


@dataclass
class Guards:
    """By parameter: the values that its guards ask for, and the type that its use betrays ('' when nothing does)."""

    values: dict[str, list[Value]] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)

    def of(self, name: str) -> list[Value]:
        """The guard values of one parameter."""
        return self.values.get(name, [])


def read_guards(source: str, parameters: tuple[str, ...]) -> Guards:
    """The guards in a target's source, whose parameters have these names."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return Guards()
    reader = _Reader(tree, set(parameters))
    return Guards({name: unique(values) for name, values in reader.values().items()}, reader.types())


class _Reader:
    def __init__(self, tree: ast.Module, names: set[str]) -> None:
        self._nodes = list(ast.walk(tree))
        self._aliases = {name: name for name in names}
        for node in self._nodes:  # `text = raw.strip()`: what is asked of text is asked of raw
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                origin = self._subject(node.value)
                if origin:
                    self._aliases.setdefault(node.targets[0].id, origin)

    def values(self) -> dict[str, list[Value]]:
        found: defaultdict[str, list[Value]] = defaultdict(list)
        for node in self._nodes:
            for name, values in self._asked(node):
                found[name] += values
        return dict(found)

    def types(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for node in self._nodes:
            name, kind = self._betrayed(node)
            if name and kind:
                found.setdefault(name, kind)
        return found

    # ----- guards

    def _asked(self, node: ast.AST) -> Iterator[tuple[str, list[Value]]]:
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
                yield from self._compared(left, operator, right)
                yield from self._compared(right, operator, left)
        elif isinstance(node, ast.Match):
            name = self._subject(node.subject)
            if name:
                yield (
                    name,
                    [
                        literal(item.value)
                        for item in ast.walk(node)
                        if isinstance(item, ast.Constant) and item.value is not ...
                    ],
                )
        elif isinstance(node, ast.Call):
            yield from self._called(node)
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            name = self._subject(node.value)
            if name and isinstance(node.slice.value, str):
                yield name, [literal({node.slice.value: 1}), literal({node.slice.value: "x"})]

    def _compared(self, asked: ast.expr, operator: ast.cmpop, other: ast.expr) -> Iterator[tuple[str, list[Value]]]:
        constant = _constant(other)
        measured = _measured(asked)
        if measured is not None and isinstance(constant, int):
            name = self._subject(measured)
            if name:
                yield name, _of_length(constant)
            return
        name = self._subject(asked)
        if not name:
            return
        if isinstance(constant, tuple | list | set | frozenset | dict):
            yield name, [literal(item) for item in _sorted(constant)]
        elif isinstance(operator, ast.In | ast.NotIn) and isinstance(constant, str):
            yield name, [literal(item) for item in constant[:4]]
        elif constant is not None or (isinstance(other, ast.Constant) and other.value is None):
            yield name, around(constant)

    def _called(self, node: ast.Call) -> Iterator[tuple[str, list[Value]]]:
        function = ast.unparse(node.func)
        if function == "isinstance" and len(node.args) == 2:
            name = self._subject(node.args[0])
            if name:
                yield (
                    name,
                    [
                        value
                        for kind in re.findall(r"\w+", ast.unparse(node.args[1]))
                        for value in BY_TYPE.get(kind, [])[:2]
                    ],
                )
                yield name, [literal(None), literal(12.5), literal("text")]
        elif isinstance(node.func, ast.Attribute):
            yield from self._method(node, node.func)

    def _method(self, node: ast.Call, function: ast.Attribute) -> Iterator[tuple[str, list[Value]]]:
        first = _constant(node.args[0]) if node.args else None
        name = self._subject(function.value)
        if name and isinstance(first, str):
            yield name, _near(function.attr, first)
        subject = next((found for item in node.args[:2] if (found := self._subject(item))), "")
        if subject and function.attr in ("match", "fullmatch", "search", "findall", "split", "sub", "finditer"):
            yield subject, [literal(text) for text in matching(first)] if isinstance(first, str) else []
        if subject and function.attr in ("strptime", "strftime") and len(node.args) == 2:
            pattern = _constant(node.args[1])
            yield subject, [literal(_dated(pattern))] if isinstance(pattern, str) else []

    # ----- types

    def _betrayed(self, node: ast.AST) -> tuple[str, str]:
        if isinstance(node, ast.Attribute):
            name = self._subject(node.value)
            kinds = (("str", STRING_METHODS), ("dict", DICT_METHODS), ("date", DATE_PARTS))
            return name, next((kind for kind, names in kinds if node.attr in names), "")
        if isinstance(node, ast.For | ast.comprehension):
            return self._subject(node.iter), "list"
        if isinstance(node, ast.BinOp) and isinstance(node.op, NUMERIC):
            return self._subject(node.left) or self._subject(node.right), "int"
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE):
            constant = _constant(node.comparators[0])
            return self._subject(node.left), type(constant).__name__ if isinstance(constant, int | float | str) else ""
        return self._betrayed_by_call(node) if isinstance(node, ast.Call) else ("", "")

    def _betrayed_by_call(self, node: ast.Call) -> tuple[str, str]:
        function = ast.unparse(node.func)
        if function == "isinstance" and len(node.args) == 2:
            kind = next(iter(re.findall(r"\w+", ast.unparse(node.args[1]))), "")
            return self._subject(node.args[0]), {"basestring": "str", "unicode": "str"}.get(kind, kind)
        if (
            function in ("len", "sorted", "sum", "max", "min", "iter", "enumerate", "list", "set", "tuple")
            and node.args
        ):
            return self._subject(node.args[0]), "list"
        if isinstance(node.func, ast.Name) and node.func.id in self._aliases:
            return self._aliases[node.func.id], "callable"
        return "", ""

    def _subject(self, node: ast.expr) -> str:
        """The parameter that an expression is about: itself, or itself stripped, lowered, converted or sliced."""
        if isinstance(node, ast.Name):
            return self._aliases.get(node.id, "")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in STRING_METHODS:
            return self._subject(node.func.value)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("int", "float", "abs", "str") and node.args:
            return self._subject(node.args[0])
        return self._subject(node.left) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) else ""


def around(constant: object) -> list[Value]:
    """A compared value and its neighbours."""
    if isinstance(constant, bool) or constant is None:
        return [literal(constant)]
    if isinstance(constant, int):
        return [literal(constant - 1), literal(constant), literal(constant + 1)]
    if isinstance(constant, float):
        return [literal(constant), literal(constant - 0.5), literal(constant + 0.5)]
    return [literal(constant)]


def _of_length(size: int) -> list[Value]:
    sizes = [item for item in (size, size - 1, size + 1) if 0 <= item <= MAX_LENGTH]
    strings = [Value(repr(("abc123" * MAX_LENGTH)[:item]), f"length_{item}") for item in sizes]
    lists = [Value(repr(list(range(item))), f"length_{item}") for item in sizes if item <= 20]
    return [*strings, *lists]


def _near(method: str, text: str) -> list[Value]:
    """Strings for which a string method with this argument finds something."""
    if method == "startswith":
        return [literal(f"{text}abc"), literal(text)]
    if method == "endswith":
        return [literal(f"abc{text}"), literal(text)]
    if method in ("split", "rsplit", "partition", "rpartition", "find", "index", "count", "replace", "strip"):
        return [literal(f"one{text}2"), literal(f"{text}x"), literal(f"1{text}2{text}3")]
    return [literal({text: 1})] if method in ("get", "pop") else []


def _dated(pattern: str) -> str:
    parts = {
        "%Y": "2024",
        "%m": "02",
        "%d": "29",
        "%H": "12",
        "%M": "30",
        "%S": "05",
        "%y": "24",
        "%B": "February",
        "%b": "Feb",
    }
    for code, text in parts.items():
        pattern = pattern.replace(code, text)
    return pattern


def _measured(node: ast.expr) -> ast.expr | None:
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "len" and len(node.args) == 1:
        return node.args[0]
    return None


def _constant(node: ast.expr) -> object:
    try:
        value: object = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return None
    return value


def _sorted(
    values: tuple[object, ...] | list[object] | set[object] | frozenset[object] | dict[object, object],
) -> list[object]:
    return sorted(values, key=repr)[:8] if isinstance(values, set | frozenset) else list(values)[:8]
