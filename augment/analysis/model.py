"""What analysis finds, as frozen records: contexts for generators, changes between revisions, selected tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from augment.records import Target

if TYPE_CHECKING:
    from augment.analysis.flows.model import Flow

# --------------------------------------------------------------------------- context of one target


class ParameterKind(StrEnum):
    """How an argument is passed; the values are the names of ``inspect.Parameter`` kinds in lower case."""

    POSITIONAL_ONLY = "positional_only"
    POSITIONAL_OR_KEYWORD = "positional_or_keyword"
    VAR_POSITIONAL = "var_positional"
    KEYWORD_ONLY = "keyword_only"
    VAR_KEYWORD = "var_keyword"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as written. ``annotation`` is source text, '' without one; ``default`` too, None without one.

    ``self`` and ``cls`` are left out.
    """

    name: str
    annotation: str = ""
    default: str | None = None
    kind: ParameterKind = ParameterKind.POSITIONAL_OR_KEYWORD

    @property
    def required(self) -> bool:
        """Whether a call must pass it."""
        variadic = self.kind in (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD)
        return self.default is None and not variadic


@dataclass(frozen=True, slots=True)
class Callee:
    """A function or class of the project that the target calls. ``doc`` is the first paragraph of its docstring."""

    id: str
    signature: str
    doc: str = ""


class TypeKind(StrEnum):
    """How an instance of a project's class comes about."""

    PLAIN = "class"
    ENUM = "enum"
    ABSTRACT = "abstract"
    TYPED_DICT = "typed dict"
    ALIAS = "alias"


@dataclass(frozen=True, slots=True)
class ProjectType:
    """A class of the project (or a type alias) that annotations name, and what its constructor takes.

    ``members`` are an enum's members, ``concrete`` the ids of an abstract class's concrete subclasses, ``alias`` the
    annotation text that a type alias stands for. ``name`` is how the annotation spells it. ``abstract`` are the methods
    that an abstract class lacks, ``skeleton`` its text without bodies ('' for others). ``checks`` is the source of
    ``__init__`` and ``__post_init__``, which say what the constructor refuses.
    """

    name: str
    module: str
    qualname: str
    kind: TypeKind = TypeKind.PLAIN
    parameters: tuple[Parameter, ...] = ()
    members: tuple[str, ...] = ()
    concrete: tuple[str, ...] = ()
    alias: str = ""
    skeleton: str = ""
    abstract: tuple[str, ...] = ()
    checks: str = ""


class CallForm(StrEnum):
    """How the target is reached from a test."""

    FUNCTION = "function"
    INSTANCE_METHOD = "instance method"
    CLASS_METHOD = "class method"
    STATIC_METHOD = "static method"
    PROPERTY = "property"
    CLASS = "class"


@dataclass(frozen=True, slots=True)
class OutsideUse:
    """A name from outside the project, as a function uses it.

    ``module`` is the project's module and ``name`` how it is spelled there; ``means`` is the absolute name
    (``os.environ.get``, ``builtins.open``; ``.read`` for a method of something unknown). ``text`` is the call,
    subscript or comparison that it stands in, ``around`` the one around that. ``by_module``: the module of the name was
    imported whole, so that the name is looked up in it at every use.
    """

    module: str
    name: str
    means: str
    text: str = ""
    around: str = ""
    by_module: bool = False


