"""RAW.QUARANTINED_ROWS of a partition: what its last run could not use, and nothing of earlier runs of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from warehouse.columns import Columns
from warehouse.load.retail.loads import QUARANTINED
from warehouse.load.staging import stage
from warehouse.statement import Statement

STAGED = "CURATED.MARKETING_REJECTS_STAGE"
COLUMNS: Columns = {
    "kind": "VARCHAR",
    "batch_date": "DATE",
    "received_at": "TIMESTAMP_NTZ",
    "source_file": "VARCHAR",
    "version_id": "VARCHAR",
    "load_id": "VARCHAR",
    "record_number": "BIGINT",
    "line_number": "BIGINT",
    "byte_offset": "BIGINT",
    "raw_line": "VARCHAR",
    "reasons": "VARCHAR",
}


def stage_rejects(files: Sequence[str]) -> list[Statement]:
    return stage(STAGED, COLUMNS, files)


def replace_rejects(kind: str, day: date) -> list[Statement]:
    """Those of one kind and day. Both kinds are staged in one table."""
    names = ", ".join(COLUMNS)
    return [
        Statement(
            f"forget quarantined rows of {kind}",
            f"DELETE FROM {QUARANTINED} WHERE kind = %s AND batch_date = %s",
            (kind, str(day)),
        ),
        Statement(
            f"insert quarantined rows of {kind}",
            f"INSERT INTO {QUARANTINED} ({names}, loaded_at)\n"
            f"SELECT {names}, CURRENT_TIMESTAMP()\nFROM {STAGED} WHERE kind = %s",
            (kind,),
        ),
    ]
