"""Register a table of the lake that was deleted from the Glue catalog. Its rows, and what it was, are still in S3."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pyiceberg.exceptions import TableAlreadyExistsError, ValidationError

from tasks.errors import BusinessError, DataError, HighwaterError, SystemFault
from tasks.events import log
from tasks.lake import lake_tables
from tasks.lake.lake_tables import lake_failures
from tasks.publishing import curation
from tasks.services import objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyiceberg.table import FileScanTask, StaticTable

    from tasks.services.objects import Found

_LOOKED_AT = 20
_SHOWN = 5
_METADATA = re.compile(r"/metadata/(\d+)-[^/]*\.metadata\.json$")


def register(namespace: str, name: str, metadata: str) -> str:
    """Register the table from this metadata file. Returns the file's address.

    Refused are a table that is there, metadata of another table, and metadata whose files are not all there.
    """
    label, location = f"{namespace}.{name}", curation.location(namespace, name)
    _require_gone(namespace, name)
    found = _opened(metadata)
    _require_own(found, label, location)
    _require_files(found, label, location)
    with lake_failures(f"registering {label}"):
        try:
            lake_tables.catalog().register_table((namespace, name), found.metadata_location)
        except TableAlreadyExistsError as error:
            raise BusinessError(f"{label}: somebody else made it meanwhile. Look at it first.") from error
    log("table registered", table=label, metadata=found.metadata_location)
    return found.metadata_location


def candidates(namespace: str, name: str) -> list[str]:
    """A line for each metadata file that may be the last: those of the highest number, and of the number below.

    A person has to choose. A commit writes its file first and then names it in the catalog, so the newest file may be of
    one that never came about, and of two with one number one is. The lake alone does not tell.
    """
    label, location = f"{namespace}.{name}", curation.location(namespace, name)
    _require_gone(namespace, name)
    files = [file for file in objects.listed(f"{location}/metadata/") if _METADATA.search(file.address)]
    tables = [table for address in _newest(files) if (table := _readable(address))]
    if not tables:
        raise DataError(
            f"{label}: no readable metadata file lies below {location}/metadata/. Restore a version of one."
        )
    uuid = max(tables, key=lambda table: table.metadata.last_updated_ms).metadata.table_uuid
    own = sorted((t for t in tables if t.metadata.table_uuid == uuid), key=_number, reverse=True)
    return [_shown(table) for table in own if _number(table) >= _number(own[0]) - 1]


def _require_gone(namespace: str, name: str) -> None:
    if lake_tables.load(namespace, name) is not None:
        raise BusinessError(
            f"{namespace}.{name} is in the catalog: nothing was changed. To roll it back, see docs/operate.md."
        )


def _newest(files: Sequence[Found]) -> set[str]:
    """By time, for a table that was made anew and counts from 0; by number, where files were restored and seem newer."""
    by_time = sorted(files, key=lambda file: file.modified)[-_LOOKED_AT:]
    by_number = sorted(files, key=lambda file: _number_in(file.address))[-_LOOKED_AT:]
    return {file.address for file in (*by_time, *by_number)}


def _shown(table: StaticTable) -> str:
    written = datetime.fromtimestamp(table.metadata.last_updated_ms / 1000, UTC)
    current = table.current_snapshot()
    run = (
        current.summary.additional_properties.get("highwater.run-id") if current and current.summary else None
    )
    held = f"snapshot {current.snapshot_id}" if current else "no snapshot"
    return f"{table.metadata_location}: {written:%Y-%m-%d %H:%M:%S}, {held}{f' of run {run}' if run else ''}"


def _number(table: StaticTable) -> int:
    return _number_in(table.metadata_location)


def _number_in(address: str) -> int:
    found = _METADATA.search(address)
    return int(found[1]) if found else -1


def _readable(address: str) -> StaticTable | None:
    try:
        return _opened(address)
    except DataError as error:
        log("metadata that cannot be read is passed over", file=address, error=error)
        return None


def _opened(address: str) -> StaticTable:
    from pyiceberg.table import StaticTable

    with lake_failures(f"reading {address}"):
        try:
            return StaticTable.from_metadata(address, lake_tables.catalog().properties)
        except (ValidationError, ValueError) as error:
            raise DataError(f"{address} is not Iceberg metadata: {str(error).splitlines()[0]}") from error


def _require_own(table: StaticTable, label: str, location: str) -> None:
    if table.metadata.location != location:
        raise DataError(
            f"{table.metadata_location} is of a table at {table.metadata.location}, and {label} is at {location}. "
            "Nothing was registered."
        )
    earlier = table.metadata.metadata_log[-1:]
    before = _readable_earlier(earlier[0].metadata_file) if earlier else None
    if before and before.metadata.table_uuid != table.metadata.table_uuid:
        raise DataError(
            f"{table.metadata_location} has the uuid {table.metadata.table_uuid}, and {before.metadata_location}, which it "
            f"names as its predecessor, {before.metadata.table_uuid}. Nothing was registered."
        )


def _readable_earlier(address: str) -> StaticTable | None:
    """None if it was tidied away."""
    try:
        return _readable(address)
    except HighwaterError:
        return None


def _require_files(table: StaticTable, label: str, location: str) -> None:
    """One listing tells of nearly all files whether they are there as the manifests have them."""
    if table.current_snapshot() is None:
        return
    lying = {file.address: file.size for file in objects.listed(f"{location}/")}
    with lake_failures(f"listing the files of {label} by {table.metadata_location}"):
        files = _files(table.scan().plan_files())
    missing = [
        path
        for path, size in files.items()
        if (lying.get(path) if path.startswith(f"{location}/") else _size(path)) != size
    ]
    if missing:
        more = f" and {len(missing) - _SHOWN} others" if len(missing) > _SHOWN else ""
        raise SystemFault(
            f"{label}: {len(missing)} of {len(files)} files are not there as {table.metadata_location} has them: "
            f"{', '.join(sorted(missing)[:_SHOWN])}{more}. Restore their versions, then run again. Nothing was registered."
        )


def _files(tasks: Iterable[FileScanTask]) -> dict[str, int]:
    """Size by address, of the rows' files and of those that delete rows of them."""
    return {
        file.file_path: file.file_size_in_bytes for task in tasks for file in (task.file, *task.delete_files)
    }


def _size(address: str) -> int | None:
    try:
        return objects.head(address).size
    except SystemFault:
        return None
