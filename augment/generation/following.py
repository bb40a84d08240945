"""Kept tests follow their targets: rewritten for the new name or module, run, and only then written."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from augment.errors import ProjectError
from augment.files import write_atomically
from augment.generation.compose import Piece, add_pieces, remove_test
from augment.generation.formatting import tidy
from augment.generation.merge import put_import
from augment.generation.paths import HEADER, conftest_files, output_file
from augment.generation.rewriting import Move, Renames, new_test_name, renames_of, rewrite
from augment.generation.standing import comment_of, parsed, segment, standalone, without
from augment.generation.syntax import bound_names, loaded_names
from augment.generation.trials import TrialRunner
from augment.generation.write import FileChangedError
from augment.records import Admission, Outcome, Project, Snapshot
from augment.seams import Executor

TEST_WALL_S = 20.0


@dataclass(slots=True)
class Following:
    """What came of it. ``followed`` are admissions as they stand now; of them ``broken`` do not pass although they say
    the new name. ``left`` maps admissions that were left alone to why.
    """

    followed: list[Admission] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)
    superseded: bool = False
    """A newer save came in between: what was left alone may be tried again."""
    fault: str = ""
    """How the machine ended a run: nothing is known of these tests, and they may be tried again."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """Files as they would be written (None: taken away), and the admissions as they would stand then."""

    files: Mapping[str, str | None]
    admissions: tuple[Admission, ...]

    def __contains__(self, admission: Admission) -> bool:
        return any(item.id == admission.id for item in self.admissions)


class Follower:
    """Rewrites kept tests of one revision for targets that were renamed or moved.

    ``output`` is the folder of Augment's own tests. Nothing is written before the tests have passed as they would be
    written, in a private copy of the project; a file that was saved meanwhile is left alone.
    """

    def __init__(self, project: Project, snapshot: Snapshot, executor: Executor, output: str) -> None:
        self._project = project
        self._root = Path(project.root)
        self._snapshot = snapshot
        self._executor = executor
        self._output = output
        self._read: dict[Path, bytes] = {}

    def follow(
        self, moves: Sequence[Move], kept: Sequence[Admission], present: Iterable[str], gone_modules: Iterable[str]
    ) -> Following:
        """Have the tests in ``kept`` follow ``moves``. ``present`` are the targets of this revision, ``gone_modules``
        those that it no longer has.
        """
        renames = renames_of(moves, present, gone_modules)
        by_old = {move.old: move for move in moves}
        result = Following()
        files: dict[str, list[Admission]] = {}
        for admission in kept:
            files.setdefault(admission.file, []).append(admission)
        for file, inside in files.items():
            self._file(file, inside, by_old, renames, result)
        return result

    def _file(
        self,
        file: str,
        inside: Sequence[Admission],
        by_old: Mapping[str, Move],
        renames: Renames,
        result: Following,
    ) -> None:
        moved = [admission for admission in inside if admission.target in by_old]
        path = self._root / file
        data = path.read_bytes() if path.exists() else b""
        if not moved and not any(move.before[1].rpartition(".")[2].encode() in data for move in by_old.values()):
            return
        try:
            text = data.decode("utf-8")
            plans = [self._plan(text, file, inside, by_old, renames, broad=broad) for broad in (False, True)]
        except (SyntaxError, UnicodeDecodeError) as error:
            result.left |= {admission.id: f"{file} cannot be read: {error}" for admission in moved}
            return
        result.left |= {item.id: "it was edited, and is yours" for item in moved if item not in plans[0]}
        if not plans[0].admissions:
            return
        plan, passed = self._best(plans, result)
        if result.superseded or (result.fault and not passed):
            return
        if not passed:
            why = "it does not pass under the new name either"
            result.left |= {item.id: why for item in plan.admissions}
            return
        self._read[path] = data
        self._write(plan)
        result.followed += plan.admissions
        result.broken += [item.id for item in plan.admissions if item.id not in passed]

    def _best(self, plans: Sequence[_Plan], result: Following) -> tuple[_Plan, set[str]]:
        """The plan under which most tests pass; the second only where it differs and the first is not enough."""
        best, passed = plans[0], self._passed(plans[0], result)
        enough = len(passed) == len(plans[0].admissions)
        if plans[1].files != plans[0].files and not enough and not result.superseded:
            again = self._passed(plans[1], result)
            if len(again) > len(passed):
                best, passed = plans[1], again
        return best, passed

    def _passed(self, plan: _Plan, result: Following) -> set[str]:
        """The ids of admissions of a plan whose tests pass."""
        runner = TrialRunner(self._project, self._snapshot, self._executor, self._output, TEST_WALL_S)
        outcome = runner.run_files({file: text for file, text in plan.files.items() if text is not None})
        result.superseded = runner.superseded
        result.fault = "" if outcome.fault is None else f"{outcome.fault.kind.value}: {outcome.fault.detail}"
        verdicts: dict[str, set[Outcome]] = {}
        for verdict in outcome.verdicts:
            verdicts.setdefault(verdict.nodeid.partition("[")[0], set()).add(verdict.outcome)
        return {item.id for item in plan.admissions if verdicts.get(item.nodeid) == {Outcome.PASSED}}

    def _write(self, plan: _Plan) -> None:
        for file in plan.files:
            path = self._root / file
            if (path.read_bytes() if path.exists() else b"") != self._read.get(path, b""):
                raise FileChangedError(f"{file} was saved just now; its tests follow later")
        for file, text in plan.files.items():
            path = self._root / file
            if text is None:
                path.unlink(missing_ok=True)
                continue
            for name, content in conftest_files(self._project, Path(file).parent.as_posix()).items():
                if file.startswith(self._output) and not (self._root / name).exists():
                    write_atomically(self._root / name, content.encode())
            write_atomically(path, text.encode())

    # ----------------------------------------------------------------- planning

    def _plan(
        self,
        text: str,
        file: str,
        inside: Sequence[Admission],
        by_old: Mapping[str, Move],
        renames: Renames,
        *,
        broad: bool,
    ) -> _Plan:
        if not text:
            return _Plan({}, ())
        if not text.startswith(HEADER):
            return self._merged(text, file, inside, by_old, renames, broad=broad)
        moved = [admission for admission in inside if admission.target in by_old]
        names = _new_names(text, moved, by_old)
        rewritten = rewrite(text, renames, names, broad=broad)
        homes = {item.id: self._home(item, by_old.get(item.target)) for item in inside}
        destinations = set(homes.values())
        if len(destinations) == 1 and destinations != {file} and not (self._root / min(destinations)).exists():
            home = min(destinations)
            return self._placed({file: None, home: rewritten}, inside, homes, by_old, names)
        return self._split(rewritten, file, inside, homes, by_old, names)

    def _home(self, admission: Admission, move: Move | None) -> str:
        """The file that a test belongs to: that of the new module, where it was in that of the old one."""
        if move is None or move.before[0] == move.after[0]:
            return admission.file
        folder = Path(admission.file).parent.as_posix()
        usual = output_file(folder, move.before[0])
        return output_file(folder, move.after[0]) if admission.file == usual else admission.file

    def _split(
        self,
        text: str,
        file: str,
        inside: Sequence[Admission],
        homes: Mapping[str, str],
        by_old: Mapping[str, Move],
        names: Mapping[str, str],
    ) -> _Plan:
        """Cut the tests out that belong to another file now."""
        files: dict[str, str | None] = {}
        left: str | None = text
        placed: dict[str, str] = {}
        for admission in inside:
            home = homes[admission.id]
            name = _renamed(admission, names)
            if home == file or left is None:
                continue
            piece = Piece(standalone(text, name) or admission.source, comment_of(text, name), verbatim=True)
            existing = files.get(home) or self._text_of(home)
            composed = add_pieces(existing, [piece])
            files[home] = composed.text
            placed[admission.id] = composed.names[0]
            left = remove_test(left, name)
        files = {home: tidy(content or "", self._root / home) for home, content in files.items()}
        files[file] = None if left is None else tidy(left, self._root / file)
        return self._placed(files, inside, homes, by_old, names, placed)

    def _text_of(self, file: str) -> str:
        path = self._root / file
        self._read[path] = path.read_bytes() if path.exists() else b""
        text = self._read[path].decode("utf-8")
        if text and not text.startswith(HEADER):
            raise ProjectError(f"{file} has a name of Augment's, but not its header: rename it, and the tests follow")
        return text

    def _placed(
        self,
        files: Mapping[str, str | None],
        inside: Sequence[Admission],
        homes: Mapping[str, str],
        by_old: Mapping[str, Move],
        names: Mapping[str, str],
        placed: Mapping[str, str] | None = None,
    ) -> _Plan:
        """The admissions as they stand in the files of a plan; those that are as they were are left out."""
        changed = []
        for admission in inside:
            home = homes[admission.id]
            name = (placed or {}).get(admission.id) or _renamed(admission, names)
            text = files[home] or ""
            move = by_old.get(admission.target)
            stands = replace(
                admission,
                target=move.new if move else admission.target,
                file=home,
                nodeid=f"{home}::{name}",
                source=standalone(text, name) or admission.source,
                written=segment(text, name) or "",
            )
            if move is not None or (admission.written and stands.written != admission.written):
                changed.append(stands)
        return _Plan(files, tuple(changed))

    # ----------------------------------------------------------------- in files of the user's

    def _merged(
        self,
        text: str,
        file: str,
        inside: Sequence[Admission],
        by_old: Mapping[str, Move],
        renames: Renames,
        *,
        broad: bool,
    ) -> _Plan:
        """Rewrite only what Augment has added to the file: its tests, and the imports that came with them."""
        changed = []
        for admission in inside:
            move = by_old.get(admission.target)
            if not admission.written or without(text, admission.written) is None:
                continue  # the user has edited it: theirs now
            names = _new_names(text, [admission] if move else [], by_old)
            written = _rewritten_block(admission.written, text, renames, names, broad=broad)
            text = text.replace(admission.written, written, 1)
            text, support = self._support(text, admission, renames)
            if move is not None:
                text, block = self._import_of(text, written, move)
                support += [block] if block else []
            if move is None and written == admission.written:
                continue
            changed.append(
                replace(
                    admission,
                    target=move.new if move else admission.target,
                    nodeid=f"{file}::{_renamed(admission, names)}",
                    source=rewrite(admission.source, renames, names, broad=broad),
                    written=written,
                    support=tuple(support),
                )
            )
        return _Plan({file: text}, tuple(changed))

    def _support(self, text: str, admission: Admission, renames: Renames) -> tuple[str, list[str]]:
        """The imports that came with a test, rewritten where they stand."""
        support = []
        for block in admission.support:
            new = rewrite(block.replace("\r\n", "\n"), renames).replace("\n", _newline_of(block))
            if without(text, block) is not None:
                text = text.replace(block, new, 1)
                support.append(new)
        return text, support

    def _import_of(self, text: str, written: str, move: Move) -> tuple[str, str]:
        """An import of the new name, where the test uses it and the file does not have it."""
        top = move.after[1].partition(".")[0]
        if top not in loaded_names(ast.parse(_plain(written))) or top in _bound_at_top(text):
            return text, ""
        return put_import(text, f"from {move.after[0]} import {top}", self._project.packages)


def _new_names(text: str, moved: Sequence[Admission], by_old: Mapping[str, Move]) -> dict[str, str]:
    """What tests that are called after their target are called from now on, where that name is free."""
    taken = {node.name for node in ast.walk(parsed(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    names: dict[str, str] = {}
    for admission in moved:
        old = admission.nodeid.rpartition("::")[2]
        new = new_test_name(old, by_old[admission.target])
        if new != old and new not in taken:
            names[old] = new
            taken.add(new)
    return names


def _renamed(admission: Admission, names: Mapping[str, str]) -> str:
    """The node id suffix of a test after its function was renamed."""
    head, separator, last = admission.nodeid.partition("::")[2].rpartition("::")
    return f"{head}{separator}{names.get(last, last)}"


def _rewritten_block(block: str, text: str, renames: Renames, names: Mapping[str, str], *, broad: bool) -> str:
    """A test in the middle of a file, rewritten as if it stood below the imports that the file had for it."""
    core = block.lstrip("\r\n")
    lead, newline = block[: len(block) - len(core)], _newline_of(block)
    indented = core[:1].isspace()
    imports = "".join(
        f"{ast.unparse(node)}\n" for node in parsed(text).body if isinstance(node, ast.Import | ast.ImportFrom)
    )
    bound = _bound_at_top(text)
    for module, qualname in renames.symbols:
        top = qualname.partition(".")[0]
        if top not in bound:
            imports += f"from {module} import {top}\n"
    mark = "# --- the test\n"
    body = f"class Holder:\n{core}" if indented else core
    changed = rewrite(imports + mark + body.replace("\r\n", "\n"), renames, names, broad=broad)
    changed = changed.partition(mark)[2]
    if indented:
        changed = changed.removeprefix("class Holder:\n")
    return lead + changed.replace("\n", newline)


def _bound_at_top(text: str) -> set[str]:
    return {name for node in parsed(text).body for name in bound_names(node) if not isinstance(node, ast.ClassDef)}


def _plain(block: str) -> str:
    core = block.replace("\r\n", "\n").strip("\n")
    return f"if True:\n{core}\n" if core[:1].isspace() else core


def _newline_of(block: str) -> str:
    found = re.search(r"\r\n|\n|\r", block)
    return found.group() if found else "\n"
