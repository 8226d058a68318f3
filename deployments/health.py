"""`python -m deployments.health`, the health check of a container.

Does the worker poll its pool and hear how tasks end? Is the inbox's listener alive (deployments/inbox_health.py)?
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def is_healthy(port: int) -> bool:
    try:
        with _DIRECT.open(f"http://127.0.0.1:{port}/health", timeout=3) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


if __name__ == "__main__":
    sys.exit(0 if is_healthy(int(os.environ.get("PREFECT_WORKER_WEBSERVER_PORT", "8080"))) else 1)
