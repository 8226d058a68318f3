"""What there is to digest: an entity's files in bronze and quarantine, its columns, and into how many buckets."""

from __future__ import annotations

import json
from dataclasses import dataclass

from contracts.language.dataset import ContractError, Dataset
from contracts.language.document import from_document
from jobs.glue.errors import DataError

MOST_BUCKETS = 65_536


@dataclass(frozen=True)
class DigestWork:
    run_id: str
    dataset: Dataset
    columns: tuple[str, ...]
    """Those to compare, in order. A column that the source no longer has is none of them."""
    buckets: int
    bronze: tuple[str, ...]
    quarantine: tuple[str, ...]
    pending: str | None
    """A file with the keys to leave out: the source has them later than the lake can."""
    rows: int
    """In all files."""
    output: str

    @property
    def kinds(self) -> dict[str, str]:
        return {name: self.dataset.column(name).kind for name in self.columns}

    @property
    def key_kinds(self) -> dict[str, str]:
        return {name: self.dataset.column(name).kind for name in self.dataset.key}


def parse(text: str, origin: str) -> DigestWork:
    try:
        document = json.loads(text)
        work = DigestWork(
            run_id=document["run_id"],
            dataset=from_document(document["contract"]),
            columns=tuple(document["columns"]),
            buckets=int(document["buckets"]),
            bronze=tuple(document["bronze"]),
            quarantine=tuple(document["quarantine"]),
            pending=document["pending"],
            rows=int(document["rows"]),
            output=document["output"].rstrip("/"),
        )
    except KeyError as error:
        raise DataError(f"manifest {origin} lacks the field {error}") from error
    except (AttributeError, TypeError, ValueError, ContractError) as error:
        raise DataError(f"manifest {origin} cannot be read: {error}") from error
    if not 1 <= work.buckets <= MOST_BUCKETS:
        raise DataError(
            f"manifest {origin} asks for {work.buckets} buckets; 1 to {MOST_BUCKETS} are possible"
        )
    if unknown := sorted({*work.columns} - {*work.dataset.names}):
        raise DataError(f"manifest {origin} names unknown columns: {', '.join(unknown)}")
    if lacking := sorted({*work.dataset.key} - {*work.columns}):
        raise DataError(f"manifest {origin} does not compare the key: {', '.join(lacking)}")
    return work
