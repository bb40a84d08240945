"""Command lines read by argparse: the functions that parse them, and what they take."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from augment.analysis.facts import Found, ProjectFacts
from augment.analysis.flows.callgraph import CallGraph
from augment.analysis.flows.commands import FILE_NAMES, option_of
from augment.analysis.flows.model import CommandLevel, CommandOption, OptionType
from augment.analysis.source import Function, dotted_name

MAX_WAYS = 8
"""Sub-commands of one program."""
_SEARCHED = 3
"""How many calls lie between a program's main function and the one that adds the arguments, at most."""


@dataclass(frozen=True, slots=True)
class FoundParser:
    """A function that parses a command line, and one way of calling it. Fields as in ``ParserFlow``."""

    found: Found
    takes_words: bool
    returns_parser: bool
    exits: bool
    levels: tuple[CommandLevel, ...]


@dataclass(slots=True)
class _Tree:
    """The parsers that one function builds, by the local name of each."""

    options: dict[str, list[CommandOption]] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    root: str = ""


def find_parsers(facts: ProjectFacts, graph: CallGraph) -> Iterator[FoundParser]:
    """Each way of calling each function of the project that parses a command line."""
    for found in graph.functions.values():
        node = found.item.node
        if not isinstance(node, Function) or found.item.owner is not None or node.name.startswith("__"):
            continue
        if "parse_args" not in found.facts.source and "ArgumentParser" not in found.facts.source:
            continue
        parses = _parsing_call(node)
        builds = _builds_parser(node)
        if not parses and not (builds and _returns_it(node)):
            continue
        tree = _tree_of(graph, found)
        if tree is None:
            continue
        takes = parses is not None and _takes_words(node, parses)
        required = len(node.args.args) - len(node.args.defaults)
        if required > (1 if takes else 0):
            continue
        for levels in _ways(tree):
            yield FoundParser(found, takes, not parses, _exits(node), levels)


def _parsing_call(node: ast.AST) -> ast.Call | None:
    calls = (item for item in ast.walk(node) if isinstance(item, ast.Call) and isinstance(item.func, ast.Attribute))
    return next((call for call in calls if getattr(call.func, "attr", "") in ("parse_args", "parse_known_args")), None)


def _builds_parser(node: ast.AST) -> bool:
    return any(_is_parser(item) for item in ast.walk(node) if isinstance(item, ast.Call))


def _is_parser(call: ast.Call) -> bool:
    return dotted_name(call.func).rpartition(".")[2] == "ArgumentParser"


def _returns_it(node: Function) -> bool:
    """Whether the parser that a function builds is what it returns."""
    made = {
        target.id
        for item in ast.walk(node)
        if isinstance(item, ast.Assign) and isinstance(item.value, ast.Call) and _is_parser(item.value)
        for target in item.targets
        if isinstance(target, ast.Name)
    }
    returned = [item.value for item in ast.walk(node) if isinstance(item, ast.Return)]
    return any(isinstance(value, ast.Name) and value.id in made for value in returned)


def _takes_words(node: Function, call: ast.Call) -> bool:
    """Whether the first parameter is what is parsed."""
    names = [arg.arg for arg in node.args.args]
    return bool(names and call.args) and names[0] in {item.id for item in ast.walk(call) if isinstance(item, ast.Name)}


def _exits(node: ast.AST) -> bool:
    """Whether a function ends the process in so many words."""
    for item in ast.walk(node):
        if isinstance(item, ast.Call) and dotted_name(item.func) in ("sys.exit", "exit", "parser.exit"):
            return True
        if isinstance(item, ast.Raise) and item.exc is not None and dotted_name(item.exc) == "SystemExit":
            return True
    return False


def _tree_of(graph: CallGraph, found: Found) -> _Tree | None:
    """What the first function that adds arguments says, among ``found`` and those that it calls."""
    start = f"{found.facts.module}:{found.item.qualname}"
    waiting, seen = [start], {start}
    for _ in range(_SEARCHED):
        for key in waiting:
            candidate = graph.functions.get(key)
            if candidate and isinstance(candidate.item.node, Function) and _builds_parser(candidate.item.node):
                tree = _read(candidate.item.node)
                if tree.options:
                    return tree
        waiting = [callee for key in waiting for callee in graph.calls(key) if callee not in seen]
        seen.update(waiting)
    return None


