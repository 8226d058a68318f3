"""What a person finds on a run's page: the audit's and the gate's figures, sums, headlines, the plot, the progress."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from prefect.artifacts import (
    create_image_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from tasks import aws
from tasks.curation import Outcome
from tasks.errors import aws_failures
from tasks.events import log
from tasks.model_gate import Evaluation, Verdict
from tasks.monitoring import JUDGED, REJECTED, DriftRecord
from tasks.quality import Finding

_ROWS_MOST = 500
_PLOT_BYTES_MOST = 1_000_000
_NOT_VISIBLE = {
    JUDGED: " (judged: the audit has passed, the publication follows)",
    REJECTED: " (rejected: the audit has failed, nothing was published; the figures say what would have been)",
}


def quality_table(findings: Iterable[Finding], days: str) -> None:
    """Failed figures first; a backfill of years would not fit, so the rest is cut and said to be."""
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


def gate_table(
    verdicts: Iterable[Verdict], evaluation: Evaluation, as_of: date, approved: Sequence[str]
) -> None:
    verdicts = list(verdicts)
    judged = [verdict for verdict in verdicts if not verdict.not_judged]
    failed = sum(not verdict.passed for verdict in judged)
    rules = [
        {
            "figure": verdict.figure,
            "value": _rounded(verdict.value),
            "limit": _rounded(verdict.limit),
            "verdict": verdict.outcome,
        }
        for verdict in verdicts
    ]
    methods = {"model": evaluation.model, **evaluation.naive}
    figures = [
        {
            "figure": f"{figure} of {name}",
            "value": _rounded(getattr(scores, figure)),
            "limit": "",
            "verdict": "",
        }
        for figure in ("wmape", "bias", "coverage80", "pinball")
        for name, scores in methods.items()
    ]
    create_table_artifact(
        key="model-gate",
        description=f"Gate of the model as of {as_of}: {failed} of {len(judged)} rules missed; backtest of "
        f"{evaluation.rows} rows; compared with {', '.join(approved) or 'no approved model: there is none yet'}",
        table=rules + figures,
    )


def _rounded(value: float | None) -> float | str:
    return "unknown" if value is None else round(value, 4)


def forecast_plot(address: str, as_of: date) -> None:
    """The picture itself, because a browser could not read the bucket; a huge one is left where it is."""
    bucket, key = aws.split(address)
    with aws_failures(f"reading {address}"):
        picture = aws.s3().get_object(Bucket=bucket, Key=key)["Body"].read()
    if len(picture) > _PLOT_BYTES_MOST:
        log("the plot is too large for the run's page", plot=address, bytes=len(picture))
        return
    create_image_artifact(
        key="forecast-plot",
        description=f"Forecast as of {as_of} ({address})",
        image_url=f"data:image/png;base64,{base64.b64encode(picture).decode()}",
    )


def drift_table(records: Iterable[DriftRecord], as_of: date) -> None:
    ordered = sorted(records, key=lambda record: (not record.drifted, -(record.value or 0.0)))
    create_table_artifact(
        key="model-drift",
        description=f"Drift on {as_of}: {sum(r.drifted for r in ordered)} of {len(ordered)} figures past their limit",
        table=[
            {
                "figure": f"{record.metric} {record.feature}".strip(),
                "value": _rounded(record.value),
                "limit": record.threshold,
                "rows": record.rows_compared,
                "verdict": "DRIFTED" if record.drifted else "ok",
            }
            for record in ordered
        ],
    )


def readable(value: Any) -> str:
    """As a person writes it: thousands apart, two decimals at most, a dash for what is not known."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}" if isinstance(value, (float, Decimal)) else str(value)


def progress_started(key: str, description: str) -> UUID:
    return create_progress_artifact(progress=0.0, key=key, description=description)  # type: ignore[return-value]


def progress_moved(artifact: UUID, percent: float, description: str) -> None:
    update_progress_artifact(artifact_id=artifact, progress=percent, description=description)
