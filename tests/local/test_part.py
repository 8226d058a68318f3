from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from local.part import has_worker_online, post

SLOWER_THAN_A_PROBE_WAITS = 2.5


class _Slow(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(SLOWER_THAN_A_PROBE_WAITS)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'[{"status": "ONLINE", "last_heartbeat_time": "2026-11-30T12:00:00+00:00"}]')

    def log_message(self, *_: object) -> None:
        """Nothing: the tests' output is for failures."""


@pytest.fixture
def slow_server() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_server_under_load_is_waited_for_but_not_by_a_probe(slow_server: str) -> None:
    assert post(slow_server, {"name": "pool"}) == [
        {"status": "ONLINE", "last_heartbeat_time": "2026-11-30T12:00:00+00:00"}
    ]
    assert not has_worker_online(slow_server, "pool")(0.0)
