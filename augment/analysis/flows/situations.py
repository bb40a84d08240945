"""What code shares with the world around it (module state, environment, files), and what a test puts there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from augment.analysis.examples import is_literal
from augment.analysis.facts import Found, ModuleFacts, ProjectFacts
from augment.analysis.flows.callgraph import CallGraph, Named
from augment.analysis.flows.model import Replacement, Situation
from augment.analysis.source import dotted_name, statements

FILE_NAME = re.compile(r"^[\w./~-]*\w\.(db|sqlite3?|json|jsonl|csv|tsv|txt|ya?ml|toml|ini|cfg|log|pickle|pkl|xml|md)$")
PATH_WORDS = re.compile(r"(^|_)(path|file|filename|db|database|dir|directory|folder|home)($|_)", re.IGNORECASE)
_CONTAINERS = frozenset({"dict", "list", "set", "defaultdict", "deque", "Counter", "OrderedDict"})
_CHANGING = frozenset(
    {"append", "add", "update", "pop", "remove", "extend", "clear", "setdefault", "insert", "discard", "popitem"}
    | {"appendleft", "popleft"}
)
_READ_VARIABLE = frozenset({"os.environ.get", "os.getenv", "environ.get", "getenv"})
_MAX_REPLACEMENTS = 6
MAX_KEYS = 8
MAX_WORDS = 6


@dataclass(slots=True)
class _Traits:
    """What one function shares with the world: fields as in :class:`Situation`, values with the names it reads."""

    values: list[tuple[Named, str]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    in_folder: bool = False


class Situations:
    """Finds what a flow shares with the world, from the functions that it reaches."""

    def __init__(self, facts: ProjectFacts, graph: CallGraph) -> None:
        self._facts, self._graph = facts, graph
        self._traits: dict[str, _Traits] = {}
        self._fresh_values: dict[str, tuple[str, tuple[str, ...]]] = {}

    def of(self, reached: Iterable[str]) -> Situation:
        """What to put in place before anything that runs the functions ``reached``."""
        replacements: dict[str, Replacement] = {}
        environment: dict[str, str] = {}
        keys: dict[str, None] = {}
        words: dict[str, None] = {}
        in_folder = False
        for traits in (self._traits_of(key) for key in reached):
            for value, place in traits.values:
                self._replace(replacements, value, place)
            environment |= traits.environment
            keys |= dict.fromkeys(traits.keys)
            words |= dict.fromkeys(traits.words)
            in_folder = in_folder or traits.in_folder
        chosen = tuple(replacements.values())[:_MAX_REPLACEMENTS]
        said = tuple(word for word in words if word not in keys)[:MAX_WORDS]
        return Situation(chosen, tuple(sorted(environment.items())), in_folder, tuple(keys)[:MAX_KEYS], said)

    def _traits_of(self, key: str) -> _Traits:
        if key not in self._traits:
            found = self._graph.functions.get(key)
            known = found is not None and not isinstance(found.item.node, ast.ClassDef)
            self._traits[key] = self._read(found) if known and found is not None else _Traits()
        return self._traits[key]

    def _read(self, found: Found) -> _Traits:
        node = found.item.node
        traits = _Traits(environment=dict(_environment(node)), keys=list(_keys_read(node)))
        traits.in_folder = _has_relative_file(node)
        for name in _loaded(found):
            value = self._graph.value(found.facts, name)
            if value is not None:
                traits.values.append((value, f"{found.facts.module}.{name}"))
                traits.words += _words_in(value.expression)
        traits.words += [word for part in node.body for word in _words_in(part)]
        return traits

    # ----- state of modules

    def _replace(self, replacements: dict[str, Replacement], value: Named, place: str) -> None:
        """Add the replacement of a value under the name by which it is read."""
        known = replacements.get(value.path)
        if known is None:
            if value.path not in self._fresh_values:
                self._fresh_values[value.path] = self._fresh(value.home, value.name, value.expression)
            text, imports = self._fresh_values[value.path]
            if text:
                replacements[value.path] = Replacement((place,), text, imports)
        elif place not in known.places:
            replacements[value.path] = replace(known, places=(*known.places, place))

    def _fresh(self, home: ModuleFacts, name: str, expression: ast.expr) -> tuple[str, tuple[str, ...]]:
        """The expression that makes a fresh value of a module's name, '' where it can stay as it is."""
        setting = _path_setting(name, expression)
        if setting:
            return setting, ()
        if _is_container(expression) and _is_changed(home, name):
            return ast.unparse(expression), self._imports(home, expression)
        if is_literal(expression) and _is_global(home, name):
            return ast.unparse(expression), ()
        if isinstance(expression, ast.Call) and self._holds_state(home, expression):
            return ast.unparse(expression), self._imports(home, expression)
        return "", ()

    def _holds_state(self, home: ModuleFacts, call: ast.Call) -> bool:
        """Whether a call makes a counter, or an object of the project whose methods change it."""
        name = dotted_name(call.func)
        arguments = [*call.args, *(word.value for word in call.keywords)]
        if not all(is_literal(item) or self._is_state(home, item) for item in arguments):
            return False
        if name.rpartition(".")[2] == "count" and home.imported.get(name.partition(".")[0], ("",))[0] == "itertools":
            return True
        made = self._graph.resolve(home, name)
        return made is not None and isinstance(made.item.node, ast.ClassDef) and _changes_itself(made.item.node)

    def _is_state(self, home: ModuleFacts, node: ast.expr) -> bool:
        return isinstance(node, ast.Call) and self._holds_state(home, node)

    def _imports(self, home: ModuleFacts, expression: ast.expr) -> tuple[str, ...]:
        lines: dict[str, None] = {}
        for item in ast.walk(expression):
            if not isinstance(item, ast.Name):
                continue
            if item.id in home.defined:
                lines[f"from {home.module} import {item.id}"] = None
            elif item.id in home.imported:
                module, name = home.imported[item.id]
                alias = f" as {item.id}" if item.id != (name or module.partition(".")[0]) else ""
                lines[f"from {module} import {name}{alias}" if name else f"import {module}{alias}"] = None
        return tuple(lines)


