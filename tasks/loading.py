"""The warehouse catches up with the lake by replaying the Iceberg log, snapshot by snapshot.

A run loads what its dataset's log holds beyond the last recorded load, whoever published it. A run that was killed between
publishing and loading is therefore made good by the next one, whatever date that one is for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tasks import lake, warehouse
from tasks.events import log

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

# Dimensions before facts spares most inferred members; sales before inventory, whose days of supply come from sales.
_ORDER = ("sku", "geography", "customer", "sales", "inventory", "market", "promotions")


def in_order(datasets: Iterable[str]) -> list[str]:
    return sorted(datasets, key=_ORDER.index)


def catch_up(connection: SnowflakeConnection, dataset: str, run_id: str) -> int:
    """Load every publication that the warehouse does not hold yet; returns how many there were."""
    table = lake.load(lake.CURATED, dataset)
    if table is None:
        return 0
    last = warehouse.last_loaded(connection, dataset)
    pending = list(lake.log_after(table, last.snapshot_id if last else None))
    for entry in pending:
        is_calendar = dataset == "promotions"
        sightings = [path for path in entry.notes.get("sightings", "").split(",") if path]
        warehouse.load(
            connection,
            dataset,
            entry.files,
            entry.snapshot_id,
            entry.sequence,
            run_id,
            promotion_snapshots=entry.raw_dates if is_calendar else (),
            sighting_files=sightings if is_calendar else (),
        )
    if not pending:
        log("nothing to load", dataset=dataset, run=run_id)
    return len(pending)
