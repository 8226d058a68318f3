from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Templates

NAME = "highwater-observability"


def _alarm(prod: Templates, name: str) -> dict[str, Any]:
    return prod[NAME].one("AWS::CloudWatch::Alarm", AlarmName=f"highwater-{name}")


def _topic(prod: Templates, name: str) -> str:
    (found,) = [
        logical
        for logical, resource in prod[NAME].content["Resources"].items()
        if resource["Type"] == "AWS::SNS::Topic" and resource["Properties"]["TopicName"] == name
    ]
    return str(found)


@pytest.mark.parametrize(
    ("name", "topic", "missing"),
    [
        ("null-rate-sales", "highwater-warnings", "notBreaching"),
        ("quality-reconciled", "highwater-critical", "notBreaching"),
        ("quality-contract-valid", "highwater-critical", "notBreaching"),
        ("nothing-ran-today", "highwater-critical", "breaching"),
        ("model-features-drift", "highwater-warnings", "notBreaching"),
        ("model-errors-drift", "highwater-warnings", "notBreaching"),
        ("run-failures", "highwater-warnings", "notBreaching"),
        ("curate-takes-long", "highwater-warnings", "notBreaching"),
        ("dead-letters", "highwater-warnings", "notBreaching"),
        ("no-worker", "highwater-critical", "notBreaching"),
    ],
)
def test_each_alarm_tells_those_of_its_severity(prod: Templates, name: str, topic: str, missing: str) -> None:
    alarm = _alarm(prod, name)
    assert alarm["AlarmActions"] == [{"Ref": _topic(prod, topic)}]
    assert alarm["TreatMissingData"] == missing
    assert len(alarm["AlarmDescription"]) > 40


def test_silence_for_a_day_is_an_alarm(prod: Templates) -> None:
    alarm = _alarm(prod, "nothing-ran-today")
    assert (alarm["Namespace"], alarm["MetricName"]) == ("Highwater/DataQuality", "row_count")
    assert (alarm["Statistic"], alarm["Period"], alarm["Threshold"]) == ("SampleCount", 86400, 1)


def test_dead_letters_are_counted_on_the_queue_that_exists(prod: Templates) -> None:
    (dimension,) = _alarm(prod, "dead-letters")["Dimensions"]
    prod["highwater-orchestration"].one("AWS::SQS::Queue", QueueName=dimension["Value"])


def test_topics_are_encrypted_and_speak_tls_only(prod: Templates) -> None:
    topics = prod[NAME].properties("AWS::SNS::Topic")
    assert sorted(t["TopicName"] for t in topics) == [
        "highwater-alerts",
        "highwater-critical",
        "highwater-warnings",
    ]
    assert all("KmsMasterKeyId" in topic for topic in topics)
    policies = prod[NAME].properties("AWS::SNS::TopicPolicy")
    denied = [
        s["Condition"] for p in policies for s in p["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"
    ]
    assert denied == [{"Bool": {"aws:SecureTransport": "false"}}] * 3


def test_nobody_is_named_in_the_template(prod: Templates) -> None:
    parameters = prod[NAME].content["Parameters"]
    assert parameters["AlertEmail"] == {
        "Type": "String",
        "Default": "",
        "NoEcho": True,
        "Description": "who is told by mail; empty: nobody",
    }
    assert {resource["Condition"] for resource in prod[NAME].all("AWS::SNS::Subscription")} == {
        "MailIsWanted"
    }


def test_of_what_flows_say_the_serious_is_mailed(prod: Templates) -> None:
    alerts = prod[NAME].one("AWS::SNS::Subscription", TopicArn={"Ref": _topic(prod, "highwater-alerts")})
    assert alerts["FilterPolicy"] == {"severity": ["HIGH", "CRITICAL"]}


def test_slack_can_do_nothing(prod: Templates) -> None:
    slack = prod[NAME].one("AWS::Chatbot::SlackChannelConfiguration")
    assert "AWSDenyAll" in str(slack["GuardrailPolicies"])
    assert prod[NAME].properties("AWS::IAM::Policy") == []


def test_the_month_has_a_limit(prod: Templates, dev: Templates) -> None:
    limits = [t[NAME].one("AWS::Budgets::Budget")["Budget"]["BudgetLimit"]["Amount"] for t in (prod, dev)]
    assert limits == [1500, 200]


def test_a_job_that_failed_is_told_whoever_started_it(prod: Templates) -> None:
    pattern = prod[NAME].one("AWS::Events::Rule")["EventPattern"]
    assert pattern["detail"]["state"] == ["FAILED", "TIMEOUT"]
    jobs = {job["Name"] for job in prod["highwater-compute"].properties("AWS::Glue::Job")}
    assert set(pattern["detail"]["jobName"]) == jobs
