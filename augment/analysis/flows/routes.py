"""Web applications of Flask, FastAPI and Starlette: their objects and factories, and the routes that they answer."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from augment.analysis.facts import Found, ModuleFacts, ProjectFacts
from augment.analysis.flows.callgraph import CallGraph
from augment.analysis.flows.commands import meaning_of
from augment.analysis.flows.model import BodyKind, RequestField, Route, WebApplication
from augment.analysis.model import TargetContext
from augment.analysis.signatures import constructor_of
from augment.analysis.source import Function, dotted_name, statements

METHODS = ("get", "post", "put", "patch", "delete")
_APPLICATIONS = {
    "flask.Flask": "flask",
    "fastapi.FastAPI": "fastapi",
    "fastapi.applications.FastAPI": "fastapi",
    "starlette.applications.Starlette": "starlette",
}
_PARTS = {"flask.Blueprint": "url_prefix", "fastapi.APIRouter": "prefix", "fastapi.routing.APIRouter": "prefix"}
_PARAMETER = re.compile(r"<(?:(?P<flask>\w+)(?:\([^)]*\))?:)?(?P<name>\w+)>")
_CONVERTERS = {"int": "int", "float": "float", "uuid": "UUID", "path": "str", "string": "str", "": "str"}
_BRACED = re.compile(r"{(\w+)(?::\w+)?}")
_MARKERS = frozenset({"Query", "Path", "Body", "Form", "Header", "Cookie", "Depends", "Security", "File"})
_GIVEN = frozenset(
    {"Request", "Response", "WebSocket", "BackgroundTasks", "HTTPConnection", "UploadFile", "SecurityScopes"}
)

Contexts = Callable[[Found], TargetContext]


@dataclass(slots=True)
class _Part:
    """An application or a part of one, with the prefix of its addresses and what it was added to."""

    key: str
    framework: str
    application: WebApplication | None
    prefix: str = ""
    parent: str = ""


@dataclass(frozen=True, slots=True)
class FoundRoute:
    """A route as it is written: which part it belongs to, and its handler."""

    part: str
    found: Found
    handler: Function
    method: str
    path: str


class Routes:
    """The web applications of a project. ``contexts`` makes the context of a definition, None where it cannot."""

    def __init__(self, facts: ProjectFacts, graph: CallGraph, contexts: Contexts) -> None:
        self._facts, self._graph, self._contexts = facts, graph, contexts
        self._parts: dict[str, _Part] = {}

    def find(self) -> Iterator[tuple[WebApplication, Route, Found]]:
        """Every route with the application that answers it, and the definition that holds its handler."""
        relevant = [facts for facts in self._facts.modules.values() if _is_web(facts)]
        for facts in relevant:
            self._read_parts(facts)
        for facts in self._facts.modules.values() if self._parts else ():
            self._attach(facts)
        for facts in relevant if self._parts else ():
            for found in self._written(facts):
                application, prefix = self._root(found.part)
                route = self._route(found, prefix) if application else None
                if application is not None and route is not None:
                    yield application, route, found.found

    # ----- applications

    def _read_parts(self, facts: ModuleFacts) -> None:
        for name, value in facts.assigned.items():
            self._part(facts, name, value, None)
        for item in facts.defined.values():
            if isinstance(item.node, Function) and item.owner is None:
                for statement in statements(item.node.body):
                    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                        self._part(facts, statement.targets[0].id, statement.value, Found(facts, item))

    def _part(self, facts: ModuleFacts, name: str, value: ast.expr, factory: Found | None) -> None:
        if not isinstance(value, ast.Call):
            return
        key = f"{facts.module}.{factory.item.qualname}.{name}" if factory else f"{facts.module}.{name}"
        meaning = meaning_of(facts, value.func)
        if meaning in _APPLICATIONS:
            if factory is None:
                application = WebApplication(_APPLICATIONS[meaning], facts.module, name, None, _has_lifespan(facts))
            elif not _returns(factory, name):
                return
            else:
                context = self._contexts(factory)
                name_of = factory.item.qualname
                application = WebApplication(
                    _APPLICATIONS[meaning], facts.module, name_of, context, _has_lifespan(facts)
                )
            self._parts[key] = _Part(key, application.framework, application)
        elif meaning in _PARTS:
            words = {word.arg: word.value for word in value.keywords}
            self._parts[key] = _Part(key, meaning.partition(".")[0], None, _string(words.get(_PARTS[meaning])))

    def _attach(self, facts: ModuleFacts) -> None:
        """Follow ``register_blueprint`` and ``include_router``, at module level and in functions."""
        for statement, scope in _with_scopes(facts):
            for call in (item for item in ast.walk(statement) if isinstance(item, ast.Call)):
                if not isinstance(call.func, ast.Attribute) or not call.args:
                    continue
                if call.func.attr in ("register_blueprint", "include_router"):
                    self._join(facts, scope, call)

    def _join(self, facts: ModuleFacts, scope: str, call: ast.Call) -> None:
        assert isinstance(call.func, ast.Attribute)
        parent = self._key(facts, scope, dotted_name(call.func.value))
        child = self._parts.get(self._key(facts, scope, dotted_name(call.args[0])) or "")
        if child is None:
            return
        words = {word.arg: word.value for word in call.keywords}
        given = _string(words.get("url_prefix")) or _string(words.get("prefix"))
        if child.framework == "flask":
            child.prefix = given or child.prefix
        else:
            child.prefix = given + child.prefix
        child.parent = parent or self._only_application()

    def _only_application(self) -> str:
        """Where a helper registers parts on an application that it was given: the one that there is."""
        keys = [part.key for part in self._parts.values() if part.application is not None]
        return keys[0] if len(keys) == 1 else ""

    def _key(self, facts: ModuleFacts, scope: str, name: str) -> str | None:
        for key in (f"{facts.module}.{scope}.{name}" if scope else "", f"{facts.module}.{name}"):
            if key in self._parts:
                return key
        module, taken = self._imported(facts, scope, name)
        value = self._graph.value(facts, name)
        if value is not None:
            return _known(self._parts, value.path)
        return _known(self._parts, f"{module}.{taken}")

    def _imported(self, facts: ModuleFacts, scope: str, name: str) -> tuple[str, str]:
        """What a name means that is imported inside a factory."""
        head, _, tail = name.partition(".")
        function = facts.defined.get(scope)
        for item in ast.walk(function.node) if function else ():
            if isinstance(item, ast.ImportFrom):
                for alias in item.names:
                    if (alias.asname or alias.name) == head:
                        base = facts.absolute(item)
                        return (f"{base}.{alias.name}", tail) if tail else (base, alias.name)
        return "", ""

    def _root(self, key: str) -> tuple[WebApplication | None, str]:
        prefix = ""
        for _ in range(5):
            part = self._parts.get(key)
            if part is None:
                return None, ""
            prefix = part.prefix + prefix
            if part.application is not None:
                return part.application, prefix
            key = part.parent
        return None, ""

    # ----- routes

    def _written(self, facts: ModuleFacts) -> Iterator[FoundRoute]:
        for item in facts.defined.values():
            if not isinstance(item.node, Function) or item.owner is not None:
                continue
            found = Found(facts, item)
            yield from self._decorated(found, item.node, "")
            for inner in (part for part in ast.walk(item.node) if isinstance(part, Function) and part is not item.node):
                yield from self._decorated(found, inner, item.qualname)

    def _decorated(self, found: Found, handler: Function, scope: str) -> Iterator[FoundRoute]:
        for decorator in handler.decorator_list:
            if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
                continue
            last = decorator.func.attr
            if last not in (*METHODS, "route", "api_route"):
                continue
            part = self._key(found.facts, scope, dotted_name(decorator.func.value))
            words = {word.arg: word.value for word in decorator.keywords}
            path = _string(decorator.args[0]) if decorator.args else _string(words.get("path") or words.get("rule"))
            if part is not None:
                for method in [last] if last in METHODS else _methods(words.get("methods")):
                    yield FoundRoute(part, found, handler, method, path)

    def _route(self, found: FoundRoute, prefix: str) -> Route | None:
        context = self._contexts(found.found)
        if context is None:
            return None
        is_flask = self._parts[found.part].framework == "flask"
        path = f"{prefix}{found.path}" or "/"
        annotations = {arg.arg: ast.unparse(arg.annotation) for arg in found.handler.args.args if arg.annotation}
        names = [
            RequestField(match["name"], _CONVERTERS.get(match["flask"] or "", "str"))
            for match in _PARAMETER.finditer(path)
        ] or [RequestField(name, annotations.get(name, "str")) for name in _BRACED.findall(path)]
        plain = _BRACED.sub(r"{\1}", _PARAMETER.sub(r"{\g<name>}", path))
        framework = "flask" if is_flask else "starlette"
        route = Route(found.method, plain, found.handler.name, context, tuple(names), framework=framework)
        return _read_by_flask(route, found.handler) if is_flask else self._declared(route, found)

    def _declared(self, route: Route, found: FoundRoute) -> Route | None:
        """What FastAPI takes from the handler's signature."""
        args = found.handler.args
        plain = [*args.posonlyargs, *args.args]
        defaults = [None] * (len(plain) - len(args.defaults)) + list(args.defaults)
        in_path = {item.name for item in route.parameters}
        query: list[RequestField] = []
        pairs = [*zip(plain, defaults, strict=True), *zip(args.kwonlyargs, args.kw_defaults, strict=True)]
        for arg, default in pairs:
            annotation, marker = _marked(self._unaliased(found.found.facts, arg.annotation), default)
            if arg.arg in in_path or marker in ("Depends", "Security", "Header", "Cookie", "Path"):
                continue
            if annotation.rpartition(".")[2] in _GIVEN or marker == "File":
                continue
            shape = self._graph.shape(found.found.facts, annotation)
            model = self._graph.functions.get(shape.id) if shape else None
            required = default is None or ast.unparse(default).endswith("(...)")
            if model is not None and shape is not None and _is_model(self._facts, model):
                fields = tuple(
                    RequestField(item.name, item.annotation, item.required)
                    for item in constructor_of(self._facts, model)
                )
                route = replace(route, kind=BodyKind.JSON, body=fields, body_is_list=shape.many)
            elif marker in ("Form", "Body"):
                kind = BodyKind.FORM if marker == "Form" else BodyKind.JSON
                route = replace(route, kind=kind, body=(*route.body, RequestField(arg.arg, annotation, required)))
            else:
                query.append(RequestField(arg.arg, annotation, required))
        return replace(route, query=tuple(query))

    def _unaliased(self, facts: ModuleFacts, annotation: ast.expr | None) -> ast.expr | None:
        """An annotation, with the alias that it is replaced by what it stands for."""
        value = self._graph.value(facts, dotted_name(annotation)) if isinstance(annotation, ast.Name) else None
        return value.expression if value is not None and isinstance(value.expression, ast.Subscript) else annotation


