"""The profile of rows, against DuckDB's."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pytest
from pyspark.sql import SparkSession

from contracts.language.columns import optional, required
from contracts.language.dataset import Dataset
from jobs.glue import session
from jobs.glue.layers.frames import schema
from jobs.glue.layers.profile import profile

GOODS = Dataset(
    domain="shop",
    name="goods",
    description="Goods.",
    key=("number",),
    columns=(
        required("number", "integer", "Its number."),
        optional("price", "decimal(14,2)", "Its price."),
        optional("kind", "text", "Its kind."),
        optional("buyer", "text", "Who bought it.", personal=True),
        optional("is_sold", "boolean", "Whether it is sold."),
    ),
)

pytestmark = pytest.mark.spark


def test_each_column_as_duckdb_sees_it(spark: SparkSession) -> None:
    session.configure(spark)
    rows = [
        (n, None if n % 7 == 0 else Decimal(n) / 4, f"k{n % 5}", f"Buyer {n}", None if n % 2 else n % 4 == 0)
        for n in range(1, 101)
    ]
    found = {line["column"]: line for line in profile(spark.createDataFrame(rows, schema(GOODS)), GOODS)}
    with duckdb.connect() as oracle:
        oracle.execute(
            "CREATE TABLE goods (number BIGINT, price DECIMAL(14,2), kind VARCHAR, buyer VARCHAR, is_sold BOOLEAN)"
        )
        oracle.executemany("INSERT INTO goods VALUES (?, ?, ?, ?, ?)", rows)
        for column in GOODS.names:
            shown = column != "buyer"
            nulls, distinct, least, most = oracle.sql(
                f"SELECT count(*) - count({column}), count(DISTINCT {column}), min({column})::VARCHAR, "
                f"max({column})::VARCHAR FROM goods"
            ).fetchall()[0]
            line = found[column]
            assert (line["rows"], line["nulls"]) == (100, nulls)
            assert line["distinct"] == pytest.approx(distinct, rel=0.06)
            assert (line["min"], line["max"]) == ((least, most) if shown else (None, None))
        (median,) = oracle.sql("SELECT quantile_disc(price, 0.5)::DOUBLE FROM goods").fetchall()[0]
        assert found["price"]["p50"] == median
    assert {name for name, line in found.items() if line["p50"] is not None} == {"number", "price"}
