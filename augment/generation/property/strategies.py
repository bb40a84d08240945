"""Parameters -> Hypothesis strategies, as source text: from annotations, defaults, guards, shown inputs and names."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from augment.analysis import Parameter, ParameterKind, ProjectType, TargetContext, TypeKind
from augment.generation.property.formats import AMOUNT, RANGES, SHARE, SIMPLE, format_of
from augment.generation.property.limits import Limits, read_limits
from augment.generation.property.observed import samples, shown_arguments, text_in_code
from augment.generation.search.construct import MAPPINGS, SEQUENCES, SETS, WRAPPERS
from augment.generation.search.guards import read_guards
from augment.generation.search.values import ALIASES, Value, type_by_name

MAX_DEPTH = 3
LETTERS = "abcXYZ 019"
"""What text is made of by default: few enough characters that they meet, and some of each sort."""
MAX_CHARACTERS = 16
MAX_KNOWN = 6
MAX_SUGGESTED = 3
MAX_TEXT = 30
MAX_CONCRETE = 4
NUMBERS = (-1000, 1000)
NUMERIC = frozenset({"int", "float", "Decimal"})
SIZED = frozenset({"str", "bytes", "list", "tuple", "set", "dict"})


@dataclass(frozen=True, slots=True)
class Strategy:
    """The source of a strategy. ``kind`` is the type of what it draws, ``item`` that of what is in it ('' unknown).

    ``typed`` says that the annotation gave it: what it draws is then what the function says it takes.
    """

    text: str
    kind: str
    imports: frozenset[str] = frozenset()
    typed: bool = False
    item: str = ""
    least: float | None = None
    """The smallest number that is drawn, where that is known."""


class Strategist:
    """Finds strategies for the parameters of one target and of its neighbours.

    ``canonical`` draws text in the format that a name speaks of, where it speaks of one, instead of any.
    """

    def __init__(self, context: TargetContext, *, canonical: bool = False) -> None:
        names = tuple(item.name for item in context.parameters)
        self._context = context
        self._canonical = canonical
        self._limits = read_limits(context.source, names)
        guards = read_guards(context.source, names)
        self._used_as = guards.types
        self._asked = {name: texts_of(values) for name, values in guards.values.items()}
        self._shown = shown_arguments(context)
        self._letters = "".join(dict.fromkeys(LETTERS + text_in_code(context)))[:MAX_CHARACTERS]
        self._types = {item.name: item for item in context.types}
        if context.owner is not None:
            self._types.setdefault(context.owner.name, context.owner)
            self._types.setdefault("Self", context.owner)

    def for_parameter(self, parameter: Parameter) -> Strategy | None:
        """A strategy for one parameter; None where nothing sensible can be drawn for it."""
        if parameter.kind in (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD):
            return None
        found = self.for_annotation(parameter.annotation, parameter.name)
        if found is not None and found.kind != "object":
            return replace(found, typed=True)
        kind = self.kind_of(parameter)
        guessed = self.for_annotation(kind, parameter.name) if kind else None
        return replace(guessed, typed=False) if guessed is not None else found

    def for_annotation(self, annotation: str, name: str, depth: int = 0) -> Strategy | None:
        """A strategy for an annotated type; None where nothing is known of it."""
        try:
            node = ast.parse(annotation.strip(), mode="eval").body if annotation.strip() else None
        except SyntaxError:
            return None
        return self._of_node(node, name, depth) if node is not None and depth <= MAX_DEPTH else None

    def kind_of(self, parameter: Parameter) -> str:
        """The type of a parameter that nothing declares: as it is called, used, preset or named; '' unknown."""
        shown = self._shown.get(parameter.name, ())
        if shown and len({type(value) for value in shown}) == 1:
            return _annotation_of(shown[0])
        used, named = self._used_as.get(parameter.name, ""), type_by_name(parameter.name)
        if used in ("list", "int") and named:  # iteration and arithmetic say little: text and floats do them too
            return named
        preset = _type_of_default(parameter.default)
        return used or preset or named

    def instances(self, owner: ProjectType, depth: int = 0) -> Strategy | None:
        """Instances of a class of the project through its constructor; members of an enum."""
        if depth > MAX_DEPTH:
            return None
        if owner.kind is TypeKind.ALIAS:
            return self.for_annotation(owner.alias, "", depth + 1)
        line = f"from {owner.module} import {owner.qualname.partition('.')[0]}"
        if owner.kind is TypeKind.ENUM:
            return Strategy(f"st.sampled_from({owner.qualname})", "enum", frozenset({line}))
        if owner.kind is TypeKind.ABSTRACT:
            known = [self._types[item] for item in owner.concrete if item in self._types]
            made = [found for item in known if (found := self.instances(item, depth + 1)) is not None]
            return replace(either, kind=owner.qualname) if (either := _either(made[:MAX_CONCRETE])) else None
        return self._built(owner, line, depth)

    # ----- annotations

    def _of_node(self, node: ast.expr, name: str, depth: int) -> Strategy | None:
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                return self.for_annotation(node.value, name, depth)
            return self._named("None", name, depth) if node.value is None else None
        if isinstance(node, ast.BinOp):
            return _either([self._of_node(node.left, name, depth), self._of_node(node.right, name, depth)])
        if isinstance(node, ast.Subscript):
            return self._generic(node, name, depth)
        return self._named(ast.unparse(node), name, depth)

    def _named(self, spelled: str, name: str, depth: int) -> Strategy | None:
        if spelled in self._types:
            return self.instances(self._types[spelled], depth)
        short = spelled.rpartition(".")[2]
        short = ALIASES.get(short, short)
        if short == "str":
            return self._text(name, depth)
        if short in ("int", "float"):
            return self._number(short, name)
        if short in SIMPLE:
            return _simple(short)
        if short in SEQUENCES | SETS | MAPPINGS | {"tuple", "Tuple"}:
            return self._container(short, [], name, depth)
        return None

    def _generic(self, node: ast.Subscript, name: str, depth: int) -> Strategy | None:
        head = ast.unparse(node.value).rpartition(".")[2]
        parts = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
        if head == "Literal":
            values = ", ".join(ast.unparse(part) for part in parts)
            kind = type(ast.literal_eval(parts[0])).__name__ if isinstance(parts[0], ast.Constant) else ""
            return Strategy(f"st.sampled_from([{values}])", f"literal {kind}")
        if head == "Optional":
            return _either([Strategy("st.none()", "None"), self._of_node(parts[0], name, depth)])
        if head == "Union":
            return _either([self._of_node(part, name, depth) for part in parts])
        if head in WRAPPERS:
            return self._of_node(parts[0], name, depth)
        if head == "Callable":
            return self._callable(parts)
        return self._container(head, parts, name, depth)

    def _callable(self, parts: Sequence[ast.expr]) -> Strategy | None:
        """Functions of one argument that give the type asked for; others are not guessed."""
        takes = parts[0].elts if isinstance(parts[0], ast.List) else []
        gives = ast.unparse(parts[-1])
        if len(takes) != 1 or len(parts) != 2:
            return None
        by_type = {"str": "[str, repr]", "bool": "[bool, callable]", "int": "[hash]", "Any": "[str, repr, bool]"}
        return Strategy(f"st.sampled_from({by_type[gives]})", "callable") if gives in by_type else None

    def _container(self, head: str, parts: list[ast.expr], name: str, depth: int) -> Strategy | None:
        single = name.removesuffix("s")
        inner = [self._item(part, single, depth + 1) for part in parts if ast.unparse(part) != "..."]
        if any(item is None for item in inner):
            return None
        known = [item for item in inner if item is not None]
        imports = frozenset().union(*(item.imports for item in known))
        limits = self._limits.get(name, Limits())
        if head in ("tuple", "Tuple") and known and len(known) == len(parts):
            return Strategy(f"st.tuples({', '.join(item.text for item in known)})", "tuple", imports)
        if head in MAPPINGS:
            key, value = (known[0], known[-1]) if known else (self._text("key", 1), self._number("int", "value"))
            size = _sizes(limits, most=5)
            kind = "dict"
            return Strategy(f"st.dictionaries({key.text}, {value.text}{size})", kind, imports, item=value.kind)
        first = known[0] if known else self._number("int", "item")
        if head in SETS:
            call = "st.frozensets" if head in ("frozenset", "FrozenSet") else "st.sets"
            return Strategy(f"{call}({first.text}{_sizes(limits)})", "set", imports, item=first.kind)
        if head in SEQUENCES | {"tuple", "Tuple"}:
            mapped = ".map(tuple)" if head in ("tuple", "Tuple") else ".map(iter)" if head == "Iterator" else ""
            kind = {".map(tuple)": "tuple", ".map(iter)": "iterator"}.get(mapped, "list")
            return Strategy(
                f"st.lists({first.text}{_sizes(limits)}){mapped}", kind, imports, item=first.kind, least=first.least
            )
        return None

    def _item(self, node: ast.expr, name: str, depth: int) -> Strategy | None:
        found = self._of_node(node, name, depth)
        is_variable = isinstance(node, ast.Name) and len(node.id) <= 2  # T, K, V: anything that compares
        unknown = found is None or found.kind == "object"
        return self._number("int", "item") if unknown and (is_variable or found is not None) else found

    # ----- leaves

    def _text(self, name: str, depth: int, limits: Limits | None = None) -> Strategy:
        limits = limits or (self._limits.get(name, Limits()) if depth == 0 else Limits())
        if self._canonical and depth == 0:
            canonical = self._canonical_text(name)
            if canonical:
                return Strategy(canonical, "str")
        known = self._known_texts(name) if depth == 0 else samples(name)[:1]
        text = f"st.text(alphabet={self._letters!r}{_sizes(limits)})"
        if limits.shown:
            text += ".filter(str.strip)"
        if known:
            text = f"st.sampled_from({list(known)!r})" + (f" | {text}" if depth == 0 else "")
        return Strategy(text, "str")

    def _canonical_text(self, name: str) -> str:
        """Text that was seen to be taken, and text in the format that the names speak of; '' where there is neither."""
        pattern = format_of(name, self._context.target.qualname)
        seen = self._seen_texts(name)
        chosen = [f"st.sampled_from({seen!r})"] if seen else []
        regex = [f"st.from_regex({_raw(pattern)}, fullmatch=True)"] if pattern else []
        return " | ".join([*chosen, *regex])

    def _known_texts(self, name: str) -> tuple[str, ...]:
        """Texts seen, asked for by the code, or suggested by the name."""
        named = samples(name) or samples(self._context.target.qualname.rpartition(".")[2])
        found = [*self._seen_texts(name), *self._asked.get(name, ()), *named[:MAX_SUGGESTED]]
        return tuple(dict.fromkeys(found))[:MAX_KNOWN]

    def _seen_texts(self, name: str) -> list[str]:
        return [value for value in self._shown.get(name, ()) if isinstance(value, str)][:MAX_KNOWN]

    def _number(self, kind: str, name: str, limits: Limits | None = None) -> Strategy:
        limits = limits or self._limits.get(name, Limits())
        if kind == "int":
            return self._whole(name, limits)
        low = NUMBERS[0] if limits.low is None else limits.low
        high = NUMBERS[1] if limits.high is None else limits.high
        high = max(high, low + 1000) if limits.high is None else high
        opened = ", exclude_min=True" if limits.low_open else ""
        opened += ", exclude_max=True" if limits.high_open else ""
        return Strategy(f"st.floats(min_value={low}, max_value={high}{opened})", "float", least=low)

    def _whole(self, name: str, limits: Limits) -> Strategy:
        low, high = limits.whole()
        named = next((text for pattern, text in RANGES if re.fullmatch(rf"(.*_)?({pattern})", name.lower())), "")
        if low is None and high is None and named:
            least = re.search(r"min_value=(-?\d+)", named)
            return Strategy(named, "int", least=float(least[1]) if least else None)
        small = bool(named)
        low = (NUMBERS[0] if high is None or high > NUMBERS[0] else high - 1000) if low is None else low
        high = (low + 12 if small else max(NUMBERS[1], low + 1000)) if high is None else high
        text = f"st.integers(min_value={low}, max_value={high})"
        return Strategy(text + (".filter(bool)" if limits.filled and low <= 0 <= high else ""), "int", least=low)

    def _built(self, owner: ProjectType, line: str, depth: int) -> Strategy | None:
        """``st.builds(Cart, ...)`` with a strategy for each required argument that its constructor accepts."""
        if owner.kind is TypeKind.TYPED_DICT:
            return None
        names = tuple(item.name for item in owner.parameters)
        limits = read_limits(owner.checks, names)
        words: list[str] = []
        imports = {line}
        for parameter in owner.parameters:
            if parameter.required:
                found = self._field(parameter, limits.get(parameter.name), depth)
                if found is None:
                    return None
                positional = parameter.kind is ParameterKind.POSITIONAL_ONLY
                words.append(found.text if positional else f"{parameter.name}={found.text}")
                imports |= found.imports
        if not words:
            return Strategy(f"st.builds({owner.qualname})", owner.qualname, frozenset(imports))
        return Strategy(f"st.builds({', '.join([owner.qualname, *words])})", owner.qualname, frozenset(imports))

    def _field(self, parameter: Parameter, limits: Limits | None, depth: int) -> Strategy | None:
        """A strategy for an argument of a constructor, within what the constructor accepts and its name suggests."""
        kind = parameter.annotation or type_by_name(parameter.name)
        if kind in ("int", "float", "str"):
            if kind == "str":
                return self._text(parameter.name, depth + 1, limits or Limits(filled=True))
            if limits is None and SHARE.fullmatch(parameter.name):
                limits = Limits(low=1, high=99)
            elif limits is None and AMOUNT.fullmatch(parameter.name):
                limits = Limits(low=0)
            return self._number(kind, parameter.name, limits)
        return self.for_annotation(kind, parameter.name, depth + 1)


# --------------------------------------------------------------------------- internals


def _simple(name: str) -> Strategy:
    text, kind = SIMPLE[name]
    module = re.search(r"\b(datetime|decimal)\.", text)
    return Strategy(text, kind, frozenset({f"import {module[1]}"}) if module else frozenset())


def texts_of(values: Sequence[Value]) -> tuple[str, ...]:
    """Those of the values that are short text, in order."""
    found = []
    for value in values:
        try:
            text = ast.literal_eval(value.text)
        except (ValueError, SyntaxError, TypeError):
            continue
        if isinstance(text, str) and len(text) <= MAX_TEXT:
            found.append(text)
    return tuple(found)


def _either(parts: Sequence[Strategy | None]) -> Strategy | None:
    """One of several; those that nothing is known of are left out, unless only ``None`` is left."""
    known = [part for part in parts if part is not None]
    real = [part for part in known if part.kind != "None"]
    if not real:
        return known[0] if known else None
    if len(known) == 1:
        return known[0]
    kinds = {part.kind for part in real}
    if kinds == {"int", "float"}:
        return next(part for part in real if part.kind == "float")
    kind = real[0].kind if len(kinds) == 1 else "either"
    if len(real) < len(known):
        kind = f"optional {kind}"
    return Strategy(" | ".join(part.text for part in known), kind, frozenset().union(*(part.imports for part in known)))


def _sizes(limits: Limits, most: int | None = None) -> str:
    smallest = max(limits.smallest, 1 if limits.filled else 0)
    largest = limits.largest if limits.largest is not None else most
    words = ([f"min_size={smallest}"] if smallest else []) + ([f"max_size={largest}"] if largest is not None else [])
    return "".join(f", {word}" for word in words)


def _raw(pattern: str) -> str:
    return f'r"{pattern}"' if "\\" in pattern else f'"{pattern}"'


def _type_of_default(default: str | None) -> str:
    try:
        value = ast.literal_eval(default) if default else None
    except (ValueError, SyntaxError, TypeError):
        return ""
    return _annotation_of(value) if value is not None else ""


def _annotation_of(value: object) -> str:
    """The annotation that a literal would have; of a container, with the type of its items where they share one."""
    kind = type(value).__name__
    if isinstance(value, list | tuple | set | frozenset):
        kinds = {_annotation_of(item) for item in value}
        if len(kinds) == 1:
            return f"{kind}[{kinds.pop()}, ...]" if kind == "tuple" else f"{kind}[{kinds.pop()}]"
    if isinstance(value, dict):
        keys, values = ({_annotation_of(item) for item in part} for part in (value.keys(), value.values()))
        if len(keys) == len(values) == 1:
            return f"{kind}[{keys.pop()}, {values.pop()}]"
    return "object" if value is None else kind