def _read_by_flask(route: Route, handler: Function) -> Route:
    """The parts of a request that a Flask handler reads."""
    json_names = {"request.json", "request.get_json()", "request.get_json(force=True)", "request.get_json(silent=True)"}
    held: dict[str, str] = {}
    for item in ast.walk(handler):
        if isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Name):
            text = ast.unparse(item.value).partition(" or ")[0].strip("(")
            if text in json_names or text in ("request.args", "request.form"):
                held[item.targets[0].id] = text
    found: dict[str, dict[str, RequestField]] = {"json": {}, "args": {}, "form": {}}
    for item in sorted((part for part in ast.walk(handler) if hasattr(part, "lineno")), key=_place):
        read = _key_read(item)
        if read is not None:
            source, name, required, kind = read
            text = held.get(source, source)
            where = "json" if "json" in text else text.rpartition(".")[2]
            if text in json_names or text in ("request.args", "request.form"):
                found[where].setdefault(name, RequestField(name, kind, required))
    uses_json = bool(found["json"]) or "request.json" in ast.unparse(handler) or "get_json" in ast.unparse(handler)
    kind = BodyKind.JSON if uses_json else BodyKind.FORM if found["form"] else BodyKind.NONE
    body = tuple(found["json" if uses_json else "form"].values())
    return replace(route, query=tuple(found["args"].values()), kind=kind, body=body)


