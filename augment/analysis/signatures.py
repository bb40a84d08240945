"""Signatures, skeletons and constructors, read from syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import replace

from augment.analysis.facts import Found, ProjectFacts, is_protocol, methods_of
from augment.analysis.model import Parameter, ParameterKind, ProjectType, TypeKind
from augment.analysis.source import Function, decorator_names, dotted_name

MAX_TYPE_DEPTH = 3
"""How deep constructors of constructors are described."""


def parameters_of(node: Function, *, bound: bool) -> tuple[Parameter, ...]:
    """The parameters of a function; ``bound`` leaves out the first (``self`` or ``cls``)."""
    args = node.args
    plain = [*args.posonlyargs, *args.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(args.defaults)) + list(args.defaults)
    found = [
        _parameter(
            arg,
            default,
            ParameterKind.POSITIONAL_ONLY if index < len(args.posonlyargs) else ParameterKind.POSITIONAL_OR_KEYWORD,
        )
        for index, (arg, default) in enumerate(zip(plain, defaults, strict=True))
    ]
    if bound:
        found = found[1:]
    if args.vararg:
        found.append(_parameter(args.vararg, None, ParameterKind.VAR_POSITIONAL))
    found += [
        _parameter(arg, default, ParameterKind.KEYWORD_ONLY)
        for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
    ]
    if args.kwarg:
        found.append(_parameter(args.kwarg, None, ParameterKind.VAR_KEYWORD))
    return tuple(found)


def annotated_by(
    parameters: tuple[Parameter, ...], overloads: Iterable[tuple[Parameter, ...]]
) -> tuple[Parameter, ...]:
    """``parameters``, those without an annotation with all that the ``overloads`` give them."""
    found: dict[str, dict[str, None]] = {}
    for overload in overloads:
        for parameter in overload:
            if parameter.annotation:
                found.setdefault(parameter.name, {})[parameter.annotation] = None
    return tuple(
        item if item.annotation or item.name not in found else replace(item, annotation=" | ".join(found[item.name]))
        for item in parameters
    )


def signature_of(node: Function | ast.ClassDef, name: str = "") -> str:
    """``def name(...) -> type`` in one line; for a class, the class with its constructor's parameters."""
    if isinstance(node, ast.ClassDef):
        init = next((item for item in methods_of(node) if item.name == "__init__"), None)
        inner = _arguments(init, bound=True) if init else ""
        return f"class {name or node.name}({inner})"
    prefix = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{prefix} {name or node.name}({ast.unparse(node.args)}){returns}"


def first_paragraph(node: ast.AST) -> str:
    """The first paragraph of a docstring in one line, '' without one."""
    if not isinstance(node, Function | ast.ClassDef | ast.Module):
        return ""
    return " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())


def skeleton_of(found: Found) -> str:
    """A class without bodies: its line, the docstring's first paragraph, fields, ``__init__`` in full, signatures."""
    node = found.item.node
    if not isinstance(node, ast.ClassDef):
        return ""
    heads = [ast.unparse(base) for base in node.bases] + [ast.unparse(word) for word in node.keywords]
    lines = [*(f"@{ast.unparse(item)}" for item in node.decorator_list)]
    lines.append(f"class {node.name}({', '.join(heads)}):" if heads else f"class {node.name}:")
    doc = first_paragraph(node)
    if doc:
        lines.append(f'    """{doc}"""')
    lines += [f"    {ast.unparse(item)}" for item in node.body if isinstance(item, ast.Assign | ast.AnnAssign)]
    for method in methods_of(node):
        if method.name == "__init__":
            lines += [f"    {line}" for line in ast.unparse(method).split("\n")]
        else:
            lines += [f"    @{ast.unparse(item)}" for item in method.decorator_list]
            lines.append(f"    {signature_of(method)}: ...")
    return "\n".join(lines)


