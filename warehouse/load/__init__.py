"""The load of one Iceberg snapshot of one dataset, as an ordered list of statements.

Stage, infer unknown members, MERGE, recompute, record. A load that dies anywhere is run again from its first statement; the
record is the last one, so a snapshot counts as loaded only when all of it is in the DW.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from warehouse.columns import DATASETS, staged
from warehouse.load import inventory, market, promotions, sales
from warehouse.load.dimensions import DIMENSIONS, merge_master
from warehouse.load.staging import stage
from warehouse.statement import Statement

# Masters first, so that facts find their members; sales before inventory, which reads them.
LOAD_ORDER = ("sku", "geography", "customer", "sales", "inventory", "market", "promotions")


def staging_table(dataset: str, snapshot_id: int) -> str:
    """Of its own for each snapshot: two runs that load at the same time must not find each other's rows."""
    if dataset not in DATASETS:
        raise ValueError(f"{dataset!r} is not a dataset of the warehouse: one of {', '.join(DATASETS)}")
    return f"CURATED.{dataset.upper()}_STAGE_{int(snapshot_id)}"


def load_statements(
    dataset: str,
    files: Sequence[str],
    snapshot_id: int,
    sequence: int,
    run_id: str,
    *,
    promotion_snapshots: Sequence[date] = (),
    sighting_files: Sequence[str] = (),
) -> list[Statement]:
    staging = staging_table(dataset, snapshot_id)
    if (promotion_snapshots or sighting_files) and dataset != "promotions":
        raise ValueError(f"calendars and sightings belong to promotions, not to {dataset}")
    return [
        *stage(staging, staged(dataset), files),
        *_apply(dataset, staging, snapshot_id, promotion_snapshots, sighting_files),
        record(dataset, staging, snapshot_id, sequence, run_id, len(files)),
    ]


def _apply(
    dataset: str, staging: str, snapshot_id: int, snapshots: Sequence[date], sighting_files: Sequence[str]
) -> list[Statement]:
    if dataset in DIMENSIONS:
        return [merge_master(DIMENSIONS[dataset], staging)]
    if dataset == "promotions":
        return promotions.statements(staging, snapshots, sighting_files)
    if dataset == "sales":
        return sales.statements(staging, snapshot_id)
    if dataset == "inventory":
        return inventory.statements(staging)
    return market.statements(staging)


def record(dataset: str, staging: str, snapshot_id: int, sequence: int, run_id: str, files: int) -> Statement:
    return Statement(
        "record",
        f"""INSERT INTO MONITORING.LOADS
    (dataset, snapshot_id, sequence_number, run_id, files, rows_staged, loaded_at)
SELECT %s, %s, %s, %s, %s, staged.row_count, CURRENT_TIMESTAMP()
FROM (SELECT COUNT(*) AS row_count FROM {staging}) staged
WHERE NOT EXISTS (SELECT 1 FROM MONITORING.LOADS WHERE dataset = %s AND snapshot_id = %s)""",
        (dataset, snapshot_id, sequence, run_id, files, dataset, snapshot_id),
    )


def count_staged(dataset: str, snapshot_id: int) -> Statement:
    return Statement("count staged rows", f"SELECT COUNT(*) FROM {staging_table(dataset, snapshot_id)}")


def clear_staging(dataset: str, snapshot_id: int) -> list[Statement]:
    """The last thing. A load that was killed before it is repeated with the same names, and clears them then."""
    staging = staging_table(dataset, snapshot_id)
    names = [staging, promotions.sighted_staging(staging)] if dataset == "promotions" else [staging]
    return [Statement("clear staging", f"DROP TABLE IF EXISTS {name}") for name in names]
