"""A loopback HTTP proxy in front of one server of the local cloud. It forwards requests, or injects a fault."""

from __future__ import annotations

import http.client
import re
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Protocol
from urllib.parse import urlsplit

from local.faults.call import Call
from local.faults.plan import Fault
from local.faults.refusal import Answer, refusal

LOOPBACK = "127.0.0.1"
_OF_THE_HOP = frozenset(
    {"connection", "transfer-encoding", "expect", "keep-alive", "content-length", "date", "server"}
)
_UPSTREAM_SECONDS = 600.0
_REQUEST_ID = re.compile(r"([?&])requestId=[^&]*&?")
"""By it Snowflake knows a statement that is sent again. One whose answer is lost goes without: the trials are stricter."""

Classify = Callable[[str, str, Mapping[str, str], bytes], Call]


class Way(Protocol):
    """What the proxies of one run share: the call recording, the plan, and the process to kill."""

    def fault_at(self, call: Call) -> Fault | None: ...
    def waiting(self) -> AbstractContextManager[None]: ...
    def stop_here(self, seconds: float = ...) -> None: ...
    def kill(self) -> None: ...


class Proxy:
    def __init__(self, upstream: str, classify: Classify, way: Way) -> None:
        members = {"upstream": urlsplit(upstream), "classify": staticmethod(classify), "way": way}
        handler = type("Handler", (_Handler,), members)
        self._server = _Server((LOOPBACK, 0), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="fault proxy", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore broken connections: clients that were killed or gave up are part of the tests. All else is a bug here."""
        if not isinstance(sys.exception(), (OSError, http.client.HTTPException)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    upstream: ClassVar[Any]
    classify: Classify
    way: ClassVar[Way]
    _connection: http.client.HTTPConnection | None = None

    def _serve(self) -> None:
        body = self._body()
        headers = dict(self.headers.items())
        call = type(self).classify(self.command, self.path, headers, body)
        fault = self.way.fault_at(call)
        if fault is None:
            self._answer(self._passed_on(body))
        else:
            self._let_come(fault, call, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - names that http.server requires

    def _let_come(self, fault: Fault, call: Call, body: bytes) -> None:
        if fault.kind == "refuse":
            self._answer(refusal(call.service, dict(self.headers.items())))
            return
        if fault.kind == "hold":
            self.way.stop_here()
        if fault.kind == "lose" and call.service == "snowflake":
            self.path = _REQUEST_ID.sub(r"\1", self.path)
        answer = self._passed_on(body)
        if fault.kind == "kill":
            self.way.kill()
        if fault.kind in ("kill", "lose"):
            self._cut()
            return
        if fault.kind == "pause":
            self.way.stop_here()
        if fault.kind == "stale":
            self.way.stop_here(fault.seconds)
        self._answer(answer)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(iter(self._chunk, b""))
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().split(b";")[0], 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def _passed_on(self, body: bytes) -> Answer:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OF_THE_HOP}
        if body or self.command in ("PUT", "POST"):
            headers["Content-Length"] = str(len(body))
        headers["Forwarded"] = f'for="{self.client_address[0]}:{self.client_address[1]}"'
        connection = self._upstream()
        with self.way.waiting():
            connection.request(self.command, self.path, body=body or None, headers=headers)
            response = connection.getresponse()
        kept = {name: value for name, value in response.getheaders() if name.lower() not in _OF_THE_HOP}
        content = response.read()
        if self.command == "HEAD" and (length := response.getheader("Content-Length")):
            kept["Content-Length"] = length
        if response.will_close:
            connection.close()
        return response.status, kept, content

    def _upstream(self) -> http.client.HTTPConnection:
        """Open a new connection for each request.

        The server may have closed a reused connection, and the request would then fail or run twice.
        """
        if self._connection is not None:
            self._connection.close()
        self._connection = http.client.HTTPConnection(
            self.upstream.hostname, self.upstream.port, timeout=_UPSTREAM_SECONDS
        )
        return self._connection

    def _answer(self, answer: Answer) -> None:
        status, headers, content = answer
        with suppress(ConnectionError):  # the client was killed or timed out
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if self.command != "HEAD" and status not in (204, 304):
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    def _cut(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        if self._connection is not None:
            self._connection.close()
        with suppress(OSError):
            super().finish()

    def log_message(self, *_: Any) -> None:
        """Log nothing: the calls are in the recording."""