def _read(node: Function) -> _Tree:
    tree = _Tree()
    found = [item for item in ast.walk(node) if isinstance(item, ast.Assign | ast.Call)]
    named: set[int] = set()
    for item in sorted(found, key=lambda part: (part.lineno, isinstance(part, ast.Call), part.col_offset)):
        if isinstance(item, ast.Assign):
            if isinstance(item.value, ast.Call) and isinstance(item.targets[0], ast.Name):
                named.add(id(item.value))
                _name_parser(tree, item.targets[0].id, item.value)
        elif isinstance(item.func, ast.Attribute) and item.func.attr == "add_parser" and id(item) not in named:
            _name_parser(tree, f"#{len(tree.words)}", item)
        elif isinstance(item.func, ast.Attribute) and item.func.attr == "add_argument":
            option = _argument(item)
            if option is not None:
                tree.options.setdefault(dotted_name(item.func.value), []).append(option)
    return tree


def _name_parser(tree: _Tree, name: str, call: ast.Call) -> None:
    attribute = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    owner = dotted_name(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    if _is_parser(call):
        tree.root = tree.root or name
        tree.options.setdefault(name, [])
    elif attribute in ("add_argument_group", "add_mutually_exclusive_group"):
        # Options of a group are options of its parser; of those that exclude each other none is asked for.
        tree.options[name] = tree.options.setdefault(owner, []) if attribute == "add_argument_group" else []
    elif attribute == "add_subparsers":
        tree.parents[name] = owner
    elif attribute == "add_parser" and call.args and isinstance(call.args[0], ast.Constant):
        if name in tree.words:  # the name is used again for the next sub-command
            _rename(tree, name, f"{name}#{len(tree.words)}")
        tree.words[name] = str(call.args[0].value)
        tree.parents[name] = tree.parents.get(owner, owner)
        tree.options[name] = []


def _rename(tree: _Tree, old: str, new: str) -> None:
    tree.words[new], tree.options[new] = tree.words.pop(old), tree.options.pop(old, [])
    tree.parents[new] = tree.parents[old]


def _argument(call: ast.Call) -> CommandOption | None:
    flags = [item.value for item in call.args if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    if not flags or len(flags) != len(call.args):
        return None
    words = {word.arg: word.value for word in call.keywords}
    action = ast.unparse(words["action"]).strip("'\"") if "action" in words else ""
    if action in ("version", "help"):
        return None
    named = flags[0][:1] == "-"
    made = option_of(flags if named else [], words, "" if named else flags[0])
    nargs = ast.unparse(words["nargs"]).strip("'\"") if "nargs" in words else ""
    is_flag = action.startswith("store_") or action == "count"
    kind = OptionType.FLAG if is_flag else _kind(made, words)
    choices = _listed(words.get("choices"))
    return replace(
        made,
        flag=made.flag or (flags[0] if named else ""),
        type=OptionType.CHOICE if choices else kind,
        choices=choices,
        required=made.required or (not named and nargs not in ("?", "*") and "default" not in words),
        multiple=nargs in ("+", "*"),
        count=int(nargs) if nargs.isdigit() else 1,
    )


def _kind(option: CommandOption, words: dict[str | None, ast.expr]) -> OptionType:
    given = dotted_name(words["type"]).rpartition(".")[2] if "type" in words else ""
    known = {"int": OptionType.INTEGER, "float": OptionType.NUMBER, "Path": OptionType.PATH}
    if given in known:
        return known[given]
    if given == "FileType":
        mode = ast.unparse(words["type"])
        return OptionType.PATH if "'w" in mode else OptionType.FILE
    if given in ("", "str"):
        return OptionType.PATH if FILE_NAMES.search(option.name) else option.type
    return OptionType.TEXT


def _listed(node: ast.expr | None) -> tuple[str, ...]:
    items = node.elts if isinstance(node, ast.List | ast.Tuple | ast.Set) else []
    return tuple(str(item.value) for item in items if isinstance(item, ast.Constant))


def _ways(tree: _Tree) -> Iterator[tuple[CommandLevel, ...]]:
    root = CommandLevel("", tuple(tree.options.get(tree.root, ())))
    if not tree.words:
        yield (root,)
    for key, word in list(tree.words.items())[:MAX_WAYS]:
        own = CommandLevel(word, tuple(tree.options.get(key, ())))
        above = tree.parents.get(key, "")
        middle = (CommandLevel(tree.words[above], tuple(tree.options.get(above, ()))),) if above in tree.words else ()
        yield (root, *middle, own)
