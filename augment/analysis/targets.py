"""What is worth testing in a module, and what changed among it."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from augment.analysis.model import Change, ChangeKind
from augment.analysis.project import module_of
from augment.analysis.source import (
    Definition,
    Function,
    ReadSource,
    decorator_names,
    definitions,
    first_line,
    last_line,
    parse,
    problem_of,
    read_source,
    statements,
    tree_hash,
)
from augment.records import Project, Snapshot, Target, TargetKind

ABSTRACT_BASES = frozenset({"ABC", "Protocol"})
WORTHWHILE_DUNDERS = frozenset({"__init__", "__post_init__", "__new__", "__call__"})
"""Other dunders are tested when they do something; these are reached through the class when they only store."""


@dataclass(frozen=True)
class Defined:
    """A definition in its module. ``owner`` is the class around a method."""

    qualname: str
    node: Definition
    owner: ast.ClassDef | None = None


def defined_in(tree: ast.Module) -> list[Defined]:
    """Functions, classes and methods of a module, conditional and nested-class ones included; not those in functions.

    Where a name is defined more than once, the last definition counts, as at run time; ``@overload`` does not count.
    """
    found: dict[str, Defined] = {}
    for item in _defined(tree.body, "", None):
        if "overload" not in decorator_names(item.node):
            key = _key(item)
            found[key] = replace(item, qualname=key)
    return list(found.values())


def targets_of(source: str, module: str, file: str) -> list[Target]:
    """The targets of a module that are worth testing, in order of the text. Raises SyntaxError.

    Left out: overloads, stubs, abstract bodies, the ``__main__`` guard, dunder methods that only store or forward, and
    what lies under ``if TYPE_CHECKING``. A class is a target of its own when it has behaviour of its own.
    """
    return [_target(item, module, file) for item in defined_in(parse(source)) if is_worth_testing(item)]


def project_targets(
    project: Project,
    snapshot: Snapshot,
    read: ReadSource | None = None,
    on_problem: Callable[[str, str], None] | None = None,
) -> list[Target]:
    """The targets of all modules. A file that does not parse is skipped and told to ``on_problem(file, why)``."""
    found: list[Target] = []
    for file in sorted(snapshot.files):
        module = module_of(project, file)
        if module is None:
            continue
        source = read(file) if read else read_source(project.root, file)
        try:
            if source is None:
                raise SyntaxError("cannot be read or decoded")
            found += targets_of(source, module, file)
        except SyntaxError as error:
            if on_problem:
                on_problem(file, problem_of(error))
    return found


def diff_targets(old: Iterable[Target], new: Iterable[Target]) -> list[Change]:
    """What became of each target. Unchanged targets are left out, also those whose line numbers shifted.

    Renamed means the same code under another name in the same file; moved, in another file or module.
    """
    before, after = {target.id: target for target in old}, {target.id: target for target in new}
    gone = [target for key, target in before.items() if key not in after]
    come = [target for key, target in after.items() if key not in before]
    changes = [
        Change(ChangeKind.MODIFIED, target, before[key])
        for key, target in after.items()
        if key in before and before[key].hash != target.hash
    ]
    changes += [
        Change(ChangeKind.MOVED, target, before[key])
        for key, target in after.items()
        if key in before and before[key].hash == target.hash and before[key].file != target.file
    ]
    by_body: defaultdict[tuple[TargetKind, str], list[Target]] = defaultdict(list)
    for target in gone:
        by_body[target.kind, body_hash(target)].append(target)
    for target in come:
        previous = _closest(target, by_body[target.kind, body_hash(target)])
        changes.append(_arrival(target, previous))
    left = [target for targets in by_body.values() for target in targets]
    changes += [Change(ChangeKind.DELETED, target, target) for target in left]
    return sorted(changes, key=lambda change: (change.target.file, change.target.lineno, change.target.id))


def body_hash(target: Target) -> str:
    """The part of a target's hash that a rename leaves as it is."""
    return target.hash.partition("-")[2]


