"""python -m bench.marts_on_history --rows 1000000 10000000: does a refresh of the marts cost more with more history?

A day of 20,000 order lines, 19,000 new ones and 1,000 corrections of the last 14 days, has been merged into the facts of a
local Snowflake; then the marts are refreshed, and rebuilt whole. Prints one JSON object: CPU seconds, rows scanned, ratios.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from local.snowflake.server import open_account
from local.snowflake.session import Session
from warehouse import migrate
from warehouse.marts.cpg import refresh
from warehouse.statement import Statement

FIRST = dt.date(2020, 1, 6)
LINES, CORRECTED, CORRECTED_DAYS = 20_000, 1_000, 14
SKUS, REGIONS = 2_000, 60
PROMOTED_EVERY, PROMOTED_WEEKS = 13, 2
"""Each SKU and region runs a promotion of two weeks every quarter of a year."""
DATABASE = "HIGHWATER"


class Profiled:
    """A DuckDB connection that adds up the rows that its statements scan."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._connection.execute("PRAGMA enable_profiling = 'no_output'")
        self._connection.execute("SET profiling_coverage = 'ALL'")
        self._rows, self._last = 0, ""

    def __getattr__(self, name: str) -> Any:
        """Count first: after a call that runs a statement of its own, such as commit, the last profile is gone."""
        self.rows_scanned()
        return getattr(self._connection, name)

    def execute(self, *given: Any, **named: Any) -> Any:
        self.rows_scanned()
        return self._connection.execute(*given, **named)

    def rows_scanned(self) -> int:
        """So far."""
        last = self._connection.get_profiling_information(format="json")
        if last != self._last:
            self._last = last
            self._rows += int(json.loads(last).get("query", {}).get("total_rows_scanned", 0))
        return self._rows


def migrated(folder: Path) -> Session:
    """A new local Snowflake in this process, with the warehouse's tables."""
    session = open_account(folder, "http://127.0.0.1:9").connect()
    for statement in (f"CREATE DATABASE {DATABASE}", f"USE DATABASE {DATABASE}", *_migrations()):
        session.cursor().execute(statement)
    session.cursor().execute(f"CREATE TABLE CURATED.MISSED AS {refresh.read().sql}")
    return session


def _migrations() -> Iterator[str]:
    for path in sorted(migrate.MIGRATIONS.glob("V*.sql")) + sorted(migrate.MIGRATIONS.glob("R*.sql")):
        code = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("--"))
        yield from (part for part in code.split(";\n") if part.strip(" ;\n"))


def write_history(database: Any, days: int) -> None:
    """Facts of so many days, each line's number saying its key and its day; a calendar, and no day without stock."""
    weeks = (days + 6) // 7 + 8
    for table in ("FACT_SALES", "DIM_SKU", "DIM_GEOGRAPHY", "FACT_PROMOTION"):
        database.execute(f"DELETE FROM {DATABASE}.DW.{table}")
    _write_lines(database, f"SELECT unnest(range({days * LINES})) AS n", "1")
    member = "true AS is_inferred, now()::TIMESTAMP AS created_at, now()::TIMESTAMP AS updated_at"
    database.execute(f"""
        INSERT INTO {DATABASE}.DW.DIM_SKU BY NAME
        SELECT n AS sku_key, printf('SKU-%05d', n) AS sku_code, 'B' || n % 40 AS brand, {member} FROM range({SKUS}) t(n)
    """)
    database.execute(f"""
        INSERT INTO {DATABASE}.DW.DIM_GEOGRAPHY BY NAME
        SELECT n AS geo_key, printf('IN-%03d', n) AS region_code, {member} FROM range({REGIONS}) t(n)
    """)
    database.execute(f"""
        INSERT INTO {DATABASE}.DW.FACT_PROMOTION BY NAME
        SELECT 'P' || s || '-' || w // {PROMOTED_EVERY} AS promo_id, s AS sku_key, g AS geo_key,
            DATE '{FIRST}' + 7 * w::INTEGER AS week_start, 0 AS date_key, true AS is_promoted,
            100 AS planned_spend, false AS is_withdrawn, DATE '{FIRST}' AS source_date, 1 AS content_hash
        FROM range({SKUS}) a(s), range({REGIONS}) b(g), range({weeks}) c(w)
        WHERE s % 20 = 0 AND (w + s // 20) % {PROMOTED_EVERY} < {PROMOTED_WEEKS}
    """)


