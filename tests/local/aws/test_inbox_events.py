"""What of an upload arrives in the queue of the inbox, in the words in which the local EventBridge says it."""

from __future__ import annotations

import json
import time
from typing import Any

import boto3
import pytest

from local import resource_kinds, resources
from local.aws.server import REGION, LocalAws
from local.aws_resources import create_bucket
from local.message_resources import create_message_resources
from tests.local.aws.conftest import client

INBOX = resources.INBOX.name
PART = b"x" * 5 * 1024 * 1024


@pytest.fixture(scope="module")
def s3(aws: LocalAws) -> Any:
    made = client(aws, "s3")
    create_bucket(made, resources.INBOX)
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION)
    create_message_resources(session, aws.url)
    return made


@pytest.fixture(scope="module")
def sqs(aws: LocalAws, s3: Any) -> Any:
    return client(aws, "sqs")


def url_of(sqs: Any, queue: resource_kinds.Queue) -> str:
    url: str = sqs.get_queue_url(QueueName=queue.name)["QueueUrl"]
    return url


def arrived(sqs: Any, queue: resource_kinds.Queue = resources.INBOX_EVENTS) -> list[dict[str, Any]]:
    url, events = url_of(sqs, queue), []
    while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        events += [json.loads(message["Body"]) for message in got]
        for message in got:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return events


def versions(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(e["detail"]["object"]["key"], e["detail"]["object"]["version-id"]) for e in events]


def test_an_upload_is_an_event_that_names_its_version(s3: Any, sqs: Any) -> None:
    put = s3.put_object(Bucket=INBOX, Key="inbox/sales_20250111.csv", Body=b"abc")

    (event,) = arrived(sqs)

    assert (event["source"], event["detail-type"]) == ("aws.s3", "Object Created")
    assert event["detail"]["bucket"] == {"name": "highwater-inbox"}
    assert versions([event]) == [("inbox/sales_20250111.csv", put["VersionId"])]
    assert event["detail"]["object"]["size"] == 3


def test_three_words_of_an_event_are_not_those_of_aws(s3: Any, sqs: Any) -> None:
    """AWS says `etag`, the name of the operation, and a greater sequencer for the later event of a key."""
    for _ in range(2):
        put = s3.put_object(Bucket=INBOX, Key="inbox/a.csv", Body=b"abc")

    details = [event["detail"] for event in arrived(sqs)]

    assert [d["object"]["eTag"] for d in details] == [put["ETag"].strip('"')] * 2
    assert {d["reason"] for d in details} == {"ObjectCreated"}
    assert len({d["object"]["sequencer"] for d in details}) == 1


def test_a_key_arrives_as_it_is(s3: Any, sqs: Any) -> None:
    """EventBridge encodes nothing, other than S3's own notifications: who decodes loses `+` and `%20`."""
    keys = ["inbox/a b+c%20é.csv", "inbox/%2B.csv", 'inbox/"1".csv', "inbox/sub/ü=1&2.csv"]
    for key in keys:
        s3.put_object(Bucket=INBOX, Key=key, Body=b"x")

    assert [key for key, _ in versions(arrived(sqs))] == keys


def test_a_multipart_upload_is_two_events_of_one_version(s3: Any, sqs: Any) -> None:
    target = {"Bucket": INBOX, "Key": "inbox/large.csv"}
    upload = {**target, "UploadId": s3.create_multipart_upload(**target)["UploadId"]}
    parts = [
        {"PartNumber": n, "ETag": s3.upload_part(**upload, PartNumber=n, Body=PART)["ETag"]} for n in (1, 2)
    ]
    assert arrived(sqs) == []
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})

    assert versions(arrived(sqs)) == [("inbox/large.csv", done["VersionId"])] * 2


def test_a_copy_is_an_event_and_what_is_no_new_file_is_none(s3: Any, sqs: Any) -> None:
    s3.put_object(Bucket=INBOX, Key="history/sales/a.csv", Body=b"x")
    copy = s3.copy_object(
        Bucket=INBOX, Key="inbox/b.csv", CopySource={"Bucket": INBOX, "Key": "history/sales/a.csv"}
    )
    s3.put_object_tagging(Bucket=INBOX, Key="inbox/b.csv", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.delete_object(Bucket=INBOX, Key="inbox/b.csv")

    assert versions(arrived(sqs)) == [("inbox/b.csv", copy["VersionId"])]


def test_what_was_received_three_times_is_a_dead_letter(sqs: Any) -> None:
    url = url_of(sqs, resources.INBOX_EVENTS)
    sqs.send_message(QueueUrl=url, MessageBody='{"poison": 1}')

    receives = []
    for _ in range(4):
        receives.append(len(sqs.receive_message(QueueUrl=url, VisibilityTimeout=1).get("Messages", [])))
        time.sleep(1.1)

    assert receives == [1, 1, 1, 0]
    assert arrived(sqs, resources.INBOX_DEAD_LETTERS) == [{"poison": 1}]
