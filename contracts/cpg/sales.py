"""Sales order lines."""

from __future__ import annotations

from contracts.cpg.masters import TO_CUSTOMER, TO_GEOGRAPHY, TO_SKU
from contracts.language.columns import (
    above,
    date_key,
    later,
    length,
    matches,
    not_after,
    not_days_after,
    not_years_before,
    one_of,
    optional,
    required,
)
from contracts.language.dataset import CODE_PATTERN, Dataset, Derived, Thresholds
from contracts.language.delivery import OF_A_DAY, Delivery
from contracts.language.written import CLOCK_DAYS, ORDER_YEARS

CHANNELS = ("modern_trade", "general_trade", "ecommerce")
SALES_ROWS_A_DAY = 1000

SALES = Dataset(
    domain="cpg",
    name="sales",
    description="Order lines as SAP delivers them. An order has several lines; a later file may correct an earlier line.",
    version="1.1.0",
    key=("order_id", "sku_code"),
    references=(TO_SKU, TO_GEOGRAPHY, TO_CUSTOMER),
    version_column="changed_at",
    delivery=Delivery("sales", "day", "raw/sap/sales_orders/" + OF_A_DAY),
    thresholds=Thresholds(row_count_min=SALES_ROWS_A_DAY),
    columns=(
        required("order_id", "identifier", "Number of the order; its lines share it.", length(1, 100)),
        required("sku_code", "code", "Article sold, as in the SKU master.", matches(CODE_PATTERN)),
        required("customer_id", "identifier", "Customer who ordered.", length(1, 100)),
        required("region_code", "code", "Region that was delivered to.", matches(CODE_PATTERN)),
        required("quantity", "integer", "Units sold.", above(0)),
        required("net_revenue", "decimal", "Revenue of the line after trade discount.", above(0)),
        required(
            "order_date",
            "date",
            "Day of the order; never after the raw date of its file. An instant is refused unless it is midnight UTC.",
            not_after("source_date"),
            not_years_before("source_date", ORDER_YEARS),
        ),
        required("channel", "channel", "Sales channel.", one_of(*CHANNELS)),
        optional("gross_revenue", "decimal", "Revenue of the line at list price."),
        optional("trade_discount", "decimal", "Discount given to the trade."),
        optional("cost_of_goods", "decimal", "Cost of the units sold; unknown where null."),
        optional("is_promo_sale", "boolean", "Whether the line was sold under a promotion."),
        optional("promo_id", "identifier", "Promotion it was sold under.", length(1, 100)),
        optional(
            "changed_at",
            "timestamp",
            "When SAP last changed the line, UTC unless it says otherwise. Later than the day after the raw date it is no "
            "version: a line without one ranks below every line that has one.",
            not_days_after("source_date", CLOCK_DAYS),
        ),
        later(
            "is_deleted",
            "boolean",
            "Whether this version takes the line back: it stays in the lake, the DW and the marts lose it. A later version "
            "may bring the line back.",
        ),
    ),
    derived=(
        Derived("revenue_per_unit", "number", "cast(net_revenue AS double) / quantity"),
        Derived("gross_margin", "decimal", "cast(net_revenue - cost_of_goods AS decimal(18,4))"),
        Derived("iso_year", "integer", "date_part('YEAROFWEEK', order_date)", in_warehouse=False),
        Derived("iso_week", "integer", "weekofyear(order_date)", in_warehouse=False),
        Derived("year", "integer", "year(order_date)", in_warehouse=False),
        Derived("month", "integer", "month(order_date)", in_warehouse=False),
        Derived("quarter", "integer", "quarter(order_date)", in_warehouse=False),
        date_key("order_date"),
        Derived("is_modern_trade", "boolean", "channel = 'modern_trade'"),
    ),
)
