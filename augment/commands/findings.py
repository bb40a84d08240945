"""``augment findings``: where what is stated and what the code does disagree; rerun them, say what each is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from augment.analysis import discover_project, take_snapshot
from augment.commands.flaky import ListByDefault, root_of, through
from augment.config import load_settings
from augment.errors import SettingsError
from augment.execution import LocalExecutor, find_interpreter, require_sandbox
from augment.generation import rerun
from augment.records import Finding, FindingKind, FindingState
from augment.service import state_folder
from augment.service.marking import mark as mark_finding
from augment.store import Reporter, Store

app = typer.Typer(
    cls=ListByDefault,
    help="Where documentation, annotations, examples, properties or old revisions disagree with the code.",
)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The finding's id, as `augment findings` shows it.")]
ProjectArgument = Annotated[Path, typer.Argument(help="Root folder of the project.")]
_SUSPECTED = (FindingState.OPEN.value, FindingState.BUG.value)
_MARKS = ("bug", "intended", "noise", "open")
_SAID = {
    "bug": "marked {id} as a bug: its failing test stays out of the suite and shows until it passes",
    "intended": "marked {id} as intended: a test pins it now",
    "noise": "marked {id} as noise: it and its like stay away",
    "open": "{id} is open again",
}


@app.command("list")
def show_all(
    project: ProjectArgument = Path(),
    state: Annotated[
        list[str] | None,
        typer.Option(help="open, bug, intended, noise or resolved; repeatable. Default: open and bug."),
    ] = None,
    confidence: Annotated[float, typer.Option(min=0.0, max=1.0, help="Only those at least so sure.")] = 0.0,
    everything: Annotated[bool, typer.Option("--all", help="Those that are settled too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List findings, the surest first (the default)."""
    states = _states(state, everything)
    rows: list[dict[str, Any]] = through(root_of(project), "GET", "findings", None, lambda store: store.findings())
    rows = [row for row in rows if row["state"] in states and row["confidence"] >= confidence]
    rows.sort(key=lambda row: (row["state"] not in _SUSPECTED, -row["confidence"]))
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        typer.echo(f"{row['id']}  {row['state']:<8}  {row['confidence']:.0%}  {row['title']}")
    if not rows:
        typer.echo("no finding" if everything else "no finding is open; `--all` lists those that are settled too")
    elif any(row["state"] == "open" for row in rows):
        typer.echo("\n`augment findings show ID` tells all of one; `mark ID bug|intended|noise` says what it is")


