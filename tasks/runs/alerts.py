"""Publish events of a run as JSON with channel, severity, message and facts, for any subscriber.

Events that need attention also go to people, on the topic of their severity, in the format that Amazon Q shows in
Slack.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from deployments import names
from tasks.errors import Severity, SystemFault, from_aws
from tasks.events import log
from tasks.leases import marks
from tasks.services import aws
from tasks.settings import settings

_SUBJECT_MOST = 100  # SNS refuses longer subjects
_READ_MOST = 2_000  # the limit in Slack and mail; the full message is on the run's page


@cache
def _topic_arn(name: str) -> str:
    for page in aws.sns().get_paginator("list_topics").paginate():
        for topic in page["Topics"]:
            if topic["TopicArn"].rpartition(":")[2] == name:
                return topic["TopicArn"]
    raise SystemFault(
        f"SNS topic {name} does not exist: deploy it, or set the HIGHWATER_..._TOPIC that names it."
    )


def send(severity: Severity, message: str, run: dict[str, Any], channel: str = "data-pipelines") -> None:
    body = {"channel": channel, "severity": severity, "message": message, "run": run}
    subject = f"[{severity}] {run.get('flow', 'highwater')} {run.get('run_date', '')}".strip()[:_SUBJECT_MOST]
    try:
        if severity != "INFO":
            known = settings()
            topic = known.critical_topic if severity == "CRITICAL" else known.warnings_topic
            _publish(topic, severity, subject, _for_people(subject, message, run))
    finally:  # an error on one topic must not prevent the other message
        _publish(settings().alerts_topic, severity, subject, body)
    _count(severity)
    log("alert sent", severity=severity, channel=channel, run=run.get("run_id"))


def _publish(topic: str, severity: Severity, subject: str, body: dict[str, Any]) -> None:
    try:
        aws.sns().publish(
            TopicArn=_topic_arn(topic),
            Subject=subject,
            Message=json.dumps(body, default=str, ensure_ascii=False),
            MessageAttributes={"severity": {"DataType": "String", "StringValue": severity}},
        )
    except (ClientError, BotoCoreError) as error:
        raise from_aws(error, f"publishing a {severity} alert to {topic}") from error


def _for_people(subject: str, message: str, run: dict[str, Any]) -> dict[str, Any]:
    """The message as Amazon Q's custom notification."""
    return {
        "version": "1.0",
        "source": "custom",
        "content": {"textType": "client-markdown", "title": subject, "description": message[:_READ_MOST]},
        "metadata": {"additionalContext": {name: str(value) for name, value in run.items()}},
    }


def _count(severity: Severity) -> None:
    """Count the event for the alarm on many failures. People are notified already, so an error here fails no run."""
    try:
        aws.cloudwatch().put_metric_data(
            Namespace=names.RUNS_NAMESPACE,
            MetricData=[
                {
                    "MetricName": names.RUNS_ALERTS,
                    "Dimensions": [{"Name": "Severity", "Value": severity}],
                    "Value": 1,
                    "Unit": "Count",
                }
            ],
        )
    except (ClientError, BotoCoreError) as error:
        log("alert not counted in CloudWatch", severity=severity, error=str(error))


def send_once(event: str, severity: Severity, message: str, run: dict[str, Any]) -> None:
    """Notify people once, whoever notices the event first. If that fails, the next one tries."""
    with untold([event], run) as news:
        if news:
            send(severity, message, run)


@contextmanager
def untold(events: Iterable[str], run: dict[str, Any]) -> Iterator[list[str]]:
    """Those of which nobody was told, to tell them within. If that fails, the next one who notices them tries."""
    news: list[str] = []
    try:
        for event in events:
            if marks.once(event, str(run.get("run_id", event))):
                news.append(event)
        yield news
    except BaseException:
        for event in news:
            marks.not_after_all(event)
        raise
