"""Mutation operators on expressions."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

from augment.execution.mutation.text import Edit, Text

ARITHMETIC: Mapping[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "/"),
    ast.Mod: ("%", "/"),
    ast.Pow: ("**", "*"),
    ast.MatMult: ("@", "*"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.BitXor: ("^", "&"),
}
_COMPARISON: Mapping[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: (r"\bis\b", "is not"),
    ast.IsNot: (r"\bis\s+not\b", "is"),
    ast.In: (r"\bin\b", "not in"),
    ast.NotIn: (r"\bnot\s+in\b", "in"),
}
_METHODS = {
    "lower": "upper",
    "upper": "lower",
    "lstrip": "rstrip",
    "rstrip": "lstrip",
    "strip": "lstrip",
    "find": "rfind",
    "rfind": "find",
    "index": "rindex",
    "rindex": "index",
    "ljust": "rjust",
    "rjust": "ljust",
    "partition": "rpartition",
    "rpartition": "partition",
    "removeprefix": "removesuffix",
    "removesuffix": "removeprefix",
    "startswith": "endswith",
    "endswith": "startswith",
    "deepcopy": "copy",
}
_SPLITS = {"split": "rsplit", "rsplit": "split"}
_UNCHANGED_CALLS = frozenset({"isinstance", "issubclass", "len", "super", "cast", "TypeVar"})
"""Calls whose arguments stay: without them they only raise, whatever the tests say."""

_QUOTED = re.compile(r"(?s)^([rRbBuU]*)('''|\"\"\"|'|\")(.*)\2$")


def arithmetic(node: ast.BinOp, text: Text) -> Iterator[Edit]:
    """``a + b`` -> ``a - b``, and the like for every binary operator."""
    if isinstance(node.op, ast.Mod) and _is_text(node.left):
        return  # the left side formats: text divided by anything only raises
    old, new = ARITHMETIC[type(node.op)]
    edit = text.symbol(node.left, node.right, re.escape(old), new)
    if edit:
        yield edit


def comparison(node: ast.Compare, text: Text) -> Iterator[Edit]:
    """``a < b`` -> ``a <= b``, ``==`` -> ``!=``, ``in`` -> ``not in``, ``is`` -> ``is not``."""
    for (before, after), operator in zip(pairwise([node.left, *node.comparators]), node.ops, strict=True):
        old, new = _COMPARISON[type(operator)]
        edit = text.symbol(before, after, old, new)
        if edit:
            yield edit


def boolean(node: ast.BoolOp, text: Text) -> Iterator[Edit]:
    """``a and b`` -> ``a or b``, ``a or b`` -> ``a and b``."""
    old, new = (r"\band\b", "or") if isinstance(node.op, ast.And) else (r"\bor\b", "and")
    for before, after in pairwise(node.values):
        edit = text.symbol(before, after, old, new)
        if edit:
            yield edit


def unary(node: ast.UnaryOp, text: Text) -> Iterator[Edit]:
    """``not a`` -> ``a``, ``~a`` -> ``a``, ``-a`` -> ``+a``, ``+a`` -> ``-a``."""
    start = text.start(node)
    if isinstance(node.op, ast.Not):
        found = re.compile(r"not\s*").match(text.source, start)
        yield Edit(start, found.end() if found else start, "")
    else:
        yield Edit(start, start + 1, {ast.Invert: "", ast.USub: "+", ast.UAdd: "-"}[type(node.op)])


def number(node: ast.Constant, text: Text) -> Iterator[Edit]:
    """``n`` -> ``n + 1``, of integers, floats and complex numbers."""
    if isinstance(node.value, bool) or not isinstance(node.value, int | float | complex):
        return
    value = node.value + 1
    if value == node.value or (isinstance(value, float) and not math.isfinite(value)):
        return
    # A space keeps `1if x` apart.
    following = text.source[text.end(node) : text.end(node) + 1]
    yield text.replace(node, repr(value) + (" " if following.isalpha() else ""))


def flag(node: ast.Constant, text: Text) -> Iterator[Edit]:
    """``True`` <-> ``False``."""
    if isinstance(node.value, bool):
        yield text.replace(node, str(not node.value))


def string(node: ast.Constant, text: Text) -> Iterator[Edit]:
    """``"a"`` -> ``"XXaXX"``, and its letters in the other case."""
    if not isinstance(node.value, str | bytes):
        return
    written = _QUOTED.match(text.of(node))
    if written and written.group(2) not in written.group(3).replace("\\" + written.group(2), ""):
        prefix, quote, inner = written.groups()
        yield text.replace(node, f"{prefix}{quote}XX{inner}XX{quote}")
    elif isinstance(node.value, str):
        yield text.replace(node, repr(f"XX{node.value}XX"))
    other = node.value.upper() if node.value != node.value.upper() else node.value.lower()
    if other != node.value:
        yield text.replace(node, repr(other))


def condition(node: ast.If | ast.IfExp | ast.comprehension, text: Text) -> Iterator[Edit]:
    """``if a:`` -> ``if not a:``, where the condition has no operator of its own to change."""
    for test in node.ifs if isinstance(node, ast.comprehension) else [node.test]:
        if isinstance(test, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
            yield Edit(text.start(test), text.start(test), "not ")


def choice(node: ast.IfExp, text: Text) -> Iterator[Edit]:
    """``a if b else c`` -> always ``a``, always ``c``."""
    yield text.replace(node.test, "True")
    yield text.replace(node.test, "False")


def argument(node: ast.Call, text: Text) -> Iterator[Edit]:
    """``f(a, b)`` -> ``f(None, b)``, ``f(b)``, ``f(a, None)``, ``f(a)``."""
    if _called(node) in _UNCHANGED_CALLS:
        return
    given: list[ast.expr | ast.keyword] = sorted([*node.args, *node.keywords], key=text.start)
    for one in given:
        value = one.value if isinstance(one, ast.keyword) else one
        starred = isinstance(value, ast.Starred) or (isinstance(one, ast.keyword) and one.arg is None)
        if not starred and not _is_none(value):
            # The only argument may be a generator, whose brackets are the call's.
            yield text.replace(value, "(None)" if isinstance(value, ast.GeneratorExp) else "None")
    if len(given) > 1:
        for one, following in pairwise(given):
            yield Edit(text.start(one), text.start(following), "")
        yield Edit(text.end(given[-2]), text.end(given[-1]), "")


def dictionary_key(node: ast.Call, text: Text) -> Iterator[Edit]:
    """``dict(a=b)`` -> ``dict(aXX=b)``."""
    if _called(node) == "dict" and not node.args:
        for keyword in node.keywords:
            if keyword.arg is not None:
                end = text.start(keyword) + len(keyword.arg)
                yield Edit(end, end, "XX")


def method(node: ast.Call, text: Text) -> Iterator[Edit]:
    """``lower`` <-> ``upper``, ``lstrip`` <-> ``rstrip``, ``find`` <-> ``rfind``, and the like."""
    if not isinstance(node.func, ast.Attribute):
        return
    name, end = node.func.attr, text.end(node.func)
    new = _METHODS.get(name)
    limited = len(node.args) == 2 or any(keyword.arg == "maxsplit" for keyword in node.keywords)
    if name in _SPLITS and limited:
        new = _SPLITS[name]
    if new:
        yield Edit(end - len(name), end, new)


def slice_bound(node: ast.Slice, text: Text) -> Iterator[Edit]:
    """``a[b:c]`` -> ``a[:c]``, ``a[b:]``; a step is left out as well."""
    for bound in (node.lower, node.upper, node.step):
        if bound is not None:
            yield text.replace(bound, "")


def function_value(node: ast.Lambda, text: Text) -> Iterator[Edit]:
    """``lambda: a`` -> ``lambda: None``."""
    yield text.replace(node.body, "0" if _is_none(node.body) else "None")


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Name):
        return node.func.id
    return node.func.attr if isinstance(node.func, ast.Attribute) and node.func.attr == "cast" else ""


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))
