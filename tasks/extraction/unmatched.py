"""The rows of a table without a match in another, compared by DuckDB and kept in their order."""

from __future__ import annotations

from functools import cache

import duckdb
import pyarrow as pa


def unmatched(rows: pa.Table, others: pa.Table, matches: str) -> pa.Table:
    """The rows `r` for which no row `o` of the others matches. `matches` is SQL on the two, of quoted names."""
    with _engine().cursor() as connection:
        connection.register("asked", rows)
        connection.register("others", others)
        places = connection.sql(
            f"SELECT _place FROM (SELECT row_number() OVER () - 1 AS _place, * FROM asked) r "  # noqa: S608
            f"WHERE NOT EXISTS (SELECT 1 FROM others o WHERE {matches}) ORDER BY _place"
        ).to_arrow_table()
    return rows if places.num_rows == rows.num_rows else rows.take(places.column("_place"))


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})
