"""Rows of gold become records, each (customer, event time) once, whatever is killed, lost or done twice."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from contracts.shop.customer_features import FEATURES
from local import resources
from tasks.errors import DataError, SystemFault, TransientError, Uncertain
from tasks.features import gold_features, ingesting, offline, online
from tasks.features.ingesting import Ingested, ingest
from tasks.services import aws
from tests.tasks.features.conftest import DAY, row
from tests.tasks.lost_answers import lost

AT = "2026-11-29T00:00:00Z"
GROUP = resources.CUSTOMER_FEATURES.name
WEEK = timedelta(days=7)
Rows = Callable[[], list[dict[str, Any]]]


def figures(done: Ingested) -> tuple[int, int, int, int, int]:
    assert done.rows_in == done.put + done.already_there + done.deleted + len(done.refused)
    return done.rows_in, done.put, done.already_there, done.deleted, len(done.refused)


def of_day(rows: list[dict[str, Any]], at: str = AT) -> Counter[str]:
    return Counter(
        found["customer_id"] for found in rows if found["event_time"] == at and not found["is_deleted"]
    )


def test_a_row_is_served_and_written_with_its_values(
    gold: Callable[..., None], served: Callable[..., Any], written: Rows
) -> None:
    gold(
        [
            row(
                "c1",
                is_active=True,
                country="IN",
                orders=7,
                amount=Decimal("1234567890123456.70"),
                mean_gap_days=0.1,
                cancelled_rate=1 / 3,
            ),
            row("c1", day=DAY - WEEK, orders=6),
        ]
    )
    assert figures(ingest(DAY)) == (1, 1, 0, 0, 0)

    found = served("c1")
    assert {name: found[name] for name in ("customer_id", "event_time", "analysis_date", "orders")} == {
        "customer_id": "c1",
        "event_time": AT,
        "analysis_date": "2026-11-29",
        "orders": "7",
    }
    assert (found["is_active"], found["amount"], found["mean_gap_days"]) == (
        "1",
        "1234567890123456.70",
        "0.1",
    )
    assert float(found["cancelled_rate"]) == 1 / 3
    assert "region" not in found, "a null is left out"
    assert offline.wait_until_shown(DAY, gold_features.snapshot()) == 1
    (kept,) = written()
    assert set(kept) == {*FEATURES, "write_time", "api_invocation_time", "is_deleted"}
    assert (kept["is_active"], kept["orders"], kept["cancelled_rate"], kept["region"]) == (1, 7, 1 / 3, None)
    assert (kept["analysis_date"], kept["is_deleted"]) == ("2026-11-29", False)


def test_a_second_run_puts_nothing(
    gold: Callable[..., None], served: Callable[..., Any], written: Rows
) -> None:
    gold([row(f"c{i}", orders=i) for i in range(250)])
    assert figures(ingest(DAY)) == (250, 250, 0, 0, 0)
    gold([row(f"c{i}", orders=i + 1) for i in range(260)])  # gold was corrected meanwhile
    assert figures(ingest(DAY)) == (260, 10, 250, 0, 0)

    assert [served(f"c{i}")["orders"] for i in (0, 249, 250, 259)] == ["0", "249", "251", "260"]
    assert offline.wait_until_shown(DAY, gold_features.snapshot()) == 260
    assert of_day(written()) == Counter({f"c{i}": 1 for i in range(260)})


def test_a_backfill_is_written_once_and_not_served(
    gold: Callable[..., None], served: Callable[..., Any], written: Rows
) -> None:
    before = DAY - WEEK
    gold([row(f"c{i}", orders=2) for i in range(5)] + [row(f"c{i}", day=before, orders=1) for i in range(5)])
    assert figures(ingest(DAY)) == (5, 5, 0, 0, 0)
    assert figures(ingest(before)) == (5, 5, 0, 0, 0)
    assert offline.wait_until_shown(before, gold_features.snapshot()) == 5
    assert figures(ingest(before)) == (5, 0, 5, 0, 0), "the offline store says what is there"

    assert {served(f"c{i}")["orders"] for i in range(5)} == {"2"}
    assert of_day(written(), "2026-11-22T00:00:00Z") == Counter({f"c{i}": 1 for i in range(5)})


def test_a_deleted_customer_is_not_served_any_more(
    gold: Callable[..., None], served: Callable[..., Any], written: Rows
) -> None:
    before = DAY - WEEK
    gold([row("gone", day=before, orders=1), row("stays", day=before), row("never", is_deleted=True)])
    ingest(before)
    gold([row("gone", is_deleted=True), row("stays"), row("never", is_deleted=True)])
    for put, there in ((1, 0), (0, 1)):  # the second time nothing is left to delete
        assert figures(ingest(DAY)) == (3, put, there, 2, 0)
        assert served("gone") is None
    assert served("stays")["event_time"] == AT

    assert offline.wait_until_shown(DAY, gold_features.snapshot()) == 1, (
        "of the customers that are not deleted"
    )
    marks = [found for found in written() if found["is_deleted"]]
    assert [(found["customer_id"], found["event_time"], found["orders"]) for found in marks] == [
        ("gone", "2026-11-29T00:00:01Z", None)
    ]
    gold([row("gone", day=DAY + WEEK, orders=3)])
    assert figures(ingest(DAY + WEEK)) == (1, 1, 0, 0, 0)
    assert served("gone")["orders"] == "3"


def test_a_customer_deleted_after_the_days_record_was_put(
    gold: Callable[..., None], served: Callable[..., Any]
) -> None:
    gold([row("c1")])
    ingest(DAY)
    gold([row("c1", is_deleted=True)])
    assert figures(ingest(DAY)) == (1, 0, 0, 1, 0)
    assert served("c1") is None


def test_a_row_that_is_no_record_is_refused_with_its_reason(
    gold: Callable[..., None], served: Callable[..., Any]
) -> None:
    gold([row("c1", cancelled_rate=float("nan")), row("c2", region="x" * 400_000), row("c3")])
    done = ingest(DAY)
    assert figures(done) == (3, 1, 0, 0, 2)
    assert done.refused["c1"] == "cancelled_rate is nan, not a finite number"
    assert done.refused["c2"].startswith("Validation Error: The value of region has 400000 characters")
    assert (served("c1"), served("c2")) == (None, None)
    assert offline.wait_until_shown(DAY, gold_features.snapshot(), done.refused) == 1


def test_too_many_refusals_are_a_failure(gold: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingesting, "_REFUSED_AT_MOST", 1)
    gold([row(f"c{i}", gap_ratio=float("inf")) for i in range(2)])
    with pytest.raises(DataError, match=r"more than 1 rows of gold\.ml_features of 2026-11-29 are refused"):
        ingest(DAY)


def test_a_day_without_rows(gold: Callable[..., None]) -> None:
    with pytest.raises(DataError, match=r"gold\.ml_features has no rows of 2026-11-29"):
        ingest(DAY)
    gold([row("c1", day=DAY - WEEK)])
    with pytest.raises(DataError, match=r"gold\.ml_features has no rows of 2026-11-29"):
        ingest(DAY)


def test_a_group_that_is_not_the_contracts(store: Any, gold: Callable[..., None]) -> None:
    gold([row("c1")])
    aws.sagemaker().delete_feature_group(FeatureGroupName=GROUP)
    with pytest.raises(SystemFault, match="ResourceNotFound"):
        ingest(DAY)
    with pytest.raises(SystemFault, match="Resource Not Found: Amazon SageMaker can't find a FeatureGroup"):
        online.put(GROUP, {"customer_id": "c1", "event_time": AT})
    with pytest.raises(SystemFault, match=r"1 failed, the first is c1: ResourceNotFound"):
        online.event_times(GROUP, ["c1"])
    aws.sagemaker().create_feature_group(
        FeatureGroupName=GROUP,
        RecordIdentifierFeatureName="customer_id",
        EventTimeFeatureName="event_time",
        FeatureDefinitions=[
            {"FeatureName": name, "FeatureType": "String" if name == "orders" else kind}
            for name, kind in FEATURES.items()
            if name != "amount"
        ],
        OnlineStoreConfig={"EnableOnlineStore": True},
    )
    with pytest.raises(SystemFault, match=r"lacks features of the contract.*: amount, orders"):
        ingest(DAY)


def test_two_runs_at_once_leave_one_record_that_counts(
    gold: Callable[..., None], served: Callable[..., Any], written: Rows
) -> None:
    gold([row(f"c{i}", orders=i) for i in range(300)])
    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(lambda _: ingest(DAY, threads=4), range(2)))
    assert [d.rows_in for d in done] == [300, 300]
    assert sum(d.put for d in done) >= 300
    assert {served(f"c{i}")["orders"] == str(i) for i in range(300)} == {True}
    assert offline.wait_until_shown(DAY, gold_features.snapshot()) == 300
    values = {(found["customer_id"], found["orders"]) for found in written()}
    assert values == {(f"c{i}", i) for i in range(300)}


def test_a_lost_answer_is_a_repeated_row_of_which_the_first_counts(
    store: Any, gold: Callable[..., None], served: Callable[..., Any], written: Rows
) -> None:
    gold([row("c1", orders=7)])
    with lost(store, "PutRecord") as sent:
        assert figures(ingest(DAY)) == (1, 1, 0, 0, 0)
    assert len(sent) == 2
    deadline = time.monotonic() + 10
    while len(written()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [(found["customer_id"], found["orders"]) for found in written()] == [("c1", 7)] * 2
    assert served("c1")["orders"] == "7"


def test_what_aws_throttles_is_tried_again(
    store: Any, gold: Callable[..., None], served: Callable[..., Any]
) -> None:
    gold([row("c1", orders=7), row("c2", orders=8)])
    refusal = b'{"Message": "Rate exceeded"}'
    headers = {"x-amzn-ErrorType": "ThrottlingException"}
    with answered(store, "PutRecord", 3, 400, refusal, **headers) as throttled:
        assert figures(ingest(DAY, threads=2)) == (2, 2, 0, 0, 0)
    assert len(throttled) == 3
    assert [served(customer)["orders"] for customer in ("c1", "c2")] == ["7", "8"]


def test_what_was_not_processed_is_asked_for_again(store: Any, gold: Callable[..., None]) -> None:
    gold([row("c1"), row("c2")])
    assert figures(ingest(DAY)) == (2, 2, 0, 0, 0)
    wanted = {"FeatureGroupName": GROUP, "RecordIdentifiersValueAsString": ["c2", "c1"]}
    nothing = json.dumps({"Records": [], "Errors": [], "UnprocessedIdentifiers": [wanted]}).encode()
    with answered(store, "BatchGetRecord", 4, 200, nothing) as asked:
        assert online.event_times(GROUP, ["c1", "c2"]) == {"c1": AT, "c2": AT}
    assert len(asked) == 4
    with (
        answered(store, "BatchGetRecord", 5, 200, nothing),
        pytest.raises(TransientError, match="2 were not processed in 5 tries"),
    ):
        online.event_times(GROUP, ["c1", "c2"])


@contextmanager
def answered(
    store: Any, action: str, times: int, status: int, body: bytes, **headers: str
) -> Iterator[list[str]]:
    """The first requests of the action get this answer, as the local cloud gives none like it."""
    given: list[str] = []

    def answer(request: Any, **_: Any) -> AWSResponse | None:
        if len(given) >= times:
            return None
        given.append(action)
        response = AWSResponse(request.url, status, {"content-type": "application/json", **headers}, None)
        response._content = body
        return response

    event = f"before-send.sagemaker-featurestore-runtime.{action}"
    store.meta.events.register_first(event, answer)
    try:
        yield given
    finally:
        store.meta.events.unregister(event, answer)


def test_an_error_in_the_middle_and_a_second_run(
    gold: Callable[..., None], served: Callable[..., Any], written: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    gold([row(f"c{i}", orders=i) for i in range(500)])
    really, tickets = online.put, itertools.count()

    def put(group: str, record: Any) -> None:
        if next(tickets) >= 150:  # exactly so many get through, whatever the threads do
            raise Uncertain("the connection is gone")
        really(group, record)

    with monkeypatch.context() as broken:
        broken.setattr(online, "put", put)
        with pytest.raises(Uncertain, match="the connection is gone"):
            ingest(DAY, threads=2)
    done = ingest(DAY)
    assert figures(done) == (500, 350, 150, 0, 0)
    assert offline.wait_until_shown(DAY, gold_features.snapshot()) == 500
    assert of_day(written()) == Counter({f"c{i}": 1 for i in range(500)})
    assert {served(f"c{i}")["orders"] == str(i) for i in range(500)} == {True}


def test_a_killed_process_and_a_second_run(
    cloud: dict[str, str], gold: Callable[..., None], written: Rows
) -> None:
    gold([row(f"c{i}", orders=i) for i in range(1500)])
    program = (
        "from datetime import date; from tasks.features.ingesting import ingest; ingest(date(2026, 11, 29))"
    )
    killed = subprocess.Popen([sys.executable, "-c", program], env={**os.environ, **cloud})
    deadline = time.monotonic() + 120
    while len(written()) < 100:
        assert time.monotonic() < deadline
        assert killed.poll() is None, "it ended before it was killed"
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()

    done = ingest(DAY)
    assert done.rows_in == 1500
    assert done.put + done.already_there == 1500
    assert 100 <= done.already_there < 1500
    assert offline.wait_until_shown(DAY, gold_features.snapshot()) == 1500
    assert of_day(written()) == Counter({f"c{i}": 1 for i in range(1500)})
