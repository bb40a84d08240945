"""Commands of click and typer: what invokes each, and the options and arguments that it takes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from augment.analysis.examples import is_literal
from augment.analysis.facts import Found, ModuleFacts, ProjectFacts
from augment.analysis.flows.callgraph import CallGraph, annotated_with
from augment.analysis.flows.model import CommandLevel, CommandOption, OptionType
from augment.analysis.source import Function, dotted_name, statements

_TRIMMED = re.compile(r"_(command|cmd|group|grp)$")
_TYPES = {
    "int": OptionType.INTEGER, "INT": OptionType.INTEGER, "IntRange": OptionType.INTEGER, "float": OptionType.NUMBER,
    "FLOAT": OptionType.NUMBER, "FloatRange": OptionType.NUMBER, "bool": OptionType.FLAG, "BOOL": OptionType.FLAG,
    "File": OptionType.FILE, "Path": OptionType.PATH, "DateTime": OptionType.DATE, "datetime": OptionType.DATE,
    "Choice": OptionType.CHOICE,
}  # fmt: skip
FILE_NAMES = re.compile(
    r"(^|_)((in|out)?file|path|filename|db|database|output|out|input|source|src|dest|destination|target)($|_)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class FoundCommand:
    """A command: its function, what invokes it (``module``, ``name``), and the words and options on the way.

    ``setups`` are the ids of the groups' functions, which run before it.
    """

    found: Found
    framework: str
    module: str
    name: str
    levels: tuple[CommandLevel, ...]
    setups: tuple[str, ...] = ()


@dataclass(slots=True)
class _Node:
    """A group or a command. ``object_name`` is the module-level name that can be invoked, '' where there is none.

    ``found`` is its function; for a typer application, its callback.
    """

    key: str
    word: str
    options: tuple[CommandOption, ...]
    framework: str
    facts: ModuleFacts
    object_name: str
    found: Found | None = None
    parent: str = ""


class Commands:
    """The commands of a project, by the trees that their groups make."""

    def __init__(self, facts: ProjectFacts, graph: CallGraph) -> None:
        self._facts, self._graph = facts, graph
        self._nodes: dict[str, _Node] = {}

    def find(self) -> Iterator[FoundCommand]:
        """Every command that a test can invoke."""
        for facts in self._facts.modules.values():
            self._applications(facts)
        for facts in self._facts.modules.values():
            if ".command" in facts.source or "click" in facts.source:
                self._read(facts)
        for facts in self._facts.modules.values():
            self._attach(facts)
        groups = {node.parent for node in self._nodes.values()}
        for node in list(self._nodes.values()):
            is_application = node.framework == "typer" and node.object_name
            if node.found is not None and node.key not in groups and not is_application:
                command = self._command(node)
                if command is not None:
                    yield command

    # ----- reading

    def _applications(self, facts: ModuleFacts) -> None:
        for name, value in facts.assigned.items():
            if isinstance(value, ast.Call) and meaning_of(facts, value.func) == "typer.Typer":
                key = f"{facts.module}.{name}"
                self._nodes[key] = _Node(key, _given_name(value), (), "typer", facts, name)

    def _read(self, facts: ModuleFacts) -> None:
        for item in facts.defined.values():
            if isinstance(item.node, Function) and item.owner is None:
                for decorator in item.node.decorator_list:
                    self._decorated(Found(facts, item), item.node, decorator)

    def _decorated(self, found: Found, node: Function, decorator: ast.expr) -> None:
        facts = found.facts
        meaning = meaning_of(facts, decorator)
        last = meaning.rpartition(".")[2]
        if last not in ("command", "group", "callback"):
            return
        call = decorator if isinstance(decorator, ast.Call) else None
        parent = self._key(facts, dotted_name(decorator).rpartition(".")[0])
        if meaning.startswith("click."):
            self._add_click(found, node, call, "")
        elif parent in self._nodes and self._nodes[parent].framework == "typer":
            self._add_typer(found, node, call, parent, last)
        elif last != "callback" and "." in dotted_name(decorator):
            self._add_click(found, node, call, parent)

    def _add_click(self, found: Found, node: Function, call: ast.Call | None, parent: str) -> None:
        key = f"{found.facts.module}.{node.name}"
        word = _given_name(call) or _TRIMMED.sub("", node.name.lower()).replace("_", "-")
        options = tuple(_click_options(node))
        self._nodes[key] = _Node(key, word, options, "click", found.facts, node.name, found, parent)

    def _add_typer(self, found: Found, node: Function, call: ast.Call | None, parent: str, last: str) -> None:
        options = tuple(_typer_options(self._graph, found, node))
        if last == "callback":
            self._nodes[parent].options, self._nodes[parent].found = options, found
            return
        key = f"{found.facts.module}.{node.name}"
        word = _given_name(call) or node.name.lower().replace("_", "-")
        self._nodes[key] = _Node(key, word, options, "typer", found.facts, "", found, parent)

    def _attach(self, facts: ModuleFacts) -> None:
        """Follow ``group.add_command(command)`` and ``app.add_typer(other, name=...)``."""
        for statement in statements(facts.tree.body):
            call = statement.value if isinstance(statement, ast.Expr) else None
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or not call.args:
                continue
            if call.func.attr not in ("add_command", "add_typer"):
                continue
            parent = self._key(facts, dotted_name(call.func.value))
            child = self._nodes.get(self._key(facts, dotted_name(call.args[0])))
            if child is not None and parent in self._nodes:
                named = {word.arg: word.value for word in call.keywords}.get(
                    "name", call.args[1] if call.args[1:] else None
                )
                child.parent = parent
                child.word = _string(named) or child.word

    def _key(self, facts: ModuleFacts, name: str) -> str:
        """The path of the object that a name means in a module."""
        found = self._graph.resolve(facts, name)
        if found is not None:
            return f"{found.facts.module}.{found.item.qualname}"
        value = self._graph.value(facts, name)
        return value.path if value else f"{facts.module}.{name}"

    # ----- the way to a command

    def _command(self, node: _Node) -> FoundCommand | None:
        line = [node]
        while line[0].parent in self._nodes and len(line) < 5:
            line.insert(0, self._nodes[line[0].parent])
        root = line[0]
        if node.found is None or not root.object_name or root.parent:
            return None
        if root.framework == "typer" and len(line) == 2 and self._is_alone(root):
            line = [root, replace_word(node, "")]
        levels = [CommandLevel(item.word if index else "", item.options) for index, item in enumerate(line)]
        if len(levels) > 1 and not levels[-1].word:
            levels = [*levels[:-2], CommandLevel(levels[-2].word, (*levels[-2].options, *levels[-1].options))]
        setups = tuple(item.found.id for item in line[:-1] if item.found is not None)
        return FoundCommand(node.found, node.framework, root.facts.module, root.object_name, tuple(levels), setups)

    def _is_alone(self, root: _Node) -> bool:
        """Whether a typer application has one command and no callback: then the command has no word."""
        children = [item for item in self._nodes.values() if item.parent == root.key]
        return len(children) == 1 and "callback" not in root.facts.source


def replace_word(node: _Node, word: str) -> _Node:
    """``node`` under another word."""
    return replace(node, word=word)


def option_of(flags: list[str], words: dict[str | None, ast.expr], name: str = "") -> CommandOption:
    """An option from its flags and the keywords of its declaration."""
    long = next(
        (flag for flag in flags if flag.startswith("--")), next((flag for flag in flags if flag[:1] == "-"), "")
    )
    on, _, off = long.partition("/")
    plain = name or next((flag for flag in flags if flag[:1] != "-"), on.strip("-").replace("-", "_"))
    default = words.get("default")
    is_flag = bool(off) or _is_true(words.get("is_flag")) or "count" in words or "flag_value" in words
    made = CommandOption(
        name=plain.lower(),
        flag=on.strip(),
        type=OptionType.FLAG if is_flag else _type_of(words.get("type"), default, plain),
        choices=_choices(words.get("type")),
        required=_is_true(words.get("required")),
        default=ast.unparse(default) if default is not None else None,
        off=off.strip(),
        multiple=_is_true(words.get("multiple")),
        count=_count(words.get("nargs")),
    )
    return replace(made, type=OptionType.CHOICE) if made.choices else made


def _click_options(node: Function) -> Iterator[CommandOption]:
    for decorator in node.decorator_list:
        if not isinstance(decorator, ast.Call):
            continue
        last = dotted_name(decorator.func).rpartition(".")[2]
        flags = [text for item in decorator.args if (text := _string(item))]
        words = {word.arg: word.value for word in decorator.keywords}
        if last == "option" and flags and not {"hidden", "prompt"} & set(words):
            yield option_of(flags, words)
        elif last == "option" and flags and "prompt" in words:
            yield replace(option_of(flags, words), required=True)
        elif last == "argument" and flags:
            made = option_of([], words, flags[0])
            required = "default" not in words and not _is_false(words.get("required")) and made.count != -1
            yield replace(made, flag="", required=required or _is_true(words.get("required")))


def _typer_options(graph: CallGraph, found: Found, node: Function) -> Iterator[CommandOption]:
    plain = [*node.args.posonlyargs, *node.args.args]
    defaults = [None] * (len(plain) - len(node.args.defaults)) + list(node.args.defaults)
    pairs = [*zip(plain, defaults, strict=True), *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)]
    for arg, default in pairs:
        annotation, declared = _split_annotation(arg.annotation)
        if annotated_with(ast.unparse(annotation) if annotation else "", "Context"):
            continue
        if isinstance(default, ast.Call) and dotted_name(default.func).rpartition(".")[2] in ("Option", "Argument"):
            yield _typer_option(graph, found, arg.arg, annotation, default, _declared_default(default))
        else:
            yield _typer_option(graph, found, arg.arg, annotation, declared, default)


def _typer_option(
    graph: CallGraph,
    found: Found,
    name: str,
    annotation: ast.expr | None,
    declared: ast.Call | None,
    default: ast.expr | None,
) -> CommandOption:
    kind = dotted_name(declared.func).rpartition(".")[2] if declared else ""
    is_argument = kind == "Argument" or (not kind and default is None)
    flags = [text for item in (declared.args if declared else []) if (text := _string(item)).startswith("-")]
    words: dict[str | None, ast.expr] = {word.arg: word.value for word in declared.keywords} if declared else {}
    text = ast.unparse(annotation) if annotation else "str"
    many = text.replace("typing.", "").startswith(("list[", "List["))
    inner = text.partition("[")[2].rstrip("]") if many else text.replace("Optional[", "").rstrip("]").split(" | ")[0]
    choices = _enum_values(graph, found, inner)
    kind_of = _TYPES.get(inner.rpartition(".")[2], OptionType.TEXT)
    if kind_of is OptionType.PATH and _is_true(words.get("exists")):
        kind_of = OptionType.FILE
    made = option_of(flags or ([] if is_argument else [f"--{name.replace('_', '-')}"]), words, name)
    return replace(
        made,
        flag="" if is_argument else made.flag,
        type=OptionType.CHOICE if choices else kind_of,
        choices=choices,
        required=default is None or ast.unparse(default) == "...",
        default=ast.unparse(default) if default is not None else None,
        off=made.off or (f"--no-{name.replace('_', '-')}" if kind_of is OptionType.FLAG and not flags else ""),
        multiple=many,
    )


def _split_annotation(node: ast.expr | None) -> tuple[ast.expr | None, ast.Call | None]:
    """The type of a parameter, and the ``typer.Option`` or ``typer.Argument`` beside it."""
    if isinstance(node, ast.Subscript) and dotted_name(node.value).rpartition(".")[2] == "Annotated":
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return parts[0], next((item for item in parts[1:] if isinstance(item, ast.Call)), None)
    return node, None


def _declared_default(call: ast.Call) -> ast.expr | None:
    if call.args and not _string(call.args[0]).startswith("-"):
        return call.args[0]
    return {word.arg: word.value for word in call.keywords}.get("default")


def _enum_values(graph: CallGraph, found: Found, name: str) -> tuple[str, ...]:
    made = graph.resolve(found.facts, name) if name.replace(".", "").isidentifier() else None
    if made is None or not isinstance(made.item.node, ast.ClassDef):
        return ()
    if not any("Enum" in ast.unparse(base) for base in made.item.node.bases):
        return ()
    return tuple(
        _string(item.value) for item in made.item.node.body if isinstance(item, ast.Assign) and _string(item.value)
    )


def _type_of(node: ast.expr | None, default: ast.expr | None, name: str) -> OptionType:
    if node is None:
        value = ast.literal_eval(default) if default is not None and is_literal(default) else None
        if isinstance(value, bool):
            return OptionType.FLAG
        if isinstance(value, int | float):
            return OptionType.INTEGER if isinstance(value, int) else OptionType.NUMBER
        return OptionType.PATH if FILE_NAMES.search(name) else OptionType.TEXT
    kind = _TYPES.get(dotted_name(node).rpartition(".")[2], OptionType.TEXT)
    words = {word.arg: word.value for word in node.keywords} if isinstance(node, ast.Call) else {}
    if kind is OptionType.PATH and _is_true(words.get("exists")):
        return OptionType.FOLDER if _is_false(words.get("file_okay")) else OptionType.FILE
    mode = _string(node.args[0]) if kind is OptionType.FILE and isinstance(node, ast.Call) and node.args else ""
    return OptionType.PATH if mode.startswith(("w", "a", "x")) else kind


def _choices(node: ast.expr | None) -> tuple[str, ...]:
    if not isinstance(node, ast.Call) or dotted_name(node.func).rpartition(".")[2] != "Choice" or not node.args:
        return ()
    items = node.args[0].elts if isinstance(node.args[0], ast.List | ast.Tuple) else []
    return tuple(text for item in items if (text := _string(item)))


def _count(node: ast.expr | None) -> int:
    value = ast.literal_eval(node) if node is not None and is_literal(node) else 1
    return value if isinstance(value, int) else 1


def meaning_of(facts: ModuleFacts, node: ast.expr) -> str:
    """The dotted name of a decorator or callee with the import that it starts with followed."""
    name = dotted_name(node)
    head, _, tail = name.partition(".")
    module, taken = facts.imported.get(head, ("", None))
    return ".".join(part for part in (module, taken, tail) if part) if module else name


def _given_name(call: ast.Call | None) -> str:
    if call is None:
        return ""
    named = {word.arg: word.value for word in call.keywords}.get("name")
    return _string(named) or (_string(call.args[0]) if call.args else "")


def _string(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _is_false(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False
