"""ECS tasks are local processes with true outcomes, and EventBridge hears of every change."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from local.aws.server import LocalAws

GROUP = "/highwater/test"
SECRET = "arn:aws:secretsmanager:ap-south-1:123456789012:secret"
Run = Callable[..., str]


@pytest.fixture(scope="module")
def ecs(service: Callable[[str], Any]) -> Any:
    service("logs").create_log_group(logGroupName=GROUP)
    client = service("ecs")
    client.create_cluster(clusterName="tasks")
    return client


@pytest.fixture(scope="module")
def network(service: Callable[[str], Any]) -> dict[str, Any]:
    subnet = service("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    return {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": []}}


@pytest.fixture
def run_task(ecs: Any, network: dict[str, Any], request: pytest.FixtureRequest) -> Run:
    def run(*script: str, environment: dict[str, str] | None = None, **container: Any) -> str:
        family = request.node.originalname
        ecs.register_task_definition(
            family=family,
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            containerDefinitions=[
                {
                    "name": "main",
                    "image": "highwater-worker",
                    "environment": [{"name": "FROM", "value": "definition"}, {"name": "A", "value": "1"}],
                    "logConfiguration": {
                        "logDriver": "awslogs",
                        "options": {"awslogs-group": GROUP, "awslogs-stream-prefix": "runs"},
                    },
                    **container,
                }
            ],
        )
        override = {
            "name": "main",
            "command": ["python", "-c", *script],
            "environment": [{"name": k, "value": v} for k, v in (environment or {}).items()],
        }
        answer = ecs.run_task(
            cluster="tasks",
            taskDefinition=family,
            launchType="FARGATE",
            networkConfiguration=network,
            overrides={"containerOverrides": [override], "memory": "1024"},
            tags=[{"key": "prefect.io/flow-run-id", "value": "1"}],
        )
        assert answer["failures"] == []
        return str(answer["tasks"][0]["taskArn"])

    return run


def describe(ecs: Any, arn: str) -> dict[str, Any]:
    (task,) = ecs.describe_tasks(cluster="tasks", tasks=[arn], include=["TAGS"])["tasks"]
    return dict(task)


@pytest.fixture
def until(ecs: Any) -> Callable[..., dict[str, Any]]:
    def wait(arn: str, status: str, seconds: float = 20) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while (task := describe(ecs, arn))["lastStatus"] != status:
            assert time.monotonic() < deadline, task
            time.sleep(0.05)
        return task

    return wait


def lines(service: Any, arn: str) -> list[str]:
    events = service("logs").get_log_events(
        logGroupName=GROUP, logStreamName=f"runs/main/{arn.rpartition('/')[2]}"
    )["events"]
    return [event["message"] for event in events]


def process_of(aws: LocalAws, arn: str) -> psutil.Process:
    mark = aws.runner.mark(arn.rpartition("/")[2])
    found = [p for p in psutil.process_iter(["environ"]) if mark in (p.info["environ"] or {}).values()]
    return min(found, key=lambda p: p.create_time())


def test_the_command_runs_with_the_definitions_and_the_runs_variables(
    service: Any, run_task: Run, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIGHWATER_LAKE_BUCKET", "leaked")
    script = (
        "import json, os, contracts; print(json.dumps({k: os.environ.get(k) for k in "
        "('FROM', 'A', 'AWS_ENDPOINT_URL', 'HIGHWATER_LAKE_BUCKET')})); print(contracts.__file__)"
    )
    arn = run_task(script, environment={"FROM": "run"})

    task = until(arn, "STOPPED")
    assert (task["stopCode"], task["stoppedReason"]) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    assert (task["containers"][0]["name"], task["containers"][0]["exitCode"]) == ("main", 0)
    assert (task["cpu"], task["memory"]) == ("256", "1024")
    assert task["createdAt"] <= task["startedAt"] <= task["stoppedAt"]
    assert task["tags"] == [{"key": "prefect.io/flow-run-id", "value": "1"}]
    said = lines(service, arn)
    shown = json.loads(said[0])
    assert (shown["FROM"], shown["A"], shown["HIGHWATER_LAKE_BUCKET"]) == ("run", "1", None)
    assert shown["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert Path(said[1]).is_relative_to(Path(__file__).parents[3])


def test_secrets_are_read_when_the_task_starts(service: Any, run_task: Run, until: Any) -> None:
    manager, parameters = service("secretsmanager"), service("ssm")
    text = json.dumps({"api_key": "k1", "n": 2})
    arn = manager.create_secret(Name="ecs/login", SecretString=text)["ARN"]
    parameters.put_parameter(Name="/ecs/plain", Value="p1", Type="SecureString")
    secrets = {
        "KEY": f"{arn}:api_key::",
        "WHOLE": arn,
        "STAGED": f"{arn}:n:AWSCURRENT:",
        "PLAIN": "/ecs/plain",
        "BY_ARN": "arn:aws:ssm:ap-south-1:123456789012:parameter/ecs/plain",
    }
    script = f"import json, os; print(json.dumps([os.environ[name] for name in {list(secrets)}]))"
    declared = [{"name": name, "valueFrom": source} for name, source in secrets.items()]

    task = run_task(script, secrets=declared)

    assert until(task, "STOPPED")["containers"][0]["exitCode"] == 0
    assert json.loads(lines(service, task)[0]) == ["k1", text, "2", "p1", "p1"]


def test_a_key_that_a_secret_lacks_is_said_without_the_secret(
    service: Any, run_task: Run, until: Any
) -> None:
    arn = service("secretsmanager").create_secret(Name="ecs/other", SecretString='{"a": "hidden"}')["ARN"]
    task = until(run_task("pass", secrets=[{"name": "S", "valueFrom": f"{arn}:b::"}]), "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    assert "did not contain json key b" in task["stoppedReason"]
    assert "hidden" not in task["stoppedReason"]


def test_a_variable_cannot_be_a_secret_too(ecs: Any, run_task: Run) -> None:
    """A worker that hands its own settings over meets this on AWS; so it must here."""
    refused = (
        r"\(ClientException\) when calling the {}.* The secret name must be unique and not shared with any new or "
        "existing environment variables set on the container, such as '{}'"
    )
    running = len(ecs.list_tasks(cluster="tasks")["taskArns"])
    with pytest.raises(ClientError, match=refused.format("RunTask", "PREFECT_API_URL")):
        run_task(
            "pass",
            environment={"PREFECT_API_URL": "http://x"},
            secrets=[{"name": "PREFECT_API_URL", "valueFrom": f"{SECRET}:x"}],
        )
    assert len(ecs.list_tasks(cluster="tasks")["taskArns"]) == running
    with pytest.raises(ClientError, match=refused.format("RegisterTaskDefinition", "FROM")):
        run_task("pass", secrets=[{"name": "FROM", "valueFrom": f"{SECRET}:x"}])


def test_a_failed_command_shows_its_exit_code_and_why(run_task: Run, until: Any) -> None:
    task = until(run_task("raise SystemExit('no such table')"), "STOPPED")

    (container,) = task["containers"]
    assert container["exitCode"] == 1
    assert "no such table" in container["reason"]


def test_stop_task_kills_the_tree_and_says_who_stopped_it(
    aws: LocalAws, ecs: Any, run_task: Run, until: Any
) -> None:
    arn = run_task(
        "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
        " start_new_session=True); time.sleep(600)"
    )
    until(arn, "RUNNING")
    process = process_of(aws, arn)

    ecs.stop_task(cluster="tasks", task=arn, reason="Stopped by Prefect worker")

    task = until(arn, "STOPPED")
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "Stopped by Prefect worker")
    assert task["containers"][0]["exitCode"] == 143
    assert not process.is_running()
    mark = aws.runner.mark(arn.rpartition("/")[2])
    assert not [p for p in psutil.process_iter(["environ"]) if mark in (p.info["environ"] or {}).values()]
    # A second stop finds it stopped, and changes nothing.
    ecs.stop_task(cluster="tasks", task=arn, reason="again")
    assert describe(ecs, arn)["stoppedReason"] == "Stopped by Prefect worker"


def test_eventbridge_hears_of_every_change(aws: LocalAws, service: Any, run_task: Run, until: Any) -> None:
    url = service("sqs").create_queue(QueueName="task-changes")["QueueUrl"]
    queue = service("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    pattern = {"source": ["aws.ecs"], "detail-type": ["ECS Task State Change"]}
    service("events").put_rule(Name="task-changes", EventPattern=json.dumps(pattern))
    service("events").put_targets(
        Rule="task-changes", Targets=[{"Id": "queue", "Arn": queue["Attributes"]["QueueArn"]}]
    )
    arn = run_task("import time; time.sleep(600)")
    until(arn, "RUNNING")

    os.kill(process_of(aws, arn).pid, signal.SIGKILL)

    until(arn, "STOPPED")
    received = []
    while messages := service("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        received += [json.loads(message["Body"]) for message in messages]
        for message in messages:
            service("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    details = [event["detail"] for event in received if event["detail"]["taskArn"] == arn]
    assert [detail["lastStatus"] for detail in details] == ["PENDING", "RUNNING", "STOPPED"]
    assert details[-1]["stopCode"] == "EssentialContainerExited"
    (container,) = details[-1]["containers"]
    assert (container["name"], container["exitCode"]) == ("main", 137)
    assert "SIGKILL" in container["reason"]
    assert details[-1]["clusterArn"].endswith(":cluster/tasks")


@pytest.mark.parametrize(
    ("container", "why"),
    [
        (
            {"secrets": [{"name": "S", "valueFrom": f"{SECRET}:absent"}]},
            "failed to fetch secret arn:aws:secretsmanager:ap-south-1:123456789012:secret:absent from secrets manager: "
            "An error occurred (ResourceNotFoundException)",
        ),
        ({"secrets": [{"name": "S", "valueFrom": "absent"}]}, "unable to get parameter absent from ssm"),
        (
            {"environmentFiles": [{"value": "a", "type": "s3"}]},
            "does not know a container's environmentFiles",
        ),
        ({"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/absent"}}}, "/absent"),
    ],
)
def test_a_task_that_can_not_start_says_why(
    run_task: Run, until: Any, container: dict[str, Any], why: str
) -> None:
    task = until(run_task("pass", **container), "STOPPED")

    assert task["stopCode"] == "TaskFailedToStart"
    assert why in task["stoppedReason"]
    assert "exitCode" not in task["containers"][0]
    assert "startedAt" not in task


def test_a_task_that_is_not_there_can_not_be_stopped(ecs: Any) -> None:
    with pytest.raises(ClientError, match="The referenced task was not found"):
        ecs.stop_task(cluster="tasks", task="00000000-0000-0000-0000-000000000000")
