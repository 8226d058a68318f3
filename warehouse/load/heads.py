"""MONITORING.LOAD_HEADS: the snapshot of each dataset that the DW holds. A load moves it from the one that it builds on.

It moves under the write lock, in the transaction of the load's MERGE. Where it does not, another run loaded meanwhile.
"""

from __future__ import annotations

from warehouse.statement import Kind, Statement


def ask(dataset: str) -> Statement:
    return Statement(
        f"asking for the last load of {dataset}",
        "SELECT snapshot_id, sequence_number FROM MONITORING.LOAD_HEADS WHERE dataset = %s",
        (dataset,),
        kind=Kind.QUICK,
    )


def add(dataset: str) -> Statement:
    """For a dataset that no migration named, or whose row a person deleted to have everything loaded again."""
    return Statement(
        f"adding a head for {dataset}",
        "INSERT INTO MONITORING.LOAD_HEADS (dataset) SELECT %s"
        " WHERE NOT EXISTS (SELECT 1 FROM MONITORING.LOAD_HEADS WHERE dataset = %s)",
        (dataset, dataset),
        kind=Kind.QUICK,
    )


def move(dataset: str, expected: int | None, snapshot_id: int, sequence: int, run_id: str) -> Statement:
    return Statement(
        f"moving the head of {dataset}",
        "UPDATE MONITORING.LOAD_HEADS SET snapshot_id = %s, sequence_number = %s, run_id = %s,"
        " moved_at = CURRENT_TIMESTAMP() WHERE dataset = %s AND snapshot_id IS NOT DISTINCT FROM %s",
        (snapshot_id, sequence, run_id, dataset, expected),
        kind=Kind.QUICK,
    )
