"""The ledger of external jobs: a row is written before a job is started, so that no job can be lost.

A row's id is derived from the work (its inputs and the snapshot that it builds on), not from the flow run. A run that was
killed and a run that repeats it therefore meet at the same row, and the second takes up what the first had started.

Whoever works on a row holds a lease that it renews while it works. Only when the lease has run out may another take the
row over. Every write is a compare-and-swap on the row as its writer last saw it, and a new holder raises the row's token:
a holder that slept through its lease learns so from its next write, and must not start or note anything.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from tasks.errors import TransientError, aws_failures
from tasks.services import aws
from tasks.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

# PREPARING: surely nothing was started. STARTING: it may have been. RUNNING: it was, and external_id says as what.
Status = Literal["PREPARING", "STARTING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED"]
OPEN: tuple[Status, ...] = ("PREPARING", "STARTING", "RUNNING")
HEARTBEATS_A_LEASE = 4
_KEPT_FOR_SECONDS = 30 * 24 * 3600
_PROCESS = uuid4().hex[:12]


class LeaseLost(TransientError):
    """Another run holds the row now, or somebody closed it: what this one was about to do is no longer its to do."""


@dataclass(frozen=True)
class Entry:
    id: str
    """The work's key."""
    kind: str
    """Which service does the work: it says how to find and stop the job."""
    name: str
    """What that service calls the job."""
    owner: str
    """The flow run that asked."""
    holder: str
    """The process that works on it: the same flow run may be executed by two."""
    attempt: int
    """Each writes to a place of its own."""
    token: int
    """Raised by each new holder and each new attempt."""
    status: Status
    external_id: str | None
    lease_expires_at: float

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def tag(self) -> str:
        """What an attempt's job is marked with, so that it is found again when nobody noted its id."""
        return f"{self.id}#{self.attempt}"

    @property
    def seconds_left(self) -> float:
        return self.lease_expires_at - now()

    def is_held_by(self, owner: str) -> bool:
        return self.holder == _holder(owner)


def now() -> float:
    return time.time()


def heartbeat_seconds() -> float:
    return settings().lease_seconds / HEARTBEATS_A_LEASE


def get(work: str) -> Entry | None:
    with aws_failures(f"reading ledger row {work} of {settings().ledger_table}"):
        item = (
            aws.dynamodb()
            .get_item(TableName=settings().ledger_table, Key={"id": {"S": work}}, ConsistentRead=True)
            .get("Item")
        )
    return _entry(item) if item else None


def claim(work: str, kind: str, name: str, owner: str) -> Entry | None:
    """Hold the work's row: a new one, the next attempt of a failed one, or one whose holder let its lease run out.

    A row that succeeded is returned as it is. None: another run holds it, or was faster; look again in a while.
    """
    seen = get(work)
    if seen and seen.status == "SUCCEEDED":
        return seen
    if seen is None:
        wanted = Entry(work, kind, name, owner, _holder(owner), 1, 1, "PREPARING", None, _lease())
    elif not seen.is_open:
        wanted = next_attempt(_taken(seen, owner))
    elif seen.is_held_by(owner) or seen.seconds_left <= 0:
        wanted = _taken(seen, owner)
    else:
        return None
    return wanted if swap(seen, wanted) else None


def once(what: str, owner: str) -> bool:
    """True for the first who asks, of all processes: what must happen once is theirs to do."""
    seen = get(what)
    if seen and seen.status == "SUCCEEDED":
        return False
    token = seen.token + 1 if seen else 1
    return swap(seen, Entry(what, "mark", what, owner, uuid4().hex, 1, token, "SUCCEEDED", None, _lease()))


def is_done(what: str) -> bool:
    seen = get(what)
    return seen is not None and seen.status == "SUCCEEDED"


def not_after_all(what: str) -> None:
    """Who was to do it could not: the next who asks is the first."""
    if seen := get(what):
        swap(seen, replace(seen, token=seen.token + 1, status="FAILED"))


def take_over(seen: Entry, owner: str) -> Entry | None:
    """Hold a row as it is, whoever held it: its holder is known to be gone, or its lease has run out."""
    wanted = _taken(seen, owner)
    return wanted if swap(seen, wanted) else None


