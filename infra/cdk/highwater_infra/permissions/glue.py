"""What a flow run needs for its Glue jobs."""

from __future__ import annotations

from highwater_infra.permissions.statement import Statement, arn


def jobs(*names: str) -> Statement:
    return Statement(
        ["glue:GetJob", "glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"],
        [arn("glue", f"job/{name}") for name in names],
    )
