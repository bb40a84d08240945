"""Any OpenAI-compatible server as an engine: Ollama, LM Studio, llama.cpp, vLLM, a company's endpoint.

The server batches; here each request is a stream of its own in a thread, and a step hands on what has come. What is
asked leaves this process for the address that the settings name, and for nowhere else.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx

from augment.errors import ModelError
from augment.seams import Request
from augment.serve.engine import Delta, EngineSpec

_CONNECT_S = 10.0
_READ_S = 300.0
"""For one piece: a model on a CPU may read a long prompt for minutes before its first word."""
_STEP_S = 0.2
_TRIES = 3
_LONGEST_PAUSE_S = 30.0
_BUSY = frozenset({429, 502, 503, 504})
_SCHEMA_REFUSED = frozenset({400, 404, 422, 501})
_NAMED = 5
"""Models of the server that an error names."""


def load(spec: EngineSpec) -> RemoteCore:
    """Ask the server for its models. Raises ModelError when it does not answer, or has no model of that name."""
    if not spec.base_url:
        raise ModelError(
            "The engine `openai` needs the server's address: set `base_url`, as http://127.0.0.1:11434/v1."
        )
    core = RemoteCore(spec)
    core.check()
    return core


class RemoteCore:
    """An :class:`~augment.serve.engine.EngineCore` over HTTP. Everything but the streams runs on one thread."""

    def __init__(self, spec: EngineSpec) -> None:
        self._model = spec.model
        self._url = str(spec.base_url).rstrip("/")
        headers = {"Authorization": f"Bearer {spec.key}"} if spec.key else {}
        self._client = httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(_READ_S, connect=_CONNECT_S),
            limits=httpx.Limits(max_connections=spec.max_ongoing),
            trust_env=not _is_here(self._url),  # a company's proxy leads to its servers, and to nothing on this machine
        )
        self._streams = ThreadPoolExecutor(spec.max_ongoing, thread_name_prefix="stream")
        self._news: queue.SimpleQueue[Delta] = queue.SimpleQueue()
        self._under_way: dict[int, threading.Event] = {}
        self._takes_schemas = True

    def check(self) -> None:
        """Raise ModelError where the server cannot be used as it stands."""
        try:
            answer = self._client.get(f"{self._url}/models", timeout=_CONNECT_S)
        except httpx.HTTPError as error:
            raise ModelError(
                f"No server answers at {self._url} ({_reason(error)}): start it, or mend `base_url`."
            ) from error
        if answer.status_code in (401, 403):
            raise ModelError(f"{self._url} refuses the key: set it in the variable that `api_key_variable` names.")
        names = _names(answer)
        if names and self._model not in names:
            known = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
            raise ModelError(f"{self._url} has no model {self._model!r}; it has {known}: set `model_name`.")

    @property
    def busy(self) -> bool:
        """Whether any request is under way."""
        return bool(self._under_way) or not self._news.empty()

    def add(self, request_id: int, request: Request) -> Delta | None:
        """Begin a stream. See the protocol."""
        stop = self._under_way[request_id] = threading.Event()
        self._streams.submit(self._follow, request_id, request, stop)
        return None

    def cancel(self, request_id: int) -> None:
        """Let go of a stream; the server notices when the connection closes. See the protocol."""
        stop = self._under_way.get(request_id)
        if stop is not None and not stop.is_set():
            stop.set()
            self._news.put(Delta(request_id, finish_reason="cancelled"))

    def step(self) -> Sequence[Delta]:
        """Hand on what has come; waits a moment where nothing has. See the protocol."""
        deltas: list[Delta] = []
        with contextlib.suppress(queue.Empty):
            deltas.append(self._news.get(timeout=_STEP_S))
            while True:
                deltas.append(self._news.get_nowait())
        known = [delta for delta in deltas if delta.id in self._under_way]
        for delta in known:
            if delta.finish_reason is not None:
                self._under_way.pop(delta.id).set()
        return known

    # ------------------------------------------------------------------ one stream, in a thread

    def _follow(self, request_id: int, request: Request, stop: threading.Event) -> None:
        try:
            for delta in self._pieces(request_id, request, stop):
                if stop.is_set():
                    return
                self._news.put(delta)
        except httpx.HTTPError as error:
            if not stop.is_set():
                said = f"{self._url} was lost: {_reason(error)}"
                self._news.put(Delta(request_id, finish_reason="error", error=said))

    def _pieces(self, request_id: int, request: Request, stop: threading.Event) -> Iterator[Delta]:
        """The news of one request; asked again where the server is busy, a limited number of times."""
        for last in (False,) * (_TRIES - 1) + (True,):
            body = self._body(request)
            with self._client.stream("POST", f"{self._url}/chat/completions", json=body) as answer:
                if answer.status_code == 200:
                    yield from _read(request_id, answer)
                    return
                text = answer.read().decode("utf-8", "replace")
            if answer.status_code in _SCHEMA_REFUSED and "response_format" in body:
                self._takes_schemas = False  # what comes back is read for JSON all the same
                continue
            if last or answer.status_code not in _BUSY or stop.wait(_pause(answer)):
                said = f"{self._url} answers {answer.status_code}: {_message(text)}"
                yield Delta(request_id, finish_reason="error", error=said)
                return

    def _body(self, request: Request) -> dict[str, Any]:
        sampling = request.sampling
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": turn.role, "content": turn.content} for turn in request.messages],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if sampling.seed is not None:
            body["seed"] = sampling.seed
        if sampling.json_schema is not None and self._takes_schemas:
            schema = {"name": "answer", "schema": dict(sampling.json_schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body


def _read(request_id: int, answer: httpx.Response) -> Iterator[Delta]:
    """Each piece of a stream, and last the end with the token counts; they come behind the end, or not at all."""
    pieces = prompt = written = 0
    reason = "stop"
    for line in answer.iter_lines():
        if not line.startswith("data:") or (data := line[5:].strip()) == "[DONE]":
            continue
        chunk = json.loads(data)
        if usage := chunk.get("usage"):
            prompt, written = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
        for choice in chunk.get("choices") or ():
            text = (choice.get("delta") or {}).get("content") or ""
            reason = "length" if choice.get("finish_reason") == "length" else reason
            if text:
                pieces += 1
                yield Delta(request_id, text, prompt, pieces)
    yield Delta(request_id, "", prompt, written or pieces, reason)


def _names(answer: httpx.Response) -> list[str]:
    """The models that a server lists; none where it has no such list."""
    try:
        listed = answer.json()["data"] if answer.status_code == 200 else []
        return [str(entry["id"]) for entry in listed]
    except (ValueError, KeyError, TypeError):
        return []


def _pause(answer: httpx.Response) -> float:
    """Seconds that the server asks to wait for, within reason."""
    try:
        return min(_LONGEST_PAUSE_S, max(0.0, float(answer.headers.get("Retry-After", "2"))))
    except ValueError:  # a date
        return 2.0


def _message(text: str) -> str:
    """What an error body says, in a line."""
    try:
        said = json.loads(text)
        error = said.get("error", said)
        text = str(error.get("message", error)) if isinstance(error, dict) else str(error)
    except (ValueError, AttributeError):
        pass
    return " ".join(text.split())[:300] or "nothing else"


def _reason(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
