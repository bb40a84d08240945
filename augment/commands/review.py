"""``augment accept`` and ``augment reject``: a person's word on generated tests that are held back, or stale."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer

from augment.access import bearer
from augment.analysis import discover_project, take_snapshot
from augment.commands.flaky import through
from augment.config import load_settings
from augment.errors import AugmentError, ProjectError
from augment.execution import LocalExecutor, find_interpreter, require_sandbox
from augment.records import AdmissionState
from augment.service import state_folder
from augment.service.preflight import read_service
from augment.service.repinning import Repinner, keep_as_regression
from augment.service.reviewing import decide
from augment.store import Store

_ANSWER_S = 30.0

_REPIN_S = 600.0

IdArgument = Annotated[
    str | None,
    typer.Argument(metavar="ID", help="The admission's id, as the dashboard shows it; with --stale also a target."),
]
StaleOption = Annotated[bool, typer.Option("--stale", help="Decide on tests that a change of their code made stale.")]
ProjectArgument = Annotated[Path, typer.Argument(help="Root folder of the project.")]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(accept)
    app.command()(reject)


def accept(admission_id: IdArgument = None, project: ProjectArgument = Path(), stale: StaleOption = False) -> None:
    """Keep a generated test that is held for review: write it to its file.

    With --stale: re-pin tests that your change of their code made stale to what the code does now; the argument is
    then a target, a test or an admission (all stale ones without it).
    """
    if stale:
        _settle_stale(admission_id, project, "accept")
        return
    typer.echo(f"kept {_review(admission_id, project, 'accept')}")


def reject(admission_id: IdArgument = None, project: ProjectArgument = Path(), stale: StaleOption = False) -> None:
    """Turn a generated test away; one that was kept is taken out of its file again.

    With --stale: leave tests that your change broke as they are, because the code is wrong and not the test.
    """
    if stale:
        _settle_stale(admission_id, project, "reject")
        return
    typer.echo(f"rejected {_review(admission_id, project, 'reject')}")


def what_and_root(what: str | None, project: Path) -> tuple[str | None, Path]:
    """The optional first argument and the project's root; a folder that stands first is the project."""
    if what is not None and project == Path() and "::" not in what and Path(what).is_dir():
        project, what = Path(what), None
    if not project.is_dir():
        raise ProjectError(f"no folder {project}: name the root of a project")
    return what, project.resolve()


def _settle_stale(what: str | None, project: Path, verb: str) -> None:
    what, root = what_and_root(what, project)
    on_store = _accept_in(root, what) if verb == "accept" else _reject_in(what)
    settled = through(root, "POST", f"stale/{verb}", {"what": what}, on_store, timeout_s=_REPIN_S)
    for item in settled:
        typer.echo(f"{item['nodeid']} {item['text']}")


def _reject_in(what: str | None) -> Callable[[Store], list[dict[str, Any]]]:
    return lambda store: [item.as_json() for item in keep_as_regression(store, what)]


def _accept_in(root: Path, what: str | None) -> Callable[[Store], list[dict[str, Any]]]:
    """Re-pin without a service: the tests run here, confined as while they were written."""

    def accept_in(store: Store) -> list[dict[str, Any]]:
        wanted = load_settings({}, root).settings
        require_sandbox(wanted.generator.sandbox)
        project = discover_project(root, find_interpreter(root, wanted.service.python))
        executor = LocalExecutor(
            2,
            scratch_dir=state_folder(root) / "work",
            sandbox=wanted.generator.sandbox,
            warm_bytes=wanted.generator.warm_memory_mb * 2**20,
        )
        try:
            repinner = Repinner(
                project, executor, store, lambda: take_snapshot(project.root), wanted.generator.output_dir
            )
            return [item.as_json() for item in repinner.accept(what)]
        finally:
            executor.close()

    return accept_in


def _review(admission_id: str | None, project: Path, verb: str) -> str:
    """Through the running service where there is one, for it owns the store; else on the store itself."""
    if admission_id is None:
        raise AugmentError(f"name the test by its id, as the dashboard shows it, or say `augment {verb} --stale`")
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
        answer = httpx.post(address, headers=bearer(), timeout=_ANSWER_S, trust_env=False)
        content: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise AugmentError(f"the service does not answer at {url}: {error or type(error).__name__}") from error
    if answer.is_error:
        raise AugmentError(str(content.get("detail", f"the service answered {answer.status_code}")))
    return str(content.get("nodeid", admission_id))
