"""Delete objects below a table's folders that no snapshot, metadata or note names, after finding them twice.

They come from killed attempts, from stale results and from expired snapshots. The first look lists them in the report.
The second look, at least a day later, deletes those that are unchanged and still not named.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pyiceberg.manifest import ManifestFile
from pyiceberg.table import Table

from tasks.errors import SystemFault
from tasks.events import log
from tasks.jobs import glue, sagemaker
from tasks.lake import lake_log, lake_tables
from tasks.lake.lake_tables import lake_failures
from tasks.leases import job_entry
from tasks.services import objects
from tasks.services.objects import Found
from tasks.settings import settings

FOLDERS = ("data", "metadata", "notes")
_NAMING_FILES = ("sightings", "figures", "profile")
"""Notes of a publication that are addresses."""
_WRITERS = (glue.KIND, sagemaker.TRANSFORM)
_LEDGER_PART = 8


@dataclass(frozen=True)
class Look:
    candidates: dict[str, str] = field(default_factory=dict)
    """By their addresses, with what they were like: who sees them the same again deletes them."""
    bytes_seen: int = 0
    deleted: tuple[str, ...] = ()


def _own_folder(table: Table) -> str:
    namespace, name = table.name()
    expected = f"s3://{settings().lake_bucket}/{namespace}/{name}"
    if table.location() != expected:
        raise SystemFault(
            f"{namespace}.{name} lies at {table.location()}, not at {expected}: its objects are not treated as orphans. "
            "Only tables that Highwater created are maintained."
        )
    return f"{expected}/"


def candidates(
    table: Table, named: Collection[str], used: Collection[str], before: datetime
) -> Iterator[Found]:
    for folder in FOLDERS:
        for found in objects.listed(f"{_own_folder(table)}{folder}/"):
            if found.modified < before and found.address not in named and not _is_in_use(found, used):
                yield found


def look(table: Table, everything: Everything, before: datetime, earlier: Mapping[str, str]) -> Look:
    """Look for orphans. `earlier` are the candidates of a look at least a day ago; those that are unchanged are deleted.

    The names are read once more before anything is deleted. A process that may still name so old an object has its work
    in the ledger, or has named the object by then.
    """
    orphans = list(candidates(table, everything.named(), everything.used(), before))
    again = [found for found in orphans if earlier.get(found.address) == found.etag]
    if again:
        named, used = everything.named(anew=True), everything.used(anew=True)
        again = [f for f in again if f.address not in named and not _is_in_use(f, used)]
        objects.delete(settings().lake_bucket, [found.key for found in again])
        log("orphans deleted", table=".".join(table.name()), objects=len(again))
    gone = {found.address for found in again}
    return Look(
        {found.address: found.etag for found in orphans if found.address not in gone},
        sum(found.size for found in orphans),
        tuple(sorted(gone)),
    )


class Everything:
    """The objects that all tables name. Cached, because it is slow.

    The quarantines that earlier releases wrote name files in the folders of curated tables.
    """

    def __init__(self, tables: Iterable[str]) -> None:
        self._tables = tuple(tables)
        self._named: set[str] | None = None
        self._used: set[str] | None = None

    def named(self, *, anew: bool = False) -> set[str]:
        if self._named is None or anew:
            opened = (lake_tables.load(*table.split(".")) for table in self._tables)
            self._named = {address for table in opened if table for address in named_by(table)}
        return self._named

    def used(self, *, anew: bool = False) -> set[str]:
        if self._used is None or anew:
            self._used = in_use()
        return self._used


def named_by(table: Table) -> set[str]:
    """All objects that a table's snapshots, metadata or log notes name, wherever they are."""
    metadata = table.metadata
    found = {table.metadata_location, *(entry.metadata_file for entry in metadata.metadata_log)}
    found |= {file.statistics_path for file in (*metadata.statistics, *metadata.partition_statistics)}
    found |= {table.properties.get(lake_log.EXPIRED, ""), *_in_notes(table)}
    manifests: dict[str, ManifestFile] = {}
    with lake_failures(f"reading what {'.'.join(table.name())} names"):
        for snapshot in table.snapshots():
            found.add(snapshot.manifest_list)
            manifests |= {manifest.manifest_path: manifest for manifest in snapshot.manifests(table.io)}
        for manifest in manifests.values():
            entries = manifest.fetch_manifest_entry(table.io, discard_deleted=True)
            found |= {entry.data_file.file_path for entry in entries}
    return {address for address in (*found, *manifests) if address}


def _in_notes(table: Table) -> Iterator[str]:
    for notes in lake_log.notes_of(table):
        for name in _NAMING_FILES:
            yield from filter(None, notes.get(name, "").split(","))


def in_use() -> set[str]:
    """Parts of folder names that are in use. A work in the ledger, finished or not, may be read again by a repeated run."""
    works = [work.rpartition("/")[2] for kind in _WRITERS for work in job_entry.works_done_by(kind)]
    return {part for work in works for part in (work, work[:_LEDGER_PART])}


def _is_in_use(found: Found, parts: Collection[str]) -> bool:
    """Whether a job in use wrote the object. Jobs write to data/<work>-<group>-<attempt>/ or data/<work>-<attempt>/."""
    folder = found.key.partition("/data/")[2].partition("/")[0]
    return any(part in parts for part in folder.split("-"))
