"""DW.FACT_CLICK_EVENTS: each event once, as its latest delivery has it, with the session that it belongs to.

The latest delivery is that of the later partition, then the one with the greater hash: which run came first does not matter.
"""

from __future__ import annotations

from warehouse.load.dimensions import NOW
from warehouse.load.marketing import sessions
from warehouse.load.marketing.staged import EVENTS, TOUCHED
from warehouse.load.merge import merge_text
from warehouse.statement import Statement

TABLE = sessions.TABLE
_COLUMNS = (
    "event_id",
    "user_id",
    "customer_key",
    "event_type",
    "page_url",
    "event_timestamp",
    "duration_ms",
    "is_late",
    "properties",
    "content_hash",
    "source_date",
    "source_file",
    "run_id",
)
_COMPUTED = {
    "event_timestamp": "event.timestamp AS event_timestamp",
    "is_late": "event.timestamp::DATE < event.source_date AS is_late",
}
_NEWER = (
    "(src.source_date > tgt.source_date"
    " OR (src.source_date = tgt.source_date AND src.content_hash > tgt.content_hash))"
)
_LATEST = f"""SELECT {", ".join(_COMPUTED.get(name, f"event.{name}") for name in _COLUMNS)}
    FROM {EVENTS} event
    QUALIFY ROW_NUMBER() OVER (
        PARTITION BY event.event_id
        ORDER BY event.source_date DESC, event.content_hash DESC, event.source_file, event.line_number
    ) = 1"""


def merge_events() -> list[Statement]:
    return [
        Statement("record where sessions may change", touch_text()),
        Statement("merge events", merge_events_text()),
        Statement("part the changed sessions", sessions.part_text()),
    ]


def touch_text() -> str:
    """A replaced event changes the sessions where it was, too: it may have had another time or another user."""
    return f"""INSERT INTO {TOUCHED} (user_id, event_timestamp)
SELECT point.user_id, point.event_timestamp
FROM (
    SELECT src.user_id, src.event_timestamp
    FROM (
    {_LATEST}
    ) src
    LEFT JOIN {TABLE} tgt ON tgt.event_id = src.event_id
    WHERE tgt.event_id IS NULL OR {_NEWER}
    UNION ALL
    SELECT tgt.user_id, tgt.event_timestamp
    FROM (
    {_LATEST}
    ) src
    JOIN {TABLE} tgt ON tgt.event_id = src.event_id
    WHERE {_NEWER}
) point
WHERE point.user_id IS NOT NULL"""


def merge_events_text() -> str:
    """An event that is new or replaced has no session until `sessions.part_text` gives it one."""
    return merge_text(
        TABLE,
        _LATEST,
        ["event_id"],
        _COLUMNS,
        newer=_NEWER,
        inserted={"created_at": NOW, "updated_at": NOW},
        updated={"session_id": "NULL", "updated_at": NOW},
    )
