"""The offline store: which files there are, how long to wait for rows, and what was known when."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local import resource_kinds, resources
from local.aws_resources import create_feature_group
from tasks.errors import DataError, SystemFault
from tasks.features import gold_features, offline, online
from tasks.features.feature_group import described
from tasks.features.ingesting import ingest
from tasks.services import aws, objects
from tests.tasks.features.conftest import DAY, row
from tests.tasks.features.point_in_time import known_at

WEEK = timedelta(days=7)
SOON = timedelta(seconds=0.5)
GROUP = resources.CUSTOMER_FEATURES.name


def moment(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


def test_files_of_a_time_range(store: Any) -> None:
    for at in ("2026-11-22T00:00:00Z", "2026-11-28T23:59:59Z", "2026-11-29T00:00:00Z"):
        online.put(GROUP, {"customer_id": "c1", "event_time": at})
    deadline = time.monotonic() + 10
    while len(offline.files(moment(1), moment(30))) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    objects.write(f"{described().location}/year=2026/month=11/day=22/hour=00/_SUCCESS", b"")

    def hours(since: datetime, until: datetime) -> list[str]:
        return [address.partition("/data/")[2].rpartition("/")[0] for address in offline.files(since, until)]

    day = "year=2026/month=11/day="
    assert hours(moment(1), moment(30)) == [f"{day}22/hour=00", f"{day}28/hour=23", f"{day}29/hour=00"]
    assert hours(moment(22), moment(29)) == [f"{day}22/hour=00", f"{day}28/hour=23"]
    assert hours(moment(28, 23) + timedelta(minutes=30), moment(29)) == [f"{day}28/hour=23"]
    assert hours(moment(23), moment(28)) == []


def test_what_does_not_come_is_an_error_that_names_it(
    gold: Callable[..., None], store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gold([row("c1"), row("c2"), row("c3"), row("c4", is_deleted=True)])
    store.put_record(
        FeatureGroupName=GROUP,
        Record=[
            {"FeatureName": "customer_id", "ValueAsString": "c2"},
            {"FeatureName": "event_time", "ValueAsString": "2026-11-29T00:00:00Z"},
        ],
    )
    with pytest.raises(
        SystemFault, match=r"lacks 1 of 2 customers of 2026-11-29 after 0 minutes, such as c1"
    ) as late:
        offline.wait_until_shown(DAY, gold_features.snapshot(), {"c3"}, limit=2 * SOON, every=(0.1, 0.1))
    assert "AWS writes within 15 minutes" in str(late.value)


def test_a_customer_that_came_to_gold_meanwhile_is_not_waited_for(gold: Callable[..., None]) -> None:
    gold([row("c1")])
    done = ingest(DAY)
    gold([row("c1"), row("c2")])
    assert offline.wait_until_shown(DAY, done.snapshot, done.refused) == 1
    with pytest.raises(SystemFault, match="lacks 1 of 2 customers"):
        offline.wait_until_shown(DAY, gold_features.snapshot(), limit=SOON, every=(0.1, 0.1))


def test_a_blocked_store_is_named(
    gold: Callable[..., None], store: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gold([row("c1")])
    aws.sagemaker().delete_feature_group(FeatureGroupName=GROUP)
    elsewhere = resource_kinds.FeatureGroup(
        **{**vars(resources.CUSTOMER_FEATURES), "location": "s3://no-such-bucket/features"}
    )
    create_feature_group(aws.sagemaker(), elsewhere)
    online.put(GROUP, {"customer_id": "c1", "event_time": "2026-11-29T00:00:00Z"})
    monkeypatch.setattr(offline.objects, "listed", lambda _: iter(()))
    with pytest.raises(SystemFault, match=r"SageMaker says that it is blocked: .*NoSuchBucket"):
        offline.wait_until_shown(DAY, gold_features.snapshot(), limit=4 * SOON, every=(0.1, 0.1))


def test_a_file_that_is_none_of_the_stores(gold: Callable[..., None]) -> None:
    gold([row("c1")])
    address = f"{described().location}/year=2026/month=11/day=29/hour=00/x.parquet"
    objects.write(address, b"no Parquet")
    with pytest.raises(DataError, match=r"x\.parquet is no file of the offline store"):
        ingest(DAY)


def test_what_was_known_then(gold: Callable[..., None], written: Callable[[], list[dict[str, Any]]]) -> None:
    """A backfill is written today: nobody knew of it at the origin."""
    before = DAY - WEEK
    gold([row("c1", orders=2), row("c1", day=before, orders=1), row("c2", orders=9)])
    ingest(DAY)
    ingest(before)
    offline.wait_until_shown(DAY, gold_features.snapshot())
    offline.wait_until_shown(before, gold_features.snapshot())

    rows = written()
    origin = moment(29)
    long = datetime.now(UTC) - origin + timedelta(days=1)
    assert {id_: known["orders"] for id_, known in known_at(rows, origin, long).items()} == {"c1": 2, "c2": 9}
    assert {id_: known["orders"] for id_, known in known_at(rows, origin - WEEK, long + WEEK).items()} == {
        "c1": 1
    }
    earliest = min(found["write_time"] for found in rows)
    assert known_at(rows, origin, earliest - origin - timedelta(seconds=1)) == {}


def test_of_two_rows_of_one_event_the_first_written_counts() -> None:
    def found(event: str, written: int, orders: int | None, is_deleted: bool = False) -> dict[str, Any]:
        at = moment(29, written)
        return {
            "customer_id": "c1",
            "event_time": f"2026-11-{event}T00:00:00Z",
            "orders": orders,
            "write_time": at,
            "api_invocation_time": at,
            "is_deleted": is_deleted,
        }

    rows = [found("28", 5, 3), found("28", 2, 2), found("27", 1, 1), found("29", 9, None, is_deleted=True)]
    within = timedelta(days=2)

    def orders(origin: datetime, known_within: timedelta = within) -> int | None:
        known = known_at(rows, origin, known_within)
        return known["c1"]["orders"] if known else None

    assert orders(moment(28)) == 2, "not what a later write changed"
    assert orders(moment(28, 23)) == 2
    assert orders(moment(28), timedelta(days=1, hours=1)) == 1, "the row of the 28th was not known yet"
    assert orders(moment(27), timedelta(days=2, hours=1)) == 1
    assert orders(moment(29)) is None, "deleted"
    assert orders(moment(29), timedelta(hours=8)) == 2, "the deletion was not known yet"
