"""What passes between the project's node and another one when a revision is shipped there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PIECE_BYTES = 8 * 2**20
"""Blobs are sent in pieces of about this size; one that is larger goes alone."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A revision by content hash: in full, or as what differs from the revision ``base``.

    ``files`` maps the paths that are new or other to their content hashes, ``executable`` are those of them that may be
    run, ``gone`` the paths that ``base`` has and this revision has not. ``base`` is '' for a revision in full.
    """

    revision: str
    files: Mapping[str, str]
    executable: frozenset[str] = frozenset()
    base: str = ""
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Needs:
    """What a node answers to a parcel. ``known`` is False where it does not have the base: it needs the revision in
    full. ``blobs`` are the content hashes that it lacks.
    """

    known: bool
    blobs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fitness:
    """What a node is like for a project. ``packages`` maps the distributions that its interpreter has to versions;
    ``sandboxed`` says whether generated tests can be confined there as they have to be.
    """

    protocol: int
    python: str
    packages: Mapping[str, str] = field(default_factory=dict)
    sandboxed: bool = True


@dataclass(frozen=True, slots=True)
class Received:
    """What one executor on another node has received since it started."""

    revisions: int = 0
    blobs: int = 0
    bytes: int = 0


class RevisionGoneError(Exception):
    """The project no longer holds the bytes of the revision asked for; the text names the file."""


_SHOWN = 3


def unfit(here: Fitness, there: Fitness) -> str:
    """Why tests that run on a node like ``there`` could come to other verdicts than ``here``; '' where nothing does."""
    if here.protocol != there.protocol:
        return "another version of Augment is installed there"
    if here.python != there.python:
        return f"the project's interpreter is Python {there.python} there and {here.python} here"
    names = sorted({*here.packages, *there.packages})
    other = [name for name in names if here.packages.get(name) != there.packages.get(name)]
    if other:
        told = [f"{name} {_version(there, name)} there, {_version(here, name)} here" for name in other[:_SHOWN]]
        more = f" and {len(other) - _SHOWN} more" if len(other) > _SHOWN else ""
        return f"the project's interpreter has other packages: {'; '.join(told)}{more}"
    if here.sandboxed and not there.sandboxed:
        return "generated tests cannot be confined there (install bubblewrap)"
    return ""


def _version(fitness: Fitness, name: str) -> str:
    return fitness.packages.get(name, "missing")
