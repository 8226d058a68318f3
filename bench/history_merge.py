"""A history (SCD type 2) as tutorials keep it: MERGE the delivery into the table. Plain Spark rewrites the table for that.

Run by spark-submit: history_merge.py <table's folder or files, by commas> <delivery> <output>. It is kept honest: the same
table as ours, its rows cleaned by our own function, Spark's settings as ours. What it lacks is what such code lacks: it
takes each delivery for the newest there is, and reads and writes all of the table.
"""

from __future__ import annotations

import sys

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from contracts.shop.customers import CUSTOMERS
from jobs.glue import session
from jobs.glue.layers.frames import bronze
from jobs.glue.shop.customers import dim_customers

CONTENT = ("full_name", "email_normalized", "phone_normalized", "address_standardized", "is_active")


def merged(table: DataFrame, delivery: DataFrame) -> DataFrame:
    """The current row of a customer who differs is closed, and the delivered one is inserted."""
    current = table.where("is_current").select("customer_id", *(F.col(c).alias(f"old_{c}") for c in CONTENT))
    same = " AND ".join(f"{column} <=> old_{column}" for column in CONTENT)
    fresh = delivery.join(current, "customer_id", "left").where(f"NOT coalesce({same}, false)")
    fresh = fresh.select(*table.columns).cache()
    ends = fresh.select("customer_id", F.col("effective_at").alias("ends_at"))
    closes = F.expr("is_current AND ends_at IS NOT NULL")
    kept = (
        table.join(ends, "customer_id", "left")
        .withColumn("expired_at", F.when(closes, F.col("ends_at")).otherwise(F.col("expired_at")))
        .withColumn("expiration_date", F.expr("CAST(expired_at AS date)"))
        .withColumn("is_current", F.when(closes, False).otherwise(F.col("is_current")))
    )
    return kept.select(*table.columns).unionByName(fresh)


def main(table: str, delivery: str, output: str) -> None:
    spark = session.open_session("merge as tutorials write it")
    session.size_shuffles(spark, 0)
    rows = dim_customers(bronze(spark, CUSTOMERS, [delivery]))
    merged(spark.read.parquet(*table.split(",")), rows).write.mode("overwrite").parquet(output)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
