"""Targets as a user names them: a file, a folder, a module, or MODULE:NAME."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import typer

from augment.analysis import project_targets, take_snapshot
from augment.errors import ProjectError
from augment.records import Project, Target


def choose_targets(project: Project, what: Sequence[str], purpose: str) -> list[Target]:
    """The targets that ``what`` names, all of them where it is empty.

    Raises ProjectError for a name of nothing; ``purpose`` ends its line ("tests can be written for").
    """
    problems: list[str] = []
    targets = project_targets(
        project, take_snapshot(project.root), on_problem=lambda file, why: problems.append(f"{file}: {why}")
    )
    for problem in problems:
        typer.echo(f"skipped {problem}", err=True)
    if not what:
        return targets
    chosen: dict[str, Target] = {}
    for name in what:
        matching = [target for target in targets if names_target(target, name, project)]
        if not matching:
            raise ProjectError(f"{name} names no file, module or target of {project.root} that {purpose}")
        chosen |= {target.id: target for target in matching}
    return list(chosen.values())


def names_target(target: Target, name: str, project: Project) -> bool:
    """Whether ``name`` (a file, a folder, a module or MODULE:NAME) means ``target``, alone or with others."""
    if ":" in name:
        return target.id == name or target.id.startswith(f"{name}.")
    path = Path(name)
    with suppress(ValueError):
        if path.is_absolute():
            path = path.relative_to(project.root)
    relative = path.as_posix().rstrip("/")
    return target.file == relative or target.file.startswith(f"{relative}/") or target.module == name