def type_of(facts: ProjectFacts, found: Found, name: str) -> ProjectType:
    """How to make an instance of a class of the project; ``name`` is how the annotation spells it."""
    node = found.item.node
    line = facts.bases(found)
    outside = {dotted_name(base).rpartition(".")[2] for item in line for base in _base_nodes(item)}
    kind, members = TypeKind.PLAIN, tuple[str, ...]()
    if any(base.endswith(("Enum", "Flag")) for base in outside):
        kind, members = TypeKind.ENUM, _enum_members(node)
    elif "TypedDict" in outside:
        kind = TypeKind.TYPED_DICT
    elif facts.abstract_methods(found) or is_protocol(node):
        kind = TypeKind.ABSTRACT
    is_abstract = kind is TypeKind.ABSTRACT
    return ProjectType(
        name,
        found.facts.module,
        found.item.qualname,
        kind,
        constructor_of(facts, found),
        members,
        concrete=facts.concrete_subclasses(found) if is_abstract else (),
        skeleton=skeleton_of(found) if is_abstract else "",
        abstract=facts.abstract_methods(found) if is_abstract else (),
        checks="\n\n".join(_checks_of(line)),
    )


def constructor_of(facts: ProjectFacts, found: Found) -> tuple[Parameter, ...]:
    """What calling the class takes: ``__init__`` or ``__new__`` of the nearest base that has one, or its fields."""
    line = facts.bases(found)
    for item in line:
        for method in methods_of(item.item.node):
            if method.name in ("__init__", "__new__"):
                return parameters_of(method, bound=True)
        listed = [field for base in _base_nodes(item) for field in _namedtuple_fields(item, base)]
        if listed:
            return tuple(listed)
        if _has_fields(item):
            fields: dict[str, Parameter] = {}
            for above in reversed(facts.bases(item)):
                fields |= {parameter.name: parameter for parameter in _fields_of(above)}
            return tuple(fields.values())
    return ()


def types_reached(
    facts: ProjectFacts, start: Found, parameters: Iterable[Parameter], depth: int = MAX_TYPE_DEPTH
) -> dict[str, ProjectType]:
    """The project's types that the annotations name, and those that their constructors name in turn."""
    reached: dict[str, ProjectType] = {}
    for parameter in parameters:
        for name in annotation_names(parameter.annotation):
            if name not in reached:
                reached |= _reach(facts, start, name, depth)
    return reached


def annotation_names(annotation: str) -> list[str]:
    """The dotted names in an annotation, those in quoted parts included."""
    try:
        tree = ast.parse(annotation, mode="eval") if annotation else None
    except SyntaxError:
        return []
    names: list[str] = []
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            names += annotation_names(node.value) if node.value != annotation else []
        elif isinstance(node, ast.Name | ast.Attribute):
            names.append(dotted_name(node))
    return list(dict.fromkeys(name for name in names if name))


# --------------------------------------------------------------------------- internals


def _checks_of(line: Iterable[Found]) -> Iterator[str]:
    """The methods that make an instance, of a class and of its bases."""
    for found in line:
        for method in methods_of(found.item.node):
            if method.name in ("__init__", "__post_init__"):
                yield ast.unparse(method)


def _reach(facts: ProjectFacts, start: Found, name: str, depth: int) -> dict[str, ProjectType]:
    if depth <= 0:
        return {}
    found = facts.resolve(start.facts, name)
    if found is not None and isinstance(found.item.node, ast.ClassDef):
        made = type_of(facts, found, name)
        reached = {name: made} | types_reached(facts, found, made.parameters, depth - 1)
        for concrete in made.concrete[:2]:
            reached |= _reach_id(facts, concrete, depth - 1)
        return reached
    value = facts.resolve_value(start.facts, name) if found is None else None
    if value is None:
        return {}
    alias = _alias_text(value[1])
    made = ProjectType(name, value[0].module, name, TypeKind.ALIAS, alias=alias)
    return {name: made} | types_reached(facts, start, [Parameter("", alias)], depth - 1)


