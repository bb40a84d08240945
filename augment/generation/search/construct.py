"""Annotations and classes -> values: containers filled, project objects built through their constructors."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from augment.analysis import Parameter, ParameterKind, ProjectType, TargetContext, TypeKind
from augment.generation.search.guards import Guards
from augment.generation.search.values import (
    ALIASES,
    BY_TYPE,
    FILE_NAME,
    Value,
    literal,
    samples_for,
    type_by_name,
    unique,
)

MAX_DEPTH = 2
"""Objects within objects; deeper ones make tests that nobody reads."""
MAX_VALUES = 14
SEQUENCES = frozenset(
    {"list", "List", "Sequence", "Iterable", "Collection", "MutableSequence", "Iterator", "Generator", "deque"}
)
SETS = frozenset({"set", "Set", "frozenset", "FrozenSet", "AbstractSet", "MutableSet"})
MAPPINGS = frozenset({"dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict", "Counter"})
WRAPPERS = frozenset({"Annotated", "Final", "Required", "NotRequired", "ClassVar", "ReadOnly", "InitVar"})
WRONG_STARTS = {
    "str": ("[", "{", "(", *"-0123456789", "None", "True", "False"),
    "list": ("'", '"'),
    "int": ("'", '"', "["),
    "float": ("'", '"', "["),
}
"""How the literals begin that are no values of a type."""

CALLABLES = {
    0: ("lambda *args, **kwargs: 1",),
    1: ("lambda value: value", "lambda value: False", "lambda value: str(value)"),
    2: ("lambda left, right: left", "lambda left, right: left == right"),
}


class Maker:
    """Makes values for the parameters of one target."""

    def __init__(self, context: TargetContext, guards: Guards) -> None:
        self._guards = guards
        self._context = context
        self._types = {item.name: item for item in context.types}
        if context.owner is not None:
            self._types.setdefault(context.owner.name, context.owner)
            self._types.setdefault("Self", context.owner)

    def for_parameter(self, parameter: Parameter) -> list[Value]:
        """Values for one parameter of the target: what its guards ask for first, then what its type suggests."""
        asked = self._fitting(parameter, self._guards.of(parameter.name))
        usual = self._usual(parameter, 0)
        if self._kind_of(parameter) == "str" and type_by_name(parameter.name) == "path":
            usual = [*FILE_NAME, *usual]
        elif self._kind_of(parameter) == "str":
            target = self._context.target
            named = samples_for(parameter.name, target.qualname.rpartition(".")[2])
            usual = [*named, *samples_for(*target.module.split(".")), *usual] if len(named) < 3 else [*named, *usual]
            usual = usual[:8] + [literal(text) for text in self._strings_in_code()] + usual[8:]
        elif self._kind_of(parameter) in ("int", "float"):
            usual = usual[:4] + self._numbers_in_code() + usual[4:]
        found = unique([*usual[:1], *asked, *usual[1:]])
        return unique(found[: MAX_VALUES + len(asked)] + self._refused(parameter))

    def instances(self, owner: ProjectType, depth: int = 0) -> list[Value]:
        """Instances of a class of the project, or of its concrete subclasses when it is abstract."""
        if depth > MAX_DEPTH:  # also ends types that contain themselves
            return []
        if owner.kind is TypeKind.ALIAS:
            return self.for_annotation(owner.alias, "", depth + 1)
        if owner.kind is TypeKind.ENUM:
            return [_of_class(owner, f".{member}", member.lower()) for member in owner.members[:6]]
        if owner.kind is TypeKind.ABSTRACT:
            known = [self._types[name] for name in owner.concrete if name in self._types]
            found = [value for item in known for value in self.instances(item, depth)[:2]]
            return found or self._minimal(owner, depth)
        return [_joined(_of_class(owner, ""), arguments) for arguments in self._argument_lists(owner, depth)]

    def for_annotation(self, annotation: str, name: str, depth: int) -> list[Value]:
        """Values of an annotated type; [] where nothing is known of it."""
        try:
            node = ast.parse(annotation.strip() or "...", mode="eval").body
        except SyntaxError:
            return []
        return unique(self._of_node(node, name, depth))

    # ----- parameters

    def _usual(self, parameter: Parameter, depth: int) -> list[Value]:
        found = self.for_annotation(parameter.annotation, parameter.name, depth) if parameter.annotation else []
        if not found or parameter.annotation in ("Any", "object", "typing.Any"):
            kind = self._kind_of(parameter)
            found = [*self._of_kind(kind, parameter.name, depth), *found] if kind else found or BY_TYPE["object"]
        return unique(found)

    def _kind_of(self, parameter: Parameter) -> str:
        """The simple type of a parameter, from its annotation, its use, its default or its name; '' unknown."""
        annotation = parameter.annotation.removeprefix("typing.").removeprefix("Optional[").split(" | ")[0].strip("[]")
        if annotation and ALIASES.get(annotation, annotation) not in ("object", ""):
            return ALIASES.get(annotation, annotation)
        betrayed = self._guards.types.get(parameter.name, "")
        named = type_by_name(parameter.name)
        if betrayed in ("list", "int") and named:  # iteration and arithmetic say little: strings and floats do them too
            return named
        default = _type_of_default(parameter.default)
        return betrayed or default or named

    def _of_kind(self, kind: str, name: str, depth: int) -> list[Value]:
        if kind in ("path", "Path"):
            return FILE_NAME
        if kind == "callable":
            return [_function(text) for text in (*CALLABLES[1], *CALLABLES[2])]
        return self.for_annotation(kind, name, depth)

    def _fitting(self, parameter: Parameter, values: Iterable[Value]) -> list[Value]:
        """Guard values that suit the declared type: a length guard offers strings as well as lists."""
        wrong = WRONG_STARTS.get(self._kind_of(parameter), ())
        return [value for value in values if not value.text.startswith(wrong)]

    def _refused(self, parameter: Parameter) -> list[Value]:
        """Wrong arguments, where the code asks for the type: what it does with them is behaviour too."""
        asks = re.search(rf"(isinstance|\bis_\w+)\(\s*{re.escape(parameter.name)}\b", self._context.source)
        return [literal(None), literal(12.5)] if asks else []

    def _strings_in_code(self) -> list[str]:
        values = [_evaluated(text) for text in self._context.literals]
        return [value for value in values if isinstance(value, str) and 0 < len(value) <= 40 and "%" not in value][:6]

    def _numbers_in_code(self) -> list[Value]:
        values = [_evaluated(text) for text in self._context.literals]
        numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
        return unique([literal(item) for number in numbers[:6] for item in (number, number + 1, number - 1)])

    # ----- annotations

    def _of_node(self, node: ast.expr, name: str, depth: int) -> list[Value]:
        if isinstance(node, ast.Constant):
            return self._of_constant(node.value, name, depth)
        if isinstance(node, ast.BinOp):
            return _mixed([self._of_node(node.left, name, depth), self._of_node(node.right, name, depth)])
        if isinstance(node, ast.Subscript):
            return self._of_generic(node, name, depth)
        return self._of_name(ast.unparse(node), name, depth)

    def _of_constant(self, value: object, name: str, depth: int) -> list[Value]:
        if isinstance(value, str):
            return self.for_annotation(value, name, depth)
        return [literal(None)] if value is None else []

    def _of_name(self, spelled: str, name: str, depth: int) -> list[Value]:
        if spelled in self._types:
            return self.instances(self._types[spelled], depth)
        short = spelled.rpartition(".")[2]
        short = ALIASES.get(short, short)
        if short in BY_TYPE:
            return [*samples_for(name)[:4], *BY_TYPE[short]] if short == "str" and depth else list(BY_TYPE[short])
        if short in ("Callable", "callable"):
            return [_function(text) for text in CALLABLES[1]]
        if short in SEQUENCES | SETS | MAPPINGS | {"tuple", "Tuple"}:
            return _bare_container(short)
        return []

    def _of_generic(self, node: ast.Subscript, name: str, depth: int) -> list[Value]:
        head = ast.unparse(node.value).rpartition(".")[2]
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if head == "Literal":
            return [Value(ast.unparse(part), _word(ast.unparse(part))) for part in parts]
        if head == "Optional":
            return _mixed([self._of_node(parts[0], name, depth), [literal(None)]])
        if head == "Union":
            return _mixed([self._of_node(part, name, depth) for part in parts])
        if head in WRAPPERS:
            return self._of_node(parts[0], name, depth)
        if head == "Callable":
            arity = len(parts[0].elts) if isinstance(parts[0], ast.List) else 1
            return [_function(text) for text in CALLABLES.get(arity, CALLABLES[0])]
        return self._of_container(head, parts, name.removesuffix("s"), depth)

    def _of_container(self, head: str, parts: list[ast.expr], name: str, depth: int) -> list[Value]:
        inner = [self._of_node(part, name, depth) for part in parts if not _is_ellipsis(part)]
        if head in MAPPINGS:
            return _mappings(inner[0], inner[-1]) if inner and inner[0] and inner[-1] else [Value("{}", "empty")]
        if head in ("tuple", "Tuple") and not any(_is_ellipsis(part) for part in parts):
            return _tuples(inner) if all(inner) else []
        if head in ("type", "Type"):
            return [Value(ast.unparse(parts[0]))] if ast.unparse(parts[0]) in BY_TYPE else list(BY_TYPE["type"])
        if head in SEQUENCES | SETS | {"tuple", "Tuple"}:
            return _sequences(head, inner[0] if inner else [])
        return self._of_name(head, name, depth)

    # ----- constructors

    def _minimal(self, owner: ProjectType, depth: int) -> list[Value]:
        """Instances of a subclass made in the test, for an abstract class that nothing in the project implements."""
        body, imports = ["    pass"], set(_of_class(owner, "").imports)
        for line, needed in self._stand_ins(owner, depth + 1):
            body.append(f"    {line}")
            imports |= needed
        made = Value(
            "Minimal", "", frozenset(imports), setup=(f"class Minimal({owner.qualname}):", *(body[1:] or body))
        )
        return [_joined(made, arguments) for arguments in self._argument_lists(owner, depth)]

    def _stand_ins(self, owner: ProjectType, depth: int) -> Iterator[tuple[str, frozenset[str]]]:
        """What a minimal subclass defines, and the imports of each: abstract methods that return a value of the type
        they declare, as properties and coroutines where they are declared so, and the attributes of a protocol."""
        node = _class_in(owner.skeleton)
        if "Protocol" in " ".join(ast.unparse(base) for base in node.bases):
            for item in node.body:
                if isinstance(item, ast.AnnAssign) and item.value is None and isinstance(item.target, ast.Name):
                    text, imports = self._returned(item.annotation, item.target.id, depth)
                    yield f"{item.target.id} = {text}", imports
        methods = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)}
        for name in owner.abstract:
            method = methods.get(name)
            text, imports = self._returned(method.returns if method else None, name, depth)
            if method and any(ast.unparse(item).endswith("property") for item in method.decorator_list):
                yield f"{name} = {text}", imports
            else:
                start = "async def" if isinstance(method, ast.AsyncFunctionDef) else "def"
                yield f"{start} {name}(self, *args, **kwargs): return {text}", imports

    def _returned(self, annotation: ast.expr | None, name: str, depth: int) -> tuple[str, frozenset[str]]:
        """A value of an annotated type that needs no lines of its own, and its imports; None where nothing is known."""
        found = self.for_annotation(ast.unparse(annotation), name, depth) if annotation is not None else []
        plain = next((value for value in found if not value.setup and not value.fixtures), literal(None))
        return plain.text, plain.imports

    def _argument_lists(self, owner: ProjectType, depth: int) -> list[list[Value]]:
        """The required arguments; then one of the arguments varied at a time."""
        taken = [
            item
            for item in owner.parameters
            if item.kind not in (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD)
        ]
        required = [item for item in taken if item.required]
        pools = {item.name: [*self._usual(item, depth + 1)] for item in taken}
        if any(not pools[item.name] for item in required):
            return []
        first = [_word_argument(item, pools[item.name][0]) for item in required]
        varied = [
            [
                _word_argument(item, value) if other is item else _word_argument(other, pools[other.name][0])
                for other in chosen
            ]
            for item in taken
            for value in pools[item.name][1:4]
            for chosen in [[*required, *([item] if item not in required else [])]]
        ]
        return [first, *varied]


# --------------------------------------------------------------------------- internals


def _class_in(skeleton: str) -> ast.ClassDef:
    """The class that a skeleton shows; an empty one where it cannot be read."""
    try:
        found = [node for node in ast.parse(skeleton).body if isinstance(node, ast.ClassDef)]
    except SyntaxError:
        found = []
    return found[0] if found else ast.ClassDef("Minimal", [], [], [], [])


def _of_class(owner: ProjectType, suffix: str, label: str = "") -> Value:
    outer = owner.qualname.partition(".")[0]
    return Value(f"{owner.qualname}{suffix}", label, frozenset({f"from {owner.module} import {outer}"}))


def _word_argument(parameter: Parameter, value: Value) -> Value:
    positional = parameter.kind is ParameterKind.POSITIONAL_ONLY
    return value if positional else _with_text(value, f"{parameter.name}={value.text}")


def _with_text(value: Value, text: str) -> Value:
    return Value(text, value.label, value.imports, value.fixtures, value.setup)


def _joined(head: Value, arguments: list[Value]) -> Value:
    return combine(f"{head.text}({', '.join(item.text for item in arguments)})", [head, *arguments])


def combine(text: str, parts: Iterable[Value], label: str = "") -> Value:
    """A value with this text that needs what its parts need."""
    listed = list(parts)
    return Value(
        text,
        label,
        frozenset().union(*(part.imports for part in listed)),
        frozenset().union(*(part.fixtures for part in listed)),
        tuple(line for setup in dict.fromkeys(part.setup for part in listed) for line in setup),
    )


def _mixed(pools: list[list[Value]]) -> list[Value]:
    """One of each pool in turn."""
    longest = max((len(pool) for pool in pools), default=0)
    return [pool[index] for index in range(longest) for pool in pools if index < len(pool)]


def _function(text: str) -> Value:
    return Value(text, "function")


def _bare_container(name: str) -> list[Value]:
    if name in MAPPINGS:
        return [Value("{'a': 1, 'b': 2}", "2_items"), Value("{}", "empty"), Value("{'x': None}", "none_value")]
    if name in SETS:
        return [Value("{1, 2, 3}", "3_items"), Value("set()", "empty")]
    items = [Value("3, 1, 2, 1"), Value("'b', 'a', 'c'", "strings"), Value("5,", "one_item"), Value("", "empty")]
    items.append(Value("[1, 2], [3]", "nested"))
    mark = "()" if name.lower() == "tuple" else "[]"
    wrap = f"iter({mark[0]}%s{mark[1]})" if name in ("Iterator", "Generator") else f"{mark[0]}%s{mark[1]}"
    return [_with_text(item, wrap % (item.text if mark == "()" else item.text.rstrip(","))) for item in items]


def _sequences(head: str, inner: list[Value]) -> list[Value]:
    if not inner:
        return _bare_container(head)
    groups = [inner[:3], [], inner[:1], inner[2:6], [*inner[:2], *inner[:1]], inner[::-1][:5]]
    return [_sequence(head, group) for index, group in enumerate(groups) if group or index]


def _sequence(head: str, items: list[Value]) -> Value:
    text = ", ".join(item.text for item in items)
    label = {0: "empty", 1: "one_item"}.get(len(items), f"{len(items)}_items")
    if head in SETS:
        return combine(f"{{{text}}}" if items else "set()", items, label)
    if head in ("tuple", "Tuple"):
        return combine(f"({text},)" if items else "()", items, label)
    return combine(f"iter([{text}])" if head in ("Iterator", "Generator") else f"[{text}]", items, label)


def _mappings(keys: list[Value], values: list[Value]) -> list[Value]:
    def pairs(size: int, shift: int = 0) -> Value:
        chosen = [(keys[i % len(keys)], values[(i + shift) % len(values)]) for i in range(min(size, len(keys)))]
        text = ", ".join(f"{key.text}: {value.text}" for key, value in chosen)
        label = {0: "empty", 1: "one_item"}.get(len(chosen), f"{len(chosen)}_items")
        return combine(f"{{{text}}}", [part for pair in chosen for part in pair], label)

    return [pairs(2), pairs(0), pairs(1), pairs(3, 1), pairs(1, 2)]


def _tuples(inner: list[list[Value]]) -> list[Value]:
    first = [pool[0] for pool in inner]
    found = [first, [pool[-1] for pool in inner], *([pool[min(i, len(pool) - 1)] for pool in inner] for i in (1, 2))]
    return [combine(f"({', '.join(item.text for item in group)},)", group) for group in found]


def _type_of_default(default: str | None) -> str:
    value = _evaluated(default) if default else None
    return type(value).__name__ if value is not None else ""


def _evaluated(text: str) -> object:
    try:
        value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError):
        return None
    return value


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _word(text: str) -> str:
    return literal(_evaluated(text)).label
