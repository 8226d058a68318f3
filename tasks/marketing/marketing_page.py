"""A run's pages in the UI: its files with their figures, and its checks. No value of a row is ever shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prefect.artifacts import create_table_artifact

from tasks.marketing.checks import is_critical
from tasks.marketing.loading import Day
from tasks.publishing.quality import Finding

_ROWS_MOST = 500


def files_page(day: Day, strange: Sequence[str]) -> None:
    shown = [
        {
            "file": file.key,
            "records": file.records,
            "header lines": file.header_lines,
            "loaded": file.rows,
            "quarantined": file.quarantined,
            "blank lines": file.blank_lines,
            "refused because": file.refusal,
        }
        for judged in day.judged
        for file in judged.files
    ]
    shown += [{"file": key, "refused because": "its name says neither CSV nor JSON"} for key in strange]
    create_table_artifact(
        key="marketing-files",
        description="records = header lines + loaded + quarantined + blank lines; broken rows are in RAW.QUARANTINED_ROWS",
        table=shown[:_ROWS_MOST],
    )


def checks_page(findings: Iterable[Finding]) -> None:
    """Failed ones first."""
    create_table_artifact(
        key="marketing-checks",
        description="All are in MONITORING.DQ_CHECK_LOGS. If a critical one fails, nothing is merged.",
        table=[
            {
                "dataset": finding.dataset,
                "check": finding.metric,
                "value": finding.value,
                "limit": finding.threshold,
                "result": "ok" if finding.passed else "critical" if is_critical(finding) else "warning",
                "detail": finding.detail,
            }
            for finding in sorted(findings, key=lambda each: each.passed)
        ],
    )
