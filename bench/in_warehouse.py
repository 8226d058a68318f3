"""The part of our sales transform that the warehouse does: the anomaly flag, by the product's own statement.

python -m bench.in_warehouse <folder of published files> <output file>. DuckDB stands for the warehouse, as it does on
the local cloud. Only the columns that the statement reads are loaded: the other variants write files and load nothing.
"""

from __future__ import annotations

import sys

import duckdb
import sqlglot

from warehouse.load.cpg.sales import anomalies_text


def flag_anomalies(published: str, target: str) -> None:
    with duckdb.connect() as database:
        for statement in (
            "CREATE SCHEMA DW",
            "CREATE SCHEMA CURATED",
            "CREATE TABLE DW.FACT_SALES AS SELECT order_id, sku_key, geo_key, order_date, net_revenue, "
            f"false AS is_revenue_anomaly FROM '{published}/*.parquet'",
            "CREATE TABLE CURATED.SALES_TOUCHED AS SELECT sku_key, geo_key, min(order_date) AS from_date, "
            "max(order_date) AS to_date FROM DW.FACT_SALES GROUP BY ALL",
            sqlglot.transpile(anomalies_text(), read="snowflake", write="duckdb")[0],
            "COPY (SELECT order_id, sku_key, is_revenue_anomaly FROM DW.FACT_SALES) "
            f"TO '{target}' (FORMAT parquet)",
        ):
            database.execute(statement)


if __name__ == "__main__":
    flag_anomalies(sys.argv[1], sys.argv[2])
