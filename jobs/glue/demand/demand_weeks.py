"""The calendar of every series: one row per (sku, region, week), from its first week to the forecast's last.

A week without a sale is a row with zero units, so that a distance in rows is a distance in weeks; what follows counts
weeks all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from contracts.cpg.stockout import STOCKOUT_DAYS
from contracts.language.dataset import RETRACTED
from jobs.glue import parquet
from jobs.glue.demand.demand_manifest import EPOCH, FeatureWork, monday_of, week_number

SERIES = ("sku_code", "region_code")
CELL = (*SERIES, "week_no")
NO_CATEGORY = "(none)"
_INVENTORY_IS_CURRENT_WEEKS = 8

_SCHEMAS = {
    "sales": (
        "sku_code string, region_code string, order_date date, quantity bigint, net_revenue decimal(18,4), "
        "source_date date, is_deleted boolean"
    ),
    "inventory": "sku_code string, region_code string, snapshot_date date, closing_stock bigint, source_date date",
    "promotions": (
        "promo_id string, sku_code string, region_code string, week date, promo_type string, "
        "promo_discount_pct double, is_promoted boolean, planned_spend decimal(18,4), source_date date"
    ),
    "sku": "sku_code string, category string, launch_date date, discontinue_date date, is_active boolean",
}


@dataclass(frozen=True)
class Span:
    """`origin` is the first week whose sales are not known in full; everything before it is history.

    `sold` are the weeks of the history in which anything was sold, in order.
    """

    sold: tuple[int, ...]
    delivered_to: date | None
    units_read: int
    units_too_old: int
    units_history: int
    units_after: int
    units_delivered_later: int

    @property
    def first(self) -> int:
        return self.sold[0] if self.sold else 0

    @property
    def origin(self) -> int:
        return self.sold[-1] + 1 if self.sold else 0

    @property
    def weeks(self) -> int:
        return len(self.sold)

    @property
    def calendar_weeks(self) -> int:
        return self.origin - self.first

    @property
    def holes(self) -> list[int]:
        """Weeks in which nothing at all was sold: deliveries that are missing, not demand that was zero."""
        return sorted({*range(self.first, self.origin)} - {*self.sold})

    def figures(self) -> dict[str, Any]:
        return {
            "units_read": self.units_read,
            "units_too_old": self.units_too_old,
            "units_open_week": self.units_read - self.units_too_old - self.units_history,
            "units_delivered_later": self.units_delivered_later,
            "units_after_as_of": self.units_after,
            "weeks": self.weeks,
            "calendar_weeks": self.calendar_weeks,
            "weeks_without_sales": [monday_of(week).isoformat() for week in self.holes],
            "delivered_to": None if self.delivered_to is None else self.delivered_to.isoformat(),
            "first_week": monday_of(self.first).isoformat(),
            "last_week": monday_of(self.origin - 1).isoformat(),
        }


def table(spark: SparkSession, work: FeatureWork, name: str) -> DataFrame:
    files = work.files(name)
    if not files:
        return spark.createDataFrame([], _SCHEMAS[name])
    rows = parquet.scan(spark, files, _SCHEMAS[name])
    return rows.where(f"NOT coalesce({RETRACTED}, false)") if RETRACTED in rows.columns else rows


def week_no(column: str) -> str:
    """Days before the epoch count backwards, hence floor and not a cast."""
    return f"cast(floor(datediff({column}, DATE'{EPOCH}') / 7) AS int)"


def _was_known(day: str, work: FeatureWork) -> str:
    """Happened before `as_of`, and was delivered before it: a later correction must not reach a forecast of a past day."""
    return f"{day} < DATE'{work.as_of}' AND source_date < DATE'{work.as_of}'"


def weekly_sales(sales: DataFrame, work: FeatureWork) -> DataFrame:
    return (
        sales.where(_was_known("order_date", work))
        .where(f"order_date >= DATE'{monday_of(work.first_history_week)}'")
        .groupBy(*SERIES, F.expr(week_no("order_date")).alias("week_no"))
        .agg(F.sum("quantity").alias("sold"), F.sum("net_revenue").cast("double").alias("revenue"))
    )


def span(sales: DataFrame, weekly: DataFrame, work: FeatureWork) -> Span:
    """A week has closed when the deliveries of its Sunday are in; the last such week with sales ends the history.

    How far deliveries reach is judged by sales before `as_of`: that there are later ones proves nothing of its eve.
    """
    known = _was_known("order_date", work)
    past = f"order_date < DATE'{work.as_of}'"
    found = sales.selectExpr(
        f"max(CASE WHEN {known} THEN source_date END) AS delivered_to",
        f"coalesce(sum(CASE WHEN {known} THEN quantity END), 0) AS read",
        f"coalesce(sum(CASE WHEN {past} AND NOT ({known}) THEN quantity END), 0) AS delivered_later",
        f"coalesce(sum(CASE WHEN NOT ({past}) THEN quantity END), 0) AS after",
    ).first()
    units = {
        row["week_no"]: row["sold"]
        for row in weekly.groupBy("week_no").agg(F.sum("sold").alias("sold")).collect()
    }
    if found is None:
        raise AssertionError("an aggregate without groups has one row")
    delivered_to: date | None = found["delivered_to"]
    until = work.as_of if delivered_to is None else min(work.as_of, delivered_to + timedelta(days=1))
    sold = tuple(sorted(week for week in units if week < week_number(until)))
    return Span(
        sold=sold,
        delivered_to=delivered_to,
        units_read=found["read"],
        units_too_old=found["read"] - sum(units.values()),
        units_history=sum(units[week] for week in sold),
        units_after=found["after"],
        units_delivered_later=found["delivered_later"],
    )


def stock_weeks(inventory: DataFrame, work: FeatureWork) -> DataFrame:
    return (
        inventory.where(_was_known("snapshot_date", work))
        .groupBy(*SERIES, F.expr(week_no("snapshot_date")).alias("week_no"))
        .agg(F.expr("cast(sum(int(closing_stock <= 0)) AS int)").alias("stockout_days"))
    )


def calendar(
    weekly: DataFrame, stock: DataFrame, promotions: DataFrame, sku: DataFrame, span: Span, work: FeatureWork
) -> DataFrame:
    """Series are those that ever sold, be it in the open week, those in stock lately and those that the horizon promotes."""
    ahead = promotions.where(
        f"is_promoted AND week_no BETWEEN {work.first_forecast_week} AND {work.last_forecast_week}"
    )
    stocked = stock.groupBy(*SERIES).agg(F.min("week_no").alias("first_week"), F.max("week_no").alias("last"))
    stocked = stocked.where(f"last >= {span.origin - _INVENTORY_IS_CURRENT_WEEKS}").drop("last")
    # greatest() would give a series that was never in stock the first week of all. Stock that waits for its launch is
    # no week without demand.
    since = f"greatest(first_stock, {span.first}, {week_no('launch_date')})"
    first = f"coalesce(first_sale, CASE WHEN first_stock IS NOT NULL THEN {since} END) AS first_week"
    found = (
        weekly.groupBy(*SERIES)
        .agg(F.expr(f"min(CASE WHEN week_no < {span.origin} THEN week_no END)").alias("first_sale"))
        .withColumn("first_week", F.lit(None).cast("int"))
        .unionByName(stocked, allowMissingColumns=True)
        .unionByName(ahead.select(*SERIES).distinct(), allowMissingColumns=True)
        .groupBy(*SERIES)
        .agg(F.min("first_sale").alias("first_sale"), F.min("first_week").alias("first_stock"))
    )
    masters = sku.selectExpr(
        "sku_code",
        f"coalesce(category, '{NO_CATEGORY}') AS category",
        *("launch_date", "discontinue_date", "is_active"),
    )
    weeks = f"sequence(least(coalesce(first_week, {span.origin}), {span.origin}), {work.last_forecast_week})"
    return (
        found.join(F.broadcast(masters), "sku_code", "left")
        .fillna({"category": NO_CATEGORY})
        .selectExpr(*SERIES, "category", *("launch_date", "discontinue_date", "is_active"), first)
        .selectExpr("*", f"explode({weeks}) AS week_no")
        .withColumn("is_off_sale", F.expr(_is_off_sale(work)))
        .drop("launch_date", "is_active")
    )


def _is_off_sale(work: FeatureWork) -> str:
    """What the master says of a week to come: discontinued before it, launched after it, or no longer sold at all.

    An article that is not active because its launch is still ahead will be sold from its launch on.
    """
    monday = f"date_add(DATE'{EPOCH}', week_no * 7)"
    rules = (
        f"{monday} > discontinue_date",
        f"date_add({monday}, 6) < launch_date",
        f"NOT is_active AND coalesce(launch_date < DATE'{work.as_of}', true)",
    )
    return " OR ".join(f"coalesce({rule}, false)" for rule in rules)


def articles_without_series(sku: DataFrame, rows: DataFrame, work: FeatureWork) -> int:
    """Articles of the SKU master that are still sold, and of which nothing says where: they are not forecast."""
    is_sold = f"coalesce(is_active, true) AND coalesce(discontinue_date >= DATE'{work.as_of}', true)"
    return sku.where(is_sold).join(rows.select("sku_code").distinct(), "sku_code", "left_anti").count()


def observed(
    grid: DataFrame, weekly: DataFrame, stock: DataFrame, promotions: DataFrame, span: Span
) -> DataFrame:
    """Units, price, stock and plan of every cell. Of the origin week and later nothing but the plan is known.

    A week in which nothing at all was sold says as little about demand as one without stock, and counts as one.
    """
    known = f"week_no < {span.origin}"
    out_of_stock = f"coalesce(stockout_days, 0) >= {STOCKOUT_DAYS} OR {_is_one_of(span.holes)}"
    return (
        grid.join(weekly.where(known), list(CELL), "left")
        .join(stock.where(known), list(CELL), "left")
        .join(promotions, list(CELL), "left")
        .selectExpr(
            *CELL,
            "category",
            "discontinue_date",
            "is_off_sale",
            "first_week",
            f"CASE WHEN {known} THEN coalesce(sold, 0) END AS units",
            "CASE WHEN sold > 0 AND revenue > 0 THEN revenue / sold END AS price",
            f"CASE WHEN {known} THEN coalesce(stockout_days, 0) END AS stockout_days",
            f"CASE WHEN {known} THEN {out_of_stock} END AS is_stockout",
            "coalesce(is_promoted, false) AS is_promoted",
            "CASE WHEN is_promoted THEN discount END AS discount",
            "CASE WHEN is_promoted THEN promo_type END AS promo_type",
            "CASE WHEN is_promoted THEN promos ELSE 0 END AS promos",
            "CASE WHEN is_promoted THEN planned_spend END AS planned_spend",
        )
    )


def _is_one_of(weeks: Iterable[int]) -> str:
    listed = ", ".join(str(week) for week in weeks)
    return f"week_no IN ({listed})" if listed else "false"
