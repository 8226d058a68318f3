"""moto's HTTP server with kept connections, a cached dispatcher, and a log of failed requests only."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import structlog
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

log = structlog.get_logger()

HOST = "127.0.0.1"
Application = Callable[..., Any]


class QuietHandler(MotoRequestHandler):  # type: ignore[misc]
    """Logs failed requests only, so that errors are easy to find."""

    # Keep connections alive: no handshake and no new thread per request.
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002
        if str(code).startswith("5"):
            log.error("request_failed", request=f"{self.command} {self.path}", status=str(code))


class Dispatcher(DomainDispatcherApplication):  # type: ignore[misc]
    """moto's dispatcher with a cache. moto lists its services folder on each request to look up the host."""

    def get_backend_for_host(self, host: str | None) -> Any:
        return self._backend(host)

    @functools.cache  # noqa: B019 - one instance for the server's lifetime
    def _backend(self, host: str | None) -> Any:
        return super().get_backend_for_host(host)


def moto_application() -> Application:
    return Dispatcher(create_backend_app)


def http_server(application: Application, port: int = 0, fd: int | None = None) -> BaseWSGIServer:
    """A server of this application. Port 0 picks a free port; `fd` is a socket that already listens."""
    return make_server(HOST, port, application, threaded=True, request_handler=QuietHandler, fd=fd)
