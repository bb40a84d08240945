"""Who imports whom among the files of a project."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping

from augment.analysis.project import dotted
from augment.records import Project

FROM = re.compile(r"(?m)^[ \t]*from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]*(\([^)]*\)|[^\n\\]*(?:\\\n[^\n\\]*)*)")
IMPORT = re.compile(r"(?m)^[ \t]*import[ \t]+([^\n#;]+)")
BY_NAME = re.compile(r"import_module\(\s*['\"]([\w.]+)['\"]")

ImportGraph = Mapping[str, frozenset[str]]
"""File -> the project files whose code runs because it is imported, parent packages included."""

Imported = tuple[tuple[str, tuple[str, ...]], ...]
"""(module, names taken from it) of every import statement; relative modules keep their dots."""


def imported_names(source: str) -> Imported:
    """Every import in a text, also within functions and in a file that does not parse.

    Read by pattern: 10,000 files take a second, where parsing them takes half a minute. A text that merely looks like
    an import adds an edge too many, which costs a test run and misses nothing.
    """
    found: list[tuple[str, tuple[str, ...]]] = []
    for match in FROM.finditer(source):
        names = re.sub(r"#[^\n]*", "", match[2]).strip("() \t\n").replace("\\\n", " ")
        found.append((match[1], tuple(part.split()[0] for part in names.split(",") if part.split())))
    for match in IMPORT.finditer(source):
        found += [(part.split()[0], ()) for part in match[1].split(",") if part.split()]
    found += [(name, ()) for name in BY_NAME.findall(source)]
    return tuple(dict.fromkeys(found))


def import_graph(project: Project, sources: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """The import graph of the Python files in ``sources`` (relative path -> text)."""
    files = [file for file in sources if file.endswith(".py")]
    return build_graph(project, files, lambda file: imported_names(sources[file]))


def build_graph(
    project: Project, files: Iterable[str], imports: Callable[[str], Imported]
) -> dict[str, frozenset[str]]:
    """The import graph of ``files``, whose imports ``imports`` knows."""
    listed = list(files)
    packages = {file.removesuffix("/__init__.py") for file in listed if file.endswith("/__init__.py")}
    names = {file: names_of(project, file, packages) for file in listed}
    by_name: defaultdict[str, set[str]] = defaultdict(set)
    for file, known in names.items():
        for name in known:
            by_name[name].add(file)
    graph: dict[str, frozenset[str]] = {}
    for file in listed:
        wanted = {name for item in imports(file) for name in _modules(item, file, names[file])}
        graph[file] = frozenset(hit for name in wanted for hit in by_name.get(name, ())) - {file}
    return graph


def importers_of(graph: ImportGraph, file: str) -> dict[str, int]:
    """Files that import ``file`` directly (1) or through others (the number of steps)."""
    return steps_to(reverse(graph), file)


def reverse(graph: ImportGraph) -> dict[str, set[str]]:
    """File -> the files that import it directly."""
    turned: defaultdict[str, set[str]] = defaultdict(set)
    for importer, imported in graph.items():
        for item in imported:
            turned[item].add(importer)
    return dict(turned)


def steps_to(importers: Mapping[str, set[str]], file: str) -> dict[str, int]:
    """The shortest way to each direct or indirect importer in a reversed graph."""
    steps, pending = {file: 0}, deque([file])
    while pending:
        current = pending.popleft()
        for importer in importers.get(current, ()):
            if importer not in steps:
                steps[importer] = steps[current] + 1
                pending.append(importer)
    del steps[file]
    return steps


def names_of(project: Project, file: str, packages: set[str]) -> list[str]:
    """Every dotted name under which ``file`` may be imported: from a source root, or as pytest puts it on the path."""
    roots = [*project.source_roots, ".", _test_base(file, packages)]
    names = [
        dotted(file if root in (".", "") else file[len(root) + 1 :])
        for root in dict.fromkeys(roots)
        if root in (".", "") or file.startswith(f"{root}/")
    ]
    return list(dict.fromkeys(name for name in names if name))


def _test_base(file: str, packages: set[str]) -> str:
    """The first folder upwards that is no package: pytest puts it on ``sys.path``."""
    folder = file.rpartition("/")[0]
    while folder in packages:
        folder = folder.rpartition("/")[0]
    return folder


def _modules(item: tuple[str, tuple[str, ...]], file: str, own_names: list[str]) -> Iterator[str]:
    """The dotted modules that one import statement may load, parent packages included."""
    module, names = item
    for base in _absolute(module, file, own_names):
        parts = base.split(".") if base else []
        for size in range(1, len(parts) + 1):
            yield ".".join(parts[:size])
        for name in names:
            yield f"{base}.{name}" if base else name


def _absolute(module: str, file: str, own_names: list[str]) -> list[str]:
    stripped = module.lstrip(".")
    level = len(module) - len(stripped)
    if not level:
        return [module]
    up = level - 1 if file.endswith("__init__.py") else level
    bases = [name.split(".") for name in own_names]
    heads = [
        ".".join(parts[: len(parts) - up]) for parts in bases if len(parts) > up or (len(parts) == up and stripped)
    ]
    return [f"{head}.{stripped}" if head and stripped else head or stripped for head in heads]
