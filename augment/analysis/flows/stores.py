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
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE|JOIN)\s+(\w+)")
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
        handle = self._handle_at(target)
        if handle is None:
            return
        opener, prepare = self._opener if handle is StoreHandle.CONNECTION else "", self._prepare.get(handle, "")
        for steps in self._ways(target, handle, (opener, prepare)):
            yield FoundStore(handle, steps, opener, "" if self._prepares_itself(steps[0], opener) else prepare)

    def _ways(self, target: str, handle: StoreHandle, setting: tuple[str, str]) -> Iterator[tuple[str, ...]]:
        """Calls in order: what supplies the numbers that are asked for, one that writes, one that reads."""
        pool = self._pool(handle)
        owner = target.rpartition(".")[0]
        near = [key for key in pool if owner and key.startswith(f"{owner}.")]
        for members in (near, pool):
            writers, readers = self._sides([key for key in members if key not in setting])
            if target in setting:
                pairs = [(writer, reader) for writer in writers for reader in self._alike(writer, readers)[:1]]
            elif target in writers:
                pairs = [(target, reader) for reader in self._alike(target, readers)]
            else:
                pairs = [(writer, target) for writer in self._alike(target, writers) if writer != target]
            for pair in pairs[:_MAX_PARTNERS]:
                yield tuple(dict.fromkeys((*self._suppliers(pair[0], pool), *pair)))
            if pairs:
                break
        if target not in setting:
            yield tuple(dict.fromkeys((*self._suppliers(target, pool), target)))
            yield (target,)

    def _suppliers(self, key: str, pool: list[str], depth: int = 2) -> list[str]:
        """Calls that make what ``key`` asks for by number: ``book_id`` is what adding a book gives."""
        found = self._graph.functions.get(key)
        if found is None or not isinstance(found.item.node, Function) or depth == 0:
            return []
        names = (item.name for item in parameters_of(found.item.node, bound=False) if item.required)
        nouns = [name.removesuffix("_id") for name in names if name.endswith("_id")]
        chosen: list[str] = []
        for noun in nouns:
            makers = [
                maker for maker in pool if maker != key and noun in entity_words(maker) and self._gives_number(maker)
            ]
            if makers:
                chosen += [*self._suppliers(makers[0], pool, depth - 1), makers[0]]
        return chosen

    def _gives_number(self, key: str) -> bool:
        node = self._graph.functions[key].item.node
        text = ast.unparse(node)
        return bool(_WRITES.search(text)) and ("lastrowid" in text or "-> int" in text.partition("\n")[0])

    def _handle_at(self, target: str) -> StoreHandle | None:
        owner, _, name = target.rpartition(".")
        if owner in self._classes:
            return None if name.startswith("_") else self._classes[owner]
        if target == self._opener:
            return StoreHandle.CONNECTION
        return self._functions.get(target)

    def _pool(self, handle: StoreHandle) -> list[str]:
        """Everything that can share a database: functions that take one, methods of classes that hold one."""
        functions = [key for key, item in self._functions.items() if item is handle and not _is_private(key)]
        classes = [key for key, item in self._classes.items() if item is handle]
        return [*(method for owner in classes for method in self._methods(owner)), *functions]

    def handle_of(self, found: Found, parameter: Parameter) -> StoreHandle | None:
        """How a parameter reaches a database, None where it does not."""
        if annotated_with(parameter.annotation, "Session", "scoped_session") and "sqlalchemy" in found.facts.source:
            return StoreHandle.SESSION
        if annotated_with(parameter.annotation, "Engine") and "sqlalchemy" in found.facts.source:
            return StoreHandle.ENGINE
        if annotated_with(parameter.annotation, "Connection") and "sqlite3" in found.facts.source:
            return StoreHandle.CONNECTION
        by_name = not parameter.annotation and _CONNECTION_NAME.match(parameter.name)
        by_path = _PATH_NAME.search(parameter.name)
        if not by_name and not by_path:
            return None
        text = ast.unparse(found.item.node)
        if by_name and re.search(rf"\b{parameter.name}\.(execute|cursor|commit|executescript)", text):
            return StoreHandle.CONNECTION
        return StoreHandle.PATH if by_path and self._keeps_path(found, parameter.name, text) else None

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
            returns = any(isinstance(item, ast.Return) and item.value is not None for item in ast.walk(node))
            asks_for_one = bool(parameters) and not any(item.required for item in parameters[1:])
            if asks_for_one and returns and not decorator_names(node):
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
        names = (item.id for item in ast.walk(found.item.node) if isinstance(item, ast.Name))
        values = (self._graph.value(found.facts, name) for name in names)
        texts = [ast.unparse(found.item.node), *(ast.unparse(value.expression) for value in values if value)]
        return any(_CREATES.search(text) for text in texts)

    def _prepares_itself(self, key: str, opener: str) -> bool:
        """Whether making the object, or opening the database, creates the schema."""
        starts = [item for item in (key.rpartition(".")[0], opener) if item in self._graph.functions]
        reached = (self._graph.functions.get(item) for item in self._graph.reached(*starts))
        return any(self._creates(item) for item in reached if item and isinstance(item.item.node, Function))

    def _alike(self, key: str, others: list[str]) -> list[str]:
        """``others`` by what they share with ``key``: tables first, then words of their names, then the module."""
        tables = self._tables(key)
        return sorted(_alike(key, others), key=lambda other: len(tables & self._tables(other)), reverse=True)

    def _tables(self, key: str) -> set[str]:
        return set(_TABLE.findall(self._text(key)))

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


def entity_words(key: str) -> set[str]:
    """The nouns in the names of a function and of the class around it."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key.rpartition(":")[2]).replace(".", "_")
    return {word.removesuffix("s") for word in name.lower().split("_")} - _VERBS


def _words(key: str) -> set[str]:
    return entity_words(f":{key.rpartition(':')[2].rpartition('.')[2]}")


def _is_private(key: str) -> bool:
    return key.rpartition(":")[2].startswith("_")


def with_handles(stores: Stores, found: Found, parameters: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """``parameters`` annotated by how they reach a database, where they do."""
    marked = []
    for parameter in parameters:
        handle = stores.handle_of(found, parameter)
        marked.append(replace(parameter, annotation=f"'{handle.value}'") if handle else parameter)
    return tuple(marked)