def _loaded(found: Found) -> list[str]:
    """The names that a function's body reads, dotted ones in full; defaults and annotations left out."""
    names: dict[str, None] = {}
    body = found.item.node.body
    for statement in body:
        for item in ast.walk(statement):
            if isinstance(item, ast.Name):
                names[item.id] = None
            elif isinstance(item, ast.Attribute) and (name := dotted_name(item)):
                names[name] = None
    return list(names)


def _path_setting(name: str, expression: ast.expr) -> str:
    """A place in the test's folder for a constant that names a file, '' for any other."""
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
        text = expression.value
        if FILE_NAME.match(text) and PATH_WORDS.search(name):
            return f"str(tmp_path / {text.rpartition('/')[2]!r})"
        return ""
    source = ast.unparse(expression)
    if not re.match(r"(pathlib\.)?Path\b|os\.path\.", source) or not PATH_WORDS.search(name):
        return ""
    names = re.findall(r"['\"]([\w.~-]*\w\.\w{2,6})['\"]", source)
    if not names:
        return ""
    place = f"tmp_path / {names[-1]!r}"
    return f"str({place})" if source.startswith("os.path.") else place


def _is_container(expression: ast.expr) -> bool:
    if isinstance(expression, ast.Dict | ast.List | ast.Set):
        return is_literal(expression)
    if not isinstance(expression, ast.Call):
        return False
    arguments = (item for item in expression.args if not isinstance(item, ast.Name))
    return dotted_name(expression.func).rpartition(".")[2] in _CONTAINERS and all(
        is_literal(item) for item in arguments
    )


def _is_changed(home: ModuleFacts, name: str) -> bool:
    """Whether a function of the module puts something into the container."""
    parts = (part for found in home.defined.values() for part in ast.walk(found.node))
    return any(_changed_by(part) == name for part in parts)


