"""Arrivals: which version came when, and where in history/ its content lies.

history/ alone does not say: of contents A, B, A under one name it has two files, copied in no order. So each move writes a
list before it deletes what it has moved, and from these lists the warehouse is rebuilt (tasks/recovery).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime

from tasks.errors import DataError
from tasks.inbox.waiting import Arrival
from tasks.services import objects
from tasks.settings import settings
from warehouse.load.retail.files import InboxFile

FOLDER = "history/arrivals"


@dataclass(frozen=True)
class Arrived:
    """A version of an object of the inbox that was moved. `received_at` is when it first came, in UTC."""

    source_file: str
    version_id: str
    received_at: datetime
    file_hash: str
    history_file: str

    @property
    def arrival(self) -> Arrival:
        return self.received_at, self.source_file, self.version_id


_NAMES = tuple(field.name for field in fields(Arrived))


def record(moved: Iterable[InboxFile]) -> None:
    """Write a list of moved files. It is named by its content, so that a repetition writes the same one."""
    arrived = [{name: getattr(file, name) for name in _NAMES} for file in moved]
    if arrived:
        ordered = sorted(arrived, key=lambda each: (each["source_file"], each["version_id"]))
        body = json.dumps(ordered, default=_text).encode()
        name = hashlib.sha256(body).hexdigest()[:32]
        objects.write(f"s3://{settings().inbox_bucket}/{FOLDER}/{name}.json", body)


def recorded() -> list[Arrived]:
    """Each version that was ever moved, the earliest first: once for each place to which it was moved. A move that is
    repeated after its first copy was taken away finds another place. Raises DataError for a list that cannot be read."""
    found, broken = readable()
    if broken:
        raise broken[0]
    return found


def readable() -> tuple[list[Arrived], list[DataError]]:
    """What is recorded in the lists that can be read, and of each other one, why not."""
    found: set[Arrived] = set()
    broken: list[DataError] = []
    for file in objects.listed(f"s3://{settings().inbox_bucket}/{FOLDER}/"):
        try:
            found.update(_read(file.address))
        except DataError as error:
            broken.append(error)
    return sorted(found, key=lambda each: (each.arrival, each.history_file)), broken


def _read(address: str) -> list[Arrived]:
    try:
        return [
            Arrived(**{**each, "received_at": datetime.fromisoformat(each["received_at"])})
            for each in json.loads(objects.read(address))
        ]
    except (TypeError, KeyError, ValueError) as error:
        raise DataError(
            f"{address} is no list of arrivals ({type(error).__name__}: {error}): restore its first version."
        ) from error


def _text(value: object) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()
