"""One row of the ledger: read it, write it if it is unchanged since it was read, and find it while it is open.

The ledger is one table and holds four things, each with a module of its own: jobs of other services (job_entry.py, and
job_list.py by run), leases of runs (run_lease.py), turns at what runs change (turn.py) and marks of what was done
(marks.py).

Few rows are open, many are closed. A row has the attribute `open` only while it is open, and the index of that name
holds only such rows. A closed row has the attribute `expires_at`, by which the table deletes it after a month; an open
row never expires.

An index is eventually consistent with its table. So a row that it names is read again from the table before anyone acts
on it. A row that it does not contain yet is about a second old, so its lease of a minute cannot have expired.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar

from deployments import names
from tasks.errors import aws_failures
from tasks.services import aws
from tasks.settings import settings

_KEPT_FOR_SECONDS = 30 * 24 * 3600
_NUMBERS = {"int": int, "float": float}
Item = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Row:
    id: str
    token: int
    """Raised by each new owner and each new attempt."""
    status: str

    THING: ClassVar[str]
    """What an open row is listed as."""
    CHANGING: ClassVar[tuple[str, ...]] = ("token", "status")
    """A write is refused when one of these is not as it was seen."""

    @property
    def is_open(self) -> bool:
        return False


R = TypeVar("R", bound=Row)


def stored_as(name: str) -> Any:
    """A field whose attribute in the table has another name, for compatibility with rows of earlier releases."""
    return field(metadata={"stored": name})


def now() -> float:
    return time.time()


def get(kind: type[R], id_: str) -> R | None:
    with aws_failures(f"reading ledger row {id_} of {settings().ledger_table}"):
        answer = aws.dynamodb().get_item(
            TableName=settings().ledger_table, Key={"id": {"S": id_}}, ConsistentRead=True
        )
    return _row(kind, answer["Item"]) if "Item" in answer else None


def swap(seen: R | None, wanted: R) -> bool:
    """Write the row if it is unchanged since it was read."""
    dynamodb = aws.dynamodb()
    with aws_failures(f"writing ledger row {wanted.id} of {settings().ledger_table}"):
        try:
            dynamodb.put_item(TableName=settings().ledger_table, Item=_item(wanted), **_unless_changed(seen))
        except dynamodb.exceptions.ConditionalCheckFailedException:
            # The client may have retried our own write after its answer was lost.
            return get(type(wanted), wanted.id) == wanted
    return True


def open_rows(kind: type[R]) -> Iterator[R]:
    """All open rows of a kind, read from the table."""
    found = (get(kind, id_) for id_ in _open_ids(kind.THING))
    return (row for row in found if row and row.is_open)


def ids_of(kind: str) -> Iterator[str]:
    """The ids of all rows of a kind, open or closed. Scans the table: for maintenance, not for a daily run."""
    with aws_failures(f"reading the rows of kind {kind} in ledger {settings().ledger_table}"):
        pages = (
            aws.dynamodb()
            .get_paginator("scan")
            .paginate(
                TableName=settings().ledger_table,
                ConsistentRead=True,
                ProjectionExpression="id",
                FilterExpression="#kind = :kind",
                ExpressionAttributeNames={"#kind": "kind"},
                ExpressionAttributeValues={":kind": _typed(kind)},
            )
        )
        for page in pages:
            yield from (item["id"]["S"] for item in page["Items"])


def forget_at() -> int:
    return int(now()) + _KEPT_FOR_SECONDS


def _open_ids(thing: str) -> Iterator[str]:
    """The ids of open rows. The index holds keys only, so a heartbeat does not write to it."""
    with aws_failures(f"looking for open rows ({thing}) in ledger {settings().ledger_table}"):
        pages = (
            aws.dynamodb()
            .get_paginator("query")
            .paginate(
                TableName=settings().ledger_table,
                IndexName=names.OPEN_ROWS,
                KeyConditionExpression="#open = :thing",
                ExpressionAttributeNames={"#open": "open"},
                ExpressionAttributeValues={":thing": {"S": thing}},
            )
        )
        for page in pages:
            yield from (item["id"]["S"] for item in page["Items"])


def _unless_changed(seen: Row | None) -> dict[str, Any]:
    if seen is None:
        return {"ConditionExpression": "attribute_not_exists(id)"}
    return {
        "ConditionExpression": " AND ".join(f"#{name} = :{name}" for name in seen.CHANGING),
        "ExpressionAttributeNames": {f"#{name}": name for name in seen.CHANGING},
        "ExpressionAttributeValues": {f":{name}": _typed(getattr(seen, name)) for name in seen.CHANGING},
    }


def _item(row: Row) -> Item:
    values = {f.metadata.get("stored", f.name): getattr(row, f.name) for f in fields(row)}
    item = {name: _typed(value) for name, value in values.items() if value is not None}
    if row.is_open:
        return {**item, "open": _typed(row.THING)}
    return {**item, "expires_at": _typed(forget_at())}


def _row(kind: type[R], item: Item) -> R:
    values = {}
    for f in fields(kind):
        text = next(iter(item.get(f.metadata.get("stored", f.name), {"S": None}).values()))
        values[f.name] = _NUMBERS[str(f.type)](text) if f.type in _NUMBERS else text
    return kind(**values)


def _typed(value: str | int | float) -> dict[str, str]:
    return {"S": value} if isinstance(value, str) else {"N": str(value)}
