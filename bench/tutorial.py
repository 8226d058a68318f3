"""The sales transform as tutorials write it: look at a count after each step, drop duplicates, filter, window, overwrite.

Run by spark-submit: tutorial.py <input folder> <output folder>. It is kept honest: same session settings, same cleaning,
same derived columns as ours, no step slowed down; what it lacks is what such code usually lacks.
"""

from __future__ import annotations

import sys

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

CHANNELS = ["modern_trade", "general_trade", "ecommerce"]


def cleaned(raw: DataFrame) -> DataFrame:
    return (
        raw.withColumn("order_id", F.trim("order_id"))
        .withColumn("sku_code", F.upper(F.trim("sku_code")))
        .withColumn("customer_id", F.trim("customer_id"))
        .withColumn("region_code", F.upper(F.trim("region_code")))
        .withColumn("channel", F.regexp_replace(F.lower(F.trim("channel")), "[ -]", "_"))
        .withColumn("quantity", F.col("quantity").cast("bigint"))
        .withColumn("net_revenue", F.col("net_revenue").cast("decimal(18,4)"))
        .withColumn("gross_revenue", F.col("gross_revenue").cast("decimal(18,4)"))
        .withColumn("trade_discount", F.col("trade_discount").cast("decimal(18,4)"))
        .withColumn("cost_of_goods", F.col("cost_of_goods").cast("decimal(18,4)"))
        .withColumn("order_date", F.to_date("order_date"))
        .withColumn("changed_at", F.to_timestamp("changed_at"))
        .filter(F.col("sku_code").rlike("^[A-Z0-9][A-Z0-9_-]{0,49}$"))
        .filter(F.col("region_code").rlike("^[A-Z0-9][A-Z0-9_-]{0,49}$"))
        .filter((F.col("order_id") != "") & (F.col("customer_id") != ""))
        .filter((F.col("quantity") > 0) & (F.col("net_revenue") > 0))
        .filter(F.col("order_date").isNotNull() & F.col("channel").isin(CHANNELS))
    )


def surrogate(code: str) -> Column:
    return F.xxhash64(code).bitwiseAND(F.lit(2**63 - 1))


def derived(valid: DataFrame) -> DataFrame:
    return (
        valid.withColumn("revenue_per_unit", F.col("net_revenue").cast("double") / F.col("quantity"))
        .withColumn("gross_margin", F.col("net_revenue") - F.col("cost_of_goods"))
        .withColumn("is_modern_trade", F.col("channel") == "modern_trade")
        .withColumn("iso_week", F.weekofyear("order_date"))
        .withColumn("quarter", F.quarter("order_date"))
        .withColumn("year", F.year("order_date"))
        .withColumn("month", F.month("order_date"))
        .withColumn("date_key", F.date_format("order_date", "yyyyMMdd").cast("int"))
        .withColumn("sku_key", surrogate("sku_code"))
        .withColumn("geo_key", surrogate("region_code"))
        .withColumn("customer_key", surrogate("customer_id"))
    )


def flagged(lines: DataFrame) -> DataFrame:
    days = F.datediff("order_date", F.lit("1970-01-01"))
    last_28_days = Window.partitionBy("sku_code", "region_code").orderBy(days).rangeBetween(-27, 0)
    return lines.withColumn("mean_revenue", F.avg("net_revenue").over(last_28_days)).withColumn(
        "is_revenue_anomaly", F.col("net_revenue") > 3 * F.col("mean_revenue")
    )


def main(source: str, target: str) -> None:
    spark = SparkSession.builder.appName("tutorial").getOrCreate()
    raw = spark.read.parquet(source)
    print("raw rows", raw.count())
    unique = raw.dropDuplicates(["order_id", "sku_code"])
    print("after dropping duplicates", unique.count())
    valid = cleaned(unique)
    print("valid rows", valid.count())
    lines = derived(valid)
    print("rows with derived columns", lines.count())
    result = flagged(lines)
    print("anomalies", result.where("is_revenue_anomaly").count())
    result.write.mode("overwrite").partitionBy("year", "month").parquet(target)
    print("written rows", spark.read.parquet(target).count())
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
