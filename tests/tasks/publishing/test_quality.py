"""The audit's verdicts, figure by figure and limit by limit."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from contracts.catalog import contract
from contracts.language.columns import required
from tasks.errors import BusinessError
from tasks.intake.landing import InputFile, Slice
from tasks.publishing import quality
from tasks.publishing.curated import Counts, Curated
from tasks.publishing.quality import Limits, Quality
from tasks.services import aws

DAY = date(2025, 1, 5)
LIMITS = Limits(
    row_count_min=100,
    null_rate_max=0.05,
    duplicate_rate_max=0.01,
    rejected_rate_max=0.05,
    superseded_rate_max=0.03,
)


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
    rows_raw=100,
    rows_published=91,
    rows_superseded=4,
    rows_quarantined=5,
    repeats=1,
    nulls={"order_id": 5},
    outdone=3,
)


def test_figures_at_their_limits_pass() -> None:
    findings = quality.audit(curated(GOOD), LIMITS)
    assert {f.metric: f.value for f in findings} == {
        "row_count": 100,
        "null_rate.order_id": 0.05,
        "duplicate_rate": 0.01,
        "rejected_rate": 0.05,
        "superseded_rate": 0.03,
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
        (Counts(100, 96, 4, 0, 0, outdone=4), "superseded_rate"),
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


def test_a_limit_that_is_given_is_laid_over_the_contracts() -> None:
    given = Quality.model_validate({"sales": {"row_count_min": 900}, "masters": {"rejected_rate_max": 0.5}})
    assert given.sales == Limits(
        row_count_min=900, null_rate_max=0.05, duplicate_rate_max=0.01, rejected_rate_max=0.05
    )
    assert given.masters == Quality().masters.model_copy(update={"rejected_rate_max": 0.5})
    assert given.inventory == Quality().inventory
    assert Quality.model_validate(given.model_dump()) == given
    assert Quality(sales=LIMITS).sales == LIMITS
    with pytest.raises(ValidationError, match=r"sales\.null_rate_max\n.*less than or equal to 1"):
        Quality.model_validate({"sales": {"null_rate_max": 2}})


def test_figures_reach_cloudwatch_by_dataset(account: None) -> None:
    quality.emit(quality.audit(curated(GOOD), LIMITS))
    listed = aws.cloudwatch().list_metrics(Namespace="Highwater/DataQuality")["Metrics"]
    assert {m["MetricName"] for m in listed} == {
        "row_count",
        "null_rate.order_id",
        "duplicate_rate",
        "rejected_rate",
        "superseded_rate",
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
        ("superseded_rate", 0.03, "None"),
        ("reconciled", 1.0, "None"),
    ]


ROWS = {
    "order_id": ["O1", "O2", "O3"],
    "sku_code": ["SKU-1"] * 3,
    "customer_id": ["C1"] * 3,
    "region_code": ["NORTH"] * 3,
    "quantity": [1, 5, 2],
    "net_revenue": [Decimal("0.0001"), Decimal(20), Decimal(3)],
    "order_date": [DAY, DAY, date(2025, 1, 4)],
    "channel": ["ecommerce", "modern_trade", "general_trade"],
    "gross_revenue": [None, Decimal(-1), None],
    "trade_discount": [None] * 3,
    "cost_of_goods": [Decimal(1)] * 3,
    "is_promo_sale": [True, None, False],
    "promo_id": ["P1", None, "P2"],
    "changed_at": [datetime(2025, 1, 5, tzinfo=UTC)] * 3,
    "is_deleted": [None] * 3,
    "source_date": [DAY] * 3,
}
MONEY = pa.decimal128(18, 4)
TYPES = dict.fromkeys(("net_revenue", "gross_revenue", "trade_discount", "cost_of_goods"), MONEY)


def written(folder: str = "out/published", name: str = "a", **columns: list[Any] | None) -> None:
    """A file of the job's output, with some columns as given (None: left out)."""
    found = {name: values for name, values in (ROWS | columns).items() if values is not None}
    rows = pa.table({name: pa.array(values, TYPES.get(name)) for name, values in found.items()})
    buffer = io.BytesIO()
    pq.write_table(rows, buffer, row_group_size=2, store_decimal_as_integer=True)  # as Spark does
    key = f"{folder}/{name}.parquet"
    aws.s3().put_object(Bucket="highwater-lake", Key=key, Body=buffer.getvalue())


