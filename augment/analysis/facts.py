"""What is known of each module of a project, and what a name in one of them stands for."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from augment.analysis.imports import names_of
from augment.analysis.project import in_tests, module_of
from augment.analysis.source import Definition, Function, dotted_name, parse, statements
from augment.analysis.targets import Defined, defined_in, is_abstract, is_stub
from augment.records import Project

MAX_REEXPORTS = 6
"""How many re-exports are followed before a name is given up (a circle of them must end)."""


@dataclass(frozen=True)
class ModuleFacts:
    """One parsed file. ``module`` is the name under which it is imported; ``line(n)`` counts from 1."""

    file: str
    module: str
    source: str
    tree: ast.Module
    is_test: bool

    @cached_property
    def lines(self) -> list[str]:
        """The lines, as the compiler counts them (form feeds do not end a line)."""
        return self.source.split("\n")

    @cached_property
    def defined(self) -> dict[str, Defined]:
        """Qualname -> definition."""
        found = {item.qualname: item for item in reversed(defined_in(self.tree))}
        return dict(reversed(found.items()))

    @cached_property
    def imported(self) -> dict[str, tuple[str, str | None]]:
        """Local name -> (absolute module, name taken from it; None for the module itself)."""
        found: dict[str, tuple[str, str | None]] = {}
        for node in self.import_nodes:
            if isinstance(node, ast.ImportFrom):
                base = self.absolute(node)
                found |= {alias.asname or alias.name: (base, alias.name) for alias in node.names}
            else:
                found |= {
                    alias.asname or alias.name.partition(".")[0]: (
                        alias.name if alias.asname else alias.name.partition(".")[0],
                        None,
                    )
                    for alias in node.names
                }
        return found

    @cached_property
    def import_nodes(self) -> list[ast.Import | ast.ImportFrom]:
        """Import statements of the module level, conditional ones included."""
        return [node for node in statements(self.tree.body) if isinstance(node, ast.Import | ast.ImportFrom)]

    @cached_property
    def assigned(self) -> dict[str, ast.expr]:
        """Names given a value at module level -> the expression."""
        found: dict[str, ast.expr] = {}
        for node in statements(self.tree.body):
            if isinstance(node, ast.Assign):
                found |= {item.id: node.value for item in node.targets if isinstance(item, ast.Name)}
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
                found[node.target.id] = node.value
        return found

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every name defined at module level (imports aside)."""
        own = [name for name in self.defined if "." not in name]
        return tuple(dict.fromkeys([*own, *self.assigned]))

    def absolute(self, node: ast.ImportFrom) -> str:
        """The module that a ``from`` import names, without leading dots."""
        if not node.level:
            return node.module or ""
        parts = self.module.split(".") if self.module else []
        up = node.level - 1 if self.file.endswith("__init__.py") else node.level
        head = parts[: len(parts) - up] if up else parts
        return ".".join([*head, *([node.module] if node.module else [])])

    def text(self, first: int, last: int) -> str:
        """Lines ``first`` to ``last``, inclusive."""
        return "\n".join(self.lines[first - 1 : last])


@dataclass(frozen=True)
class Found:
    """A definition and the module it lies in."""

    facts: ModuleFacts
    item: Defined

    @property
    def id(self) -> str:
        """``module:qualname``."""
        return f"{self.facts.module}:{self.item.qualname}"


