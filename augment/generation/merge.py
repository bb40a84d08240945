"""Adds tests to a file of the user's in its style, without changing a byte of what stands there."""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from augment.errors import ProjectError
from augment.generation.annotating import annotated
from augment.generation.compose import Addition, Composed, Fitted, Piece, fit, node_name, unique
from augment.generation.formatting import format_as
from augment.generation.paths import HEADER
from augment.generation.standing import lines_of, without
from augment.generation.style import FileStyle, camel, style_of
from augment.generation.syntax import FunctionNode, is_test_class, single_test
from augment.records import Project

Import = ast.Import | ast.ImportFrom


def users_test_file(project: Project, module: str) -> Path | None:
    """The user's own test file for ``module``: by the customary names, else the one that imports it most; None when
    there is none.
    """
    parts = module.split(".")
    names = {f"test_{parts[-1]}.py", f"{parts[-1]}_test.py", f"test_{'_'.join(parts)}.py"}
    if len(parts) > 1:
        names.add(f"test_{'_'.join(parts[1:])}.py")
    root = Path(project.root)
    found = {path for folder in project.test_folders for path in (root / folder).rglob("*.py")}
    own = {path: text for path in sorted(found) if _is_test_name(path) and (text := _users_text(path)) is not None}
    named = [path for path in own if path.name in names]
    if named:
        return named[0]
    counted = {path: _mentions(text, module) for path, text in own.items()}
    best = max(counted, key=lambda path: counted[path], default=None)
    return best if best is not None and counted[best] else None


def _is_test_name(path: Path) -> bool:
    return path.name.startswith("test_") or path.name.endswith("_test.py")


def _users_text(path: Path) -> str | None:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return None if text.startswith(HEADER) else text


def _mentions(text: str, module: str) -> int:
    """How often the names that a file imports from ``module`` stand in it."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return 0
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            bound |= {
                alias.asname or alias.name
                for alias in node.names
                if module in (node.module, f"{node.module}.{alias.name}")
            }
        elif isinstance(node, ast.Import):
            bound |= {alias.asname or alias.name.partition(".")[0] for alias in node.names if alias.name == module}
    return sum(isinstance(node, ast.Name) and node.id in bound for node in ast.walk(tree))


def merged(existing: str, pieces: Sequence[Piece], path: Path, packages: Collection[str] = ()) -> Composed:
    """``existing`` with the tests of ``pieces`` and the imports they need added, and exactly what was added.

    Only whole lines are put in: every byte of ``existing`` stands in the result, and taking the additions out again
    gives ``existing``. ``path`` is the file's, ``packages`` are the project's own. Raises ProjectError when the file
    does not parse.
    """
    try:
        style = style_of(existing.removeprefix("\ufeff"))
    except (SyntaxError, ValueError) as error:
        raise ProjectError(f"Cannot merge into {path.name}, which does not parse: {error}") from error
    file = _File(existing, path, style, frozenset(packages))
    names, additions = [], []
    for piece in pieces:
        name, addition = file.add(piece)
        names.append(name)
        additions.append(addition)
    if not _gives_back(file.text, additions, existing):
        raise ProjectError(f"Merging into {path.name} could not be undone exactly, so it was left alone.")
    return Composed(file.text, tuple(names), tuple(additions))


def _gives_back(text: str, additions: Sequence[Addition], existing: str) -> bool:
    for addition in reversed(additions):
        for block in (addition.text, *reversed(addition.support)):
            left = without(text, block)
            if left is None:
                return False
            text = left.text
    return text == existing


def is_subsequence(old: Sequence[str], new: Sequence[str]) -> bool:
    """Whether ``new`` holds every line of ``old`` in the same order."""
    rest = iter(new)
    return all(any(line == other for other in rest) for line in old)


@dataclass
class _File:
    """A file of the user's to which blocks of lines are added."""

    text: str
    path: Path
    style: FileStyle
    packages: frozenset[str]

    def add(self, piece: Piece) -> tuple[str, Addition]:
        """Add one test; its node id suffix and what was put in for it."""
        if self.style.typed and not piece.verbatim:
            piece = replace(piece, source=annotated(piece.source))
        tree = self._tree()
        test = single_test(ast.parse(piece.source))
        wanted = camel(test.name) if test is not None and self.style.camel else ""
        fitted = fit(tree, piece, wanted)
        support = [self.put_import(line) for line in fitted.imports if not line.startswith("from __future__")]
        support += [self._at_end(self._formatted(ast.unparse(node)), self.style.blank) for node in fitted.helpers]
        home = self._class_for(piece.target, fitted.test)
        text, name = self._method(home, fitted, piece) if home else self._function(fitted, piece)
        return name, Addition(text, tuple(support))

    def _function(self, fitted: Fitted, piece: Piece) -> tuple[str, str]:
        source = self._formatted(fitted.text or ast.unparse(fitted.test))
        return self._at_end(f"{_comment(piece)}\n{source}", self.style.blank), node_name(fitted.test)

    def _method(self, home: ast.ClassDef, fitted: Fitted, piece: Piece) -> tuple[str, str]:
        """Put a function into a test class, behind what the class has."""
        function = fitted.test
        assert isinstance(function, FunctionNode)
        function.name = unique(function.name, {item.name for item in home.body if isinstance(item, FunctionNode)})
        function.args.args.insert(0, ast.arg("self"))
        body = (
            self._formatted(f"class _:\n{textwrap.indent(ast.unparse(function), '    ')}")
            .partition("\n")[2]
            .strip("\n")
        )
        indent = _indent_of(home, lines_of(self.text))
        shift = re.match(r"[ \t]*", body)
        own = shift.group() if shift else ""
        lines = [indent + line.removeprefix(own) if line.strip() else line for line in body.split("\n")]
        block = f"{indent}{_comment(piece)}\n" + "\n".join(lines)
        last = home.end_lineno or home.lineno
        return self._insert(last, "\n" * self.style.method_blank + block + "\n"), f"{home.name}::{function.name}"

    def _class_for(self, target: str, test: FunctionNode | ast.ClassDef) -> ast.ClassDef | None:
        """The user's class that tests ``target``; None where tests are functions, or this one cannot be a method."""
        if not self.style.classes or not isinstance(test, FunctionNode):
            return None
        subject = target.partition(":")[2].split(".")[0]
        classes = [node for node in self._tree().body if isinstance(node, ast.ClassDef) and is_test_class(node)]
        fitting = [node for node in classes if subject and _can_hold(node, test)]
        names = {f"test{subject}", f"{subject}test", f"test{subject}s", f"{subject}tests"}
        named = [node for node in fitting if node.name.lower() in {name.replace("_", "").lower() for name in names}]
        if named:
            return named[0]
        counts = [sum(getattr(item, "id", "") == subject for item in ast.walk(node)) for node in fitting]
        best = max(counts, default=0)
        return fitting[counts.index(best)] if best else None

    def put_import(self, line: str) -> str:
        """Put an import where the file has its like: the standard library's, others', the project's own."""
        tree = self._tree()
        top = _leading_imports(tree)
        section = self._section(ast.parse(line).body[0])
        before = [node for node in top if self._section(node) <= section]
        if before:
            last = before[-1]
            gap = "\n" if self._section(last) < section else ""
            return self._insert(last.end_lineno or last.lineno, f"{gap}{line}\n")
        if top:
            return self._insert(_first_line(top[0]) - 1, f"{line}\n\n")
        first = tree.body[0] if tree.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            return self._insert(first.end_lineno or 0, f"\n{line}\n")
        lines = lines_of(self.text)
        at = next((index for index, text in enumerate(lines) if not text.lstrip("\ufeff").startswith("#")), len(lines))
        return self._insert(at, f"{line}\n\n\n" if at == 0 else f"\n{line}\n")

    def _section(self, node: ast.stmt) -> int:
        if isinstance(node, ast.ImportFrom):
            if node.level:
                return 4
            name = node.module or ""
        else:
            name = node.names[0].name if isinstance(node, ast.Import) else ""
        first = name.partition(".")[0]
        if first == "__future__":
            return 0
        if first in self.packages:
            return 3
        return 1 if first in sys.stdlib_module_names else 2

    def _at_end(self, source: str, blank: int) -> str:
        lines = lines_of(self.text)
        present = 0
        while present < len(lines) and not lines[-1 - present].strip():
            present += 1
        return self._insert(len(lines), "\n" * max(0, blank - present) + source.rstrip("\n") + "\n")

    def _insert(self, at: int, block: str) -> str:
        """Put a block of lines in front of line ``at`` (from 0); the block as it stands there."""
        lines = lines_of(self.text)
        newline = _newline(lines)
        block = block.replace("\n", newline)
        if at >= len(lines) and lines and not lines[-1].endswith(("\n", "\r")):
            block = newline + block
        self.text = "".join([*lines[:at], block, *lines[at:]])
        return block

    def _formatted(self, source: str) -> str:
        return format_as(source, self.path, self.style.quote, self.style.indent).rstrip("\n")

    def _tree(self) -> ast.Module:
        return ast.parse(self.text.removeprefix("\ufeff"))


