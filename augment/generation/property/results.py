"""What a function gives: from its annotation, else from its documented examples and its return statements."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from augment.analysis import TargetContext
from augment.generation.search.construct import MAPPINGS, SEQUENCES, SETS, WRAPPERS
from augment.generation.syntax import FunctionNode, dotted

_SIMPLE = frozenset(
    {"str", "int", "float", "bool", "bytes", "complex", "Decimal", "Fraction", "UUID", "date", "datetime", "time"}
    | {"timedelta", "None"}
)
_CHECKS: dict[str, tuple[str, str]] = {
    "str": ("str", ""), "int": ("int", ""), "float": ("(int, float)", ""), "bool": ("bool", ""), "bytes": ("bytes", ""),
    "list": ("list", ""), "dict": ("dict", ""), "tuple": ("tuple", ""), "set": ("(set, frozenset)", ""),
    "Decimal": ("decimal.Decimal", "import decimal"), "date": ("datetime.date", "import datetime"),
    "datetime": ("datetime.datetime", "import datetime"), "timedelta": ("datetime.timedelta", "import datetime"),
    "time": ("datetime.time", "import datetime"), "UUID": ("uuid.UUID", "import uuid"),
}  # fmt: skip
_TEXT_METHODS = frozenset(
    {"join", "strip", "lstrip", "rstrip", "lower", "upper", "title", "replace", "format", "capitalize", "zfill", "sub"}
    | {"strftime", "isoformat", "hexdigest", "decode", "ljust", "rjust", "center", "translate", "swapcase"}
)
_BY_CALL = {
    "len": "int", "int": "int", "round": "int", "sum": "int", "float": "float", "str": "str", "repr": "str",
    "bool": "bool", "isinstance": "bool", "any": "bool", "all": "bool", "sorted": "list", "list": "list",
    "dict": "dict", "set": "set", "tuple": "tuple", "bytes": "bytes", "divmod": "tuple", "chr": "str", "ord": "int",
}  # fmt: skip

_BY_NODE: dict[type[ast.expr], str] = {
    ast.List: "list", ast.ListComp: "list", ast.Dict: "dict", ast.DictComp: "dict", ast.Set: "set",
    ast.SetComp: "set", ast.Tuple: "tuple", ast.JoinedStr: "str", ast.Compare: "bool",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Result:
    """The type of what a function gives, '' where it is not known. ``item`` is the type of what is in it.

    ``declared`` says that the annotation says so; ``annotation`` is its text. ``optional``: None is given too.
    """

    kind: str = ""
    item: str = ""
    annotation: str = ""
    declared: bool = False
    optional: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it compares with and adds to numbers."""
        return self.kind in ("int", "float", "Decimal") and not self.optional

    def check(self, name: str) -> tuple[str, str] | None:
        """An expression that is true where ``name`` has the type, and its import line; None where none can be written.

        >>> Result("str", optional=True).check("result")
        ('result is None or isinstance(result, str)', '')
        """
        found = _CHECKS.get(self.kind)
        if found is None:
            return None
        text = f"isinstance({name}, {found[0]})"
        if self.kind == "list" and self.item in _CHECKS and not self.optional:
            inner = _CHECKS[self.item]
            if not inner[1]:
                text += f" and all(isinstance(item, {inner[0]}) for item in {name})"
        return (f"{name} is None or {text}" if self.optional else text), found[1]


def result_of(context: TargetContext) -> Result:
    """What the target gives."""
    try:
        tree = ast.parse(context.source)
    except SyntaxError:
        return Result()
    node = next((item for item in tree.body if isinstance(item, FunctionNode)), None)
    if node is None:
        return Result()
    yields = any(isinstance(item, ast.Yield | ast.YieldFrom) for item in ast.walk(node))
    if node.returns is not None:
        found = of_annotation(ast.unparse(node.returns))
        return Result("list", found.item, found.annotation, declared=False) if yields else found
    if yields:
        return Result("list")
    return _of_examples(context) or _of_statements(node)


def of_annotation(annotation: str) -> Result:
    """The result that an annotation declares."""
    try:
        node = ast.parse(annotation.strip().strip("'\""), mode="eval").body
    except SyntaxError:
        return Result(annotation=annotation)
    kind, item, optional = _read(node)
    return Result(kind, item, annotation, declared=bool(kind), optional=optional)


# --------------------------------------------------------------------------- internals


def _read(node: ast.expr) -> tuple[str, str, bool]:
    """(kind, kind of items, whether None is allowed) of an annotation."""
    if isinstance(node, ast.BinOp):
        return _union([_read(node.left), _read(node.right)])
    if isinstance(node, ast.Constant):
        return ("None", "", False) if node.value is None else ("", "", False)
    head = dotted(node.value if isinstance(node, ast.Subscript) else node).rpartition(".")[2]
    parts: list[ast.expr] = []
    if isinstance(node, ast.Subscript):
        parts = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    if head == "Optional" and parts:
        return _union([_read(parts[0]), ("None", "", False)])
    if head == "Union":
        return _union([_read(part) for part in parts])
    if head in WRAPPERS and parts:
        return _read(parts[0])
    item = _read(parts[-1])[0] if parts and not isinstance(parts[-1], ast.Constant) else ""
    item = _read(parts[0])[0] if parts and ast.unparse(parts[-1]) == "..." else item
    return _kind_of_head(head), item, False


def _kind_of_head(head: str) -> str:
    if head in _SIMPLE:
        return head
    if head in ("list", "List"):
        return "list"
    if head in SEQUENCES:
        return "sequence"
    if head in SETS:
        return "set"
    if head in MAPPINGS:
        return "dict"
    return "tuple" if head in ("tuple", "Tuple") else ""


def _union(parts: list[tuple[str, str, bool]]) -> tuple[str, str, bool]:
    real = [part for part in parts if part[0] != "None"]
    optional = len(real) < len(parts) or any(part[2] for part in parts)
    kinds = {part[0] for part in real}
    if kinds == {"int", "float"}:
        return "float", "", optional
    return (*real[0][:2], optional) if len(real) == 1 else ("", "", optional)


def _of_examples(context: TargetContext) -> Result | None:
    kinds = set()
    for _, want in context.doctests:
        try:
            value = ast.literal_eval(want)
        except (ValueError, SyntaxError, TypeError):
            continue
        kinds.add(type(value).__name__)
    return Result(kinds.pop()) if len(kinds) == 1 else None


def _of_statements(node: FunctionNode) -> Result:
    returned = [item.value for item in ast.walk(node) if isinstance(item, ast.Return) and item.value is not None]
    kinds = {_of_expression(value) for value in returned}
    known = kinds - {"", "None"}
    return Result(known.pop(), optional="None" in kinds) if len(known) == 1 else Result()


def _of_expression(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return type(node.value).__name__ if node.value is not None else "None"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return "bool"
    if type(node) in _BY_NODE:
        return _BY_NODE[type(node)]
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            return "str" if node.func.attr in _TEXT_METHODS else ""
        return _BY_CALL.get(dotted(node.func), "")
    return _of_operation(node)


def _of_operation(node: ast.expr) -> str:
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Mod) and _of_expression(node.left) == "str":
            return "str"
        sides = {_of_expression(node.left), _of_expression(node.right)} - {""}
        return sides.pop() if len(sides) == 1 else ""
    if isinstance(node, ast.IfExp):
        sides = {_of_expression(node.body), _of_expression(node.orelse)} - {""}
        return sides.pop() if len(sides) == 1 else ""
    return ""
