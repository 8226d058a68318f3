"""One extraction in a process of its own, for a benchmark to measure: python -m bench.extract_run watermark|unload|limit.

`limit` reads the same rows by fetch_arrow_batches and drops them: no way through the connector can be faster. Prints seconds
and rows as JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from tasks.extraction.lease_keeper import held
from tasks.extraction.scanning import Scan
from tasks.extraction.source import Entity, Source
from tasks.services.snowflake import connected_source

SECRET = "highwater/source/shop"  # noqa: S105 - its name
STAGE = "PUBLIC.LAKE"


def source(table: str, mode: str) -> Source:
    entity = Entity.model_validate(
        {
            "name": "order_items",
            "mode": mode,
            "query": f"SELECT * FROM {table} WHERE updated_at > :low AND updated_at <= :high",
            "key": ["order_id", "line_number"],
            "watermark": "updated_at",
        }
    )
    return Source(pipeline="shop", secret=SECRET, stage=STAGE, entities=(entity,))


def extracted(connection: Any, table: str, mode: str) -> int:
    described = source(table, mode)
    with tempfile.TemporaryDirectory() as scratch, held("shop", "order_items", mode) as keeper:
        found = Scan(described, described.entities[0], connection, keeper, mode, Path(scratch)).run()
    return found.rows_added


def limit(connection: Any, table: str, _: str) -> int:
    with connection.cursor() as cursor:
        return sum(batch.num_rows for batch in cursor.execute(f"SELECT * FROM {table}").fetch_arrow_batches())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=("watermark", "unload", "limit"))
    parser.add_argument("--table", required=True)
    given = parser.parse_args()
    started = time.monotonic()
    connection = connected_source(SECRET, "bench")
    try:
        work = limit if given.way == "limit" else extracted
        rows = work(connection, given.table, given.way)
    finally:
        connection.close()
    print(json.dumps({"seconds": round(time.monotonic() - started, 3), "rows": rows}))


if __name__ == "__main__":
    main()
