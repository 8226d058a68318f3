"""Sales order lines."""

from __future__ import annotations

from typing import Any, ClassVar

from contracts.kinds import Channel, Code, Day, Flag, Identifier, Instant, Integer, Money
from contracts.model import Contract, facts, later, optional, required
from contracts.spec import CODE_PATTERN, Thresholds
from contracts.written import CLOCK_DAYS, ORDER_YEARS

CHANNELS = ("modern_trade", "general_trade", "ecommerce")
SALES_ROWS_A_DAY = 1000


class Sales(Contract):
    """Order lines as SAP delivers them. An order has several lines; a later file may correct an earlier line."""

    order_id: Identifier = required("Number of the order; its lines share it.", str_length=(1, 100))
    sku_code: Code = required("Article sold, as in the SKU master.", str_matches=CODE_PATTERN)
    customer_id: Identifier = required("Customer who ordered.", str_length=(1, 100))
    region_code: Code = required("Region that was delivered to.", str_matches=CODE_PATTERN)
    quantity: Integer = required("Units sold.", gt=0)
    net_revenue: Money = required("Revenue of the line after trade discount.", gt=0)
    order_date: Day = required(
        "Day of the order; never after the raw date of its file. An instant is refused unless it is midnight UTC."
    )
    channel: Channel = required("Sales channel.", isin=CHANNELS)
    gross_revenue: Money = optional("Revenue of the line at list price.")
    trade_discount: Money = optional("Discount given to the trade.")
    cost_of_goods: Money = optional("Cost of the units sold; unknown where null.")
    is_promo_sale: Flag = optional("Whether the line was sold under a promotion.")
    promo_id: Identifier = optional("Promotion it was sold under.", str_length=(1, 100))
    changed_at: Instant = optional(
        "When SAP last changed the line, UTC unless it says otherwise. Later than the day after the raw date it is no "
        "version: a line without one ranks below every line that has one."
    )
    is_deleted: Flag = later(
        "Whether this version takes the line back: it stays in the lake, the DW and the marts lose it. A later version "
        "may bring the line back."
    )

    class Config:
        not_after: ClassVar[dict[str, str]] = {"column": "order_date", "limit": "source_date"}
        not_years_before: ClassVar[dict[str, Any]] = {
            "column": "order_date",
            "limit": "source_date",
            "years": ORDER_YEARS,
        }
        not_days_after: ClassVar[dict[str, Any]] = {
            "column": "changed_at",
            "limit": "source_date",
            "days": CLOCK_DAYS,
        }
        metadata = facts(
            "sales",
            prefix="raw/sap/sales_orders/year={date:%Y}/month={date:%m}/day={date:%d}/",
            key=("order_id", "sku_code"),
            version="1.1.0",
            version_column="changed_at",
            thresholds=Thresholds(row_count_min=SALES_ROWS_A_DAY),
        )
