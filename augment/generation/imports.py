"""Mends what a model gets wrong about imports, from what analysis knows of the project."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from augment.generation.syntax import BUILTINS, FunctionNode, bound_names, import_bindings, is_test, loaded_names

if TYPE_CHECKING:
    from augment.analysis import TargetContext

WELL_KNOWN: dict[str, str] = {
    "pytest": "import pytest",
    "given": "from hypothesis import given",
    "assume": "from hypothesis import assume",
    "example": "from hypothesis import example",
    "settings": "from hypothesis import settings",
    "st": "from hypothesis import strategies as st",
    "strategies": "from hypothesis import strategies",
    "np": "import numpy as np",
    "pd": "import pandas as pd",
    "Decimal": "from decimal import Decimal",
    "Fraction": "from fractions import Fraction",
    "Path": "from pathlib import Path",
    "date": "from datetime import date",
    "timedelta": "from datetime import timedelta",
    "timezone": "from datetime import timezone",
    "StringIO": "from io import StringIO",
    "BytesIO": "from io import BytesIO",
    "Mock": "from unittest.mock import Mock",
    "MagicMock": "from unittest.mock import MagicMock",
    "AsyncMock": "from unittest.mock import AsyncMock",
    "patch": "from unittest.mock import patch",
    "OrderedDict": "from collections import OrderedDict",
    "defaultdict": "from collections import defaultdict",
    "Counter": "from collections import Counter",
    "namedtuple": "from collections import namedtuple",
    "dataclass": "from dataclasses import dataclass",
    "Enum": "from enum import Enum",
    "ABC": "from abc import ABC",
    "abstractmethod": "from abc import abstractmethod",
    "Any": "from typing import Any",
    "Dict": "from typing import Dict",
    "List": "from typing import List",
    "Optional": "from typing import Optional",
}
_MODULES = frozenset(
    {"asyncio", "collections", "datetime", "decimal", "io", "itertools", "json", "math", "os", "random"}
)
_MORE_MODULES = frozenset({"re", "string", "sys", "tempfile", "time", "uuid", "functools", "copy", "hypothesis"})


class ImportMender:
    """Decides where each name of a test for one target is to be imported from."""

    def __init__(self, context: TargetContext) -> None:
        self._context = context
        self._module = context.target.module
        self._own = set(context.module_names)
        self._importable = _bindings_of([context.import_line, *context.imports])
        self._package = self._module.split(".", maxsplit=1)[0]

    def statement_for(self, name: str) -> str | None:
        """The import statement that provides ``name``, or None when nothing known does."""
        if name in self._importable_from_target():
            return self._importable_from_target()[name]
        home = self._home(name)
        if home is not None:
            return f"from {home} import {name}"
        if name in self._importable:
            return self._importable[name]
        if name in WELL_KNOWN:
            return WELL_KNOWN[name]
        return f"import {name}" if name in _MODULES | _MORE_MODULES else None

    def mend(self, node: ast.Import | ast.ImportFrom) -> list[ast.stmt]:
        """``node`` with every name that comes from the wrong module taken from the right one."""
        if isinstance(node, ast.Import):
            return [node]
        kept: list[ast.alias] = []
        mended: list[ast.stmt] = []
        for alias in node.names:
            module = self._right_module(node, alias.name)
            if module is None:
                kept.append(alias)
            else:
                mended.append(ast.ImportFrom(module, [alias], 0))
        if kept and not (node.level or self._is_placeholder(node.module or "")):
            mended.insert(0, ast.ImportFrom(node.module, kept, 0))
        return mended

    def is_copy_of_project_code(self, node: ast.stmt) -> bool:
        """Whether a definition in the test defines something anew that the project has, such as an exception."""
        if not isinstance(node, FunctionNode | ast.ClassDef) or is_test(node):
            return False
        if node.name in self._own:
            return True
        return node.name in self._context.project_names and isinstance(node, ast.ClassDef)

    def _importable_from_target(self) -> dict[str, str]:
        return _bindings_of([self._context.import_line])

    def _right_module(self, node: ast.ImportFrom, name: str) -> str | None:
        """Where ``name`` has to come from instead; None when the import may stand."""
        module = node.module or ""
        if name == "*" or (not node.level and module == self._module):
            return None
        homes = self._context.project_names.get(name, ())
        if not node.level and module in homes:
            return None
        if not node.level and module.split(".")[0] in sys.stdlib_module_names | {"pytest", "hypothesis"}:
            return None
        return self._home(name)

    def _home(self, name: str) -> str | None:
        """Where the project defines ``name``; the target's module when that merely has it."""
        homes = self._context.project_names.get(name, ())
        if homes:
            return self._module if self._module in homes else self._nearest(homes)
        return self._module if name in self._own else None

    def _is_placeholder(self, module: str) -> bool:
        """Whether a module's name is one of those that models write for "wherever your code is"."""
        return module.startswith(("your_", "my_module", "module_under", "path_to", "solution"))

    def _nearest(self, modules: Sequence[str]) -> str:
        """The module that shares the longest prefix with the target's."""
        own = self._module.split(".")

        def shared(module: str) -> int:
            pairs = zip(own, module.split("."), strict=False)
            return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(own), module.count(".") + 1))

        return max(sorted(modules), key=shared)


def _bindings_of(statements: Sequence[str]) -> dict[str, str]:
    """Name -> the statement that binds it."""
    found: dict[str, str] = {}
    for text in statements:
        for node in ast.parse(text).body:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found[import_bindings(ast.Import([alias]))[0]] = ast.unparse(ast.Import([alias]))
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    single = ast.ImportFrom(node.module, [alias], node.level)
                    found[alias.asname or alias.name] = ast.unparse(single)
    return found


def complete_imports(body: Sequence[ast.stmt], imports: Sequence[ast.stmt], mender: ImportMender) -> list[ast.stmt]:
    """The import statements that ``body`` needs: the used ones of ``imports``, one name each, and what they lack."""
    wanted = set().union(*(loaded_names(node) for node in body)) if body else set()
    wanted |= _decorated(body)
    lines: dict[str, None] = {}
    provided: set[str] = set()
    for node in imports:
        for single in _one_name_each(node):
            bound = set(import_bindings(single))
            if bound & wanted and not bound <= provided:
                lines[ast.unparse(single)] = None
                provided |= bound
    defined = set().union(*(_defined(node) for node in body)) if body else set()
    for name in sorted(wanted - provided - defined - BUILTINS):
        statement = mender.statement_for(name)
        if statement is not None:
            lines[statement] = None
    return [node for line in sorted(lines) for node in ast.parse(line).body]


def _decorated(body: Sequence[ast.stmt]) -> set[str]:
    functions = [node for node in body if isinstance(node, FunctionNode | ast.ClassDef)]
    return {name for node in functions for decorator in node.decorator_list for name in loaded_names(decorator)}


def _defined(node: ast.stmt) -> set[str]:
    """Names that the statement binds at module level, and for a function those that it binds inside."""
    return bound_names(node)


def _one_name_each(node: ast.stmt) -> list[ast.Import | ast.ImportFrom]:
    if isinstance(node, ast.Import):
        return [ast.Import([alias]) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [ast.ImportFrom(node.module, [alias], node.level) for alias in node.names]
    return []
