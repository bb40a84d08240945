"""What of the world outside a target depends on: names that are not the project's, module variables that it changes,
and results that it caches; found in the target and in what it calls.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from augment.analysis.facts import Found, ModuleFacts, ProjectFacts, methods_of
from augment.analysis.model import Outside, OutsideUse, StateUse
from augment.analysis.source import Function, decorator_names

MAX_FUNCTIONS = 40
"""How many functions are followed; what lies deeper seldom decides how a test is set up."""
MAX_USES = 120
_CHANGING = frozenset(
    {"append", "add", "update", "setdefault", "pop", "popitem", "clear", "extend", "remove", "discard", "insert"}
    | {"popleft", "appendleft", "sort", "reverse", "subtract", "put", "push", "register"}
)
_CACHES = frozenset({"cache", "lru_cache"})
_BUILTINS = frozenset({"open", "input", "print"})


def outside_of(facts: ProjectFacts, found: Found, owner: Found | None) -> Outside:
    """What ``found`` uses beyond itself; ``owner`` is the class of a method."""
    uses: dict[OutsideUse, None] = {}
    state: dict[tuple[str, str], StateUse] = {}
    caches: dict[str, None] = {}
    for reached in _Reach(facts).of(found, owner):
        module = reached.found.facts
        uses |= dict.fromkeys(_uses(module, reached.node))
        for change in _state(module, reached):
            state.setdefault((change.module, change.name), change)
        if set(decorator_names(reached.node)) & _CACHES:
            caches[reached.found.id] = None
    return Outside(tuple(uses)[:MAX_USES], tuple(state.values()), tuple(caches))


@dataclass(frozen=True)
class _Reached:
    """A function of the project that the target runs. ``owner`` is the class of a method."""

    found: Found
    node: Function
    owner: Found | None


class _Reach:
    """Follows calls from one function to the next, within the project."""

    def __init__(self, facts: ProjectFacts) -> None:
        self._facts = facts
        self._seen: set[str] = set()

    def of(self, found: Found, owner: Found | None) -> Iterator[_Reached]:
        """The functions that ``found`` runs, itself first; of a class, those that make an instance."""
        pending = [(found, owner)]
        while pending and len(self._seen) < MAX_FUNCTIONS:
            current, above = pending.pop(0)
            for reached in self._functions(current, above):
                if reached.found.id not in self._seen:
                    self._seen.add(reached.found.id)
                    yield reached
                    pending += self._called(reached)

    def _functions(self, found: Found, owner: Found | None) -> Iterator[_Reached]:
        node = found.item.node
        if isinstance(node, Function):
            yield _Reached(found, node, owner)
            return
        for name in ("__init__", "__new__", "__post_init__"):
            method = self._method(found, name)
            if method is not None and isinstance(method.item.node, Function):
                yield _Reached(method, method.item.node, found)

    def _called(self, reached: _Reached) -> Iterator[tuple[Found, Found | None]]:
        for node in ast.walk(reached.node):
            name = _chain(node)
            head, _, rest = name.partition(".")
            if reached.owner is not None and head in ("self", "cls") and rest:
                method = self._method(reached.owner, rest.partition(".")[0])
                if method is not None:
                    yield method, reached.owner
            elif name:
                called = self._facts.resolve(reached.found.facts, name)
                if called is not None:
                    yield called, self._owner(called)

    def _method(self, owner: Found, name: str) -> Found | None:
        """The method of that name, of the class or of those above it."""
        for above in self._facts.bases(owner):
            qualname = f"{above.item.qualname}.{name}"
            if qualname in above.facts.defined:
                return Found(above.facts, above.facts.defined[qualname])
        return None

    def _owner(self, found: Found) -> Found | None:
        qualname = found.item.qualname.rpartition(".")[0]
        return Found(found.facts, found.facts.defined[qualname]) if qualname in found.facts.defined else None


# --------------------------------------------------------------------------- names from outside


def _uses(facts: ModuleFacts, node: Function) -> Iterator[OutsideUse]:
    inner = _local_imports(facts, node)
    parents = {id(child): parent for parent in ast.walk(node) for child in ast.iter_child_nodes(parent)}
    for item in ast.walk(node):
        if not isinstance(item, ast.Name | ast.Attribute) or isinstance(parents.get(id(item)), ast.Attribute):
            continue
        means, by_module = _meaning(facts, inner, item)
        if means:
            parent = parents.get(id(item))
            around = parent if isinstance(parent, ast.Call | ast.Subscript | ast.Compare) else item
            called = isinstance(parent, ast.Call) and parent.func is item
            if called or not means.startswith("."):
                wider = parents.get(id(around))
                text = ast.unparse(wider if isinstance(wider, ast.Call | ast.Compare) else around)
                yield OutsideUse(facts.module, _chain(item), means, ast.unparse(around), text, by_module)


def _local_imports(facts: ModuleFacts, node: Function) -> dict[str, str]:
    """Names that a function imports itself -> what they mean. They are looked up whenever it runs."""
    found: dict[str, str] = {}
    for item in ast.walk(node):
        if isinstance(item, ast.Import):
            for alias in item.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                found[alias.asname or name] = name
        elif isinstance(item, ast.ImportFrom):
            found |= {alias.asname or alias.name: f"{facts.absolute(item)}.{alias.name}" for alias in item.names}
    return found


def _meaning(facts: ModuleFacts, inner: Mapping[str, str], node: ast.expr) -> tuple[str, bool]:
    """The absolute name of what is used ('' for what is the project's own), and whether its module was imported whole.

    A method of something unknown is ``.name``.
    """
    name = _chain(node)
    head, _, rest = name.partition(".")
    if head in inner:
        return ".".join(part for part in (inner[head], rest) if part), True
    if head in facts.imported:
        module, taken = facts.imported[head]
        return ".".join(part for part in (module, taken, rest) if part), taken is None
    if isinstance(node, ast.Name):
        return (f"builtins.{name}", True) if name in _BUILTINS else ("", False)
    assert isinstance(node, ast.Attribute)
    return f".{node.attr}", False


def _chain(node: ast.AST) -> str:
    """``a.b.c`` for a plain chain of names, else ''."""
    if isinstance(node, ast.Attribute):
        head = _chain(node.value)
        return f"{head}.{node.attr}" if head else ""
    return node.id if isinstance(node, ast.Name) else ""


# --------------------------------------------------------------------------- state of modules and classes


def _state(facts: ModuleFacts, reached: _Reached) -> Iterator[StateUse]:
    own = _local_names(reached.node)
    for name in dict.fromkeys(_changed(reached.node)):
        head, _, rest = name.partition(".")
        if head in facts.assigned and (head not in own or head in _globals(reached.node)):
            yield StateUse(facts.module, head, ast.unparse(facts.assigned[head]))
        elif rest and "." not in rest:
            value = _class_value(facts, reached, head, rest)
            if value is not None:
                yield value


def _class_value(facts: ModuleFacts, reached: _Reached, head: str, name: str) -> StateUse | None:
    """An attribute of a class that a method changes through ``cls`` or the class's name."""
    if head == "cls" and reached.owner is not None:
        owner = reached.owner
    elif head in facts.defined and isinstance(facts.defined[head].node, ast.ClassDef):
        owner = Found(facts, facts.defined[head])
    else:
        return None
    body = owner.item.node.body if isinstance(owner.item.node, ast.ClassDef) else []
    for item in body:
        targets = item.targets if isinstance(item, ast.Assign) else [getattr(item, "target", None)]
        named = any(isinstance(target, ast.Name) and target.id == name for target in targets)
        if named and isinstance(item, ast.Assign | ast.AnnAssign) and item.value is not None:
            return StateUse(owner.facts.module, f"{owner.item.qualname}.{name}", ast.unparse(item.value))
    return None


def _changed(node: Function) -> Iterator[str]:
    """Names, and attributes of names, that a function sets, deletes or calls a changing method of."""
    declared = _globals(node)
    for item in ast.walk(node):
        if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store | ast.Del) and item.id in declared:
            yield item.id
        elif isinstance(item, ast.Subscript) and isinstance(item.ctx, ast.Store | ast.Del):
            yield _chain(item.value)
        elif isinstance(item, ast.Attribute) and isinstance(item.ctx, ast.Store | ast.Del):
            yield from (_chain(item), _chain(item.value))
        elif isinstance(item, ast.Call) and isinstance(item.func, ast.Attribute) and item.func.attr in _CHANGING:
            yield _chain(item.func.value)


