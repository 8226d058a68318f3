"""What people are told: one SNS message per event, JSON with channel, severity, message and the run's facts."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tasks import aws, ledger
from tasks.errors import Severity, SystemFault, from_aws
from tasks.events import log
from tasks.settings import settings

_SUBJECT_MOST = 100  # SNS refuses longer subjects


@cache
def _topic_arn(name: str) -> str:
    for page in aws.sns().get_paginator("list_topics").paginate():
        for topic in page["Topics"]:
            if topic["TopicArn"].rpartition(":")[2] == name:
                return topic["TopicArn"]
    raise SystemFault(f"SNS topic {name} does not exist: deploy it, or set HIGHWATER_ALERTS_TOPIC.")


def send(severity: Severity, message: str, run: dict[str, Any], channel: str = "data-pipelines") -> None:
    body = {"channel": channel, "severity": severity, "message": message, "run": run}
    subject = f"[{severity}] {run.get('flow', 'highwater')} {run.get('run_date', '')}".strip()[:_SUBJECT_MOST]
    try:
        aws.sns().publish(
            TopicArn=_topic_arn(settings().alerts_topic),
            Subject=subject,
            Message=json.dumps(body, default=str, ensure_ascii=False),
            MessageAttributes={"severity": {"DataType": "String", "StringValue": severity}},
        )
    except (ClientError, BotoCoreError) as error:
        raise from_aws(error, f"publishing a {severity} alert to {settings().alerts_topic}") from error
    log("alert sent", severity=severity, channel=channel, run=run.get("run_id"))


def send_once(event: str, severity: Severity, message: str, run: dict[str, Any]) -> None:
    """Of all who notice the event the first one tells. When that fails, the next one does."""
    if not ledger.once(event, str(run.get("run_id", event))):
        return
    try:
        send(severity, message, run)
    except BaseException:
        ledger.not_after_all(event)
        raise
