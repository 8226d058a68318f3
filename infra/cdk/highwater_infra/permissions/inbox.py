"""Who reads and moves what partners deliver, and who hears of it."""

from __future__ import annotations

from typing import Final

from deployments import names
from highwater_infra.buckets import bucket_arn
from highwater_infra.permissions.statement import (
    Statement,
    alerting,
    arn,
    listing,
    metrics,
    objects,
    use_of_key,
)

_ARRIVED, _DONE = "inbox", "history"
_KEYS: Final = "partners name folders and files; the prefix is the boundary"


def flow_run() -> list[Statement]:
    """Copies the version that it read, with its tags, to history/ and deletes it. What was wrong is said beside it."""
    said_beside = [f"{bucket_arn(names.INBOX)}/{_ARRIVED}/*.error.json"]
    return [
        *_reading(),
        Statement(
            ["s3:PutObject", "s3:AbortMultipartUpload"],
            [*objects(names.INBOX, _DONE), *said_beside],
            because=_KEYS,
        ),
        # S3 refuses the copy of an object that has tags to whoever may not read and write them.
        Statement(
            ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"],
            objects(names.INBOX, _ARRIVED),
            because=_KEYS,
        ),
        Statement(["s3:PutObjectTagging"], objects(names.INBOX, _DONE), because=_KEYS),
        Statement(["s3:DeleteObjectVersion"], objects(names.INBOX, _ARRIVED), because=_KEYS),
        Statement(["s3:DeleteObject"], said_beside, because=_KEYS),
    ]


def listener(key_arn: str) -> list[Statement]:
    return [
        use_of_key(key_arn),
        Statement(
            [
                "sqs:GetQueueUrl",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:ChangeMessageVisibility",
            ],
            [arn("sqs", names.INBOX_EVENTS)],
        ),
        Statement(["dynamodb:GetItem", "dynamodb:PutItem"], [arn("dynamodb", f"table/{names.LEDGER}")]),
        *alerting(),
        metrics(names.RUNS_NAMESPACE),
    ]


def operator() -> list[Statement]:
    """Looks at what was delivered, and gives dead letters to the listener once more."""
    return [
        *_reading(),
        Statement(
            ["sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:DeleteMessage"],
            [arn("sqs", names.INBOX_DEAD_LETTERS)],
        ),
        Statement(
            ["sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:SendMessage"],
            [arn("sqs", names.INBOX_EVENTS)],
        ),
    ]


def _reading() -> list[Statement]:
    return [
        Statement(["s3:GetBucketVersioning"], [bucket_arn(names.INBOX)]),
        listing(names.INBOX, _ARRIVED, _DONE, actions=["s3:ListBucket", "s3:ListBucketVersions"]),
        Statement(
            ["s3:GetObject", "s3:GetObjectVersion"], objects(names.INBOX, _ARRIVED, _DONE), because=_KEYS
        ),
    ]
