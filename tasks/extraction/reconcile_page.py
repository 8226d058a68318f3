"""What a reconciliation found, as a table in the UI and as a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prefect.artifacts import create_table_artifact

from tasks.extraction.reconciling import Reconciled
from tasks.extraction.source import Source

NOTHING = "nothing differs"
_KINDS = {
    "missing": "rows_missing",
    "changed in silence": "rows_changed",
    "set back": "rows_set_back",
    "found again": "rows_found_again",
    "vanished": "rows_vanished",
}


def summary(found: Sequence[Reconciled]) -> str:
    """A sentence on what differed."""
    return "; ".join(_differences(each) for each in found if each.differences) or NOTHING


def _differences(found: Reconciled) -> str:
    counts = {told: int(getattr(found, name)) for told, name in _KINDS.items()}
    return f"{found.entity}: " + ", ".join(f"{count:,} {told}" for told, count in counts.items() if count)


def page(source: Source, found: Sequence[Reconciled], failed: Mapping[str, str]) -> None:
    rows = [_row(each) for each in found]
    rows += [{"entity": entity, "notes": message} for entity, message in failed.items()]
    create_table_artifact(
        key="reconciliation",
        table=rows,
        description=f"How the lake differed from {source.pipeline}, and what the run added to it.",
    )


def _row(found: Reconciled) -> dict[str, object]:
    return {
        "entity": found.entity,
        "up to": found.watermark or "",
        "rows at the source": found.rows_source,
        "rows in the lake": found.rows_lake,
        "pending": found.rows_pending,
        "buckets": found.buckets,
        "buckets that differ": found.buckets_differing,
        **{told: getattr(found, name) for told, name in _KINDS.items()},
        "added": found.rows_added,
        "quarantined": found.rows_quarantined,
        "tombstones": found.tombstones,
        "notes": "; ".join(found.notes),
    }
