from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tasks.intake.landing import Slice
from tasks.models import model_page
from tasks.models.verdicts import Verdict
from tasks.publishing import audit_page
from tasks.publishing.curated import Counts, Curated, outcomes
from tasks.publishing.quality import Finding
from tasks.runs.monitoring import JUDGED
from tasks.runs.run_page import readable

DAY = date(2025, 1, 5)


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr(audit_page, "create_table_artifact", lambda **table: shown.append(table))
    return shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (66385, "66,385"),
        (Decimal("5216063.5200"), "5,216,063.52"),
        (30.603327468680828, "30.60"),
        (date(2026, 10, 20), "2026-10-20"),
    ],
)
def test_a_figure_is_shown_as_a_person_writes_it(value: object, shown: str) -> None:
    assert readable(value) == shown


def test_failed_figures_come_first_with_their_values(tables: list[dict[str, Any]]) -> None:
    audit_page.quality_table(
        [
            Finding("sku", DAY, "row_count", 12.0, 1.0, True),
            Finding("sales", DAY + timedelta(days=1), "rejected_rate", 0.0400004, 0.05, True),
            Finding("sales", DAY, "rejected_rate", 0.12345678, 0.05, False),
        ],
        "2025-01-05..2025-01-06",
    )
    (table,) = tables
    assert table["key"] == "data-quality"
    assert table["description"] == "Audit of 2025-01-05..2025-01-06: 1 of 3 figures past their limit"
    names = ("dataset", "raw date", "figure", "value", "limit", "verdict")
    assert [tuple(row[name] for name in names) for row in table["table"]] == [
        ("sales", "2025-01-05", "rejected_rate", 0.123457, 0.05, "FAILED"),
        ("sales", "2025-01-06", "rejected_rate", 0.04, 0.05, "ok"),
        ("sku", "2025-01-05", "row_count", 12.0, 1.0, "ok"),
    ]


def test_of_many_figures_the_first_are_shown_and_the_rest_is_said_to_be(tables: list[dict[str, Any]]) -> None:
    fine = [Finding("sales", DAY, f"m{n:03}", float(n), 1000.0, True) for n in range(500)]
    audit_page.quality_table(fine, str(DAY))
    audit_page.quality_table([*fine, Finding("sku", DAY, "row_count", 0.0, 1.0, False)], str(DAY))
    whole, cut = tables
    assert whole["description"] == "Audit of 2025-01-05: 0 of 500 figures past their limit"
    assert [row["value"] for row in whole["table"]] == list(range(500))
    assert cut["description"] == (
        "Audit of 2025-01-05: 1 of 501 figures past their limit (first 500 shown; all are in MONITORING.DQ_RESULTS)"
    )
    assert [row["figure"] for row in cut["table"]] == ["row_count", *(f"m{n:03}" for n in range(499))]


def test_a_datasets_rows_are_reconciled_with_the_drift_of_its_columns(tables: list[dict[str, Any]]) -> None:
    counts = Counts(rows_raw=100, rows_published=90, rows_superseded=4, rows_quarantined=6, repeats=1)
    drifted = Slice("sales", (), extra_columns=("loyalty", "till"), missing_columns=("promo_id",))
    sales = Curated(drifted, "w", None, "", counts, {DAY: counts}, {}, {}, (), "jr", "s3://f")
    lost = replace(counts, rows_superseded=3)
    sku = replace(sales, slice=Slice("sku", ()), total=lost, unchanged=True)
    audit_page.reconciliation_table(outcomes([sales, sku]), "2025-01-05")
    audit_page.reconciliation_table(outcomes([sales]), "2025-01-05", JUDGED)
    done, waiting = tables
    assert done["key"] == "reconciliation"
    assert done["description"] == "2025-01-05: raw = published + superseded + quarantined"
    assert waiting["description"].endswith("(judged: the audit has passed, the publication follows)")
    assert done["table"] == [
        {
            "dataset": "sales",
            "raw": 100,
            "published": 90,
            "superseded": 4,
            "quarantined": 6,
            "balances": "yes",
            "input": "new",
            "kept aside": "loyalty, till",
            "missing": "promo_id",
        },
        {
            "dataset": "sku",
            "raw": 100,
            "published": 90,
            "superseded": 3,
            "quarantined": 6,
            "balances": "NO",
            "input": "unchanged since its last publication",
            "kept aside": "",
            "missing": "",
        },
    ]


def test_a_rule_that_is_not_judged_is_not_counted_as_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: dict[str, Any] = {}
    monkeypatch.setattr(model_page, "create_table_artifact", lambda **given: shown.update(given))
    verdicts = [
        Verdict("MAPE", 0.3, 0.15, False),
        Verdict("skill over seasonal_naive", 0.9, 0.05, True, "the year before is known for 20% of the rows"),
    ]
    model_page.gate_table(
        "model-gate", "Gate", verdicts, {"model": {"wmape": 0.1, "bias": None}, "mean4": {"wmape": 0.2}}
    )
    assert shown["description"] == "Gate: 1 of 1 rules missed"
    assert [(row["figure"], row["value"], row["verdict"]) for row in shown["table"]] == [
        ("MAPE", 0.3, "FAILED"),
        ("skill over seasonal_naive", 0.9, "not judged: the year before is known for 20% of the rows"),
        ("wmape of model", 0.1, ""),
        ("wmape of mean4", 0.2, ""),
        ("bias of model", "unknown", ""),
        ("bias of mean4", "unknown", ""),
    ]
