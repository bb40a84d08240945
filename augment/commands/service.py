"""``augment status`` and ``augment stop``: the service that runs on a project."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import httpx
import psutil
import typer

from augment.access import bearer
from augment.errors import AugmentError, ProjectError
from augment.service.preflight import ServiceRecord, clear_service, read_service

_FAILING_SHOWN = 10
STOP_TIMEOUT_S = 15.0
ANSWER_TIMEOUT_S = 5.0

ProjectArgument = Annotated[Path, typer.Argument(help="Root folder of the project.")]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(status)
    app.command()(stop)


def status(
    project: ProjectArgument = Path(),
    as_data: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say whether a service runs on the project, and how it goes. Exits with 3 when none runs."""
    running = _find(project)
    if running is None:
        typer.echo(json.dumps({"running": False}) if as_data else f"Augment does not run on {project.resolve()}")
        raise typer.Exit(3)
    health, summary = _ask(running, "health"), _ask(running, "summary")
    if as_data:
        typer.echo(json.dumps({"running": True, "pid": running.pid, "url": running.url, **health, "summary": summary}))
        return
    minutes = (time.time() - running.started_at) / 60
    typer.echo(f"Augment runs on {project.resolve()} (pid {running.pid}, for {minutes:.0f} min): {running.url}")
    typer.echo(f"model: {health.get('model')} {health.get('model_name', '')}".rstrip())
    for line in [*nodes_told(health.get("nodes", ())), *_told(summary)]:
        typer.echo(line)


def nodes_told(nodes: Sequence[Mapping[str, Any]]) -> list[str]:
    """The other nodes of the cluster, one a line, and why one is not used."""
    lines = []
    for node in nodes:
        if node["state"] == "refused":
            lines.append(f"node {node['address']}: not used: {node['detail']}")
            continue
        said = f"{len(node['executors'])} executors, {node['batches']} batches, {node['files']} files received"
        more = f"; {node['detail']}" if node["detail"] else ""
        lines.append(f"node {node['address']}: {node['state']}, {said}{more}")
    return lines


def _told(summary: Mapping[str, Any]) -> list[str]:
    """The state in a few lines: what is broken, what was written, what is being done."""
    tests, written = summary["tests"], summary["admissions"]
    lines = [
        "tests: " + (", ".join(f"{number} {name}" for name, number in tests.items() if number) or "none known yet")
    ]
    lines += [f"  {test['outcome']} {test['nodeid']}" for test in summary["failing"][:_FAILING_SHOWN]]
    more = len(summary["failing"]) - _FAILING_SHOWN
    lines += [f"  and {more} more"] if more > 0 else []
    stale = summary.get("stale", ())
    lines += [f"stale: {entry['text']}: `{entry['accept']}` re-pins, or fix the code" for entry in stale]
    lines.append(f"written: {written['kept']} kept, {written['held']} waiting for review")
    lines += [f"now: {activity['part']}: {activity['text']}" for activity in summary["activities"]]
    return lines


def stop(project: ProjectArgument = Path()) -> None:
    """Stop the service that runs on the project, and wait until it has ended."""
    running = _find(project)
    if running is None:
        typer.echo(f"Augment does not run on {project.resolve()}")
        return
    psutil.Process(running.pid).terminate()
    deadline = time.monotonic() + STOP_TIMEOUT_S
    # Not psutil's wait: a process whose parent has not noticed its end yet, a zombie, has ended for us.
    while read_service(project.resolve()) is not None:
        if time.monotonic() > deadline:
            raise AugmentError(
                f"the service (pid {running.pid}) has not ended after {STOP_TIMEOUT_S:.0f} s: see its logs, "
                f"or end it with `kill -9 {running.pid}` (nothing acknowledged is lost)"
            )
        time.sleep(0.1)
    clear_service(project.resolve())
    typer.echo(f"stopped (pid {running.pid})")


def _find(project: Path) -> ServiceRecord | None:
    if not project.is_dir():
        raise ProjectError(f"no folder {project}: name the root of a project")
    return read_service(project.resolve())


def _ask(running: ServiceRecord, what: str) -> dict[str, Any]:
    try:
        answer = httpx.get(f"{running.url}/api/v1/{what}", headers=bearer(), timeout=ANSWER_TIMEOUT_S, trust_env=False)
        answer.raise_for_status()
        content: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise AugmentError(
            f"the service (pid {running.pid}) does not answer at {running.url}: {error or type(error).__name__}; "
            "it may still be starting, else see its logs"
        ) from error
    return content
