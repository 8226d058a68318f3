"""Check a published table by what Iceberg knows of its files: columns, nulls, least and greatest values. No row is read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from contracts.dialects.arrow_types import arrow_type
from contracts.language.dataset import Column, Dataset
from contracts.language.rules import keeps
from tasks.lake import lake_log, lake_tables
from tasks.medallion.checking import Check, Level
from tasks.publishing.quality import Finding

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

_HOUR = 3600.0


class Published:
    """A table as it is published, and the day of the check."""

    def __init__(self, namespace: str, name: str, contract: Dataset, day: date) -> None:
        self.label = f"{namespace}.{name}"
        self.contract = contract
        self.day = day
        self.table = lake_tables.load(namespace, name)
        self.files = lake_tables.live_files(self.table)

    def checks(self, stale_hours: float) -> list[Check]:
        if self.table is None:
            return [self._check("is_there", 0, 1, "WARNING", False, "it was never published")]
        rows = sum(file.record_count for file in self.files)
        return [
            self._check("row_count", rows, 0, "INFO", True),
            *self._schema(self.table),
            *self._nulls(self.table),
            *self._ranges(self.table),
            self._freshness(self.table, stale_hours),
        ]

    def _schema(self, table: Table) -> Iterator[Check]:
        from pyiceberg.io.pyarrow import schema_to_pyarrow

        found = {
            field.name: field.type for field in schema_to_pyarrow(table.schema(), include_field_ids=False)
        }
        missing = [column.name for column in self.contract.columns if column.name not in found]
        # An optional one comes with the next rows.
        level: Level = (
            "CRITICAL" if {column.name for column in self.contract.required} & {*missing} else "WARNING"
        )
        others = [
            f"{column.name} is {found[column.name]}"
            for column in self.contract.columns
            if column.name in found and not _is_alike(found[column.name], arrow_type(column.kind))
        ]
        yield self._check("columns_missing", len(missing), 0, level, not missing, ", ".join(missing))
        yield self._check("columns_of_other_type", len(others), 0, "CRITICAL", not others, ", ".join(others))

    def _nulls(self, table: Table) -> Iterator[Check]:
        for column in self.contract.required:
            nulls = sum(_nulls_of(file, _id(table, column)) for file in self.files)
            yield self._check(f"nulls.{column.name}", nulls, 0, "CRITICAL", nulls == 0)

    def _ranges(self, table: Table) -> Iterator[Check]:
        for column in self.contract.columns:
            for rule in (rule for rule in column.rules if rule.name == "range"):
                outside = [bound for bound in self._bounds(table, column) if not keeps(rule, bound)]
                told = ", ".join(map(str, outside[:3]))
                yield self._check(f"range.{column.name}", len(outside), 0, "CRITICAL", not outside, told)

    def _bounds(self, table: Table, column: Column) -> list[Any]:
        from pyiceberg.conversions import from_bytes

        field = _field(table, column)
        if field is None:
            return []
        return [
            from_bytes(field.field_type, bounds[field.field_id])
            for file in self.files
            for bounds in (file.lower_bounds or {}, file.upper_bounds or {})
            if field.field_id in bounds
        ]

    def _freshness(self, table: Table, stale_hours: float) -> Check:
        newest = lake_log.newest_publication(table)
        since = (
            datetime.fromtimestamp(newest.timestamp_ms / 1000, UTC)
            if newest
            else datetime.min.replace(tzinfo=UTC)
        )
        hours = (datetime.now(UTC) - since).total_seconds() / _HOUR
        return self._check("hours_since_publication", hours, stale_hours, "WARNING", hours <= stale_hours)

    def _check(
        self, metric: str, value: float, limit: float, level: Level, passed: bool, detail: str = ""
    ) -> Check:
        return Check(Finding(self.label, self.day, metric, float(value), limit, passed, detail), level)


def _field(table: Table, column: Column) -> Any:
    return next((field for field in table.schema().fields if field.name == column.name), None)


def _id(table: Table, column: Column) -> int | None:
    field = _field(table, column)
    return field.field_id if field else None


def _nulls_of(file: DataFile, field: int | None) -> int:
    """A file without the column has nothing but nulls in it."""
    counts = file.null_value_counts or {}
    return file.record_count if field is None else counts.get(field, file.record_count)


def _is_alike(found: Any, expected: Any) -> bool:
    """Iceberg's large texts are texts; its moments are in UTC."""
    return str(found).replace("large_", "") == str(expected).replace("large_", "")
