"""``augment accept`` and ``augment reject``: the review of generated tests that are held back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer

from augment.analysis import discover_project
from augment.errors import AugmentError, ProjectError
from augment.generation import apply_admission, remove_admission
from augment.records import Admission, AdmissionState
from augment.service.preflight import read_service
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
        return decide(store, root, admission_id, verb).nodeid
    finally:
        store.close()


def decide(store: Store, root: Path, admission_id: str, verb: str) -> Admission:
    """Accept or reject an admission of the store, in its test file first and then on record.

    Deciding the same again changes nothing. Raises UnknownAdmissionError for an id that the store does not hold, and
    AugmentError where a rejected test is to be accepted, for its state says that it is not wanted.
    """
    admission = store.admission(admission_id)
    wanted = AdmissionState.KEPT if verb == "accept" else AdmissionState.REJECTED
    if admission.state is wanted:
        return admission
    if verb == "accept" and admission.state is AdmissionState.REJECTED:
        raise AugmentError(f"{admission_id} was rejected before; a test is proposed anew when its target changes")
    change = apply_admission if verb == "accept" else remove_admission
    decided = change(discover_project(root), admission)
    store.update_admission(decided)
    return decided


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
