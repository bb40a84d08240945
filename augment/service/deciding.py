"""A plan as a record that explains it later: what was selected and why, and what had changed."""

from __future__ import annotations

from collections.abc import Sequence

from augment.analysis import PackageChange, ProjectChange, Selection
from augment.records import Decision, new_id


def decision_of(
    change: ProjectChange | None,
    packages: PackageChange,
    selections: Sequence[Selection],
    revision: str,
    run_id: str | None,
    at: float,
) -> Decision:
    """The decision for one revision. Without ``change`` everything runs: it is the first look at the project."""
    return Decision(
        id=new_id("decision"),
        revision=revision,
        previous=change.old_revision if change is not None else "",
        at=at,
        run_id=run_id,
        reasons={selection.nodeid: selection.reason for selection in selections},
        changes={**(changes_of(change) if change is not None else {}), **_installed(packages)},
        everything=change is None,
    )


def changes_of(change: ProjectChange) -> dict[str, tuple[str, ...]]:
    """Each changed file that matters -> the scopes that differ ('' for code that runs on import, and for data)."""
    return {
        item.file: tuple(dict.fromkeys([*(block.scope for block in item.blocks), *item.edited_tests])) or ("",)
        for item in change.files
        if item.matters
    }


def _installed(packages: PackageChange) -> dict[str, tuple[str, ...]]:
    return {f"installed package {name}": (how,) for name, how in packages.packages.items()}
