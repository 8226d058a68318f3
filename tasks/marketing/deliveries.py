"""The files of a day's partition: a snapshot of customers, and events."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

from contracts.language.dataset import Dataset
from contracts.marketing.clickstream import CLICKSTREAM
from contracts.marketing.demographics import DEMOGRAPHICS
from tasks.services import objects
from tasks.services.objects import Found
from tasks.settings import settings

_ENDINGS = {DEMOGRAPHICS.name: (".csv",), CLICKSTREAM.name: (".json", ".jsonl", ".ndjson")}
# Marks that other tools leave beside their files, such as _SUCCESS.
_MARKS = ("_", ".")


@dataclass(frozen=True)
class Deliveries:
    """Files in the order of their keys. `strange`: keys of the partition that are neither read nor another tool's mark."""

    day: date
    customers: tuple[Found, ...]
    events: tuple[Found, ...]
    strange: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """Where nothing was delivered."""
        found = {DEMOGRAPHICS: self.customers, CLICKSTREAM: self.events}
        return [folder(dataset, self.day) for dataset, files in found.items() if not files]


def folder(dataset: Dataset, day: date) -> str:
    assert dataset.delivery is not None
    return f"s3://{settings().lake_bucket}/{dataset.delivery.address(day)}"


def deliveries(day: date) -> Deliveries:
    read: dict[str, tuple[Found, ...]] = {}
    strange: list[str] = []
    for dataset in (DEMOGRAPHICS, CLICKSTREAM):
        found = [file for file in objects.listed(folder(dataset, day)) if not _is_mark(file.key)]
        read[dataset.name] = tuple(file for file in found if _is_read(dataset, file.key))
        strange += [file.key for file in found if not _is_read(dataset, file.key)]
    return Deliveries(day, read[DEMOGRAPHICS.name], read[CLICKSTREAM.name], tuple(strange))


def version_of(file: Found) -> tuple[str, str]:
    """The content's id, and an id of the load that is the same however often it is tried."""
    return file.etag, hashlib.sha256(f"{file.key}\n{file.etag}".encode()).hexdigest()[:32]


def _is_mark(key: str) -> bool:
    return key.endswith("/") or key.rpartition("/")[2].startswith(_MARKS)


def _is_read(dataset: Dataset, key: str) -> bool:
    return key.lower().removesuffix(".gz").endswith(_ENDINGS[dataset.name])
