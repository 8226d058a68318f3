"""How far an entity was extracted: one item of a DynamoDB table, with a lease and a fencing token.

The item is state, not a cache: it never expires. Only the lease's holder advances it, by a conditional write, and only
after the rows are committed to the lake. A holder whose lease expired while it was paused has an old token, and its
write is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from tasks.errors import BusinessError, aws_failures
from tasks.leases import lease
from tasks.leases.lease import LeaseLost
from tasks.leases.rows import now
from tasks.services import aws
from tasks.settings import settings

_HISTORY = 200
"""Changes that are kept: an item of DynamoDB has at most 400 KB."""
_LISTED, _READ = TypeSerializer(), TypeDeserializer()
Item = dict[str, Any]


class EntityBusy(BusinessError):
    """Another run extracts the entity just now."""


@dataclass(frozen=True)
class Position:
    """Where a scan that was cut off goes on: after this row of its window (low, high]."""

    low: str
    high: str
    watermark: str
    key: tuple[Any, ...]
    part: int
    """How many parts of the window are in the lake."""
    question: str = ""
    """Digest of what was asked: the place means nothing for another query, watermark or key."""
    version: int = 0
    """The item's when the window was fixed: two windows of the same bounds are told apart by it."""

    def text(self) -> str:
        return json.dumps(vars(self) | {"key": list(self.key)}, sort_keys=True)

    @classmethod
    def of(cls, text: str) -> Position:
        found = json.loads(text)
        return cls(**{**found, "key": tuple(found["key"])})


@dataclass(frozen=True)
class Watermark:
    """`value`: every row up to here is in the lake. None before the first scan has ended."""

    pipeline: str
    entity: str
    value: str | None = None
    position: Position | None = None
    version: int = 0
    fencing_token: int = 0
    lease_holder: str | None = None
    lease_expires_at: float = 0
    run_id: str | None = None
    history: tuple[Mapping[str, Any], ...] = ()

    @property
    def name(self) -> str:
        return f"{self.pipeline}/{self.entity}"


def read(pipeline: str, entity: str) -> Watermark:
    """The watermark as it is. One that was never written has no value."""
    doing = f"reading the watermark of {pipeline}/{entity} in {settings().watermarks_table}"
    with aws_failures(doing):
        answer = aws.dynamodb().get_item(
            TableName=settings().watermarks_table, Key=_key(pipeline, entity), ConsistentRead=True
        )
    return _watermark(answer["Item"]) if "Item" in answer else Watermark(pipeline, entity)


def claim(pipeline: str, entity: str, run_id: str) -> Watermark:
    """Take the entity's lease, with a new fencing token. Raises EntityBusy while another run holds it."""
    holder = lease.process_of(run_id)
    free = "attribute_not_exists(lease_holder) OR lease_expires_at < :now OR lease_holder = :holder"
    values = {
        ":holder": {"S": holder},
        ":now": _number(now()),
        ":expires": _number(lease.expiry()),
        ":pipeline": {"S": pipeline},
        ":entity": {"S": entity},
        ":zero": _number(0),
        ":one": _number(1),
    }
    changed = (
        "SET lease_holder = :holder, lease_expires_at = :expires, pipeline = :pipeline, entity = :entity, "
        "fencing_token = if_not_exists(fencing_token, :zero) + :one, #version = if_not_exists(#version, :zero)"
    )
    found = _update(pipeline, entity, changed, free, values, names={"#version": "version"})
    if found is None:
        seen = read(pipeline, entity)
        raise EntityBusy(
            f"{seen.name} is extracted by another run ({seen.lease_holder}), whose lease lasts "
            f"{max(seen.lease_expires_at - now(), 0):.0f} s from now. Nothing was read; run it again after that run."
        )
    return found


def renew(held: Watermark) -> Watermark:
    """Renew the lease. Raises LeaseLost if another run has taken it."""
    values = {**_fence(held), ":expires": _number(lease.expiry())}
    found = _update(held.pipeline, held.entity, "SET lease_expires_at = :expires", _FENCED, values)
    if found is None:
        raise _lost(held)
    return found


