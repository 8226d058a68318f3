"""DW.DIM_CUSTOMER_PROFILE: each customer as the newest snapshot that has him shows him, active if that is the newest of all.

Any order of snapshot dates gives the same table. A date that is loaded again is a redelivery: its last load counts.
"""

from __future__ import annotations

from warehouse.load.dimensions import NOW
from warehouse.load.marketing.staged import CUSTOMERS
from warehouse.load.merge import merge_text
from warehouse.statement import Statement

TABLE = "DW.DIM_CUSTOMER_PROFILE"
FIRST_LINES = f"""(
    SELECT *
    FROM {CUSTOMERS}
    QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY source_file, line_number) = 1
)"""

_SHOWN = ("first_name", "last_name", "email", "email_hash", "region", "signup_date")
_COLUMNS = (
    "customer_id",
    "customer_key",
    *_SHOWN,
    "is_active",
    "snapshot_date",
    "source_file",
    "run_id",
)


def merge_snapshot() -> list[Statement]:
    return [
        Statement("merge customers", merge_customers_text()),
        Statement("mark who has left", mark_inactive_text()),
    ]


def merge_customers_text() -> str:
    differs = " OR ".join(f"tgt.{name} IS DISTINCT FROM src.{name}" for name in (*_SHOWN, "is_active"))
    return merge_text(
        TABLE,
        _snapshot_text(),
        ["customer_id"],
        _COLUMNS,
        newer="src.snapshot_date >= tgt.snapshot_date",
        inserted={"created_at": NOW, "updated_at": NOW},
        updated={"updated_at": f"CASE WHEN {differs} THEN {NOW} ELSE tgt.updated_at END"},
    )


def _snapshot_text() -> str:
    columns = ", ".join(f"line.{name}" for name in _COLUMNS if name != "is_active")
    is_newest = "line.snapshot_date >= COALESCE(newest.snapshot_date, line.snapshot_date)"
    return (
        f"SELECT {columns}, {is_newest} AS is_active\n    FROM {FIRST_LINES} line\n"
        f"    CROSS JOIN (SELECT MAX(snapshot_date) AS snapshot_date FROM {TABLE}) newest"
    )


def mark_inactive_text() -> str:
    """Whom the newest snapshot lacks: he is in an older one, or was in an earlier delivery of this one."""
    return f"""UPDATE {TABLE}
SET is_active = FALSE, updated_at = {NOW}
FROM (
    SELECT DISTINCT profile.customer_id
    FROM {TABLE} profile
    CROSS JOIN (SELECT MAX(snapshot_date) AS snapshot_date FROM {TABLE}) newest
    CROSS JOIN (SELECT MAX(snapshot_date) AS snapshot_date FROM {CUSTOMERS}) loaded
    LEFT JOIN {CUSTOMERS} line ON line.customer_id = profile.customer_id
    WHERE profile.is_active AND (
        profile.snapshot_date < newest.snapshot_date
        OR (profile.snapshot_date = loaded.snapshot_date AND line.customer_id IS NULL)
    )
) gone
WHERE DIM_CUSTOMER_PROFILE.customer_id = gone.customer_id"""
