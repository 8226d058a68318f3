"""Uploads become runs, exactly one for each set of files, whatever dies or is unreachable in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import boto3
import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient

from deployments.health import is_healthy
from local import resources
from local.aws.server import REGION, LocalAws
from local.aws_resources import create_bucket
from local.message_resources import create_message_resources
from tests.deployments.conftest import database
from tests.deployments.listening import HIDE_SECONDS, INBOX, ROOT, Scene, free_port, until
from tests.deployments.test_inbox_events import event

pytestmark = pytest.mark.e2e

START_RUN = "POST create_flow_run"
PART = b"x" * 5 * 1024 * 1024


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    server = LocalAws(port=0, state=tmp_path_factory.mktemp("aws"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def prefect_url(home: Path) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "prefect", "--no-prompt", "server", "start", "--port", f"{port}"],
        env={
            **os.environ,
            "PREFECT_HOME": str(home),
            "PREFECT_API_DATABASE_CONNECTION_URL": database(home),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "NO_PROXY": "127.0.0.1",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        try:
            return bool(urlopen(f"{url}/api/health", timeout=5).status == 200)
        except OSError:
            return False

    until(answers, seconds=120)
    yield url
    server.terminate()
    server.wait()


@pytest.fixture
def scene(aws: LocalAws, prefect_url: str, tmp_path: Path) -> Iterator[Scene]:
    urlopen(Request(f"{aws.url}/moto-api/reset", method="POST")).close()
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION)
    create_bucket(session.client("s3", endpoint_url=aws.url), resources.INBOX)
    create_message_resources(session, aws.url)
    with SyncPrefectClient(f"{prefect_url}/api") as client:
        made = Scene(aws, prefect_url, client, tmp_path)
        made.deploy()
        yield made
        made.close()


def test_many_files_become_one_run(scene: Scene) -> None:
    with scene.listener() as process:
        until(scene.is_ready)
        cpu = psutil.Process(process.pid).cpu_times()
        assert cpu.user + cpu.system < 6  # 3 on an idle machine
        began = time.monotonic()
        put_in_parts(scene, "inbox/large_20250111.csv")
        for key in (
            "inbox/stores 2025-01-11.csv",
            "inbox/sub/sales_20250112.csv",
            "inbox/sales_20250111.csv",
        ):
            version = scene.put(key)
        scene.send(json.dumps(event("inbox/sales_20250111.csv", version)))
        for unneeded in ("inbox/sub/", "inbox/a.csv.error.json", "history/sales/a.csv"):
            scene.put(unneeded)

        until(scene.runs)
        assert time.monotonic() - began < 15
        until(lambda: scene.waiting() == (0, 0))

        assert scene.keys_of_runs() == [
            [
                "inbox/large_20250111.csv",
                "inbox/sales_20250111.csv",
                "inbox/stores 2025-01-11.csv",
                "inbox/sub/sales_20250112.csv",
            ]
        ]
        # An event may come twice: only people have a refused file tried again.
        assert scene.runs()[0].parameters["retry_refused"] is False
        scene.send(json.dumps(event("inbox/sales_20250111.csv", version)))  # late
        until(lambda: scene.waiting() == (0, 0))
        assert len(scene.runs()) == 1


def put_in_parts(scene: Scene, key: str) -> None:
    target = {"Bucket": INBOX, "Key": key}
    upload = {**target, "UploadId": scene.s3.create_multipart_upload(**target)["UploadId"]}
    parts = [
        {"PartNumber": n, "ETag": scene.s3.upload_part(**upload, PartNumber=n, Body=PART)["ETag"]}
        for n in (1, 2)
    ]
    scene.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})


def test_a_run_has_two_hundred_files_at_most(scene: Scene) -> None:
    scene.environment["HIGHWATER_LISTENER_COLLECT_SECONDS"] = "8"
    for n in range(205):
        scene.send(json.dumps(event(f"inbox/sales_{n:03}.csv")))

    with scene.listener():
        until(lambda: len(scene.runs()) == 2)
        until(lambda: scene.waiting() == (0, 0))

    assert [len(keys) for keys in scene.keys_of_runs()] == [200, 5]
    assert sorted(key for keys in scene.keys_of_runs() for key in keys) == [
        f"inbox/sales_{n:03}.csv" for n in range(205)
    ]


def test_what_waits_already_is_received_however_short_the_time(scene: Scene) -> None:
    scene.environment["HIGHWATER_LISTENER_COLLECT_SECONDS"] = "0"
    for n in range(34):
        scene.send(json.dumps(event(f"inbox/sales_{n:03}.csv")))

    with scene.listener():
        until(scene.runs)
        until(lambda: scene.waiting() == (0, 0))

    assert [len(keys) for keys in scene.keys_of_runs()] == [34]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_while_it_waits(scene: Scene, number: signal.Signals) -> None:
    with scene.listener() as process:
        until(scene.is_ready)
        time.sleep(0.5)
        process.send_signal(number)
        assert process.wait(timeout=3) == 0
        assert process.stdout is not None
        assert "Traceback" not in process.stdout.read()


def test_killed_between_the_run_and_the_deletion_it_starts_no_second_run(scene: Scene) -> None:
    scene.aws_faults.held = "DeleteMessageBatch"
    with scene.listener() as process:
        until(scene.is_ready)
        for key in ("inbox/a.csv", "inbox/b.csv"):
            scene.put(key)
        assert scene.aws_faults.is_holding.wait(30)
        process.send_signal(signal.SIGKILL)
    assert scene.keys_of_runs() == [["inbox/a.csv", "inbox/b.csv"]]
    assert sum(scene.waiting()) == 2

    scene.aws_faults.held = ""
    with scene.listener():
        until(lambda: scene.waiting() == (0, 0), seconds=HIDE_SECONDS + 30)

    started = [call for call in scene.prefect_faults.calls if call.action == START_RUN]
    assert len(started) == 2
    assert scene.keys_of_runs() == [["inbox/a.csv", "inbox/b.csv"]]


def test_an_outage_of_prefect_is_no_try(scene: Scene) -> None:
    scene.prefect_faults.refused = {"GET retail-inbox"}
    scene.put("inbox/a.csv")
    with scene.listener():
        until(lambda: len(scene.prefect_faults.calls) >= 3)
        assert scene.waiting() == (1, 0)
        assert is_healthy(int(scene.environment["HIGHWATER_LISTENER_PORT"]))
        assert not scene.is_ready()

        scene.prefect_faults.refused = set()
        until(lambda: scene.keys_of_runs() == [["inbox/a.csv"]])
        until(scene.is_ready)
        until(lambda: scene.waiting() == (0, 0))


def test_when_prefect_fails_after_the_receipt_the_messages_stay_with_the_listener(scene: Scene) -> None:
    scene.prefect_faults.refused = {START_RUN}
    with scene.listener():
        until(scene.is_ready)
        scene.put("inbox/a.csv")
        until(lambda: scene.waiting() == (0, 1))
        outage = time.monotonic() + HIDE_SECONDS + 6
        while time.monotonic() < outage:
            assert scene.waiting() == (0, 1)
            time.sleep(0.5)

        scene.prefect_faults.refused = set()
        until(lambda: scene.keys_of_runs() == [["inbox/a.csv"]])
        until(lambda: scene.waiting() == (0, 0))


def test_a_poisonous_message_becomes_a_dead_letter_and_people_know(scene: Scene) -> None:
    message = scene.send("poison")
    for _ in range(2):
        scene.sqs.receive_message(QueueUrl=scene.url(), VisibilityTimeout=0)
    scene.put("inbox/a.csv")

    with scene.listener():
        until(lambda: scene.waiting(resources.INBOX_DEAD_LETTERS) == (1, 0), seconds=HIDE_SECONDS + 40)

    assert scene.keys_of_runs() == [["inbox/a.csv"]]
    (alert,) = scene.alerts()
    assert alert["severity"] == "HIGH"
    assert (
        f"Message {message} was received 3 times and goes to highwater-inbox-dead-letters" in alert["message"]
    )
    assert "python -m deployments redrive" in alert["message"]
    subprocess.run(
        [sys.executable, "-m", "deployments", "redrive"], cwd=ROOT, env=scene.environment, check=True
    )
    # One that came to the dead listener's last request is with it for a while.
    assert sum(scene.waiting()) == 1


def test_without_a_deployment_it_says_what_to_do_and_waits(scene: Scene) -> None:
    scene.remove_deployment()
    scene.put("inbox/a.csv")
    with scene.listener() as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "not listening" in line)
        assert "register it with `prefect deploy --all`" in line
        scene.deploy()
        until(lambda: scene.keys_of_runs() == [["inbox/a.csv"]])
