"""The listener as a process of its own, between the local AWS and a real Prefect server, each behind a proxy of faults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import boto3
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.utilities.callables import parameter_schema

from local import resource_kinds, resources
from local.aws.server import REGION, LocalAws
from local.faults.aws_calls import AwsCalls
from local.faults.call import Address, Call
from local.faults.plan import Fault
from local.faults.proxy import Proxy
from tests.free_port import free_port

ROOT = Path(__file__).parents[2]
INBOX = resources.INBOX.name
HIDE_SECONDS = 10


@flow(name="retail-inbox")
def retail_inbox(keys: list[str] | None = None) -> None:
    """What the listener starts; no worker takes it here."""


def until(true: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


@dataclass
class Faults:
    """Refuses the calls whose action is in `refused`. The call in `held` stops for good: only its client's death ends it."""

    refused: set[str] = field(default_factory=set)
    held: str = ""
    is_holding: threading.Event = field(default_factory=threading.Event)
    calls: list[Call] = field(default_factory=list)

    def fault_at(self, call: Call) -> Fault | None:
        self.calls.append(call)
        if call.action in self.refused:
            return Fault("refuse", Address(*call.name))
        return Fault("hold", Address(*call.name)) if call.action == self.held else None

    def waiting(self) -> AbstractContextManager[None]:
        return nullcontext()

    def stop_here(self, seconds: float = 0) -> None:
        self.is_holding.set()
        raise ConnectionAbortedError

    def kill(self) -> None:
        raise AssertionError("the tests end the listener by themselves")


def prefect_call(method: str, target: str, headers: Any, body: bytes) -> Call:
    # A refusal of this service is a plain 503.
    return Call("snowflake", f"{method} {target.rpartition('/')[2]}", target, mutating=method == "POST")


class Scene:
    def __init__(self, aws: LocalAws, prefect_url: str, client: SyncPrefectClient, home: Path) -> None:
        self.aws_faults, self.prefect_faults = Faults(), Faults()
        self._proxies = (
            Proxy(aws.url, AwsCalls().call, self.aws_faults),
            Proxy(prefect_url, prefect_call, self.prefect_faults),
        )
        self.s3, self.sqs = (
            boto3.client(
                name,
                endpoint_url=aws.url,
                region_name=REGION,
                aws_access_key_id="local",
                aws_secret_access_key="x",
            )
            for name in ("s3", "sqs")
        )
        self._prefect = client
        self.environment = {
            **os.environ,
            **aws.environment,
            "AWS_ENDPOINT_URL": self._proxies[0].url,
            "PREFECT_API_URL": f"{self._proxies[1].url}/api",
            "PREFECT_HOME": str(home),
            "HIGHWATER_LISTENER_PORT": f"{free_port()}",
            "HIGHWATER_LISTENER_HIDE_SECONDS": f"{HIDE_SECONDS}",
            "NO_PROXY": "127.0.0.1",
        }

    def deploy(self) -> None:
        self._prefect.create_deployment(
            flow_id=self._prefect.create_flow_from_name("retail-inbox"),
            name="retail-inbox",
            parameter_openapi_schema=parameter_schema(retail_inbox).model_dump_for_openapi(),
            enforce_parameter_schema=True,
        )

    def remove_deployment(self) -> None:
        found = self._prefect.read_deployment_by_name("retail-inbox/retail-inbox")
        self._prefect.delete_deployment(found.id)

    @contextmanager
    def listener(self) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            [sys.executable, "-m", "deployments.inbox_listener"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def is_ready(self) -> bool:
        try:
            with urlopen(
                f"http://127.0.0.1:{self.environment['HIGHWATER_LISTENER_PORT']}/ready", timeout=5
            ) as answer:
                return bool(answer.status == 200)
        except URLError:
            return False

    def put(self, key: str) -> str:
        version: str = self.s3.put_object(Bucket=INBOX, Key=key, Body=b"x")["VersionId"]
        return version

    def url(self, queue: resource_kinds.Queue = resources.INBOX_EVENTS) -> str:
        address: str = self.sqs.get_queue_url(QueueName=queue.name)["QueueUrl"]
        return address

    def send(self, body: str) -> str:
        message: str = self.sqs.send_message(QueueUrl=self.url(), MessageBody=body)["MessageId"]
        return message

    def waiting(self, queue: resource_kinds.Queue = resources.INBOX_EVENTS) -> tuple[int, int]:
        """How many messages can be received, and how many are with somebody."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        found = self.sqs.get_queue_attributes(QueueUrl=self.url(queue), AttributeNames=["All"])["Attributes"]
        free, held = (int(found[name]) for name in names)
        return free, held

    def runs(self) -> list[FlowRun]:
        return sorted(self._prefect.read_flow_runs(), key=lambda run: str(run.created))

    def keys_of_runs(self) -> list[list[str]]:
        return [run.parameters["keys"] for run in self.runs()]

    def alerts(self) -> list[dict[str, Any]]:
        received = self.sqs.receive_message(QueueUrl=self.url(resources.ALERTS_SEEN), MaxNumberOfMessages=10)
        return [json.loads(json.loads(m["Body"])["Message"]) for m in received.get("Messages", [])]

    def close(self) -> None:
        for proxy in self._proxies:
            proxy.close()
        for run in self.runs():
            self._prefect.delete_flow_run(run.id)
