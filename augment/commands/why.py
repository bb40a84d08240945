"""``augment why``: why a test was run or skipped at the last saves, and what would select it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import httpx
import typer

from augment.access import bearer
from augment.errors import AugmentError, ProjectError
from augment.service.preflight import read_service
from augment.store import Store, why

ANSWER_TIMEOUT_S = 10.0
_SHOWN = 8


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("why")(why_test)


def why_test(
    nodeid: Annotated[str, typer.Argument(metavar="NODEID", help="The test, as pytest names it.")],
    project: Annotated[Path, typer.Argument(help="Root folder of the project.")] = Path(),
    as_data: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say why a test was run or skipped at the last saves, when it last ran, and what would select it."""
    if not project.is_dir():
        raise ProjectError(f"no folder {project}: name the root of a project")
    found = _ask(nodeid, project.resolve())
    if as_data:
        typer.echo(json.dumps(found))
        return
    for line in told(found, time.time()):
        typer.echo(line)


def _ask(nodeid: str, root: Path) -> dict[str, Any]:
    """From the running service where there is one, for it owns the store; else from the store itself."""
    running = read_service(root)
    if running is not None:
        return _ask_service(running.url, nodeid)
    file = root / ".augment" / "augment.db"
    if not file.exists():
        raise ProjectError(f"Augment has never run on {root}: start it with `python -m augment.launch {root}`")
    store = Store(file)
    try:
        found = why(store, root, nodeid)
    finally:
        store.close()
    if not found["known"]:
        near = f"; near: {', '.join(found['near'])}" if found["near"] else ""
        raise ProjectError(f"no test is called {nodeid!r}{near}")
    return found


def _ask_service(url: str, nodeid: str) -> dict[str, Any]:
    address = f"{url}/api/v1/why?{urlencode({'nodeid': nodeid}, errors='surrogatepass')}"
    try:
        answer = httpx.get(address, headers=bearer(), timeout=ANSWER_TIMEOUT_S, trust_env=False)
        content: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise AugmentError(f"the service does not answer at {url}: {error or type(error).__name__}") from error
    if answer.is_error:
        raise ProjectError(str(content.get("detail", f"the service answered {answer.status_code}")))
    return content


def told(found: Mapping[str, Any], now: float) -> list[str]:
    """The answer in lines for a person."""
    lines = [found["nodeid"], f"  last ran: {_last(found['last'], now)}"]
    lines.append("at the last saves, the newest first:")
    for decision in found["decisions"]:
        what = "run" if decision["selected"] else "skipped"
        lines.append(f"  {decision['revision']}  {what:<7}  {decision['reason']}")
    if not found["decisions"]:
        lines.append("  no save was decided yet")
    lines += _selectors(found)
    lines += _controls(found, now)
    return lines


def _last(last: Mapping[str, Any] | None, now: float) -> str:
    if last is None:
        return "never"
    return f"{last['outcome']} on revision {last['revision']}, {_ago(now - last['at'])} ago ({last['run_id']})"


def _selectors(found: Mapping[str, Any]) -> list[str]:
    if not found["recorded"]:
        return ["it would be run at every save: what it runs is not recorded yet"]
    lines = ["it would be run when these change:"]
    for file, scopes in {**found["runs"], **found["support"]}.items():
        lines.append(f"  {file}: {_listed(scopes)}" if scopes else f"  {file}: what runs on import")
    if found["reads"]:
        lines.append(f"  data it reads: {_listed(found['reads'])}")
    if found["starts_processes"]:
        lines.append("  any module, because it starts other processes, whose code is not recorded")
    return lines


def _controls(found: Mapping[str, Any], now: float) -> list[str]:
    lines = []
    for control in found["controls"][:_SHOWN]:
        what = "a miss" if control["missed"] else "not steady" if not control["stable"] else "as expected"
        seen = f"{control['expected']} before, {control['observed']} then"
        lines.append(f"control sample on {control['revision']}, {_ago(now - control['at'])} ago: {seen}: {what}")
    summary = found["selection"]
    if summary["rate"] is not None:
        rate = summary["rate"]
        lines.append(
            f"selection in this project: {summary['misses']} misses in {summary['controls']} controls, "
            f"so {rate['mean']:.2%} (between {rate['low']:.2%} and {rate['high']:.2%})"
        )
    return lines


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _ago(seconds: float) -> str:
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0.0):.0f} s"