def _changed_by(item: ast.AST) -> str:
    """The dotted name of what a node puts something into or takes something out of, '' for any other node."""
    if isinstance(item, ast.Call) and isinstance(item.func, ast.Attribute) and item.func.attr in _CHANGING:
        return dotted_name(item.func.value)
    is_item = isinstance(item, ast.Subscript) and isinstance(item.ctx, ast.Store | ast.Del)
    return dotted_name(item.value) if is_item and isinstance(item, ast.Subscript) else ""


def _is_global(home: ModuleFacts, name: str) -> bool:
    functions = (found.node for found in home.defined.values())
    return any(isinstance(item, ast.Global) and name in item.names for node in functions for item in ast.walk(node))


def _changes_itself(node: ast.ClassDef) -> bool:
    """Whether a method other than the constructor assigns to ``self`` or changes something that it holds."""
    functions = (item for item in statements(node.body) if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef))
    methods = (item for item in functions if item.name not in ("__init__", "__post_init__"))
    return any(_touches_self(part) for method in methods for part in ast.walk(method))


def _touches_self(item: ast.AST) -> bool:
    if isinstance(item, ast.Attribute) and isinstance(item.ctx, ast.Store | ast.Del):
        return ast.unparse(item).startswith("self.")
    return _changed_by(item).startswith("self.")


def _environment(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The environment variables that a function reads, with what a test should have them hold."""
    for item in ast.walk(node):
        if isinstance(item, ast.Call) and dotted_name(item.func) in _READ_VARIABLE:
            name = _text(item.args[0]) if item.args else ""
            if name:
                yield name, _variable(name, item.args[1] if len(item.args) > 1 else None, required=False)
        elif isinstance(item, ast.Subscript) and dotted_name(item.value) in ("os.environ", "environ"):
            name = _text(item.slice)
            if name and isinstance(item.ctx, ast.Load):
                yield name, _variable(name, None, required=True)


def _variable(name: str, default: ast.expr | None, *, required: bool) -> str:
    if PATH_WORDS.search(name):
        given = re.search(r"([\w-]+\.\w{2,6})['\"]?\)*$", ast.unparse(default)) if default is not None else None
        folder = re.search(r"(^|_)(DIR|DIRECTORY|FOLDER|HOME)$", name.upper())
        return "str(tmp_path)" if folder else f"str(tmp_path / {(given[1] if given else 'data.db')!r})"
    return "'value'" if required else ""


def _has_relative_file(node: ast.AST) -> bool:
    """Whether a function names a file by a relative path, in its body or as a default; variables' defaults aside."""
    pending: list[ast.AST] = [node]
    while pending:
        item = pending.pop()
        if isinstance(item, ast.Call) and dotted_name(item.func) in _READ_VARIABLE:
            continue
        text = _text(item) if isinstance(item, ast.Constant) else ""
        if FILE_NAME.match(text) and not text.startswith(("/", "~")):
            return True
        pending += ast.iter_child_nodes(item)
    return False


def _keys_read(node: ast.AST) -> Iterator[str]:
    """The string keys that a function reads by subscript."""
    for item in ast.walk(node):
        is_read = isinstance(item, ast.Subscript) and isinstance(item.ctx, ast.Load)
        if is_read and isinstance(item, ast.Subscript) and not dotted_name(item.value).endswith("environ"):
            key = _text(item.slice)
            if key.isidentifier():
                yield key


def _words_in(node: ast.AST) -> Iterator[str]:
    """The short strings that code compares with or has as keys and members: what it may expect to be given."""
    for item in ast.walk(node):
        parts: list[ast.expr | None] = []
        if isinstance(item, ast.Compare) and isinstance(item.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn):
            parts = [*item.comparators]
        elif isinstance(item, ast.Dict) and len(item.keys) > 1 and all(not _is_text(value) for value in item.values):
            parts = [*item.keys]
        elif isinstance(item, ast.Set | ast.List | ast.Tuple):
            parts = [*item.elts]
        for part in parts:
            text = _text(part) if part is not None else ""
            if re.fullmatch(r"[\w.+-]{2,20}", text):
                yield text


def _is_text(node: ast.expr) -> bool:
    return not isinstance(node, ast.Constant) or isinstance(node.value, str)


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
