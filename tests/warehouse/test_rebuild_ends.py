"""How a rebuild ends: what it leaves out, what stops it, and what is on record of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from snowflake.connector import SnowflakeConnection

from contracts.marketing.demographics import DEMOGRAPHICS
from local.sample.marketing.uploads import FIRST_DAY, uploads
from tasks.errors import BusinessError, SystemFault
from tasks.marketing import deliveries
from tasks.marketing import loading as marketing_loading
from tasks.marketing.checks import CriticalCheck
from tasks.publishing.quality import Finding
from tasks.recovery import rebuild as rebuilding
from tasks.recovery import rebuild_sources
from tasks.runs import monitoring
from tasks.runs.monitoring import RunRecord
from tasks.services import aws, objects
from tasks.settings import settings
from tests.warehouse.standin import BUCKET, Warehouse
from tests.warehouse.test_rebuild import lake, made, on_record, rebuilt

__all__ = ["lake"]
pytestmark = pytest.mark.e2e

SECOND, THIRD = FIRST_DAY + timedelta(days=1), FIRST_DAY + timedelta(days=2)


def shrink(day: date) -> None:
    """Deliver customers of whom a third is left."""
    folder = deliveries.folder(DEMOGRAPHICS, day)
    found, *_ = deliveries.deliveries(FIRST_DAY).customers
    lines = objects.read(found.address).splitlines(keepends=True)
    objects.write(f"{folder}customers.csv", b"".join(lines[: len(lines) // 3]))


@pytest.fixture
def only_marketing(lake: Warehouse, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database beside, and nothing in the lake but two whole days and one of a third of the customers."""
    monkeypatch.setattr(rebuilding, "PARTS", ())
    for upload in uploads(seed=1, days=2):
        aws.s3().put_object(Bucket=BUCKET, Key=upload.key, Body=upload.body)
    shrink(THIRD)
    return made(lake)


def days_of(warehouse: Warehouse, database: str) -> set[date]:
    asked = f"SELECT DISTINCT run_date FROM {database}.MONITORING.RUN_DATASETS WHERE status = 'published'"
    return {day for (day,) in warehouse.rows(asked)}


def test_a_snapshot_that_was_cut_off_is_left_out_until_its_drop_is_accepted(
    lake: Warehouse, only_marketing: str
) -> None:
    with pytest.raises(
        BusinessError, match=f"(?s)marketing {THIRD}, left out: .*--accept-drop {THIRD}"
    ) as refused:
        rebuilt(lake, only_marketing)
    assert on_record(lake, only_marketing) == ("FAILED", str(refused.value))
    assert days_of(lake, only_marketing) == {FIRST_DAY, SECOND}
    rebuilt(lake, only_marketing, THIRD)
    assert days_of(lake, only_marketing) == {FIRST_DAY, SECOND, THIRD}
    assert on_record(lake, only_marketing) == ("COMPLETED", None)


def test_an_accepted_day_that_nobody_delivered_is_refused_first(lake: Warehouse, only_marketing: str) -> None:
    with pytest.raises(BusinessError, match="--accept-drop 2031-01-01: nothing of marketing was delivered"):
        rebuilt(lake, only_marketing, date(2031, 1, 1))
    assert lake.rows(f"SELECT 1 FROM {only_marketing}.MONITORING.PIPELINE_RUNS") == []


def test_a_fault_of_the_pipeline_ends_the_rebuild(
    lake: Warehouse, only_marketing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a row that the merge has lost would be. No --accept-drop helps."""
    real = marketing_loading._after
    broken = Finding(DEMOGRAPHICS.table, FIRST_DAY, "unique", 1, 0, passed=False)
    monkeypatch.setattr(marketing_loading, "_after", lambda *given: [*real(*given), broken])
    with pytest.raises(CriticalCheck, match="it is a fault of the pipeline"):
        rebuilt(lake, only_marketing)
    assert days_of(lake, only_marketing) == set()
    assert on_record(lake, only_marketing)[0] == "FAILED"


def test_another_run_that_began_meanwhile_is_told_at_the_end(
    lake: Warehouse, only_marketing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(connection: SnowflakeConnection) -> Iterator[str]:
        began = RunRecord("r7", "cpg-daily", None, {}, "RUNNING", started_at=datetime.now(UTC))
        monitoring.record_run(connection, began)
        yield "something"

    monkeypatch.setattr(rebuilding, "PARTS", (meanwhile,))
    with pytest.raises(BusinessError, match=r"MONITORING\.PIPELINE_RUNS names r7"):
        rebuilt(lake, only_marketing, THIRD)
    asked = f"SELECT status FROM {only_marketing}.MONITORING.PIPELINE_RUNS WHERE run_id = 'warehouse-rebuild'"
    assert lake.one(asked) == "FAILED"


def test_what_cannot_be_read_is_said_before_anything_is_loaded(
    lake: Warehouse, only_marketing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = settings().model_copy(update={"inbox_bucket": "nowhere", "hash_secret": "nothing"})
    monkeypatch.setattr(rebuild_sources, "settings", lambda: nowhere)
    with pytest.raises(SystemFault) as refused:
        rebuilt(lake, only_marketing)
    assert "\n- HIGHWATER_INBOX_BUCKET: listing s3://nowhere/history/: NoSuchBucket" in str(refused.value)
    assert "\n- HIGHWATER_HASH_SECRET: reading the key for hashes" in str(refused.value)
    assert "HIGHWATER_LAKE_BUCKET:" not in str(refused.value)
    assert lake.rows(f"SELECT 1 FROM {only_marketing}.MONITORING.PIPELINE_RUNS") == []
