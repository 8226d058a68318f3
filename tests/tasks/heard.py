"""What people and subscribers are told, read from a queue that is subscribed to the topics."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tasks.services import aws


def listening(*topics: str) -> Callable[[], list[str]]:
    """Create the topics. The result gives `SEVERITY message` of each alert since it was last asked."""
    queue = aws.sqs().create_queue(QueueName="heard")["QueueUrl"]
    arn = aws.sqs().get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    for name in topics:
        aws.sns().create_topic(Name=name)
    everything = aws.sns().create_topic(Name="highwater-alerts")["TopicArn"]
    aws.sns().subscribe(
        TopicArn=everything, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
    )

    def heard() -> list[str]:
        found: list[dict[str, Any]] = []
        while messages := aws.sqs().receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                aws.sqs().delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [f"{alert['severity']} {alert['message']}" for alert in found]

    return heard
