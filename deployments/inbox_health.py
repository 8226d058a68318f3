"""Whether the inbox's listener is alive, and whether it listens, answered over HTTP on this machine."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Longer than any single request to AWS with all its retries.
_STALE_SECONDS = 300


class Pulse:
    """What the loop says of itself at each turn."""

    def __init__(self) -> None:
        self.is_listening = False
        self._last_beat = time.monotonic()

    def beat(self) -> None:
        self._last_beat = time.monotonic()

    def is_alive(self) -> bool:
        """Also while Prefect or the queue can't be reached: another process would not reach them either."""
        return time.monotonic() - self._last_beat < _STALE_SECONDS

    def answers(self) -> dict[str, bool]:
        alive = self.is_alive()
        return {"/health": alive, "/ready": alive and self.is_listening}


def serve(pulse: Pulse, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_good = pulse.answers().get(self.path, False)
            self.send_response(200 if is_good else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing: it is asked all the time."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
