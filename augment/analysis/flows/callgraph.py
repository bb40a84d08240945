"""Who calls whom across the modules of a project, as far as names, annotations and assignments tell."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from augment.analysis.facts import Found, ModuleFacts, ProjectFacts, methods_of
from augment.analysis.signatures import annotation_names
from augment.analysis.source import Function, decorator_names, dotted_name, statements

MAX_REACH = 60
"""Functions that one flow is followed through; more say nothing that these do not."""
_CONTAINERS = frozenset(
    {"list", "List", "tuple", "Tuple", "set", "Set", "Sequence", "Iterable", "Iterator", "Collection", "Generator"}
)
_WRAPPERS = frozenset({"Optional", "Annotated", "Awaitable", "Coroutine", "Union"})


@dataclass(frozen=True, slots=True)
class Shape:
    """The project's class that an annotation means, alone or as the items of a container."""

    id: str
    many: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A name at module level with what it was given. ``home`` is the module that defines it."""

    home: ModuleFacts
    name: str
    expression: ast.expr

    @property
    def path(self) -> str:
        """``module.name``."""
        return f"{self.home.module}.{self.name}"


class CallGraph:
    """The calls between the functions, methods and classes of a project by id. Built when first asked."""

    def __init__(self, facts: ProjectFacts) -> None:
        self._facts = facts
        self._bodies: dict[str, tuple[str, ...]] = {}
        self._attributes: dict[str, dict[str, str]] = {}
        self._nodes: dict[ast.AST, list[ast.AST]] = {}
        self._followed: set[str] = set()

    @cached_property
    def functions(self) -> dict[str, Found]:
        """Every function, method and class of the project by id, tests left out."""
        return {
            f"{module}:{item.qualname}": Found(facts, item)
            for module, facts in self._facts.modules.items()
            for item in facts.defined.values()
        }

    def nodes(self, node: ast.AST) -> list[ast.AST]:
        """Every node in a piece of code, kept: most code is looked at several times."""
        if node not in self._nodes:
            self._nodes[node] = list(ast.walk(node))
        return self._nodes[node]

    def calls(self, target: str) -> tuple[str, ...]:
        """Ids of what ``target`` calls directly; of what its methods call for a class."""
        if target not in self._bodies:
            self._bodies[target] = ()  # a class that is its own callee must end
            found = self.functions.get(target)
            self._bodies[target] = tuple(dict.fromkeys(self._calls_of(found))) if found else ()
        return self._bodies[target]

    def reached(self, *targets: str) -> tuple[str, ...]:
        """Ids of what ``targets`` call, directly and through others; the targets themselves first."""
        seen = dict.fromkeys(targets)
        waiting = deque(targets)
        while waiting and len(seen) < MAX_REACH:
            for callee in self.calls(waiting.popleft()):
                if callee not in seen:
                    seen[callee] = None
                    waiting.append(callee)
        return tuple(seen)

    def modules(self, *targets: str) -> tuple[str, ...]:
        """The modules of what ``targets`` reach."""
        return tuple(dict.fromkeys(target.partition(":")[0] for target in self.reached(*targets)))

    # ----- types

    def shape(self, facts: ModuleFacts, annotation: str) -> Shape | None:
        """The project's class that an annotation means; None for several, or for none."""
        try:
            node = ast.parse(annotation, mode="eval").body if annotation else None
        except SyntaxError:
            return None
        return self._shape(facts, node) if node is not None else None

    def shape_of(self, facts: ModuleFacts, annotation: ast.expr) -> Shape | None:
        """The same of an annotation as a syntax tree."""
        return self._shape(facts, annotation)

    def returned(self, found: Found) -> Shape | None:
        """What calling a function or class of the project gives."""
        node = found.item.node
        if isinstance(node, ast.ClassDef):
            return Shape(found.id)
        if node.returns is None:
            return self._returned_by_body(found, node)
        text = ast.unparse(node.returns).strip("'\"")
        if text.rpartition(".")[2] == "Self" and found.item.owner is not None:
            return Shape(f"{found.facts.module}:{found.item.qualname.rpartition('.')[0]}")
        return self.shape(found.facts, text)

    def method(self, owner: str, name: str) -> str | None:
        """The id of a method of a class, also when a base defines it."""
        found = self.functions.get(owner)
        if found is None or not isinstance(found.item.node, ast.ClassDef):
            return None
        for above in self._facts.bases(found):
            if any(method.name == name for method in methods_of(above.item.node)):
                return f"{above.id}.{name}"
        return None

    def scope(self, facts: ModuleFacts, node: ast.AST, owner: str = "") -> Scope:
        """What the local names of a function mean."""
        return Scope(self, facts, node, owner)

    def attribute(self, owner: str, name: str) -> str | None:
        """The class of an attribute of instances of ``owner``: from its fields, its annotations, its ``__init__``."""
        if owner not in self._attributes:
            self._attributes[owner] = {}
            self._attributes[owner] = self._read_attributes(owner)
        return self._attributes[owner].get(name)

    def resolve(self, facts: ModuleFacts, name: str) -> Found | None:
        """What a dotted name means in a module."""
        return self._facts.resolve(facts, name) if name else None

    def value(self, facts: ModuleFacts, name: str) -> Named | None:
        """The module-level value that a name means, in the module that defines it."""
        found = self._facts.resolve_value(facts, name) if name else None
        if found is None:
            return None
        home, expression = found
        own = next((key for key, item in home.assigned.items() if item is expression), name)
        return Named(home, own, expression)

    # ----- internals

    def _shape(self, facts: ModuleFacts, node: ast.expr) -> Shape | None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self.shape(facts, node.value)
        if isinstance(node, ast.BinOp):
            return self._only(facts, [node.left, node.right])
        if isinstance(node, ast.Subscript):
            head = dotted_name(node.value).rpartition(".")[2]
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            if head in _WRAPPERS:
                return self._only(facts, parts)
            inner = self._only(facts, parts) if head in _CONTAINERS else None
            return Shape(inner.id, many=True) if inner else None
        value = self.value(facts, dotted_name(node))
        if value is not None and isinstance(value.expression, ast.Subscript):
            return self._aliased(value)
        found = self.resolve(facts, dotted_name(node))
        return Shape(found.id) if found and isinstance(found.item.node, ast.ClassDef) else None

    def _aliased(self, value: Named) -> Shape | None:
        """What a type alias stands for; one that names itself stands for no class."""
        if value.path in self._followed:
            return None
        self._followed.add(value.path)
        try:
            return self._shape(value.home, value.expression)
        finally:
            self._followed.discard(value.path)

    def _only(self, facts: ModuleFacts, nodes: list[ast.expr]) -> Shape | None:
        shapes = {shape for node in nodes if (shape := self._shape(facts, node)) is not None}
        return shapes.pop() if len(shapes) == 1 else None

    def _returned_by_body(self, found: Found, node: Function) -> Shape | None:
        """What a function without annotation returns, where it says so by returning a class's call."""
        for item in ast.walk(node):
            if isinstance(item, ast.Return) and isinstance(item.value, ast.Call):
                made = self.resolve(found.facts, dotted_name(item.value.func))
                if made is not None and isinstance(made.item.node, ast.ClassDef):
                    return Shape(made.id)
        return None

    def _read_attributes(self, owner: str) -> dict[str, str]:
        found = self.functions.get(owner)
        attributes: dict[str, str] = {}
        for above in reversed(self._facts.bases(found)) if found else ():
            node = above.item.node
            for item in node.body:
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    shape = self.shape(above.facts, ast.unparse(item.annotation))
                    attributes |= {item.target.id: shape.id} if shape else {}
            for method in methods_of(node):
                if method.name == "__init__":
                    attributes |= self._assigned_to_self(above, method)
                elif "property" in decorator_names(method) and (shape := self.returned(_method(above, method))):
                    attributes[method.name] = shape.id
        return attributes

    def _assigned_to_self(self, above: Found, method: Function) -> dict[str, str]:
        scope = self.scope(above.facts, method, above.id)
        found: dict[str, str] = {}
        for item in statements(method.body):
            if not isinstance(item, ast.Assign | ast.AnnAssign) or item.value is None:
                continue
            kind = scope.type_of(item.value)
            for target in item.targets if isinstance(item, ast.Assign) else [item.target]:
                if kind and isinstance(target, ast.Attribute) and dotted_name(target.value) == "self":
                    found[target.attr] = kind
        return found

    def _calls_of(self, found: Found) -> Iterator[str]:
        node = found.item.node
        if isinstance(node, ast.ClassDef):
            for method in methods_of(node):
                if method.name in ("__init__", "__post_init__", "__new__", "__enter__"):
                    yield f"{found.id}.{method.name}"
            return
        owner = f"{found.facts.module}:{_owner_name(found)}" if found.item.owner else ""
        scope = self.scope(found.facts, node, owner)
        for item in self.nodes(node):
            if isinstance(item, ast.Call):
                yield from scope.callees(item)
            elif isinstance(item, ast.Attribute) and isinstance(item.ctx, ast.Load):
                read = scope.property_read(item)
                if read:
                    yield read
        for annotation in (
            item.annotation for item in self.nodes(node) if isinstance(item, ast.arg) and item.annotation
        ):
            yield from scope.injected(annotation)


