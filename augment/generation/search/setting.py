"""A setting: what a test puts in the place of the world before it calls its target."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from augment.analysis import OutsideUse


@dataclass(frozen=True)
class Setting:
    """Statements before the call (some of several lines), what they need, and expressions to look at after it.

    ``label`` says in identifier words what is special about it, '' for nothing.
    """

    label: str = ""
    setup: tuple[str, ...] = ()
    imports: frozenset[str] = frozenset()
    fixtures: frozenset[str] = frozenset()
    looks: tuple[str, ...] = ()


def merged(settings: Iterable[Setting], label: str = "") -> Setting:
    """All of ``settings`` as one."""
    listed = list(settings)
    return Setting(
        label,
        tuple(dict.fromkeys(statement for item in listed for statement in item.setup)),
        frozenset().union(*(item.imports for item in listed)),
        frozenset().union(*(item.fixtures for item in listed)),
        tuple(dict.fromkeys(look for item in listed for look in item.looks)),
    )


def varied(alternatives: Sequence[Sequence[Setting]], most: int) -> list[Setting]:
    """The first of every kind together; then, one at a time, another one of a kind in its place."""
    if not alternatives:
        return []
    first = [choices[0] for choices in alternatives]
    found = [merged(first)]
    for depth in range(1, most):
        for index, choices in enumerate(alternatives):
            if depth < len(choices):
                found.append(merged([*first[:index], choices[depth], *first[index + 1 :]], choices[depth].label))
    return found[:most]


def patching(label: str, lines: Sequence[str], *imports: str, looks: Sequence[str] = ()) -> Setting:
    """A setting that takes ``monkeypatch``; of the modules named by ``imports`` it imports those that it uses."""
    statements = tuple(ast.unparse(statement) for statement in ast.parse("\n".join(lines)).body)
    return Setting(
        label,
        statements,
        frozenset(f"import {name}" for name in imports if any(f"{name}." in text for text in statements)),
        frozenset({"monkeypatch"}),
        tuple(looks),
    )


def patched(place: str, value: str) -> str:
    """The statement that puts ``value`` at ``place`` until the test ends."""
    return f"monkeypatch.setattr({place!r}, {value})"


def place_of(use: OutsideUse) -> str:
    """Where a function from outside is looked up when it is used: in its own module, or under a name of the project's.

    That is the absolute name where the module was imported whole, else the project's module with the imported name.
    """
    return use.means if use.by_module else f"{use.module}.{use.name}"


def uses_of(uses: Iterable[OutsideUse], *means: str) -> list[OutsideUse]:
    """Those of ``uses`` that mean one of these names, one for each place."""
    found: dict[str, OutsideUse] = {}
    for use in uses:
        if use.means in means:
            found.setdefault(place_of(use), use)
    return list(found.values())
