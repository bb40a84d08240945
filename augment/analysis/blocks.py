"""Two texts of one module -> the smallest blocks of old lines whose execution can tell them apart.

The idea is that of block-level change tracking: a test that ran no statement of a changed block takes the same path as
before. What runs on import is kept apart, because every importer may see it. Where a change could matter without its
lines being run (a name becoming local, a function becoming a generator), the whole function is the block.
"""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher

from augment.analysis.model import ChangedBlock
from augment.analysis.source import Definition, Function, first_line, last_line, parse, same_tree, suites

BUILTIN_NAMES = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}
AGAIN = "#"
SCOPE_MARKERS = (ast.Yield, ast.YieldFrom, ast.Await, ast.Global, ast.Nonlocal)


def changed_lines(old_source: str, new_source: str) -> tuple[ChangedBlock, ...]:
    """The changed blocks, in line numbers of ``old_source``; none when only comments or formatting differ.

    Raises SyntaxError when either text does not parse.
    """
    return changed_trees(parse(old_source), parse(new_source))


def changed_trees(old: ast.Module, new: ast.Module) -> tuple[ChangedBlock, ...]:
    """The changed blocks between two syntax trees, in line numbers of ``old``."""
    return tuple(dict.fromkeys(_Blocks(old, new).of_module()))


def line_map(old_source: str, new_source: str) -> dict[int, int]:
    """Old line number -> new line number of every line whose text stayed (1-based)."""
    old = [line.strip() for line in old_source.split("\n")]
    new = [line.strip() for line in new_source.split("\n")]
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    same = {index + 1: index + 1 for index in range(head)}
    middle = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False)
    for match in middle.get_matching_blocks():
        same |= {head + match.a + step + 1: head + match.b + step + 1 for step in range(match.size)}
    return same | {len(old) - step: len(new) - step for step in range(tail)}


class _Blocks:
    """The comparison of two modules."""

    def __init__(self, old: ast.Module, new: ast.Module) -> None:
        self._old, self._new = old, new
        self._used = {node.id for node in ast.walk(old) if isinstance(node, ast.Name)}
        self._known = _bound(new.body) | BUILTIN_NAMES

    def of_module(self) -> Iterator[ChangedBlock]:
        yield from self._on_import(self._old.body, self._new.body, "", None)

    # ----- code that runs on import: modules and class bodies

    def _on_import(
        self, old: list[ast.stmt], new: list[ast.stmt], scope: str, owner: ast.ClassDef | None
    ) -> Iterator[ChangedBlock]:
        before, after = _by_name(old), _by_name(new)
        for name, node in before.items():
            if name in after:
                yield from self._definition(node, after[name], scope)
            else:
                yield self._removed(node, scope, None if AGAIN in name else owner)
        for name, added in after.items():
            if name not in before and (AGAIN in name or not self._is_harmless(added, owner)):
                yield ChangedBlock(0, 0, scope, on_import=True)
        yield from self._plain_statements(old, new, scope)

    def _plain_statements(self, old: list[ast.stmt], new: list[ast.stmt], scope: str) -> Iterator[ChangedBlock]:
        named_old, named_new = {id(node) for node in _by_name(old).values()}, {id(n) for n in _by_name(new).values()}
        plain_old = [node for node in old if id(node) not in named_old]
        plain_new = [node for node in new if id(node) not in named_new]
        dumps_old, dumps_new = [ast.dump(node) for node in plain_old], [ast.dump(node) for node in plain_new]
        for tag, i, j, k, m in SequenceMatcher(None, dumps_old, dumps_new, autojunk=False).get_opcodes():
            if tag == "equal" or (tag == "insert" and all(self._is_new_constant(node) for node in plain_new[k:m])):
                continue
            gone = plain_old[i:j]
            start, end = (first_line(gone[0]), last_line(gone[-1])) if gone else (0, 0)
            yield ChangedBlock(start, end, scope, on_import=True)

    def _definition(self, old: Definition, new: Definition, scope: str) -> Iterator[ChangedBlock]:
        if same_tree(old, new):
            return
        name = f"{scope}.{old.name}" if scope else old.name
        if isinstance(old, ast.ClassDef) and isinstance(new, ast.ClassDef) and _header(old) == _header(new):
            yield from self._on_import(old.body, new.body, name, new)
        elif isinstance(old, Function) and isinstance(new, Function) and _runs_same(old, new):
            yield from _function(old, new, name)
        else:
            yield ChangedBlock(first_line(old), last_line(old), name, on_import=True)

    def _removed(self, node: Definition, scope: str, owner: ast.ClassDef | None) -> ChangedBlock:
        name = f"{scope}.{node.name}" if scope else node.name
        inherits = owner is not None and bool(owner.bases or owner.keywords or owner.decorator_list)
        lone_method = owner is not None and not inherits and isinstance(node, Function)
        return ChangedBlock(_body_start(node), last_line(node), name, on_import=not lone_method)

    def _is_harmless(self, node: Definition, owner: ast.ClassDef | None) -> bool:
        """Whether nothing that ran before can notice that ``node`` is defined now."""
        if not _names_run_on_import(node) <= self._known or {ast.unparse(item) for item in node.decorator_list} - {
            "dataclass"
        }:
            return False
        if isinstance(node, ast.ClassDef):
            bases = {ast.unparse(base) for base in node.bases}
            return owner is None and bases <= BUILTIN_NAMES and not node.keywords and self._is_new(node.name)
        if owner is not None:
            return not (owner.bases or owner.keywords or owner.decorator_list or node.name.startswith("__"))
        return self._is_new(node.name)

    def _is_new(self, name: str) -> bool:
        return name not in self._used and name not in BUILTIN_NAMES and name not in _bound(self._old.body)

    def _is_new_constant(self, node: ast.stmt) -> bool:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Constant):
            return False
        return all(isinstance(item, ast.Name) and self._is_new(item.id) for item in node.targets)