def _globals(node: Function) -> set[str]:
    return {name for item in ast.walk(node) if isinstance(item, ast.Global) for name in item.names}


def _local_names(node: Function) -> set[str]:
    arguments: Iterable[ast.arg] = (item for item in ast.walk(node) if isinstance(item, ast.arg))
    stored = {item.id for item in ast.walk(node) if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)}
    return stored | {item.arg for item in arguments}


# --------------------------------------------------------------------------- the script at the end of a module


def main_guard_of(facts: ModuleFacts, name: str) -> str:
    """What stands under ``if __name__ == "__main__"`` where it calls ``name``; else ''."""
    for node in facts.tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test).replace('"', "'") == "__name__ == '__main__'":
            calls = (_chain(item.func) for item in ast.walk(node) if isinstance(item, ast.Call))
            if any(call == name or call.startswith(f"{name}.") for call in calls):
                return "\n".join(ast.unparse(item) for item in node.body)
    return ""


# --------------------------------------------------------------------------- overloads


def overloads_of(facts: ModuleFacts, found: Found, owner: Found | None) -> list[Function]:
    """The ``@overload`` declarations of a function, in order."""
    body = facts.tree.body if owner is None else list(methods_of(owner.item.node))
    same = (item for item in body if isinstance(item, Function) and item.name == found.item.node.name)
    return [item for item in same if "overload" in decorator_names(item)]
