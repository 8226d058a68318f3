"""The parts of a scan: so many rows as one commit takes, each with the place behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from contracts.language.dataset import Dataset
from tasks.errors import DataError
from tasks.extraction import columns
from tasks.extraction.moments import text_of
from tasks.extraction.source import Entity
from tasks.extraction.watermark import Position

SHOWN = 5


def parts(batches: Iterator[pa.Table], schema: pa.Schema, entity: Entity) -> Iterator[tuple[pa.Table, bool]]:
    """The rows, so many together as a commit takes, and whether they are the last."""
    kept: list[pa.Table] = []
    count = 0
    for batch in batches:
        table = columns.conform(entity.name, batch, schema)
        while count + table.num_rows > entity.batch_rows:
            room = entity.batch_rows - count
            yield pa.concat_tables([*kept, table.slice(0, room)]), False
            table, kept, count = table.slice(room), [], 0
        if table.num_rows:
            kept.append(table)
            count += table.num_rows
    if count:
        yield pa.concat_tables(kept), True


def behind(entity: Entity, part: pa.Table, position: Position) -> Position:
    """The position behind a part."""
    last = part.slice(part.num_rows - 1).to_pylist()[0]
    if part.column(entity.watermark).null_count:
        raise without_watermark(entity)
    return replace(
        position,
        watermark=text_of(last[entity.watermark]),
        key=tuple(_bindable(last[name]) for name in entity.key),
        part=position.part + 1,
    )


def without_watermark(entity: Entity) -> DataError:
    return DataError(
        f"{entity.name}: the query returned rows whose {entity.watermark} is null, which no window can have. "
        "Leave them to `without_watermark`. Nothing of this part was written; the watermark stays."
    )


def require_unique(entity: Entity, dataset: Dataset, part: pa.Table) -> None:
    """Raises DataError if two rows of a part have the same key. A key with a null is no key: such a row is quarantined."""
    names = list(entity.key)
    keys = part.select(names).drop_null()
    counted = keys.group_by(names).aggregate([([], "count_all")])
    if counted.num_rows == keys.num_rows:
        return
    twice = counted.filter(pc.greater(counted.column("count_all"), 1)).drop_columns(["count_all"])
    examples = [tuple(row.values()) for row in twice.slice(0, SHOWN).to_pylist()]
    raise not_unique(entity, dataset, twice.num_rows, examples)


def not_unique(entity: Entity, dataset: Dataset, keys: int, examples: Sequence[tuple[Any, ...]]) -> DataError:
    """The error for keys that occur more than once. Personal ones are not shown."""
    shown = ""
    if not any(dataset.column(name).personal for name in entity.key):
        shown = ", such as " + ", ".join(map(str, examples))
    return DataError(
        f"{entity.name}: the key {', '.join(entity.key)} is not unique: {keys} keys occur more than once{shown}. "
        "Nothing of this part was written; the watermark stays. Correct the key, or the query."
    )


def _bindable(value: Any) -> Any:
    return value if value is None or isinstance(value, int | str) else str(value)
