"""A part of the local cloud: the program to run, and the check that it answers."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

# Gets the start time of the process, so that traces of an earlier process do not count.
Probe = Callable[[float], bool]

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_PROBE_TIMEOUT_SECONDS = 2.0
# A server that has just started on a busy machine is slow, and is not asked twice.
_ANSWER_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Part:
    name: str
    argv: tuple[str, ...]
    is_ready: Probe
    port: int | None = None
    port_setting: str = ""
    address: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


def answers(url: str) -> Probe:
    """Whether a server answers: 404 is an answer, a refused connection or a 5xx is not."""

    def probe(_since: float) -> bool:
        try:
            with _DIRECT.open(url, timeout=_PROBE_TIMEOUT_SECONDS):
                return True
        except urllib.error.HTTPError as response:
            return response.code < 500
        except OSError:
            return False

    return probe


def has_worker_online(prefect_api_url: str, work_pool: str) -> Probe:
    def probe(since: float) -> bool:
        url = f"{prefect_api_url}/work_pools/{work_pool}/workers/filter"
        try:
            workers = post(url, {}, _PROBE_TIMEOUT_SECONDS)
        except OSError:
            return False
        return isinstance(workers, list) and any(_is_online(worker, since) for worker in workers)

    return probe


def _is_online(worker: Mapping[str, str], since: float) -> bool:
    heartbeat = datetime.fromisoformat(worker["last_heartbeat_time"]).timestamp()
    return worker["status"] == "ONLINE" and heartbeat > since


def post(url: str, body: Mapping[str, object], timeout: float = _ANSWER_TIMEOUT_SECONDS) -> object:
    request = urllib.request.Request(  # noqa: S310  # http on loopback
        url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    with _DIRECT.open(request, timeout=timeout) as response:
        return json.load(response)
