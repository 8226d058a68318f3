"""A contract as Snowflake SQL text: the staging table that COPY fills, and the MERGE that takes it further.

Names go into the text as they are, so each must be a plain identifier. The MERGE repeats without harm: its source
holds one row per key (Snowflake refuses a MERGE with two), and a row is only overwritten by a newer version, or by
other content of the same version.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from contracts.spec import ColumnSpec, ContractError, Spec

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,254}")
_TYPE = re.compile(r"[A-Z][A-Z_]*(\([0-9]{1,4}(,[0-9]{1,2})?\))?")
_LONGEST_CODE = 50
_LONGEST_TEXT = 500
_TYPES = {
    "integer": "NUMBER(38,0)",
    "decimal": "NUMBER(18,4)",
    "number": "FLOAT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP_NTZ(6)",
}


def snowflake_type(column: ColumnSpec) -> str:
    """The column's type in Snowflake; texts are as long as the contract lets them be."""
    if column.kind in _TYPES:
        return _TYPES[column.kind]
    longest = _LONGEST_CODE if column.kind == "code" else _LONGEST_TEXT
    return f"VARCHAR({column.max_length or longest})"


def staging_table_ddl(spec: Spec, table: str, added: Mapping[str, str]) -> str:
    """CREATE OR REPLACE for the table that COPY INTO fills; `added` are derived and lineage columns with their types.

    Replaced rather than truncated, because only a new table forgets which files it loaded.
    """
    columns = {column.name: snowflake_type(column) for column in spec.columns}
    for name, type_name in added.items():
        if columns.setdefault(name, type_name) != type_name:
            raise ContractError(f"{spec.dataset}.{name} is {columns[name]} by contract, not {type_name}")
    lines = ",\n".join(f"  {_identifier(name)} {_type(type_name)}" for name, type_name in columns.items())
    return f"CREATE OR REPLACE TABLE {_qualified(table)} (\n{lines}\n)"


def merge_sql(
    target: str,
    source_query: str,
    *,
    key: Sequence[str],
    version: Sequence[str],
    update: Sequence[str],
    insert: Sequence[str],
    content: str = "content_hash",
) -> str:
    """MERGE of the newest row per key. `version` columns compare in order, null being the lowest of all.

    `source_query` is trusted text of ours and must yield every column named here. Equal versions with other content
    replace: that is a redelivery of the same prefix, and the lake has already settled which row won. A newer version
    with the same content is written too, or a version between the two could overwrite it later.
    """
    if not key or not version:
        raise ContractError(f"merge into {target}: key and version columns are both needed")
    for name in (*key, *version, *update, *insert, content):
        _identifier(name)
    newest = ", ".join(f"{name} DESC NULLS LAST" for name in (*version, content))
    partition = ", ".join(key)
    on = " AND ".join(f"tgt.{name} = src.{name}" for name in key)
    assignments = ",\n  ".join(f"{name} = src.{name}" for name in update)
    columns, values = ", ".join(insert), ", ".join(f"src.{name}" for name in insert)
    return (
        f"MERGE INTO {_qualified(target)} tgt\n"  # noqa: S608 - every name above was checked
        f"USING (\n"
        f"  SELECT * FROM (\n{_indented(source_query, 4)}\n  )\n"
        f"  QUALIFY ROW_NUMBER() OVER (PARTITION BY {partition} ORDER BY {newest}) = 1\n"
        f") src\n"
        f"ON {on}\n"
        f"WHEN MATCHED AND ({_supersedes(version, content)}) THEN UPDATE SET\n  {assignments}\n"
        f"WHEN NOT MATCHED THEN INSERT ({columns})\n"
        f"VALUES ({values})"
    )


def _supersedes(version: Sequence[str], content: str) -> str:
    """src is newer in the first column that differs; or no column differs and the content does."""
    newer: list[str] = []
    same: list[str] = []
    for name in version:
        greater = f"(src.{name} > tgt.{name} OR (src.{name} IS NOT NULL AND tgt.{name} IS NULL))"
        newer.append(" AND ".join([*same, greater]))
        same.append(f"src.{name} IS NOT DISTINCT FROM tgt.{name}")
    newer.append(" AND ".join([*same, f"src.{content} IS DISTINCT FROM tgt.{content}"]))
    return "\n  OR ".join(newer)


def _indented(text: str, width: int) -> str:
    return "\n".join(" " * width + line for line in text.strip().splitlines())


def _identifier(name: str) -> str:
    if not _IDENTIFIER.fullmatch(name):
        raise ContractError(f"{name!r} is no plain SQL identifier")
    return name


def _qualified(table: str) -> str:
    parts = table.split(".")
    if len(parts) > 3:
        raise ContractError(f"{table!r} has more parts than database.schema.table")
    return ".".join(_identifier(part) for part in parts)


def _type(type_name: str) -> str:
    if not _TYPE.fullmatch(type_name):
        raise ContractError(f"{type_name!r} is no Snowflake type")
    return type_name
