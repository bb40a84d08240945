"""From the text of a model's reply to Python that parses."""

from __future__ import annotations

import ast
import re
import textwrap

from augment.generation.syntax import FunctionNode, is_test, is_test_class

_FENCE = re.compile(r"^[ \t]*```[ \t]*(?:python|py|python3)?[ \t]*$", re.IGNORECASE | re.MULTILINE)
_CODE_START = re.compile(r"^(?:import |from \w[\w.]* import|@|def |async def |class )", re.MULTILINE)
_MAX_TRIM = 80
"""Lines tried from the end of a broken block; a reply that is broken further up is not worth more time."""


def parse_reply(text: str) -> ast.Module | None:
    """The code of a reply, or None when nothing in it parses.

    Fences and prose around are dropped, so is an incomplete tail: a reply that ran into its token limit keeps
    everything before the statement it stopped in.
    """
    code = textwrap.dedent(_code_of(text)).replace("\t", "    ")
    tree = _parse(code)
    if tree is None:
        blocks = [parsed for block in _top_level_blocks(code) if (parsed := _parse_trimmed(block)) is not None]
        tree = ast.Module([node for block in blocks for node in block.body], [])
    return tree if tree.body else None


def _code_of(text: str) -> str:
    pieces = _FENCE.split(text)
    if len(pieces) > 1:
        return "\n".join(pieces[1::2])
    start = _CODE_START.search(text)
    return text[start.start() :] if start else ""


def _parse(code: str) -> ast.Module | None:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _top_level_blocks(code: str) -> list[str]:
    """Split where a statement starts in the first column, with decorators kept on what they decorate."""
    blocks: list[list[str]] = []
    decorating = False
    for line in code.splitlines():
        starts = bool(line[:1].strip()) and line[0] not in ")]}#"
        if (starts and not decorating) or not blocks:
            blocks.append([])
        blocks[-1].append(line)
        if starts:
            decorating = line.startswith("@") or (decorating and not line.startswith(("def ", "async def ", "class ")))
    return ["\n".join(block) for block in blocks]


def _parse_trimmed(block: str) -> ast.Module | None:
    lines = block.splitlines()
    for end in range(len(lines), max(0, len(lines) - _MAX_TRIM), -1):
        tree = _parse("\n".join(lines[:end]))
        if tree is not None:
            return tree
    return None


def normalised(source: str) -> str:
    """A form in which two modules that differ in imports, a test's name, docstrings or layout only are equal."""
    return "\n".join(
        _dump(node) for node in ast.parse(source).body if not isinstance(node, ast.Import | ast.ImportFrom)
    )


def key_of(source: str) -> str:
    """What makes two candidates the same test: the test function or class alone, its name and docstring aside."""
    return "\n".join(keys_in(source))


def keys_in(source: str) -> list[str]:
    """The keys of all tests in a file."""
    return [_dump(node) for node in ast.parse(source).body if is_test(node) or is_test_class(node)]


def _dump(node: ast.stmt) -> str:
    if isinstance(node, FunctionNode) and is_test(node):
        node.name = "test"
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(node)
