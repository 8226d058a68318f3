"""The A/B report on a run's page."""

from __future__ import annotations

from collections.abc import Sequence

from prefect.artifacts import create_table_artifact

from tasks.runs.run_page import rounded
from tasks.serving.ab_report import Part


def ab_table(parts: Sequence[Part]) -> None:
    """A column per variant. `realised` is the share that churned, to be compared with `mean_probability`."""
    names = (
        *("n", "churned", "auc", "brier", "log_loss"),
        *("mean_probability", "realised", "not_known_yet"),
    )
    create_table_artifact(
        key="churn-ab",
        description="Champion and challenger against what happened: a customer counts once per variant and day",
        table=[
            {"figure": name, **{part.variant: rounded(getattr(part, name)) for part in parts}}
            for name in names
        ],
    )
