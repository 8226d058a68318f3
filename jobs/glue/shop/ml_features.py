"""gold.ml_features: what was known of each customer when a day began, for the churn model."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.glue.shop.spending import COUNTS, MONEY, amount, best_category, in_currency, most_used_currency

WINDOWS = (30, 90, 180, 365)
"""Days before the day of analysis over which orders and amounts are counted."""
_DAY_MICROS = 86_400_000_000


def ml_features(facts: DataFrame, customers: DataFrame, analysis_date: date) -> DataFrame:
    """A row per customer with a version or an order before the day, from nothing that is dated on or after it.

    `customers` has all versions of the customers, `facts` all their lines. Amounts are in the most used currency of the
    orders before the day.
    """
    midnight = f"TIMESTAMP'{analysis_date} 00:00:00'"
    lines = facts.where(f"order_ts < {midnight}")
    orders = lines.groupBy("customer_key", "order_id").agg(
        F.max("order_ts").alias("order_ts"),
        F.max("status").alias("status"),
        F.max("currency").alias("currency"),
        F.expr(amount("line_amount")).alias("amount"),
    )
    counting = orders.where(COUNTS)
    chosen = most_used_currency(counting)
    spent = in_currency(lines.where(COUNTS), chosen)
    names = customers.groupBy("customer_key").agg(F.max("customer_id").alias("customer_id"))
    parts = (
        _version(customers, analysis_date),
        _rates(orders),
        chosen.selectExpr("customer_key", "currency", "currency_orders", "currency_amount"),
        _times(counting, analysis_date),
        _amounts(in_currency(counting, chosen), midnight),
        best_category(spent).selectExpr("customer_key", "amount AS top_amount"),
        lines.where(COUNTS).groupBy("customer_key").agg(F.countDistinct("category").alias("categories")),
    )
    joined = names
    for part in parts:
        joined = joined.join(part, "customer_key", "left")
    return joined.where("is_known OR placed IS NOT NULL").selectExpr(*_columns(analysis_date))


def _version(customers: DataFrame, analysis_date: date) -> DataFrame:
    """The last version before the day. When it ended counts only if that was before the day too."""
    midnight = f"TIMESTAMP'{analysis_date} 00:00:00'"
    shown = (
        "struct(created_date, is_active, expired_at, data_quality_score, "
        "address_standardized.state AS state, address_standardized.country AS country)"
    )
    return (
        customers.where(f"effective_at < {midnight}")
        .groupBy("customer_key")
        .agg(F.expr(f"max_by({shown}, effective_at)").alias("version"))
        .selectExpr(
            "customer_key",
            "true AS is_known",
            "version.*",
            f"version.expired_at < {midnight} AS is_deleted",
        )
        .drop("expired_at")
    )


def _rates(orders: DataFrame) -> DataFrame:
    return orders.groupBy("customer_key").agg(
        F.count(F.lit(1)).alias("placed"),
        F.expr("count_if(status = 'cancelled')").alias("cancelled"),
        F.expr("count_if(status = 'returned')").alias("returned"),
    )


def _times(orders: DataFrame, analysis_date: date) -> DataFrame:
    """When orders came, from their moments in order: sums of numbers with a point depend on the order of the rows."""
    gaps = f"transform(sequence(1, size(at) - 1), i -> (at[i] - at[i - 1]) / {_DAY_MICROS})"
    windows = [
        f"size(filter(at, t -> t >= unix_micros({_before(analysis_date, days)}))) AS orders_{days}d"
        for days in WINDOWS
    ]
    return (
        orders.groupBy("customer_key")
        .agg(F.expr("array_sort(collect_list(unix_micros(order_ts)))").alias("at"))
        .selectExpr(
            "customer_key",
            "at",
            f"CASE WHEN size(at) > 1 THEN {gaps} END AS gaps",
            f"CASE WHEN size(at) > 1 THEN (at[size(at) - 1] - at[0]) / {_DAY_MICROS} / (size(at) - 1) END AS mean_gap",
        )
        .selectExpr(
            "customer_key",
            "size(at) AS orders",
            "date(timestamp_micros(at[0])) AS first_order",
            "date(timestamp_micros(at[size(at) - 1])) AS last_order",
            "mean_gap",
            "CASE WHEN size(gaps) > 1 THEN sqrt(aggregate(gaps, 0D, (sum, gap) -> sum + pow(gap - mean_gap, 2))"
            " / (size(gaps) - 1)) END AS std_gap",
            *windows,
        )
    )


def _amounts(orders: DataFrame, midnight: str) -> DataFrame:
    """Amounts over the windows. `orders` are those in the customer's currency."""
    return orders.groupBy("customer_key").agg(
        *(
            F.expr(amount(f"CASE WHEN order_ts >= {midnight} - INTERVAL {days} DAYS THEN amount END")).alias(
                f"amount_{days}d"
            )
            for days in WINDOWS
        )
    )


def _before(day: date, days: int) -> str:
    return f"TIMESTAMP'{day} 00:00:00' - INTERVAL {days} DAYS"


def _columns(analysis_date: date) -> list[str]:
    """The columns of the contract, in its order."""
    day = f"DATE'{analysis_date}'"
    recency = f"cast(datediff({day}, last_order) AS bigint)"
    return [
        "customer_key",
        "customer_id",
        f"{day} AS analysis_date",
        f"CASE WHEN created_date < {day} THEN cast(datediff({day}, created_date) AS bigint) END AS tenure_days",
        "is_active",
        "coalesce(is_deleted, false) AS is_deleted",
        "state AS region",
        "country",
        "data_quality_score",
        "currency",
        "cast(coalesce(orders, 0) AS bigint) AS orders",
        f"{recency} AS recency_days",
        f"cast(datediff({day}, first_order) AS bigint) AS days_since_first_order",
        *(f"cast(coalesce(orders_{days}d, 0) AS bigint) AS orders_{days}d" for days in WINDOWS),
        f"cast(coalesce(currency_amount, 0) AS {MONEY}) AS amount",
        *(f"cast(coalesce(amount_{days}d, 0) AS {MONEY}) AS amount_{days}d" for days in WINDOWS),
        f"cast(coalesce(round(currency_amount / currency_orders, 2), 0) AS {MONEY}) AS avg_order_value",
        "coalesce(categories, 0) AS categories",
        "CASE WHEN currency_amount > 0 THEN cast(top_amount AS double) / cast(currency_amount AS double) END"
        " AS top_category_share",
        "cancelled / placed AS cancelled_rate",
        "returned / placed AS returned_rate",
        "mean_gap AS mean_gap_days",
        "std_gap AS std_gap_days",
        f"CASE WHEN mean_gap > 0 THEN {recency} / mean_gap END AS gap_ratio",
    ]
