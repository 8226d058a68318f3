"""What moto only claims to do is an error here, at once and in words."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

# pytest forgets the filter that the server sets.
pytestmark = pytest.mark.filterwarnings("ignore:Exception.Local")

CASES: list[tuple[str, str, dict[str, Any], str]] = [
    (
        "sagemaker",
        "delete_hyper_parameter_tuning_job",
        {"HyperParameterTuningJobName": "t"},
        "does not delete SageMaker tuning jobs",
    ),
    (
        "ecs",
        "start_task",
        {"taskDefinition": "t", "containerInstances": ["i"]},
        "has no ECS container instances: use RunTask",
    ),
    ("glue", "start_crawler", {"Name": "c"}, "has no Glue crawlers"),
    ("athena", "start_query_execution", {"QueryString": "select 1"}, "has no Athena engine"),
    (
        "cloudwatch",
        "put_metric_alarm",
        {
            "AlarmName": "a",
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "MetricName": "m",
            "Namespace": "n",
            "Period": 60,
            "Statistic": "Sum",
            "Threshold": 1,
        },
        "never fires alarms",
    ),
    ("events", "put_rule", {"Name": "r", "ScheduleExpression": "rate(1 day)"}, "never fires scheduled rules"),
]


@pytest.mark.parametrize(
    ("service_name", "action", "request_", "why"), CASES, ids=[case[1] for case in CASES]
)
def test_a_false_success_is_refused(
    service: Callable[[str], Any], service_name: str, action: str, request_: dict[str, Any], why: str
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(service(service_name), action)(**request_)

    error = refused.value.response["Error"]
    assert (error["Code"], error["Message"]) == (
        "InvalidAction",
        f"the local cloud {why}: see docs/parity.md",
    )


def test_a_rule_on_events_is_taken(service: Callable[[str], Any]) -> None:
    assert service("events").put_rule(Name="r", EventPattern='{"source": ["aws.s3"]}')["RuleArn"]


def test_cloudformation_refuses_what_it_would_leave_out(service: Callable[[str], Any]) -> None:
    job = {"Type": "AWS::Glue::Job", "Properties": {"Role": "r", "Command": {"Name": "glueetl"}}}

    with pytest.raises(ClientError, match="the local CloudFormation cannot create AWS::Glue::Job"):
        service("cloudformation").create_stack(
            StackName="s", TemplateBody=json.dumps({"Resources": {"J": job}})
        )


def test_an_action_that_moto_lacks_fails_at_once(glue: Any) -> None:
    started = time.monotonic()

    with pytest.raises(ClientError, match="the local cloud can't do glue UpdateTrigger") as failed:
        glue.update_trigger(Name="t", TriggerUpdate={})

    assert failed.value.response["Error"]["Code"] == "NotImplemented"
    assert time.monotonic() - started < 2
