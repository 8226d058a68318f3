"""Captured answers of both variants, held against what became of the customers."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.churn import churn_ab, churn_serving
from tasks.churn.churn_dataset import Dataset
from tasks.churn.churn_inputs import Inputs, origins
from tasks.errors import SystemFault
from tasks.runs.run import Run
from tasks.services import aws
from tasks.serving import captured, serving_page
from tasks.serving.ab_report import Part, as_json
from tasks.settings import settings

AS_OF = date(2026, 3, 1)
DAY = timedelta(days=1)
FIRST, SECOND, LAST = AS_OF - 81 * DAY, AS_OF - 74 * DAY, AS_OF - 71 * DAY
CHURNED = {
    FIRST: {1: True, 2: False, 3: True},
    SECOND: {1: False, 2: False, 5: True},
    LAST: {1: True, 2: True, 4: False},
}


@pytest.fixture(autouse=True)
def artifacts(empty_lake: None) -> None:
    where: Any = {"LocationConstraint": "ap-south-1"}
    aws.s3().create_bucket(Bucket=settings().artifacts_bucket, CreateBucketConfiguration=where)


def put(address: str, rows: pa.Table) -> str:
    body = io.BytesIO()
    pq.write_table(rows, body)
    bucket, key = aws.split(address)
    aws.s3().put_object(Bucket=bucket, Key=key, Body=body.getvalue())
    return address


def made(told: dict[date, dict[int, bool]]) -> Dataset:
    """Outcomes by customer_key; customer 1 is C1 in the scores."""
    files = []
    for day, churned in told.items():
        names = {
            "customer_key": list(churned),
            "customer_id": [f"C{key}" for key in churned],
            "as_of": pa.array([day] * len(churned), pa.date32()),
        }
        files.append(put(f"s3://highwater-lake/ml/churn_predictions/data/{day}.parquet", pa.table(names)))
    inputs = Inputs(AS_OF, 60, {}, (), origins(AS_OF, 60), predictions=tuple(files))
    figures = {"outcomes": [{"as_of": str(day), "rows": len(churned)} for day, churned in told.items()]}
    dataset = Dataset(inputs, "s3://highwater-lake/ml/churn_dataset/rows/a", figures, None)
    for day, churned in told.items():
        rows = pa.table({"customer_key": list(churned), "churned": list(churned.values())})
        put(f"{dataset.outcomes_of(day)}part-0.parquet", rows)
    return dataset


def answered(variant: str, day: date, hour: int, *answers: tuple[str, float], probe: bool = False) -> None:
    """What the endpoint would write of a request."""
    at = datetime.combine(day, time(hour, 30), UTC)
    predictions = [{"customer_id": customer, "probability": p} for customer, p in answers]
    output = {
        "observedContentType": "application/json",
        "mode": "OUTPUT",
        "data": json.dumps({"predictions": predictions}),
        "encoding": "JSON",
    }
    event = {"eventId": "1", "inferenceTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    line = {
        "captureData": {"endpointOutput": output},
        "eventMetadata": event | ({"inferenceId": "probe-1"} if probe else {}),
        "eventVersion": "0",
    }
    folder = f"{captured.captured_folder()}/{settings().endpoint}/{variant}/{at:%Y/%m/%d/%H}"
    bucket, key = aws.split(f"{folder}/{variant}-{answers[0][0]}-{probe}.jsonl")
    aws.s3().put_object(Bucket=bucket, Key=key, Body=json.dumps(line).encode())


def part(found: list[Part], variant: str) -> dict[str, Any]:
    return dict(as_json(found)[variant])


def test_an_answer_is_held_against_the_last_scoring_before_it() -> None:
    answered("champion", FIRST - DAY, 23, ("C1", 0.01))  # before it all
    answered("champion", FIRST, 0, ("C1", 0.9), ("C2", 0.3))  # churned, came back
    answered("champion", SECOND - DAY, 23, ("C3", 0.5))  # churned
    answered("champion", SECOND, 0, ("C1", 0.2))  # came back since the second scoring
    answered("champion", LAST - DAY, 12, ("C3", 0.5))  # nobody of the second scoring
    answered("champion", LAST, 12, ("C5", 0.5))  # nobody of the last scoring
    answered("champion", LAST + 6 * DAY, 23, ("C4", 0.1))  # came back
    answered("champion", LAST + 7 * DAY, 0, ("C1", 0.99))  # too late
    answered("champion", FIRST, 1, ("C1", 0.0), probe=True)
    answered("challenger", FIRST + DAY, 5, ("C2", 0.25), ("", 1.0))
    found = churn_ab.report(made(CHURNED))

    champion = part(found, "champion")
    assert (champion["n"], champion["churned"], champion["not_known_yet"]) == (5, 2, 2)
    assert champion["mean_probability"] == pytest.approx((0.9 + 0.3 + 0.5 + 0.2 + 0.1) / 5)
    assert champion["brier"] == pytest.approx((0.1**2 + 0.3**2 + 0.5**2 + 0.2**2 + 0.1**2) / 5)
    assert champion["auc"] == 1.0
    challenger = part(found, "challenger")
    assert (challenger["n"], challenger["brier"], challenger["not_known_yet"]) == (1, 0.25**2, 0)


def test_the_last_five_scorings_are_looked_at() -> None:
    days = [AS_OF - (70 + 7 * n) * DAY for n in range(6)]
    for day in days:
        answered("champion", day + DAY, 9, ("C1", 0.5))
    assert part(churn_ab.report(made({day: {1: True} for day in days})), "champion")["n"] == 5


def test_the_report_is_on_the_page_if_somebody_was_served(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr(serving_page, "create_table_artifact", lambda **table: shown.append(table))
    dataset = made(CHURNED)
    assert churn_serving.report_ab.fn(dataset) == churn_serving.report_ab.fn(made({})) == {}
    assert shown == []
    answered("challenger", FIRST, 3, ("C1", 0.75))
    assert churn_serving.report_ab.fn(dataset)["challenger"]["churned"] == 1
    (table,) = shown
    assert table["key"] == "churn-ab"
    assert {"figure": "mean_probability", "challenger": 0.75} in table["table"]


def test_a_line_that_is_no_answer_is_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    answered("champion", FIRST, 3, ("C1", 0.75))
    folder = f"{captured.captured_folder()}/{settings().endpoint}/champion/{FIRST:%Y/%m/%d}/03"
    bucket, key = aws.split(f"{folder}/cut-off.jsonl")
    aws.s3().put_object(Bucket=bucket, Key=key, Body=b'{"captureData": {"endpo\n{}\n')
    with caplog.at_level("WARNING", logger="highwater"):
        assert part(churn_ab.report(made(CHURNED)), "champion")["n"] == 1
    (told,) = (record.getMessage() for record in caplog.records if record.name == "highwater")
    assert told.startswith("captured answers that can't be read were left out variant=champion lines=2 ")
    assert "/cut-off.jsonl: JSONDecodeError" in told


def test_of_many_answers_about_a_customer_one_a_day_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """30,000 answers in memory would be 6 MB."""

    def many(variant: str, since: datetime, _: datetime) -> Iterator[captured.Served]:
        for second in range(30_000 if variant == "champion" else 0):
            yield captured.Served(variant, "C1", since + timedelta(seconds=second), second / 30_000)

    dataset = made({FIRST: {1: True}})
    monkeypatch.setattr(captured, "served", many)
    monkeypatch.setattr(churn_ab, "_churned", lambda *_: {"C1": True})
    churn_ab.report(dataset)  # numpy imports parts of itself when they are first used
    tracemalloc.start()
    try:
        found = part(churn_ab.report(dataset), "champion")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (found["n"], found["mean_probability"]) == (1, 29_999 / 30_000)
    assert peak < 1_000_000


def test_a_report_that_fails_is_told_of_and_the_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(
        churn_serving.alerts, "send", lambda severity, message, _: told.append((severity, message))
    )

    def denied(_: Dataset) -> Any:
        raise SystemFault("Listing the captured answers: AccessDenied.")

    monkeypatch.setattr(churn_serving, "report_ab", denied)
    churn_serving.try_report_ab(Run("customer-churn", AS_OF, AS_OF, run_id="run-1"), made(CHURNED))
    why = "customer-churn 2026-03-01 goes on without its A/B report: Listing the captured answers: AccessDenied."
    assert told == [("WARNING", why)]


def test_a_window_has_every_answer_of_its_hours_and_days() -> None:
    since = datetime(2026, 1, 1, 22, 45, tzinfo=UTC)
    moments = [datetime(2026, 1, 1, 22, 30, tzinfo=UTC) + timedelta(hours=n) for n in range(60)]
    for moment in moments:
        answered("champion", moment.date(), moment.hour, (f"{moment:%dT%H}", 0.5))
    for hours in (0, 1, 2, 25, 26, 49, 51):
        until = since + timedelta(hours=hours)
        found = [s.at for s in captured.served("champion", since, until)]
        assert found == [moment for moment in moments if since <= moment < until]
