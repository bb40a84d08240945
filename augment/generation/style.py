"""How the user writes tests, read from a file of theirs: what Augment adds to it is to look the same."""

from __future__ import annotations

import ast
import io
import itertools
import statistics
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass

from augment.generation.syntax import FunctionNode, is_test, is_test_class


@dataclass(frozen=True, slots=True)
class FileStyle:
    """``quote`` is single, double or preserve (as ruff calls it); ``indent`` one step of indentation; the blank lines
    are those between tests at the top and between methods. ``camel`` is ``testNetPrice``; ``classes`` says that tests
    live in classes, ``typed`` that they are annotated.
    """

    quote: str = "double"
    indent: str = "    "
    blank: int = 2
    method_blank: int = 1
    classes: bool = False
    camel: bool = False
    typed: bool = False


def style_of(text: str) -> FileStyle:
    """The style of a test file. Raises SyntaxError where it does not parse."""
    tree = ast.parse(text)
    lines = text.splitlines()
    classes = [node for node in tree.body if is_test_class(node) and isinstance(node, ast.ClassDef)]
    top = [node for node in tree.body if is_test(node)]
    methods = [item for node in classes for item in node.body if is_test(item)]
    names = [item.name for item in (*top, *methods) if isinstance(item, FunctionNode)]
    return FileStyle(
        _quote(text),
        _indent(text),
        _gap([node for node in tree.body if isinstance(node, FunctionNode | ast.ClassDef)], lines, 2),
        _gap(methods, lines, 1),
        len(methods) > len(top),
        bool(names) and sum(_is_camel(name) for name in names) * 2 > len(names),
        typed_share([item for item in (*top, *methods) if isinstance(item, FunctionNode)]) > 0.5,
    )


def typed_share(functions: Sequence[FunctionNode]) -> float:
    """The share of functions that say what they return; 0 without any."""
    return sum(item.returns is not None for item in functions) / len(functions) if functions else 0.0


def camel(name: str) -> str:
    """``test_net_price`` as ``testNetPrice``."""
    head, *rest = [part for part in name.split("_") if part]
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def _is_camel(name: str) -> bool:
    return "_" not in name and any(letter.isupper() for letter in name[4:5])


def _tokens(text: str) -> list[tokenize.TokenInfo]:
    try:
        return list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return []


def _quote(text: str) -> str:
    """The quote of most one-line strings."""
    single = double = 0
    for token in _tokens(text):
        body = token.string.lstrip("rRbBuUfF")
        if token.type == tokenize.STRING and not body.startswith(('"""', "'''")):
            single += body.startswith("'")
            double += body.startswith('"')
    return "single" if single > double else "double"


def _indent(text: str) -> str:
    found = [token.string for token in _tokens(text) if token.type == tokenize.INDENT]
    shortest = min(found, key=len, default="    ")
    return shortest if set(shortest) <= {" "} or shortest == "\t" else "    "


def _gap(nodes: Sequence[ast.stmt], lines: Sequence[str], usual: int) -> int:
    """The blank lines between neighbours, as they mostly are."""
    gaps = []
    for before, after in itertools.pairwise(nodes):
        start = min([after.lineno, *(item.lineno for item in getattr(after, "decorator_list", []))]) - 1
        between = lines[before.end_lineno or before.lineno : start]
        if all(not line.strip() or line.lstrip().startswith("#") for line in between):
            gaps.append(sum(not line.strip() for line in between))
    return statistics.mode(gaps) if gaps else usual
