"""Customers that a snapshot has more than once: the first line counts, by file, then line."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from tasks.marketing.rejects import PLACES

REASON = "customer_id:repeated"
_MEMORY = "256MB"
_REPEATS = """SELECT record_number, line_number, byte_offset
FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY line_number, byte_offset) AS place
    FROM lines
)
WHERE place > 1 OR customer_id IN (SELECT customer_id FROM earlier)
ORDER BY byte_offset"""


class Repeats:
    """On disk, because a snapshot has all customers. Files are added in the order of their names. A retry begins anew."""

    def __init__(self, scratch: Path) -> None:
        self._database = duckdb.connect(
            str(scratch / "customers.duckdb"), config={"threads": 1, "memory_limit": _MEMORY}
        )
        places = ", ".join(f"{place} BIGINT" for place in PLACES)
        self._database.execute("CREATE OR REPLACE TABLE earlier (customer_id VARCHAR)")
        self._database.execute(f"CREATE OR REPLACE TABLE lines (customer_id VARCHAR, {places})")

    def add(self, good: pa.Table) -> None:
        self._database.register("good", good.select(["customer_id", *PLACES]))
        self._database.execute("INSERT INTO lines SELECT * FROM good")
        self._database.unregister("good")

    def of_file(self) -> list[dict[str, int]]:
        """The places of the file's repeats, after its last row. The next file's rows begin."""
        found = self._database.execute(_REPEATS).fetchall()
        self._database.execute("INSERT INTO earlier SELECT DISTINCT customer_id FROM lines")
        self._database.execute("DELETE FROM lines")
        return [dict(zip(PLACES, row, strict=True)) for row in found]

    def close(self) -> None:
        self._database.close()
