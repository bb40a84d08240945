"""A target and its project -> everything that a generator may know of it."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property

from augment.analysis.examples import Examples, doctests_of, is_literal
from augment.analysis.facts import Found, ModuleFacts, ProjectFacts, is_protocol
from augment.analysis.flows import FlowFinder
from augment.analysis.model import Callee, CallForm, Parameter, ProjectType, TargetContext
from augment.analysis.neighbours import Neighbours
from augment.analysis.outside import main_guard_of, outside_of, overloads_of
from augment.analysis.signatures import (
    annotated_by,
    constructor_of,
    first_paragraph,
    parameters_of,
    signature_of,
    skeleton_of,
    type_of,
    types_reached,
)
from augment.analysis.source import (
    Definition,
    Function,
    decorator_names,
    dotted_name,
    read_source,
    statements,
)
from augment.analysis.targets import target_of
from augment.errors import ProjectError
from augment.records import CoverageReport, FileCoverage, Project, Snapshot, Target, merge_coverage

MAX_LITERALS = 80
MAX_LITERAL_TEXT = 200
MAX_CALLEES = 12


def project_sources(project: Project, snapshot: Snapshot) -> dict[str, str]:
    """The text of every Python file of the project, tests included; what cannot be read or decoded is left out."""
    read = ((file, read_source(project.root, file)) for file in snapshot.files if file.endswith(".py"))
    return {file: source for file, source in read if source is not None}


def build_context(
    project: Project, target: Target, sources: Mapping[str, str], coverage: CoverageReport | None = None
) -> TargetContext:
    """The context of one target. For many targets of one revision, keep a :class:`ContextBuilder`."""
    return ContextBuilder(project, sources, coverage).build(target)


class ContextBuilder:
    """Contexts of the targets of one revision; what is shared among them is worked out once.

    ``sources`` are the texts of the project's Python files, tests included. Without ``coverage`` nothing counts as
    uncovered.
    """

    def __init__(self, project: Project, sources: Mapping[str, str], coverage: CoverageReport | None = None) -> None:
        self._facts = ProjectFacts(project, sources)
        self._examples = Examples(self._facts)
        self._neighbours = Neighbours(self._facts)
        self._coverage = coverage
        self._steps: dict[str, TargetContext] = {}
        self._flows = FlowFinder(self._facts, self._step)

    def build(self, target: Target) -> TargetContext:
        """The context of ``target``. Raises ProjectError when the sources do not hold it."""
        return replace(self._without_flows(target), flows=self._flows.of(target.id))

    def _step(self, found: Found) -> TargetContext:
        """The context of a definition that a flow passes."""
        if found.id not in self._steps:
            target = target_of(found.item, found.facts.module, found.facts.file)
            self._steps[found.id] = self._without_flows(target)
        return self._steps[found.id]

    def _without_flows(self, target: Target) -> TargetContext:
        facts = self._facts.of_file(target.file)
        item = facts.defined.get(target.qualname) if facts else None
        if facts is None or item is None:
            raise ProjectError(f"{target.id} is not in {target.file} any more. Save the file, or rescan the project.")
        found = Found(facts, item)
        node, owner = item.node, self._owner(found)
        parameters = self._parameters(found, owner)
        local = types_reached(self._facts, found, parameters)
        if owner:
            local |= types_reached(self._facts, owner, [Parameter("", owner.item.qualname)])
        abstract_of = owner or (found if isinstance(node, ast.ClassDef) else None)
        lines, branches = self._uncovered(target)
        return TargetContext(
            target=target,
            source=textwrap.dedent(facts.text(target.lineno, target.end_lineno)),
            import_line=f"from {facts.module} import {target.qualname.partition('.')[0]}",
            call_name=target.qualname.removesuffix(".setter").removesuffix(".deleter"),
            class_skeleton=skeleton_of(owner) if owner else "",
            imports=tuple(_imports_used(facts, owner.item.node if owner else node)),
            module_names=facts.names,
            project_names=self._facts.public_names,
            callees=tuple(self._callees(found, owner))[:MAX_CALLEES],
            callers=self._examples.callers(target, found),
            concrete_subclasses=self._concrete(abstract_of),
            abstract_methods=self._facts.abstract_methods(abstract_of) if abstract_of else (),
            raises=tuple(self._raises(found)),
            literals=self._literals(found, parameters),
            doctests=doctests_of(ast.get_docstring(node)),
            uncovered_lines=lines,
            uncovered_branches=branches,
            test_style=self._examples.style_for(found),
            fixtures=self._examples.fixtures,
            is_async=target.is_async,
            parameters=parameters,
            form=form_of(node, owner is not None),
            owner=type_of(self._facts, owner, owner.item.qualname) if owner else self._own_type(found),
            types=tuple(local.values()),
            example_calls=self._examples.calls(target, found),
            outside=outside_of(self._facts, found, owner),
            main_guard=main_guard_of(facts, target.qualname),
            neighbours=self._neighbours.of(found, owner),
        )

    def _owner(self, found: Found) -> Found | None:
        """The class around a method."""
        if found.item.owner is None:
            return None
        qualname = found.item.qualname.removesuffix(".setter").removesuffix(".deleter").rpartition(".")[0]
        return Found(found.facts, found.facts.defined[qualname]) if qualname in found.facts.defined else None

    def _own_type(self, found: Found) -> ProjectType | None:
        is_class = isinstance(found.item.node, ast.ClassDef)
        return type_of(self._facts, found, found.item.qualname) if is_class else None

    def _parameters(self, found: Found, owner: Found | None) -> tuple[Parameter, ...]:
        node = found.item.node
        if isinstance(node, ast.ClassDef):
            return constructor_of(self._facts, found)
        bound = found.item.owner is not None and "staticmethod" not in decorator_names(node)
        declared = [parameters_of(item, bound=bound) for item in overloads_of(found.facts, found, owner)]
        return annotated_by(parameters_of(node, bound=bound), declared)

    def _concrete(self, found: Found | None) -> tuple[str, ...]:
        if found is None or not (self._facts.abstract_methods(found) or is_protocol(found.item.node)):
            return ()
        return self._facts.concrete_subclasses(found)

    def _callees(self, found: Found, owner: Found | None) -> Iterator[Callee]:
        seen = {found.id}
        for call in (node for node in ast.walk(found.item.node) if isinstance(node, ast.Call)):
            name = dotted_name(call.func)
            if owner and name.partition(".")[0] in ("self", "cls"):
                name = f"{owner.item.qualname}.{name.partition('.')[2]}"
            callee = self._facts.resolve(found.facts, name) if name else None
            if callee and callee.id not in seen:
                seen.add(callee.id)
                yield Callee(callee.id, signature_of(callee.item.node), first_paragraph(callee.item.node))

    def _raises(self, found: Found) -> list[str]:
        names: dict[str, None] = {}
        for node in ast.walk(found.item.node):
            name = dotted_name(node.exc) if isinstance(node, ast.Raise) and node.exc else ""
            error = self._facts.resolve(found.facts, name) if name else None
            if error and isinstance(error.item.node, ast.ClassDef):
                names[f"{error.facts.module}.{error.item.qualname}"] = None
            elif name and name.rpartition(".")[2][:1].isupper():
                names[name] = None
        return list(names)

    # ----- literals

    def _literals(self, found: Found, parameters: tuple[Parameter, ...]) -> tuple[str, ...]:
        """Compared values first: they decide which way the code goes."""
        node = found.item.node
        compared = [part for item in ast.walk(node) if isinstance(item, ast.Compare) for part in _parts(item)]
        patterns = [
            part for item in ast.walk(node) if isinstance(item, ast.match_case) for part in ast.walk(item.pattern)
        ]
        read = self._constants_read(found)
        nodes = [*compared, *patterns, *ast.walk(_without_docstring(node)), *read]
        texts = [ast.unparse(item) for item in nodes if _is_input(item)]
        texts += [parameter.default for parameter in parameters if parameter.default]
        return tuple(dict.fromkeys(text for text in texts if len(text) <= MAX_LITERAL_TEXT))[:MAX_LITERALS]

    def _constants_read(self, found: Found) -> list[ast.AST]:
        """The literals in the values of module constants that the target reads."""
        loaded = (item for item in ast.walk(found.item.node) if isinstance(item, ast.Name | ast.Attribute))
        names = dict.fromkeys(dotted_name(item) for item in loaded)
        values = (self._facts.resolve_value(found.facts, name) for name in names if name)
        return [part for value in values if value for part in ast.walk(value[1])]

    # ----- coverage

    @cached_property
    def _covered(self) -> dict[str, FileCoverage]:
        report = self._coverage or CoverageReport()
        return merge_coverage([*report.tests.values(), report.imports])

    def _uncovered(self, target: Target) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
        possible = self._coverage.possible.get(target.file) if self._coverage else None
        if possible is None:
            return (), ()
        left = possible - self._covered.get(target.file, FileCoverage())
        inside = range(target.lineno, target.end_lineno + 1)
        lines = tuple(sorted(line for line in left.lines if line in inside))
        return lines, tuple(sorted(branch for branch in left.branches if branch[0] in inside))


def form_of(node: Definition, is_method: bool) -> CallForm:
    """How a test reaches the definition."""
    if isinstance(node, ast.ClassDef):
        return CallForm.CLASS
    if not is_method:
        return CallForm.FUNCTION
    names = set(decorator_names(node))
    if names & {"property", "cached_property", "setter", "deleter"}:
        return CallForm.PROPERTY
    if "classmethod" in names:
        return CallForm.CLASS_METHOD
    return CallForm.STATIC_METHOD if "staticmethod" in names else CallForm.INSTANCE_METHOD


def _imports_used(facts: ModuleFacts, node: Definition) -> Iterator[str]:
    """The module's imports whose names the definition uses, absolute; those for type checkers only are left out."""
    used = {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}
    hidden = {
        id(inner)
        for item in facts.tree.body
        if isinstance(item, ast.If) and ast.unparse(item.test).endswith("TYPE_CHECKING")
        for inner in statements(item.body)
    }
    for statement in facts.import_nodes:
        if id(statement) in hidden:
            continue
        taken = [item for item in statement.names if (item.asname or item.name.partition(".")[0]) in used]
        names = ", ".join(ast.unparse(item) for item in taken)
        if isinstance(statement, ast.ImportFrom):
            star = any(item.name == "*" for item in statement.names)
            if (names or star) and statement.module != "__future__":
                yield f"from {facts.absolute(statement)} import {names or '*'}"
        elif names:
            yield f"import {names}"


def _parts(node: ast.Compare) -> list[ast.expr]:
    return [node.left, *node.comparators]


def _is_input(node: ast.AST) -> bool:
    """Whether a node is a literal that could be an input: no docstring, no ellipsis, no empty template part."""
    if not isinstance(node, ast.Constant | ast.UnaryOp | ast.List | ast.Tuple | ast.Dict | ast.Set):
        return False
    return is_literal(node) and not (isinstance(node, ast.Constant) and node.value is ...)


def _without_docstring(node: Definition) -> ast.Module:
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    inner = [item for item in body if not isinstance(item, Function)] if isinstance(node, ast.ClassDef) else body
    return ast.Module(body=list(inner), type_ignores=[])
