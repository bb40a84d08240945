"""Tests rewritten for targets that got another name or moved to another module. Works on text; touches no disk."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import MetadataWrapper, QualifiedNameProvider, QualifiedNameSource

Symbol = tuple[str, str]
"""Module and qualname."""

_SETTERS = ("setattr", "delattr", "getattr", "hasattr", "patch.object")
_SMALL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Move:
    """A target, ``module:qualname``, and what it is called now."""

    old: str
    new: str

    @property
    def before(self) -> Symbol:
        """Module and qualname as they were."""
        return _symbol(self.old)

    @property
    def after(self) -> Symbol:
        """Module and qualname as they are now."""
        return _symbol(self.new)


@dataclass(frozen=True, slots=True)
class Renames:
    """What tests have to say differently: ``symbols`` one by one, ``modules`` as a whole.

    ``methods`` maps a method's old name to its new one for each class, by the class's old full name.
    """

    symbols: Mapping[Symbol, Symbol] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)
    methods: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def full(self) -> dict[str, str]:
        """Old dotted name -> new dotted name, modules included."""
        return {**self.modules, **{".".join(old): ".".join(new) for old, new in self.symbols.items()}}


def renames_of(moves: Sequence[Move], present: Iterable[str], gone_modules: Iterable[str]) -> Renames:
    """What follows from ``moves``. ``present`` are the targets that exist now: a class whose methods moved was itself
    renamed only when it is not among them. ``gone_modules`` are modules that no longer exist.
    """
    there = set(present)
    symbols = {move.before: move.after for move in moves}
    methods: dict[str, dict[str, str]] = {}
    for (module, old), (new_module, new) in list(symbols.items()):
        owner, _, last = old.rpartition(".")
        new_owner, _, new_last = new.rpartition(".")
        if owner and new_owner:
            if (module, owner) != (new_module, new_owner) and f"{module}:{owner}" not in there:
                symbols.setdefault((module, owner), (new_module, new_owner))
            if last != new_last:
                methods.setdefault(f"{module}.{owner}", {})[last] = new_last
    gone = set(gone_modules)
    homes: dict[str, set[str]] = {}
    for move in moves:
        homes.setdefault(move.before[0], set()).add(move.after[0])
    modules = {old: next(iter(new)) for old, new in homes.items() if old in gone and len(new) == 1}
    return Renames(symbols, {old: new for old, new in modules.items() if old != new}, methods)


def rewrite(text: str, renames: Renames, tests: Mapping[str, str] | None = None, *, broad: bool = False) -> str:
    """``text`` with imports, uses, patched names and comments for the new names, and the tests renamed as ``tests``
    says. Everything else stays as it is written.

    Methods are renamed on what was made by their class; with ``broad`` on any object. Raises SyntaxError.
    """
    try:
        wrapper = MetadataWrapper(cst.parse_module(text))
    except cst.ParserSyntaxError as error:
        raise SyntaxError(str(error)) from error
    names = wrapper.resolve(QualifiedNameProvider)
    rewriter = _Rewriter(renames, tests or {}, _Names(names), broad=broad)
    wrapper.module.visit(_Instances(rewriter))
    changed = wrapper.module.visit(rewriter)
    return _with_needed(changed, rewriter.needed).code


def new_test_name(name: str, move: Move) -> str:
    """What a test called after its target is to be called now."""
    old, new = (_snake(symbol[1].rpartition(".")[2]) for symbol in (move.before, move.after))
    return re.sub(rf"(?<=_){re.escape(old)}(?=_|$)", new, name, count=1) if old != new and old else name


def _snake(name: str) -> str:
    return _SMALL.sub("_", name).lower().strip("_")


def _symbol(target: str) -> Symbol:
    module, _, qualname = target.partition(":")
    return module, qualname


class _Names:
    """Which imported things the nodes of a module mean."""

    def __init__(self, known: Mapping[cst.CSTNode, Any]) -> None:
        self._known = known

    def of(self, node: cst.CSTNode) -> set[str]:
        found = self._known.get(node, ())
        names = found() if callable(found) else found
        return {item.name for item in names if item.source is QualifiedNameSource.IMPORT}


class _Instances(cst.CSTVisitor):
    """Finds the names that hold instances of classes whose methods were renamed."""

    def __init__(self, rewriter: _Rewriter) -> None:
        self._rewriter = rewriter

    def visit_Assign(self, node: cst.Assign) -> None:
        for target in node.targets:
            self._note(target.target, node.value)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        if node.value is not None:
            self._note(node.target, node.value)

    def visit_WithItem(self, node: cst.WithItem) -> None:
        if node.asname is not None:
            self._note(node.asname.name, node.item)

    def _note(self, target: cst.CSTNode, value: cst.BaseExpression) -> None:
        if not isinstance(target, cst.Name) or not isinstance(value, cst.Call):
            return
        made = self._rewriter.names.of(value.func)
        for owner, methods in self._rewriter.renames.methods.items():
            if any(name == owner or name.startswith(f"{owner}.") for name in made):
                self._rewriter.instances.setdefault(target.value, {}).update(methods)


class _Rewriter(cst.CSTTransformer):
    def __init__(self, renames: Renames, tests: Mapping[str, str], names: _Names, *, broad: bool) -> None:
        super().__init__()
        self.renames = renames
        self.names = names
        self.instances: dict[str, dict[str, str]] = {}
        self.needed: dict[str, None] = {}
        """Modules to import, for functions that were reached through a module that they have left."""
        self._tests = tests
        every = [item for methods in renames.methods.values() for item in methods.items()]
        self._broad = dict(every) if broad else {}
        self._full = renames.full

    # ----- uses

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        for old in self.names.of(original_node):
            new = self._full.get(old)
            if new is not None and original_node.value == _last(old):
                return updated_node.with_changes(value=_last(new))
        return updated_node

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        for old in self.names.of(original_node):
            changed = self._attribute(old, original_node, updated_node)
            if changed is not None:
                return changed
        owner = original_node.value
        methods = self.instances.get(owner.value, {}) if isinstance(owner, cst.Name) else {}
        new = methods.get(original_node.attr.value) or self._broad.get(original_node.attr.value)
        return updated_node.with_changes(attr=cst.Name(new)) if new else updated_node

    def _attribute(self, old: str, original: cst.Attribute, updated: cst.Attribute) -> cst.BaseExpression | None:
        if old in self.renames.modules:
            return cst.parse_expression(self.renames.modules[old])
        new = self._full.get(old)
        if new is None or original.attr.value != _last(old):
            return None
        module, _, _ = old.rpartition(".")
        home, _, _ = new.rpartition(".")
        top = next((symbol for symbol in self.renames.symbols if ".".join(symbol) == old), None)
        moved = top is not None and "." not in top[1] and module != home
        if moved and module not in self.renames.modules:
            self.needed[home] = None
            return cst.parse_expression(new)
        return updated.with_changes(attr=cst.Name(_last(new)))

    def leave_SimpleString(self, original_node: cst.SimpleString, updated_node: cst.SimpleString) -> cst.BaseExpression:
        value = original_node.evaluated_value
        if not isinstance(value, str):
            return updated_node
        for old in sorted(self._full, key=len, reverse=True):
            if value == old or value.startswith(f"{old}."):
                return _string(updated_node, self._full[old] + value[len(old) :])
        return updated_node

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        called = get_full_name_for_node(original_node.func) or ""
        if len(original_node.args) < 2 or not called.endswith(_SETTERS):
            return updated_node
        named = original_node.args[1].value
        if not isinstance(named, cst.SimpleString):
            return updated_node
        for owner in self.names.of(original_node.args[0].value):
            new = self._full.get(f"{owner}.{named.evaluated_value!s}")
            if new is not None:
                first, second, *rest = updated_node.args
                second = second.with_changes(value=_string(named, _last(new)))
                return updated_node.with_changes(args=[first, second, *rest])
        return updated_node

    # ----- definitions and comments

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        new = self._tests.get(original_node.name.value)
        return updated_node.with_changes(name=cst.Name(new)) if new else updated_node

    def leave_Comment(self, original_node: cst.Comment, updated_node: cst.Comment) -> cst.Comment:
        value = updated_node.value
        for (module, qualname), new in self.renames.symbols.items():
            value = re.sub(rf"\b{re.escape(f'{module}:{qualname}')}(?![\w.])", ":".join(new), value)
        return updated_node.with_changes(value=value)

    # ----- imports

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
        if len(updated_node.body) != 1:
            return updated_node
        statement = updated_node.body[0]
        if isinstance(statement, cst.Import):
            return updated_node.with_changes(body=[self._plain_import(statement)])
        if isinstance(statement, cst.ImportFrom) and not isinstance(statement.names, cst.ImportStar):
            return self._lines_for(updated_node, statement, statement.names)
        return updated_node

    def _plain_import(self, statement: cst.Import) -> cst.Import:
        names = []
        for alias in statement.names:
            new = self.renames.modules.get(_dotted(alias.name))
            names.append(alias if new is None else alias.with_changes(name=_path(new)))
        return statement.with_changes(names=names)

    def _lines_for(
        self, line: cst.SimpleStatementLine, statement: cst.ImportFrom, aliases: Sequence[cst.ImportAlias]
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
        if statement.module is None or statement.relative:
            return line
        module = _dotted(statement.module)
        homes: dict[str, list[cst.ImportAlias]] = {}
        for alias in aliases:
            home, name = self._imported(module, _dotted(alias.name))
            homes.setdefault(home, []).append(alias.with_changes(name=cst.Name(name)))
        if len(homes) == 1:
            home, names = next(iter(homes.items()))
            return line.with_changes(body=[statement.with_changes(module=_path(home), names=names)])
        plain = cst.MaybeSentinel.DEFAULT
        lines = [
            cst.SimpleStatementLine([cst.ImportFrom(_path(home), [item.with_changes(comma=plain) for item in names])])
            for home, names in homes.items()
        ]
        first = lines[0].with_changes(leading_lines=line.leading_lines)
        return cst.FlattenSentinel([first, *lines[1:]])

    def _imported(self, module: str, name: str) -> tuple[str, str]:
        """Where ``name`` of ``module`` is imported from now, and what it is called there."""
        if (module, name) in self.renames.symbols:
            home, qualname = self.renames.symbols[module, name]
            return home, qualname.partition(".")[0]
        whole = self.renames.modules.get(f"{module}.{name}")
        if whole is not None and "." in whole:
            return whole.rpartition(".")[0], _last(whole)
        return self.renames.modules.get(module, module), name


def _with_needed(module: cst.Module, needed: Iterable[str]) -> cst.Module:
    lines = [cst.parse_statement(f"import {name}\n") for name in needed]
    if not lines:
        return module
    at = max((index for index, statement in enumerate(module.body, 1) if _is_import(statement)), default=0)
    return module.with_changes(body=[*module.body[:at], *lines, *module.body[at:]])


def _is_import(statement: cst.CSTNode) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and isinstance(statement.body[0], cst.Import | cst.ImportFrom)


def _string(node: cst.SimpleString, value: str) -> cst.SimpleString:
    return node.with_changes(value=f"{node.prefix}{node.quote}{value}{node.quote}")


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _dotted(node: cst.CSTNode) -> str:
    return get_full_name_for_node(node) or ""


def _path(name: str) -> cst.Name | cst.Attribute:
    path = cst.parse_expression(name)
    assert isinstance(path, cst.Name | cst.Attribute)
    return path
