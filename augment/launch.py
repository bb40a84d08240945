"""``python -m augment.launch``: start watching a project. The one place that wires everything."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from augment.access import digest_of, ensure_token, take_variable
from augment.actors.logs import start_logging
from augment.cluster import Connection, check_cluster, connect, disconnect, find_address
from augment.commands.running import run_app
from augment.config import LoadedSettings, Settings, load_settings
from augment.loopback import is_loopback
from augment.records import Project
from augment.service import TARGETS_AT_ONCE
from augment.service.preflight import (
    check_folder,
    check_imports,
    check_not_running,
    check_port,
    clear_service,
    free_port,
    write_service,
)
from augment.wiring import (
    control_policy,
    engine_spec,
    flakiness_policy,
    generation_settings,
    living_policy,
    model_need,
    suite_limits,
)

if TYPE_CHECKING:
    from augment.actors.fleet import Fleet, FleetSpec
    from augment.actors.model_host import ModelHost
    from augment.actors.reporter import ReporterClient
    from augment.dashboard import DashboardServer
    from augment.serve import EngineSpec

log = logging.getLogger("augment.launch")

VERDICTS_LIMIT_S = 3600.0
LOAD_LIMIT_S = 900.0
"""How long ``--once`` waits for all tests, and for the model to load."""
OVERTIME_BUDGETS = 3
REPLY_TOKENS = 300
"""Room for five or six short tests. Reading a prompt costs a small model on a CPU as much as writing this."""


def say(text: str) -> None:
    """Tell the person at the terminal, at once."""
    print(text, flush=True)


class Launch:
    """Everything that one launch starts, in the order it starts it, and how it ends.

    Lifecycle: :meth:`start` raises an AugmentError for what stands in the way and leaves nothing behind when it does;
    :meth:`stop` ends what was started here and nothing else, and may be called at any time. With ``awaited`` somebody
    waits for what is written too, and nothing leaves the processor to others.
    """

    def __init__(
        self,
        loaded: LoadedSettings,
        project: Project,
        log_dir: Path,
        token: str | None = None,
        *,
        awaited: bool = False,
    ) -> None:
        self._token = token
        self._awaited = awaited
        self._settings: Settings = loaded.settings
        self._project = project
        self._root = Path(project.root)
        self._log_dir = log_dir
        self._connection: Connection | None = None
        self._fleet: Fleet | None = None
        self._dashboard: DashboardServer | None = None
        self._model: ModelHost | None = None
        self._recorded = False
        self._reporter: ReporterClient | None = None
        self._writes = True
        self.model_endpoint: str | None = None
        """Where any OpenAI client finds the same model; None without one."""

    def start(self) -> str:
        """Start everything; returns the dashboard's address."""
        service = self._settings.service
        url = f"http://{_shown(service.host)}:{service.port}"
        spec = engine_spec(self._settings.model)
        # At once, so that a second launch meets this one however early it comes.
        write_service(self._root, url, "", "")
        self._recorded = True
        # The web page's libraries take seconds to import: meanwhile Ray starts.
        warming = threading.Thread(target=_import_dashboard, daemon=True)
        warming.start()
        address = find_address(service.address)
        say("starting Ray ..." if address is None else f"connecting to Ray at {address} ...")
        from augment.actors.naming import namespace_of

        namespace = namespace_of(self._root)
        self._connection = connect(address or "local", namespace, need=model_need(spec))
        how = "embedded" if self._connection.embedded else "attached"
        say(f"Ray is up ({how}, {self._connection.address}); starting the actors ...")
        self._start_parts(namespace, spec, url, warming)
        write_service(self._root, url, self._connection.address, namespace)
        return url

    def once(self, stopped: Callable[[], bool]) -> int:
        """Wait for one round: verdicts, a pass of generation, and the verdicts on what it wrote; pytest's exit code.

        130 where it was ``stopped``. Raises AugmentError when a part of it does not end in time.
        """
        from augment.actors.once import Once
        from augment.analysis import Snapshots

        assert self._fleet is not None
        assert self._reporter is not None
        snapshots = Snapshots(self._root)
        waiting = Once(self._reporter, lambda: snapshots.take().revision, stopped)
        outcomes = waiting.verdicts(VERDICTS_LIMIT_S)
        say(f"verdicts: {outcomes}")
        if self._writes and not stopped():
            budget = self._settings.generator.budget_seconds_per_module
            waiting.one_pass(self._fleet.generator, LOAD_LIMIT_S + 2 * (1 + OVERTIME_BUDGETS) * budget)
            outcomes = waiting.verdicts(VERDICTS_LIMIT_S)
            say(f"after a pass of generation: {outcomes}")
        return 130 if stopped() else outcomes.exit_code

    def stop(self) -> None:
        """End what was started here, the newest first."""
        closing = None
        if self._dashboard is not None:
            # Beside the rest: a page that is open somewhere may hold its server for two seconds.
            closing = threading.Thread(target=self._dashboard.stop)
            closing.start()
        embedded = self._connection is not None and self._connection.embedded
        if self._model is not None:
            # An embedded Ray takes its deployments with it, much faster than Serve would.
            self._model.stop(take_down=not embedded)
        if self._fleet is not None:
            self._fleet.stop()
        if closing is not None:
            closing.join()
        if self._connection is not None:
            disconnect(self._connection)
        if self._recorded:
            clear_service(self._root)

    @property
    def ray_dashboard(self) -> str | None:
        """Address of Ray's own dashboard."""
        return self._connection.dashboard_url if self._connection else None

    def _start_parts(self, namespace: str, spec: EngineSpec | None, url: str, warming: threading.Thread) -> None:
        from augment.actors.fleet import Fleet
        from augment.actors.model_host import ModelHost
        from augment.actors.naming import GENERATOR
        from augment.actors.pool import RayExecutor
        from augment.actors.review import ReviewActions
        from augment.dashboard import DashboardServer, create_app
        from augment.execution import find_sandbox

        assert self._connection is not None
        sandbox = find_sandbox(self._settings.generator.sandbox)
        say(f"Sandbox of generated tests: {sandbox.describe()}")
        fleet = self._fleet_spec(namespace, self._connection.node_id, spec.model if spec else None)
        if not sandbox.runs_generated_tests:
            say("No tests will be written: install bubblewrap, or say --sandbox off to run them with your own rights")
            self._writes = False
            fleet = replace(fleet, no_generation=f"no tests are written: no sandbox here ({sandbox.reason})")
        self._fleet = Fleet(fleet)
        self._reporter = reporter = self._fleet.start()
        reporter.set_health(sandbox=sandbox.name, sandbox_detail=sandbox.describe())
        if spec is None:
            reporter.set_health(model="off", model_name=None, model_detail=None)
        else:
            host = self._settings.model.endpoint_host
            port = free_port(host, self._settings.model.endpoint_port)
            self.model_endpoint = f"http://{_shown(host)}:{port}/v1"
            digest = None if self._token is None or is_loopback(host) else digest_of(self._token)
            self._model = ModelHost(spec, reporter, host, port, digest)
            self._model.start()
        warming.join()
        app = create_app(
            reporter,
            ReviewActions(
                self._project,
                reporter,
                self._settings.generator.flaky_mute_days,
                RayExecutor(namespace, GENERATOR),
                self._settings.generator.output_dir,
            ),
            title=self._project.name,
            ray_dashboard_url=self._connection.dashboard_url,
            model_endpoint=self.model_endpoint,
        )
        host = self._settings.service.host
        token = None if is_loopback(host) else self._token
        self._dashboard = DashboardServer(app, host, self._settings.service.port, token)
        self._dashboard.start()
        self._fleet.await_ready()
        log.info("dashboard at %s", url)

    def _fleet_spec(self, namespace: str, node_id: str, model: str | None) -> FleetSpec:
        from augment.actors.fleet import FleetSpec
        from augment.actors.gpus import GpuPolicy

        assert self._connection is not None
        wanted = self._settings.generator
        return FleetSpec(
            project=self._project,
            namespace=namespace,
            node_id=node_id,
            slots=wanted.max_concurrent or max(2, (os.cpu_count() or 2) - 1),
            threshold=wanted.resource_threshold,
            limits=suite_limits(wanted),
            generation=replace(
                generation_settings(wanted),
                # Nobody waits for these tests: one prompt for each target of the pass, read and answered together.
                model_first=True,
                prompts_per_call=TARGETS_AT_ONCE,
                reply_tokens=REPLY_TOKENS,
                # On a busy machine the model may take several times as long as its speed so far lets one expect.
                overtime_s=OVERTIME_BUDGETS * wanted.budget_seconds_per_module,
            ),
            idle=wanted.idle,
            sandbox=wanted.sandbox,
            confine_own_tests=wanted.sandbox_own_tests,
            warm_bytes=wanted.warm_memory_mb * 2**20,
            retries=wanted.fault_retries,
            flakiness=flakiness_policy(wanted),
            controls=control_policy(wanted),
            living=living_policy(wanted),
            other_nodes=not self._connection.embedded and self._settings.service.nodes == "auto",
            per_node=wanted.max_concurrent,
            cache_bytes=self._settings.service.node_cache_mb * 2**20,
            shared=not self._connection.embedded,
            gpus=GpuPolicy(wanted.test_gpus, hide=not self._connection.embedded),
            log_dir=str(self._log_dir),
            log_level=self._settings.service.log_level,
            own_pids=(os.getpid(),),
            model=model,
            awaited=self._awaited,
        )


