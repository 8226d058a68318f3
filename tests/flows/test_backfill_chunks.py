"""A backfill of several chunks: sums by dataset, the days that a table is of, and progress that moves."""

from __future__ import annotations

import gc
import weakref
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from flows import cpg_backfill, write_audit_publish
from tasks.intake.landing import Slice
from tasks.publishing import publishing_steps
from tasks.publishing.curated import Counts, Curated, Outcome
from tasks.publishing.quality import Quality
from tasks.runs.run import Run

FIRST = date(2025, 1, 1)
LAST = FIRST + timedelta(days=4)


def curated(dataset: str, rows: int, job: str | None, **drift: tuple[str, ...]) -> Curated:
    counts = Counts(2 * rows, rows, rows - 1, 1, 0)
    slice_ = Slice(dataset, (), **drift)
    return Curated(slice_, "w", 0, "", counts, {FIRST: counts}, {}, {}, (), job, "", unchanged=job is None)


class Backfill:
    """What the steps were asked for and what people were shown, with the steps themselves left out."""

    def __init__(self) -> None:
        self.progress: list[tuple[float, str]] = []
        self.judged: list[str] = []
        self.steps: list[str] = []
        self.finished: list[Outcome] = []
        self.alive: list[weakref.ref[Slice]] = []

    def preflight(self, datasets: list[str], first: date, last: date) -> list[Slice]:
        self.steps.append(f"list {first}..{last}")
        slices = [Slice(f"{first}..{last}", ()) for _ in datasets]
        self.alive += map(weakref.ref, slices)
        return slices

    def moved(self, _: UUID, percent: float, description: str) -> None:
        self.progress.append((percent, description))

    def judge(self, run: Run, slices: list[Slice], limits: Quality, done: Any) -> list[Curated]:
        gc.collect()
        self.judged.append(run.days)
        self.steps.append(f"judge {run.days}")
        assert sum(slice_() is not None for slice_ in self.alive) == 1, "other chunks are held"
        done("curated")
        done("audited")
        number = len(self.judged)
        sales = curated("sales", 10 * number, f"jr_{number}", extra_columns=(f"extra_{number}",))
        return [sales, curated("sku", 1, None, missing_columns=("brand",))]


@pytest.fixture
def backfill(monkeypatch: pytest.MonkeyPatch) -> Backfill:
    there = Backfill()
    monkeypatch.setattr(cpg_backfill, "preflight", there.preflight)
    monkeypatch.setattr(cpg_backfill, "marts", lambda run: {"net_revenue": run.label})
    monkeypatch.setattr(cpg_backfill, "finish", lambda _run, sums, _: there.finished.extend(sums))
    monkeypatch.setattr(cpg_backfill.run_page, "progress_started", lambda *_: uuid4())
    monkeypatch.setattr(cpg_backfill.run_page, "progress_moved", there.moved)
    monkeypatch.setattr(write_audit_publish, "curate_and_audit", there.judge)
    monkeypatch.setattr(write_audit_publish, "publish_all", lambda _run, curated, _limits: curated)
    monkeypatch.setattr(write_audit_publish.warehouse_load, "in_load_order", lambda _: [])
    monkeypatch.setattr(write_audit_publish, "reconcile", lambda *_: None)
    return there


def run_in_chunks(days: int) -> None:
    run = Run("cpg-backfill", FIRST, LAST, {"accept_truncated": True}, run_id="r1")
    cpg_backfill._in_chunks(run, ["sales"], Quality(), days)


def test_figures_of_chunks_are_summed_by_dataset(backfill: Backfill) -> None:
    run_in_chunks(2)
    assert backfill.judged == ["2025-01-01..2025-01-02", "2025-01-03..2025-01-04", "2025-01-05"]
    sales, sku = backfill.finished
    assert sales == Outcome(
        dataset="sales",
        rows_raw=120,
        rows_published=60,
        rows_superseded=57,
        rows_quarantined=3,
        unchanged=False,
        extra_columns=frozenset({"extra_1", "extra_2", "extra_3"}),
        missing_columns=frozenset(),
        jobs=frozenset({"jr_1", "jr_2", "jr_3"}),
    )
    assert (sku.rows_raw, sku.unchanged, sku.missing_columns) == (6, True, frozenset({"brand"}))
    assert publishing_steps.summary(Run("cpg-backfill", FIRST, LAST, run_id="r1"), backfill.finished) == (
        "cpg-backfill 2025-01-01..2025-01-05 is done. "
        "sales: 120 raw = 60 published + 57 superseded + 3 quarantined; "
        "sku: 6 raw = 3 published + 0 superseded + 3 quarantined (unchanged)"
    )


def test_each_chunk_is_listed_when_its_turn_comes(backfill: Backfill) -> None:
    """All are looked at first, so that a gap in the last is known at once. Files that land meanwhile are not missed."""
    run_in_chunks(3)
    first, second = "2025-01-01..2025-01-03", "2025-01-04..2025-01-05"
    checked = [f"list {first}", f"list {second}"]
    assert backfill.steps == [
        *checked,
        f"list {first}",
        f"judge {first}",
        f"list {second}",
        f"judge {second}",
    ]


def test_progress_moves_with_each_step_of_the_only_chunk(backfill: Backfill) -> None:
    run_in_chunks(366)
    assert backfill.progress == [
        (25.0, "0 of 5 days; 2025-01-01..2025-01-05 curated"),
        (50.0, "0 of 5 days; 2025-01-01..2025-01-05 audited"),
        (75.0, "0 of 5 days; 2025-01-01..2025-01-05 published"),
        (100.0, "5 of 5 days; 2025-01-01..2025-01-05 loaded"),
    ]


def test_progress_over_several_chunks(backfill: Backfill) -> None:
    run_in_chunks(2)
    assert [percent for percent, _ in backfill.progress] == [
        *(10, 20, 30, 40),
        *(50, 60, 70, 80),
        *(85, 90, 95, 100),
    ]
    assert backfill.progress[3][1] == "2 of 5 days; 2025-01-01..2025-01-02 loaded"
    assert backfill.progress[-1][1] == "5 of 5 days; 2025-01-05 loaded"
