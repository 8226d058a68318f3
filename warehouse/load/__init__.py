"""Load one Iceberg snapshot of one dataset, as ordered lists of statements.

Staging comes first, on its own, because DDL would commit a transaction. The changes then run in one transaction: infer
unknown members, MERGE, recompute, record. Each domain's folder defines the changes of its datasets.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from contracts.language.dataset import ContractError, Dataset
from warehouse.columns import sighted, staged
from warehouse.load.snapshot import Apply, Snapshot
from warehouse.load.staging import count_text, stage
from warehouse.statement import Kind, Statement


def stage_statements(snapshot: Snapshot) -> list[Statement]:
    rows = stage(snapshot.staging, staged(snapshot.dataset), snapshot.files)
    if not snapshot.sightings:
        return rows
    return [*rows, *stage(snapshot.sighted_staging, sighted(snapshot.dataset), snapshot.sightings)]


def count_staged(snapshot: Snapshot) -> Statement:
    return Statement("count staged rows", count_text(snapshot.staging))


def change_statements(snapshot: Snapshot) -> list[Statement]:
    """The statements of the load's transaction. DML only, because DDL would commit it."""
    return [*_apply(snapshot.dataset)(snapshot), record(snapshot)]


def _apply(dataset: Dataset) -> Apply:
    module = f"warehouse.load.{dataset.domain}"
    try:
        loads: Mapping[str, Apply] = import_module(module).APPLY
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        loads = {}
    if dataset.name not in loads:
        raise ContractError(
            f"the warehouse has no load for {dataset.domain}.{dataset.name}: add it to APPLY in "
            f"warehouse/load/{dataset.domain}"
        )
    return loads[dataset.name]


def record(snapshot: Snapshot) -> Statement:
    return record_load(
        snapshot.dataset.table,
        snapshot.snapshot_id,
        snapshot.sequence,
        snapshot.run_id,
        len(snapshot.files),
        snapshot.staging,
    )


def record_load(
    dataset: str, snapshot_id: int, sequence: int, run_id: str, files: int, staging: str
) -> Statement:
    """Record the load, once per snapshot even if the connector sends the statement twice."""
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