def is_abstract(node: Definition) -> bool:
    """Whether a class cannot or should not be instantiated itself, or a method is declared abstract."""
    if not isinstance(node, ast.ClassDef):
        return any(name.startswith("abstract") for name in decorator_names(node))
    bases = {ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases}
    bases |= {ast.unparse(word.value).rpartition(".")[2] for word in node.keywords if word.arg == "metaclass"}
    declared = any(is_abstract(item) for item in node.body if isinstance(item, Function))
    return "Protocol" in bases or (declared and bool(bases & {"ABC", "ABCMeta"})) or declared


def is_stub(node: Function) -> bool:
    """Whether the body does nothing: a docstring, ``pass``, ``...`` or ``raise NotImplementedError``."""
    return all(_is_nothing(item) for item in node.body)


def is_worth_testing(item: Defined) -> bool:
    """Whether a test of this definition could tell anything."""
    node = item.node
    if isinstance(node, ast.ClassDef):
        return any(not is_stub(method) for method in node.body if isinstance(method, Function))
    if is_stub(node) or is_abstract(node):
        return False
    if node.name.startswith("__") and node.name.endswith("__"):
        return node.name not in {"__repr__", "__del__", "__getstate__", "__setstate__"} and not _only_stores(node)
    return True


# --------------------------------------------------------------------------- internals


def _defined(body: list[ast.stmt], prefix: str, owner: ast.ClassDef | None) -> Iterator[Defined]:
    hidden = {id(inner) for node in body for inner in _hidden_suite(node)}
    for node in definitions([item for item in body if id(item) not in hidden]):
        if id(node) in hidden:
            continue
        qualname = f"{prefix}{node.name}"
        yield Defined(qualname, node, owner)
        if isinstance(node, ast.ClassDef):
            yield from _defined(node.body, f"{qualname}.", node)


def _hidden_suite(node: ast.stmt) -> list[ast.stmt]:
    """Statements that no importer ever sees run: under ``TYPE_CHECKING`` and under the ``__main__`` guard."""
    if isinstance(node, ast.If):
        test = ast.unparse(node.test)
        if test.endswith("TYPE_CHECKING") and not test.startswith("not "):
            return list(statements(node.body))
        if test.startswith("__name__ =="):
            return list(statements(node.body))
    return []


def _key(item: Defined) -> str:
    """The qualname; a property's setter and deleter are kept apart from its getter."""
    names = decorator_names(item.node)
    return f"{item.qualname}.{names[0]}" if names and names[0] in ("setter", "deleter") else item.qualname


def _target(item: Defined, module: str, file: str) -> Target:
    node = item.node
    if isinstance(node, ast.ClassDef):
        kind = TargetKind.CLASS
    else:
        kind = TargetKind.METHOD if item.owner else TargetKind.FUNCTION
    return Target(
        module=module,
        qualname=item.qualname,
        kind=kind,
        file=file,
        lineno=first_line(node),
        end_lineno=last_line(node),
        hash=f"{tree_hash(node)}-{tree_hash(node, without_name=True)}",
        is_async=isinstance(node, ast.AsyncFunctionDef),
        is_abstract=is_abstract(node),
    )


def _is_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.Raise):
        return node.exc is not None and "NotImplementedError" in ast.unparse(node.exc)
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _only_stores(node: Function) -> bool:
    """Whether a method only assigns its plain arguments to attributes, or only calls the same method above."""
    return all(_is_nothing(item) or _stores(item) or _forwards(item) for item in node.body)


def _stores(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.Name | ast.Constant):
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return all(isinstance(target, ast.Attribute) for target in targets)


def _forwards(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and ast.unparse(node.value).startswith("super()")


def _closest(target: Target, choices: list[Target]) -> Target | None:
    """Take the likeliest origin out of ``choices``: the same file first, then the same name."""
    if not choices:
        return None
    best = max(choices, key=lambda item: (item.qualname == target.qualname, item.file == target.file))
    choices.remove(best)
    return best


def _arrival(target: Target, previous: Target | None) -> Change:
    if previous is None:
        return Change(ChangeKind.ADDED, target)
    same_place = previous.file == target.file and previous.module == target.module
    return Change(ChangeKind.RENAMED if same_place else ChangeKind.MOVED, target, previous)