def next_attempt(entry: Entry) -> Entry:
    return replace(
        entry, attempt=entry.attempt + 1, token=entry.token + 1, status="PREPARING", external_id=None
    )


def renew(entry: Entry, **changes: Any) -> Entry:
    """Still ours, for another lease; with what there is to note. Raises LeaseLost when it is not."""
    wanted = replace(entry, lease_expires_at=_lease(), **changes)
    if not swap(entry, wanted):
        raise LeaseLost(
            f"ledger row {entry.id}: flow run {entry.owner} no longer holds attempt {entry.attempt}. Another run has "
            "taken it over or closed it; run again if nobody did."
        )
    return wanted


def swap(seen: Entry | None, wanted: Entry) -> bool:
    """Write the row, if it is still as it was seen."""
    condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(id)"}
    if seen:
        condition = {
            "ConditionExpression": "#t = :token AND #s = :status AND lease_expires_at = :lease",
            "ExpressionAttributeNames": {"#t": "token", "#s": "status"},
            "ExpressionAttributeValues": {
                ":token": {"N": str(seen.token)},
                ":status": {"S": seen.status},
                ":lease": {"N": str(seen.lease_expires_at)},
            },
        }
    dynamodb = aws.dynamodb()
    with aws_failures(f"writing ledger row {wanted.id} of {settings().ledger_table}"):
        try:
            dynamodb.put_item(TableName=settings().ledger_table, Item=_item(wanted), **condition)
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return (
                get(wanted.id) == wanted
            )  # the answer to our own write was lost, and the client had repeated it
    return True


def open_entries() -> Iterator[Entry]:
    """Every row whose work may be under way."""
    placeholders = {f":s{n}": {"S": status} for n, status in enumerate(OPEN)}
    return _scan(f"#f IN ({', '.join(placeholders)})", "status", placeholders)


def every_entry() -> Iterator[Entry]:
    """Also of work that is done: whoever asks for it again is given what it wrote."""
    return _scan("#f <> :nothing", "id", {":nothing": {"S": "-"}})


def entries_of(owner: str) -> Iterator[Entry]:
    """Every row that a flow run holds or held last, open or not."""
    return _scan("#f = :owner", "owner", {":owner": {"S": owner}})


def _scan(condition: str, field: str, values: dict[str, Any]) -> Iterator[Entry]:
    """The table holds a month of work at most (TTL), so reading it whole is cheap."""
    with aws_failures(f"scanning ledger {settings().ledger_table}"):
        pages = (
            aws.dynamodb()
            .get_paginator("scan")
            .paginate(
                TableName=settings().ledger_table,
                ConsistentRead=True,
                FilterExpression=condition,
                ExpressionAttributeNames={"#f": field},
                ExpressionAttributeValues=values,
            )
        )
        for page in pages:
            yield from (_entry(item) for item in page["Items"])


def _holder(owner: str) -> str:
    return f"{owner}@{_PROCESS}"


def _lease() -> float:
    return round(now() + settings().lease_seconds, 3)


def _taken(seen: Entry, owner: str) -> Entry:
    return replace(seen, owner=owner, holder=_holder(owner), token=seen.token + 1, lease_expires_at=_lease())


def _entry(item: dict[str, AttributeValueTypeDef]) -> Entry:
    status: Any = item["status"]["S"]
    return Entry(
        id=item["id"]["S"],
        kind=item["kind"]["S"],
        name=item["name"]["S"],
        owner=item["owner"]["S"],
        holder=item["holder"]["S"],
        attempt=int(item["attempt"]["N"]),
        token=int(item["token"]["N"]),
        status=status,
        external_id=item.get("external_id", {}).get("S"),
        lease_expires_at=float(item["lease_expires_at"]["N"]),
    )


def _item(entry: Entry) -> dict[str, Any]:
    item: dict[str, Any] = {
        **{name: {"S": getattr(entry, name)} for name in ("id", "kind", "name", "owner", "holder", "status")},
        "attempt": {"N": str(entry.attempt)},
        "token": {"N": str(entry.token)},
        "lease_expires_at": {"N": str(entry.lease_expires_at)},
        "expires_at": {"N": str(int(now()) + _KEPT_FOR_SECONDS)},  # the table's TTL: then the row goes
    }
    if entry.external_id:
        item["external_id"] = {"S": entry.external_id}
    return item
