"""The runtime of the feature store: what it serves, what it refuses, and what ends up in the offline store."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.aws.server import LocalAws
from tests.local.aws.conftest import LAKE, ROLE, client

DAY = "2026-11-29T00:00:00Z"
FEATURES = {"customer_id": "String", "event_time": "String", "orders": "Integral", "share": "Fractional"}
STORES = {
    "OnlineStoreConfig": {"EnableOnlineStore": True},
    "OfflineStoreConfig": {
        "S3StorageConfig": {"S3Uri": f"s3://{LAKE}/features"},
        "DisableGlueTableCreation": True,
    },
}


@pytest.fixture(scope="session")
def runtime(aws: LocalAws) -> Any:
    return client(aws, "sagemaker-featurestore-runtime")


@pytest.fixture
def create(sagemaker: Any) -> Callable[..., str]:
    def create(features: Mapping[str, str] = FEATURES, **request: Any) -> str:
        name = request.pop("FeatureGroupName", f"g-{time.monotonic_ns()}")
        left_out = request.pop("without", ())
        whole = {
            "FeatureGroupName": name,
            "RecordIdentifierFeatureName": "customer_id",
            "EventTimeFeatureName": "event_time",
            "FeatureDefinitions": [
                {"FeatureName": name, "FeatureType": kind} for name, kind in features.items()
            ],
            "RoleArn": ROLE,
            **STORES,
            **request,
        }
        sagemaker.create_feature_group(**{name: it for name, it in whole.items() if name not in left_out})
        return name

    return create


@pytest.fixture
def group(create: Callable[..., str]) -> str:
    return create()


@pytest.fixture
def put(runtime: Any, group: str) -> Callable[..., None]:
    def put(
        customer: str = "c1", event_time: str = DAY, into: Mapping[str, Any] | None = None, **values: str
    ) -> None:
        whole = {"customer_id": customer, "event_time": event_time, **values}
        runtime.put_record(FeatureGroupName=group, Record=record(whole), **(into or {}))

    return put


@pytest.fixture
def get(runtime: Any, group: str) -> Callable[..., dict[str, str] | None]:
    def get(customer: str = "c1", **wanted: Any) -> dict[str, str] | None:
        answer = runtime.get_record(FeatureGroupName=group, RecordIdentifierValueAsString=customer, **wanted)
        return shown(answer["Record"]) if "Record" in answer else None

    return get


@pytest.fixture
def delete(runtime: Any, group: str) -> Callable[..., None]:
    def delete(event_time: str, mode: str = "SoftDelete", customer: str = "c1") -> None:
        runtime.delete_record(
            FeatureGroupName=group,
            RecordIdentifierValueAsString=customer,
            EventTime=event_time,
            DeletionMode=mode,
        )

    return delete


@pytest.fixture
def offline(s3: Any, sagemaker: Any, group: str) -> Callable[..., list[dict[str, Any]]]:
    """Waits for so many rows of the group in the offline store, and gives them with their key."""

    def read(rows: int, seconds: float = 10) -> list[dict[str, Any]]:
        config = sagemaker.describe_feature_group(FeatureGroupName=group)["OfflineStoreConfig"]
        folder = config["S3StorageConfig"]["ResolvedOutputS3Uri"].removeprefix(f"s3://{LAKE}/")
        deadline = time.monotonic() + seconds
        while len(found := _rows(s3, folder)) < rows:
            assert time.monotonic() < deadline, f"{len(found)} of {rows} rows after {seconds} s"
            time.sleep(0.05)
        return found

    return read


def _rows(s3: Any, folder: str) -> list[dict[str, Any]]:
    return [
        {**row, "key": item["Key"].removeprefix(f"{folder}/")}
        for item in s3.list_objects_v2(Bucket=LAKE, Prefix=f"{folder}/").get("Contents", [])
        for row in pq.read_table(
            io.BytesIO(s3.get_object(Bucket=LAKE, Key=item["Key"])["Body"].read())
        ).to_pylist()
    ]


def record(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"FeatureName": name, "ValueAsString": value} for name, value in values.items()]


def shown(values: list[dict[str, str]]) -> dict[str, str]:
    return {value["FeatureName"]: value["ValueAsString"] for value in values}


def test_a_record_is_served_at_once_and_lands_in_the_offline_store(
    put: Callable[..., None], get: Callable[..., Any], offline: Callable[..., Any], sagemaker: Any, group: str
) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    put(event_time="2026-11-29T03:04:05.678Z", orders="7", share="0.25")

    whole = {"customer_id": "c1", "event_time": "2026-11-29T03:04:05.678Z", "orders": "7", "share": "0.25"}
    assert get() == whole
    assert get(FeatureNames=["share", "orders"]) == {"share": "0.25", "orders": "7"}
    assert get("nobody") is None

    (row,) = offline(1)
    key, written, invoked = (row.pop(name) for name in ("key", "write_time", "api_invocation_time"))
    assert row == {**whole, "orders": 7, "share": 0.25, "is_deleted": False}
    assert before <= invoked <= written <= datetime.now(UTC)
    assert re.fullmatch(r"year=2026/month=11/day=29/hour=03/20261129T030405Z_[a-zA-Z0-9]{16}\.parquet", key)
    described = sagemaker.describe_feature_group(FeatureGroupName=group)
    assert described["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"] == (
        f"s3://{LAKE}/features/123456789012/sagemaker/ap-south-1/offline-store/"
        f"{group}-{int(described['CreationTime'].timestamp())}/data"
    )
    assert (described["FeatureGroupStatus"], described["OfflineStoreStatus"]) == (
        "Created",
        {"Status": "Active"},
    )


def test_the_latest_event_is_served_whatever_the_order_of_writes(
    put: Callable[..., None], get: Callable[..., Any], offline: Callable[..., Any]
) -> None:
    put(event_time="2026-11-22T00:00:00Z", orders="2", share="0.5")
    put(event_time="2026-11-15T00:00:00Z", orders="1")
    assert get() == {
        "customer_id": "c1",
        "event_time": "2026-11-22T00:00:00Z",
        "orders": "2",
        "share": "0.5",
    }
    put(event_time="2026-11-22T00:00:00Z", orders="3")  # of one event time, the last write counts, as a whole
    assert get() == {"customer_id": "c1", "event_time": "2026-11-22T00:00:00Z", "orders": "3"}

    rows = offline(3)
    assert sorted((row["event_time"][:10], row["orders"], row["share"]) for row in rows) == [
        ("2026-11-15", 1, None),
        ("2026-11-22", 2, 0.5),
        ("2026-11-22", 3, None),
    ]
    assert {row["key"].rpartition("/")[0] for row in rows} == {
        "year=2026/month=11/day=15/hour=00",
        "year=2026/month=11/day=22/hour=00",
    }


def test_a_soft_delete_needs_a_later_event_and_so_does_what_comes_after_it(
    put: Callable[..., None],
    get: Callable[..., Any],
    delete: Callable[..., None],
    offline: Callable[..., Any],
) -> None:
    put(event_time="2026-11-22T00:00:00Z", orders="2")
    delete("2026-11-22T00:00:00Z")
    assert get() is not None, "an event of the same time deletes nothing"
    delete("2026-11-22T00:00:01Z")
    assert get() is None
    put(event_time="2026-11-22T00:00:01Z", orders="3")
    assert get() is None
    put(event_time="2026-11-22T00:00:02Z", orders="4")
    assert get() == {"customer_id": "c1", "event_time": "2026-11-22T00:00:02Z", "orders": "4"}

    marks = [row for row in offline(5) if row["is_deleted"]]
    assert sorted(row["event_time"] for row in marks) == ["2026-11-22T00:00:00Z", "2026-11-22T00:00:01Z"]
    assert {(row["customer_id"], row["orders"], row["share"]) for row in marks} == {("c1", None, None)}


def test_a_hard_delete_is_refused_if_it_is_not_later_and_leaves_nothing(
    put: Callable[..., None],
    get: Callable[..., Any],
    delete: Callable[..., None],
    offline: Callable[..., Any],
) -> None:
    put(event_time="2026-11-22T00:00:00Z", orders="2")
    with pytest.raises(
        ClientError, match=r"\(ValidationError\).*EventTime: 2026-11-22T00:00:00Z is not later"
    ):
        delete("2026-11-22T00:00:00Z", mode="HardDelete")
    assert get() is not None
    delete("2026-11-23T00:00:00Z", mode="HardDelete")
    assert get() is None
    put(event_time="2026-11-15T00:00:00Z", orders="1")
    assert get() == {"customer_id": "c1", "event_time": "2026-11-15T00:00:00Z", "orders": "1"}

    assert [row["is_deleted"] for row in offline(3)].count(True) == 1, "the refused one left no mark"


WRITES = st.lists(st.tuples(st.sampled_from(["put", "soft"]), st.integers(0, 4)), max_size=12)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=WRITES)
def test_any_order_of_writes(
    runtime: Any, put: Callable[..., None], get: Callable[..., Any], delete: Callable[..., None], writes: Any
) -> None:
    """A model in plain Python: the writes in the order of their events; of one event time the delete wins."""
    customer = f"c{time.monotonic_ns()}"
    for number, (what, day) in enumerate(writes):
        at = f"2026-11-1{day}T00:00:00Z"
        if what == "put":
            put(customer, at, orders=str(number))
        else:
            delete(at, customer=customer)

    expected: tuple[int, str | None] | None = None
    for number, (what, day) in enumerate(writes):
        is_first = expected is None
        known_day, known = expected or (-1, None)
        is_over_a_put = known is not None
        if is_first or day > known_day or (day == known_day and what == "put" and is_over_a_put):
            expected = (day, str(number) if what == "put" else None)
    found = get(customer)
    assert (found and found["orders"]) == (expected and expected[1])


def test_writers_at_once_leave_the_latest_and_lose_nothing(
    put: Callable[..., None], get: Callable[..., Any], offline: Callable[..., Any]
) -> None:
    events = [(f"c{customer}", hour) for customer in range(20) for hour in range(10)]
    with ThreadPoolExecutor(8) as threads:
        list(
            threads.map(
                lambda event: put(event[0], f"2026-11-29T{event[1]:02}:00:00Z", orders=str(event[1])),
                sorted(events, key=lambda event: hash(event)),
            )
        )

    assert {get(f"c{customer}")["orders"] for customer in range(20)} == {"9"}
    rows = offline(200)
    assert sorted((row["customer_id"], row["orders"]) for row in rows) == sorted(events)
    assert len({row["key"] for row in rows}) < 60, "rows are written together"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"age": "7"}, "The feature age is not defined in FeatureGroup"),
        ({"orders": "7.5"}, "'7.5' of orders is not of the type Integral"),
        ({"orders": ""}, "'' of orders is not of the type Integral"),
        ({"orders": str(2**63)}, "of orders is not of the type Integral"),
        ({"share": "half"}, "'half' of share is not of the type Fractional"),
        ({"share": "NaN"}, "'NaN' of share is not of the type Fractional"),
        ({"event_time": "2026-11-29"}, "The event time event_time is '2026-11-29'"),
        ({"event_time": "2026-11-29T00:00:00+05:30"}, "The event time event_time is"),
        ({"event_time": "2026-13-29T00:00:00Z"}, "The event time event_time is"),
        ({"event_time": "1790000000"}, "The event time event_time is"),
        ({"event_time": ""}, "has no value of event_time"),
        ({"customer_id": ""}, "has no value of customer_id"),
    ],
)
def test_what_is_no_record_is_refused(
    runtime: Any, group: str, get: Callable[..., Any], values: dict[str, str], why: str
) -> None:
    whole = {"customer_id": "c1", "event_time": DAY, **values}
    with pytest.raises(ClientError, match=re.escape(why)) as refusal:
        runtime.put_record(FeatureGroupName=group, Record=record(whole))
    assert refusal.value.response["Error"]["Code"] == "ValidationError"
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert get() is None


def test_a_feature_given_twice_or_left_out(runtime: Any, group: str) -> None:
    with pytest.raises(ClientError, match="The feature event_time is given twice"):
        runtime.put_record(
            FeatureGroupName=group,
            Record=record({"customer_id": "c1", "event_time": DAY}) + record({"event_time": DAY}),
        )
    with pytest.raises(ClientError, match="has no value of event_time"):
        runtime.put_record(FeatureGroupName=group, Record=record({"customer_id": "c1"}))


def test_an_event_time_in_seconds(create: Callable[..., str], runtime: Any) -> None:
    group = create({**FEATURES, "event_time": "Fractional"})
    for at, orders in (("1790000000.5", "2"), ("1.79e9", "1")):
        runtime.put_record(
            FeatureGroupName=group, Record=record({"customer_id": "c1", "event_time": at, "orders": orders})
        )
    found = runtime.get_record(FeatureGroupName=group, RecordIdentifierValueAsString="c1")
    assert shown(found["Record"]) == {"customer_id": "c1", "event_time": "1790000000.5", "orders": "2"}
    with pytest.raises(ClientError, match="The event time event_time is '1e300'"):
        runtime.put_record(
            FeatureGroupName=group, Record=record({"customer_id": "c1", "event_time": "1e300"})
        )


def test_an_unknown_group(runtime: Any, sagemaker: Any) -> None:
    """On AWS a read has ResourceNotFound, and a write ValidationError."""
    missing = "Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name nowhere"
    with pytest.raises(ClientError, match=missing) as read:
        runtime.get_record(FeatureGroupName="nowhere", RecordIdentifierValueAsString="c1")
    assert read.value.response["Error"]["Code"] == "ResourceNotFound"
    assert read.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    with pytest.raises(ClientError, match=missing) as write:
        runtime.put_record(
            FeatureGroupName="nowhere", Record=record({"customer_id": "c1", "event_time": DAY})
        )
    assert write.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError, match="ResourceNotFound"):
        sagemaker.describe_feature_group(FeatureGroupName="nowhere")


def test_records_in_a_batch(
    runtime: Any, group: str, put: Callable[..., None], delete: Callable[..., None]
) -> None:
    for customer in ("c1", "c2", "c3"):
        put(customer, orders="7")
    delete("2026-11-30T00:00:00Z", customer="c2")

    found = runtime.batch_get_record(
        Identifiers=[
            {
                "FeatureGroupName": group,
                "RecordIdentifiersValueAsString": ["c1", "c2", "c3", "c4"],
                "FeatureNames": ["event_time"],
            },
            {"FeatureGroupName": "nowhere", "RecordIdentifiersValueAsString": ["c1"]},
        ]
    )

    of = [{"FeatureName": "event_time", "ValueAsString": DAY}]
    assert [(r["RecordIdentifierValueAsString"], r["Record"]) for r in found["Records"]] == [
        ("c1", of),
        ("c3", of),
    ]
    assert [(e["FeatureGroupName"], e["ErrorCode"]) for e in found["Errors"]] == [
        ("nowhere", "ResourceNotFound")
    ]
    assert found["UnprocessedIdentifiers"] == []
    with pytest.raises(ClientError, match="has no features age"):
        runtime.get_record(FeatureGroupName=group, RecordIdentifierValueAsString="c1", FeatureNames=["age"])


def test_one_store_alone(
    runtime: Any, create: Callable[..., str], put: Callable[..., None], get: Callable[..., Any], offline: Any
) -> None:
    put("c1", into={"TargetStores": ["OfflineStore"]})
    assert get("c1") is None
    put("c2", into={"TargetStores": ["OnlineStore"]})
    assert get("c2") is not None
    put("c3")
    assert sorted(row["customer_id"] for row in offline(2)) == ["c1", "c3"]

    online_only = create(OfflineStoreConfig={**STORES["OfflineStoreConfig"]}, OnlineStoreConfig={})
    with pytest.raises(ClientError, match=f"FeatureGroup {online_only} has no OnlineStore"):
        runtime.get_record(FeatureGroupName=online_only, RecordIdentifierValueAsString="c1")


def test_a_record_expires(
    runtime: Any, group: str, put: Callable[..., None], get: Callable[..., Any]
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    hour = {"TtlDuration": {"Unit": "Hours", "Value": 1}}
    put("c1", f"{now:%Y-%m-%dT%H:%M:%SZ}", into=hour)
    put("c2", f"{now - timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}", into=hour)

    found = runtime.get_record(
        FeatureGroupName=group, RecordIdentifierValueAsString="c1", ExpirationTimeResponse="Enabled"
    )
    assert found["ExpiresAt"] == f"{now + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    assert get("c2") is None


def test_a_group_is_named_by_its_arn_too(
    runtime: Any, sagemaker: Any, group: str, put: Callable[..., None]
) -> None:
    put("c1")
    arn = sagemaker.describe_feature_group(FeatureGroupName=group)["FeatureGroupArn"]
    found = runtime.get_record(FeatureGroupName=arn, RecordIdentifierValueAsString="c1")
    assert shown(found["Record"])["customer_id"] == "c1"


def test_what_is_not_there_is_refused(runtime: Any, group: str) -> None:
    with pytest.raises(
        ClientError, match=r"the local feature store has no BatchWriteRecord: see docs/parity\.md"
    ):
        runtime.batch_write_record(
            Entries=[{"FeatureGroupName": group, "Record": record({"customer_id": "c1", "event_time": DAY})}]
        )
    with pytest.raises(ClientError, match="the local feature store has no ListRecords"):
        runtime.list_records(FeatureGroupName=group)
