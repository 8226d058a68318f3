from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from highwater_infra.compute import REPOSITORY
from highwater_infra.environments import ENVIRONMENTS, Environment

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
        ("churn-features-drift", "highwater-warnings", "notBreaching"),
        ("churn-champion-fails", "highwater-critical", "notBreaching"),
        ("churn-challenger-fails", "highwater-warnings", "notBreaching"),
        ("churn-champion-slow", "highwater-warnings", "notBreaching"),
        ("churn-challenger-slow", "highwater-warnings", "notBreaching"),
        ("churn-champion-refuses", "highwater-warnings", "notBreaching"),
        ("churn-challenger-refuses", "highwater-warnings", "notBreaching"),
        ("run-failures", "highwater-critical", "notBreaching"),
        ("dead-letters", "highwater-warnings", "notBreaching"),
        ("task-ends-unread", "highwater-critical", "notBreaching"),
        ("inbox-dead-letters", "highwater-warnings", "notBreaching"),
        ("inbox-unread", "highwater-warnings", "notBreaching"),
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


@pytest.mark.parametrize(("name", "seconds"), [("task-ends-unread", 1800), ("inbox-unread", 900)])
def test_a_queue_that_nobody_reads_is_told(prod: Templates, name: str, seconds: int) -> None:
    """Messages that nobody reads expire: they never become dead letters."""
    alarm = _alarm(prod, name)
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SQS", "ApproximateAgeOfOldestMessage")
    assert (alarm["Statistic"], alarm["Threshold"]) == ("Maximum", seconds)
    (dimension,) = alarm["Dimensions"]
    queue = prod["highwater-orchestration"].one("AWS::SQS::Queue", QueueName=dimension["Value"])
    tries = queue["RedrivePolicy"]["maxReceiveCount"] * queue["VisibilityTimeout"]
    assert tries < alarm["Threshold"] < queue["MessageRetentionPeriod"]


@pytest.mark.parametrize("name", ["dead-letters", "inbox-dead-letters"])
def test_the_first_dead_letter_is_told_on_the_queue_that_exists(prod: Templates, name: str) -> None:
    alarm = _alarm(prod, name)
    assert (alarm["MetricName"], alarm["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 1)
    (dimension,) = alarm["Dimensions"]
    queue = prod["highwater-orchestration"].one("AWS::SQS::Queue", QueueName=dimension["Value"])
    assert "RedrivePolicy" not in queue


@pytest.mark.parametrize(
    ("model", "name"),
    [("demand-forecast", "model-features-drift"), ("customer-churn", "churn-features-drift")],
)
def test_drift_is_watched_by_model(prod: Templates, model: str, name: str) -> None:
    alarm = _alarm(prod, name)
    assert (alarm["Namespace"], alarm["MetricName"]) == ("Highwater/Models", "feature_psi_max")
    assert alarm["Dimensions"] == [{"Name": "Model", "Value": model}]
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0.25, "GreaterThanThreshold")


@pytest.mark.parametrize("variant", ["champion", "challenger"])
@pytest.mark.parametrize(
    ("name", "metric", "statistic", "threshold", "periods"),
    [("fails", "Invocation5XXErrors", "Sum", 3, 1), ("slow", "ModelLatency", "p99", 100_000, 3)],
)
def test_a_variant_that_fails_or_is_slow_is_told(
    prod: Templates, variant: str, name: str, metric: str, statistic: str, threshold: int, periods: int
) -> None:
    alarm = _alarm(prod, f"churn-{variant}-{name}")
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SageMaker", metric)
    assert alarm.get("Statistic", alarm.get("ExtendedStatistic")) == statistic
    assert alarm["Dimensions"] == _variant(variant)
    assert (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["Period"]) == (threshold, periods, 300)


@pytest.mark.parametrize("variant", ["champion", "challenger"])
def test_the_share_of_refused_requests_is_of_a_few_requests_at_least(prod: Templates, variant: str) -> None:
    alarm = _alarm(prod, f"churn-{variant}-refuses")
    (share,) = [metric for metric in alarm["Metrics"] if "Expression" in metric]
    assert share["Expression"] == "IF(requests >= 20, refused / requests, 0)"
    counted = {m["Id"]: m["MetricStat"] for m in alarm["Metrics"] if "MetricStat" in m}
    assert {name: (s["Metric"]["MetricName"], s["Stat"]) for name, s in counted.items()} == {
        "refused": ("Invocation4XXErrors", "Sum"),
        "requests": ("Invocations", "Sum"),
    }
    assert all(s["Metric"]["Dimensions"] == _variant(variant) for s in counted.values())
    assert alarm["Threshold"] == 0.05


def _variant(name: str) -> list[dict[str, str]]:
    return [{"Name": "EndpointName", "Value": "highwater-churn"}, {"Name": "VariantName", "Value": name}]


def test_the_dashboard_shows_what_is_watched(prod: Templates) -> None:
    shown = str(prod[NAME].one("AWS::CloudWatch::Dashboard")["DashboardBody"])
    for name in ("inbox-dead-letters", "inbox-unread", "no-worker", "no-inbox-listener"):
        assert f'"title":"{name}"' in shown


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


def test_people_subscribe_to_what_is_for_them_and_hear_nothing_twice(prod: Templates) -> None:
    """What is on highwater-alerts is on one of the others too, when it is for people."""
    people = [{"Ref": _topic(prod, name)} for name in ("highwater-critical", "highwater-warnings")]
    assert [s["TopicArn"] for s in prod[NAME].properties("AWS::SNS::Subscription")] == people
    assert prod[NAME].one("AWS::Chatbot::SlackChannelConfiguration")["SnsTopicArns"] == people


def test_several_failures_within_an_hour_are_the_platforms(prod: Templates) -> None:
    alarm = _alarm(prod, "run-failures")
    *parts, total = sorted(alarm["Metrics"], key=lambda metric: "Expression" in metric)
    assert total["Expression"] == "FILL(high, 0) + FILL(critical, 0)"
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (3, "GreaterThanOrEqualToThreshold")
    stats = {metric["Id"]: metric["MetricStat"] for metric in parts}
    assert {s["Period"] for s in stats.values()} == {3600}
    assert {s["Stat"] for s in stats.values()} == {"Sum"}
    assert {name: s["Metric"] for name, s in stats.items()} == {
        name: {
            "Namespace": "Highwater/Runs",
            "MetricName": "alerts",
            "Dimensions": [{"Name": "Severity", "Value": name.upper()}],
        }
        for name in ("high", "critical")
    }


def test_no_alarm_listens_to_a_topic_on_which_alarms_speak(prod: Templates) -> None:
    alarms = prod[NAME].properties("AWS::CloudWatch::Alarm")
    assert not [alarm["AlarmName"] for alarm in alarms if "AWS/SNS" in str(alarm)]


def _schedules_are_active(environment: str) -> bool:
    settings = (REPOSITORY / "deployments" / f"{environment}.env").read_text()
    return "HIGHWATER_SCHEDULES_ACTIVE=true" in settings.splitlines()


@pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=lambda environment: environment.name)
def test_an_environment_is_scheduled_where_its_deployments_are(environment: Environment) -> None:
    # The private account is production in another network, and its deployments are production's.
    deployments = "prod" if environment.name == "private" else environment.name
    assert environment.scheduled == _schedules_are_active(deployments)


