"""What is read from the messages, against events in AWS's own words and in those of the local cloud."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.inbox_events import Message, ObjectVersion, UnreadableMessage, batch_of, version_to_read

BUCKET = "highwater-inbox"
KEYS = st.text(min_size=1, max_size=40).map("inbox/".__add__)
VERSIONS = st.sampled_from(["v1", "v2", "v3"])


def event(key: str, version: str | None = "v1", **changed: Any) -> dict[str, Any]:
    """As in AWS's documentation of EventBridge's events of S3."""
    found = {
        "key": key,
        "size": 5,
        "etag": "b1946ac92492d2347c6235b4d2611184",
        "sequencer": "617f08299329d189",
    }
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2021-11-12T00:00:00Z",
        "region": "ca-central-1",
        "resources": [f"arn:aws:s3:::{BUCKET}"],
        "detail": {
            "version": "0",
            "bucket": {"name": BUCKET},
            "object": found | ({"version-id": version} if version else {}),
            "reason": "CompleteMultipartUpload",
        },
        **changed,
    }


def message(body: Any, receives: int = 1) -> Message:
    return Message("id", body if isinstance(body, str) else json.dumps(body), "receipt", receives)


def read(body: dict[str, Any]) -> ObjectVersion | None:
    return version_to_read(json.dumps(body), BUCKET)


def test_an_event_names_the_version_to_read() -> None:
    assert read(event("inbox/sales_20250111.csv")) == ObjectVersion("inbox/sales_20250111.csv", "v1")
    assert read(event("inbox/a.csv", version=None)) == ObjectVersion("inbox/a.csv", "617f08299329d189")


@pytest.mark.parametrize("key", ["inbox/a b+c%20é.csv", "inbox/%2B", "inbox/sub/x&y=z.csv", 'inbox/"1".csv'])
def test_a_key_is_taken_as_it_is(key: str) -> None:
    assert read(event(key)) == ObjectVersion(key, "v1")


@pytest.mark.parametrize(
    "unneeded",
    [
        event("history/sales/year=2025/month=01/day=11/sales_20250111.csv"),
        event("inbox"),
        event("inbox/"),
        event("inbox/sub/"),
        event("inbox/sales_20250111.csv.error.json"),
        {**event("inbox/a.csv"), "detail-type": "Object Tags Added"},
        {**event("inbox/a.csv"), "detail-type": "Object Deleted"},
    ],
    ids=lambda e: f"{e['detail-type']} {e['detail']['object']['key']}",
)
def test_an_event_of_no_file_needs_no_run(unneeded: dict[str, Any]) -> None:
    assert read(unneeded) is None


def test_an_event_of_another_bucket_needs_no_run() -> None:
    assert version_to_read(json.dumps(event("inbox/a.csv")), "elsewhere") is None


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "null",
        "7",
        '"text"',
        "[]",
        "{}",
        '{"Service": "Amazon S3", "Event": "s3:TestEvent"}',
        json.dumps({**event("inbox/a.csv"), "detail": {"bucket": {"name": BUCKET}}}),
        json.dumps(event("inbox/a.csv", detail={"bucket": [], "object": "x"})),
        json.dumps(event(7)),  # type: ignore[arg-type]
        json.dumps(event("inbox/\ud800")),
        "[" * 100_000,
    ],
    ids=lambda body: body[:60],
)
def test_what_is_no_event_is_unreadable(body: str) -> None:
    with pytest.raises(UnreadableMessage, match="not an S3 event of EventBridge"):
        version_to_read(body, BUCKET)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["detail", "detail-type", "bucket", "object", "key", "name", "version-id", "x"]
                ),
                inner,
            )
        ),
    )
)
def test_any_json_is_read_or_said_to_be_unreadable(body: Any) -> None:
    batch = batch_of([message(body)], BUCKET)
    assert len(batch.understood) + len(batch.unreadable) == 1


def test_the_messages_of_a_turn_by_what_becomes_of_them() -> None:
    messages = [
        message(event("inbox/b.csv", "v1")),
        message(event("inbox/a.csv", "v1")),
        message(event("inbox/b.csv", "v1")),
        message(event("inbox/b.csv", "v2")),
        message(event("inbox/old.csv", "v9")),
        message(event("inbox/b.csv.error.json")),
        message("poison"),
    ]

    batch = batch_of(messages, BUCKET, started=[ObjectVersion("inbox/old.csv", "v9")])

    assert batch.keys == ["inbox/a.csv", "inbox/b.csv"]
    assert batch.understood == messages[:6]
    assert (batch.repeated, batch.unneeded) == (2, 1)
    assert [left.body for left, _ in batch.unreadable] == ["poison"]


@given(st.lists(st.tuples(KEYS, VERSIONS), min_size=1, max_size=6), st.randoms())
def test_one_set_of_versions_is_one_run_in_any_order_and_number(
    pairs: list[tuple[str, str]], random: Any
) -> None:
    again = [*pairs, random.choice(pairs)]
    random.shuffle(again)
    first, second = (batch_of([message(event(*pair)) for pair in some], BUCKET) for some in (pairs, again))
    assert first.idempotency_key == second.idempotency_key
    assert first.keys == second.keys


@given(st.sets(st.tuples(KEYS, VERSIONS), max_size=4), st.sets(st.tuples(KEYS, VERSIONS), max_size=4))
def test_other_versions_are_another_run(one: set[tuple[str, str]], other: set[tuple[str, str]]) -> None:
    first, second = (batch_of([message(event(*pair)) for pair in some], BUCKET) for some in (one, other))
    assert (first.idempotency_key == second.idempotency_key) == (first.versions == second.versions)
