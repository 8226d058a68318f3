"""The queue of the inbox's events, and the queue of its dead letters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TypeVar

from deployments import names
from deployments.inbox_events import Message
from tasks.errors import aws_failures
from tasks.services import aws

T = TypeVar("T")

MOST_AT_ONCE = 10  # of SQS, in a request
_TRIES = 3
_REDRIVE_HIDES_SECONDS = 60
_REDRIVE_WAITS_SECONDS = 2


class Queue:
    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    def url(self) -> str:
        with aws_failures(f"looking for the queue {self.name}"):
            return aws.sqs().get_queue_url(QueueName=self.name)["QueueUrl"]

    def receive(self, *, wait_seconds: int, hide_seconds: int, most: int = MOST_AT_ONCE) -> list[Message]:
        """Messages, none of which comes again within `hide_seconds`."""
        with aws_failures(f"receiving from the queue {self.name}"):
            answer = aws.sqs().receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=min(most, MOST_AT_ONCE),
                WaitTimeSeconds=wait_seconds,
                VisibilityTimeout=hide_seconds,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        return [
            Message(
                id=message["MessageId"],
                body=message["Body"],
                receipt=message["ReceiptHandle"],
                receives=int(message["Attributes"]["ApproximateReceiveCount"]),
            )
            for message in answer.get("Messages", [])
        ]

    def delete(self, messages: Sequence[Message]) -> list[Message]:
        """The messages that could not be deleted, and so come again."""
        left = list(messages)
        for _ in range(_TRIES):
            left = [message for some in _batches(left) for message in self._not_deleted(some)]
        return left

    def hide(self, messages: Sequence[Message], seconds: int) -> None:
        """Let none of the messages come again within the time. One for which that fails may: it counts as a repetition."""
        for some in _batches(messages):
            with aws_failures(f"keeping messages of the queue {self.name}"):
                aws.sqs().change_message_visibility_batch(
                    QueueUrl=self.url,
                    Entries=[
                        {"Id": f"{n}", "ReceiptHandle": message.receipt, "VisibilityTimeout": seconds}
                        for n, message in enumerate(some)
                    ],
                )

    def send(self, messages: Sequence[Message]) -> list[Message]:
        """Send at most ten bodies. Returns the messages whose bodies are in the queue now."""
        with aws_failures(f"sending to the queue {self.name}"):
            answer = aws.sqs().send_message_batch(
                QueueUrl=self.url,
                Entries=[{"Id": f"{n}", "MessageBody": message.body} for n, message in enumerate(messages)],
            )
        return [messages[int(sent["Id"])] for sent in answer.get("Successful", [])]

    def _not_deleted(self, messages: Sequence[Message]) -> list[Message]:
        with aws_failures(f"deleting from the queue {self.name}"):
            answer = aws.sqs().delete_message_batch(
                QueueUrl=self.url,
                Entries=[{"Id": f"{n}", "ReceiptHandle": m.receipt} for n, m in enumerate(messages)],
            )
        return [messages[int(failed["Id"])] for failed in answer.get("Failed", [])]


def redrive() -> int:
    """Put every dead letter back into the queue, and return their number. If it is killed, a message may be there twice."""
    dead, events = Queue(names.INBOX_DEAD_LETTERS), Queue(names.INBOX_EVENTS)
    put_back = 0
    while letters := dead.receive(wait_seconds=_REDRIVE_WAITS_SECONDS, hide_seconds=_REDRIVE_HIDES_SECONDS):
        sent = events.send(letters)
        dead.delete(sent)
        put_back += len(sent)
    return put_back


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), MOST_AT_ONCE):
        yield items[start : start + MOST_AT_ONCE]
