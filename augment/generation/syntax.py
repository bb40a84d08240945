"""Small questions about syntax trees that several stages ask."""

from __future__ import annotations

import ast
import builtins
import copy
from collections.abc import Iterable, Iterator, Mapping

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
BUILTINS = frozenset(dir(builtins)) | {"__file__", "__name__"}


def is_test(node: ast.AST) -> bool:
    """Whether pytest would collect the function."""
    return isinstance(node, FunctionNode) and node.name.startswith("test")


def is_test_class(node: ast.AST) -> bool:
    """Whether the class holds tests, in pytest's or unittest's manner."""
    if not isinstance(node, ast.ClassDef):
        return False
    unittest_style = any("TestCase" in ast.unparse(base) for base in node.bases)
    return (node.name.startswith("Test") or unittest_style) and any(is_test(item) for item in node.body)


def loaded_names(node: ast.AST) -> set[str]:
    """Every plain name that is read anywhere in ``node``."""
    return {item.id for item in ast.walk(node) if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Load)}


def bound_names(node: ast.AST) -> set[str]:
    """Every name that is bound anywhere in ``node``: assigned, a parameter, imported, defined."""
    names: set[str] = set()
    for item in ast.walk(node):
        if isinstance(item, ast.Name) and not isinstance(item.ctx, ast.Load):
            names.add(item.id)
        elif isinstance(item, ast.arg):
            names.add(item.arg)
        elif isinstance(item, FunctionNode | ast.ClassDef):
            names.add(item.name)
        elif isinstance(item, ast.Import | ast.ImportFrom):
            names.update(import_bindings(item))
        elif isinstance(item, ast.ExceptHandler) and item.name:
            names.add(item.name)
    return names


def import_bindings(node: ast.Import | ast.ImportFrom) -> list[str]:
    """The names that an import statement binds."""
    if isinstance(node, ast.Import):
        return [alias.asname or alias.name.split(".")[0] for alias in node.names]
    return [alias.asname or alias.name for alias in node.names]


def parameter_names(function: FunctionNode) -> list[str]:
    """The names of a function's parameters, in order."""
    arguments = function.args
    return [arg.arg for arg in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def remove_parameters(function: FunctionNode, names: Iterable[str]) -> None:
    """Take parameters without defaults out of ``function``."""
    gone = set(names)
    arguments = function.args
    arguments.posonlyargs = [arg for arg in arguments.posonlyargs if arg.arg not in gone]
    arguments.args = [arg for arg in arguments.args if arg.arg not in gone]


def own_statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of ``body`` and of the blocks inside it, without nested functions and classes."""
    for statement in body:
        yield statement
        if isinstance(statement, FunctionNode | ast.ClassDef):
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from own_statements(getattr(statement, field, []))
        for handler in getattr(statement, "handlers", []):
            yield from own_statements(handler.body)


def is_literal(node: ast.expr) -> bool:
    """Whether ``ast.literal_eval`` would evaluate the expression."""
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def dotted(node: ast.AST) -> str:
    """``a.b.c`` for a name or a chain of attributes, else ''."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


class _Substitution(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if isinstance(node.ctx, ast.Load) and node.id in self._values:
            return copy.deepcopy(self._values[node.id])
        return node


def substitute(statement: ast.stmt, values: Mapping[str, ast.expr]) -> ast.stmt:
    """A copy of ``statement`` in which names that are read are replaced by expressions."""
    changed: ast.stmt = _Substitution(values).visit(copy.deepcopy(statement))
    return changed


def single_test(tree: ast.Module) -> FunctionNode | None:
    """The one test of a candidate's module, at the top or in a class; None when there is no single one."""
    found = [item for item in ast.walk(tree) if is_test(item)]
    only = found[0] if len(found) == 1 else None
    return only if isinstance(only, FunctionNode) else None


def render(tree: ast.Module) -> str:
    """Source text of ``tree``, without repeated import lines, ending in a newline."""
    lines: set[str] = set()
    body = []
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            if (line := ast.unparse(node)) in lines:
                continue
            lines.add(line)
        body.append(node)
    tree.body = body
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"
