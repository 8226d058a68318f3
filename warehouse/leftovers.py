"""Drop staging tables left behind by killed loads of releases before V0008. Later releases use temporary tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from contracts.catalog import DATASETS
from warehouse.names import identifier

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_CURATED = "|".join(dataset.upper() for dataset in DATASETS)
_LEFT = re.compile(
    rf"CURATED\.({_CURATED})_STAGE_\d+(_SIGHTED)?"
    r"|CURATED\.RECORDS_STAGE_[0-9A-F]{24}|ML_OUTPUTS\.PREDICTIONS_STAGE_[0-9A-F]{8,64}"
)


def drop_leaked_staging(connection: SnowflakeConnection) -> list[str]:
    """Drop leftover tables of the session's database, recognized by name. Returns the dropped names."""
    with connection.cursor() as cursor:
        tables = cursor.execute(
            "SELECT table_schema, table_name FROM INFORMATION_SCHEMA.TABLES"
            " WHERE table_schema IN ('CURATED', 'ML_OUTPUTS') ORDER BY 1, 2"
        )
        names = [f"{schema}.{table}" for schema, table in tables or ()]
        left = [name for name in names if _LEFT.fullmatch(name)]
        for name in left:
            schema, table = map(identifier, name.split("."))
            cursor.execute(f"DROP TABLE IF EXISTS {schema}.{table}")
    return left
