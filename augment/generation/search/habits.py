"""What a function does beside returning, read from its source."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from augment.analysis import TargetContext
from augment.generation.syntax import FunctionNode, dotted

_CHANGING = frozenset(
    {
        "append",
        "add",
        "update",
        "pop",
        "remove",
        "extend",
        "clear",
        "setdefault",
        "insert",
        "discard",
        "sort",
        "reverse",
    }
    | {"popleft", "appendleft", "write", "writelines", "popitem"}
)
_BROAD = frozenset({"Exception", "BaseException", ""})


@dataclass(frozen=True)
class Habits:
    """What a function does beside returning.

    ``changes`` are the parameters that it changes, ``catches`` the exceptions that it is ready for.
    """

    returns: bool = True
    yields: bool = False
    manages: bool = False
    prints: bool = False
    mutates_self: bool = False
    changes: frozenset[str] = frozenset()
    catches: tuple[str, ...] = ()

    @classmethod
    def of(cls, context: TargetContext) -> Habits:
        """The habits of a target."""
        try:
            tree = ast.parse(context.source)
        except SyntaxError:
            return cls()
        function = next((node for node in tree.body if isinstance(node, FunctionNode)), None)
        own = list(_own_nodes(function)) if function is not None else list(ast.walk(tree))
        nodes = list(ast.walk(tree))
        manages = "contextmanager" in context.source.partition("def ")[0]
        return cls(
            returns=any(isinstance(node, ast.Return) and node.value is not None for node in own),
            yields=any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own) and not manages,
            manages=manages,
            prints=any(isinstance(node, ast.Name) and node.id == "print" for node in nodes)
            or any(use.means in ("builtins.print", "sys.stdout.write") for use in context.outside.uses),
            mutates_self="self" in _changed(nodes),
            changes=frozenset(_changed(nodes) & {item.name for item in context.parameters}),
            catches=tuple(dict.fromkeys(name for node in nodes for name in _caught(node))),
        )


def _own_nodes(function: FunctionNode) -> list[ast.AST]:
    """The nodes of a function's body without those of functions inside it."""
    found: list[ast.AST] = []
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        found.append(node)
        if not isinstance(node, FunctionNode | ast.ClassDef | ast.Lambda):
            pending += ast.iter_child_nodes(node)
    return found


def _changed(nodes: list[ast.AST]) -> set[str]:
    """Names whose attributes or items are set or deleted, or of which a changing method is called."""
    found: set[str] = set()
    for node in nodes:
        place: ast.AST | None = None
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            place = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGING:
            place = node.func.value
        while isinstance(place, ast.Attribute | ast.Subscript):
            place = place.value
        if isinstance(place, ast.Name):
            found.add(place.id)
    return found


def _caught(node: ast.AST) -> list[str]:
    """The exceptions of a handler by name, those of the standard library only: a test can raise them."""
    if not isinstance(node, ast.ExceptHandler):
        return []
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    names = [dotted(kind) if kind is not None else "" for kind in kinds]
    return ["ValueError" if name in _BROAD else name for name in names if "." not in name]
