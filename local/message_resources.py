"""Create the topics, the queues, and the rules that bring events into queues."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3

from local import resource_kinds, resources

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def create_message_resources(aws: boto3.Session, url: str) -> None:
    sns, sqs = aws.client("sns", endpoint_url=url), aws.client("sqs", endpoint_url=url)
    for topic in resources.TOPICS:
        sns.create_topic(Name=topic.name)
    for queue in resources.QUEUES:
        create_queue(sqs, queue)
        if queue.topic:
            sns.subscribe(TopicArn=queue.topic.arn, Protocol="sqs", Endpoint=queue.arn)
    events = aws.client("events", endpoint_url=url)
    arns = {queue.name: queue.arn for queue in resources.QUEUES}
    for declared in resources.EVENT_RULES:
        events.put_rule(Name=declared.rule, EventPattern=json.dumps(declared.pattern))
        events.put_targets(Rule=declared.rule, Targets=[{"Id": "queue", "Arn": arns[declared.queue]}])


def create_queue(sqs: SQSClient, queue: resource_kinds.Queue) -> str:
    """Its address."""
    url = sqs.create_queue(QueueName=queue.name)["QueueUrl"]
    if queue.dead_letters:
        policy = {"deadLetterTargetArn": queue.dead_letters.arn, "maxReceiveCount": queue.tries}
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(policy)})
    return url