class Scope:
    """The classes of the names in one function: parameters by annotation, locals by what is assigned to them."""

    def __init__(self, graph: CallGraph, facts: ModuleFacts, node: ast.AST, owner: str) -> None:
        self._graph, self._facts, self._owner = graph, facts, owner
        self._names: dict[str, str] = {}
        assigned: list[ast.Assign | ast.AnnAssign | ast.withitem] = []
        for item in graph.nodes(node):
            if isinstance(item, ast.arg) and item.annotation is not None:
                shape = graph.shape_of(facts, item.annotation)
                self._names |= {item.arg: shape.id} if shape and not shape.many else {}
            elif isinstance(item, ast.Assign | ast.AnnAssign | ast.withitem):
                assigned.append(item)
        if owner:
            self._names["self"] = owner
        for part in sorted(assigned, key=lambda item: getattr(item, "lineno", 0)):
            self._assign(part)

    def type_of(self, node: ast.expr) -> str | None:
        """The id of the project's class that an expression is an instance of; None where that cannot be told."""
        kind: str | None = None
        if isinstance(node, ast.Await):
            kind = self.type_of(node.value)
        elif isinstance(node, ast.BoolOp):
            kind = next((found for value in node.values if (found := self.type_of(value))), None)
        elif isinstance(node, ast.IfExp):
            kind = self.type_of(node.body) or self.type_of(node.orelse)
        elif isinstance(node, ast.Name):
            kind = self._names.get(node.id) or self._global(node.id)
        elif isinstance(node, ast.Attribute):
            owner = self.type_of(node.value)
            kind = self._graph.attribute(owner, node.attr) if owner else self._global(dotted_name(node))
        elif isinstance(node, ast.Call):
            kind = self._of_call(node)
        return kind

    def _of_call(self, node: ast.Call) -> str | None:
        called = self._graph.functions.get(self.callee(node) or "")
        shape = self._graph.returned(called) if called else None
        return shape.id if shape and not shape.many else None

    def callee(self, call: ast.Call) -> str | None:
        """The id of what a call means."""
        func = call.func
        if isinstance(func, ast.Attribute):
            owner = self.type_of(func.value)
            if owner:
                return self._graph.method(owner, func.attr)
        name = dotted_name(func)
        if name.startswith("cls.") and self._owner:
            return self._graph.method(self._owner, name.removeprefix("cls."))
        if name == "cls" and self._owner:
            return self._owner
        found = self._graph.resolve(self._facts, name)
        return found.id if found else None

    def callees(self, call: ast.Call) -> Iterator[str]:
        """What a call runs: the callee, and functions that it is handed to call."""
        callee = self.callee(call)
        if callee:
            yield callee
        for argument in call.args:
            handed = self._graph.resolve(self._facts, dotted_name(argument)) if isinstance(argument, ast.Name) else None
            if handed is not None and isinstance(handed.item.node, Function):
                yield handed.id

    def injected(self, annotation: ast.expr) -> Iterator[str]:
        """The functions that an annotation, or the alias that it is, has called: ``Annotated[X, Depends(make_x)]``."""
        value = self._graph.value(self._facts, dotted_name(annotation)) if isinstance(annotation, ast.Name) else None
        home = value.home if value else self._facts
        for item in ast.walk(value.expression if value else annotation):
            if isinstance(item, ast.Call) and dotted_name(item.func).rpartition(".")[2] == "Depends" and item.args:
                found = self._graph.resolve(home, dotted_name(item.args[0]))
                if found is not None:
                    yield found.id

    def property_read(self, node: ast.Attribute) -> str | None:
        """The id of the property that reading an attribute runs."""
        owner = self.type_of(node.value) if isinstance(node.value, ast.Name | ast.Attribute) else None
        method = self._graph.method(owner, node.attr) if owner else None
        found = self._graph.functions.get(method) if method else None
        return method if found and {"property", "cached_property"} & set(decorator_names(found.item.node)) else None

    def _global(self, name: str) -> str | None:
        value = self._graph.value(self._facts, name)
        if value is None or not isinstance(value.expression, ast.Call):
            return None
        made = self._graph.resolve(value.home, dotted_name(value.expression.func))
        shape = self._graph.returned(made) if made else None
        return shape.id if shape and not shape.many else None

    def _assign(self, item: ast.AST) -> None:
        if isinstance(item, ast.withitem):
            target, value = item.optional_vars, item.context_expr
        elif isinstance(item, ast.Assign):
            target, value = item.targets[0], item.value
        elif isinstance(item, ast.AnnAssign):
            self._annotated(item)
            return
        else:
            return
        if isinstance(target, ast.Name) and (kind := self.type_of(value)):
            self._names[target.id] = kind

    def _annotated(self, item: ast.AnnAssign) -> None:
        shape = self._graph.shape(self._facts, ast.unparse(item.annotation))
        if isinstance(item.target, ast.Name) and shape and not shape.many:
            self._names[item.target.id] = shape.id


def _owner_name(found: Found) -> str:
    return found.item.qualname.removesuffix(".setter").removesuffix(".deleter").rpartition(".")[0]


def _method(above: Found, method: Function) -> Found:
    return Found(above.facts, above.facts.defined[f"{above.item.qualname}.{method.name}"])


def annotated_with(annotation: str, *names: str) -> bool:
    """Whether an annotation names one of ``names`` (their last parts)."""
    return any(name.rpartition(".")[2] in names for name in annotation_names(annotation))
