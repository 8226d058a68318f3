"""The audit's verdicts, figure by figure and limit by limit."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.catalog import contract
from tasks import aws, quality
from tasks.curation import Counts, Curated
from tasks.errors import BusinessError
from tasks.landing import InputFile, Slice
from tasks.quality import Limits, Quality

DAY = date(2025, 1, 5)
LIMITS = Limits(row_count_min=100, null_rate_max=0.05, duplicate_rate_max=0.01, rejected_rate_max=0.05)


def curated(counts: Counts, day: date = DAY) -> Curated:
    inputs = (InputFile("s3://lake/raw/a.parquet", day, counts.rows_raw, {}, "etag"),)
    return Curated(
        slice=Slice("sales", inputs),
        work="w",
        base=None,
        output="s3://lake/out",
        total=counts,
        by_date={day: counts},
        reasons={},
        uncast={},
        touched_files=(),
        job_run_id="jr",
        figures_address="s3://lake/figures.json",
    )


def failed(counts: Counts, limits: Limits = LIMITS) -> list[str]:
    return [f.metric for f in quality.audit(curated(counts), limits) if not f.passed]


GOOD = Counts(
    rows_raw=100, rows_published=94, rows_superseded=1, rows_quarantined=5, repeats=1, nulls={"order_id": 5}
)


def test_figures_at_their_limits_pass() -> None:
    findings = quality.audit(curated(GOOD), LIMITS)
    assert {f.metric: f.value for f in findings} == {
        "row_count": 100,
        "null_rate.order_id": 0.05,
        "duplicate_rate": 0.01,
        "rejected_rate": 0.05,
        "reconciled": 1.0,
    }
    assert all(f.passed for f in findings)


@pytest.mark.parametrize(
    ("counts", "metric"),
    [
        (Counts(99, 99, 0, 0, 0), "row_count"),
        (Counts(100, 94, 0, 6, 0, {"sku_code": 6}), "null_rate.sku_code"),
        (Counts(100, 98, 2, 0, 2), "duplicate_rate"),
        (Counts(100, 94, 0, 6, 0), "rejected_rate"),
        (Counts(100, 98, 0, 1, 0), "reconciled"),
    ],
)
def test_each_figure_past_its_limit_fails_by_name(counts: Counts, metric: str) -> None:
    assert metric in failed(counts)


def test_an_empty_slice_fails_on_its_row_count_only() -> None:
    assert failed(Counts(0, 0, 0, 0, 0, {"order_id": 0})) == ["row_count"]


def test_refusal_lists_every_figure_with_its_limit() -> None:
    findings = quality.audit(curated(Counts(50, 40, 0, 10, 0)), LIMITS)
    with pytest.raises(BusinessError) as refusal:
        quality.require(findings, "run-1")
    assert "sales 2025-01-05 row_count = 50 (limit 100) FAILED" in str(refusal.value)
    assert "sales 2025-01-05 rejected_rate = 0.2 (limit 0.05) FAILED" in str(refusal.value)
    assert "duplicate_rate" not in str(refusal.value)


def test_optional_values_that_do_not_cast_are_told_and_refuse_nothing() -> None:
    judged = replace(curated(GOOD), uncast={"gross_revenue": 100, "changed_at": 25, "promo_id": 0})
    assert [str(f) for f in quality.uncast(judged)] == [
        "sales 2025-01-05 uncast_rate.changed_at = 0.25 (limit 1) ok",
        "sales 2025-01-05 uncast_rate.gross_revenue = 1 (limit 1) ok",
    ]
    assert quality.uncast(curated(Counts(0, 0, 0, 0, 0))) == []


def test_limits_default_to_the_contracts() -> None:
    limits = Quality()
    assert limits.of("sales").row_count_min == 1000
    assert limits.of("inventory").row_count_min == 1
    assert limits.of("geography") == limits.masters
    assert limits.of("sales").rejected_rate_max == 0.05


def test_figures_reach_cloudwatch_by_dataset(account: None) -> None:
    quality.emit(quality.audit(curated(GOOD), LIMITS))
    listed = aws.cloudwatch().list_metrics(Namespace="Highwater/DataQuality")["Metrics"]
    assert {m["MetricName"] for m in listed} == {
        "row_count",
        "null_rate.order_id",
        "duplicate_rate",
        "rejected_rate",
        "reconciled",
    }
    assert all(m["Dimensions"] == [{"Name": "Dataset", "Value": "sales"}] for m in listed)


def test_each_figure_is_sent_with_its_value_and_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []

    class CloudWatch:
        def put_metric_data(self, *, Namespace: str, MetricData: list[Any]) -> None:
            assert Namespace == "Highwater/DataQuality"
            sent.extend(MetricData)

    monkeypatch.setattr(quality.aws, "cloudwatch", CloudWatch)
    quality.emit(quality.audit(curated(GOOD), LIMITS))
    assert [(datum["MetricName"], datum["Value"], datum["Unit"]) for datum in sent] == [
        ("row_count", 100, "Count"),
        ("null_rate.order_id", 0.05, "None"),
        ("duplicate_rate", 0.01, "None"),
        ("rejected_rate", 0.05, "None"),
        ("reconciled", 1.0, "None"),
    ]


@pytest.mark.parametrize(("net", "valid"), [([1.0, 2.0], 1.0), ([1.0, None], 0.0)])
def test_a_null_in_a_required_column_is_no_contract_kept(
    account: None, net: list[float], valid: float
) -> None:
    names = [column.name for column in contract("sales").columns]
    columns = {name: ["x", "y"] for name in names} | {"net_revenue": net}
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    aws.s3().put_object(Bucket="highwater-lake", Key="out/published/a.parquet", Body=buffer.getvalue())
    judged = replace(curated(GOOD), output="s3://highwater-lake/out")
    found = quality.contract_kept(judged)
    assert (found.metric, found.value, found.passed) == ("contract_valid", valid, bool(valid))


def test_a_column_that_the_job_lost_is_no_contract_kept(account: None) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.table({column.name: ["x"] for column in contract("sales").required}), buffer)
    aws.s3().put_object(Bucket="highwater-lake", Key="out/published/a.parquet", Body=buffer.getvalue())
    assert not quality.contract_kept(replace(curated(GOOD), output="s3://highwater-lake/out")).passed
