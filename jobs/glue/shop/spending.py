"""What customers spend: the lines that count, and the currency in which a customer's amounts are told."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

COUNTS = "NOT status <=> 'cancelled'"
"""Orders that are not cancelled, returned ones too. Deleted orders and lines are not in silver.fact_orders."""
MONEY = "decimal(18,2)"


def amount(column: str) -> str:
    """The sum of a column of amounts. A line without an amount adds nothing."""
    return f"cast(coalesce(sum({column}), 0) AS {MONEY})"


def counted(facts: DataFrame) -> DataFrame:
    return facts.where(COUNTS)


def most_used_currency(orders: DataFrame) -> DataFrame:
    """Of each customer_key the currency of the most orders; of several the one with the greater amount, then by name.

    `orders` has a row per order: customer_key, currency, amount. An unknown currency is chosen only if there is no other.
    Columns: customer_key, currency, orders (all of them), currency_orders, currency_amount.
    """
    by_currency = orders.groupBy("customer_key", "currency").agg(
        F.count(F.lit(1)).alias("orders"), F.expr(amount("amount")).alias("amount")
    )
    best_first = "struct(currency IS NULL, -orders, -amount, currency)"
    return (
        by_currency.groupBy("customer_key")
        .agg(
            F.expr(f"min_by(struct(currency, orders, amount), {best_first})").alias("chosen"),
            F.sum("orders").alias("orders"),
        )
        .selectExpr(
            "customer_key",
            "chosen.currency AS currency",
            "orders",
            "chosen.orders AS currency_orders",
            "chosen.amount AS currency_amount",
        )
    )


def in_currency(rows: DataFrame, chosen: DataFrame) -> DataFrame:
    """The rows in their customer's currency."""
    currency = chosen.selectExpr("customer_key", "currency AS chosen_currency")
    return rows.join(currency, "customer_key").where("currency <=> chosen_currency").drop("chosen_currency")


def best_category(lines: DataFrame) -> DataFrame:
    """Of each customer_key the category with the greatest amount, of several the first by name: category, amount."""
    by_category = (
        lines.where("category IS NOT NULL")
        .groupBy("customer_key", "category")
        .agg(F.expr(amount("line_amount")).alias("amount"))
    )
    best = F.expr("min_by(struct(category, amount), struct(-amount, category))").alias("best")
    return by_category.groupBy("customer_key").agg(best).selectExpr("customer_key", "best.*")
