"""Artifacts on a run's page about a model: the gate, the drift, the forecast plot."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from datetime import date

from prefect.artifacts import create_image_artifact, create_table_artifact

from tasks.errors import aws_failures
from tasks.events import log
from tasks.models.model_gate import Evaluation, Verdict
from tasks.runs.monitoring import DriftRecord
from tasks.runs.run_page import rounded
from tasks.services import aws

_MAX_PLOT_BYTES = 1_000_000


def gate_table(
    verdicts: Iterable[Verdict], evaluation: Evaluation, as_of: date, approved: Sequence[str]
) -> None:
    verdicts = list(verdicts)
    judged = [verdict for verdict in verdicts if not verdict.not_judged]
    failed = sum(not verdict.passed for verdict in judged)
    rules = [
        {
            "figure": verdict.figure,
            "value": rounded(verdict.value),
            "limit": rounded(verdict.limit),
            "verdict": verdict.outcome,
        }
        for verdict in verdicts
    ]
    methods = {"model": evaluation.model, **evaluation.naive}
    figures = [
        {
            "figure": f"{figure} of {name}",
            "value": rounded(getattr(scores, figure)),
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


def forecast_plot(address: str, as_of: date) -> None:
    """Embed the plot, because a browser cannot read the bucket. A plot that is too large is skipped."""
    bucket, key = aws.split(address)
    with aws_failures(f"reading {address}"):
        picture = aws.s3().get_object(Bucket=bucket, Key=key)["Body"].read()
    if len(picture) > _MAX_PLOT_BYTES:
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
                "value": rounded(record.value),
                "limit": record.threshold,
                "rows": record.rows_compared,
                "verdict": "DRIFTED" if record.drifted else "ok",
            }
            for record in ordered
        ],
    )