class ProjectFacts:
    """All modules of a project by file, and the lookup of names across them. Files that do not parse are left out."""

    def __init__(self, project: Project, sources: Mapping[str, str]) -> None:
        self._project, self._sources = project, sources
        self._parsed: dict[str, ModuleFacts | None] = {}

    def of_file(self, file: str) -> ModuleFacts | None:
        """The facts of one file, None where it is unknown or does not parse."""
        if file not in self._parsed:
            self._parsed[file] = self._parse(file)
        return self._parsed[file]

    @cached_property
    def modules(self) -> dict[str, ModuleFacts]:
        """Module name -> facts, tests left out."""
        found = (self.of_file(file) for file in sorted(self._sources) if file.endswith(".py"))
        return {facts.module: facts for facts in found if facts and not facts.is_test}

    @cached_property
    def tests(self) -> list[ModuleFacts]:
        """The facts of test files, conftests and test helpers."""
        found = (self.of_file(file) for file in sorted(self._sources) if file.endswith(".py"))
        return [facts for facts in found if facts and facts.is_test]

    @cached_property
    def classes(self) -> list[Found]:
        """Every class of the project, tests left out."""
        return [
            Found(facts, item)
            for facts in self.modules.values()
            for item in facts.defined.values()
            if isinstance(item.node, ast.ClassDef)
        ]

    @cached_property
    def public_names(self) -> dict[str, tuple[str, ...]]:
        """Public name -> modules that define it, and those that re-export it after them."""
        owners: dict[str, dict[str, None]] = {}
        for module, facts in self.modules.items():
            for name in facts.names:
                if not name.startswith("_"):
                    owners.setdefault(name, {})[module] = None
        for module, facts in self.modules.items():
            for name, (origin, _) in facts.imported.items():
                if name in owners and (origin in owners[name] or origin.partition(".")[0] == module.partition(".")[0]):
                    owners[name].setdefault(module)
        return {name: tuple(modules) for name, modules in owners.items()}

    def resolve(self, facts: ModuleFacts, name: str) -> Found | None:
        """The project's function or class that the dotted ``name`` means in a module."""
        current, rest = facts, name
        for _ in range(MAX_REEXPORTS):
            if rest in current.defined:
                return Found(current, current.defined[rest])
            head, _, tail = rest.partition(".")
            step = self._step(current, head, tail)
            if step is None:
                return None
            current, rest = step
        return None

    def resolve_value(self, facts: ModuleFacts, name: str) -> tuple[ModuleFacts, ast.expr] | None:
        """The expression that a module-level name was given, in whichever module of the project that was."""
        current, rest = facts, name
        for _ in range(MAX_REEXPORTS):
            if rest in current.assigned:
                return current, current.assigned[rest]
            head, _, tail = rest.partition(".")
            step = self._step(current, head, tail)
            if step is None:
                return None
            current, rest = step
        return None

    def bases(self, found: Found) -> list[Found]:
        """The project's classes that a class inherits from, nearest first, itself first."""
        line, pending = [found], [found]
        while pending:
            current = pending.pop(0)
            node = current.item.node
            for base in node.bases if isinstance(node, ast.ClassDef) else []:
                above = self.resolve(current.facts, dotted_name(base))
                if above and all(above.id != item.id for item in line):
                    line.append(above)
                    pending.append(above)
        return line

    def abstract_methods(self, found: Found) -> tuple[str, ...]:
        """Abstract methods that a class still lacks; for a protocol, its methods without a body."""
        line = self.bases(found)
        defined: set[str] = set()
        lacking: dict[str, None] = {}
        protocol = is_protocol(found.item.node)
        for item in line:
            for method in methods_of(item.item.node):
                if (is_abstract(method) or (protocol and is_stub(method))) and method.name not in defined:
                    lacking[method.name] = None
                defined.add(method.name)
        return tuple(lacking)

    def concrete_subclasses(self, found: Found) -> tuple[str, ...]:
        """Ids of the classes that stand in for an abstract class: by inheritance, or by shape for a protocol."""
        wanted = self._method_names(found) if is_protocol(found.item.node) else set()
        hits = []
        for item in self.classes:
            if item.id == found.id or is_protocol(item.item.node) or self.abstract_methods(item):
                continue
            line = self.bases(item)
            if any(above.id == found.id for above in line) or (wanted and wanted <= self._method_names(item)):
                hits.append(item.id)
        return tuple(hits)

    def _method_names(self, found: Found) -> set[str]:
        """Names of a class's methods, inherited ones included."""
        return {method.name for above in self.bases(found) for method in methods_of(above.item.node)}

    def _step(self, facts: ModuleFacts, head: str, tail: str) -> tuple[ModuleFacts, str] | None:
        """Follow the import of ``head`` one module further."""
        if head in facts.imported:
            module, name = facts.imported[head]
            return self._enter(module, ".".join(part for part in (name, tail) if part))
        for module, name in facts.imported.values():
            if name == "*" and module in self.modules and head in self.modules[module].names:
                return self.modules[module], f"{head}.{tail}" if tail else head
        return None

    def _enter(self, module: str, rest: str) -> tuple[ModuleFacts, str] | None:
        """The module of the longest importable prefix of ``module.rest``, and what is left."""
        parts = rest.split(".") if rest else []
        for size in range(len(parts) - 1, -1, -1):
            name = ".".join([module, *parts[:size]])
            if name in self.modules and parts[size:]:
                return self.modules[name], ".".join(parts[size:])
        return None

    def _parse(self, file: str) -> ModuleFacts | None:
        source = self._sources.get(file)
        if source is None:
            return None
        is_test = in_tests(self._project, file)
        names = names_of(self._project, file, set())
        module = module_of(self._project, file) or (names[0] if names else "")
        try:
            return ModuleFacts(file, module, source, parse(source), is_test)
        except SyntaxError:
            return None


def methods_of(node: Definition) -> Iterator[Function]:
    """The functions of a class body, conditional ones included."""
    if isinstance(node, ast.ClassDef):
        yield from (item for item in statements(node.body) if isinstance(item, Function))


def is_protocol(node: Definition) -> bool:
    """Whether a class is a ``typing.Protocol`` itself."""
    return isinstance(node, ast.ClassDef) and any(
        dotted_name(base).rpartition(".")[2] == "Protocol" for base in node.bases
    )
