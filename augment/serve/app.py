"""The Ray Serve application that hosts the model, for the generator (by handle) and for any OpenAI client (by HTTP)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from ray import serve
from ray.serve.exceptions import RayServeException
from ray.serve.schema import ApplicationStatus

from augment.errors import ClusterError, ModelError
from augment.seams import Completion, Request
from augment.serve import openai_api as openai
from augment.serve.engine import Delta, EngineSpec
from augment.serve.engine_process import LOST, EngineProcess
from augment.serve.serve_engine import APP, Answer, ServeEngine

__all__ = ["APP", "Answer", "ModelServer", "ModelStatus", "ServeEngine", "deploy", "status", "undeploy"]

_SPARE_REQUESTS = 16
"""Places beside the model's own queue, so that a full queue still answers health checks and refusals."""
_STATUS_TIMEOUT_S = 5.0
_UNREACHABLE: tuple[type[Exception], ...] = (RayServeException, *ServeEngine.replica_lost)

web = FastAPI(title="Augment model", docs_url=None, redoc_url=None)


@web.exception_handler(RequestValidationError)
async def _invalid(_request: HttpRequest, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    body = openai.error_body(f"{where}: {first['msg']}", "invalid_request_error", None, where or None)
    return JSONResponse(body, status_code=400)


def _error(status_code: int, message: str, kind: str, code: str | None = None) -> JSONResponse:
    headers = {"Retry-After": "1"} if status_code in (429, 503) else None
    return JSONResponse(openai.error_body(message, kind, code), status_code=status_code, headers=headers)


@serve.deployment
@serve.ingress(web)
class ModelServer:
    """One model behind one queue.

    Lifecycle: made by :func:`deploy`, kept alive by Serve, which starts a new one when it dies. It answers from its
    first moment, while the model loads in a process of its own. What it loses when it dies are requests under way:
    :class:`ServeEngine` asks them again, HTTP clients see an error.
    """

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._created = int(time.time())
        self._engine = EngineProcess(spec)

    def __del__(self) -> None:
        """Serve calls this when it takes the replica down."""
        with contextlib.suppress(AttributeError):  # the constructor may not have come that far
            self._engine.close()

    # ------------------------------------------------------------------ by handle

    async def complete(self, request: Request) -> Answer:
        """Continue one chat. Cancelling the call takes the request out of the batch."""
        if self._full:
            return Answer(busy=True)
        started = time.monotonic()
        try:
            deltas = [delta async for delta in self._stream(request)]
        except ModelError as error:
            return Answer(error=str(error))
        last = deltas[-1]
        if last.finish_reason == "error":
            return Answer(error=f"The model refused a request: {last.error}.")
        text = "".join(delta.text for delta in deltas)
        seconds = time.monotonic() - started
        reason = last.finish_reason or LOST
        return Answer(Completion(text, last.prompt_tokens, last.completion_tokens, reason, seconds))

    async def generate(self, requests: list[Request]) -> list[Answer]:
        """Continue several chats in one batch."""
        return list(await asyncio.gather(*(self.complete(request) for request in requests)))

    async def health(self) -> dict[str, Any]:
        """How the model stands: state, detail, model, requests under way, process id of the model."""
        state = self._engine.state
        return {
            "state": "failed" if state.phase == "closed" else state.phase,
            "detail": state.text,
            "model": self._spec.model,
            "active": self._engine.active,
            "pid": self._engine.pid,
        }

    @property
    def _full(self) -> bool:
        return self._engine.active >= self._spec.max_ongoing + self._spec.max_queued

    async def _stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """The pieces of an answer; left early, however that happens, the request is cancelled."""
        loop = asyncio.get_running_loop()
        news: asyncio.Queue[Delta] = asyncio.Queue()
        request_id = self._engine.submit_to(request, lambda delta: _hand_over(loop, news, delta))
        finished = False
        try:
            while not finished:
                delta = await news.get()
                finished = delta.finish_reason is not None
                yield delta
        finally:
            if not finished:
                self._engine.cancel(request_id)

    # ------------------------------------------------------------------ by HTTP

    @web.get("/health")
    async def health_page(self) -> Response:
        """200 while the model loads or answers, 503 when it has failed."""
        known = await self.health()
        return JSONResponse(known, status_code=503 if known["state"] == "failed" else 200)

    @web.get("/v1/models")
    async def models(self) -> dict[str, Any]:
        """The one model that is served."""
        return openai.models_body(self._spec.model, self._created)

    @web.post("/v1/chat/completions", response_model=None)
    async def chat(self, body: openai.ChatRequest) -> Response:
        """Continue a chat, streamed or not."""
        refusal = self._refusal(body)
        if refusal is not None:
            return refusal
        pieces = self._stream(body.request())
        try:
            # The first piece decides the status code, so it is awaited before any answer begins.
            first = await anext(pieces)
        except ModelError as error:
            return _error(503, str(error), "server_error", "model_failed")
        if first.finish_reason == "error":
            return _error(400, first.error, "invalid_request_error")
        if body.stream:
            return StreamingResponse(self._events(body, first, pieces), media_type="text/event-stream")
        return await self._whole(first, pieces)

    def _refusal(self, body: openai.ChatRequest) -> Response | None:
        known = self._spec.model.lower()
        if body.model.lower() not in (known, known.rpartition("/")[2]):
            message = f"The model {body.model!r} is not served here; {self._spec.model!r} is."
            return _error(404, message, "invalid_request_error", "model_not_found")
        state = self._engine.state
        if state.phase == "loading":
            return _error(503, "The model is still loading; try again soon.", "server_error", "model_loading")
        if self._full:
            return _error(429, "The queue is full; try again later.", "rate_limit_error", "queue_full")
        return None

    async def _whole(self, first: Delta, pieces: AsyncGenerator[Delta, None]) -> Response:
        deltas = [first, *[delta async for delta in pieces]]
        last = deltas[-1]
        if last.finish_reason in ("error", LOST, "cancelled"):
            return _error(503, "The model was lost while it wrote; try again.", "server_error", "model_lost")
        text = "".join(delta.text for delta in deltas)
        completion = Completion(text, last.prompt_tokens, last.completion_tokens, last.finish_reason or "stop")
        return JSONResponse(openai.answer_body(self._spec.model, completion))

    async def _events(
        self, body: openai.ChatRequest, first: Delta, pieces: AsyncGenerator[Delta, None]
    ) -> AsyncGenerator[str, None]:
        answer_id, model = openai.new_answer_id(), self._spec.model
        yield openai.chunk_event(answer_id, model, {"role": "assistant", "content": first.text}, first.finish_reason)
        last = first
        async with contextlib.aclosing(pieces):
            async for delta in pieces:
                last = delta
                if delta.finish_reason in ("error", LOST, "cancelled"):
                    yield openai.error_event("The model was lost while it wrote; try again.")
                    return
                if delta.text or delta.finish_reason:
                    content = {"content": delta.text} if delta.text else {}
                    yield openai.chunk_event(answer_id, model, content, delta.finish_reason)
        if body.wants_usage:
            yield openai.usage_event(answer_id, model, last)
        yield openai.DONE_EVENT


def _hand_over(loop: asyncio.AbstractEventLoop, news: asyncio.Queue[Delta], delta: Delta) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: the replica is on its way out
        loop.call_soon_threadsafe(news.put_nowait, delta)


# ---------------------------------------------------------------------- deployment


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """``state`` is loading, ready, failed or off; ``detail`` is for a person; ``pid`` is of the model's process."""

    state: str
    detail: str = ""
    model: str = ""
    pid: int | None = None


def deploy(spec: EngineSpec, *, http_host: str = "127.0.0.1", http_port: int = 8000) -> bool:
    """Serve the model of ``spec`` on the Ray that this process is connected to; it loads in the background.

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
        serve.run(_bound(spec), name=APP, route_prefix="/")
    except (RayServeException, RuntimeError, ValueError) as error:
        raise ClusterError(f"Ray Serve cannot host the model: {str(error).splitlines()[0]}") from error
    return True


def _bound(spec: EngineSpec) -> serve.Application:
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
    bound: serve.Application = deployment.bind(spec)
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
