# Paths stay plain strings here: they are compared as the import system gives them.
# ruff: noqa: PTH118, B905 - and zip has no `strict` in Python 3.9
"""Replacing the code of loaded functions by that of a mutant, in memory.

A function is found by where its code was compiled from, not by its name: so a method behind a property, a wrapped
function, the copies that class decorators make and every closure of a factory are all found, and whoever imported the
function by name runs the mutant too.
"""

from __future__ import annotations
import __future__

import ast
import gc
import os
import types
import warnings
from typing import Any

from .places import find_code, find_node

_COMPARED = (
    "co_code",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_cellvars",
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_flags",
)
_FUTURE = __future__.annotations.compiler_flag
"""The one __future__ feature that still changes what code compiles to."""


class CannotApplyError(Exception):
    """The mutant cannot be put in the place of what is loaded; the text says why."""


class Swapper:
    """Finds the functions of ``units`` once, and puts mutants in their place.

    A unit is ``{"file", "chain", "text"}``: the file relative to ``root``, the names of the classes and the function,
    and a text that compiles to that function alone on its own lines.
    """

    def __init__(self, root: str, units: list[dict[str, Any]]) -> None:
        self._root = root
        self._units = units
        self._found = {}  # type: dict[tuple[str, int, str], list[Any]]

    def find(self) -> None:
        """Look for the loaded functions. To be called before ``gc.freeze()``, which hides them."""
        files = {self._file(unit) for unit in self._units}
        known = {}  # type: dict[str, str | None]
        for thing in gc.get_objects():
            if type(thing) is not types.FunctionType:
                continue
            code = thing.__code__
            name = code.co_filename
            if name not in known:
                real = os.path.realpath(name)
                known[name] = real if real in files else None
            place = known[name]
            if place is not None:
                self._found.setdefault((place, code.co_firstlineno, code.co_name), []).append(thing)

    def apply(self, mutant: dict[str, Any]) -> None:
        """Make the loaded function the mutant. Raises :class:`CannotApplyError`; then nothing is to be run."""
        unit = self._units[mutant["unit"]]
        text = unit["text"]
        mutated = text[: mutant["start"]] + mutant["text"] + text[mutant["end"] :]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                functions, original = self._loaded(unit)
            except LookupError as error:
                raise CannotApplyError(str(error)) from None
            if mutant["place"] == "default":
                for function in functions:
                    _set_defaults(function, unit, mutated)
            else:
                code = _code_for(mutated, unit, original)
                for function in functions:
                    function.__code__ = code

    def _loaded(self, unit: dict[str, Any]) -> tuple[list[Any], Any]:
        file, chain = self._file(unit), unit["chain"]
        code = find_code(compile(unit["text"], file, "exec", dont_inherit=True), chain)
        functions = self._found.get((file, code.co_firstlineno, code.co_name), [])
        if not functions:
            raise CannotApplyError("no such function is loaded")
        flags = functions[0].__code__.co_flags & _FUTURE
        if flags != code.co_flags & _FUTURE:
            code = find_code(compile(unit["text"], file, "exec", flags=flags, dont_inherit=True), chain)
        if not all(_same(code, function.__code__) for function in functions):
            raise CannotApplyError("what is loaded was not compiled from the file as it is")
        return functions, functions[0].__code__

    def _file(self, unit: dict[str, Any]) -> str:
        return os.path.realpath(os.path.join(self._root, unit["file"]))


def _code_for(mutated: str, unit: dict[str, Any], original: Any) -> Any:
    """The mutant's code, with the free variables that the function was made with."""
    flags = original.co_flags & _FUTURE
    filename = original.co_filename
    code = find_code(compile(mutated, filename, "exec", flags=flags, dont_inherit=True), unit["chain"])
    if code.co_freevars == original.co_freevars:
        return code
    # A mutant that uses one of them no more still has to carry it: an unreachable mention keeps it.
    tree = ast.parse(mutated)
    node = find_node(tree, unit["chain"])
    mention = ast.parse("if 0:\n    ({},)".format(", ".join(original.co_freevars) or "None")).body
    node.body[1 if ast.get_docstring(node, clean=False) is not None else 0 : 0] = mention
    for statement in mention:
        for inner in ast.walk(statement):
            ast.copy_location(inner, node.body[-1])
    code = find_code(compile(tree, filename, "exec", flags=flags, dont_inherit=True), unit["chain"])
    if code.co_freevars != original.co_freevars:
        raise CannotApplyError("the mutant needs other variables of the code around it")
    return code


def _set_defaults(function: Any, unit: dict[str, Any], mutated: str) -> None:
    """Give a function the mutant's default values, of those that differ."""
    before, after = (find_node(ast.parse(text), unit["chain"]).args for text in (unit["text"], mutated))
    values = list(function.__defaults__ or ())
    if len(values) != len(after.defaults) or len(before.defaults) != len(after.defaults):
        raise CannotApplyError("the number of default values differs")
    for index, (old, new) in enumerate(zip(before.defaults, after.defaults)):
        if ast.dump(old) != ast.dump(new):
            values[index] = _value(new, function)
    function.__defaults__ = tuple(values) if values else function.__defaults__
    for argument, old_keyword, new_keyword in zip(after.kwonlyargs, before.kw_defaults, after.kw_defaults):
        if old_keyword is not None and new_keyword is not None and ast.dump(old_keyword) != ast.dump(new_keyword):
            function.__kwdefaults__[argument.arg] = _value(new_keyword, function)


def _value(expression: ast.expr, function: Any) -> Any:
    try:
        return ast.literal_eval(expression)
    except ValueError:
        raise CannotApplyError("a default value is more than a literal") from None


def _same(one: Any, other: Any) -> bool:
    """Whether two code objects do the same, wherever they were compiled."""
    if any(getattr(one, name) != getattr(other, name) for name in _COMPARED):
        return False
    if len(one.co_consts) != len(other.co_consts):
        return False
    return all(_same_constant(a, b) for a, b in zip(one.co_consts, other.co_consts))


def _same_constant(one: Any, other: Any) -> bool:
    if isinstance(one, types.CodeType) and isinstance(other, types.CodeType):
        return _same(one, other)
    return type(one) is type(other) and (one == other or repr(one) == repr(other))
