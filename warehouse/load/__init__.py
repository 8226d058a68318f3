"""The load of one Iceberg snapshot of one dataset, as ordered lists of statements.

First the staging, where DDL would commit a transaction. Then the changes, all in one: infer unknown members, MERGE,
recompute, record.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from warehouse.columns import DATASETS, staged
from warehouse.load import inventory, market, promotions, sales
from warehouse.load.dimensions import DIMENSIONS, merge_master
from warehouse.load.staging import count_text, stage
from warehouse.statement import Kind, Statement

# Masters first, so that facts find their members; sales before inventory, which reads them.
LOAD_ORDER = ("sku", "geography", "customer", "sales", "inventory", "market", "promotions")


def staging_table(dataset: str) -> str:
    if dataset not in DATASETS:
        raise ValueError(f"{dataset!r} is not a dataset of the warehouse: one of {', '.join(DATASETS)}")
    return f"CURATED.{dataset.upper()}_STAGE"


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
    if (promotion_snapshots or sighting_files) and dataset != "promotions":
        raise ValueError(f"calendars and sightings belong to promotions, not to {dataset}")
    return [
        *stage_statements(dataset, files, sighting_files),
        *change_statements(
            dataset, len(files), snapshot_id, sequence, run_id, promotion_snapshots, bool(sighting_files)
        ),
    ]


def stage_statements(
    dataset: str, files: Sequence[str], sighting_files: Sequence[str] = ()
) -> list[Statement]:
    staging = staging_table(dataset)
    return [*stage(staging, staged(dataset), files), *promotions.stage_sightings(staging, sighting_files)]


def count_staged(dataset: str) -> Statement:
    return Statement("count staged rows", count_text(staging_table(dataset)))


def change_statements(
    dataset: str,
    files: int,
    snapshot_id: int,
    sequence: int,
    run_id: str,
    promotion_snapshots: Sequence[date] = (),
    has_sightings: bool = False,
) -> list[Statement]:
    """Nothing but DML: they are one transaction."""
    staging = staging_table(dataset)
    return [
        *_apply(dataset, staging, snapshot_id, promotion_snapshots, has_sightings),
        record(dataset, staging, snapshot_id, sequence, run_id, files),
    ]


def _apply(
    dataset: str, staging: str, snapshot_id: int, snapshots: Sequence[date], has_sightings: bool
) -> list[Statement]:
    if dataset in DIMENSIONS:
        return [merge_master(DIMENSIONS[dataset], staging)]
    if dataset == "promotions":
        return promotions.statements(staging, snapshots, has_sightings)
    if dataset == "sales":
        return sales.statements(staging, snapshot_id)
    if dataset == "inventory":
        return inventory.statements(staging)
    return market.statements(staging)


def record(dataset: str, staging: str, snapshot_id: int, sequence: int, run_id: str, files: int) -> Statement:
    """Once for each snapshot, also where the connector sends the statement twice."""
    return Statement(
        "record",
        f"""INSERT INTO MONITORING.LOADS
    (dataset, snapshot_id, sequence_number, run_id, files, rows_staged, loaded_at)
SELECT %s, %s, %s, %s, %s, staged.row_count, CURRENT_TIMESTAMP()
FROM (SELECT COUNT(*) AS row_count FROM {staging}) staged
WHERE NOT EXISTS (SELECT 1 FROM MONITORING.LOADS WHERE dataset = %s AND snapshot_id = %s)""",
        (dataset, snapshot_id, sequence, run_id, files, dataset, snapshot_id),
        kind=Kind.QUICK,
    )
