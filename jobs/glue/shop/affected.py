"""Which orders a run must compute anew: those that something changed for since the table's last run.

An order's lines follow from bronze's rows of the order and of its lines, from its customer's history, and from whether its
products are known and of which category they are. So there are four ways to be affected, and the tables say which orders
refer to a customer or a product. Lines that are in neither table need no look: they come back only by a new version of
the line or of its order, and that is a new row of bronze.
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame


def affected_orders(
    new_orders: DataFrame,
    new_items: DataFrame,
    facts: DataFrame,
    pending: DataFrame,
    changed_customers: DataFrame,
    changed_products: DataFrame,
) -> DataFrame:
    """The `order_id` of each order whose lines may differ from what the tables have, once.

    `new_orders` and `new_items` are the rows of bronze that the tables do not know yet. `changed_customers` are those
    whose history is another than the tables were computed with, also if nothing is left of it; `changed_products` those
    that are new or changed their category. More than that costs time and does no harm.
    """
    return _ids(
        new_orders,
        new_items,
        # Whatever a line waits for: if a customer is unknown again, the reason of a line changes too.
        pending.join(changed_customers, "customer_id", "left_semi"),
        pending.join(changed_products, "product_id", "left_semi"),
        facts.join(changed_customers, "customer_key", "left_semi"),
        facts.join(changed_products, "product_key", "left_semi"),
    )


def orders_that_name(
    orders: DataFrame, items: DataFrame, changed_customers: DataFrame, changed_products: DataFrame
) -> DataFrame:
    """The `order_id` of each order that any row of bronze joins with one of these customers or products, once.

    For a run that finds one table further than the other, because the run before it ended between their commits. A line
    may be in neither then, and the tables cannot say that it refers to a customer or a product. Reads all of bronze's lines.
    """
    return _ids(
        orders.join(changed_customers, "customer_id", "left_semi"),
        items.join(changed_products, "product_id", "left_semi"),
    )


def _ids(*frames: DataFrame) -> DataFrame:
    return reduce(DataFrame.unionAll, (rows.select("order_id") for rows in frames)).distinct()
