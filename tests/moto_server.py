"""moto behind HTTP for tests: the local AWS's server without what the local AWS adds to moto."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from local.aws.moto_http import http_server, moto_application


@contextmanager
def moto_server() -> Iterator[str]:
    """The server's address."""
    server = http_server(moto_application())
    thread = threading.Thread(target=server.serve_forever, name="moto", daemon=True)
    thread.start()
    yield f"http://{server.host}:{server.port}"
    server.shutdown()
    thread.join(timeout=5)
    server.server_close()
