"""What a run extracted, as a table in the UI and as a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prefect.artifacts import create_table_artifact

from tasks.extraction.extracted import Extracted
from tasks.extraction.source import Source

NOTHING = "nothing changed"


def summary(found: Sequence[Extracted]) -> str:
    """A sentence on what is new."""
    new = [
        f"{each.rows_added:,} rows of {each.entity}"
        + (f" ({each.rows_quarantined:,} quarantined)" if each.rows_quarantined else "")
        for each in found
        if each.rows_added or each.rows_quarantined
    ]
    told = ", ".join(new) if new else NOTHING
    cut = [each.entity for each in found if not each.is_complete]
    return f"{told}; {', '.join(cut)}: the next run goes on" if cut else told


def page(source: Source, found: Sequence[Extracted], failed: Mapping[str, str]) -> None:
    rows = [_row(each) for each in found]
    rows += [{"entity": entity, "notes": message} for entity, message in failed.items()]
    create_table_artifact(
        key="extraction", table=rows, description=f"What the run extracted from {source.pipeline}."
    )


def _row(found: Extracted) -> dict[str, object]:
    return {
        "entity": found.entity,
        "after": found.low or "",
        "up to": found.high or "",
        "rows read": found.rows_read,
        "known already": found.rows_known,
        "added": found.rows_added,
        "quarantined": found.rows_quarantined,
        "commits": found.parts,
        "complete": "yes" if found.is_complete else "no: the next run goes on",
        "notes": "; ".join(found.notes),
    }
