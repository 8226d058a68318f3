"""Tables on a run's page: audit figures, row reconciliation, mart headlines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from prefect.artifacts import create_table_artifact

from tasks.publishing.curated import Outcome
from tasks.publishing.quality import Finding
from tasks.runs.monitoring import JUDGED, REJECTED
from tasks.runs.run_page import readable

_ROWS_MOST = 500
_NOT_VISIBLE = {
    JUDGED: " (judged: the audit has passed, the publication follows)",
    REJECTED: " (rejected: the audit has failed, nothing was published; the figures say what would have been)",
}


def quality_table(findings: Iterable[Finding], days: str) -> None:
    """Failed figures first. Truncated, with a note, when a long backfill has too many to show."""
    ordered = sorted(findings, key=lambda f: (f.passed, f.dataset, f.run_date, f.metric))
    create_table_artifact(
        key="data-quality",
        description=f"Audit of {days}: {sum(not f.passed for f in ordered)} of {len(ordered)} figures past their limit"
        + (
            f" (first {_ROWS_MOST} shown; all are in MONITORING.DQ_RESULTS)"
            if len(ordered) > _ROWS_MOST
            else ""
        ),
        table=[
            {
                "dataset": f.dataset,
                "raw date": f.run_date.isoformat(),
                "figure": f.metric,
                "value": round(f.value, 6),
                "limit": f.threshold,
                "verdict": "ok" if f.passed else "FAILED",
            }
            for f in ordered[:_ROWS_MOST]
        ],
    )


def reconciliation_table(outcomes: Iterable[Outcome], days: str, status: str | None = None) -> None:
    create_table_artifact(
        key="reconciliation",
        description=f"{days}: raw = published + superseded + quarantined{_NOT_VISIBLE.get(status or '', '')}",
        table=[
            {
                "dataset": o.dataset,
                "raw": o.rows_raw,
                "published": o.rows_published,
                "superseded": o.rows_superseded,
                "quarantined": o.rows_quarantined,
                "balances": "yes" if o.balances() else "NO",
                "input": "unchanged since its last publication" if o.unchanged else "new",
                "kept aside": ", ".join(sorted(o.extra_columns)),
                "missing": ", ".join(sorted(o.missing_columns)),
            }
            for o in outcomes
        ],
    )


def headlines_table(headlines: Mapping[str, Any], run_date: date) -> None:
    create_table_artifact(
        key="mart-headlines",
        description=f"Marts after {run_date}",
        table=[
            {"figure": name.replace("_", " "), "value": readable(value)} for name, value in headlines.items()
        ],
    )