def kept(rows: int = 3, survivors: int = 0, quarantined: int = 0) -> quality.Finding:
    told = replace(
        curated(replace(GOOD, rows_quarantined=quarantined)),
        output="s3://highwater-lake/out",
        quarantine="s3://highwater-lake/refused",
        rows_written=rows,
        rows_survivors=survivors,
    )
    return quality.contract_kept(told)


def test_files_that_keep_their_contract(account: None) -> None:
    written()
    written(name="b")
    written("out/survivors", quantity=[-1, 0, 1])  # of an older contract: it was published once
    written("refused/day=2025-01-05", net_revenue=None)
    aws.s3().put_object(Bucket="highwater-lake", Key="out/survivors/_SUCCESS", Body=b"")
    found = kept(rows=6, survivors=3, quarantined=3)
    assert (found.metric, found.value, found.passed, found.detail) == ("contract_valid", 1.0, True, "")


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"net_revenue": [Decimal(1), None, Decimal(2)]}, "net_revenue has 1 nulls"),
        ({"promo_id": None}, "promo_id is missing"),
        ({"quantity": [1, 2, 0]}, "quantity holds 0, which breaks the rule 'range'"),
        (
            {"net_revenue": [Decimal("-0.5"), Decimal(1), Decimal(1)]},
            "net_revenue holds -0.5000, which breaks the rule 'range'",
        ),
        ({"quantity": ["1", "1", "1"]}, "quantity holds 1, which breaks the rule 'range'"),
        (
            {"order_date": [DAY, date(2025, 1, 6), DAY]},
            "order_date holds 2025-01-06, which breaks the rule 'future'",
        ),
        (
            {"channel": ["ecommerce", "web", "ecommerce"]},
            "channel holds web, which breaks the rule 'allowed'",
        ),
    ],
)
def test_what_breaks_the_contract_is_said_with_its_file(
    account: None, columns: dict[str, Any], complaint: str
) -> None:
    written(name="good")
    written(name="bad", **columns)
    found = kept(rows=6)
    assert (found.value, found.passed) == (0.0, False)
    assert f"s3://highwater-lake/out/published/bad.parquet: {complaint}" in found.detail
    assert "good.parquet" not in found.detail
    assert str(found).startswith("sales 2025-01-05 contract_valid = 0 (limit 1) FAILED: s3://")


@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("out/published", {"rows": 4}),
        ("out/published", {"rows": 2}),
        ("out/survivors", {"survivors": 1}),
        ("refused", {"quarantined": 7}),
    ],
)
def test_rows_that_the_files_do_not_hold(account: None, folder: str, told: dict[str, int]) -> None:
    written()
    held = 3 if folder == "out/published" else 0
    (wanted,) = told.values()
    assert kept(**told).detail == (
        f"s3://highwater-lake/{folder}/ holds {held} rows, the job's figures say {wanted}"
    )


@pytest.mark.parametrize(("sighted", "held"), [(3, 3), (0, 0)])
def test_every_rejected_row_of_the_calendar_was_sighted(account: None, sighted: int, held: int) -> None:
    """The load reads the keys of these lines: one without would count as withdrawn."""
    written("refused/day=2025-01-05", promo_id=["P-1", "P-2", None])
    if sighted:
        written("out/sightings", promo_id=["P-1", "P-2", None])
    told = replace(
        curated(replace(GOOD, rows_quarantined=3)),
        output="s3://highwater-lake/out",
        quarantine="s3://highwater-lake/refused",
    )
    found = quality.contract_kept(replace(told, slice=Slice("promotions", told.slice.inputs)))
    assert found.passed == (held == 3)
    if not found.passed:
        assert found.detail == (
            f"s3://highwater-lake/out/sightings/ holds {held} rows, the job's figures say 3"
        )


def test_an_unchanged_slice_has_nothing_to_look_at(account: None) -> None:
    same = replace(curated(GOOD), output="", unchanged=True, rows_written=94, rows_survivors=7)
    assert quality.contract_kept(same).passed


def test_what_is_inside_of_an_array_is_no_null_of_its_column(
    account: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagged = replace(
        contract("sales"),
        columns=(*contract("sales").columns, required("tags", "array(text)", "Any texts.")),
    )
    monkeypatch.setattr(quality, "rules_of", lambda dataset: tagged)
    written(name="tagged", tags=[["a", None], [], ["b"]])
    assert kept().detail == ""
    written(name="untagged")
    assert kept(rows=6).detail == "s3://highwater-lake/out/published/untagged.parquet: tags is missing"
