"""What requests carry: JSON values and form fields, by annotation and name."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence

from augment.analysis import Parameter, ProjectType, RequestField, TargetContext, TypeKind
from augment.generation.integration.making import FlowMaker
from augment.generation.search.values import samples_for, type_by_name

MAX_DEPTH = 3
_TEXTS = {
    "datetime": ["2024-02-29T12:30:00", "2023-12-31T23:59:59"], "date": ["2024-02-29", "2023-12-31"],
    "time": ["12:30:00", "00:00:00"], "Decimal": ["10.50", "0"], "EmailStr": ["user@example.com", "no-at-sign"],
    "HttpUrl": ["https://example.com/path", "not a url"], "AnyUrl": ["https://example.com/path"],
    "UUID": ["12345678-1234-5678-1234-567812345678"], "Path": ["data.txt"],
}  # fmt: skip
_CONSTRAINED = {
    "PositiveInt": "int",
    "NonNegativeInt": "int",
    "PositiveFloat": "float",
    "constr": "str",
    "conint": "int",
}
_WRAPPERS = frozenset({"Annotated", "Optional", "Required", "NotRequired", "Mapped", "Final"})
_LISTS = frozenset({"list", "List", "Sequence", "set", "Set", "tuple", "Tuple", "Iterable", "frozenset"})


class Bodies:
    """Makes the values of requests to one handler. ``words`` are strings that its code knows."""

    def __init__(self, context: TargetContext, words: tuple[str, ...] = ()) -> None:
        self._words = words
        self._maker = FlowMaker(context)
        self._types: Mapping[str, ProjectType] = {item.name: item for item in context.types}

    def record(self, fields: tuple[RequestField, ...], choice: int, *, whole: bool) -> dict[str, object]:
        """The fields with their values; ``whole``: those that may be missing too."""
        wanted = [item for item in fields if item.required or whole]
        return {item.name: self.value(item.annotation, item.name, choice) for item in wanted}

    def value(self, annotation: str, name: str, choice: int, depth: int = 0) -> object:
        """One value, JSON as Python writes it; None where nothing fits."""
        try:
            node = ast.parse(annotation, mode="eval").body if annotation else None
        except SyntaxError:
            node = None
        return self._by_name(name, choice) if node is None else self._of_node(node, name, choice, depth)

    def _of_node(self, node: ast.expr, name: str, choice: int, depth: int) -> object:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self.value(node.value, name, choice, depth)
        if isinstance(node, ast.BinOp):
            return self._of_node(node.left, name, choice, depth)
        if isinstance(node, ast.Subscript):
            return self._of_generic(node, name, choice, depth)
        known = self._types.get(ast.unparse(node))
        return self._of_type(known, choice, depth) if known else self._of_name(ast.unparse(node), name, choice)

    def _of_name(self, text: str, name: str, choice: int) -> object:
        short = text.rpartition(".")[2]
        short = _CONSTRAINED.get(short, short)
        if short in _TEXTS:
            return _pick(_TEXTS[short], choice)
        return self._by_name(name, choice) if short in ("Any", "object") else self._plain(short, name, choice)

    def _of_generic(self, node: ast.Subscript, name: str, choice: int, depth: int) -> object:
        head = ast.unparse(node.value).rpartition(".")[2]
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if head == "Literal":
            return _pick([_literal(ast.unparse(part)) for part in parts], choice)
        if head in _WRAPPERS or head == "Union":
            return self._of_node(parts[0], name, choice, depth)
        if head in _LISTS:
            return [self._of_node(parts[0], name.removesuffix("s"), choice + number, depth) for number in range(2)]
        if head.lower() in ("dict", "mapping"):
            return {"key": self._of_node(parts[-1], name, choice, depth)}
        return self._by_name(name, choice)

    def _of_type(self, known: ProjectType, choice: int, depth: int) -> object:
        if known.kind is TypeKind.ALIAS:
            return self.value(known.alias, known.name.lower(), choice, depth + 1)
        if known.kind is TypeKind.ENUM:
            return _pick([member.lower() for member in known.members], choice)
        if depth >= MAX_DEPTH:
            return {}
        required = [item for item in known.parameters if item.required]
        return {item.name: self.value(item.annotation, item.name, choice, depth + 1) for item in required}

    def _plain(self, kind: str, name: str, choice: int) -> object:
        if kind == "str":
            named = [_literal(value.text) for value in samples_for(name)]
            found = [*self._words[:2], *named, *self._words[2:], "hello", "Hello, World! 42", ""]
            return _pick([item for item in found if isinstance(item, str)], choice)
        values = [_literal(value.text) for value in self._maker.for_parameter(Parameter(name, kind))]
        usable = [item for item in values if item is not None and _is_json(item)]
        return _pick(usable, choice) if usable else self._by_name(name, choice)

    def _by_name(self, name: str, choice: int) -> object:
        kind = type_by_name(name)
        plain: dict[str, list[object]] = {
            "int": [3, 1, 0, -1],
            "float": [2.5, 10.0, 0.0, -1.0],
            "bool": [True, False],
        }
        if kind in plain:
            return _pick(plain[kind], choice)
        if kind in ("list", "dict"):
            return ["one", "two"] if kind == "list" else {"a": 1}
        return self._plain("str", name, choice)


def _pick(items: Sequence[object], choice: int) -> object:
    return items[choice % len(items)] if items else None


def _literal(text: str) -> object:
    try:
        value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError):
        return None
    return value


def _is_json(value: object) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True
