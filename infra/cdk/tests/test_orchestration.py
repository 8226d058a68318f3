from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from highwater_infra.compute import REPOSITORY
from highwater_infra.resolved import resolved

if TYPE_CHECKING:
    from tests.conftest import Templates

NAME = "highwater-orchestration"


def _task(templates: Templates, family: str) -> dict[str, Any]:
    return templates[NAME].one("AWS::ECS::TaskDefinition", Family=family)


def test_nothing_is_started_before_there_is_an_image(prod: Templates) -> None:
    services = prod[NAME].properties("AWS::ECS::Service")
    assert {s["ServiceName"] for s in services} == {"highwater-worker", "highwater-inbox-listener"}
    assert [s["DesiredCount"] for s in services] == [{"Fn::If": ["ImageIsNamed", 1, 0]}] * 2
    scaling = prod[NAME].one("AWS::ApplicationAutoScaling::ScalableTarget")
    assert scaling["MinCapacity"] == {"Fn::If": ["ImageIsNamed", 1, 0]}
    assert scaling["MaxCapacity"] == 3


@pytest.mark.parametrize(
    ("name", "service", "topic"),
    [
        ("highwater-no-worker", "highwater-worker", "highwater-critical"),
        ("highwater-no-inbox-listener", "highwater-inbox-listener", "highwater-warnings"),
    ],
)
def test_a_service_without_a_task_is_an_alarm_as_soon_as_there_is_an_image(
    prod: Templates, name: str, service: str, topic: str
) -> None:
    """Container Insights sends nothing for it: the alarm must take silence for none."""
    assert [a["Condition"] for a in prod[NAME].all("AWS::CloudWatch::Alarm")] == ["ImageIsNamed"] * 2
    alarm = prod[NAME].one("AWS::CloudWatch::Alarm", AlarmName=name)
    (count, filled) = sorted(alarm["Metrics"], key=lambda metric: "Expression" in metric)
    assert filled["Expression"] == f"FILL({count['Id']}, 0)"
    assert alarm["TreatMissingData"] == "breaching"
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert (alarm["EvaluationPeriods"], alarm.get("DatapointsToAlarm", 3)) == (3, 3)
    metric = count["MetricStat"]["Metric"]
    assert (metric["Namespace"], metric["MetricName"]) == ("ECS/ContainerInsights", "RunningTaskCount")
    prod[NAME].one("AWS::ECS::Service", ServiceName=service)
    assert {d["Name"]: d["Value"] for d in metric["Dimensions"]} == {
        "ClusterName": "highwater",
        "ServiceName": service,
    }
    (action,) = alarm["AlarmActions"]
    assert action == alarm["OKActions"][0]
    assert str(action).endswith(f":{topic}']]}}")
    prod["highwater-observability"].one("AWS::SNS::Topic", TopicName=topic)


def test_a_bad_release_is_rolled_back(prod: Templates) -> None:
    for service in prod[NAME].properties("AWS::ECS::Service"):
        deployment = service["DeploymentConfiguration"]
        assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
        assert deployment["MinimumHealthyPercent"] == 100


@pytest.mark.parametrize("task", ["highwater-worker", "highwater-inbox-listener"])
def test_a_service_is_asked_for_its_health(prod: Templates, task: str) -> None:
    (container,) = _task(prod, task)["ContainerDefinitions"]
    assert container["HealthCheck"]["Command"] == ["CMD", "python", "-m", "deployments.health"]


def test_the_worker_knows_the_bucket_of_results(prod: Templates) -> None:
    """It makes the block that names it, on Prefect's server alone; tasks use it with their own role."""
    buckets = [
        {v["Name"]: v["Value"] for v in _task(prod, family)["ContainerDefinitions"][0]["Environment"]}[
            "HIGHWATER_ARTIFACTS_BUCKET"
        ]
        for family in ("highwater-worker", "highwater-flow-run")
    ]
    assert buckets[0] == buckets[1]
    assert "highwater-artifacts-" in str(buckets[0])


def test_flow_runs_know_where_trainings_are_put(prod: Templates) -> None:
    (container,) = _task(prod, "highwater-flow-run")["ContainerDefinitions"]
    told = {v["Name"]: v["Value"] for v in container["Environment"] if "TRAINING" in v["Name"]}
    exported = {
        o["Export"]["Name"]: json.dumps(o["Value"])
        for o in prod["highwater-network"].content["Outputs"].values()
        if "Export" in o
    }
    group = exported[told["HIGHWATER_TRAINING_SECURITY_GROUPS"]["Fn::ImportValue"]]
    assert group.startswith('{"Fn::GetAtt": ["Training')
    subnets = [part["Fn::ImportValue"] for part in told["HIGHWATER_TRAINING_SUBNETS"]["Fn::Join"][1]]
    assert len({exported[subnet] for subnet in subnets}) == 2
    assert all("private" in exported[subnet] for subnet in subnets)


