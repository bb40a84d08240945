"""The Ray Serve application that hosts the model, for the generator (by handle) and for any OpenAI client (by HTTP)."""

from __future__ import annotations

import contextlib
import logging
import socket
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Header
from fastapi import Request as HttpRequest
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from ray import serve
from ray.serve.exceptions import RayServeException
from ray.serve.schema import ApplicationStatus

from augment.errors import ClusterError
from augment.seams import Request
from augment.serve import openai_api, openai_http
from augment.serve.engine import EngineSpec
from augment.serve.engine_process import EngineProcess
from augment.serve.serve_engine import APP, ServeEngine
from augment.serve.server import Answer, ChatServer

__all__ = ["APP", "Answer", "ModelServer", "ModelStatus", "ServeEngine", "deploy", "status", "undeploy"]

_SPARE_REQUESTS = 16
"""Places beside the model's own queue, so that a full queue still answers health checks and refusals."""
_STATUS_TIMEOUT_S = 5.0
_UNREACHABLE: tuple[type[Exception], ...] = (RayServeException, *ServeEngine.replica_lost)

_AUTHORIZATION: str = Header(default="")
"""A default and no annotation: on its way to a replica a method keeps the names that its code uses, and no others."""

web = FastAPI(title="Augment model", docs_url=None, redoc_url=None)


@web.exception_handler(RequestValidationError)
async def _invalid(_request: HttpRequest, error: RequestValidationError) -> Response:
    return openai_http.invalid_response(error)


@serve.deployment
@serve.ingress(web)
class ModelServer:
    """Shell over :class:`augment.serve.server.ChatServer`.

    Lifecycle: made by :func:`deploy`, kept alive by Serve, which starts a new one when it dies. It answers from its
    first moment, while the model loads in a process of its own. What it loses when it dies are requests under way:
    :class:`ServeEngine` asks them again, HTTP clients see an error.
    """

    def __init__(self, spec: EngineSpec, digest: str | None = None) -> None:
        self._digest = digest
        self._server = ChatServer(spec, EngineProcess(spec))

    def __del__(self) -> None:
        """Serve calls this when it takes the replica down."""
        with contextlib.suppress(AttributeError):  # the constructor may not have come that far
            self._server.close()

    async def complete(self, request: Request) -> Answer:
        """See :meth:`ChatServer.complete`."""
        return await self._server.complete(request)

    async def generate(self, requests: list[Request]) -> list[Answer]:
        """See :meth:`ChatServer.generate`."""
        return await self._server.generate(requests)

    async def health(self) -> dict[str, Any]:
        """See :meth:`ChatServer.health`."""
        return self._server.health()

    @web.get("/health", response_model=None)
    async def health_page(self) -> Response:
        """See :func:`health_response`."""
        return openai_http.health_response(self._server)

    @web.get("/v1/models", response_model=None)
    async def models_page(self, authorization: str = _AUTHORIZATION) -> Response | dict[str, Any]:
        """The one model that is served."""
        refusal = openai_http.token_refusal(authorization, self._digest)
        return refusal or openai_api.models_body(self._server.model, self._server.created)

    @web.post("/v1/chat/completions", response_model=None)
    async def chat_page(self, body: openai_api.ChatRequest, authorization: str = _AUTHORIZATION) -> Response:
        """See :func:`chat_response`."""
        refusal = openai_http.token_refusal(authorization, self._digest)
        return refusal or await openai_http.chat_response(self._server, body)


# ---------------------------------------------------------------------- deployment


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """``state`` is loading, ready, failed or off; ``detail`` is for a person; ``pid`` is of the model's process."""

    state: str
    detail: str = ""
    model: str = ""
    pid: int | None = None


def deploy(spec: EngineSpec, *, http_host: str = "127.0.0.1", http_port: int = 8000, digest: str | None = None) -> bool:
    """Serve the model of ``spec`` on the Ray that this process is connected to; it loads in the background.

    HTTP clients, the question after its health apart, are asked for the token of which ``digest`` is given. The token
    itself stays here: what a deployment is made of lies in the cluster for everybody to read.
    Returns False when the application runs already: it is then shared, whatever its model (see :func:`status`).
    Raises ClusterError when the endpoint's port is taken or Serve refuses.
    """
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    found = _application()
    if found in (ApplicationStatus.RUNNING, ApplicationStatus.DEPLOYING):
        return False
    if not _serve_runs():
        _check_port(http_host, http_port)
    options = {"host": http_host, "port": http_port}
    try:
        serve.start(proxy_location="HeadOnly", http_options=options)
        serve.run(_bound(spec, digest), name=APP, route_prefix="/")
    except (RayServeException, RuntimeError, ValueError) as error:
        raise ClusterError(f"Ray Serve cannot host the model: {str(error).splitlines()[0]}") from error
    return True


def _bound(spec: EngineSpec, digest: str | None) -> serve.Application:
    # Ray's own accounting: by default nothing, since the model runs at the lowest priority beside everything else.
    actor: dict[str, Any] = {"num_cpus": spec.num_cpus, "num_gpus": spec.num_gpus}
    deployment = ModelServer.options(  # type: ignore[attr-defined]
        name="model",
        ray_actor_options=actor,
        max_ongoing_requests=spec.max_ongoing + spec.max_queued + _SPARE_REQUESTS,
        max_queued_requests=spec.max_queued + _SPARE_REQUESTS,
        health_check_period_s=2.0,
        health_check_timeout_s=10.0,
        graceful_shutdown_wait_loop_s=0.2,
        graceful_shutdown_timeout_s=3.0,
    )
    bound: serve.Application = deployment.bind(spec, digest)
    return bound


def status() -> ModelStatus:
    """How the model stands, within five seconds."""
    found = _application()
    if found is None:
        return ModelStatus("off", "no model is deployed")
    if found in (ApplicationStatus.DEPLOY_FAILED, ApplicationStatus.DELETING):
        return ModelStatus("failed", f"the deployment is {found.value.lower().replace('_', ' ')}")
    try:
        known = serve.get_app_handle(APP).health.remote().result(timeout_s=_STATUS_TIMEOUT_S)
    except TimeoutError:
        return ModelStatus("loading", "its replica is starting")
    except _UNREACHABLE as error:
        return ModelStatus("loading", f"its replica is restarting ({type(error).__name__})")
    return ModelStatus(known["state"], known["detail"], known["model"], known["pid"])


def undeploy() -> None:
    """Take the application down, and Serve with it when nothing else uses it. Idempotent."""
    if not _serve_runs():
        return
    if _application() is not None:
        serve.delete(APP)
    if not serve.status().applications:
        serve.shutdown()  # type: ignore[no-untyped-call]


def _application() -> ApplicationStatus | None:
    if not _serve_runs():
        return None
    overview = serve.status().applications.get(APP)
    return overview.status if overview is not None else None


def _serve_runs() -> bool:
    # Asking Serve for anything would start it or fail; Ray knows whether its controller is there.
    from ray.serve._private.constants import SERVE_CONTROLLER_NAME, SERVE_NAMESPACE
    from ray.util import list_named_actors

    actors = list_named_actors(all_namespaces=True)
    return {"name": SERVE_CONTROLLER_NAME, "namespace": SERVE_NAMESPACE} in actors


def _check_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ClusterError(
                f"The model's endpoint cannot use {host}:{port} ({error.strerror}); "
                "set another endpoint_port in config/model_config.json."
            ) from error
