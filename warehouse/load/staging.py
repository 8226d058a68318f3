"""COPY exactly the files of one Iceberg snapshot into a fresh staging table.

The tables are temporary: no other session sees them, and they disappear with the session, however it ends.
"""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.columns import Columns
from warehouse.names import FILES_PER_COPY, chunks, identifier, stage_paths
from warehouse.statement import Statement


def stage(table: str, columns: Columns, files: Sequence[str]) -> list[Statement]:
    paths = list(chunks(stage_paths(files)))
    return [
        Statement("create staging table", create_text(table, columns)),
        *(
            Statement(f"copy files, part {part} of {len(paths)}", copy_text(table, chunk))
            for part, chunk in enumerate(paths, start=1)
        ),
    ]


def count_text(table: str) -> str:
    return f"SELECT COUNT(*) FROM {table}"


def create_text(table: str, columns: Columns) -> str:
    typed = ",\n".join(f"    {identifier(name)} {kind}" for name, kind in columns.items())
    return f"CREATE OR REPLACE TEMPORARY TABLE {table} (\n{typed}\n)"


def copy_text(table: str, paths: Sequence[str]) -> str:
    """The COPY statement.

    FORCE: a repeated load must stage the same files again, although COPY remembers having loaded them.
    USE_LOGICAL_TYPE: without it, Snowflake reads Parquet timestamps and decimals as the numbers that encode them.
    """
    if len(paths) > FILES_PER_COPY:
        raise ValueError(f"{len(paths)} files in one COPY: Snowflake takes {FILES_PER_COPY}")
    names = ",\n".join(f"    '{path}'" for path in paths)
    return f"""COPY INTO {table}
FROM @CURATED.LAKE
FILES = (
{names}
)
FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE)
MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE
FORCE = TRUE"""
