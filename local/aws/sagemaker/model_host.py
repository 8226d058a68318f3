"""Keep a model loaded and answer its requests over HTTP, as the container does: GET /ping, POST /invocations.

It runs in the container's Python and imports none of our modules but model_server.py, which lies next to its copy.
It writes its port to a file when the model is loaded, and ends when the local cloud that started it is gone.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from model_server import (  # type: ignore[import-not-found]
    ANY,
    DEFAULT_ACCEPT,
    TEXT,
    answering,
    body_of,
)

HOST = "127.0.0.1"
PARENT_POLL_SECONDS = 0.5
REQUEST_ERRORS = range(400, 500)


class Model:
    """The loaded model. It answers one request at a time, as a worker of the container does."""

    def __init__(self, module: Any, directory: str) -> None:
        self._answer = answering(module)
        self._model = module.model_fn(directory)
        self._lock = threading.Lock()
        self._accept = os.environ.get(DEFAULT_ACCEPT, TEXT[0])

    def respond(self, content: bytes, content_type: str, accept: str) -> tuple[int, str, bytes]:
        """The status, content type and body. What the code raises decides the status."""
        wanted = accept if accept not in ("", ANY) else self._accept
        try:
            given = content.decode() if content_type.partition(";")[0].strip() in TEXT else content
            with self._lock:
                result = self._answer(self._model, given, content_type, wanted)
            kind = str(result[1]) if isinstance(result, tuple) else wanted
            return 200, kind, body_of(result)
        except Exception as error:  # noqa: BLE001 - the code is the caller's; this becomes the response
            status = status_of(error)
            if status not in REQUEST_ERRORS:
                traceback.print_exc()
            return status, "text/plain; charset=utf-8", message_of(error, status).encode()


def status_of(error: Exception) -> int:
    if isinstance(error, UnicodeDecodeError):
        return 400
    status = getattr(error, "status_code", None)
    wanted = isinstance(status, int) and not isinstance(status, bool) and status in REQUEST_ERRORS
    return status if wanted and isinstance(status, int) else 500


def message_of(error: Exception, status: int) -> str:
    return str(error) if status in REQUEST_ERRORS else f"{type(error).__name__}: {error}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections stay open
    wbufsize = -1  # head and body in one packet: two would wait for each other's acknowledgement
    disable_nagle_algorithm = True
    model: Model

    def do_GET(self) -> None:
        self._send(200 if self.path == "/ping" else 404, "text/plain", b"")

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path != "/invocations":
            self._send(404, "text/plain", b"")
            return
        kind = self.headers.get("Content-Type") or TEXT[0]
        self._send(*self.model.respond(content, kind, self.headers.get("Accept") or ""))

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Requests are not logged: what the model prints is the log."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def end_with(parent: int) -> None:
    """End this process when its parent is gone: a killed server stops nobody."""
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_SECONDS)
    os._exit(1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--module", required=True)
    parser.add_argument("--parent", type=int, required=True)
    for name in ("--model", "--code", "--port-file"):
        parser.add_argument(name, type=Path, required=True)
    given = parser.parse_args()
    threading.Thread(target=end_with, args=(given.parent,), daemon=True).start()
    sys.path[0] = str(given.code)
    Handler.model = Model(importlib.import_module(given.module), str(given.model))
    server = Server((HOST, 0), Handler)
    unfinished = given.port_file.with_suffix(".new")
    unfinished.write_text(str(server.server_address[1]))
    unfinished.rename(given.port_file)
    server.serve_forever()


if __name__ == "__main__":
    main()
