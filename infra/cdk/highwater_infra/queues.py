"""Queues of events: encrypted, reached over TLS only, each fed by one rule, with dead letters for what nobody understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs

KEPT: Final = Duration.days(7)
# A message takes its age along to the dead letters: they must keep it for longer.
DEAD_KEPT: Final = Duration.days(14)


@dataclass(frozen=True)
class Events:
    queue: sqs.Queue
    dead_letters: sqs.Queue

    def fed_by(self, rule: events.Rule) -> None:
        """By this rule alone. For an encrypted queue CDK would let in every rule of the account, hence a queue that it
        only knows by its ARN: it writes no policy for such a one."""
        known = sqs.Queue.from_queue_arn(rule, "Queue", self.queue.queue_arn)
        rule.add_target(targets.SqsQueue(known, dead_letter_queue=self.dead_letters))
        self.queue.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.queue.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": rule.rule_arn}},
            )
        )


def events_queue(
    stack: Stack, name: str, dead_letters: str, key: kms.IKey, *, tries: int, hidden: Duration
) -> Events:
    """`hidden`: how long a message that was received is seen by nobody else."""
    dead = _queue(stack, dead_letters, key, DEAD_KEPT, hidden)
    again = sqs.DeadLetterQueue(queue=dead, max_receive_count=tries)
    return Events(_queue(stack, name, key, KEPT, hidden, again), dead)


def _queue(
    stack: Stack,
    name: str,
    key: kms.IKey,
    keep: Duration,
    hidden: Duration,
    again: sqs.DeadLetterQueue | None = None,
) -> sqs.Queue:
    return sqs.Queue(
        stack,
        name,
        queue_name=name,
        encryption=sqs.QueueEncryption.KMS,
        encryption_master_key=key,
        enforce_ssl=True,
        retention_period=keep,
        visibility_timeout=hidden,
        dead_letter_queue=again,
    )
