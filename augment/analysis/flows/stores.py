"""Databases and files: what takes a connection or a path, what writes to it and what reads it back."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from augment.analysis.facts import Found, ProjectFacts, methods_of
from augment.analysis.flows.callgraph import CallGraph, annotated_with
from augment.analysis.flows.model import StoreHandle
from augment.analysis.model import Parameter
from augment.analysis.signatures import constructor_of, parameters_of
from augment.analysis.source import Function, decorator_names, dotted_name

_CREATES = re.compile(r"CREATE\s+(?:TABLE|VIRTUAL)|create_all\(", re.IGNORECASE)
_WRITES = re.compile(
    r"\b(?:INSERT|UPDATE|DELETE|REPLACE)\b[^\n]*\b(?:INTO|SET|FROM)\b|\.(?:add|add_all|merge|delete)\("
)
_WRITES_FILE = re.compile(r"open\([^)\n]*['\"][wax]b?t?\+?['\"]|\.write_(?:text|bytes)\(|\.write\(")
_READS_FILE = re.compile(
    r"\bopen\((?![^)\n]*['\"][wax]b?\+?['\"])|\.read_(?:text|bytes)\(|\.open\(\s*\)|\.open\(['\"]r"
)
_READS = re.compile(r"\bSELECT\b|\.query\(|\bselect\(|\.scalars?\(|\.get\(|\.fetch(?:one|all)\(")
_PATH_NAME = re.compile(r"(^|_)(path|file|filename|filepath|db|database|location|destination|target|source|dest|src)$")
_CONNECTION_NAME = re.compile(r"^_?(conn|connection|con|db|database|cursor_factory)$")
_VERBS = frozenset(
    {
        "add",
        "get",
        "list",
        "find",
        "save",
        "load",
        "create",
        "update",
        "delete",
        "remove",
        "fetch",
        "insert",
        "all",
        "by",
    }
    | {
        "read",
        "write",
        "dump",
        "export",
        "import",
        "store",
        "put",
        "set",
        "count",
        "new",
        "to",
        "from",
        "id",
        "the",
        "for",
    }
)
_MAX_PARTNERS = 3


@dataclass(frozen=True, slots=True)
class FoundStore:
    """Calls that share one database, in order; ids as in :class:`StoreFlow`, '' where there is none."""

    handle: StoreHandle
    steps: tuple[str, ...]
    opener: str = ""
    prepare: str = ""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A writer and a reader of files, with the parameters that say where."""

    writer: str
    written_to: str
    reader: str
    read_from: str


