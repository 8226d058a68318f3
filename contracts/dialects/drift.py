"""Schema drift: compare a file's columns with its contract, from the footer alone.

An extra or a missing optional column is only reported. A missing required column, or a type that can never be cast, stops
the run; otherwise every single row would be quarantined for the same reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts.dialects.delivered import (
    FLOAT16,
    TIME,
    TIMESTAMP_NANOS,
    TIMESTAMP_NANOS_UTC,
    UNKNOWN,
    VOID,
)
from contracts.dialects.spark_nested import can_cast
from contracts.language.dataset import Dataset

if TYPE_CHECKING:
    import pyarrow


class SchemaDrift(ValueError):
    """A file that does not match its contract: the source must fix it or the contract must change."""


@dataclass(frozen=True)
class Drift:
    extra: tuple[str, ...]
    missing_optional: tuple[str, ...]


def check(dataset: Dataset, delivered: Mapping[str, str], path: str) -> Drift:
    """Compare a file's columns, as Spark types by lower-cased name, with the contract."""
    absent = [column.name for column in dataset.required if column.name not in delivered]
    if absent:
        raise SchemaDrift(
            f"{path}: {dataset.table} {dataset.version} needs column(s) {', '.join(absent)}; "
            f"the file has {', '.join(sorted(delivered)) or 'no column'}. "
            "Ask the source to deliver them again, or release a new contract version."
        )
    unfit = [
        f"{column.name} is {_never(delivered[column.name], column.kind)}"
        for column in dataset.columns
        if column.name in delivered and not can_cast(column.kind, delivered[column.name])
    ]
    unfit += [
        f"{name} holds float16, which Spark cannot open" for name in delivered if FLOAT16 in delivered[name]
    ]
    if unfit:
        raise SchemaDrift(
            f"{path}: {dataset.table} {dataset.version}: {'; '.join(unfit)}. "
            "Ask the source to deliver it again, or release a new contract version."
        )
    return Drift(
        extra=tuple(sorted(name for name in delivered if name not in dataset.names)),
        missing_optional=tuple(column.name for column in dataset.optional if column.name not in delivered),
    )


def _never(type_name: str, kind: str) -> str:
    hint = " (Spark 3.5 cannot read Parquet's TIME; deliver text)" if type_name == kind == TIME else ""
    return f"{type_name} and can never be a {kind}{hint}"


def delivered_columns(schema: pyarrow.Schema, path: str) -> dict[str, str]:
    """A Parquet file's columns as Spark types by lower-cased name."""
    columns: dict[str, str] = {}
    for field in schema:
        name = field.name.lower()
        if name in columns:
            raise SchemaDrift(
                f"{path}: column {name} is there twice; Spark's column names are not case-sensitive"
            )
        columns[name] = spark_type(field.type)
    return columns


def spark_type(arrow: pyarrow.DataType) -> str:
    """The Spark 3.5 type of a Parquet column with this Arrow type."""
    import pyarrow
    import pyarrow.types as is_

    if is_.is_dictionary(arrow):
        return spark_type(arrow.value_type)
    if isinstance(arrow, pyarrow.JsonType):
        return "string"
    if is_.is_timestamp(arrow):
        if arrow.unit == "ns":
            return TIMESTAMP_NANOS_UTC if arrow.tz else TIMESTAMP_NANOS
        return "timestamp" if arrow.tz else "timestamp_ntz"
    if is_.is_decimal(arrow):
        return f"decimal({arrow.precision},{arrow.scale})"
    if is_.is_time(arrow):
        return TIME
    if is_.is_list(arrow) or is_.is_large_list(arrow) or is_.is_fixed_size_list(arrow):
        return f"array<{spark_type(arrow.value_type)}>"
    if is_.is_map(arrow):
        return f"map<{spark_type(arrow.key_type)},{spark_type(arrow.item_type)}>"
    if is_.is_struct(arrow):
        members = ",".join(f"`{field.name.replace('`', '``')}`:{spark_type(field.type)}" for field in arrow)
        return f"struct<{members}>"
    return _SPARK_TYPES.get(str(arrow), UNKNOWN)


_SPARK_TYPES = {
    "int8": "tinyint",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "uint8": "smallint",
    "uint16": "int",
    "uint32": "bigint",
    "uint64": "decimal(20,0)",
    "halffloat": FLOAT16,
    "float": "float",
    "double": "double",
    "string": "string",
    "large_string": "string",
    "string_view": "string",
    "bool": "boolean",
    "date32[day]": "date",
    "date64[ms]": "date",
    "binary": "binary",
    "large_binary": "binary",
    "binary_view": "binary",
    "null": VOID,
}