def _import_dashboard() -> None:
    importlib.import_module("augment.dashboard.pages")


def _on_a_free_port(loaded: LoadedSettings) -> LoadedSettings:
    """A job has its port for itself alone: whoever else watches on the usual one does not stand in its way."""
    service = loaded.settings.service
    port = free_port(service.host, service.port)
    changed = loaded.settings.model_copy(update={"service": service.model_copy(update={"port": port})})
    return replace(loaded, settings=changed)


def _token_of(settings: Settings) -> str | None:
    """The token where something will listen beyond this machine; None where nothing does."""
    given = take_variable()
    hosts = [settings.service.host, *([settings.model.endpoint_host] if settings.model.enabled else [])]
    if all(is_loopback(host) for host in hosts):
        return None
    return given or ensure_token()


def _shown(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host


def main(
    project: Annotated[Path, typer.Argument(help="Root folder of the project to watch.")] = Path(),
    address: Annotated[str | None, typer.Option(help="Ray cluster: HOST:PORT, auto, or local for an own one.")] = None,
    model_name: Annotated[str | None, typer.Option(help="Model that writes tests.")] = None,
    resource_threshold: Annotated[
        float | None, typer.Option(help="Share of a resource above which nothing new starts in the background.")
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="How freely the model samples.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Most generated tokens of one answer.")] = None,
    max_concurrent: Annotated[int | None, typer.Option(help="Test batches at once.")] = None,
    host: Annotated[str | None, typer.Option(help="Interface of the dashboard.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the dashboard.")] = None,
    accept: Annotated[str | None, typer.Option(help="auto keeps what passes; review asks first.")] = None,
    no_model: Annotated[bool, typer.Option("--no-model", help="Work without a model.")] = False,
    sandbox: Annotated[
        str | None, typer.Option(help="Confinement of generated tests: auto, namespaces, landlock, or off.")
    ] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Add kept tests to your own test files.")] = False,
    config_dir: Annotated[Path | None, typer.Option(help="Folder of the JSON settings.")] = None,
    python: Annotated[str | None, typer.Option(help="Interpreter that runs the project's tests.")] = None,
    log_dir: Annotated[Path, typer.Option(help="Folder of the log files.")] = Path("logs"),
    once: Annotated[
        bool, typer.Option("--once", help="All verdicts and one pass of generation, then exit with pytest's code.")
    ] = False,
) -> None:
    """Watch a project: verdicts within a moment of each save, and new tests in the time left over.

    With --once, as a job: 0 when all tests passed, 1 when one failed or a fault ended it, 2 when a file could not be
    collected, 5 without tests.
    """
    from augment.analysis import discover_project
    from augment.execution import ensure_overlay, find_interpreter, probe_interpreter

    found = discover_project(project)
    flags = {
        "address": address,
        "model_name": model_name,
        "resource_threshold": resource_threshold,
        "temperature": temperature,
        "max_length": max_length,
        "max_concurrent": max_concurrent,
        "host": host,
        "port": port,
        "accept": accept,
        "no_model": no_model or None,
        "sandbox": sandbox,
        "merge": True if merge else None,
        "python": python,
    }
    root = Path(found.root)
    loaded = load_settings({k: v for k, v in flags.items() if v is not None}, root, config_dir)
    if once and loaded.origins["service.port"].source == "default":
        loaded = _on_a_free_port(loaded)
    service = loaded.settings.service
    token = _token_of(loaded.settings)
    check_folder(root)
    check_not_running(root)
    check_port(service.host, service.port)
    check_cluster(service.address)
    interpreter = find_interpreter(root, service.python)
    ensure_overlay(probe_interpreter(interpreter))
    found = discover_project(project, interpreter)
    for problem in check_imports(found):
        say(f"{problem}: its tests will say so until that is mended; Augment goes on with the rest")
    log_dir = log_dir.resolve()
    start_logging(log_dir, "launch", service.log_level)
    if token is not None:
        say("What listens beyond this machine asks for a token: `augment token` prints it")
    code = _watch(Launch(loaded, found, log_dir, token, awaited=once), found, log_dir, once=once)
    if once:
        raise typer.Exit(code)


def _watch(launch: Launch, project: Project, log_dir: Path, *, once: bool) -> int:
    """Start, wait for a signal or for one round, stop. Returns what the round came to."""
    code = 0
    asked = threading.Event()
    _on_signal(asked)
    began = time.monotonic()
    try:
        url = launch.start()
        _on_signal(asked)  # once more: Ray puts its own handlers in place when it starts
        say(f"watching {project.root}")
        say(f"Dashboard: {url}   (after {time.monotonic() - began:.0f} s; Ray's own: {launch.ray_dashboard or 'off'})")
        if launch.model_endpoint is not None:
            say(f"Model, for any OpenAI client: {launch.model_endpoint}   (it loads now)")
        say(f"Logs: {log_dir}   Ctrl-C stops everything")
        if once:
            code = launch.once(asked.is_set)
        else:
            asked.wait()
        say("stopping ...")
    finally:
        launch.stop()
    say("stopped; the next launch goes on where this one ended")
    return code


def _on_signal(asked: threading.Event) -> None:
    """Ctrl-C and SIGTERM ask for a stop; while starting, they end the start at its next step."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.set())


if __name__ == "__main__":
    _app = typer.Typer(add_completion=False)
    _app.command()(main)
    run_app(_app, sys.argv[1:])
