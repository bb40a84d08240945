"""A test on its way to becoming text: its lines, and the imports and fixtures that these need."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from augment.analysis import Situation
from augment.generation.search.forms import OPEN
from augment.generation.search.render import MAX_NAME
from augment.generation.search.values import Value

__all__ = ["OPEN", "Draft", "named", "prepared", "snake", "source_of"]


@dataclass(frozen=True, slots=True)
class Draft:
    """One test. ``rule`` says which kind of flow it is; ``imports`` are statements."""

    name: str
    lines: tuple[str, ...]
    imports: frozenset[str]
    fixtures: frozenset[str]
    rule: str


def source_of(draft: Draft) -> str:
    """The module with the one test."""
    ordered = sorted(draft.imports, key=lambda line: (line.startswith("from"), line))
    body = "\n".join(f"    {line}" if line else "" for line in draft.lines)
    arguments = ", ".join(sorted(draft.fixtures))
    return "\n".join(ordered) + f"\n\n\ndef {draft.name}({arguments}):\n{body}\n"


def named(*words: str) -> str:
    """A test's name from what it does."""
    text = "_".join(snake(word) for word in words if word)
    return re.sub(r"_+", "_", f"test_{text}")[:MAX_NAME].rstrip("_")


def snake(text: str) -> str:
    """``text`` in lower case, with anything that is no word character as one underscore."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    return re.sub(r"[\W_]+", "_", split).strip("_").lower()


def prepared(situation: Situation) -> Value:
    """What ``situation`` has a test put in place, as statements with their needs."""
    lines: list[str] = []
    imports: set[str] = set()
    if situation.in_folder:
        lines.append("monkeypatch.chdir(tmp_path)")
    for variable, value in situation.environment:
        action = f"setenv({variable!r}, {value})" if value else f"delenv({variable!r}, raising=False)"
        lines.append(f"monkeypatch.{action}")
    for replacement in situation.replacements:
        imports |= set(replacement.imports)
        value = replacement.value
        if len(replacement.places) > 1:
            value = snake(replacement.places[0].rpartition(".")[2])
            lines.append(f"{value} = {replacement.value}")
        lines += [f"monkeypatch.setattr({place!r}, {value})" for place in replacement.places]
    return Value("", "", frozenset(imports), fixtures_in(lines), tuple(lines))


def fixtures_in(lines: Iterable[str]) -> frozenset[str]:
    """The standard fixtures that ``lines`` name."""
    text = "\n".join(lines)
    return frozenset(name for name in ("monkeypatch", "tmp_path", "capsys") if re.search(rf"\b{name}\b", text))
