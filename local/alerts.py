"""`python -m local alerts`: show what was published to the alerts topic, from a queue that subscribes to it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local import resources
from local.aws_resources import session
from local.settings import LocalSettings

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_BATCH = 10
_HIDDEN_WHILE_READING_SECONDS = 30


@dataclass(frozen=True)
class Alert:
    time: str
    severity: str
    channel: str
    message: str
    run: str

    def __str__(self) -> str:
        return f"{self.time}  {self.severity:<8}  {self.channel}  {self.message}"


def published(settings: LocalSettings | None = None, *, drain: bool = False) -> list[Alert]:
    """All alerts in the queue, oldest first. `drain` removes them; otherwise they stay."""
    settings = settings or LocalSettings()
    sqs = session(settings).client("sqs", endpoint_url=settings.aws_url)
    queue = sqs.get_queue_url(QueueName=resources.ALERTS_SEEN.name)["QueueUrl"]
    messages = _read_all(sqs, queue)
    for message in messages:
        if drain:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        else:
            sqs.change_message_visibility(
                QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
    return sorted((_alert(message["Body"]) for message in messages), key=lambda alert: alert.time)


def _read_all(sqs: SQSClient, queue: str) -> list[MessageTypeDef]:
    messages: list[MessageTypeDef] = []
    while batch := sqs.receive_message(
        QueueUrl=queue,
        MaxNumberOfMessages=_BATCH,
        VisibilityTimeout=_HIDDEN_WHILE_READING_SECONDS,
        WaitTimeSeconds=0,
    ).get("Messages"):
        messages.extend(batch)
    return messages


def _alert(body: str) -> Alert:
    """Unwrap an SNS message. Its body is our JSON, or any other text that was published."""
    envelope = json.loads(body)
    try:
        content = json.loads(envelope["Message"])
    except ValueError:
        content = None
    if not isinstance(content, dict):
        content = {"message": envelope["Message"]}
    return Alert(
        time=envelope["Timestamp"],
        severity=str(content.get("severity", "")),
        channel=str(content.get("channel", "")),
        message=str(content.get("message", "")),
        run=str(content.get("run", "")),
    )
