"""Artifacts on a run's page: what champion and challenger showed, and the A/B report."""

from __future__ import annotations

from collections.abc import Sequence

from prefect.artifacts import create_table_artifact

from tasks.runs.run_page import rounded
from tasks.serving.ab_report import Part
from tasks.serving.deploying import Deployment
from tasks.serving.observing import Observation
from tasks.serving.rollout import failed


def rollout_table(seen: Observation, end: Deployment) -> None:
    """The figures of both variants, the limits, and where the version stands now."""
    figures = [
        {
            "figure": name,
            "champion": rounded(ours),
            "challenger": rounded(theirs),
            "limit": "",
            "verdict": "",
        }
        for name, ours, theirs in _pairs(seen)
    ]
    rules = [
        {
            "figure": verdict.figure,
            "champion": "",
            "challenger": rounded(verdict.value),
            "limit": rounded(verdict.limit),
            "verdict": verdict.outcome,
        }
        for verdict in seen.verdicts
    ]
    source = "sampled customers, sent to both" if seen.probed else "live traffic"
    create_table_artifact(
        key="model-rollout",
        description=f"{end.message}. Version {seen.challenger.version} beside version {seen.champion.version}, from "
        f"{source}: {seen.decision}{f', because of {why}' if (why := failed(seen.verdicts)) else ''}",
        table=[*rules, *figures],
    )


def ab_table(parts: Sequence[Part]) -> None:
    """A column per variant. `realised` is the share that churned, to be compared with `mean_probability`."""
    names = (
        *("n", "churned", "auc", "brier", "log_loss"),
        *("mean_probability", "realised", "not_known_yet"),
    )
    create_table_artifact(
        key="model-ab-report",
        description="Champion and challenger against what happened: a customer counts once per variant and day",
        table=[
            {"figure": name, **{part.variant: rounded(getattr(part, name)) for part in parts}}
            for name in names
        ],
    )


def _pairs(seen: Observation) -> list[tuple[str, float | None, float | None]]:
    both = (seen.champion, seen.challenger)
    return [
        (name, *(getattr(figures, name) for figures in both))
        for name in ("invocations", "errors", "latency_ms", "mean_score")
    ]
