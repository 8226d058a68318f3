"""Bring the marts up to date with the DW, and read their headline figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.events import log
from tasks.services.snowflake import execute
from tasks.warehouse.warehouse_write import writing
from warehouse.marts import refresh
from warehouse.statement import Statement

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


def refresh_marts(connection: SnowflakeConnection, *, whole: bool = False) -> None:
    """Compute again what the loads changed since the last refresh, or everything.

    Under the write lock, so that an older state of the DW never replaces a newer one. The changes are deleted in the
    transaction that covers them: a refresh that dies leaves them to the next one.
    """
    with writing(connection, "refresh of the marts"):
        changes = refresh.Changes(*execute(connection, refresh.read()))
        why_whole = "asked for" if whole else changes.why_whole()
        for statement in refresh.rebuild(changes) if why_whole else refresh.update(changes):
            execute(connection, statement)
    log("marts_refreshed", rebuilt_because=why_whole, days=changes.days, changes=changes.rows)


_HEADLINES = """SELECT MIN(full_date), MAX(full_date), SUM(units), SUM(net_revenue),
    100 * SUM(gross_margin)::DOUBLE / NULLIF(SUM(costed_net_revenue), 0),
    SUM(promo_revenue), SUM(promo_unknown_revenue),
    100 * SUM(promo_unknown_revenue)::DOUBLE / NULLIF(SUM(net_revenue), 0), SUM(anomalies)
FROM MARTS.SALES_PERFORMANCE_MART"""
# COUNT of IFF, not COUNT_IF: for zero rows, the local Snowflake returns null for the latter.
_PROMOTION_HEADLINES = """SELECT COUNT(*), COUNT(IFF(weeks_started > 0, 1, NULL)),
    COUNT(IFF(weeks_started > 0 AND has_baseline, 1, NULL)),
    SUM(uplift_units), SUM(incremental_margin), SUM(spend), COUNT(IFF(weeks_without_spend > 0, 1, NULL)),
    SUM(IFF(weeks_without_spend = 0, incremental_margin - spend, NULL))
        / NULLIF(SUM(IFF(weeks_without_spend = 0 AND incremental_margin IS NOT NULL, spend, NULL)), 0)
FROM MARTS.PROMO_EFFECTIVENESS_MART"""
_STOCK_HEADLINES = "SELECT COUNT(IFF(closing_stock < 0, 1, NULL)) FROM DW.FACT_INVENTORY"


def headlines(connection: SnowflakeConnection) -> dict[str, Any]:
    """The marts' headline figures, for the run's page. None where there is no data."""
    sales = execute(connection, Statement("reading the sales mart's headlines", _HEADLINES))
    promotions = execute(
        connection, Statement("reading the promotion mart's headlines", _PROMOTION_HEADLINES)
    )
    stock = execute(connection, Statement("counting days of stock below zero", _STOCK_HEADLINES))
    names = (
        "first_day",
        "last_day",
        "units",
        "net_revenue",
        "gross_margin_pct",
        "promo_revenue",
        "promo_unknown_revenue",
        "promo_unknown_pct",
        "anomalies",
    )
    promotion_names = (
        "promotions",
        "promotions_started",
        "promotions_with_baseline",
        "promotion_uplift_units",
        "promotion_incremental_margin",
        "promotion_spend",
        "promotions_of_unknown_spend",
        "promotion_roi",
    )
    return (
        dict(zip(names, sales, strict=True))
        | dict(zip(promotion_names, promotions, strict=True))
        | {"stock_days_below_zero": stock[0]}
    )