def test_tasks_have_no_public_address(prod: Templates) -> None:
    for service in prod[NAME].properties("AWS::ECS::Service"):
        assert service["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"


def test_secrets_are_named_not_held(prod: Templates, private: Templates) -> None:
    """A flow run's server comes with RunTask: tests/infra/test_run_task.py asks prefect-aws for what else does."""
    for templates, login in ((prod, "PREFECT_API_KEY"), (private, "PREFECT_API_AUTH_STRING")):
        for family, wanted in (
            ("highwater-worker", {"PREFECT_API_URL", login}),
            ("highwater-inbox-listener", {"PREFECT_API_URL", login}),
            ("highwater-flow-run", {login}),
        ):
            (container,) = _task(templates, family)["ContainerDefinitions"]
            secrets = {secret["Name"] for secret in container["Secrets"]}
            assert secrets == wanted
            variables = {v["Name"] for v in container["Environment"]}
            assert not secrets & variables
            plain = {name for name in variables if not name.endswith("_SECRET_ARN")}
            assert not [name for name in plain - {"HIGHWATER_KMS_KEY"} if "KEY" in name or "AUTH" in name]


def test_the_worker_leaves_the_login_of_flow_runs_to_their_task_definition(
    prod: Templates, private: Templates
) -> None:
    """Otherwise it hands its own to RunTask, where whoever may describe a task reads it."""
    for templates, name, field in (
        (prod, "HIGHWATER_PREFECT_API_KEY_SECRET_ARN", ":api_key::"),
        (private, "HIGHWATER_PREFECT_API_AUTH_STRING_SECRET_ARN", ":auth_string::"),
    ):
        (container,) = _task(templates, "highwater-worker")["ContainerDefinitions"]
        (arn,) = [v["Value"] for v in container["Environment"] if v["Name"].endswith("_SECRET_ARN")]
        assert name in {v["Name"] for v in container["Environment"]}
        (flow_run,) = _task(templates, "highwater-flow-run")["ContainerDefinitions"]
        secret = name.removeprefix("HIGHWATER_").removesuffix("_SECRET_ARN")
        assert [s["ValueFrom"] for s in flow_run["Secrets"] if s["Name"] == secret] == [arn]
        assert field in str(arn)


def test_a_stopped_task_hears_of_it(private: Templates) -> None:
    """Process 1 without a handler ignores SIGTERM, and a flow run of Prefect has none: ECS's init is process 1."""
    containers = [
        container
        for template in private.values()
        for definition in template.properties("AWS::ECS::TaskDefinition")
        for container in definition["ContainerDefinitions"]
    ]
    assert len(containers) == 4
    assert [c["LinuxParameters"]["InitProcessEnabled"] for c in containers] == [True] * 4


def test_nothing_is_written_to_the_image_but_in_its_tmp(private: Templates) -> None:
    definitions = [
        definition
        for template in private.values()
        for definition in template.properties("AWS::ECS::TaskDefinition")
    ]
    assert {definition["Family"] for definition in definitions} == {
        "highwater-flow-run", "highwater-inbox-listener", "highwater-server", "highwater-worker"
    }  # fmt: skip
    for definition in definitions:
        (container,) = definition["ContainerDefinitions"]
        assert container["ReadonlyRootFilesystem"] is True
        assert container["MountPoints"] == [
            {"ContainerPath": "/tmp", "ReadOnly": False, "SourceVolume": "tmp"}
        ]
        assert definition["Volumes"] == [{"Name": "tmp"}]


def test_tasks_run_on_what_the_image_is_built_for(private: Templates) -> None:
    platforms = [
        definition["RuntimePlatform"]
        for template in private.values()
        for definition in template.properties("AWS::ECS::TaskDefinition")
    ]
    assert platforms == [{"CpuArchitecture": "X86_64", "OperatingSystemFamily": "LINUX"}] * 4
    assert "--platform linux/amd64" in (REPOSITORY / "docker" / "build.sh").read_text()


def test_a_task_that_ends_is_told_to_the_worker(prod: Templates) -> None:
    rule = prod[NAME].one("AWS::Events::Rule", Name="highwater-ecs-task-changes")
    assert rule["EventPattern"]["detail-type"] == ["ECS Task State Change"]
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": [_queue(prod, "highwater-ecs-events"), "Arn"]}
    assert target["DeadLetterConfig"]["Arn"] == {
        "Fn::GetAtt": [_queue(prod, "highwater-ecs-events-dead"), "Arn"]
    }


def test_a_delivery_is_told_to_the_listener_and_what_runs_move_is_not(prod: Templates) -> None:
    rule = prod[NAME].one("AWS::Events::Rule", Name="highwater-inbox-files")
    pattern = rule["EventPattern"]
    assert (pattern["source"], pattern["detail-type"]) == (["aws.s3"], ["Object Created"])
    assert pattern["detail"]["object"] == {"key": [{"prefix": "inbox/"}]}
    (bucket,) = pattern["detail"]["bucket"]["name"]
    exported = {
        o["Export"]["Name"]: o["Value"]
        for o in prod["highwater-lake"].content["Outputs"].values()
        if "Export" in o
    }
    assert exported[bucket["Fn::ImportValue"]]["Ref"].startswith("Inbox")


@pytest.mark.parametrize(
    ("queue", "dead_letters", "hidden"),
    [
        ("highwater-ecs-events", "highwater-ecs-events-dead", 300),
        ("highwater-inbox-events", "highwater-inbox-dead-letters", 120),
    ],
)
def test_what_is_not_understood_in_three_tries_is_kept_for_longer(
    prod: Templates, queue: str, dead_letters: str, hidden: int
) -> None:
    found = prod[NAME].one("AWS::SQS::Queue", QueueName=queue)
    dead = prod[NAME].one("AWS::SQS::Queue", QueueName=dead_letters)
    assert (found["VisibilityTimeout"], found["MessageRetentionPeriod"]) == (hidden, 7 * 86_400)
    assert found["RedrivePolicy"]["maxReceiveCount"] == 3
    assert found["RedrivePolicy"]["deadLetterTargetArn"] == {
        "Fn::GetAtt": [_queue(prod, dead_letters), "Arn"]
    }
    assert dead["MessageRetentionPeriod"] == 14 * 86_400
    assert found["KmsMasterKeyId"] == dead["KmsMasterKeyId"]


def _queue(prod: Templates, name: str) -> str:
    (logical,) = [
        logical
        for logical, resource in prod[NAME].content["Resources"].items()
        if resource["Type"] == "AWS::SQS::Queue" and resource["Properties"]["QueueName"] == name
    ]
    return str(logical)


@pytest.mark.parametrize(
    ("rule", "queues"),
    [
        ("TaskChanges", ("highwater-ecs-events", "highwater-ecs-events-dead")),
        ("InboxFiles", ("highwater-inbox-events", "highwater-inbox-dead-letters")),
    ],
)
def test_one_rule_alone_can_put_an_event_into_a_queue(
    prod: Templates, rule: str, queues: tuple[str, str]
) -> None:
    for queue in queues:
        (policy,) = [
            p
            for p in prod[NAME].properties("AWS::SQS::QueuePolicy")
            if p["Queues"] == [{"Ref": _queue(prod, queue)}]
        ]
        denied, allowed = policy["PolicyDocument"]["Statement"]
        assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
        assert (allowed["Effect"], allowed["Action"]) == ("Allow", "sqs:SendMessage")
        assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
        assert list(allowed["Condition"]) == ["ArnEquals"]
        source = allowed["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::GetAtt"][0]
        assert source.startswith(rule)


def test_the_listener_is_the_workers_image_with_another_program(prod: Templates) -> None:
    (container,) = _task(prod, "highwater-inbox-listener")["ContainerDefinitions"]
    (worker,) = _task(prod, "highwater-worker")["ContainerDefinitions"]
    assert container["Command"] == ["python", "-m", "deployments.inbox_listener"]
    assert container["Image"] == worker["Image"]
    ours = {v["Name"]: v["Value"] for v in container["Environment"] if "HIGHWATER" in v["Name"]}
    assert "highwater-inbox-" in str(ours.pop("HIGHWATER_INBOX_BUCKET"))
    assert ours == {
        "HIGHWATER_LEDGER_TABLE": "highwater-ledger",
        "HIGHWATER_ALERTS_TOPIC": "highwater-alerts",
        "HIGHWATER_WARNINGS_TOPIC": "highwater-warnings",
        "HIGHWATER_CRITICAL_TOPIC": "highwater-critical",
    }


def test_an_image_that_was_released_stays_what_it_was(prod: Templates) -> None:
    repository = prod[NAME].one("AWS::ECR::Repository", RepositoryName="highwater-worker")
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}


