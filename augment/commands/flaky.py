"""``augment flaky``: tests whose verdict flips, what makes them fail, and their mutes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from typer.core import TyperGroup

from augment.access import bearer
from augment.config import load_settings
from augment.errors import AugmentError, ProjectError
from augment.service import muting
from augment.service.preflight import read_service
from augment.service.rerunning import USUAL
from augment.store import Store

_ANSWER_S = 30.0


class ListByDefault(TyperGroup):
    """Takes a first argument that names no command for the project to list: ``augment flaky PROJECT``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default command in front."""
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=ListByDefault, help="Tests whose verdict flips: list them, mute them, unmute them.")

NodeidArgument = Annotated[str, typer.Argument(metavar="NODEID", help="The test, as `augment test` names it.")]
ProjectArgument = Annotated[Path, typer.Argument(help="Root folder of the project.")]


@app.command("list")
def show(
    project: ProjectArgument = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List flaky and muted tests, the worst first, with what makes each fail (the default)."""
    root = root_of(project)
    rows: list[dict[str, Any]] = through(root, "GET", "flaky", None, lambda store: store.flaky())
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    typer.echo("\n\n".join("\n".join(told(row)) for row in rows) or "no test is known to be flaky, and none is muted")


@app.command()
def mute(
    nodeid: NodeidArgument,
    project: ProjectArgument = Path(),
    days: Annotated[float | None, typer.Option(min=0.01, max=365.0, help="How long; the settings say, if not.")] = None,
) -> None:
    """Show a test's failures apart, until the days are over or it or what it executes changes. It still runs."""
    root = root_of(project)
    lasting = days or load_settings({}, root).settings.generator.flaky_mute_days or muting.DAYS
    order = {"nodeid": nodeid, "days": lasting}
    done = through(root, "POST", "flaky/mute", order, lambda store: muting.mute(store, nodeid, lasting))
    typer.echo(f"muted {nodeid} until {_moment(done['muted_until'])}")


@app.command()
def unmute(nodeid: NodeidArgument, project: ProjectArgument = Path()) -> None:
    """End a test's mute; Augment does not mute it again before it or what it executes changes."""
    through(root_of(project), "POST", "flaky/unmute", {"nodeid": nodeid}, lambda store: muting.unmute(store, nodeid))
    typer.echo(f"unmuted {nodeid}")


def told(row: dict[str, Any]) -> Iterator[str]:
    """One test as lines for a terminal."""
    yield row["nodeid"]
    state = "flaky" if row["is_flaky"] else "suspected" if row["mixed"] else "not known to be flaky"
    if row["attempts"]:
        state += f": flips in {row['score']:.0%} of its attempts (90 % sure: {row['low']:.0%} to {row['high']:.0%})"
        state += f", {row['failures']} of {row['attempts']} did not pass"
    yield f"  {state}"
    if row["cause"]:
        yield f"  fails: {row['cause']}"
    if row["tallies"]:
        tallies = {words: counts for words, counts in row["tallies"].items() if counts[1] or words == USUAL}
        seen = (f"{words} {bad}/{good + bad}" for words, (good, bad) in tallies.items())
        yield f"  did not pass: {', '.join(seen)}"
    if row["reproduce"]:
        yield f"  reproduce: {row['reproduce']}"
    if row["muted"]:
        who = "Augment" if row["muted_by"] == "augment" else "you"
        yield f"  muted by {who} until {_moment(row['muted_until'])}, or until it or what it executes changes"


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def root_of(project: Path) -> Path:
    """The absolute root of the project that was named. Raises ProjectError where there is no such folder."""
    if not project.is_dir():
        raise ProjectError(f"no folder {project}: name the root of a project")
    return project.resolve()


def through(
    root: Path,
    method: str,
    path: str,
    order: dict[str, Any] | None,
    on_store: Callable[[Store], Any],
    timeout_s: float = _ANSWER_S,
) -> Any:
    """Ask the running service where there is one, for it owns the store; else the store itself."""
    running = read_service(root)
    if running is not None:
        return _ask(running.url, method, path, order, timeout_s)
    file = root / ".augment" / "augment.db"
    if not file.exists():
        raise ProjectError(
            f"Augment has never run on {root}: nothing is known; start it with `python -m augment.launch`"
        )
    store = Store(file)
    try:
        return on_store(store)
    finally:
        store.close()


def _ask(url: str, method: str, path: str, order: dict[str, Any] | None, timeout_s: float) -> Any:
    try:
        answer = httpx.request(
            method, f"{url}/api/v1/{path}", json=order, headers=bearer(), timeout=timeout_s, trust_env=False
        )
        content = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise AugmentError(f"the service does not answer at {url}: {error or type(error).__name__}") from error
    if answer.is_error:
        raise AugmentError(str(content.get("detail", f"the service answered {answer.status_code}")))
    return content
