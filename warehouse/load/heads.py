"""MONITORING.LOAD_HEADS: the last snapshot of each dataset that was loaded into the DW.

A load moves the head from the previous snapshot to its own, under the write lock, in the same transaction as its MERGE. If
the head is not at the expected snapshot, another run has loaded meanwhile.
"""

from __future__ import annotations

from warehouse.statement import Kind, Statement


def read(dataset: str) -> Statement:
    return Statement(
        f"reading the last load of {dataset}",
        "SELECT snapshot_id, sequence_number FROM MONITORING.LOAD_HEADS WHERE dataset = %s",
        (dataset,),
        kind=Kind.QUICK,
    )


def add(dataset: str) -> Statement:
    """Add a head: for a dataset that no migration added, or whose row was deleted by hand to reload everything."""
    return Statement(
        f"adding a head for {dataset}",
        "INSERT INTO MONITORING.LOAD_HEADS (dataset) SELECT %s"
        " WHERE NOT EXISTS (SELECT 1 FROM MONITORING.LOAD_HEADS WHERE dataset = %s)",
        (dataset, dataset),
        kind=Kind.QUICK,
    )


def move(dataset: str, expected: int | None, snapshot_id: int, sequence: int, run_id: str) -> Statement:
    """Move the head, if it is still at `expected`."""
    return Statement(
        f"moving the head of {dataset}",
        "UPDATE MONITORING.LOAD_HEADS SET snapshot_id = %s, sequence_number = %s, run_id = %s,"
        " moved_at = CURRENT_TIMESTAMP() WHERE dataset = %s AND snapshot_id IS NOT DISTINCT FROM %s",
        (snapshot_id, sequence, run_id, dataset, expected),
        kind=Kind.QUICK,
    )