def test_what_runs_is_named_by_its_digest(prod: Templates, private: Templates) -> None:
    """A tag says which commit; the digest is the content, the same in each account that it was copied to."""
    for template in (prod[NAME], private[NAME], private["highwater-server"]):
        for task in template.properties("AWS::ECS::TaskDefinition"):
            for container in task["ContainerDefinitions"]:
                assert container["Image"]["Fn::Join"][1][-2:] == ["@", {"Ref": "ImageDigest"}]
        pattern = re.compile(template.content["Parameters"]["ImageDigest"]["AllowedPattern"])
        named = ["", f"sha256:{'0' * 64}", "1a2b3c", "sha256:1a2b3c"]
        assert [bool(pattern.match(name)) for name in named] == [True, True, False, False]


def test_an_image_is_read_by_the_account_that_it_is_promoted_to_alone(prod: Templates) -> None:
    """By whom of it, says its own IAM: also an administrator releases, without GitHub."""
    repository = prod[NAME].one("AWS::ECR::Repository", RepositoryName="highwater-worker")
    condition, policy, nothing = repository["RepositoryPolicyText"]["Fn::If"]
    assert nothing == {"Ref": "AWS::NoValue"}
    assert prod[NAME].content["Conditions"][condition] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "PromotedTo"}, ""]}]
    }
    (statement,) = policy["Statement"]
    assert statement["Effect"] == "Allow"
    assert sorted(statement["Action"]) == [
        "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"
    ]  # fmt: skip
    assert resolved(statement["Principal"], {"PromotedTo": "999999999999"}) == {
        "AWS": "arn:aws:iam::999999999999:root"
    }
    assert "Condition" not in statement
