"""Put a day's rows of gold.ml_features into the feature store: each (customer, event time) once, deleted customers not.

What is there already is left out, so that a run can be killed and started again: the online store tells at once what
its latest event is, the offline store the rest (a backfill's rows are older than what is served). Two runs at once, or a
repeated request, may still write a record twice: online it is the same, and of the offline store's rows the first counts
(tasks/features/offline.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from contracts.shop import customer_features
from contracts.shop.customer_features import COLUMNS, DELETED, IDENTIFIER
from tasks.errors import DataError
from tasks.events import log
from tasks.features import gold_features, offline, online
from tasks.features.feature_group import described
from tasks.features.online import Refused
from tasks.services import aws

_THREADS = 16
_REFUSED_AT_MOST = 1000
Row = Mapping[str, Any]


@dataclass
class Ingested:
    """What became of a day's rows: rows_in = put + already_there + deleted + len(refused)."""

    as_of: date
    snapshot: int | None = None
    """The snapshot of gold.ml_features whose rows these are."""
    rows_in: int = 0
    put: int = 0
    already_there: int = 0
    deleted: int = 0
    """Rows of deleted customers. None of them is served."""
    refused: dict[str, str] = field(default_factory=dict)
    """Why a customer's row is no record, by customer_id."""

    def add(self, part: Ingested) -> None:
        self.rows_in += part.rows_in
        self.put += part.put
        self.already_there += part.already_there
        self.deleted += part.deleted
        self.refused |= part.refused


def ingest(as_of: date, *, threads: int = _THREADS) -> Ingested:
    """Put the rows of a day. Raises DataError if there are none, or if more than 1,000 are refused."""
    group = described()
    there = offline.customers(group, as_of)
    aws.feature_store()  # made here once: threads that make clients at the same time fail
    total = Ingested(as_of, gold_features.snapshot())
    with ThreadPoolExecutor(threads, thread_name_prefix="features") as pool:
        under_way: deque[Future[Ingested]] = deque()
        try:
            for rows in _chunks(as_of, total.snapshot):
                if len(under_way) >= 2 * threads:
                    _add(total, under_way.popleft().result())
                under_way.append(pool.submit(_ingest, group.name, as_of, rows, there))
            while under_way:
                _add(total, under_way.popleft().result())
        finally:
            for future in under_way:
                future.cancel()
    log(
        "features ingested",
        as_of=as_of,
        rows=total.rows_in,
        put=total.put,
        already_there=total.already_there,
        deleted=total.deleted,
        refused=len(total.refused),
    )
    return total


def _chunks(as_of: date, snapshot: int | None) -> Iterator[Sequence[Row]]:
    for batch in gold_features.batches(as_of, (*COLUMNS, DELETED), snapshot):
        for start in range(0, batch.num_rows, online.AT_ONCE):
            yield batch.slice(start, online.AT_ONCE).to_pylist()


def _add(total: Ingested, part: Ingested) -> None:
    total.add(part)
    if len(total.refused) > _REFUSED_AT_MOST:
        id_, why = next(iter(total.refused.items()))
        raise DataError(
            f"more than {_REFUSED_AT_MOST} rows of gold.ml_features of {total.as_of} are refused by the feature store, "
            f"such as customer {id_}: {why} Correct gold, then run again: what was put stays and is not put twice."
        )


def _ingest(group: str, as_of: date, rows: Sequence[Row], there: Collection[str]) -> Ingested:
    """Rows that BatchGetRecord takes at once."""
    done = Ingested(as_of, rows_in=len(rows))
    known = online.event_times(group, [row[IDENTIFIER] for row in rows if row[IDENTIFIER]])
    ours, deletion = customer_features.event_time(as_of), customer_features.deletion_time(as_of)
    for row in rows:
        id_ = row[IDENTIFIER]
        served = known.get(id_)
        if row[DELETED]:
            if served is not None and served < deletion:
                online.delete(group, id_, deletion)
            done.deleted += 1
        elif served == ours or id_ in there:
            done.already_there += 1
        else:
            try:
                online.put(group, customer_features.record(row, as_of))
                done.put += 1
            except (Refused, ValueError) as refusal:
                done.refused[id_] = str(refusal)
    return done
