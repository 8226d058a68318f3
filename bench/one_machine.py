"""The sales transform in DuckDB: what one machine can do at best, without Spark.

python -m bench.one_machine <input folder> <output folder> <raw date>. It writes the rows that our job publishes, equal
in every column that is not lineage or a surrogate key, and the rows that it quarantines with their reasons.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

CODE = "[A-Z0-9][A-Z0-9_-]{0,49}"
REQUIRED_TEXTS = ("order_id", "customer_id")
MONEY = ("gross_revenue", "trade_discount", "cost_of_goods")


def _text(column: str) -> str:
    return f"nullif(trim({column}), '')"


def _typed(source: str, raw_date: str) -> str:
    money = ", ".join(
        f"try_cast({column} AS DECIMAL(18,4)) AS {column}" for column in ("net_revenue", *MONEY)
    )
    return f"""
        SELECT {_text("order_id")} AS order_id, upper({_text("sku_code")}) AS sku_code,
            {_text("customer_id")} AS customer_id, upper({_text("region_code")}) AS region_code,
            CASE WHEN regexp_full_match(trim(quantity), '[+-]?[0-9]+(\\.0*)?')
                THEN try_cast(quantity AS DECIMAL(38,6))::BIGINT END AS quantity,
            {money}, try_cast(order_date AS DATE) AS order_date,
            replace(replace(lower({_text("channel")}), ' ', '_'), '-', '_') AS channel,
            is_promo_sale, {_text("promo_id")} AS promo_id,
            CASE WHEN try_cast(changed_at || 'Z' AS TIMESTAMPTZ) < (DATE '{raw_date}' + 2)::TIMESTAMPTZ
                THEN try_cast(changed_at || 'Z' AS TIMESTAMPTZ) END AS changed_at,
            NULL::BOOLEAN AS is_deleted, DATE '{raw_date}' AS source_date,
            raw
        FROM '{source}/*.parquet' AS raw
    """


def _reasons() -> str:
    missing = [
        f"CASE WHEN {column} IS NULL THEN '{column}:missing' END"
        for column in ("channel", "customer_id", "order_id", "region_code", "sku_code")
    ]
    broken = [
        "CASE WHEN channel NOT IN ('modern_trade', 'general_trade', 'ecommerce') THEN 'channel:allowed' END",
        *(
            f"CASE WHEN NOT regexp_full_match({column}, '{CODE}') THEN '{column}:pattern' END"
            for column in ("region_code", "sku_code")
        ),
        *(
            f"CASE WHEN {column} IS NOT NULL THEN NULL WHEN raw.{column} IS NULL THEN '{column}:missing' "
            f"ELSE '{column}:type' END"
            for column in ("net_revenue", "order_date", "quantity")
        ),
        *(f"CASE WHEN {column} <= 0 THEN '{column}:range' END" for column in ("net_revenue", "quantity")),
        *(f"CASE WHEN length({column}) > 100 THEN '{column}:length' END" for column in REQUIRED_TEXTS),
        "CASE WHEN order_date > source_date THEN 'order_date:future' END",
        "CASE WHEN order_date < source_date - INTERVAL 10 YEAR THEN 'order_date:too_old' END",
    ]
    return f"list_sort(list_filter([{', '.join(missing + broken)}], lambda reason: reason IS NOT NULL))"


def _digest() -> str:
    """The same as contracts.dialects.spark_sql.tie_breaker: how many columns are filled, then the digest of the content."""

    def sized(column: str) -> str:
        return f"length({column}) || ':' || {column}"

    fields = [
        sized("order_id"), "sku_code", sized("customer_id"), "region_code", "quantity::VARCHAR",
        "net_revenue::VARCHAR", "(order_date - DATE '1970-01-01')::VARCHAR", sized("channel"),
        *(f"{column}::VARCHAR" for column in MONEY), "is_promo_sale::VARCHAR", sized("promo_id"),
        "epoch_us(changed_at)::VARCHAR",
    ]  # fmt: skip
    present = ", ".join(f"coalesce({field}, '')" for field in fields)
    optional = (*MONEY, "is_promo_sale", "promo_id", "changed_at")
    filled = " + ".join(f"({column} IS NOT NULL)::INT" for column in optional)
    return f"lpad(({filled})::VARCHAR, 3, '0') || ':' || sha256(concat_ws('|', {present}))"


def _surrogate(column: str) -> str:
    """DuckDB has another hash than Spark: as good a key, not the same one."""
    return f"(hash({column}) >> 1)::BIGINT"


def _curated() -> str:
    return f"""
        SELECT * EXCLUDE (raw, reasons, digest), net_revenue::DOUBLE / quantity AS revenue_per_unit,
            net_revenue - cost_of_goods AS gross_margin, isoyear(order_date)::INT AS iso_year,
            weekofyear(order_date)::INT AS iso_week, year(order_date)::INT AS year, month(order_date)::INT AS month,
            quarter(order_date)::INT AS quarter,
            (year(order_date) * 10000 + month(order_date) * 100 + day(order_date))::INT AS date_key,
            channel = 'modern_trade' AS is_modern_trade, {_surrogate("sku_code")} AS sku_key,
            {_surrogate("region_code")} AS geo_key, {_surrogate("customer_id")} AS customer_key
        FROM judged WHERE len(reasons) = 0
        QUALIFY row_number() OVER (
            PARTITION BY order_id, sku_code ORDER BY changed_at DESC NULLS LAST, source_date DESC, digest DESC
        ) = 1
    """


def curate(source: str, target: Path, raw_date: str) -> None:
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        database.execute("SET preserve_insertion_order = false")
        database.execute(
            f"CREATE TEMP TABLE judged AS SELECT *, {_reasons()} AS reasons, {_digest()} AS digest "
            f"FROM ({_typed(source, raw_date)})"
        )
        for name, rows in {
            "published": _curated(),
            "quarantined": "SELECT raw.*, reasons, source_date AS raw_date FROM judged WHERE len(reasons) > 0",
        }.items():
            (target / name).mkdir(parents=True, exist_ok=True)
            file = target / name / "part.parquet"
            database.execute(f"COPY ({rows}) TO '{file}' (FORMAT parquet, COMPRESSION zstd)")


if __name__ == "__main__":
    curate(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
