"""What a person finds on a run's page: the audit's figures, the reconciliation, the marts' headlines, the progress."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from prefect.artifacts import (
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from tasks.curation import Curated
from tasks.quality import Finding

_ROWS_MOST = 500


def quality_table(findings: Iterable[Finding], run_date: date) -> None:
    """Failed figures first; a backfill of years would not fit, so the rest is cut and said to be."""
    ordered = sorted(findings, key=lambda f: (f.passed, f.dataset, f.run_date, f.metric))
    create_table_artifact(
        key="data-quality",
        description=f"Audit of {run_date}: {sum(not f.passed for f in ordered)} of {len(ordered)} figures past their limit"
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


def reconciliation_table(curated: Iterable[Curated], run_date: date) -> None:
    create_table_artifact(
        key="reconciliation",
        description=f"{run_date}: raw = published + superseded + quarantined",
        table=[
            {
                "dataset": c.dataset,
                "raw": c.total.rows_raw,
                "published": c.total.rows_published,
                "superseded": c.total.rows_superseded,
                "quarantined": c.total.rows_quarantined,
                "balances": "yes" if c.total.balances() else "NO",
                "input": "unchanged since its last publication" if c.unchanged else "new",
            }
            for c in curated
        ],
    )


def headlines_table(headlines: Mapping[str, Any], run_date: date) -> None:
    create_table_artifact(
        key="mart-headlines",
        description=f"Marts after {run_date}",
        table=[{"figure": name, "value": str(value)} for name, value in headlines.items()],
    )


def progress_started(key: str, description: str) -> UUID:
    return create_progress_artifact(progress=0.0, key=key, description=description)  # type: ignore[return-value]


def progress_moved(artifact: UUID, percent: float, description: str) -> None:
    update_progress_artifact(artifact_id=artifact, progress=percent, description=description)