def advance(
    held: Watermark, value: str | None, position: Position | None, run_id: str, why: str
) -> Watermark:
    """Move the watermark, as the lease's holder. Raises LeaseLost if another run has taken the lease or moved it."""
    wanted = replace(
        held,
        value=value,
        position=position,
        version=held.version + 1,
        run_id=run_id,
        history=_history(held, value, run_id, why),
    )
    values = {
        **_fence(held),
        ":seen": _number(held.version),
        ":version": _number(wanted.version),
        ":run": {"S": run_id},
        ":value": {"S": value} if value is not None else {"NULL": True},
        ":after": {"S": position.text()} if position else {"NULL": True},
        ":history": _LISTED.serialize(list(wanted.history)),
        ":expires": _number(lease.expiry()),
    }
    changed = (
        "SET #value = :value, after_key = :after, #version = :version, run_id = :run, history = :history, "
        "lease_expires_at = :expires"
    )
    names = {"#value": "value", "#version": "version"}
    found = _update(
        held.pipeline, held.entity, changed, f"{_FENCED} AND #version = :seen", values, names=names
    )
    if found is not None:
        return found
    seen = read(held.pipeline, held.entity)
    if _is_ours(seen, wanted):  # the client repeated our own write after its answer was lost
        return seen
    raise _lost(held)


def release(held: Watermark) -> None:
    """Give the lease back. Another run's lease is left alone."""
    _update(
        held.pipeline,
        held.entity,
        "SET lease_expires_at = :zero REMOVE lease_holder",
        _FENCED,
        {**_fence(held), ":zero": _number(0)},
    )


_FENCED = "lease_holder = :holder AND fencing_token = :token"


def _fence(held: Watermark) -> Item:
    return {":holder": {"S": held.lease_holder}, ":token": _number(held.fencing_token)}


def _is_ours(seen: Watermark, wanted: Watermark) -> bool:
    same = ("value", "position", "version", "run_id", "fencing_token", "lease_holder")
    return all(getattr(seen, name) == getattr(wanted, name) for name in same)


def _lost(held: Watermark) -> LeaseLost:
    return LeaseLost(
        f"the lease of {held.name} was lost: another run has taken it over. This run did not move the watermark; what it "
        "committed to the lake does no harm. Run it again if nobody does."
    )


def _history(held: Watermark, value: str | None, run_id: str, why: str) -> tuple[Mapping[str, Any], ...]:
    """Changes of the value. A position within a scan is none."""
    if value == held.value and why == "scan":
        return held.history
    entry = {
        "from": held.value,
        "to": value,
        "run_id": run_id,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "why": why,
    }
    return (*held.history, entry)[-_HISTORY:]


def _update(
    pipeline: str,
    entity: str,
    changed: str,
    condition: str,
    values: Item,
    names: Mapping[str, str] | None = None,
) -> Watermark | None:
    """The item after the change. None if the condition does not hold."""
    dynamodb = aws.dynamodb()
    named: dict[str, Any] = {"ExpressionAttributeNames": dict(names)} if names else {}
    with aws_failures(f"writing the watermark of {pipeline}/{entity} in {settings().watermarks_table}"):
        try:
            answer = dynamodb.update_item(
                TableName=settings().watermarks_table,
                Key=_key(pipeline, entity),
                UpdateExpression=changed,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                **named,
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return None
    return _watermark(answer["Attributes"])


def _key(pipeline: str, entity: str) -> Item:
    return {"id": {"S": f"{pipeline}/{entity}"}}


def _watermark(item: Mapping[str, Any]) -> Watermark:
    after = _text(item, "after_key")
    return Watermark(
        pipeline=item["pipeline"]["S"],
        entity=item["entity"]["S"],
        value=_text(item, "value"),
        position=Position.of(after) if after else None,
        version=int(item["version"]["N"]),
        fencing_token=int(item["fencing_token"]["N"]),
        lease_holder=_text(item, "lease_holder"),
        lease_expires_at=float(item["lease_expires_at"]["N"]),
        run_id=_text(item, "run_id"),
        history=tuple(_READ.deserialize(item.get("history", {"L": []}))),
    )


def _text(item: Mapping[str, Any], name: str) -> str | None:
    found: str | None = item.get(name, {}).get("S")
    return found


def _number(value: float) -> dict[str, str]:
    return {"N": str(value)}
