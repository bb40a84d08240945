"""Methods of test classes become functions where nothing ties them to the class."""

from __future__ import annotations

import ast
import copy

from augment.generation.syntax import FunctionNode, dotted, is_test, remove_parameters

_SETUPS = ("setUp", "setup_method", "setup")
_COMPARISONS: dict[str, type[ast.cmpop]] = {
    "assertEqual": ast.Eq,
    "assertEquals": ast.Eq,
    "assertListEqual": ast.Eq,
    "assertDictEqual": ast.Eq,
    "assertTupleEqual": ast.Eq,
    "assertSetEqual": ast.Eq,
    "assertCountEqual": ast.Eq,
    "assertNotEqual": ast.NotEq,
    "assertIs": ast.Is,
    "assertIsNot": ast.IsNot,
    "assertIn": ast.In,
    "assertNotIn": ast.NotIn,
    "assertGreater": ast.Gt,
    "assertGreaterEqual": ast.GtE,
    "assertLess": ast.Lt,
    "assertLessEqual": ast.LtE,
}


def plain_functions(node: ast.ClassDef) -> list[FunctionNode | ast.ClassDef]:
    """The tests of a class: as functions where they can stand alone, else as copies of the class with one test each."""
    methods = [item for item in node.body if isinstance(item, FunctionNode)]
    setup = next((method for method in methods if method.name in _SETUPS), None)
    result: list[FunctionNode | ast.ClassDef] = []
    for method in methods:
        if is_test(method):
            function = _as_function(method, setup, node)
            result.append(function if function is not None else _class_with(node, method))
    return result


def modern_assertions(function: FunctionNode) -> None:
    """Turn ``self.assertEqual(a, b)`` and its like into plain assertions, in place."""
    function.body = [_Modernise().visit(statement) for statement in function.body]


def _as_function(method: FunctionNode, setup: FunctionNode | None, owner: ast.ClassDef) -> FunctionNode | None:
    function = copy.deepcopy(method)
    if any(dotted(item) in ("staticmethod", "classmethod") for item in function.decorator_list):
        return None
    shared = [item for item in owner.body if not isinstance(item, FunctionNode) and not _is_docstring(item)]
    before = copy.deepcopy(setup.body) if setup is not None else []
    function.body = [_Modernise().visit(item) for item in [*before, *function.body]]
    attributes = _assigned_attributes(function)
    loose = _SelfToLocal(attributes)
    function.body = [loose.visit(item) for item in function.body]
    remove_parameters(function, ["self"])
    uses_self = any(isinstance(item, ast.Name) and item.id == "self" for item in ast.walk(function))
    torn_down = any(isinstance(item, FunctionNode) and "eardown" in item.name.lower() for item in owner.body)
    return None if uses_self or torn_down or shared else function


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _assigned_attributes(function: FunctionNode) -> set[str]:
    return {
        item.attr
        for item in ast.walk(function)
        if isinstance(item, ast.Attribute) and isinstance(item.ctx, ast.Store) and dotted(item.value) == "self"
    }


def _class_with(owner: ast.ClassDef, method: FunctionNode) -> ast.ClassDef:
    alone = copy.deepcopy(owner)
    alone.body = [item for item in alone.body if not is_test(item) or getattr(item, "name", "") == method.name]
    return alone


class _SelfToLocal(ast.NodeTransformer):
    """``self.cart`` becomes ``cart`` for attributes that the test or its setup assigns."""

    def __init__(self, attributes: set[str]) -> None:
        self._attributes = attributes

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if dotted(node.value) == "self" and node.attr in self._attributes:
            return ast.Name(node.attr, node.ctx)
        return node


class _Modernise(ast.NodeTransformer):
    """unittest's assertion methods as plain assertions."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        call = node.value
        if isinstance(call, ast.Call) and dotted(call.func).startswith("self.assert"):
            test = _assertion(dotted(call.func).removeprefix("self."), call.args)
            if test is not None:
                return ast.copy_location(ast.Assert(test, None), node)
        return node

    def visit_With(self, node: ast.With) -> ast.AST:
        self.generic_visit(node)
        for item in node.items:
            call = item.context_expr
            if not isinstance(call, ast.Call):
                continue
            if dotted(call.func) == "self.assertRaises":
                call.func = ast.Attribute(ast.Name("pytest", ast.Load()), "raises", ast.Load())
            elif dotted(call.func) == "self.assertRaisesRegex" and len(call.args) == 2:
                call.func = ast.Attribute(ast.Name("pytest", ast.Load()), "raises", ast.Load())
                call.keywords = [ast.keyword("match", call.args.pop())]
        return node


def _assertion(name: str, args: list[ast.expr]) -> ast.expr | None:
    if name in _COMPARISONS and len(args) >= 2:
        return ast.Compare(args[0], [_COMPARISONS[name]()], [args[1]])
    if name == "assertAlmostEqual" and len(args) >= 2:
        approx = ast.Call(ast.Attribute(ast.Name("pytest", ast.Load()), "approx", ast.Load()), [args[1]], [])
        return ast.Compare(args[0], [ast.Eq()], [approx])
    if not args:
        return None
    none = ast.Constant(None)
    single: dict[str, ast.expr] = {
        "assertTrue": args[0],
        "assertFalse": ast.UnaryOp(ast.Not(), args[0]),
        "assertIsNone": ast.Compare(args[0], [ast.Is()], [none]),
        "assertIsNotNone": ast.Compare(args[0], [ast.IsNot()], [none]),
    }
    if name == "assertIsInstance" and len(args) >= 2:
        return ast.Call(ast.Name("isinstance", ast.Load()), args[:2], [])
    return single.get(name)
