"""However a run ends, what became of each row is on record and on the run's page."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tasks.errors import BusinessError, SystemFault
from tasks.intake.landing import InputFile, Slice
from tasks.publishing import audit_page, publishing_steps
from tasks.publishing.curated import Counts, Curated
from tasks.publishing.quality import Finding, Limits, Quality
from tasks.runs.monitoring import DatasetRecord, QualityRecord
from tasks.runs.run import Run
from tests.tasks.conftest import DAY

OPEN = Limits(
    row_count_min=1, null_rate_max=1, duplicate_rate_max=1, rejected_rate_max=1, superseded_rate_max=1
)
STRICT = OPEN.model_copy(update={"rejected_rate_max": 0.05})
SALES = Counts(rows_raw=100, rows_published=90, rows_superseded=4, rows_quarantined=6, repeats=1)
SKU = Counts(rows_raw=2, rows_published=2, rows_superseded=0, rows_quarantined=0, repeats=0)


def curated(dataset: str, counts: Counts, day: date = DAY, *, unchanged: bool = False) -> Curated:
    slice_ = Slice(dataset, (InputFile(f"s3://lake/{dataset}.parquet", day, counts.rows_raw, {}, "e"),))
    by_date = {day: counts}
    return Curated(slice_, "w", None, "", counts, by_date, {}, {}, (), "jr", "s3://f", unchanged=unchanged)


BOTH = [curated("sales", SALES), curated("sku", SKU, unchanged=True)]


class Record:
    """MONITORING.RUN_DATASETS by its key, the artifacts in their order, and what CloudWatch does."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Any, ...], DatasetRecord] = {}
        self.tables: list[dict[str, Any]] = []
        self.figures: list[QualityRecord] = []
        self.sent: list[Finding] = []
        self.cloudwatch: Exception | None = None

    def keep(self, _: Any, records: list[DatasetRecord]) -> None:
        self.rows |= {(r.run_id, r.run_date, r.dataset): r for r in records}

    def keep_figures(self, _: Any, records: list[QualityRecord]) -> None:
        self.figures += records

    def emit(self, findings: list[Finding]) -> None:
        if self.cloudwatch:
            raise self.cloudwatch
        self.sent += findings

    def told(self) -> dict[str, tuple[Any, ...]]:
        return {
            r.dataset: (r.rows_raw, r.rows_published, r.rows_superseded, r.rows_quarantined, r.status)
            for r in self.rows.values()
        }

    def reconciliations(self) -> list[dict[str, Any]]:
        return [table for table in self.tables if table["key"] == "reconciliation"]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Record:
    record = Record()
    monkeypatch.setattr(Run, "session", lambda *_: nullcontext())
    monkeypatch.setattr(publishing_steps.monitoring, "record_datasets", record.keep)
    monkeypatch.setattr(publishing_steps.monitoring, "record_quality", record.keep_figures)
    monkeypatch.setattr(publishing_steps.quality, "emit", record.emit)
    monkeypatch.setattr(audit_page, "create_table_artifact", lambda **table: record.tables.append(table))
    return record


def the_run() -> Run:
    return Run("cpg-daily", DAY, DAY, run_id="r1")


def audit(limits: Limits) -> None:
    publishing_steps.audit.fn(the_run(), BOTH, Quality(sales=limits, masters=OPEN))


def test_a_refused_run_is_reconciled_and_says_that_nothing_was_published(kept: Record) -> None:
    with pytest.raises(BusinessError, match=r"rejected_rate = 0\.06"):
        audit(STRICT)
    assert kept.told() == {"sales": (100, 90, 4, 6, "rejected"), "sku": (2, 2, 0, 0, "rejected")}
    assert all(row.ended_at for row in kept.rows.values())
    (table,) = kept.reconciliations()
    assert table["description"] == (
        f"{DAY}: raw = published + superseded + quarantined "
        "(rejected: the audit has failed, nothing was published; the figures say what would have been)"
    )
    assert [(row["dataset"], row["raw"], row["quarantined"]) for row in table["table"]] == [
        ("sales", 100, 6),
        ("sku", 2, 0),
    ]


def test_a_run_that_dies_after_its_audit_leaves_its_rows_judged(kept: Record) -> None:
    kept.cloudwatch = SystemFault("CloudWatch: AccessDenied")
    with pytest.raises(SystemFault):
        audit(OPEN)
    assert kept.told() == {"sales": (100, 90, 4, 6, "judged"), "sku": (2, 2, 0, 0, "judged")}
    assert not any(row.ended_at for row in kept.rows.values())
    assert len(kept.reconciliations()) == 1


def test_values_that_did_not_cast_are_told_wherever_figures_are(kept: Record) -> None:
    uncast = [replace(BOTH[0], uncast={"trade_discount": 25})]
    publishing_steps.audit.fn(the_run(), uncast, Quality(sales=OPEN))
    told = ("sales", DAY, "uncast_rate.trade_discount", 0.25, 1.0, True)
    assert told in [(f.dataset, f.run_date, f.metric, f.value, f.threshold, f.passed) for f in kept.figures]
    assert told in [(f.dataset, f.run_date, f.metric, f.value, f.threshold, f.passed) for f in kept.sent]
    (table,) = [table for table in kept.tables if table["key"] == "data-quality"]
    assert {"figure": "uncast_rate.trade_discount", "value": 0.25}.items() <= table["table"][-1].items()


@pytest.mark.parametrize("refused_first", [True, False])
def test_publication_completes_the_same_rows(kept: Record, refused_first: bool) -> None:
    """The same run may be tried again, with its id, after it was refused or killed."""
    if refused_first:
        with pytest.raises(BusinessError):
            audit(STRICT)
    for _ in range(2):
        audit(OPEN)
        publishing_steps.reconcile.fn(the_run(), BOTH)
        assert kept.told() == {"sales": (100, 90, 4, 6, "published"), "sku": (2, 2, 0, 0, "unchanged")}
        assert all(row.ended_at for row in kept.rows.values())
