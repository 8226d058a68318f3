"""The mode unload: the source writes a window's rows to the lake by COPY INTO, and the worker reads the files' footers.

A file is committed only if its columns have the types that bronze has, so that no reader takes its values for others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from tasks.errors import DataError, SystemFault
from tasks.extraction import parts
from tasks.extraction.bronze import EXTRACTED_AT, PROVENANCE, Provenance
from tasks.extraction.query import Bound
from tasks.extraction.source import Entity
from tasks.extraction.unload_sql import SESSION, Window
from tasks.lake.footers import Footer, read_footer
from tasks.services import aws, objects
from tasks.services.snowflake import rows
from warehouse.statement import Statement

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


class Seen(NamedTuple):
    """What a window has: rows, of which some break a rule, and some are dated after the watermark."""

    rows: int
    broken: int
    fresh: int


def look(connection: SnowflakeConnection, entity: Entity, window: Window, value: str) -> Seen:
    """Count the rows. Raises DataError if one has no date, or if two have the same key."""
    ((found, broken, fresh, undated),) = _asked(
        connection, entity, window.counted(entity.watermark, value), "count"
    )
    if undated:
        raise parts.without_watermark(entity)
    twice = _asked(connection, entity, window.repeated(entity.key, parts.SHOWN), "look for repeated keys of")
    if twice:
        examples = [row[:-1] for row in twice]
        raise parts.not_unique(entity, window.dataset, twice[0][-1], examples)
    return Seen(found, broken, fresh)


def unload(
    connection: SnowflakeConnection,
    entity: Entity,
    window: Window,
    stage: str,
    folder: str,
    provenance: Provenance,
) -> tuple[list[str], int]:
    """Have the source write the rows that break no rule below a folder. Returns the files and their rows."""
    for statement in SESSION:
        rows(connection, Statement(f"set how {entity.name} is unloaded", statement))
    constants = {field: _constant(provenance, field.name) for field in PROVENANCE}
    location = f"{stage}/{aws.split(folder)[1]}/part"
    ((written, *_),) = _asked(connection, entity, window.copy(location, constants), "unload")
    found = list(objects.listed(f"{folder}/"))
    footers = [read_footer(each.address, each.size) for each in found]
    expected = pa.schema([*window.schema, *PROVENANCE])
    for each, footer in zip(found, footers, strict=True):
        _require_types(entity, each.address, footer, expected)
        _require_day(entity, each.address, footer, provenance)
    if (there := sum(footer.rows for footer in footers)) != written:
        raise SystemFault(
            f"{entity.name}: the source unloaded {written} rows to @{location}, and {there} are below {folder}. The stage "
            f"{stage} must be the root of that bucket. Nothing was committed; the watermark stays."
        )
    return [each.address for each in found], written


def _asked(
    connection: SnowflakeConnection, entity: Entity, bound: Bound, doing: str
) -> Sequence[tuple[Any, ...]]:
    return rows(connection, Statement(f"{doing} {entity.name}", bound.sql, bound.values))


def _constant(provenance: Provenance, name: str) -> object:
    value = getattr(provenance, name)
    return value.isoformat(sep=" ", timespec="microseconds")[:26] if name == EXTRACTED_AT else value


def _require_types(entity: Entity, address: str, footer: Footer, expected: pa.Schema) -> None:
    if footer.schema.names != expected.names:
        raise DataError(
            f"{entity.name}: the source unloaded the columns {', '.join(footer.schema.names)} to {address}, bronze has "
            f"{', '.join(expected.names)}. Nothing was committed; the watermark stays."
        )
    for found, wanted in zip(footer.schema, expected, strict=True):
        if found.type != wanted.type:
            raise DataError(
                f"{entity.name}.{wanted.name}: the source unloaded it as {found.type} to {address}, bronze has "
                f"{wanted.type}, and readers would take one for the other. Nothing was committed; the watermark stays. "
                "Use the mode watermark, or cast the column in the query."
            )


def _require_day(entity: Entity, address: str, footer: Footer, provenance: Provenance) -> None:
    """Iceberg finds a file's day in the statistics of its footer."""
    at = provenance.extraction_timestamp
    if footer.extremes(EXTRACTED_AT) != (at, at):
        raise DataError(
            f"{entity.name}: the statistics of {address} do not say that its {EXTRACTED_AT} is {at}, so its partition is "
            "not known. Nothing was committed; the watermark stays. Use the mode watermark."
        )
