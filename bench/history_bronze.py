"""Bronze customers for the benchmark of histories: so many versions of each, and a change of some."""

from __future__ import annotations

from pathlib import Path

import duckdb

PER_MILLE = 1000


def write_version(folder: Path, customers: int, version: int, per_mille: int = PER_MILLE) -> Path:
    """The customers' rows of a version, a month after the one before it. Of less than all, spread over all."""
    path = folder / f"customers-{version:02}.parquet"
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        database.execute(f"COPY ({_rows(customers, version, per_mille)}) TO '{path}' (COMPRESSION zstd)")
    return path


def _rows(customers: int, version: int, per_mille: int) -> str:
    month = f"TIMESTAMPTZ '2020-01-01 00:00:00+00' + INTERVAL {30 * version} DAY"
    return f"""
        SELECT printf('C%08d', n) AS customer_id,
            ['Asha', 'Bina', 'Chen', 'Dara', 'Eli'][n % 5 + 1] AS first_name,
            printf('Name%d', hash(n) % 5000) AS last_name,
            printf('Mail%d@Example.com', n) AS email,
            printf('09%09d', hash(n) % 1000000000) AS phone,
            printf('%d Hill Road', hash(n * 100 + {version}) % 900 + 1) AS address,
            printf('City%d', hash(n + {version}) % 300) AS city,
            printf('S%d', hash(n) % 30) AS state,
            printf('%06d', hash(n) % 900000) AS zip_code,
            'in' AS country, true AS is_active, false AS is_deleted,
            TIMESTAMPTZ '2019-06-01 00:00:00+00' AS created_at,
            {month} + to_seconds(n % 86400) AS updated_at,
            {month} + INTERVAL 2 DAY AS extraction_timestamp,
            'shop' AS source_system, 'w{version}' AS window_id, 'r{version}' AS run_id, 'q' AS query_hash,
            false AS is_tombstone
        FROM range({customers}) t(n) WHERE hash(n) % {PER_MILLE} < {per_mille}
    """
