"""Order lines with the keys of their customer and product: silver.fact_orders and silver.pending_orders.

A line is live if neither it nor its order is deleted. A live line is in exactly one of the two tables.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from contracts.shop.fact_orders import FACT_ORDERS
from contracts.shop.order_items import ORDER_ITEMS
from contracts.shop.orders import ORDERS
from contracts.shop.pending_orders import PENDING_ORDERS
from jobs.glue.shop.versions import newest

WAITS_FOR = "waits_for"
_MEASURES = ("quantity", "unit_price", "discount", "line_amount")


def order_lines(orders: DataFrame, items: DataFrame, customers: DataFrame, products: DataFrame) -> DataFrame:
    """All live lines of `items`. `waits_for` says what a line waits for, and is null if it waits for nothing.

    `orders` and `items` are bronze's rows of the same orders, all of them. `customers` and `products` are the rows of
    dim_customers and dim_products that these refer to; more do no harm.
    """
    lines = (
        newest(items, ORDER_ITEMS)
        .where("NOT is_gone")
        .selectExpr("order_id", "line_number", "product_id", *_MEASURES, "dated_at AS waiting_since")
    )
    known = products.select("product_id", "product_key", "category")
    return (
        lines.join(_with_customer(newest(orders, ORDERS), customers), "order_id", "left")
        .where("NOT coalesce(is_gone, false)")
        .join(known, "product_id", "left")
        .withColumn(WAITS_FOR, F.expr(_FIRST_UNKNOWN))
        .drop("is_gone")
    )


def fact_orders(lines: DataFrame) -> DataFrame:
    """The lines that wait for nothing, as the contract has them."""
    return lines.where(f"{WAITS_FOR} IS NULL").select(*FACT_ORDERS.names)


def pending_orders(lines: DataFrame) -> DataFrame:
    """The lines that wait, each with its reason, as the contract has them."""
    waiting = lines.where(f"{WAITS_FOR} IS NOT NULL").withColumnRenamed(WAITS_FOR, "reason")
    return waiting.select(*PENDING_ORDERS.names)


_FIRST_UNKNOWN = """
    CASE WHEN is_gone IS NULL THEN 'order'
         WHEN customer_version_key IS NULL THEN 'customer'
         WHEN product_key IS NULL THEN 'product'
    END"""


def _with_customer(orders: DataFrame, customers: DataFrame) -> DataFrame:
    """Each order with its customer's version at order_ts: the last that began until then, or else the first.

    Orders and versions of a customer are put in one row of time, and each order looks back. A join of the two would
    pair every order of a customer with every version.
    """
    version = "struct(effective_at, customer_key, customer_version_key, address_standardized.state)"
    marks = customers.selectExpr(
        "customer_id", "effective_at AS at", "false AS is_order", f"{version} AS version"
    )
    asked = orders.selectExpr(
        "customer_id", "order_ts AS at", "true AS is_order",
        "struct(order_id, order_ts, status, currency, is_gone) AS order",
    )  # fmt: skip
    of_customer = Window.partitionBy("customer_id")
    until_then = of_customer.orderBy("at", "is_order").rowsBetween(Window.unboundedPreceding, 0)
    found = F.coalesce(
        F.last("version", ignorenulls=True).over(until_then), F.min("version").over(of_customer)
    )
    return (
        asked.unionByName(marks, allowMissingColumns=True)
        .withColumn("found", found)
        .where("is_order")
        .selectExpr(
            "customer_id", "order.*", "cast(order.order_ts AS date) AS order_date",
            "found.customer_key", "found.customer_version_key", "found.state AS region",
        )
    )  # fmt: skip