def _key_read(node: ast.AST) -> tuple[str, str, bool, str] | None:
    """(what is read, key, whether it has to be there, type) of ``data["x"]``, ``data.get("x")`` and ``"x" in data``."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and _string(node.slice):
        return ast.unparse(node.value), _string(node.slice), True, ""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
        words = {word.arg: word.value for word in node.keywords}
        kind = dotted_name(words["type"]) if "type" in words else ""
        if not kind and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            kind = type(node.args[1].value).__name__ if node.args[1].value not in (None, "") else ""
        name = _string(node.args[0])
        return (ast.unparse(node.func.value), name, False, kind) if name else None
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn) and _string(node.left):
        return ast.unparse(node.comparators[0]), _string(node.left), True, ""
    return None


def _place(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _is_web(facts: ModuleFacts) -> bool:
    return any(module.partition(".")[0] in ("flask", "fastapi", "starlette") for module, _ in facts.imported.values())


def _with_scopes(facts: ModuleFacts) -> Iterator[tuple[ast.stmt, str]]:
    for statement in facts.tree.body:
        yield statement, statement.name if isinstance(statement, Function) else ""


def _has_lifespan(facts: ModuleFacts) -> bool:
    return "lifespan=" in facts.source or ".on_event(" in facts.source


def _known(parts: dict[str, _Part], key: str) -> str | None:
    return key if key in parts else None


def _returns(factory: Found, name: str) -> bool:
    returned = [item.value for item in ast.walk(factory.item.node) if isinstance(item, ast.Return)]
    return any(isinstance(value, ast.Name) and value.id == name for value in returned)


def _methods(node: ast.expr | None) -> list[str]:
    items = node.elts if isinstance(node, ast.List | ast.Tuple | ast.Set) else []
    return [text for item in items if (text := _string(item).lower()) in METHODS] or ["get"]


def _marked(annotation: ast.expr | None, default: ast.expr | None) -> tuple[str, str]:
    """The plain type of a parameter, and FastAPI's marker for where it comes from ('' for none)."""
    marker = dotted_name(default.func).rpartition(".")[2] if isinstance(default, ast.Call) else ""
    if isinstance(annotation, ast.Subscript) and dotted_name(annotation.value).rpartition(".")[2] == "Annotated":
        parts = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        named = [dotted_name(part).rpartition(".")[2] for part in parts[1:]]
        marker = next((name for name in named if name in _MARKERS), marker)
        annotation = parts[0]
    return ast.unparse(annotation) if annotation is not None else "", marker if marker in _MARKERS else ""


def _is_model(facts: ProjectFacts, model: Found) -> bool:
    if not isinstance(model.item.node, ast.ClassDef):
        return False
    bases = [dotted_name(base) for above in facts.bases(model) for base in getattr(above.item.node, "bases", [])]
    decorated = any("dataclass" in ast.unparse(item) for item in model.item.node.decorator_list)
    return decorated or any(base.rpartition(".")[2] in ("BaseModel", "SQLModel", "TypedDict") for base in bases)


def _string(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