def put_import(text: str, line: str, packages: Collection[str] = ()) -> tuple[str, str]:
    """``text`` with one more import where it has its like, and the block that was put in."""
    file = _File(text, Path("test.py"), FileStyle(), frozenset(packages))
    block = file.put_import(line)
    return file.text, block


def _comment(piece: Piece) -> str:
    return f"# {' '.join(piece.reason.split())}"


def _newline(lines: Sequence[str]) -> str:
    return next((line[len(line.rstrip("\r\n")) :] for line in lines if line.endswith(("\n", "\r"))), "\n")


def _indent_of(node: ast.ClassDef, lines: Sequence[str]) -> str:
    line = lines[_first_line(node.body[0]) - 1]
    return line[: len(line) - len(line.lstrip())]


def _first_line(node: ast.stmt) -> int:
    return int(min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))]))


def _leading_imports(tree: ast.Module) -> list[Import]:
    """The imports at the head of a file: those behind other code may stand there for a reason."""
    found: list[Import] = []
    for index, node in enumerate(tree.body):
        if isinstance(node, Import):
            found.append(node)
        elif not (index == 0 and isinstance(node, ast.Expr)):
            break
    return found


def _can_hold(home: ast.ClassDef, test: FunctionNode) -> bool:
    """Whether pytest would collect the test as a method of the class, and give it what it asks for."""
    if _first_line(home.body[0]) == home.lineno:
        return False
    bases = [ast.unparse(base) for base in home.bases]
    if any("TestCase" in base for base in bases):
        asynchronous = isinstance(test, ast.AsyncFunctionDef)
        return not (test.args.args or test.decorator_list or asynchronous)
    return not any(isinstance(item, FunctionNode) and item.name == "__init__" for item in home.body)
