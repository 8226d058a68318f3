"""The connection of one run to the cloud through two proxies, for AWS and Snowflake, with one recording and one plan."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Self
from uuid import uuid4

from local import resources
from local.aws_resources import session
from local.faults import snowflake_calls
from local.faults.aws_calls import AwsCalls
from local.faults.call import Call
from local.faults.plan import Fault, Plan
from local.faults.proxy import Proxy
from local.faults.recording import Recording
from local.settings import LocalSettings

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_GIVE_UP_SECONDS = 300.0
_PID_SECONDS = 10.0


@cache
def _secrets(url: str) -> SecretsManagerClient:
    return session(LocalSettings()).client("secretsmanager", endpoint_url=url)


class FaultyWay:
    """Start the run with `environment`, and pass its process id to `goes`. The code under test is not changed."""

    def __init__(self, settings: LocalSettings, fault: Fault | None = None) -> None:
        self.recording = Recording()
        self.plan = Plan(fault)
        self._pid: int | None = None
        self._pid_known = threading.Event()
        self._waiting: dict[int, float] = {}
        self._aws = Proxy(settings.aws_url, AwsCalls().call, self)
        self._snowflake = Proxy(settings.snowflake_url, snowflake_calls.call, self)
        self._secrets = _secrets(settings.aws_url)
        self._secret = f"{resources.SNOWFLAKE_SECRET.name}/faults/{uuid4().hex[:8]}"
        direct = json.loads(
            self._secrets.get_secret_value(SecretId=resources.SNOWFLAKE_SECRET.name)["SecretString"]
        )
        text = json.dumps({**direct, "port": self._snowflake.port})
        self._secrets.create_secret(Name=self._secret, SecretString=text)

    @property
    def environment(self) -> Mapping[str, str]:
        return {"AWS_ENDPOINT_URL": self._aws.url, "HIGHWATER_SNOWFLAKE_SECRET": self._secret}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.plan.release()
        self._aws.close()
        self._snowflake.close()
        self._secrets.delete_secret(SecretId=self._secret, ForceDeleteWithoutRecovery=True)

    def goes(self, pid: int) -> None:
        """Set the process id of the run that uses the proxies."""
        self._pid = pid
        self._pid_known.set()

    @property
    def seconds_without_answer(self) -> float:
        """For how long the call has been under way that has waited longest: a lock of another run may be in its way."""
        since = list(self._waiting.values())
        return time.monotonic() - min(since) if since else 0.0

    # --- called by the proxies

    @contextmanager
    def waiting(self) -> Iterator[None]:
        self._waiting[threading.get_ident()] = time.monotonic()
        try:
            yield
        finally:
            del self._waiting[threading.get_ident()]

    def fault_at(self, call: Call) -> Fault | None:
        return self.plan.take(self.recording.add(call))

    def stop_here(self, seconds: float = _GIVE_UP_SECONDS) -> None:
        self.plan.stop_here(seconds)

    def kill(self) -> None:
        self._pid_known.wait(_PID_SECONDS)
        if self._pid is None:
            raise RuntimeError(
                "nobody has said which process is to be killed: call `goes` when it has started"
            )
        os.kill(self._pid, signal.SIGKILL)
