"""A run's page in the UI: its files with their figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from prefect.artifacts import create_table_artifact

from tasks.inbox.ending import Ended
from tasks.inbox.settling import LOADED, REFUSED, UNCHANGED

_ROWS_MOST = 500


def summary(ended: Sequence[Ended], refused_before: int) -> str:
    counts = Counter(each.status for each in ended)
    rows = sum(each.rows_loaded or 0 for each in ended if each.status == LOADED)
    broken = sum(each.rows_quarantined or 0 for each in ended if each.status == LOADED)
    told = (
        f"{counts[LOADED]} files loaded ({rows:,} rows, {broken:,} quarantined), {counts[UNCHANGED]} unchanged, "
        f"{counts[REFUSED]} refused"
    )
    return f"{told}; {refused_before} refused before wait for a correction" if refused_before else told


def page(ended: Sequence[Ended], told: str) -> None:
    """Refused files first."""
    ordered = sorted(ended, key=lambda each: (each.status != REFUSED, each.version.arrival))
    create_table_artifact(
        key="inbox-files",
        description=f"{told}. records = header lines + loaded + quarantined + blank lines"
        + (
            f" (first {_ROWS_MOST} shown; all are in MONITORING.INBOX_FILES)"
            if len(ordered) > _ROWS_MOST
            else ""
        ),
        table=[
            {
                "file": each.version.key,
                "status": each.status,
                "records": each.figures.get("records"),
                "header lines": each.figures.get("header_lines"),
                "loaded": each.rows_loaded,
                "quarantined": each.rows_quarantined,
                "blank lines": each.figures.get("blank_lines"),
                "encoding": each.figures.get("encoding"),
                "delimiter": each.figures.get("delimiter"),
                "message": each.message,
            }
            for each in ordered[:_ROWS_MOST]
        ],
    )