@app.command("show")
def show_one(
    finding_id: IdArgument,
    project: ProjectArgument = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show one finding: what is stated, what happens instead, the smallest failing test, and how to rerun it."""
    finding = _found(root_of(project), finding_id)
    typer.echo(json.dumps(finding, indent=2) if as_json else "\n".join(told(finding)))


@app.command("run")
def run_again(
    finding_id: IdArgument,
    project: ProjectArgument = Path(),
    python: Annotated[str | None, typer.Option(help="The project's interpreter.")] = None,
    sandbox: Annotated[str | None, typer.Option(help="auto, namespaces, landlock, or off to do without.")] = None,
) -> None:
    """Run its failing test once more, confined, in a private copy. Exit code 1 while it fails, 0 when it passes."""
    root = root_of(project)
    row = _found(root, finding_id)
    flags = {key: value for key, value in (("python", python), ("sandbox", sandbox)) if value is not None}
    settings = load_settings(flags, root).settings
    require_sandbox(settings.generator.sandbox)
    found = discover_project(root, find_interpreter(root, settings.service.python))
    executor = LocalExecutor(1, scratch_dir=state_folder(root) / "work", sandbox=settings.generator.sandbox)
    with closing(executor):
        seen = rerun(_record(row), found, take_snapshot(found.root), executor, settings.generator.output_dir)
    if seen.stands:
        if row["state"] == FindingState.RESOLVED:
            _mark(root, finding_id, FindingState.OPEN)
        typer.echo(seen.output.strip())
        typer.echo(f"still disagrees: {row['title']}")
        raise typer.Exit(1)
    if row["state"] in _SUSPECTED:
        _mark(root, finding_id, FindingState.RESOLVED)
    typer.echo(f"no longer disagrees: {row['title']}")


@app.command("mark")
def mark_one(
    finding_id: IdArgument,
    what: Annotated[str, typer.Argument(metavar="bug|intended|noise|open", help="What it is; open takes a mark back.")],
    project: ProjectArgument = Path(),
) -> None:
    """Say what a finding is: a bug, intended (a test then pins it), or noise (it and its like then stay away).

    A change of behaviour becomes a finding when it is marked, by the id that the dashboard shows beside it.
    """
    if what not in _MARKS:
        raise SettingsError(f"a finding is {', '.join(_MARKS[:-1])} or {_MARKS[-1]}, not {what!r}")
    marked = _mark(root_of(project), finding_id, FindingState(what))
    typer.echo(_SAID[what].format(**marked))


def told(finding: Mapping[str, Any]) -> Iterator[str]:
    """One finding as lines for a terminal."""
    yield f"{finding['id']}  {finding['state']}  {finding['confidence']:.0%} sure"
    yield finding["title"]
    for name, text in (
        ("target", finding["target"]),
        ("found by", " / ".join(filter(None, (finding["kind"], finding["rule"])))),
        ("found at", f"{datetime.fromtimestamp(finding['created_at'], UTC):%Y-%m-%d %H:%M} UTC"),
        ("rests on", finding["rests_on"]),
        ("observed", finding["observed"]),
    ):
        if text:
            yield from _labelled(name, text)
    yield from ("", *finding["detail"].splitlines(), "", "the smallest test that fails:", "")
    yield from (f"    {line}".rstrip() for line in finding["source"].strip().splitlines())
    yield from ("", f"rerun it: augment findings run {finding['id']}")
    if finding["state"] == FindingState.OPEN:
        yield f"say what it is: augment findings mark {finding['id']} bug|intended|noise"


def _labelled(name: str, text: str) -> Iterator[str]:
    first, *rest = text.strip().splitlines()
    yield f"  {name + ':':<10}{first}"
    yield from (f"  {'':<10}{line}" for line in rest)


def _states(wanted: Sequence[str] | None, everything: bool) -> frozenset[str]:
    known = [state.value for state in FindingState]
    for state in wanted or ():
        if state not in known:
            raise SettingsError(f"--state {state}: a finding is {', '.join(known)}")
    if wanted:
        return frozenset(wanted)
    return frozenset(known if everything else _SUSPECTED)


def _found(root: Path, finding_id: str) -> dict[str, Any]:
    path = f"findings/{quote(finding_id, safe='')}"
    found: dict[str, Any] = through(root, "GET", path, None, lambda store: _row(store, finding_id))
    return found


def _row(store: Store, finding_id: str) -> dict[str, Any]:
    record = store.finding_record(finding_id)
    return next(row for row in store.findings() if row["id"] == record.id)


def _record(row: Mapping[str, Any]) -> Finding:
    return Finding(**{**row, "kind": FindingKind(row["kind"]), "state": FindingState(row["state"])})


def _mark(root: Path, finding_id: str, wanted: FindingState) -> dict[str, Any]:
    path = f"findings/{quote(finding_id, safe='')}/mark"
    marked: dict[str, Any] = through(
        root, "POST", path, {"state": wanted.value}, lambda store: _mark_in(store, root, finding_id, wanted)
    )
    return marked


def _mark_in(store: Store, root: Path, finding_id: str, wanted: FindingState) -> dict[str, Any]:
    """On the store itself, as the reporter would: TASKS.md is the running service's to write."""
    output = load_settings({}, root).settings.generator.output_dir
    with closing(Reporter(store, root, state_folder(root) / "results", tasks_md=None)) as reporter:
        marked = mark_finding(reporter, discover_project(root), finding_id, wanted, output)
        return next(row for row in reporter.findings() if row["id"] == marked.id)
