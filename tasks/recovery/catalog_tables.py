"""Register a table of the lake that was deleted from the Glue catalog. Its rows, and what it was, are still in S3."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pyiceberg.exceptions import TableAlreadyExistsError, ValidationError

from tasks.errors import BusinessError, DataError, HighwaterError, SystemFault
from tasks.events import log
from tasks.lake import lake_tables
from tasks.lake.lake_tables import told
from tasks.publishing import curation
from tasks.services import objects

if TYPE_CHECKING:
    from pyiceberg.table import StaticTable

_LOOKED_AT = 20
_SHOWN = 5
_METADATA = re.compile(r"/metadata/(\d+)-[^/]*\.metadata\.json$")


def register(namespace: str, name: str, metadata: str | None = None) -> str:
    """Register the table from its last metadata file, or from the one that is named. Returns the file's address.

    Refused are a table that is there, metadata of another table, and metadata whose files are not all there.
    """
    label, location = f"{namespace}.{name}", curation.location(namespace, name)
    if lake_tables.load(namespace, name) is not None:
        raise BusinessError(
            f"{label} is in the catalog: nothing was changed. To roll it back, see docs/operate.md."
        )
    found = _opened(metadata) if metadata else _last(label, location)
    _require_own(found, label, location)
    _require_files(found, label, location)
    with told(f"registering {label}"):
        try:
            lake_tables.catalog().register_table((namespace, name), found.metadata_location)
        except TableAlreadyExistsError as error:
            raise BusinessError(f"{label}: somebody else made it meanwhile. Look at it first.") from error
    log("table registered", table=label, metadata=found.metadata_location)
    return found.metadata_location


def _last(label: str, location: str) -> StaticTable:
    """The table by its newest readable metadata. One that cannot be read was perhaps cut off: the one before counts.

    Two of one number are the outcome of two commits at once, of which one failed: a person has to say which stood.
    """
    files = [file for file in objects.listed(f"{location}/metadata/") if _METADATA.search(file.address)]
    newest = sorted(files, key=lambda file: file.modified)[-_LOOKED_AT:]
    tables = [table for file in newest if (table := _readable(file.address))]
    if not tables:
        raise DataError(
            f"{label}: no readable metadata file lies below {location}/metadata/. Restore a version of one."
        )
    last = max(tables, key=lambda table: table.metadata.last_updated_ms)
    rivals = [
        table.metadata_location
        for table in tables
        if _number(table) == _number(last) and table.metadata.table_uuid == last.metadata.table_uuid
    ]
    if len(rivals) > 1:
        raise DataError(
            f"{label}: {' and '.join(sorted(rivals))} come from two commits at once, of which one failed. Name the one that "
            "stood with --metadata: MONITORING.LOAD_HEADS and the alerts of that day tell which snapshot was published."
        )
    return last


def _number(table: StaticTable) -> int:
    found = _METADATA.search(table.metadata_location)
    return int(found[1]) if found else -1


def _readable(address: str) -> StaticTable | None:
    try:
        return _opened(address)
    except DataError as error:
        log("metadata that cannot be read is passed over", file=address, error=error)
        return None


def _opened(address: str) -> StaticTable:
    from pyiceberg.table import StaticTable

    with told(f"reading {address}"):
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
    with told(f"listing the files of {label} by {table.metadata_location}"):
        files = [task.file for task in table.scan().plan_files()]
    missing = [
        file.file_path
        for file in files
        if (lying.get(file.file_path) if file.file_path.startswith(location) else _size(file.file_path))
        != file.file_size_in_bytes
    ]
    if missing:
        more = f" and {len(missing) - _SHOWN} others" if len(missing) > _SHOWN else ""
        raise SystemFault(
            f"{label}: {len(missing)} of {len(files)} files are not there as {table.metadata_location} has them: "
            f"{', '.join(sorted(missing)[:_SHOWN])}{more}. Restore their versions, then run again. Nothing was registered."
        )


def _size(address: str) -> int | None:
    try:
        return objects.head(address).size
    except SystemFault:
        return None
