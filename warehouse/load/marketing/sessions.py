"""Sessions: a user's events without a gap of more than 30 minutes. The id is a hash of the user and the first event's time.

No user has two sessions that begin at the same time, so neither ties nor a replaced event make the id ambiguous.

Only what can change is parted again: the events without a session, and every session that has an event within 30 minutes of
a changed one, where it is now or where it was. Any other session is further than 30 minutes from all of these, so what is
computed is what a rebuild would give, whatever the age of the events.
"""

from __future__ import annotations

from warehouse.load.dimensions import NOW
from warehouse.load.marketing.staged import TOUCHED

TABLE = "DW.FACT_CLICK_EVENTS"
GAP_MINUTES = 30


def part_text() -> str:
    return f"""UPDATE {TABLE}
SET session_id = parted.session_id, updated_at = {NOW}
FROM (
    WITH touched AS (
        {_touched_text()}
    ),
    affected AS (
        SELECT DISTINCT event.user_id, event.session_id
        FROM {TABLE} event
        JOIN touched ON touched.user_id = event.user_id
        WHERE event.event_timestamp BETWEEN touched.from_time AND touched.to_time
            AND event.session_id IS NOT NULL
    ),
    events AS (
        SELECT event.event_id, event.user_id, event.event_timestamp
        FROM {TABLE} event
        JOIN affected ON affected.user_id = event.user_id AND affected.session_id = event.session_id
        UNION ALL
        SELECT event.event_id, event.user_id, event.event_timestamp
        FROM {TABLE} event
        WHERE event.session_id IS NULL AND event.user_id IS NOT NULL
    ),
    located AS (
        {_located_text("events", "event_id, ")}
    )
    SELECT event_id,
        SHA2(DATEDIFF(microsecond, '1970-01-01'::TIMESTAMP_NTZ, first_time)::VARCHAR || ' ' || user_id, 256) AS session_id
    FROM located
) parted
WHERE FACT_CLICK_EVENTS.event_id = parted.event_id
    AND FACT_CLICK_EVENTS.session_id IS DISTINCT FROM parted.session_id"""


def _touched_text() -> str:
    """Spans of time around the changed events, one for those that lie close together.

    A robot's day has many thousands of events of one user: joined with each of them, its sessions would take hours.
    """
    return f"""SELECT user_id,
            DATEADD(minute, -{GAP_MINUTES}, first_time) AS from_time,
            DATEADD(minute, {GAP_MINUTES}, MAX(event_timestamp)) AS to_time
        FROM (
        {_located_text(TOUCHED)}
        ) located
        GROUP BY user_id, first_time"""


def _located_text(rows: str, more: str = "") -> str:
    """The rows, each with the time at which its uninterrupted stretch began. RANGE: events of one time have one answer."""
    order = "PARTITION BY user_id ORDER BY event_timestamp"
    return f"""SELECT {more}user_id, event_timestamp,
            MAX(begins) OVER ({order} RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS first_time
        FROM (
            SELECT {more}user_id, event_timestamp,
                IFF(
                    LAG(event_timestamp) OVER ({order}) >= DATEADD(minute, -{GAP_MINUTES}, event_timestamp),
                    NULL,
                    event_timestamp
                ) AS begins
            FROM {rows}
        ) marked"""