def _reach_id(facts: ProjectFacts, target: str, depth: int) -> dict[str, ProjectType]:
    """The class with this id, known by its id since no annotation spells it."""
    module, _, qualname = target.partition(":")
    found = facts.resolve(facts.modules[module], qualname)
    if found is None or depth <= 0:
        return {}
    made = type_of(facts, found, target)
    return {target: made} | types_reached(facts, found, made.parameters, depth - 1)


def _alias_text(value: ast.expr) -> str:
    """What a type alias, ``NewType`` or ``TypeVar`` stands for, as an annotation."""
    if isinstance(value, ast.Call) and dotted_name(value).endswith("NewType") and len(value.args) == 2:
        return ast.unparse(value.args[1])
    if isinstance(value, ast.Call) and dotted_name(value).endswith("TypeVar"):
        bounds = [word.value for word in value.keywords if word.arg == "bound"]
        return ast.unparse((*bounds, *value.args[1:])[0]) if bounds or len(value.args) > 1 else ""
    return ast.unparse(value)


def _parameter(arg: ast.arg, default: ast.expr | None, kind: ParameterKind) -> Parameter:
    annotation = ast.unparse(arg.annotation) if arg.annotation else ""
    if isinstance(arg.annotation, ast.Constant) and isinstance(arg.annotation.value, str):
        annotation = arg.annotation.value
    return Parameter(arg.arg, annotation, ast.unparse(default) if default else None, kind)


def _arguments(node: Function, *, bound: bool) -> str:
    text = ast.unparse(node.args)
    return text.partition(",")[2].strip() if bound else text


def _base_nodes(found: Found) -> list[ast.expr]:
    return found.item.node.bases if isinstance(found.item.node, ast.ClassDef) else []


def _enum_members(node: ast.AST) -> tuple[str, ...]:
    body = node.body if isinstance(node, ast.ClassDef) else []
    names = [
        item.id for part in body if isinstance(part, ast.Assign) for item in part.targets if isinstance(item, ast.Name)
    ]
    return tuple(name for name in names if not name.startswith("_"))


def _has_fields(found: Found) -> bool:
    bases = {dotted_name(base).rpartition(".")[2] for base in _base_nodes(found)}
    decorators = set(decorator_names(found.item.node))
    return bool(
        decorators & {"dataclass", "define", "frozen", "attrs"} or bases & {"NamedTuple", "TypedDict", "BaseModel"}
    )


def _namedtuple_fields(found: Found, base: ast.expr) -> list[Parameter]:
    """The fields of a base made by calling ``namedtuple``, in place or under a name of its own."""
    if isinstance(base, ast.Name) and base.id in found.facts.assigned:
        base = found.facts.assigned[base.id]
    if not isinstance(base, ast.Call) or not dotted_name(base).endswith("namedtuple") or len(base.args) < 2:
        return []
    try:
        names = ast.literal_eval(base.args[1])
    except ValueError:
        return []
    words = names.replace(",", " ").split() if isinstance(names, str) else list(names)
    return [Parameter(str(word)) for word in words]


def _fields_of(found: Found) -> list[Parameter]:
    body = found.item.node.body if isinstance(found.item.node, ast.ClassDef) else []
    fields = []
    for item in body:
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
            continue
        annotation = ast.unparse(item.annotation)
        default = _field_default(item.value)
        if "ClassVar" not in annotation and default is not None:
            fields.append(Parameter(item.target.id, annotation, default or None))
    return fields


def _field_default(value: ast.expr | None) -> str | None:
    """The default as an expression, '' without one, None for a field that the constructor does not take."""
    if not isinstance(value, ast.Call) or dotted_name(value).rpartition(".")[2].lower() != "field":
        return ast.unparse(value) if value else ""
    words = {word.arg: word.value for word in value.keywords}
    if "init" in words and ast.unparse(words["init"]) == "False":
        return None
    if "default" in words:
        return ast.unparse(words["default"])
    return f"{ast.unparse(words['default_factory'])}()" if "default_factory" in words else ""