def _write_lines(database: Any, numbers: str, quantity: str) -> None:
    database.execute(f"""
        INSERT INTO {DATABASE}.DW.FACT_SALES BY NAME
        SELECT printf('SO%010d', n) AS order_id, n * 7 % {SKUS} AS sku_key, hash(n) % {REGIONS} AS geo_key,
            hash(n) % 20000 AS customer_key, DATE '{FIRST}' + (n // {LINES})::INTEGER AS order_date,
            strftime(order_date, '%Y%m%d')::INTEGER AS date_key, 'modern_trade' AS channel, true AS is_modern_trade,
            {quantity} AS quantity, 100 AS net_revenue, 30 AS gross_margin, false AS is_revenue_anomaly,
            order_date AS source_date, n AS content_hash
        FROM ({numbers})
    """)


def merge_day(database: Any, day: int) -> None:
    """The day's new lines and corrections of the days before it, as a load leaves them: with the changes recorded."""
    first, step = day * LINES, CORRECTED_DAYS * LINES // CORRECTED
    corrected = f"SELECT n - 1 AS n FROM range({first}, {first - CORRECTED_DAYS * LINES}, -{step}) t(n)"
    numbers = f"SELECT n FROM range({first}, {first + LINES - CORRECTED}) t(n)"
    _write_lines(database, numbers, "1")
    database.execute(f"""
        UPDATE {DATABASE}.DW.FACT_SALES SET quantity = 2 FROM ({corrected}) c WHERE order_id = printf('SO%010d', c.n)
    """)
    database.execute(f"""
        INSERT INTO {DATABASE}.CURATED.MART_CHANGES
        SELECT DISTINCT 'sales', n * 7 % {SKUS}, hash(n) % {REGIONS}, DATE '{FIRST}' + (n // {LINES})::INTEGER
        FROM ({numbers} UNION ALL {corrected})
    """)


def changes_of(session: Session) -> refresh.Changes:
    return refresh.Changes(*session.cursor().execute(refresh.read().sql).fetchone())


# Into a table: fakesnow runs another query to fetch the rows of a SELECT, and the profile is of that one.
READ = Statement(refresh.read().step, f"INSERT INTO CURATED.MISSED\n{refresh.read().sql}")


def run(session: Session, statements: Sequence[Statement]) -> dict[str, int]:
    """The rows that each scans. Parameters are written into the text, as the connector sends it."""
    rows: dict[str, int] = {}
    for statement in statements:
        text = statement.sql
        for value in statement.parameters:
            text = text.replace("%s", str(value) if isinstance(value, int) else f"'{value}'", 1)
        before = session._duck_conn.rows_scanned()
        session.cursor().execute(text)
        rows[statement.step] = rows.get(statement.step, 0) + session._duck_conn.rows_scanned() - before
    return rows


def cost(session: Session, statements: Sequence[Statement]) -> dict[str, Any]:
    """CPU seconds and rows scanned of a refresh that runs these statements, after it has read what changed."""
    cpu, wall = time.process_time(), time.monotonic()
    rows = run(session, [READ, *statements])
    return {
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "wall_seconds": round(time.monotonic() - wall, 2),
        "rows_scanned": sum(rows.values()),
        "rows_scanned_by": rows,
    }


def measured(rows: int, folder: Path) -> dict[str, Any]:
    session = migrated(folder)
    database = session._duck_conn
    session._duck_conn = Profiled(database)
    days = rows // LINES
    write_history(database, days)
    run(session, refresh.rebuild(changes_of(session)))
    merge_day(database, days)
    changes = changes_of(session)
    if why := changes.why_whole():
        raise RuntimeError(f"{rows} rows are too few to measure a refresh: {why}")
    parts = cost(session, refresh.update(changes))
    found = _marts(database)
    whole = cost(session, refresh.rebuild(changes_of(session)))
    assert found == _marts(database), "the refresh differs from the rebuild"
    ratios = {name: round(whole[name] / parts[name], 2) for name in ("cpu_seconds", "rows_scanned")}
    return {"days_computed": changes.days, "refresh": parts, "rebuild": whole, "rebuild_to_refresh": ratios}


def _marts(database: Any) -> list[tuple[Any, ...]]:
    """Sums that differ if a row of the marts does."""
    return list(
        database.execute(f"""
            SELECT count(*), sum(units), sum(net_revenue), sum(orders * date_key)
            FROM {DATABASE}.MARTS.SALES_PERFORMANCE_MART
            UNION ALL
            SELECT count(*), sum(units), sum(net_revenue), round(sum(uplift_units), 3)
            FROM {DATABASE}.MARTS.PROMO_EFFECTIVENESS_MART
        """).fetchall()
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.marts_on_history", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000], help="of the history")
    given = parser.parse_args(arguments)
    found = {}
    for rows in given.rows:
        print(f"{rows} rows ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            found[rows] = measured(rows, Path(folder))
    figures = {"duckdb": duckdb.__version__, "cores": os.cpu_count(), "history": found}
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