@dataclass(frozen=True, slots=True)
class StateUse:
    """A variable of a module or attribute of a class that a function changes; ``value`` is what it was given first."""

    module: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Outside:
    """What a target, and what it calls, uses beyond arguments; ``caches`` are ids of functions that keep results."""

    uses: tuple[OutsideUse, ...] = ()
    state: tuple[StateUse, ...] = ()
    caches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A function or method beside a target. ``returns`` is its return annotation as written, '' without one."""

    module: str
    qualname: str
    parameters: tuple[Parameter, ...] = ()
    returns: str = ""
    form: CallForm = CallForm.FUNCTION
    is_async: bool = False

    @property
    def id(self) -> str:
        """``module:qualname``."""
        return f"{self.module}:{self.qualname}"


@dataclass(frozen=True, slots=True)
class TargetContext:
    """All that a generator may know of a target.

    ``source`` is dedented, decorators included. ``import_line`` imports the function, or the outermost class for a
    method; ``call_name`` is what stands in a call after that import (``apply_discount``, ``Cart.total``).
    ``class_skeleton`` is '' for a function. ``imports`` are the module's import statements that the target uses,
    rewritten absolute. ``project_names`` maps each public name to the modules that define it. ``literals`` are reprs.
    ``uncovered_lines`` are line numbers of the file, within the target. ``types`` are the project's types that the
    signature reaches, constructors of constructors included; ``owner`` is the class of a method.
    ``example_calls`` are calls of the target found in the project, with literal arguments only. ``flows`` are the ways
    through the project that pass the target. ``neighbours`` are the functions beside the target: its class's methods,
    its module's and its package's public functions. ``main_guard`` is what stands under ``if __name__ == "__main__"``
    where that calls the target.
    """

    target: Target
    source: str
    import_line: str
    call_name: str
    class_skeleton: str = ""
    imports: tuple[str, ...] = ()
    module_names: tuple[str, ...] = ()
    project_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    callees: tuple[Callee, ...] = ()
    callers: tuple[str, ...] = ()
    concrete_subclasses: tuple[str, ...] = ()
    abstract_methods: tuple[str, ...] = ()
    raises: tuple[str, ...] = ()
    literals: tuple[str, ...] = ()
    doctests: tuple[tuple[str, str], ...] = ()
    uncovered_lines: tuple[int, ...] = ()
    uncovered_branches: tuple[tuple[int, int], ...] = ()
    test_style: str = ""
    fixtures: tuple[str, ...] = ()
    is_async: bool = False
    parameters: tuple[Parameter, ...] = ()
    form: CallForm = CallForm.FUNCTION
    owner: ProjectType | None = None
    types: tuple[ProjectType, ...] = ()
    example_calls: tuple[str, ...] = ()
    outside: Outside = Outside()
    main_guard: str = ""
    flows: tuple[Flow, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()


# --------------------------------------------------------------------------- changes


class ChangeKind(StrEnum):
    """What became of a target between two revisions."""

    ADDED = "added"
    MODIFIED = "modified"
    RENAMED = "renamed"
    MOVED = "moved"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Change:
    """One target that differs. ``target`` is the new one (the old one when deleted), ``previous`` the old one."""

    kind: ChangeKind
    target: Target
    previous: Target | None = None


@dataclass(frozen=True, slots=True)
class ChangedBlock:
    """A smallest run of statements that changed, in line numbers of the *old* source, 1-based and inclusive.

    Whoever executed no line of it cannot see the change. ``scope`` is the qualname around it, '' for module level.
    ``on_import`` means that it runs when the module is imported, so everything that imports the module may see it;
    such a block may be empty (``start`` 0) when code was only added.
    """

    start: int
    end: int
    scope: str = ""
    on_import: bool = False


class FileState(StrEnum):
    """What became of a file between two revisions."""

    ADDED = "added"
    CHANGED = "changed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file that differs.

    ``blocks`` is empty when only comments, formatting or harmless additions differ. ``is_python`` is False for data and
    configuration. ``importers`` are the project files that import it, directly or through others, with the number of
    steps; ``mentions`` are the files whose source names a data file. ``line_map`` maps each unchanged old line to its
    new number, and is None where the two texts could not both be had. ``edited_tests`` are the tests of a test module
    that are new or have another header, as in node ids (``test_x``, ``TestCart::test_x``); ``blocks`` is then the rest.
    """

    file: str
    state: FileState
    is_python: bool
    is_test: bool
    blocks: tuple[ChangedBlock, ...] = ()
    importers: Mapping[str, int] = field(default_factory=dict)
    mentions: tuple[str, ...] = ()
    line_map: Mapping[int, int] | None = None
    configures_pytest: bool = False
    edited_tests: tuple[str, ...] = ()

    @property
    def matters(self) -> bool:
        """Whether any behaviour may differ."""
        changed = self.state is not FileState.CHANGED or not self.is_python
        return changed or bool(self.blocks or self.edited_tests)

    @property
    def on_import(self) -> bool:
        """Whether code that runs on import differs."""
        return any(block.on_import for block in self.blocks)


@dataclass(frozen=True, slots=True)
class ProjectChange:
    """Everything that differs between two revisions. ``problems`` maps a file that does not parse to why.

    ``importers`` maps a file to those that import it directly; empty where no data file differs.
    """

    old_revision: str
    new_revision: str
    files: tuple[FileChange, ...] = ()
    targets: tuple[Change, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)
    importers: Mapping[str, set[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(change.matters for change in self.files)


@dataclass(frozen=True, slots=True)
class Selection:
    """A test to run, and why, in words. ``whole``: ``nodeid`` stands for all tests below it (a file, or a function)."""

    nodeid: str
    reason: str
    whole: bool = False


@dataclass(frozen=True, slots=True)
class PackageChange:
    """What changed in the environment since the last tested revision.

    ``packages`` maps each distribution that was installed, removed or replaced to how, in words. ``users`` are the
    project files that import one of its modules, with the number of steps; None when nothing can be excluded.
    """

    packages: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, int] | None = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.packages)