# --------------------------------------------------------------------------- code that runs when called


def _function(old: Function, new: Function, scope: str) -> Iterator[ChangedBlock]:
    if ast.dump(old.args) != ast.dump(new.args) or _scope_facts(old) != _scope_facts(new):
        yield ChangedBlock(_body_start(old), last_line(old), scope)
        return
    found = list(_suite(old.body, new.body, scope))
    # A block that coverage cannot see (only a docstring, say) stands for the whole function.
    yield from (block if block.start else ChangedBlock(_body_start(old), last_line(old), scope) for block in found)


def _suite(old: list[ast.stmt], new: list[ast.stmt], scope: str) -> Iterator[ChangedBlock]:
    dumps_old, dumps_new = [ast.dump(node) for node in old], [ast.dump(node) for node in new]
    for tag, i, j, k, m in SequenceMatcher(None, dumps_old, dumps_new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        if j - i == m - k and all(_header(a) == _header(b) for a, b in zip(old[i:j], new[k:m], strict=True)):
            for before, after in zip(old[i:j], new[k:m], strict=True):
                yield from _inner(before, after, scope)
        else:
            yield _anchored(old, i, j, scope)


def _inner(old: ast.stmt, new: ast.stmt, scope: str) -> Iterator[ChangedBlock]:
    """Two statements with the same header and other bodies."""
    if isinstance(old, ast.ClassDef):
        yield ChangedBlock(first_line(old), last_line(old), scope)
        return
    pairs = list(zip(suites(old), suites(new), strict=True))
    if any(bool(before) != bool(after) for before, after in pairs):
        yield ChangedBlock(first_line(old), last_line(old), scope)
        return
    for before, after in pairs:
        for block in _suite(before, after, scope):
            yield block if block.start else ChangedBlock(first_line(old), last_line(old), scope)


def _anchored(suite: Sequence[ast.stmt], start: int, end: int, scope: str) -> ChangedBlock:
    """The block ``suite[start:end]``, widened until it holds a statement whose execution coverage records.

    Code inserted between two statements is reached through the one before it.
    """
    while not any(_is_recorded(node) for node in suite[start:end]):
        if start > 0:
            start -= 1
        elif end < len(suite):
            end += 1
        else:
            return ChangedBlock(0, 0, scope)
    return ChangedBlock(first_line(suite[start]), last_line(suite[end - 1]), scope)


def _is_recorded(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return False
    return not (isinstance(node, ast.Global | ast.Nonlocal) or (isinstance(node, ast.AnnAssign) and node.value is None))


def _scope_facts(node: Function) -> tuple[frozenset[str], tuple[str, ...]]:
    """What makes a function compile otherwise as a whole: the names it binds, and whether it yields or awaits."""
    inner = [item for statement in node.body for item in ast.walk(statement)]
    stored = (item.id for item in inner if isinstance(item, ast.Name) and not isinstance(item.ctx, ast.Load))
    named = (item.name for item in inner if isinstance(item, Definition))
    imported = (alias.asname or alias.name for item in inner if isinstance(item, ast.alias) for alias in [item])
    markers = sorted({type(item).__name__ for item in inner if isinstance(item, SCOPE_MARKERS)})
    declared = sorted(ast.dump(item) for item in inner if isinstance(item, ast.Global | ast.Nonlocal))
    return frozenset([*stored, *named, *imported]), (*markers, *declared)


# --------------------------------------------------------------------------- helpers


def _by_name(body: list[ast.stmt]) -> dict[str, Definition]:
    """Definitions that stand directly in a body; a later one of the same name (overloads, setters) as ``name#2``."""
    found: dict[str, Definition] = {}
    times: Counter[str] = Counter()
    for node in body:
        if isinstance(node, Definition):
            times[node.name] += 1
            again = f"{AGAIN}{times[node.name]}" if times[node.name] > 1 else ""
            found[node.name + again] = node
    return found


def _bound(body: list[ast.stmt]) -> frozenset[str]:
    """Names that a body binds, those in nested blocks included."""
    names: set[str] = set()
    for statement in body:
        if isinstance(statement, Definition):
            names.add(statement.name)
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.alias):
                names.add((node.asname or node.name).partition(".")[0])
            elif isinstance(node, Definition):
                names.add(node.name)
    return frozenset(names)


def _names_run_on_import(node: Definition) -> set[str]:
    """Names that defining ``node`` looks up: in its header, and for a class in its body."""
    parts = [_without_bodies(node)]
    if isinstance(node, ast.ClassDef):
        parts += [_without_bodies(item) for item in node.body]
    names = {item.id for part in parts for item in ast.walk(part) if isinstance(item, ast.Name)}
    return names - _bound(node.body) if isinstance(node, ast.ClassDef) else names


def _body_start(node: Definition) -> int:
    return first_line(node.body[0])


def _runs_same(old: Function, new: Function) -> bool:
    """Whether importing either definition runs the same code: decorators, annotations and computed defaults."""
    if type(old) is not type(new) or _dumps(old.decorator_list) != _dumps(new.decorator_list):
        return False
    if ast.dump(old.args) != ast.dump(new.args) and old.decorator_list:
        return False
    return _evaluated(old) == _evaluated(new)


def _evaluated(node: Function) -> list[str]:
    defaults = [item for item in [*node.args.defaults, *node.args.kw_defaults] if item is not None]
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    annotations = [item.annotation for item in arguments if item.annotation] + [node.returns] * bool(node.returns)
    return _dumps([item for item in [*defaults, *annotations] if item and not isinstance(item, ast.Constant)])


def _dumps(nodes: Sequence[ast.AST]) -> list[str]:
    return [ast.dump(node) for node in nodes]


def _header(node: ast.stmt) -> str:
    """A compound statement without its bodies; a plain statement whole."""
    return ast.dump(_without_bodies(node))


def _without_bodies(node: ast.stmt) -> ast.AST:
    if not suites(node):
        return node
    make: Callable[..., ast.AST] = type(node)
    return make(**{name: _emptied(name, value) for name, value in ast.iter_fields(node)})


def _emptied(name: str, value: object) -> object:
    if name in ("body", "orelse", "finalbody"):
        return []
    if name in ("handlers", "cases") and isinstance(value, list):
        return [
            type(item)(**{key: [] if key == "body" else val for key, val in ast.iter_fields(item)}) for item in value
        ]
    return value
