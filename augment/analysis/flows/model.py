"""Flows through a project, as frozen records: what is called with the result of what, and through which entrance."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from augment.analysis.model import TargetContext


@dataclass(frozen=True, slots=True)
class Replacement:
    """A name at module level that a test has to give a fresh value, or one test would see what another left.

    ``places`` are ``module.name`` paths, more than one where other modules import the name. ``value`` is an expression;
    it may name ``tmp_path``. ``imports`` are the import statements that it needs.
    """

    places: tuple[str, ...]
    value: str
    imports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Situation:
    """What a test puts in place before a flow, so that it neither depends on the machine nor leaves traces on it.

    ``environment`` are variables that are read, each with the expression it is to hold, '' to take it away.
    ``in_folder``: files are reached by relative paths, so the test has to stand in a folder of its own. ``keys`` are
    the keys that the code reads from records, such as rows of a file; ``words`` are strings that it compares
    with or has as keys.
    """

    replacements: tuple[Replacement, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    in_folder: bool = False
    keys: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """A way through the project that starts in ``entry`` (a context that has no flows itself).

    ``modules`` are the project's modules that it passes, as far as names and annotations tell, the entry's first.
    """

    entry: TargetContext
    modules: tuple[str, ...]
    situation: Situation = Situation()


# --------------------------------------------------------------------------- data


@dataclass(frozen=True, slots=True)
class Chain(Flow):
    """Calls of which each takes what the one before returned. ``steps`` begins with ``entry``.

    ``links`` has one entry for each step after the first: the parameter that takes the value, '' where the step is a
    method called on it.
    """

    steps: tuple[TargetContext, ...] = ()
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileFlow(Flow):
    """``entry`` writes a file that ``reader`` reads; each is told where by the named parameter."""

    reader: TargetContext | None = None
    written_to: str = ""
    read_from: str = ""


class StoreHandle(StrEnum):
    """How code reaches a database."""

    CONNECTION = "sqlite3 connection"
    PATH = "path of a database file"
    SESSION = "SQLAlchemy session"
    ENGINE = "SQLAlchemy engine"


@dataclass(frozen=True, slots=True)
class StoreFlow(Flow):
    """Calls that share one database, in order: those that write before those that read.

    ``opener`` is the project's function that opens it from a path, ``prepare`` the one that creates the schema; both
    may be missing. ``metadata`` is the import line and the name of SQLAlchemy's declarative base.
    """

    handle: StoreHandle = StoreHandle.CONNECTION
    opener: TargetContext | None = None
    prepare: TargetContext | None = None
    steps: tuple[TargetContext, ...] = ()
    metadata: tuple[str, str] | None = None


# --------------------------------------------------------------------------- command lines


class OptionType(StrEnum):
    """What an option takes."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    PATH = "path"
    FILE = "file that is there"
    FOLDER = "folder that is there"
    CHOICE = "choice"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class CommandOption:
    """One option or argument of a command. ``flag`` is '' for an argument; ``off`` is the flag that says no.

    ``default`` is source text. ``count`` is how many values it takes at once.
    """

    name: str
    flag: str = ""
    type: OptionType = OptionType.TEXT
    choices: tuple[str, ...] = ()
    required: bool = False
    default: str | None = None
    off: str = ""
    multiple: bool = False
    count: int = 1


@dataclass(frozen=True, slots=True)
class CommandLevel:
    """One word of a command line with its own options; the word of the program itself is ''."""

    word: str
    options: tuple[CommandOption, ...] = ()


@dataclass(frozen=True, slots=True)
class CommandFlow(Flow):
    """A click or typer command, reached through ``module.name`` and the words of ``levels``.

    ``before`` are commands of the same program that put something there, each as its levels.
    """

    framework: str = "click"
    module: str = ""
    name: str = ""
    levels: tuple[CommandLevel, ...] = ()
    before: tuple[tuple[CommandLevel, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class ParserFlow(Flow):
    """A command line read by argparse. ``entry`` is called with the words, or reads ``sys.argv``.

    ``takes_words``: its first parameter takes them. ``returns_parser``: it only builds the parser. ``exits``: it ends
    with ``SystemExit``. ``before`` as in :class:`CommandFlow`.
    """

    takes_words: bool = True
    returns_parser: bool = False
    exits: bool = False
    levels: tuple[CommandLevel, ...] = ()
    before: tuple[tuple[CommandLevel, ...], ...] = ()


# --------------------------------------------------------------------------- web applications


class BodyKind(StrEnum):
    """How a request carries its body."""

    NONE = "none"
    JSON = "json"
    FORM = "form"


@dataclass(frozen=True, slots=True)
class RequestField:
    """A value that a request carries: its name, annotation ('' unknown) and whether it must be there."""

    name: str
    annotation: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one address. ``path`` has its parameters in braces. ``handler`` is its name.

    ``model`` is the annotation of a body that is one model; ``body`` its fields or the keys that the handler reads.
    ``body_is_list``: the body is a list of such. ``context`` is the handler's, or that of the factory around it.
    """

    method: str
    path: str
    handler: str
    context: TargetContext
    parameters: tuple[RequestField, ...] = ()
    query: tuple[RequestField, ...] = ()
    kind: BodyKind = BodyKind.NONE
    body: tuple[RequestField, ...] = ()
    body_is_list: bool = False
    framework: str = ""


@dataclass(frozen=True, slots=True)
class WebApplication:
    """A web application: ``framework`` is ``flask``, ``fastapi`` or ``starlette``.

    ``factory`` is what makes it, where one does. ``has_lifespan``: something is to run when it starts.
    """

    framework: str
    module: str
    name: str
    factory: TargetContext | None = None
    has_lifespan: bool = False


@dataclass(frozen=True, slots=True)
class RouteFlow(Flow):
    """A request to ``route``. ``others`` are the application's other routes, for what has to happen before it."""

    application: WebApplication | None = None
    route: Route | None = None
    others: tuple[Route, ...] = field(default=())
