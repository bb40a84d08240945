"""What ``augment doctor`` looks at in the project itself; like its other checks, these change nothing."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from augment.analysis import discover_project, in_tests, is_test_file, list_files, parse, problem_of, read_source
from augment.commands.doctor_checks import Check, Status, Subject
from augment.errors import AugmentError
from augment.execution import InterpreterInfo, absent_modules, find_interpreter, overlay_gives, probe_interpreter
from augment.records import Project
from augment.service.preflight import check_imports, way_to_modules

READ_AT_MOST = 2000
"""So many files are parsed: 10,000 would take half a minute."""
_SHOWN = 3


def check_project(subject: Subject) -> Iterator[Check]:
    """The project's layout, its interpreter, what its packages and tests import, and files that cannot be read."""
    try:
        python = find_interpreter(subject.root, subject.settings.service.python)
        project = discover_project(subject.root, python)
        info = probe_interpreter(python)
    except AugmentError as error:
        mend = "name the project's root folder, and its interpreter with --python"
        yield Check("project", Status.FAIL, str(error), mend)
        return
    yield Check("project", Status.OK, f"{project.name}: {', '.join(project.packages) or 'no packages'}")
    yield _pytest(info)
    yield from _imports(project)
    sources = _sources(project)
    trees, broken = _parsed(sources)
    yield _tests(project, list(sources))
    yield from _needs(project, info, trees, sources)
    if broken:
        yield _syntax(broken)


# --------------------------------------------------------------------------- its interpreter


def _pytest(info: InterpreterInfo) -> Check:
    own = f"pytest {info.tools['pytest']} in {info}" if info.tools["pytest"] else f"{info} has no pytest"
    if not info.missing:
        return Check("pytest", Status.OK, own)
    given = overlay_gives(info)
    lacking = [name for name in info.missing if name not in given]
    detail = own + (f"; Augment adds its own {' and '.join(given)}, and installs nothing" if given else "")
    if "pytest" in lacking or "coverage" in lacking:
        mend = f"install pytest and coverage there, or run `augment overlay --python {info.path}`"
        return Check("pytest", Status.FAIL, f"{detail}; lacks {' and '.join(lacking)}", mend)
    if "hypothesis" in info.missing:
        mend = "for property tests install hypothesis there: your own pytest is to run what is kept"
        return Check("pytest", Status.OK, detail, mend)
    return Check("pytest", Status.OK, detail)


def _imports(project: Project) -> Iterator[Check]:
    try:
        problems = check_imports(project)
    except AugmentError as error:
        mend = "python -m venv .venv in the project, with what it needs; there Augment finds it"
        yield Check("imports", Status.FAIL, str(error), mend)
        return
    for problem in problems:
        mend = way_to_modules(project.interpreter) if problem.lacks_module else "mend it; Augment goes on with the rest"
        yield Check("imports", Status.WARN, f"{problem} with {project.interpreter}", mend)
    if not problems:
        named = ", ".join(project.packages) or "nothing to import"
        yield Check("imports", Status.OK, f"{named} with {project.interpreter}")


# --------------------------------------------------------------------------- its files


def _sources(project: Project) -> dict[str, str | None]:
    """The texts of its Python files, None where one cannot be read or decoded."""
    files = [file for file in list_files(project.root) if file.endswith(".py")]
    files.sort(key=lambda file: not in_tests(project, file))  # tests first: what they need is asked for most
    return {file: read_source(project.root, file) for file in files[:READ_AT_MOST]}


def _parsed(sources: Mapping[str, str | None]) -> tuple[dict[str, ast.Module], dict[str, str]]:
    """The syntax trees of the files that have one, and of the others what is wrong."""
    trees, broken = {}, {}
    for file, source in sources.items():
        try:
            if source is None:
                raise SyntaxError("cannot be read or decoded")
            trees[file] = parse(source)
        except SyntaxError as error:
            broken[file] = problem_of(error)
    return trees, broken


def _tests(project: Project, files: Iterable[str]) -> Check:
    count = sum(is_test_file(file, project.test_patterns) for file in files)
    if not count:
        named = " and ".join(project.test_patterns)
        mend = f"nothing, if there are none: Augment writes the first; pytest collects {named}"
        return Check("tests", Status.WARN, "no file is named as pytest's test files are", mend)
    folders = ", ".join(folder for folder in project.test_folders if folder != ".") or "the root folder"
    shown = folders if len(folders) < 80 else f"{len(project.test_folders)} folders"
    return Check("tests", Status.OK, f"{count} test file{'s' if count > 1 else ''} in {shown}")


def _needs(
    project: Project, info: InterpreterInfo, trees: Mapping[str, ast.Module], files: Iterable[str]
) -> Iterator[Check]:
    """Whether what the tests import at their head is installed: without it pytest cannot collect them."""
    wanted = {}
    for file, tree in trees.items():
        if is_test_file(file, project.test_patterns) or PurePosixPath(file).name == "conftest.py":
            wanted.update(dict.fromkeys(imported_at_head(tree), file))
    names = sorted(wanted.keys() - names_within(files) - sys.stdlib_module_names)
    roots = [str(Path(project.root, folder)) for folder in project.source_roots]
    given = overlay_gives(info)
    absent = [name for name in absent_modules(project.interpreter, names, roots) if name not in given]
    if absent:
        said = ", ".join(f"{name} ({wanted[name]})" for name in absent)
        mend = f"{way_to_modules(project.interpreter)}; until then these files cannot be collected"
        detail = f"tests import what is not installed for {project.interpreter}: {said}"
        yield Check("test needs", Status.WARN, detail, mend)


def imported_at_head(tree: ast.Module) -> set[str]:
    """The top-level modules that importing a file takes for granted: not those in ``try``, ``if`` or functions."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found.update(name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return found


def names_within(files: Iterable[str]) -> set[str]:
    """Everything that may be the name of a module or package of the project, wherever pytest puts it on the path."""
    return {part for file in files for part in PurePosixPath(file).with_suffix("").parts}


def _syntax(broken: Mapping[str, str]) -> Check:
    shown = [f"{file} ({problem})" for file, problem in list(broken.items())[:_SHOWN]]
    more = f" and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else ""
    count = f"{len(broken)} file{'s do' if len(broken) > 1 else ' does'} not parse"
    mend = "nothing, if that is meant: Augment leaves them out and goes on with the rest"
    return Check("syntax", Status.WARN, f"{count}: {', '.join(shown)}{more}", mend)