def test_silence_is_no_alarm_where_nothing_runs_by_schedule(prod: Templates, dev: Templates) -> None:
    names = [{a["AlarmName"] for a in t[NAME].properties("AWS::CloudWatch::Alarm")} for t in (prod, dev)]
    assert names[0] - names[1] == {"highwater-nothing-ran-today"}


def test_slack_can_do_nothing(prod: Templates) -> None:
    slack = prod[NAME].one("AWS::Chatbot::SlackChannelConfiguration")
    assert "AWSDenyAll" in str(slack["GuardrailPolicies"])
    assert prod[NAME].properties("AWS::IAM::Policy") == []


def test_the_month_has_a_limit(prod: Templates, dev: Templates) -> None:
    limits = [t[NAME].one("AWS::Budgets::Budget")["Budget"]["BudgetLimit"]["Amount"] for t in (prod, dev)]
    assert limits == [1500, 200]


def test_a_job_that_takes_an_hour_is_told(prod: Templates) -> None:
    jobs = prod["highwater-compute"].properties("AWS::Glue::Job")
    assert [job["NotificationProperty"] for job in jobs] == [{"NotifyDelayAfter": 60}] * len(jobs)
    assert "highwater-churn-dataset" in {job["Name"] for job in jobs}
    assert all(job["Timeout"] > job["NotificationProperty"]["NotifyDelayAfter"] for job in jobs)
    rule = prod[NAME].one("AWS::Events::Rule")
    assert rule["EventPattern"]["source"] == ["aws.glue"]
    assert rule["EventPattern"]["detail-type"] == ["Glue Job Run Status"]
    assert rule["EventPattern"]["detail"] == {"jobName": [job["Name"] for job in jobs], "state": ["RUNNING"]}
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Ref": _topic(prod, "highwater-warnings")}
    message = json.loads(re.sub(r"<[^>]*>", "x", target["InputTransformer"]["InputTemplate"]))
    assert (message["version"], message["source"]) == ("1.0", "custom")
    assert "x has run for 60 minutes" in message["content"]["description"]


def test_a_failed_job_is_told_by_its_flow_alone(prod: Templates) -> None:
    assert "Glue Job State Change" not in str(prod[NAME].content)
