"""What the messages in the queue of the inbox say, and which run they ask for. Pure: no AWS, no Prefect."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from tasks.inbox.waiting import is_file

KEYS_A_RUN = 200


class UnreadableMessage(Exception):
    """A message that is no event of S3."""


@dataclass(frozen=True, order=True)
class ObjectVersion:
    key: str
    version: str


@dataclass(frozen=True)
class Message:
    id: str
    body: str
    receipt: str
    receives: int
    """How often it has been received, this time included."""


@dataclass
class Batch:
    """The messages of one turn, by what becomes of them."""

    versions: set[ObjectVersion] = field(default_factory=set)
    understood: list[Message] = field(default_factory=list)
    unreadable: list[tuple[Message, UnreadableMessage]] = field(default_factory=list)
    unneeded: int = 0
    repeated: int = 0

    @property
    def keys(self) -> list[str]:
        return sorted({version.key for version in self.versions})

    @property
    def idempotency_key(self) -> str:
        pairs = json.dumps([(version.key, version.version) for version in sorted(self.versions)])
        return hashlib.sha256(pairs.encode()).hexdigest()


def batch_of(messages: Iterable[Message], bucket: str, started: Iterable[ObjectVersion] = ()) -> Batch:
    """Sort the messages. `started` are the versions that have their run already."""
    batch, known = Batch(), set(started)
    for message in messages:
        try:
            version = version_to_read(message.body, bucket)
        except UnreadableMessage as error:
            batch.unreadable.append((message, error))
            continue
        batch.understood.append(message)
        if version is None:
            batch.unneeded += 1
        elif version in known:
            batch.repeated += 1
        else:
            known.add(version)
            batch.versions.add(version)
    return batch


def version_to_read(body: str, bucket: str) -> ObjectVersion | None:
    """The object version that an event announces. None if the event needs no run.

    The key is taken as it is: EventBridge does not URL-encode it, unlike S3's own notifications.
    """
    try:
        event = json.loads(body)
        kind, detail = event["detail-type"], event["detail"]
        found, key = detail["bucket"]["name"], detail["object"]["key"]
        # A bucket without versions has no version id; the sequencer is different for each write of a key.
        version = detail["object"].get("version-id") or detail["object"]["sequencer"]
        (key + version).encode()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableMessage(f"not an S3 event of EventBridge: {type(error).__name__}: {error}") from error
    is_new_file = kind == "Object Created" and found == bucket and is_file(key)
    return ObjectVersion(key, version) if is_new_file else None