class Stores:
    """What a project keeps in databases and files."""

    def __init__(self, facts: ProjectFacts, graph: CallGraph, apart: frozenset[str]) -> None:
        self._facts, self._graph, self._apart = facts, graph, apart

    # ----- databases

    def through(self, target: str) -> Iterator[FoundStore]:
        """The flows over a database that pass ``target``."""
        group = self._group_of(target)
        if group is None:
            return
        handle, members = group
        opener, prepare = self._opener, self._prepare.get(handle, "")
        if target in (opener, prepare):
            yield from (FoundStore(handle, pair, opener, prepare) for pair in self._pairs(members)[:_MAX_PARTNERS])
            return
        writers, readers = self._sides(members)
        others = [item for item in members if item != target]
        if target in writers:
            found = [(target, other) for other in _alike(target, [item for item in others if item in readers])]
        else:
            found = [(other, target) for other in _alike(target, [item for item in others if item in writers])]
        for pair in [*found[:_MAX_PARTNERS], (target,)]:
            prepared = prepare if not self._prepares_itself(pair[0]) else ""
            yield FoundStore(handle, pair, opener if handle is StoreHandle.CONNECTION else "", prepared)

    def handle_of(self, found: Found, parameter: Parameter) -> StoreHandle | None:
        """How a parameter reaches a database, None where it does not."""
        if annotated_with(parameter.annotation, "Session", "scoped_session") and "sqlalchemy" in found.facts.source:
            return StoreHandle.SESSION
        if annotated_with(parameter.annotation, "Engine") and "sqlalchemy" in found.facts.source:
            return StoreHandle.ENGINE
        if annotated_with(parameter.annotation, "Connection") and "sqlite3" in found.facts.source:
            return StoreHandle.CONNECTION
        text = ast.unparse(found.item.node)
        if not parameter.annotation and _CONNECTION_NAME.match(parameter.name):
            if re.search(rf"\b{parameter.name}\.(execute|cursor|commit|executescript)", text):
                return StoreHandle.CONNECTION
        if _PATH_NAME.search(parameter.name) and self._keeps_path(found, parameter.name, text):
            return StoreHandle.PATH
        return None

    def metadata(self) -> tuple[str, str] | None:
        """The import line and name of SQLAlchemy's declarative base."""
        for module, facts in self._facts.modules.items():
            for item in facts.defined.values():
                bases = getattr(item.node, "bases", [])
                if any(dotted_name(base).rpartition(".")[2] == "DeclarativeBase" for base in bases):
                    return f"from {module} import {item.qualname}", item.qualname
            for name, value in facts.assigned.items():
                if isinstance(value, ast.Call) and dotted_name(value).rpartition(".")[2] == "declarative_base":
                    return f"from {module} import {name}", name
        return None

    def _keeps_path(self, found: Found, name: str, text: str) -> bool:
        """Whether a class opens the path that it is given: in its constructor, or in a method later."""
        if not isinstance(found.item.node, ast.ClassDef):
            return bool(re.search(rf"connect\(\s*(str\()?{name}\b", text)) and found.item.owner is None
        if re.search(rf"sqlite3\.connect\(\s*(str\()?(self\._?)?{name}\b", text):
            return True
        return bool(_WRITES_FILE.search(text) and _READS_FILE.search(text)) and f"self.{name}" in text.replace(
            "._", "."
        )

    @cached_property
    def _classes(self) -> dict[str, StoreHandle]:
        """Classes whose constructor takes a database, or an object that takes one."""
        classes = {
            key: found for key, found in self._graph.functions.items() if isinstance(found.item.node, ast.ClassDef)
        }
        taken = {key: constructor_of(self._facts, found) for key, found in classes.items()}
        known: dict[str, StoreHandle] = {}
        for key, parameters in taken.items():
            handles = (self.handle_of(classes[key], parameter) for parameter in parameters)
            handle = next((item for item in handles if item is not None), None)
            if handle is not None:
                known[key] = handle
        for _ in range(3):
            for key, parameters in taken.items():
                shapes = (self._graph.shape(classes[key].facts, parameter.annotation) for parameter in parameters)
                inner = next((known[shape.id] for shape in shapes if shape and shape.id in known), None)
                if inner is not None:
                    known.setdefault(key, inner)
        return known

    @cached_property
    def _functions(self) -> dict[str, StoreHandle]:
        """Functions that take a database."""
        found: dict[str, StoreHandle] = {}
        for key, item in self._graph.functions.items():
            node = item.item.node
            if not isinstance(node, Function) or item.item.owner is not None or key in self._apart:
                continue
            for parameter in parameters_of(node, bound=False):
                handle = self.handle_of(item, parameter)
                shape = self._graph.shape(item.facts, parameter.annotation)
                handle = handle or (self._classes.get(shape.id) if shape else None)
                if handle is not None:
                    found.setdefault(key, handle)
        return found

    def _group_of(self, target: str) -> tuple[StoreHandle, list[str]] | None:
        """The calls that can share a database with ``target``: the methods of its class, or the functions like it."""
        owner, _, name = target.rpartition(".")
        if owner in self._classes and not name.startswith("_"):
            return self._classes[owner], self._methods(owner)
        if target in self._functions or target in (self._opener, *self._prepare.values()):
            handle = self._functions.get(target, StoreHandle.CONNECTION)
            same = [key for key, item in self._functions.items() if item is handle]
            used = [key for key in same if not key.rpartition(":")[2].startswith("_")]
            return handle, [key for key in used if key not in (self._opener, *self._prepare.values())]
        return None

    def _methods(self, owner: str) -> list[str]:
        found = self._graph.functions[owner]
        unfit = {"property", "staticmethod", "classmethod", "setter", "abstractmethod"}
        return [
            f"{owner}.{method.name}"
            for method in methods_of(found.item.node)
            if not method.name.startswith("_") and not unfit & set(decorator_names(method)) and method.name != "close"
        ]

    def _sides(self, members: list[str]) -> tuple[list[str], list[str]]:
        """Those that write and those that read."""
        writers = [key for key in members if _WRITES.search(self._text(key)) or _WRITES_FILE.search(self._text(key))]
        readers = [key for key in members if key not in writers]
        return writers, readers

    def _pairs(self, members: list[str]) -> list[tuple[str, ...]]:
        writers, readers = self._sides(members)
        return [(writer, reader) for writer in writers for reader in _alike(writer, readers)[:1]]

    def _text(self, key: str) -> str:
        """The source of what a call runs."""
        found = (self._graph.functions.get(item) for item in self._graph.reached(key)[:8])
        return "\n".join(ast.unparse(item.item.node) for item in found if item and isinstance(item.item.node, Function))

    @cached_property
    def _opener(self) -> str:
        """The function of the project that opens a database by its path."""
        for key, found in self._graph.functions.items():
            node = found.item.node
            if (
                not isinstance(node, Function)
                or found.item.owner is not None
                or "sqlite3.connect(" not in ast.unparse(node)
            ):
                continue
            parameters = parameters_of(node, bound=False)
            if parameters and not any(item.required for item in parameters[1:]) and not decorator_names(node):
                if any(isinstance(item, ast.Return) and item.value is not None for item in ast.walk(node)):
                    return key
        return ""

    @cached_property
    def _prepare(self) -> dict[StoreHandle, str]:
        """By handle, the function that creates the schema."""
        found: dict[StoreHandle, str] = {}
        for key, handle in self._functions.items():
            item = self._graph.functions[key]
            parameters = parameters_of(item.item.node, bound=False) if isinstance(item.item.node, Function) else ()
            if sum(parameter.required for parameter in parameters) == 1 and self._creates(item):
                found.setdefault(handle, key)
        return found

    def _creates(self, found: Found) -> bool:
        texts = [ast.unparse(found.item.node)]
        for item in ast.walk(found.item.node):
            if isinstance(item, ast.Name) and (value := self._graph.value(found.facts, item.id)):
                texts.append(ast.unparse(value.expression))
        return any(_CREATES.search(text) for text in texts)

    def _prepares_itself(self, key: str) -> bool:
        """Whether making the object, or opening the database, creates the schema."""
        owner = key.rpartition(".")[0]
        starts = [item for item in (owner, self._opener) if item]
        reached = (self._graph.functions.get(item) for item in self._graph.reached(*starts))
        own = {owner, self._opener}
        found = [item for item in reached if item and isinstance(item.item.node, Function)]
        return bool(own) and any(self._creates(item) for item in found)

    # ----- files

    def files_through(self, target: str) -> Iterator[FoundFile]:
        """A function that writes a file with one that reads it."""
        writers, readers = self._file_functions
        if target in writers:
            for reader in _alike(target, [key for key in readers if key != target], must=True)[:_MAX_PARTNERS]:
                yield FoundFile(target, writers[target], reader, readers[reader])
        if target in readers:
            for writer in _alike(target, [key for key in writers if key != target], must=True)[:_MAX_PARTNERS]:
                yield FoundFile(writer, writers[writer], target, readers[target])

    @cached_property
    def _file_functions(self) -> tuple[dict[str, str], dict[str, str]]:
        writers: dict[str, str] = {}
        readers: dict[str, str] = {}
        for key, found in self._graph.functions.items():
            node = found.item.node
            if not isinstance(node, Function) or key in self._apart or node.name.startswith("_"):
                continue
            if {"staticmethod", "property"} & set(decorator_names(node)):
                continue
            name = _path_parameter(found, node)
            if name:
                text = self._text(key)
                if _WRITES_FILE.search(text):
                    writers[key] = name
                elif _READS_FILE.search(text):
                    readers[key] = name
        return writers, readers


