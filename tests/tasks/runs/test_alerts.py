"""The message that people get, and the kinds of failure behind its severity."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tasks.errors import (
    BusinessError,
    DataError,
    Severity,
    SystemFault,
    TransientError,
    from_aws,
    is_transient,
)
from tasks.events import line
from tasks.runs import alerts
from tasks.services import aws


def test_message_is_json_with_channel_severity_message_and_run(
    account: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(aws.sns(), "publish", lambda **message: sent.append(message))
    alerts.send(
        "HIGH", "inventory is missing", {"flow": "cpg-daily", "run_id": "r1", "run_date": "2025-01-05"}
    )
    assert json.loads(sent[-1]["Message"]) == {
        "channel": "data-pipelines",
        "severity": "HIGH",
        "message": "inventory is missing",
        "run": {"flow": "cpg-daily", "run_id": "r1", "run_date": "2025-01-05"},
    }
    assert sent[-1]["Subject"] == "[HIGH] cpg-daily 2025-01-05"
    assert sent[-1]["TopicArn"].endswith(":highwater-alerts")


def test_an_event_is_told_once_and_again_only_if_telling_failed(
    account: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    def unreachable(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://sns")

    monkeypatch.setattr(aws.sns(), "publish", unreachable)
    with pytest.raises(TransientError):
        alerts.send_once("late/r1", "HIGH", "late", {"run_id": "r1"})
    monkeypatch.setattr(aws.sns(), "publish", lambda **message: sent.append(message["Subject"]))
    for event in ("late/r1", "late/r1", "late/r2"):
        alerts.send_once(event, "INFO", "late", {"run_id": "r1", "run_date": event})
    assert sent == ["[INFO] highwater late/r1", "[INFO] highwater late/r2"]


@pytest.mark.parametrize(
    ("severity", "people"),
    [("INFO", []), ("WARNING", ["warnings"]), ("HIGH", ["warnings"]), ("CRITICAL", ["critical"])],
)
def test_people_get_what_they_should_look_at_as_slack_shows_it(
    account: None, monkeypatch: pytest.MonkeyPatch, severity: Severity, people: list[str]
) -> None:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(aws.sns(), "publish", lambda **message: sent.append(message))
    alerts.send(severity, "x" * 5_000, {"flow": "cpg-daily", "run_date": date(2025, 1, 5)})
    topics = [message["TopicArn"].rpartition("highwater-")[2] for message in sent]
    assert topics == [*people, "alerts"]
    for message in sent[:-1]:
        assert json.loads(message["Message"]) == {
            "version": "1.0",
            "source": "custom",
            "content": {
                "textType": "client-markdown",
                "title": f"[{severity}] cpg-daily 2025-01-05",
                "description": "x" * 2_000,
            },
            "metadata": {"additionalContext": {"flow": "cpg-daily", "run_date": "2025-01-05"}},
        }


def test_each_alert_is_counted_and_told_even_where_it_cannot_be(
    account: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts.send("HIGH", "a source is missing", {})
    (metric,) = aws.cloudwatch().list_metrics(Namespace="Highwater/Runs")["Metrics"]
    assert (metric["MetricName"], metric["Dimensions"]) == ("alerts", [{"Name": "Severity", "Value": "HIGH"}])

    def unreachable(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://monitoring")

    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(aws.sns(), "publish", lambda **message: sent.append(message))
    monkeypatch.setattr(aws.cloudwatch(), "put_metric_data", unreachable)
    alerts.send("CRITICAL", "no permission", {})
    assert len(sent) == 2


@pytest.mark.parametrize("broken", ["highwater-alerts", "highwater-warnings"])
def test_one_topics_trouble_does_not_silence_the_other(
    account: None, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    sent: list[str] = []

    def publish(**message: Any) -> None:
        if message["TopicArn"].endswith(broken):
            raise EndpointConnectionError(endpoint_url="https://sns")
        sent.append(message["TopicArn"])

    monkeypatch.setattr(aws.sns(), "publish", publish)
    with pytest.raises(TransientError, match=broken):
        alerts.send("HIGH", "a source is missing", {})
    assert len(sent) == 1


def test_a_missing_topic_says_what_to_do(account: None) -> None:
    for topic in aws.sns().list_topics()["Topics"]:
        aws.sns().delete_topic(TopicArn=topic["TopicArn"])
    with pytest.raises(SystemFault, match="SNS topic highwater-alerts does not exist"):
        alerts.send("INFO", "done", {})


@pytest.mark.parametrize(
    ("code", "kind", "advice"),
    [
        ("ThrottlingException", TransientError, "run again later"),
        ("SlowDown", TransientError, "run again later"),
        ("ConcurrentRunsExceededException", TransientError, "run again later"),
        ("AccessDeniedException", SystemFault, "Give the worker's role this permission."),
        ("EntityNotFoundException", SystemFault, "Deploy what is missing"),
        ("NoSuchKey", SystemFault, "restore it, or rerun whatever writes it"),
        ("ValidationException", SystemFault, "Fix what the message names"),
    ],
)
def test_aws_failures_have_their_kind_and_say_what_to_do(
    code: str, kind: type[Exception], advice: str
) -> None:
    error = from_aws(ClientError({"Error": {"Code": code, "Message": "m."}}, "Op"), "listing s3://lake/raw/")
    assert type(error) is kind
    assert str(error).startswith(f"listing s3://lake/raw/: {code}: m.")
    assert advice in str(error)


def test_a_lost_connection_is_transient() -> None:
    assert is_transient(from_aws(EndpointConnectionError(endpoint_url="http://x"), "asking"))


def test_severities() -> None:
    assert (DataError.severity, BusinessError.severity, SystemFault.severity) == ("HIGH", "HIGH", "CRITICAL")


def test_an_event_is_one_line_whatever_its_values_hold() -> None:
    text = line("landed", {"dataset": "sales", "rows": 3, "note": 'two\nlines "x"', "nothing": None})
    assert text == 'landed dataset=sales rows=3 note="two\\nlines \\"x\\""'
