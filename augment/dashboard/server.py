"""Serving the dashboard from a thread of its own."""

from __future__ import annotations

import errno
import socket
import threading
import time

import uvicorn
from fastapi import FastAPI

from augment.dashboard.security import Guard
from augment.dashboard.stream import Broadcaster
from augment.errors import AugmentError
from augment.loopback import is_loopback

_START_S = 20.0
_GRACE_S = 1


class DashboardError(AugmentError):
    """The dashboard cannot be served."""


class DashboardServer:
    """Serves an app made by ``create_app`` on one port, 0 meaning any free one.

    With a ``token`` it answers only who has it; on any other address than loopback there must be one.
    ``start()`` returns once it answers; ``stop()`` ends it within two seconds, open event streams included.
    """

    def __init__(self, app: FastAPI, host: str = "127.0.0.1", port: int = 8080, token: str | None = None) -> None:
        if token is None and not is_loopback(host):
            raise DashboardError(f"the dashboard is not served on {host} without a token")
        self._token = token
        self._app = app
        self._host = host
        self.port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address to open in a browser on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self._host, self._host)
        return f"http://{f'[{host}]' if ':' in host and '[' not in host else host}:{self.port}"

    def start(self) -> None:
        """Bind the port and serve. Raises DashboardError when the port or the host cannot be had."""
        listener = self._bind()
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            Guard(self._app, loopback_only=is_loopback(self._host), token=self._token),
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=_GRACE_S,
            server_header=False,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="augment-dashboard", daemon=True
        )
        self._thread.start()
        self._await_start(self._server, self._thread)

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, self.port))
            # Listening here, not in the server's thread, makes a port in use an error of this call.
            listener.listen(128)
        except (OSError, OverflowError) as error:
            listener.close()
            raise DashboardError(_why_not(self._host, self.port, error)) from error
        return listener

    def _await_start(self, server: uvicorn.Server, thread: threading.Thread) -> None:
        deadline = time.monotonic() + _START_S
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                self.stop()
                raise DashboardError(f"the dashboard did not come up on {self._host}:{self.port}; see the log")
            time.sleep(0.01)

    def stop(self) -> None:
        """End the server and its thread. Idempotent."""
        stream = getattr(self._app.state, "stream", None)
        if isinstance(stream, Broadcaster):
            stream.close()
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_GRACE_S + 1.0)
        self._server = self._thread = None


def _why_not(host: str, port: int, error: OSError | OverflowError) -> str:
    code = getattr(error, "errno", None)
    if code == errno.EADDRINUSE:
        return f"port {port} on {host} is in use; choose another with --port, such as --port {port + 1}"
    if code == errno.EACCES:
        return f"port {port} needs more rights than you have; choose one above 1023 with --port"
    return f"cannot listen on {host}:{port} ({error}); check --host and --port"
