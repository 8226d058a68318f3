"""Artifacts on a run's page about a model: the gate, the drift, a plot."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from prefect.artifacts import create_image_artifact, create_table_artifact

from tasks.events import log
from tasks.models.verdicts import Verdict
from tasks.runs.monitoring import DriftRecord
from tasks.runs.run_page import rounded
from tasks.services import objects

_MAX_PLOT_BYTES = 1_000_000


def gate_table(
    key: str, description: str, verdicts: Iterable[Verdict], methods: Mapping[str, Mapping[str, float | None]]
) -> None:
    """The rules with their verdicts, then the figures of every method."""
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
    names = dict.fromkeys(name for figures in methods.values() for name in figures)
    figures = [
        {"figure": f"{name} of {method}", "value": rounded(scores.get(name)), "limit": "", "verdict": ""}
        for name in names
        for method, scores in methods.items()
    ]
    create_table_artifact(
        key=key,
        description=f"{description}: {failed} of {len(judged)} rules missed",
        table=rules + figures,
    )


def compared_with(approved: Sequence[str]) -> str:
    return f"compared with {', '.join(approved) or 'no approved model: there is none yet'}"


def plot(key: str, description: str, address: str) -> None:
    """Embed the plot, because a browser cannot read the bucket. A plot that is too large is skipped."""
    picture = objects.read(address)
    if len(picture) > _MAX_PLOT_BYTES:
        log("the plot is too large for the run's page", plot=address, bytes=len(picture))
        return
    create_image_artifact(
        key=key,
        description=f"{description} ({address})",
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