def _path_parameter(found: Found, node: Function) -> str:
    for parameter in parameters_of(node, bound=found.item.owner is not None):
        if annotated_with(parameter.annotation, "Path", "PathLike"):
            return parameter.name
        if parameter.annotation in ("", "str") and _PATH_NAME.search(parameter.name):
            return parameter.name
    return ""


def _alike(key: str, others: list[str], *, must: bool = False) -> list[str]:
    """``others`` by how many words their names share with that of ``key``, those of the same module first.

    ``must``: only those that share a word, or lie in the same module.
    """
    words, home = _words(key), key.partition(":")[0]

    def score(other: str) -> tuple[int, bool]:
        return len(words & _words(other)), other.partition(":")[0] == home

    kept = [other for other in others if not must or any(score(other))]
    return sorted(kept, key=score, reverse=True)


def _words(key: str) -> set[str]:
    name = key.rpartition(":")[2].rpartition(".")[2]
    return {word.removesuffix("s") for word in name.lower().split("_")} - _VERBS


def with_handles(stores: Stores, found: Found, parameters: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """``parameters`` annotated by how they reach a database, where they do."""
    marked = []
    for parameter in parameters:
        handle = stores.handle_of(found, parameter)
        marked.append(replace(parameter, annotation=f"'{handle.value}'") if handle else parameter)
    return tuple(marked)
