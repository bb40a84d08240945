"""``augment accept`` and ``augment reject``: the review of generated tests that are held back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer

from augment.analysis import discover_project
from augment.errors import AugmentError, ProjectError
from augment.records import AdmissionState
from augment.service.preflight import read_service
from augment.service.reviewing import decide
from augment.store import Store

_ANSWER_S = 30.0

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The admission's id, as the dashboard shows it.")]
ProjectArgument = Annotated[Path, typer.Argument(help="Root folder of the project.")]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(accept)
    app.command()(reject)


def accept(admission_id: IdArgument, project: ProjectArgument = Path()) -> None:
    """Keep a generated test that is held for review: write it to its file."""
    nodeid = _review(admission_id, project, "accept")
    typer.echo(f"kept {nodeid}")


def reject(admission_id: IdArgument, project: ProjectArgument = Path()) -> None:
    """Turn a generated test away; one that was kept is taken out of its file again."""
    nodeid = _review(admission_id, project, "reject")
    typer.echo(f"rejected {nodeid}")


def _review(admission_id: str, project: Path, verb: str) -> str:
    """Through the running service where there is one, for it owns the store; else on the store itself."""
    if not project.is_dir():
        raise ProjectError(f"no folder {project}: name the root of a project")
    root = project.resolve()
    running = read_service(root)
    if running is not None:
        return _ask(running.url, admission_id, verb)
    file = root / ".augment" / "augment.db"
    if not file.exists():
        raise ProjectError(f"Augment has never run on {root}: there is nothing to review")
    store = Store(file)
    try:
        wanted = AdmissionState.KEPT if verb == "accept" else AdmissionState.REJECTED
        return decide(store, discover_project(root), admission_id, wanted).nodeid
    finally:
        store.close()


def _ask(url: str, admission_id: str, verb: str) -> str:
    address = f"{url}/api/v1/admissions/{quote(admission_id, safe='')}/{verb}"
    try:
        answer = httpx.post(address, timeout=_ANSWER_S, trust_env=False)
        content: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise AugmentError(f"the service does not answer at {url}: {error or type(error).__name__}") from error
    if answer.is_error:
        raise AugmentError(str(content.get("detail", f"the service answered {answer.status_code}")))
    return str(content.get("nodeid", admission_id))
